"""Control coverage of one version: what is missing, who owns it, by when, and the next command. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates.governance.controls import catalogue, owners
from aims_gates.model import ControlState
from aims_gates.portfolio.due import Deadline
from aims_gates.portfolio.fleet import ModelView

__all__ = ["Covered", "coverage"]

Records = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Covered:
    """One required control of a version.

    Attributes:
        control, title, why, enforcement, state, reason: As the decision says.
        missing: Whether it would stop a promotion now.
        owner: The role, and who holds it where the records say so.
        by: The last ISO day on which it is still met, or ``before promotion``; empty where it is not due.
        next: The next command or act; empty where nothing is to be done.
    """

    control: str
    title: str
    why: str
    enforcement: str
    state: str
    reason: str
    missing: bool
    owner: str
    by: str
    next: str


def coverage(model: ModelView, due: Iterable[Deadline], records: Records) -> tuple[Covered, ...]:
    """Every required control of the version looked at; what is missing first.

    Args:
        model: The version.
        due: What it rests on, with dates.
        records: The records by name, for roles and their holders; empty where none are known.
    """
    ends = list(due)
    rows = [
        Covered(
            control=state.control,
            title=state.title,
            why=state.why,
            enforcement=state.enforcement,
            state=state.state,
            reason=state.reason,
            missing=state.blocks,
            owner=_owner(model, state, records),
            by=_by(model, state, ends),
            next=state.next[0] if state.next else "",
        )
        for state in model.decision.controls
    ]
    return tuple(sorted(rows, key=lambda row: not row.missing))


def role_of(control: str) -> str:
    """The role that usually answers for a control."""
    for name in (control, control.rpartition(".")[0], ".".join(control.split(".")[:2])):
        if name in owners():
            return owners()[name]
    return owners()[catalogue()[control].level if control in catalogue() else "model"]


def _owner(model: ModelView, state: ControlState, records: Records) -> str:
    if state.state == "awaiting-approval":
        roles = [lack["role"] for lack in model.decision.approvals["missing"]]
        return f"approvers: {', '.join(roles)}"
    role = role_of(state.control)
    holders = _assigned(role, records) or _holders(role, records)
    return f"{role} ({', '.join(holders)})" if holders else role


def _assigned(role: str, records: Records) -> list[str]:
    """Who has this role for this very system."""
    assignments = (records.get("assignments") or {}).get("assignments")
    person = assignments.get(role) if isinstance(assignments, Mapping) else None
    return [person] if isinstance(person, str) and person else []


def _holders(role: str, records: Records) -> list[str]:
    roles = (records.get("organization/roles") or {}).get("roles")
    for item in roles if isinstance(roles, list | tuple) else ():
        if isinstance(item, Mapping) and item.get("role") == role and isinstance(item.get("holders"), list | tuple):
            return [str(holder) for holder in item["holders"]]
    return []


def _by(model: ModelView, state: ControlState, ends: list[Deadline]) -> str:
    """The day on which what a control rests on ends, past or to come."""
    if state.state in ("met", "waived") or (state.state == "stale" and model.grant is not None):
        return min((deadline.due for deadline in ends if _rests_on(state, deadline)), default="")
    return "before promotion" if state.blocks else ""


def _rests_on(state: ControlState, deadline: Deadline) -> bool:
    """Whether a control rests on what ends then: its waiver, or a piece of its evidence, or a fact with a date."""
    if state.state == "waived":
        return deadline.kind == "waiver" and deadline.said == f"waiver of {state.control}"
    if deadline.kind == "evidence":
        return deadline.said in {f"evidence of {item['gate']}" for item in state.evidence}
    facts = {f"{gate}: {finding.measure}" for gate, finding in state.findings}
    return deadline.kind == "fact" and deadline.said in facts
