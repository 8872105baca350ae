"""The state of one control: met, or why not (rules 3, 5 and 6). Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date
from typing import Any

from aims_gates.attestation.trust_list import day
from aims_gates.decision.actions import next_steps
from aims_gates.decision.basis import basis_of, records_of, unsigned_texts, weakest
from aims_gates.decision.evidence import Counted, age_days
from aims_gates.decision.grace import grace_of, in_grace
from aims_gates.decision.question import PromotionContext
from aims_gates.decision.rights import outcome_of
from aims_gates.decision.signing import next_signatures
from aims_gates.governance.controls import approval_controls, left_out
from aims_gates.model import (
    BASES,
    BASIS_WORDS,
    FAILS_ALONE,
    Basis,
    ControlState,
    Finding,
    Plan,
    Requirement,
    State,
    UnsignedText,
)

__all__ = ["state_of"]

_OPEN: frozenset[State] = frozenset({"met", "waived", "not-applicable"})
#: States that a control has where its evidence holds: the basis is asked of these.
_WEAKENED: frozenset[State] = frozenset({"met", "awaiting-approval"})
_WORST: tuple[State, ...] = (
    "failed",
    "missing",
    "stale",
    "inconclusive",
    "awaiting-approval",
    "met",
    "not-applicable",
)


def state_of(context: PromotionContext, requirement: Requirement, approvals: Mapping[str, Any]) -> ControlState:
    """The state of a control that the plan requires.

    Args:
        context: What the ledger holds.
        requirement: The control, the gates that evidence it and its enforcement.
        approvals: As :func:`aims_gates.decision.approvals.approvals_of` gives them.
    """
    steps = [step for step in context.plan.steps if step.gate in requirement.gates]
    due = [context.counted[step.gate] for step in steps if step.applies]
    judged = [*_judged(context, requirement, due), *_separation(context, requirement, approvals)]
    if not judged and steps:
        judged = [("not-applicable", "; ".join(step.reason for step in steps))]
    worst = min(judged, key=lambda result: _WORST.index(result[0]), default=("missing", "no gate evidences it"))
    known = list(_known(context, requirement, due))
    basis = _basis(known, judged)
    state, reason, texts = _weighed(context, requirement, due, basis, *worst)
    state, reason = _waived(
        context, requirement.control, state, f"{reason}{_without(requirement.control, state, known)}"
    )
    findings = [(gate, finding) for gate, finding, _ in known]
    grace, note = _grace(context, state, findings)
    return ControlState(
        control=requirement.control,
        title=requirement.title,
        why=requirement.why,
        enforcement=requirement.enforcement,
        state=state,
        reason=reason + note,
        findings=tuple(findings),
        evidence=tuple(_evidence_summary(context, item) for item in due if item.row is not None),
        next=_next(context, state, findings, texts, approvals, due),
        blocks=requirement.enforcement == "block" and state not in _OPEN and not _tolerated(context, state),
        basis=basis,
        least_basis=requirement.least_basis,
        bases=tuple(known_basis for _, _, known_basis in known),
        unsigned=texts,
        grace=grace,
    )


def _without(control: str, state: State, known: Iterable[tuple[str, Finding, Basis]]) -> str:
    """What a control that is met was met without."""
    judged = [f"{gate}.{finding.measure}" for gate, finding, _ in known if finding.outcome is not None]
    lacking = left_out(control, judged) if state == "met" else ()
    return f"; without {', '.join(lacking)}" if lacking else ""


def _next(
    context: PromotionContext,
    state: State,
    findings: Iterable[tuple[str, Finding]],
    texts: Sequence[UnsignedText],
    approvals: Mapping[str, Any],
    due: Sequence[Counted],
) -> tuple[str, ...]:
    """What to do about one control; where only signatures are wanting, no check would help."""
    if texts and state == "missing":
        return next_signatures(context.ask.name, texts)
    commands = list(dict.fromkeys(item.remedy for item in due if item.remedy))
    return next_steps(context, state, [finding for _, finding in findings], approvals, commands)


def _grace(context: PromotionContext, state: State, findings: Iterable[tuple[str, Finding]]) -> tuple[str, str]:
    """The first last day of grace (rule 22) of a control that is met, ISO, and a note; empty where no review is due."""
    if state != "met":
        return "", ""
    today = context.now.astimezone(UTC).date()
    ends = (grace_of(finding, today, context.plan.grace_days) for _, finding in findings)
    first = min((last.isoformat() for last in ends if last is not None), default="")
    return first, f"; renewal due: a review that it rests on has passed, grace until {first}" if first else ""


def _known(
    context: PromotionContext, requirement: Requirement, due: Sequence[Counted]
) -> Iterator[tuple[str, Finding, Basis]]:
    """The findings that bear on a control, with the gate that made each and how it is known (rule 21)."""
    for item in due:
        for finding in _bearing(requirement.control, item):
            assert item.evidence is not None and item.row is not None
            system, position = context.plan.system, item.row.position
            yield item.step.gate, finding, basis_of(finding, item.evidence, context.ledger, system, position)


def _basis(known: Sequence[tuple[str, Finding, Basis]], judged: Sequence[tuple[State, str]]) -> Basis:
    """The weakest of the findings under a limit; approvals alone are acts that the ledger holds."""
    needed = [basis for _, finding, basis in known if finding.outcome is not None]
    return "performed" if not needed and any(state == "met" for state, _ in judged) else weakest(needed)


def _too_weak(requirement: Requirement, basis: Basis, state: State) -> bool:
    """Rule 21: what is known more weakly than the profile takes is as good as not there."""
    least = requirement.least_basis
    return state in _WEAKENED and least != "" and BASES.index(basis) > BASES.index(least)


def _weighed(
    context: PromotionContext, requirement: Requirement, due: Sequence[Counted], basis: Basis, state: State, reason: str
) -> tuple[State, str, tuple[UnsignedText, ...]]:
    """The same, unless it is known too weakly: how, what the profile takes, and the texts that are to be signed."""
    if not _too_weak(requirement, basis, state):
        return state, reason, ()
    texts = _unsigned(context, requirement, due)
    reason = f"{BASIS_WORDS[basis]}; your profile requires at least: {BASIS_WORDS[requirement.least_basis or basis]}"
    changed = [f"{text.file} was changed after {', '.join(text.earlier)} approved it" for text in texts if text.earlier]
    changed += [f"{text.file} has entries that nobody signed, or lacks signed ones" for text in texts if text.entries]
    unsignable = [] if texts else ["it rests on what nobody can sign: check again, or have its gates read records"]
    return "missing", "; ".join([reason, *changed, *unsignable]), texts


def _unsigned(context: PromotionContext, requirement: Requirement, due: Sequence[Counted]) -> tuple[UnsignedText, ...]:
    """The texts that those findings rest on which are known too weakly, by file."""
    if requirement.least_basis != "attested":
        return ()
    texts = {
        text
        for item in due
        for finding in _bearing(requirement.control, item)
        if finding.outcome is not None and item.evidence is not None and item.row is not None
        for text in unsigned_texts(finding, item.evidence, context.ledger, context.plan.system, item.row.position)
    }
    return tuple(sorted(texts, key=lambda text: text.file))


def _judged(context: PromotionContext, requirement: Requirement, due: Sequence[Counted]) -> Iterator[tuple[State, str]]:
    """What each gate that applies says of a control, and each that the plan names and does not define (rule 12)."""
    today = context.now.astimezone(UTC).date()
    for gate_evidence in due:
        yield _judge(requirement.control, gate_evidence, today, context.plan)
    for gate in sorted(set(requirement.gates) - {step.gate for step in context.plan.steps}):
        yield "missing", f"the plan does not say how {gate} is to run"


def _separation(
    context: PromotionContext, requirement: Requirement, approvals: Mapping[str, Any]
) -> Iterator[tuple[State, str]]:
    """What approvals say of the control on which they bear."""
    if requirement.control != approval_controls().separation or not context.plan.approvals:
        return
    if approvals["missing"]:
        yield "awaiting-approval", "approvals are outstanding"
    else:
        yield "met", "approved"


def _waived(context: PromotionContext, control: str, state: State, reason: str) -> tuple[State, str]:
    """The same, unless a waiver covers it; where one has ended, the reason says so."""
    if state in _OPEN:
        return state, reason
    waiver, ended = context.waivers.get(control), context.ended.get(control)
    if waiver is not None and state != "awaiting-approval":
        return "waived", f"waived until {waiver.predicate.expires}: {waiver.predicate.reason}"
    return state, reason if ended is None else f"{reason}; its waiver ended on {ended.predicate.expires}"


def _tolerated(context: PromotionContext, state: State) -> bool:
    return state == "inconclusive" and not context.plan.inconclusive_blocks and context.plan.tier != "high"


def _evidence_summary(context: PromotionContext, gate_evidence: Counted) -> dict[str, Any]:
    assert gate_evidence.row is not None and gate_evidence.evidence is not None
    age = age_days(gate_evidence.row, gate_evidence.evidence.produced_at, context.now)
    records = records_of(gate_evidence.evidence, context.ledger, context.plan.system)
    signers = sorted({entry.person for entry in context.ledger.trust.holders(gate_evidence.row)})
    return {
        "gate": gate_evidence.step.gate,
        "statement": gate_evidence.row.digest,
        "position": gate_evidence.row.position,
        "standing": gate_evidence.standing,
        "age_days": None if age is None else round(age, 2),
        "expires_days": gate_evidence.step.expires_days,
        "signers": signers,
        **({"records": records} if records else {}),
    }


def _bearing(control: str, gate_evidence: Counted) -> list[Finding]:
    """A gate's findings that bear on a control."""
    findings = gate_evidence.evidence.findings if gate_evidence.evidence else ()
    return [finding for finding in findings if not finding.controls or control in finding.controls]


def _judge(control: str, gate_evidence: Counted, today: date, plan: Plan) -> tuple[State, str]:
    """One gate's word on a control (rules 3 and 5)."""
    gate = gate_evidence.step.gate
    if gate_evidence.standing != "counts":
        return gate_evidence.standing, f"{gate}: {gate_evidence.reason}"
    findings = [in_grace(finding, today, plan.grace_days) for finding in _bearing(control, gate_evidence)]
    failure = _failure(findings, today)
    if failure is not None:
        return "failed", f"{gate}: {failure}"
    absent = _absent(findings)
    if absent is not None:
        return "missing", f"{gate}: {absent}"
    for finding in findings:
        if _overtaken(finding, today):
            message = f"held until {finding.until}" if finding.until else "was overtaken by a change or an event"
            return "stale", f"{gate}: {finding.measure} {message}"
    alone = None if plan.inconclusive_blocks else _failing_alone(findings)
    if alone is not None:
        return "failed", f"{gate}: {alone} {FAILS_ALONE}"
    state, message = _summary([outcome for finding in findings if (outcome := outcome_of(finding)) is not None])
    return state, f"{gate}: {message}"


def _failure(findings: Sequence[Finding], today: date) -> str | None:
    """What failed or could not be judged, and was not overtaken; None where nothing did."""
    for finding in findings:
        outcome = outcome_of(finding)
        if not finding.missing and (outcome == "error" or (outcome == "fail" and not _overtaken(finding, today))):
            return f"{finding.measure} {'failed' if outcome == 'fail' else 'could not be judged'}"
    return None


def _failing_alone(findings: Sequence[Finding]) -> str | None:
    """What is inconclusive only since others are judged beside it; None where nothing is."""
    for finding in findings:
        if outcome_of(finding) == "inconclusive" and FAILS_ALONE in (finding.note or ""):
            return finding.measure
    return None


def _absent(findings: Sequence[Finding]) -> str | None:
    """What is not there, of what these findings need; None where all is."""
    absent = [finding for finding in findings if finding.missing and outcome_of(finding) in ("fail", "error")]
    if not absent:
        return None
    more = f"; {len(absent) - 1} more" if len(absent) > 1 else ""
    return f"{absent[0].note or absent[0].measure}{more}"


def _summary(outcomes: Sequence[str]) -> tuple[State, str]:
    """What the outcomes under limits come to, where none fails and none was overtaken."""
    if not outcomes:
        return "missing", "nothing under a limit bears on it"
    if all(outcome == "pass" for outcome in outcomes):
        return "met", "evidence criteria met"
    return "inconclusive", "the data cannot tell"


def _overtaken(finding: Finding, today: date) -> bool:
    """Whether a finding under a limit held once and does not today (rule 5)."""
    if finding.limit is None:
        return False
    last = None if finding.until is None else day(finding.until)
    return finding.stale or (finding.until is not None and (last is None or not (today <= last)))
