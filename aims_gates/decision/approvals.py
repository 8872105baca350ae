"""Whose approval counts, and when approvals are void (rule 7). Pure."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from aims_gates.attestation.statements.people import Frozen, Request
from aims_gates.attestation.trust_list import Row, alike
from aims_gates.decision.evidence import Counted
from aims_gates.decision.question import PromotionContext, iso
from aims_gates.decision.rights import fails, outcome_of
from aims_gates.model import Approver, Evidence, Finding, Step

__all__ = ["approvals_of", "frozen", "outdated", "unfilled"]

_RANK = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 2}


def approvals_of(context: PromotionContext) -> dict[str, Any]:
    """The roles the plan asks for, the approvals given and refused, and the roles still open."""
    needed = [{"role": rule.role, "count": rule.count} for rule in context.plan.approvals]
    answer: dict[str, Any] = {"needed": needed, "given": [], "missing": needed, "refused": []}
    if context.request is None:
        return answer
    void = _void(context, context.request)
    for approval in _signed(context, context.request):
        if void or alike(approval["person"]) in context.hands:
            reason = void or "had a hand in this version or its request"
            answer["refused"].append(approval | {"reason": reason})
        else:
            answer["given"].append(approval)
    answer["missing"] = unfilled(context.plan.approvals, answer["given"])
    return answer


def _signed(context: PromotionContext, request: Row) -> list[dict[str, Any]]:
    ledger = context.ledger
    return [
        {"person": person, "role": row.predicate.role, "at": iso(row.at), "statement": row.digest}
        for row in ledger.approvals(request, context.plan.approval_days, context.now)
        for person in ledger.persons(row, row.predicate.role)
    ]


def outdated(context: PromotionContext, row: Row) -> bool:
    """Whether a request leads nowhere any more, so that a new one has to be opened."""
    request: Request = row.predicate
    differs = request.plan != context.plan_digest or request.digest != context.subject
    return differs or _void(context, row) is not None or context.ledger.rejection(row) is not None


def _void(context: PromotionContext, request: Row) -> str | None:
    """Why approvals of this request no longer count, if so (rules 7 and 13)."""
    before = {item.gate: item for item in request.predicate.evidence}
    differences = (
        _difference(context, request, before.get(gate), gate_evidence)
        for gate, gate_evidence in context.counted.items()
    )
    return next((difference for difference in differences if difference is not None), None)


def _difference(context: PromotionContext, request: Row, before: Frozen | None, gate_evidence: Counted) -> str | None:
    """In what a gate's evidence differs from what a request froze of it, for worse.

    The latest evidence is compared; where that does not count, or fails, whatever came since the request as well.
    """
    if gate_evidence.row is None or gate_evidence.evidence is None:
        return None
    every = context.ledger.all_evidence(gate_evidence.step, gate_evidence.row.statement.subject)
    sound = gate_evidence.standing == "counts" and not fails(gate_evidence.evidence)
    since = [] if sound else [other for other in every if other.row and other.row.position > request.position]
    worse = (_worse(before, other, every) for other in (gate_evidence, *since))
    return next((reason for reason in worse if reason is not None), None)


def _worse(before: Frozen | None, gate_evidence: Counted, every: list[Counted]) -> str | None:
    assert gate_evidence.evidence is not None
    gate = gate_evidence.step.gate
    if before is None or dict(before.inputs) != _inputs(gate_evidence.evidence):
        return f"the inputs of {gate} changed since the request was opened"
    if before not in frozen(every):
        return f"the request says of {gate} what the ledger does not"
    for control, outcome in _outcomes(gate_evidence.step, gate_evidence.evidence.findings).items():
        if not (_RANK[outcome] <= _RANK[before.outcomes.get(control, "pass")]):
            return f"{gate} got worse for {control} since the request was opened"
    return None


def frozen(counted: Iterable[Counted]) -> tuple[Frozen, ...]:
    """What a request freezes of the evidence that exists."""
    return tuple(
        Frozen(
            gate_evidence.step.gate,
            gate_evidence.row.digest,
            _inputs(gate_evidence.evidence),
            _outcomes(gate_evidence.step, gate_evidence.evidence.findings),
        )
        for gate_evidence in counted
        if gate_evidence.row is not None and gate_evidence.evidence is not None
    )


def _inputs(evidence: Evidence) -> dict[str, str]:
    """What evidence was made of: data by role, and the facts of a version in the records that it read."""
    facts = {f"record:{name}": read["facts"] for name, read in evidence.records_read.items() if "facts" in read}
    return {**evidence.data, **facts}


def _outcomes(step: Step, findings: Iterable[Finding]) -> dict[str, str]:
    """The worst outcome by control."""
    worst: dict[str, str] = {}
    for finding in findings:
        for control in finding.controls or step.controls:
            outcome = outcome_of(finding)
            if outcome is not None and _RANK[outcome] >= _RANK[worst.get(control, "pass")]:
                worst[control] = outcome
    return worst


def unfilled(needed: Sequence[Approver], approvals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The roles still open, when every person fills at most one (a maximum bipartite matching, Kuhn's algorithm)."""
    slots = [rule.role for rule in needed for _ in range(rule.count)]
    roles: dict[str, set[str]] = {}
    for approval in approvals:
        roles.setdefault(approval["person"], set()).add(approval["role"])
    filled: dict[str, int] = {}

    def place(slot: int, tried: set[str]) -> bool:
        for person in sorted(roles):
            if slots[slot] in roles[person] and person not in tried:
                tried.add(person)
                if person not in filled or place(filled[person], tried):
                    filled[person] = slot
                    return True
        return False

    open_slots = [slots[slot] for slot in range(len(slots)) if not place(slot, set())]
    return [{"role": role, "count": open_slots.count(role)} for role in dict.fromkeys(open_slots)]
