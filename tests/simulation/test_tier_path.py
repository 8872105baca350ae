"""What stands between a version and production at another tier: the real decision, sorted by who can do something."""

from dataclasses import replace
from typing import Any

import pytest

from aims_gates.attestation.statements.policy import Activation, Binding
from aims_gates.decision.rules import Ask
from aims_gates.documents.canonical import digest
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.records.reader import SystemRecord
from aims_gates.model import Approver, Plan
from aims_gates.packs.find import find_gates
from aims_gates.profiles import read_profile
from aims_gates.simulation import synthetic
from aims_gates.simulation.tier_path import TierGaps, gaps, under_plan

GATES = find_gates()


def asked(kit: Any, story: Any) -> Ask:
    return Ask("default", "credit", "1", kit.BYTES, "production", story.now)


def bound(plan: Plan) -> Binding:
    return Binding("default", "credit", "model", plan, digest("system"))


def shipped(tier: str, **data: str) -> tuple[Plan, SystemRecord]:
    resolved = read_profile(tier, GATES)
    record = synthetic(resolved.profile)
    record = replace(record, system=record.system.model_copy(update={"data": data, "roles": {"target": "y"}}))
    return make_plan(record, resolved, GATES), record


def lacking(kit: Any, story: Any, tier: str, **data: str) -> TierGaps:
    plan, record = shipped(tier, **data)
    decision, foreseen = under_plan(story.rows, bound(plan), asked(kit, story))
    assert (decision.tier, decision.profile) == (tier, tier) and not decision.allowed
    return gaps(decision, foreseen, plan, GATES, record.system)


@pytest.mark.parametrize("ready", ["begun", "approved"])
def test_gates_are_sorted_by_what_they_look_at(kit: Any, ready: str) -> None:
    story = getattr(kit.Story(), ready)()
    found = lacking(kit, story, "high", evaluation="e.csv")
    by_gate = {gap.gate: gap for gap in (*found.data, *found.records)}
    assert by_gate["fairness"].data == {"evaluation": "e.csv"} and by_gate["fairness"].columns == ("sensitive",)
    data = {"reference": None, "production": None, "evaluation": "e.csv"}
    assert by_gate["drift"].data == data and by_gate["drift"].columns == ()
    assert {"fairness", "performance", "drift"} <= {gap.gate for gap in found.data}
    assert {"ai_policy", "roles", "resources"} <= {gap.gate for gap in found.records}
    assert by_gate["roles"].state == "missing" and by_gate["roles"].controls == ("A.3.2", "A.4.6")
    steps = {step.gate for step in shipped("high")[0].steps if step.applies}
    assert by_gate.keys() == steps, "nothing was measured under this plan"


def test_what_is_unbound_is_judged_as_if_bound_and_what_was_approved_is_asked_for_anew(kit: Any) -> None:
    plan = kit.plan(tier="high", profile="other", approvals=(Approver("risk"),))
    unbound = kit.Story()
    unbound.trust()
    unbound.create()
    unbound.register()
    unbound.predict()
    unbound.check()
    decision, _ = under_plan(unbound.rows, bound(plan), asked(kit, unbound))
    states = {state.control: state.state for state in decision.controls}
    assert states == {"A.6.2.4": "met", "A.3.2": "awaiting-approval"} and decision.profile == "other"
    approved = kit.Story().approved()
    assert approved.decide().allowed
    decision, _ = under_plan(approved.rows, bound(plan), asked(kit, approved))
    assert decision.approvals["missing"] == [{"role": "risk", "count": 1}] and not decision.allowed


def test_a_profile_that_is_not_active_yet_is_judged_all_the_same(kit: Any) -> None:
    story = kit.Story()
    story.trust()
    story.say(Activation("limited", digest("profile"), "somebody"), "policy")
    story.create()
    story.bind()
    story.register()
    plan = kit.plan(profile="other", profile_digest=digest("other"))
    decision, _ = under_plan(story.rows, bound(plan), asked(kit, story))
    assert [state.control for state in decision.controls] == ["A.6.2.4", "A.3.2"]


def test_a_finding_that_fails_asks_for_a_new_version(kit: Any) -> None:
    story = kit.Story().begun()
    story.predict()
    story.check(kit.finding("fail"))
    plan = kit.plan(profile="other")
    decision, foreseen = under_plan(story.rows, bound(plan), asked(kit, story))
    found = gaps(decision, foreseen, plan, GATES, shipped("limited")[1].system)
    (gap,) = found.data
    assert (gap.gate, gap.state, found.new_version) == ("fairness", "failed", True)


def test_numbers_that_were_measured_under_other_limits_are_foreseen(kit: Any) -> None:
    def limited(value: float) -> Plan:
        params = {"limits": {"gap": {"op": "<=", "value": value}}}
        return kit.plan(profile=f"limit {value}", steps=(kit.step(params=params),))  # type: ignore[no-any-return]

    story = kit.Story().begun(limited(0.1))
    story.predict()
    story.check(kit.finding("pass"), params={"limits": {"gap": {"op": "<=", "value": 0.1}}})
    system = shipped("limited")[1].system
    for value, foreseen_state, new in ((0.2, "met", False), (0.01, "failed", True)):
        plan = limited(value)
        found = gaps(*under_plan(story.rows, bound(plan), asked(kit, story)), plan, GATES, system)
        (gap,) = found.data
        assert (gap.state, gap.foreseen, found.new_version) == ("stale", foreseen_state, new)


def test_without_a_policy_owner_nothing_can_be_tried(kit: Any) -> None:
    story = kit.Story()
    with pytest.raises(InputError, match="may sign a binding"):
        under_plan(story.rows, bound(kit.plan()), asked(kit, story))
