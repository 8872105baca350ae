"""A changed plan tried on what the ledger holds: which standing grants it would refuse. Pure.

The rows are told again as if the plan had been another: the binding carries the new plan, evidence whose limits alone
differ is judged again from its stored numbers, and requests and approvals follow. Then the decision is asked as always.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from aims_gates.attestation.statements.people import Frozen, Request
from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.evidence import Counted
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import Ask, decide, frozen
from aims_gates.documents.canonical import digest
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.model import ControlState, Evidence, Finding, Limit, Plan, Step, Subject, worst
from aims_gates.packs.gate import Gate
from aims_gates.packs.limits import limit_of
from aims_gates.profiles import Resolved

__all__ = ["Outlook", "foreseen", "outlook", "retold"]


@dataclass(frozen=True)
class Outlook:
    """What a change would do to one version in production.

    Attributes:
        name, version, system: Which.
        refused: Whether the new plan would refuse it now.
        already: Whether the plan in force would refuse it now too (renewal is due).
        controls: Control -> state and reason, for what the new plan would refuse and the one in force does not.
        problems: Refusals that belong to no control.
        unknown: Why nothing can be said; empty where something is.
    """

    name: str
    version: str
    system: str
    refused: bool
    already: bool
    controls: Mapping[str, str]
    problems: tuple[str, ...] = ()
    unknown: str = ""


def outlook(ask: Ask, rows: Iterable[Row], plan: Plan) -> Outlook:
    """The answer to a question under another plan, beside the one in force.

    Args:
        ask: The question, about the granted bytes.
        rows: Every row that bears on it.
        plan: The plan to try.
    """
    known = list(rows)
    now, then = decide(ask, known), decide(ask, retold(known, plan, ask))
    before = {state.control for state in now.controls if state.blocks}
    new = {state.control: _said(state) for state in then.controls if state.blocks and state.control not in before}
    problems = tuple(problem for problem in then.problems if problem not in now.problems)
    return Outlook(ask.name, ask.version, plan.system, not then.criteria_met, not now.criteria_met, new, problems)


def foreseen(
    rows: Iterable[Row],
    grant: Row,
    record: SystemRecord | None,
    resolved: Resolved,
    gates: Mapping[str, Gate],
    now: datetime,
) -> Outlook:
    """What a profile would do to the version that a grant stands for.

    Purpose and evaluation set stay those of the binding in force: only the profile changes.

    Args:
        rows: Every row that bears on the granted bytes.
        grant: The grant that stands.
        record: The system, as the packs hold it; None where they do not.
        resolved: The profile to try.
        gates: The gates there are.
        now: The time of the question.
    """
    predicate, known = grant.predicate, list(rows)
    binding = StatementView(known, predicate.workspace, predicate.name).binding()
    if binding is None or record is None:
        why = "it is bound to no system" if binding is None else "its system is not in these packs"
        system = binding.predicate.plan.system if binding is not None else ""
        return Outlook(predicate.name, predicate.version, system, False, False, {}, (), f"unknown: {why}")
    bound: Plan = binding.predicate.plan
    try:
        plan = make_plan(record, resolved, gates)
    except AimsGatesError as error:
        return Outlook(predicate.name, predicate.version, bound.system, True, False, {}, (error.message,))
    plan = replace(plan, evaluation_digest=bound.evaluation_digest, purpose_digest=bound.purpose_digest)
    return outlook(
        Ask(predicate.workspace, predicate.name, predicate.version, predicate.digest, predicate.alias, now), known, plan
    )


def _said(state: ControlState) -> str:
    return f"{state.state}: {state.reason}"


def retold(rows: Iterable[Row], plan: Plan, ask: Ask) -> list[Row]:
    """The rows as if this model's binding had carried this plan; signers and times stay as they were."""
    return _Teller(list(rows), plan, ask).told()


class _Teller:
    def __init__(self, rows: list[Row], plan: Plan, ask: Ask) -> None:
        self.rows, self.plan, self.ask = sorted(rows, key=lambda row: row.position), plan, ask
        self.steps = {step.gate: step for step in plan.steps}
        plans = [row.predicate.plan for row in rows if row.type == type_of(Binding) and self._ours(row.predicate)]
        self.before = {step.gate: step for step in plans[-1].steps} if plans else {}
        self.renamed: dict[str, Row] = {}

    def _ours(self, predicate: Any) -> bool:
        return (predicate.workspace, predicate.name) == (self.ask.workspace, self.ask.name)

    def told(self) -> list[Row]:
        return [self._row(row) for row in self.rows]

    def _row(self, row: Row) -> Row:
        predicate = self._said(row.predicate)
        if predicate is row.predicate:
            return row
        result = Row(row.position, row.at, say(predicate, Subject("model", row.statement.subject)), row.signers)
        self.renamed[row.digest] = result
        return result

    def _said(self, binding: Any) -> Any:
        match binding:
            case Binding() if self._ours(binding):
                return replace(binding, plan=self.plan)
            case Evidence() if binding.gate in self.steps and binding.gate in self.before:
                return _judged(binding, self.before[binding.gate], self.steps[binding.gate])
            case Request() if self._ours(binding):
                return replace(binding, plan=digest(self.plan), evidence=tuple(map(self._frozen, binding.evidence)))
        for part in ("request", "statement"):
            named = getattr(binding, part, None)
            if isinstance(named, str) and named in self.renamed:
                return replace(binding, **{part: self.renamed[named].digest})
        return binding

    def _frozen(self, evidence: Frozen) -> Frozen:
        row = self.renamed.get(evidence.statement)
        if row is None:
            return evidence
        return frozen([Counted(self.steps[evidence.gate], "counts", "", row, row.predicate)])[0]


def _judged(evidence: Evidence, old: Step, new: Step) -> Evidence:
    """Evidence judged again where nothing but its limits differs; else as it is, and so no longer counting."""
    rest, params = ({**step.params, "limits": None} for step in (old, new))
    same = digest(evidence.params) == digest(old.params)
    if not same or digest(rest) != digest(params) or digest(old.params) == digest(new.params):
        return evidence
    try:
        before, after = (_limits(step) for step in (old, new))
    except InputError:
        return evidence
    findings = [_finding(finding, before, after) for finding in evidence.findings]
    measured = {finding.measure for finding in findings} | {"p_value"}
    findings += [
        Finding(measure, limit=limit, outcome="inconclusive", note="what is stored does not hold this measure")
        for measure, limit in after.items()
        if measure not in measured
    ]
    outcome = worst([finding.outcome for finding in findings if finding.outcome is not None])
    return replace(evidence, params=new.params, findings=tuple(findings), outcome=outcome)


def _limits(step: Step) -> dict[str, Limit]:
    limits = step.params.get("limits")
    read = {name: limit_of(name, limit) for name, limit in (limits if isinstance(limits, Mapping) else {}).items()}
    return {name: limit for name, limit in read.items() if limit is not None}


def _finding(finding: Finding, before: Mapping[str, Limit], after: Mapping[str, Limit]) -> Finding:
    """A finding under the new limit of its measure, or of p-values where it was judged by its own."""
    by_test = finding.p_value is not None and finding.limit is not None and finding.limit == before.get("p_value")
    name = "p_value" if by_test else finding.measure
    if finding.limit != before.get(name):
        return finding
    limit = after.get(name)
    if limit == finding.limit:
        return finding
    if limit is None:
        return replace(finding, limit=None, outcome=None)
    outcome = limit.verdict(finding.p_value) if by_test else limit.verdict(finding.value, finding.low, finding.high)
    if by_test and outcome == "pass":
        # A p-value never shows that there is no difference.
        outcome = "inconclusive"
    return replace(finding, limit=limit, outcome=outcome)
