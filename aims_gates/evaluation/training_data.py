"""The data gates on a set before anything is trained on it: those of the plan, and what else needs no model.

Which gates these are, and in which role they find the set, gate.yaml says (``before_training``). Of records the set's
own data sheet is judged, and the rest where the plan blocks on a control that it bears on.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeGuard

from aims_gates.data import Dataset
from aims_gates.evaluation.run_gate import outcome_of
from aims_gates.evaluation.run_plan import GateInputs, Progress, run_plan
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.model import Evidence, Finding, Plan, Step, Subject
from aims_gates.packs.gate import Gate
from aims_gates.packs.manifest import BeforeTraining

__all__ = ["TrainingSet", "judge_training_set", "sheet_of", "unmet"]

_SHEETS = "datasheets"
_OF_SHEETS = f"system/{_SHEETS}"


@dataclass(frozen=True)
class TrainingSet:
    """A set on trial, and what it is judged with.

    Attributes:
        record, plan, gates: The system, its plan, and the gates there are.
        source: The set: a table or a place.
        data: The same, opened.
        accepted: The set accepted before; None where there is none.
        problem: Why the set accepted before cannot be compared with, though there is one.
        notes: What was left out, and why.
    """

    record: SystemRecord
    plan: Plan
    gates: Mapping[str, Gate]
    source: Any
    data: Dataset
    accepted: Dataset | None = None
    problem: Finding | None = None
    notes: list[str] = field(default_factory=list)


def sheet_of(record: SystemRecord, digest: str) -> Mapping[str, Any] | None:
    """The data sheet of a set, by its digest; None where the system's record has none."""
    sheets = record.records.get(_SHEETS, {}).get("datasets") or ()
    return next((sheet for sheet in sheets if isinstance(sheet, Mapping) and sheet.get("digest") == digest), None)


def judge_training_set(
    on_trial: TrainingSet, now: datetime, progress: Progress | None = None
) -> Iterator[tuple[Gate, Evidence]]:
    """Run the gates; of each what it found, where a finding that is not needed is information.

    Args:
        on_trial: The set.
        now: The time that is judged by.
        progress: Told the gate, its place and the number of gates, before each runs.
    """
    record = _narrowed(on_trial)
    subject = Subject("system", on_trial.data.digest, on_trial.record.system.name)
    blocking = {item.control for item in on_trial.plan.requirements if item.enforcement == "block"}
    for gate, before in _due(on_trial):
        if before.accepted is not None and on_trial.problem is not None:
            findings: tuple[Finding, ...] = (on_trial.problem,)
            at = now.isoformat(timespec="seconds")
            yield gate, Evidence(gate.id, gate.digest, {}, findings, outcome_of(findings), at)
            continue
        bench = GateInputs(record, subject, given=_handed_in(on_trial, before))
        plan = replace(on_trial.plan, steps=(_step(on_trial, gate, before),))
        for evidence in run_plan(plan, on_trial.gates, bench, now, progress):
            findings = tuple(_by_name(_needed(finding, blocking), record) for finding in evidence.findings)
            yield gate, replace(evidence, findings=findings, outcome=outcome_of(findings))


def unmet(evidence: Evidence, plan: Plan) -> Iterator[Finding]:
    """What keeps a set from being trained on, of what one gate found."""
    judged = [finding for finding in evidence.findings if finding.outcome is not None]
    shown = () if plan.inconclusive_blocks else ("inconclusive",)
    yield from (finding for finding in judged if finding.outcome not in ("pass", *shown))
    if not judged and not shown and any(step.gate == evidence.gate and step.controls for step in plan.steps):
        remedy = f"Set limits in the profile, or gates.{evidence.gate} in system.yaml."
        yield Finding(evidence.gate, outcome="inconclusive", note="nothing under a limit was judged", remedy=remedy)


def _due(on_trial: TrainingSet) -> Iterator[tuple[Gate, BeforeTraining]]:
    """The gates that have something to judge by, in the order of their names; of the others a note says so."""
    for name in sorted(on_trial.gates):
        gate, before = on_trial.gates[name], on_trial.gates[name].manifest.before_training
        if before is None:
            continue
        params = _step(on_trial, gate, before).params
        empty = [param for param in before.needs if params.get(param) is None]
        if empty:
            on_trial.notes.append(f"{name} was left out: system.yaml names no gates.{name}.{empty[0]}.")
        elif before.accepted is not None and (why := _not_compared(on_trial)):
            on_trial.notes.append(f"{name} was left out: {why}.")
        else:
            yield gate, before


def _not_compared(on_trial: TrainingSet) -> str:
    """Why there is nothing to compare the set with; empty where there is."""
    if on_trial.accepted is None and on_trial.problem is None:
        return "no other set was accepted before this one that may still be kept"
    meant = (sheet_of(on_trial.record, on_trial.data.digest) or {}).get("meant_change")
    return f"its data sheet says that the change is meant ({meant.strip().rstrip('.')})" if _is_text(meant) else ""


def _is_text(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and bool(value.strip())


def _handed_in(on_trial: TrainingSet, before: BeforeTraining) -> dict[str, Any]:
    sets: dict[str, Any] = {}
    if before.training is not None:
        same = before.training == on_trial.data.role
        sets[before.training] = on_trial.data if same else Dataset.open(on_trial.source, role=before.training)
    if before.accepted is not None:
        sets[before.accepted] = on_trial.accepted
    return sets


def _step(on_trial: TrainingSet, gate: Gate, before: BeforeTraining) -> Step:
    """The plan's step; of a gate that the plan does not name, one by its own defaults and what the system knows."""
    planned = next((step for step in on_trial.plan.steps if step.gate == gate.id), None)
    if planned is None:
        known = gate.manifest.parameters
        settings = on_trial.record.system.gates.get(gate.id, {})
        own = {name: value for name, value in settings.items() if name in known and known[name].owner == "system"}
        planned = Step(gate.id, gate.manifest.title, (gate.digest,), gate.params(own), (), gate.manifest.expires_days)
    return replace(planned, params={**planned.params, **before.params}, applies=True)


def _narrowed(on_trial: TrainingSet) -> SystemRecord:
    """The system with the data sheets of this set and of the evaluation set alone: another's do not stop it."""
    record = on_trial.record
    if _SHEETS not in record.records:
        return record
    fixed = record.requirements.evaluation.digest if record.requirements else ""
    sheets = [sheet_of(record, digest) for digest in dict.fromkeys((on_trial.data.digest, fixed))]
    narrowed = {**record.records[_SHEETS], "datasets": [sheet for sheet in sheets if sheet is not None]}
    return replace(record, records={**record.records, _SHEETS: narrowed})


def _needed(finding: Finding, blocking: set[str]) -> Finding:
    """A finding, as information where it is about another record and no control hangs on it that the plan blocks on."""
    about = (finding.over or {}).get("record", _OF_SHEETS)
    if about == _OF_SHEETS or blocking & set(finding.controls):
        return finding
    return replace(finding, outcome=None, limit=None)


def _by_name(finding: Finding, record: SystemRecord) -> Finding:
    """A finding that calls a data sheet by its name rather than by its place among the few that were looked at."""
    note = finding.note
    for place, sheet in enumerate(record.records.get(_SHEETS, {}).get("datasets", ())):
        note = note and note.replace(f"datasets[{place}]", f"the data sheet {sheet.get('name')!r}")
    return replace(finding, note=note)
