"""What is due, and when: evidence, approvals, waivers, profiles, records, keys. Pure.

A date is the last day on which a thing still holds; it is overdue from the day after.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from aims_gates.attestation.statements.policy import Trust
from aims_gates.attestation.trust_list import TrustHistory, day
from aims_gates.decision.evidence import age_days
from aims_gates.documents.shell import invocation, quoted
from aims_gates.portfolio.fleet import ModelView

__all__ = ["Deadline", "due_fields", "due_keys", "due_of", "sort_due"]

Kind = Literal["evidence", "fact", "approval", "waiver", "profile", "review", "key"]
#: Fields of records that name the last day of something.
_FIELDS: Mapping[str, str] = {
    "next_review": "its review",
    "review_by": "its review",
    "end_of_support": "the end of its support",
    "retention_until": "the end of its retention",
    "consent_until": "the end of its legal basis",
    "due": "the date by which it is to be done",
    "planned_on": "the date for which it is planned",
}
#: What is done has no date due any more.
_DONE = ("closed_on", "done_on")


@dataclass(frozen=True)
class Deadline:
    """One thing that ends.

    Attributes:
        due: Its last day, an ISO date.
        kind: What ends.
        about: The model and version, record file, or person it belongs to.
        said: What it is, in words.
        next: What to do.
    """

    due: str
    kind: Kind
    about: str
    said: str
    next: str

    def days(self, today: date) -> int:
        """Days left; below zero when overdue."""
        return (date.fromisoformat(self.due) - today).days


def sort_due(deadlines: Iterable[Deadline]) -> list[Deadline]:
    """By date, so that what is overdue comes first."""
    return sorted(deadlines, key=lambda deadline: (deadline.due, deadline.kind, deadline.about, deadline.said))


def _last(start: datetime, days: float) -> str:
    return (start + timedelta(days=days)).astimezone(UTC).date().isoformat()


def due_of(model: ModelView) -> Iterator[Deadline]:
    """What the version of a model that was looked at rests on."""
    plan, subject = model.plan, model.subject
    if plan is None or subject is None or model.version is None:
        return
    about = f"{model.name} {model.version}"
    yield from _evidence(model, about)
    yield from _people(model, about)
    if plan.profile_expires is not None and day(plan.profile_expires) is not None:
        bind = f"aims-gates bind {quoted(model.name)} --system {quoted(plan.system)} --key POLICY.key"
        todo = f"have the profile reviewed, then: {bind}"
        yield Deadline(plan.profile_expires, "profile", about, f"the profile {plan.profile}", todo)


def _evidence(model: ModelView, about: str) -> Iterator[Deadline]:
    assert model.plan is not None and model.subject is not None
    todo = f"aims-gates check --model {quoted(model.name)} --version {quoted(model.version)}"
    for step in model.plan.steps:
        counted = model.ledger.count(model.plan, step, model.subject, model.now) if step.applies else None
        if counted is None or counted.row is None or counted.evidence is None or counted.standing == "missing":
            continue
        age = age_days(counted.row, counted.evidence.produced_at, model.now)
        if age is not None:
            last = _last(model.now - timedelta(days=age), step.expires_days)
            yield Deadline(last, "evidence", about, f"evidence of {step.gate}", todo)
            for finding in counted.evidence.findings:
                if finding.limit is not None and finding.until is not None and finding.until < last:
                    renew = f"renew {(finding.over or {}).get('record', 'the record')}, then: {todo}"
                    yield Deadline(finding.until, "fact", about, f"{step.gate}: {finding.measure}", renew)


def _people(model: ModelView, about: str) -> Iterator[Deadline]:
    """Approvals of the request that carries the version or waits, and waivers."""
    assert model.plan is not None and model.subject is not None and model.version is not None
    renew = invocation("request open", model.name, model.version, options="--key YOUR.key")
    request = model.ledger.request(model.version)
    for row in model.ledger.approvals(request, 10**6, model.now) if request else ():
        who = ", ".join(model.ledger.persons(row, row.predicate.role))
        message = f"approval by {who} as {row.predicate.role}"
        yield Deadline(_last(row.at, model.plan.approval_days), "approval", about, message, renew)
    for waivers in model.ledger.waivers(model.plan, model.subject, model.now):
        for control, row in waivers.items():
            waive = f"aims-gates waive {quoted(model.name, model.version, '--control', control)} ..."
            todo = f"meet {control}, or: {waive}"
            yield Deadline(row.predicate.expires, "waiver", about, f"waiver of {control}", todo)


def due_keys(trust: TrustHistory) -> Iterator[Deadline]:
    """Keys on the trust list in force that end and were not revoked."""
    current: Trust | None = trust.current()
    for entry in current.keys if current else ():
        if entry.not_after is not None and day(entry.not_after) is not None and entry.key not in trust.revoked:
            message = f"key {entry.key[:8]}... ({', '.join(entry.roles)})"
            todo = "aims-gates keys new, then: aims-gates keys trust NEW.pub ... --key POLICY.key"
            yield Deadline(entry.not_after, "key", entry.person, message, todo)


def due_fields(value: Any, about: str, path: tuple[str, ...] = ()) -> Iterator[Deadline]:
    """The dates in a record on which something of it ends.

    Args:
        value: The record, or a part of it.
        about: Its file.
        path: Where in the record the part stands.
    """
    if isinstance(value, Mapping):
        for name, part in value.items():
            if name in _FIELDS and isinstance(part, str) and day(part) is not None:
                if name in ("due", "planned_on") and any(value.get(done) for done in _DONE):
                    continue
                named = next((str(value[key]) for key in ("name", "supplier", "tool", "id") if key in value), "")
                whose = f"{named}: " if named and path else ""
                field = ".".join((*path, str(name)))
                yield Deadline(part, "review", about, f"{whose}{_FIELDS[name]}", f"review it and set {field}")
            else:
                yield from due_fields(part, about, (*path, str(name)))
    elif isinstance(value, list | tuple):
        for place, part in enumerate(value):
            yield from due_fields(part, about, (*path, str(place)))
