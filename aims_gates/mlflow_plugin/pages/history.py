"""What was said of a model, in order, in plain words: its page's history."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aims_gates.attestation.statements import people, policy, registry
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.in_force import StatementView
from aims_gates.model import Evidence

__all__ = ["Event", "by", "events", "own_rows"]

#: Type of a statement -> what happened, in words, from its predicate.
_WORDS: Mapping[str, Callable[[Any], str]] = {
    type_of(kind): words
    for kind, words in {
        registry.Creation: lambda p: f"{p.kind} registered",
        registry.Registration: lambda p: f"version {p.version} registered",
        registry.Intake: lambda p: f"version {p.version} taken in",
        registry.Grant: lambda p: f"version {p.version} granted as {p.alias} ({p.transition})",
        registry.Transition: lambda p: " ".join(filter(None, (p.act, p.alias, _version(p)))),
        policy.Binding: lambda p: f"bound to system {p.plan.system}, profile {p.plan.profile}",
        policy.Freed: lambda p: f"let go: {p.reason}",
        policy.Adoption: lambda p: f"version {p.version} adopted as {p.alias} until {p.expires}",
        people.Request: lambda p: f"version {p.version} requested for production{_reason(p.reason)}",
        people.Withdrawal: lambda p: f"request taken back{_reason(p.reason)}",
        people.Approval: lambda p: f"request approved as {p.role}{_reason(p.comment)}",
        people.Rejection: lambda p: f"request rejected as {p.role}{_reason(p.reason)}",
        people.Waiver: lambda p: f"{p.control} waived until {p.expires}{_reason(p.reason)}",
        people.Revocation: lambda p: f"statement {p.statement[7:19]} revoked{_reason(p.reason)}",
        people.Halt: lambda p: f"halted{_reason(p.reason)}",
        people.Resume: lambda p: f"halt lifted{_reason(p.reason)}",
        people.RollbackOrder: lambda p: f"rollback to version {p.version} ordered{_reason(p.reason)}",
        people.BreakGlass: lambda p: f"break-glass order for version {p.version}{_reason(p.reason)}",
        Evidence: lambda p: f"evidence of {p.gate}: {p.outcome}",
    }.items()
}


@dataclass(frozen=True)
class Event:
    """One thing that happened.

    Attributes:
        position: Its row in the ledger.
        at: When.
        by: Whose word it is.
        said: What happened.
    """

    position: int
    at: datetime
    by: str
    said: str


def _reason(text: str) -> str:
    return f": {text}" if text else ""


def _version(transition: registry.Transition) -> str:
    return f"version {transition.version}" if transition.version else ""


def by(ledger: StatementView, row: Row) -> str:
    """Whose word a row is: the people and services whom the trust list knew, else the registry's actor."""
    entries = ledger.trust.admitted(row)
    people_named = sorted({f"{entry.person} (service)" if entry.service else entry.person for entry in entries})
    return ", ".join(people_named) or str(getattr(row.predicate, "actor", "") or "nobody who is trusted")


@dataclass(frozen=True)
class _Own:
    """What belongs to a name: its requests, the bytes and the systems that statements which name it are about."""

    ledger: StatementView
    requests: frozenset[str]
    subjects: frozenset[str]
    systems: frozenset[str]

    @classmethod
    def of(cls, ledger: StatementView, naming: Iterable[Row]) -> "_Own":
        rows = [row for row in naming if ledger.concerns(row.predicate)]
        return cls(
            ledger,
            frozenset(row.digest for row in rows if row.type == type_of(people.Request)),
            frozenset(row.predicate.digest for row in rows if hasattr(row.predicate, "digest")),
            frozenset(row.predicate.plan.system for row in rows if row.type == type_of(policy.Binding)),
        )

    def holds(self, row: Row) -> bool:
        """Whether a row is about the name."""
        predicate = row.predicate
        if hasattr(predicate, "workspace"):
            return self.ledger.concerns(predicate)
        if isinstance(predicate, people.Waiver):
            return predicate.digest in self.subjects and predicate.system in self.systems
        if isinstance(predicate, Evidence):
            return self._measures(row, predicate.facts)
        return getattr(predicate, "request", None) in self.requests

    def _measures(self, row: Row, facts: Mapping[str, Any]) -> bool:
        """Whether evidence is about it: by the name that it gives, or by the bytes where it gives none."""
        here, name = self.ledger.workspace, self.ledger.name
        by_name = "name" in facts or row.statement.subject in self.subjects
        return by_name and (facts.get("workspace", here), facts.get("name", name)) == (here, name)


def own_rows(ledger: StatementView, rows: Iterable[Row]) -> list[Row]:
    """Those of the rows that are about the ledger's own name; what was said of the same bytes elsewhere is left out."""
    listed = list(rows)
    own = _Own.of(ledger, [row for row in listed if hasattr(row.predicate, "workspace")])
    first = [row for row in listed if own.holds(row)]
    digests = {row.digest for row in first}
    revoked = [row for row in listed if row.type == type_of(people.Revocation) and row.predicate.statement in digests]
    return sorted([*first, *revoked], key=lambda row: row.position)


def events(ledger: StatementView, rows: Iterable[Row]) -> list[Event]:
    """What happened, newest first.

    Args:
        ledger: Whose word counts.
        rows: The model's own, as :func:`own_rows` gives them.
    """
    known = [row for row in rows if row.type in _WORDS]
    return [Event(row.position, row.at, by(ledger, row), _WORDS[row.type](row.predicate)) for row in reversed(known)]
