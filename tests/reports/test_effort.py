"""Minutes of people: counted from the records themselves, by one convention."""

from dataclasses import replace
from typing import Any

from aims_gates.governance.records.skeleton import KINDS
from aims_gates.model import Approver, ControlState, Decision, Finding, Plan, Requirement, Step
from aims_gates.packs.find import find_gates
from aims_gates.reports import Report
from aims_gates.reports.effort import CONFIRMED, EFFORT, TYPED, Effort, effort_text, open_effort, record_effort
from aims_gates.reports.json import report_json
from aims_gates.reports.text import render

CHECK, APPROVE = EFFORT["check"][0], EFFORT["approve"][0]
READS = {"oversight": ("system/oversight",)}


def test_minutes_are_the_values_that_people_type_and_confirm() -> None:
    for name in (*KINDS, "system/card"):
        effort = record_effort([name])
        assert effort.typed > 0 and effort.minutes == TYPED * effort.typed + CONFIRMED * effort.confirmed, name
        assert effort.people, name


def test_a_value_that_several_records_need_counts_once() -> None:
    one, other = record_effort(["organization/roles"]), record_effort(["organization/context"])
    both = record_effort(["organization/roles", "organization/context"])
    assert max(one.minutes, other.minutes) < both.minutes < one.minutes + other.minutes


def test_people_are_those_who_keep_and_who_approve() -> None:
    assert record_effort(["oversight"]).people == ("oversight person", "risk")
    assert record_effort(["organization/roles"]).people == ("aims manager", "top management")
    assert record_effort(["classification"]) == Effort(45, ("compliance", "system owner"))


def test_every_gate_on_records_has_an_estimate() -> None:
    for gate in find_gates().values():
        if gate.manifest.on_records:
            assert record_effort(gate.manifest.reads).minutes > 0, gate.id


def plan() -> Plan:
    steps = tuple(Step(gate, gate, (), {}, ("A.9.2",), 90) for gate in ("oversight", "fairness"))
    return Plan(
        system="loans",
        tier="high",
        profile="high",
        profile_digest="",
        purpose_digest="",
        transition="production",
        requirements=(Requirement("A.9.2", "Use", "why", "block", ("oversight", "fairness")),),
        steps=steps,
        approvals=(Approver("risk", 1),),
    )


def decision(*findings: tuple[str, Finding], **changes: Any) -> Decision:
    control = ControlState("A.9.2", "Use", "why", "block", "missing", "no evidence", findings)
    state: dict[str, Any] = dict.fromkeys(("subject", "system", "tier", "profile", "plan", "request"))
    fixed: dict[str, Any] = {"allowed": False, "mode": "enforce", "criteria_met": False, "exit": 2, "at": ""}
    lists: dict[str, Any] = {"controls": (control,), "approvals": {"missing": []}, "steps": (), "problems": ()}
    return Decision(name="loans", version="1", **{**state, **fixed, **lists, **changes})


def fact(measure: str, outcome: Any, missing: bool = False) -> tuple[str, Finding]:
    return "oversight", Finding(measure, over={"record": "system/oversight"}, outcome=outcome, missing=missing)


def test_without_evidence_all_of_the_records_and_a_check_are_open() -> None:
    whole = record_effort(["oversight"])
    effort = open_effort(decision(), plan(), READS)
    assert effort.minutes == whole.minutes + CHECK and "developer" in effort.people
    assert open_effort(decision(fact("mode", "fail", missing=True)), plan(), READS).minutes == effort.minutes


def test_a_record_that_is_there_costs_the_facts_that_it_does_not_state() -> None:
    facts = (fact("mode", "fail"), fact("stop", "fail"), fact("people", "pass"))
    assert open_effort(decision(*facts), plan(), READS).minutes == 2 * TYPED + CHECK


def test_numbers_beyond_their_limits_cost_no_records() -> None:
    bad = ("fairness", Finding("ratio", 0.5, outcome="fail"))
    effort = open_effort(decision(fact("mode", "pass"), bad), plan(), READS)
    assert effort == Effort(CHECK, ("developer",))


def test_approvals_that_are_missing_are_people_too_and_what_does_not_block_is_nothing() -> None:
    missing = {"missing": [{"role": "risk", "count": 2}]}
    done = replace(decision().controls[0], blocks=False)
    effort = open_effort(decision(controls=(done,), approvals=missing), plan(), READS)
    assert effort == Effort(2 * APPROVE, ("risk",))


def test_a_report_prints_it_and_only_where_it_is_known() -> None:
    effort = Effort(95, ("developer", "risk"), 30, 5)
    report = Report(decision=decision(), effort=effort)
    assert f"To close what is open: about {effort_text(effort)}; an estimate" in " ".join(render(report).split())
    assert report_json(report)["effort"]["values"] == {"typed": 30, "confirmed": 5}
    assert "effort" not in report_json(Report(decision=decision())) and "To close" not in render(Report())
