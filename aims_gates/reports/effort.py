"""What is to be done, in minutes of people: the one convention behind every number of minutes that is printed.

An estimate to plan with; replace the minutes by what you measure. Records cost::

    TYPED x values that somebody has to find out + CONFIRMED x values that are proposed

counted in the records as they are begun. A value that several of them need counts once. Nothing is taken for known:
where a system's file answers some of the questions, it takes less.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import Any

from aims_gates.documents.strict_yaml import read_yaml
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.record_schemas.card import CARD, card_shape
from aims_gates.governance.records.approvers import approver_of
from aims_gates.governance.records.leaves import leaves
from aims_gates.governance.records.skeleton import KINDS, owner_role, parsed, skeleton
from aims_gates.model import Decision, Finding, Plan
from aims_gates.reports.view import blocking

__all__ = ["CONFIRMED", "EFFORT", "TYPED", "Effort", "effort_json", "effort_text", "open_effort", "record_effort"]

#: Minutes for a value that somebody has to find out and type, and for one that is proposed and only confirmed.
TYPED, CONFIRMED = 3, 1
#: Minutes of other work, and the roles that do it.
EFFORT: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "adopt": (2, ("policy owner",)),
    "take in": (2, ("developer",)),
    "restore": (30, ("developer",)),
    "classify": (45, ("system owner", "compliance")),
    "system": (30, ("developer", "system owner")),
    "bind": (5, ("policy owner",)),
    "check": (30, ("developer",)),
    "approve": (20, ()),
}
_CLASSIFICATION = "system/classification"
#: Any day: only how many values wait is looked at.
_DAY = date(2000, 1, 1)


@dataclass(frozen=True)
class Effort:
    """An estimate of work.

    Attributes:
        minutes: Of all people together.
        people: The roles that do it, in order of the alphabet.
        typed, confirmed: How many values of records are to be typed, and how many are proposed.
    """

    minutes: int = 0
    people: tuple[str, ...] = ()
    typed: int = 0
    confirmed: int = 0


def record_effort(records: Iterable[str]) -> Effort:
    """What it takes to write and approve records, each value that several of them need once.

    Args:
        records: Their names: ``organization/roles``, ``system/oversight``, or ``oversight`` for the system's own.
            One that people do not write field by field costs nothing, but for the classification.
    """
    names = {name if "/" in name else f"system/{name}" for name in records}
    values: dict[str, bool] = {}
    people: set[str] = set()
    minutes = 0
    if _CLASSIFICATION in names:
        minutes, roles = EFFORT["classify"]
        people.update(roles)
    for name in sorted(names & {*KINDS, CARD}):
        for key, proposed in _values(name):
            values[key] = proposed or values.get(key, False)
        people |= {_role(owner_role(name)), _role(approver_of(name))}
    confirmed = sum(values.values())
    typed = len(values) - confirmed
    return Effort(minutes + TYPED * typed + CONFIRMED * confirmed, tuple(sorted(people)), typed, confirmed)


def open_effort(decision: Decision, plan: Plan, reads: Mapping[str, Iterable[str]]) -> Effort:
    """What it takes people to close what a decision leaves open.

    A record that is not there costs all of its values, a fact that a record does not state one value; then the model is
    checked once, and each approval that is missing is given. Records of a gate without evidence count as not there.
    What must be done before a fact can be stated, and what has to change in the model or its data, is no part of it.

    Args:
        decision: The decision.
        plan: Its plan.
        reads: Gate on records -> the records that it requires.
    """
    work = _open_work(decision, plan)
    records = {record for gate in work.unjudged for record in reads.get(gate, ())} | work.missing
    facts = [record for record in work.facts if record not in records]
    whole = record_effort(records)
    roles = [str(item["role"]) for item in decision.approvals.get("missing", ()) for _ in range(int(item["count"]))]
    check, checkers = EFFORT["check"] if work.checks else (0, ())
    return Effort(
        whole.minutes + TYPED * len(facts) + check + EFFORT["approve"][0] * len(roles),
        tuple(sorted({*whole.people, *checkers, *map(_role, roles), *(_role(owner_role(record)) for record in facts)})),
        whole.typed + len(facts),
        whole.confirmed,
    )


@dataclass(frozen=True)
class _OpenWork:
    """Gates without evidence, records that are not there, the record of each fact that fails; is a check needed?"""

    unjudged: frozenset[str]
    missing: frozenset[str]
    facts: tuple[str, ...]
    checks: bool


def _open_work(decision: Decision, plan: Plan) -> _OpenWork:
    pairs = [pair for control in blocking(decision) for pair in control.findings]
    unjudged = _due(decision, plan) - {gate for gate, _ in pairs}
    failed = {
        (gate, finding.measure, _record(finding)): finding.missing
        for gate, finding in pairs
        if finding.outcome not in (None, "pass")
    }
    of_records = [(record, missing) for (_, _, record), missing in failed.items() if record]
    gone = frozenset(record for record, missing in of_records if missing)
    facts = tuple(record for record, missing in of_records if not missing)
    return _OpenWork(unjudged, gone, facts, bool(unjudged or failed))


def _due(decision: Decision, plan: Plan) -> frozenset[str]:
    """The gates that apply, of the controls that stop the promotion."""
    unmet = {control.control for control in blocking(decision)}
    gates = {gate for need in plan.requirements if need.control in unmet for gate in need.gates}
    return frozenset(step.gate for step in plan.steps if step.applies and step.gate in gates)


def _record(finding: Finding) -> str:
    """The record that a finding is about; empty where it is about none."""
    return str((finding.over or {}).get("record", ""))


def _role(name: str) -> str:
    return name.replace("_", " ").replace("-", " ")


@cache
def _values(record: str) -> tuple[tuple[str, bool], ...]:
    """The values that a new record waits for: the key that each is asked under, and whether it is proposed."""
    shape = card_shape() if record == CARD else None
    front, _, body = skeleton(record, {}, _DAY, fields=shape).removeprefix("---\n").partition("\n---\n")
    fields = {**read_yaml(front.encode(), record).value, **({"text": body} if body else {})}
    blanks = [(place, *parsed(text)) for place, text in leaves(fields, ()) if placeholder(text)]
    return tuple((key or f"{record}:{place}", bool(proposal)) for place, key, proposal in blanks)


def effort_text(effort: Effort) -> str:
    """``95 minutes of people in 3 roles (developer, risk, system owner)``."""
    roles = f"{len(effort.people)} role{'' if len(effort.people) == 1 else 's'}"
    return f"{effort.minutes} minutes of people in {roles} ({', '.join(effort.people)})"


def effort_json(effort: Effort) -> dict[str, Any]:
    """Its JSON form; ``estimate`` says that it is one."""
    return {
        "estimate": True,
        "minutes": effort.minutes,
        "people": list(effort.people),
        "values": {"typed": effort.typed, "confirmed": effort.confirmed},
    }
