"""Every rule of a plan, broken alone: does the decision say no, and name exactly that rule's controls? Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aims_gates.documents.canonical import digest_bytes
from aims_gates.errors import InputError
from aims_gates.governance.controls import approval_controls
from aims_gates.model import Decision, Evidence, Finding, Outcome, Plan, Requirement, Step
from aims_gates.packs.limits import beyond, limit_of, reachable
from aims_gates.simulation.scene import UNISOLATED, Change, Scenario, finding_of

__all__ = ["Trial", "trials"]

_OTHER = digest_bytes(b"another version of the gate")


@dataclass(frozen=True)
class Trial:
    """One rule, broken alone.

    Attributes:
        kind: ``met``, ``finding``, ``missing``, ``age``, ``gate``, ``parameters``, ``limit``, ``approval``, ``waiver``,
            ``expiry``, ``inconclusive``, ``rollback``, ``condition`` or ``fixture``.
        rule: The rule, in words.
        expected: The controls that must block.
        blocked: Those that did.
        fired: Whether the decision was as the rule wants it.
        note: Why not, or what was seen.
    """

    kind: str
    rule: str
    expected: tuple[str, ...]
    blocked: tuple[str, ...]
    fired: bool
    note: str = ""


def _blocking(decision: Decision) -> tuple[str, ...]:
    return tuple(state.control for state in decision.controls if state.blocks)


def _denied(kind: str, rule: str, decision: Decision, expected: tuple[str, ...], message: str = "") -> Trial:
    """A trial in which the answer must be no and name exactly these controls (or, where there are none, say this)."""
    blocked = _blocking(decision)
    named = set(blocked) == set(expected) and (
        bool(expected) or any(message in problem for problem in decision.problems)
    )
    fired = named and not decision.allowed and not decision.criteria_met
    note = "" if fired else ("; ".join(decision.problems) or f"the decision was {'yes' if decision.allowed else 'no'}")
    return Trial(kind, rule, expected, blocked, fired, note)


def _allowed(kind: str, rule: str, decision: Decision) -> Trial:
    """A trial in which the answer must be yes."""
    why = [
        f"{control_state.control} {control_state.state}: {control_state.reason}"
        for control_state in decision.controls
        if control_state.blocks
    ]
    return Trial(kind, rule, (), _blocking(decision), decision.allowed, "; ".join([*decision.problems, *why]))


def _shown(kind: str, rule: str, decision: Decision, control: str) -> Trial:
    """A trial of a control that is shown and does not block."""
    states = {control_state.control: control_state.state for control_state in decision.controls}
    fired = decision.allowed and states.get(control) not in (None, "met", "waived", "not-applicable")
    return Trial(kind, f"{rule} (shown, does not block)", (), _blocking(decision), fired, str(states.get(control)))


def trials(plan: Plan) -> Iterator[Trial]:
    """Each rule of a plan in turn; the first is that a case with everything met is allowed.

    Nothing else is tried where that fails.
    """
    scene = Scenario(plan)
    first = _allowed("met", "a case in which everything is met is allowed", scene.play())
    yield first
    if not first.fired:
        return
    for requirement in plan.requirements:
        yield from _control(scene, requirement)
    for step in scene.steps.values():
        yield from _step(scene, step)
        yield from _limits(scene, step)
    for part in (_approvals, _waivers, _inconclusive, _expiry, _rollback):
        yield from part(scene)


def _blocks(plan: Plan, *controls: str) -> tuple[str, ...]:
    return tuple(
        requirement.control
        for requirement in plan.requirements
        if requirement.control in controls and requirement.enforcement == "block"
    )


def _worse(scene: Scenario, gate: str, control: str, outcome: Outcome) -> Change:
    outcomes: dict[str, Outcome] = {control.replace(".", "_"): outcome}
    return Change({gate: scene.met(gate, **outcomes)})


def _control(scene: Scenario, requirement: Requirement) -> Iterator[Trial]:
    """Each gate of a control fails for it alone."""
    control = requirement.control
    for gate in requirement.gates:
        rule = f"{control} by {gate}: a failing finding"
        if gate not in scene.steps:
            yield Trial("finding", rule, (control,), (), False, "the gate does not apply where no fact is known")
            continue
        others = [finding_of("pass", name) for name in scene.steps[gate].controls if name != control]
        ways = {
            rule: scene.play(_worse(scene, gate, control, "fail")),
            f"{control} by {gate}: no finding about it": scene.play(Change({gate: scene.says(gate, *others)})),
        }
        if requirement.least_basis:
            typed = replace(finding_of("pass", control), rests_on=())
            ways[f"{control} by {gate}: a finding that nobody signed"] = scene.play(
                Change({gate: scene.says(gate, typed, *others)})
            )
        for named, decision in ways.items():
            blocks = requirement.enforcement == "block"
            denied = _denied("finding", named, decision, (control,))
            yield denied if blocks else _shown("finding", named, decision, control)


def _step(scene: Scenario, step: Step) -> Iterator[Trial]:
    """A gate's evidence is missing, too old, by another gate, or made with other parameters."""
    gate, met = step.gate, scene.met(step.gate)
    ways: list[tuple[str, str, Evidence | None]] = [
        ("missing", "evidence missing", None),
        ("age", f"evidence older than {step.expires_days} days", scene.aged(gate, step.expires_days + 1)),
        ("gate", "evidence by another version of the gate", replace(met, gate_digest=_OTHER)),
        ("parameters", "evidence made with other parameters", replace(met, params={**step.params, "rehearsed": 1})),
    ]
    if scene.plan.evaluation_digest is not None:
        ways.append(("data", "evidence on another evaluation set", replace(met, data={"evaluation": _OTHER})))
    for pin in step.pins:
        ways.append((pin, f"evidence made under another {pin}", replace(met, facts={**met.facts, pin: _OTHER})))
    if step.trusted_predictions:
        ways.append(("data", "evidence without a signed prediction table", replace(met, predictions=None)))
        if scene.plan.isolation:
            ways.append(("data", "predictions made without isolation", replace(met, predictions=UNISOLATED)))
    for role in step.tables:
        other = replace(met, data={**met.data, role: _OTHER})
        ways.append(("data", f"evidence on {role} data that no signed predictions name", other))
    for kind, title, evidence in ways:
        yield _stops(scene, step, kind, f"{gate}: {title}", evidence)


def _limits(scene: Scenario, step: Step) -> Iterator[Trial]:
    """A number beyond each limit, and evidence made without it."""
    limits, controls = step.params.get("limits"), _blocks(scene.plan, *step.controls)
    expected_limits: Mapping[str, Any] = limits if isinstance(limits, Mapping) else {}
    for measure, item in expected_limits.items():
        try:
            limit = limit_of(measure, item)
        except InputError as error:
            yield Trial("limit", f"{step.gate}: the limit on {measure}", controls, (), False, error.message)
            continue
        if limit is None:
            continue
        rule, value = f"{step.gate}: {measure} {limit.op} {limit.value:g}", beyond(measure, limit)
        if value is None or not reachable(measure, limit):
            why = "every value that the measure can have keeps it" if value is None else "no value can keep it"
            yield Trial("limit", rule, controls, (), False, why)
            continue
        finding = Finding(measure, value, n=1, limit=limit, outcome=limit.verdict(value))
        loose = {**step.params, "limits": {name: other for name, other in expected_limits.items() if name != measure}}
        without = replace(scene.met(step.gate), params=loose)
        yield _stops(scene, step, "limit", f"{rule}, {value:g} found", scene.says(step.gate, finding))
        yield _stops(scene, step, "limit", f"{rule}, left out of the evidence", without)


def _stops(scene: Scenario, step: Step, kind: str, rule: str, evidence: Evidence | None) -> Trial:
    """With this evidence of a gate its controls block, all of them; where none blocks, they are shown."""
    decision, controls = scene.play(Change({step.gate: evidence})), _blocks(scene.plan, *step.controls)
    return _denied(kind, rule, decision, controls) if controls else _shown(kind, rule, decision, step.controls[0])


def _approvals(scene: Scenario) -> Iterator[Trial]:
    """Each approval removed, given by the requester, or too old."""
    plan = scene.plan
    separated = _blocks(plan, approval_controls().separation)

    def missing(rule: str, decision: Decision, *roles: str) -> Trial:
        trial = _denied("approval", rule, decision, separated)
        result = {lack["role"] for lack in decision.approvals["missing"]}
        if separated:
            return replace(trial, fired=trial.fired and result == set(roles))
        return replace(trial, fired=not decision.allowed and result == set(roles))

    for approver in plan.approvals:
        message = f"approval by {approver.count} x {approver.role}"
        yield missing(f"{message}: one removed", scene.play(Change(absent=(approver.role,))), approver.role)
        yield missing(
            f"{message}: one is the requester's own", scene.play(Change(self_approved=approver.role)), approver.role
        )
    if plan.approvals:
        old = scene.play(Change(approvals_age=plan.approval_days + 1))
        rule = f"approvals older than {plan.approval_days} days"
        yield missing(rule, old, *(approval.role for approval in plan.approvals))


def _broken(scene: Scenario) -> tuple[str, str] | None:
    """A control that blocks, and one of its gates; None where no gate's control blocks."""
    for requirement in scene.plan.requirements:
        gates = [gate for gate in requirement.gates if gate in scene.steps]
        if requirement.enforcement == "block" and gates:
            return requirement.control, gates[0]
    return None


def _waivers(scene: Scenario) -> Iterator[Trial]:
    """A waiver carries a failed control inside its cap and its dates, in role, and not otherwise."""
    plan, broken = scene.plan, _broken(scene)
    if broken is None:
        return
    control, gate = broken
    failed, cap = _worse(scene, gate, control, "fail").evidence, plan.waiver_days
    if not plan.waiver_roles:
        for role in dict.fromkeys(approver.role for approver in plan.approvals):
            decision = scene.play(Change(failed, waiver=scene.waiver(control, 1, role)))
            yield _denied("waiver", f"no waivers: one by {role}", decision, (control,))
        return
    for role in plan.waiver_roles:
        within = scene.play(Change(failed, waiver=scene.waiver(control, cap, role)))
        yield _allowed("waiver", f"a waiver by {role} of {cap} days carries {control}", within)
    role = plan.waiver_roles[0]
    past = scene.play(Change(failed, waiver=scene.waiver(control, cap + 1, role)))
    yield _denied("waiver", f"a waiver longer than {cap} days", past, (control,))
    ended = scene.play(Change(failed, waiver=scene.waiver(control, -1, role), waiver_age=min(cap, 2)))
    yield _denied("waiver", "a waiver past its end", ended, (control,))


def _inconclusive(scene: Scenario) -> Iterator[Trial]:
    broken = _broken(scene)
    if broken is None:
        return
    control, gate = broken
    decision = scene.play(_worse(scene, gate, control, "inconclusive"))
    if scene.plan.inconclusive_blocks or scene.plan.tier == "high":
        yield _denied("inconclusive", "an inconclusive finding blocks", decision, (control,))
    else:
        yield _shown("inconclusive", "an inconclusive finding", decision, control)


def _expiry(scene: Scenario) -> Iterator[Trial]:
    """The day after the profile's last."""
    if scene.plan.profile_expires is not None:
        decision = scene.play(Change(later=1))
        rule = f"the profile ends on {scene.plan.profile_expires}"
        trial = _denied("expiry", rule, decision, _blocking(decision))
        expired = any("expired" in problem for problem in decision.problems)
        yield replace(trial, expected=(), fired=expired and not decision.allowed)


def _rollback(scene: Scenario) -> Iterator[Trial]:
    """Back to a version granted before, inside the window and after it, with no evidence at all."""
    days, nothing = scene.plan.rollback_days, dict.fromkeys(scene.steps)
    if nothing:
        back = scene.play(Change(nothing, ended=days - 0.5))
        yield _allowed("rollback", f"a rollback within {days} days is allowed", back)
        late = scene.play(Change(nothing, ended=days + 1))
        yield _denied("rollback", f"a rollback after {days} days", late, (), "rollback window")
