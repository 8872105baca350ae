"""Who had a hand in a version: those who made, registered or requested it (rules 7 and 18). Pure.

People are compared as :func:`aims_gates.attestation.trust_list.alike` compares them.
"""

from collections.abc import Container, Iterable, Iterator
from typing import Any

from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.people import Request
from aims_gates.attestation.statements.registry import Grant, Intake, Registration
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.in_force import StatementView
from aims_gates.model import Evidence

__all__ = ["hands_in_grants", "hands_in_version"]


def hands_in_version(ledger: StatementView, version: str, subject: str | None, makers: Iterable[str] = ()) -> set[str]:
    """Those who had a hand in a version.

    Args:
        ledger: The statements about its name.
        version: The version.
        subject: Digest of its bytes; None while nobody has hashed them.
        makers: Who made it, by the server's own record.
    """
    names = {*_authors(ledger, subject or ""), *makers, *_latest_requesters(ledger, version)}
    registration = ledger.registration(version)
    if registration is not None and isinstance(registration.predicate, Registration):
        names.add(registration.predicate.actor)
    return _people(ledger, {*names, *_intake(ledger, {version})})


def hands_in_grants(ledger: StatementView) -> set[str]:
    """Those who had a hand in any version that was granted under the ledger's name."""
    return _people(ledger, _names_in_grants(ledger))


def _people(ledger: StatementView, names: Iterable[str]) -> set[str]:
    return {person for name in names for person in ledger.trust.people_of(name)}


def _names_in_grants(ledger: StatementView) -> Iterator[str]:
    grants = [row.predicate for row in ledger.of(Grant, ledger.concerns)]
    versions, requests = {grant.version for grant in grants}, {grant.request for grant in grants}
    for row in ledger.of(Registration, lambda predicate: ledger.concerns(predicate) and predicate.version in versions):
        yield row.predicate.actor
    yield from _intake(ledger, versions)
    for row in ledger.of(Request):
        if row.digest in requests:
            yield from (entry.person for entry in ledger.trust.admitted(row))
            yield from _behalf(row)
    for digest in sorted({grant.digest for grant in grants}):
        yield from _authors(ledger, digest)


def _intake(ledger: StatementView, versions: Container[str]) -> Iterator[str]:
    """Everybody who ever took in one of these versions, whatever became of that, and who made its run."""
    for row in ledger.of(Intake, lambda predicate: ledger.concerns(predicate) and predicate.version in versions):
        yield from (entry.person for entry in ledger.trust.admitted(row))
        yield from filter(None, [row.predicate.creator])


def _latest_requesters(ledger: StatementView, version: str) -> set[str]:
    """Who asked for the latest request for this version, standing or not, and the human for whom a service did.

    A request that was withdrawn, or whose signer's key is untrusted since, was still theirs.
    """
    latest = ledger.latest_request(version)
    if latest is None:
        return set()
    same = [row for row in ledger.of(Request) if row.digest == latest.digest]
    people = {entry.person for row in same for entry in ledger.trust.admitted(row) if not entry.service}
    return people | set(_behalf(latest))


def _behalf(request: Row) -> Iterator[str]:
    """The human for whom a service asked, where one is named."""
    yield from filter(None, [request.predicate.on_behalf_of])


def _authors(ledger: StatementView, subject: str) -> set[str]:
    """The names that the facts of any evidence or prediction about these bytes give for those who made them."""
    return {
        name
        for row in (*ledger.of(Evidence), *ledger.of(Predictions))
        if row.statement.subject == subject
        for fact in ("run_creator", "commit_author")
        for name in _names(row.predicate.facts.get(fact))
    }


def _names(fact: Any) -> list[str]:
    """The names in a fact: one, or a list of them."""
    return [str(name) for name in (fact if isinstance(fact, list | tuple) else [fact]) if name]
