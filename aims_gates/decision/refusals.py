"""Refusals that belong to no control: of the version, the profile, the request or a halt. Pure."""

from collections.abc import Iterator
from datetime import UTC
from typing import NamedTuple

from aims_gates.attestation.statements.people import Halt
from aims_gates.attestation.statements.registry import NOBODY
from aims_gates.attestation.trust_list import Row, day
from aims_gates.decision.halts import describe_halt
from aims_gates.decision.question import Assessment

__all__ = ["Refusal", "hard_refusals", "soft_refusals"]


class Refusal(NamedTuple):
    """A reason to say no, with the exit code that it asks for."""

    code: int
    message: str


def hard_refusals(assessment: Assessment) -> Iterator[Refusal]:
    """Those that no mode lets through (rules 2, 8 and 9)."""
    yield from _of_version(assessment)
    yield from _of_bytes(assessment)
    yield from _of_profile(assessment)
    yield from _of_halts(assessment)


def soft_refusals(assessment: Assessment) -> Iterator[Refusal]:
    """Those that observe and warn let through."""
    if assessment.makers_unknown:
        yield Refusal(3, "the server has no record of who made this model: nobody can be shown to be independent")
    if assessment.request is None:
        yield Refusal(4, "no request is open for this version")
    else:
        yield from _of_request(assessment, assessment.request)


def _of_version(assessment: Assessment) -> Iterator[Refusal]:
    if assessment.ask.digest is None:
        yield Refusal(3, "the version's bytes are not staged and hashed yet")
    if assessment.registration is None:
        yield Refusal(3, "there is no record of who registered this version")
    elif assessment.registration.predicate.via == NOBODY:
        yield Refusal(3, "a service registered this version and named nobody for whom it did")


def _of_bytes(assessment: Assessment) -> Iterator[Refusal]:
    row = assessment.ledger.latest_request(assessment.ask.version)
    if row is not None and assessment.subject not in (None, row.predicate.digest):
        yield Refusal(5, "the bytes differ from those in the request")


def _of_profile(assessment: Assessment) -> Iterator[Refusal]:
    expires = assessment.plan.profile_expires
    if expires is None:
        return
    last = day(expires)
    if last is None or not (assessment.now.astimezone(UTC).date() <= last):
        yield Refusal(6, f"the profile {assessment.plan.profile!r} expired on {expires}")


def _of_halts(assessment: Assessment) -> Iterator[Refusal]:
    if assessment.halt is not None:
        sentence = describe_halt(assessment.ledger, assessment.halt, assessment.ask.workspace)
        yield Refusal(2, f"the same bytes were granted under another name, and {sentence}")
    halted = _halted(assessment) if assessment.request is None else None
    if halted is not None:
        yield Refusal(2, f"{halted}; promotion needs a request opened after the halt")


def _halted(assessment: Assessment) -> str | None:
    """Whether a halt reaches this version, for which no request is open (rule 15)."""
    ledger, registration = assessment.ledger, assessment.registration
    if registration is not None and ledger.halted_at() > registration.position:
        return "this model was halted"
    reached = [halt for halt in ledger.of(Halt) if ledger.reaches(halt, assessment.subject)]
    return f"these bytes were halted, as {reached[-1].predicate.name!r}" if reached else None


def _of_request(assessment: Assessment, request: Row) -> Iterator[Refusal]:
    if request.predicate.plan != assessment.plan_digest:
        yield Refusal(3, "the plan changed since the request was opened")
    rejection = assessment.ledger.rejection(request)
    if rejection is not None:
        person, reason = rejection
        yield Refusal(2, f"{person} rejected the request: {reason}")
