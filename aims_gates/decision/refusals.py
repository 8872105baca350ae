"""Refusals that belong to no control: of the version, the profile, the request or a halt. Pure."""

from collections.abc import Iterator
from datetime import UTC
from typing import NamedTuple

from aims_gates.attestation.statements.people import Halt
from aims_gates.attestation.statements.registry import NOBODY, Intake
from aims_gates.attestation.trust_list import Row, day
from aims_gates.decision.halts import describe_halt
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.question import UNREGISTERED, PromotionContext
from aims_gates.decision.trial import trial_refusals

__all__ = ["RefusalReason", "describe_intake", "hard_refusals", "intake_notes", "soft_refusals"]


def describe_intake(row: Row) -> str:
    """How a version that was registered past aims-gates is spoken of wherever it is looked at."""
    return f"taken in on {row.at.astimezone(UTC).date()}, not registered here"


def intake_notes(ledger: StatementView, version: str) -> list[str]:
    """Who took a version in and when, where nobody registered it here."""
    row = ledger.registration(version)
    if row is None or not isinstance(row.predicate, Intake):
        return []
    return [f"Version {version} was {describe_intake(row)}, by {', '.join(ledger.persons(row))}."]


class RefusalReason(NamedTuple):
    """A reason to say no, with the exit code that it asks for."""

    code: int
    message: str


def hard_refusals(context: PromotionContext) -> Iterator[RefusalReason]:
    """Those that no mode lets through (rules 2, 8, 9 and 20)."""
    yield from (RefusalReason(3, problem) for problem in trial_refusals(context))
    yield from _of_version(context)
    yield from _of_bytes(context)
    yield from _of_profile(context)
    yield from _of_halts(context)


def soft_refusals(context: PromotionContext) -> Iterator[RefusalReason]:
    """Those that observe and warn let through."""
    if context.makers_unknown:
        yield RefusalReason(3, "the server has no record of who made this model: nobody can be shown to be independent")
    if context.request is None:
        if not context.plan.trial:
            yield RefusalReason(4, "no request is open for this version")
    else:
        yield from _of_request(context, context.request)


def _of_version(context: PromotionContext) -> Iterator[RefusalReason]:
    if context.ask.digest is None:
        yield RefusalReason(3, "the version's bytes are not staged and hashed yet")
    if context.ask.version == UNREGISTERED:
        yield RefusalReason(3, "the model is not registered yet")
    elif context.registration is None:
        yield RefusalReason(3, "there is no record of who registered this version")
    elif isinstance(context.registration.predicate, Intake):
        if context.subject not in (None, context.registration.predicate.digest):
            yield RefusalReason(5, f"the bytes differ from those that were {describe_intake(context.registration)}")
    elif context.registration.predicate.via == NOBODY:
        yield RefusalReason(3, "a service registered this version and named nobody for whom it did")


def _of_bytes(context: PromotionContext) -> Iterator[RefusalReason]:
    row = context.ledger.latest_request(context.ask.version)
    if row is not None and context.subject not in (None, row.predicate.digest):
        yield RefusalReason(5, "the bytes differ from those in the request")


def _of_profile(context: PromotionContext) -> Iterator[RefusalReason]:
    expires = context.plan.profile_expires
    if expires is None:
        return
    last = day(expires)
    if last is None or not (context.now.astimezone(UTC).date() <= last):
        yield RefusalReason(6, f"the profile {context.plan.profile!r} expired on {expires}")


def _of_halts(context: PromotionContext) -> Iterator[RefusalReason]:
    if context.halt is not None:
        sentence = describe_halt(context.ledger, context.halt, context.ask.workspace)
        yield RefusalReason(2, f"the same bytes were granted under another name, and {sentence}")
    halted = _halted(context) if context.request is None else None
    if halted is not None:
        yield RefusalReason(2, f"{halted}; promotion needs a request opened after the halt")


def _halted(context: PromotionContext) -> str | None:
    """Whether a halt reaches this version, for which no request is open (rule 15)."""
    ledger, registration = context.ledger, context.registration
    # A version that was taken in may be as old as any.
    since = -1 if registration is None or isinstance(registration.predicate, Intake) else registration.position
    if registration is not None and ledger.halted_at() > since:
        return "this model was halted"
    reached = [halt for halt in ledger.of(Halt) if ledger.reaches(halt, context.subject)]
    return f"these bytes were halted, as {reached[-1].predicate.name!r}" if reached else None


def _of_request(context: PromotionContext, request: Row) -> Iterator[RefusalReason]:
    if request.predicate.plan != context.plan_digest:
        yield RefusalReason(3, "the plan changed since the request was opened")
    rejection = context.ledger.rejection(request)
    if rejection is not None:
        person, reason = rejection
        yield RefusalReason(2, f"{person} rejected the request: {reason}")
