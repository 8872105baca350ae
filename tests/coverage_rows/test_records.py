"""Rows whose check is a record that lacks, contradicts or outlives something: the row's own controls fail by name."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aims_gates.documents.strict_yaml import problems
from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.records.lint import check_packs
from aims_gates.governance.records.reader import read_record, read_system
from aims_gates.packs.find import find_gates
from aims_gates.profiles import read_profile

from .rows import EXAMPLE, GONE, NOW, OLD, changed, covers, facts, failing, later, record

#: Row -> what it says, gate, record, place, what is written there, and the controls and clauses that must fail.
FAULTS: dict[str, tuple[str, str, str, str, Any, set[str]]] = {
    "T2": ("no oversight record", "oversight", "oversight", "", GONE, {"A.9.2", "A.9.3"}),
    "T4": ("the notice is deleted", "user_information", "user_information", "", GONE, {"A.8.2"}),
    "C4.1": ("no external issue", "context", "organization/context", "external", [], {"4.1"}),
    "C4.2": ("no internal issue", "context", "organization/context", "internal", [], {"4.1"}),
    "C4.3": ("a party without requirement", "context", "organization/context", "parties.0.requirement", GONE, {"4.2"}),
    "C4.4": ("a system outside the scope", "context", "organization/context", "scope.systems", ["another"], {"4.3"}),
    "C5.1": (
        "top management decides nothing",
        "management_review",
        "organization/management_reviews",
        "reviews.0.attendees",
        ["aims-manager@example.org"],
        {"5.1"},
    ),
    "C5.2": (
        "a commitment is missing",
        "ai_policy",
        "organization/ai_policy",
        "commitments.compliance",
        False,
        {"A.2.2", "5.2"},
    ),
    "C5.3": ("no validator", "roles", "assignments", "assignments.model_validator", GONE, {"A.3.2", "5.3"}),
    "C5.4": ("no line for people", "resources", "organization/resources", "lines.3", GONE, {"A.4.2", "7.1"}),
    "C6.1": (
        "no risk of security",
        "risk_register",
        "organization/risk_register",
        "risks.4",
        GONE,
        {"6.1.1", "6.1.2", "8.2"},
    ),
    "C6.2": (
        "an objective is overdue",
        "objectives",
        "organization/objectives",
        "objectives.0.due",
        OLD,
        {"A.6.1.2", "6.2"},
    ),
    "C7.1": (
        "a role asks for no competence",
        "roles",
        "organization/roles",
        "roles.4.competence",
        [],
        {"A.4.6", "7.2"},
    ),
    "C7.2": ("a course is too old", "training", "organization/training", "completed.4.date", OLD, {"A.4.6", "7.2"}),
    "C7.3": ("few know the policy", "training", "organization/training", "awareness.share", 0.5, {"7.3"}),
    "C7.4": ("the channel is untested", "concerns", "organization/concerns", "tests.0.date", OLD, {"A.3.3", "7.4"}),
    "C8.1": ("a phase is skipped", "lifecycle", "history", "history.1", GONE, {"A.6.1.3", "8.1"}),
    "C8.2": (
        "the purpose changed after the assessment",
        "impact_assessment",
        "system",
        "purpose",
        "Set the interest rate of every mortgage by machine, without anybody looking.",
        {"A.5.3", "8.4"},
    ),
    "C8.3": (
        "a component of nobody on record",
        "suppliers",
        "components",
        "components.0.supplier",
        "Somebody Else",
        {"A.10.3"},
    ),
    "C9.2": (
        "the auditor is among the audited",
        "internal_audit",
        "organization/audit_programme",
        "audits.0.audited",
        ["internal-auditor@example.org"],
        {"9.2"},
    ),
    "C9.4": (
        "the last review is too old",
        "management_review",
        "organization/management_reviews",
        "reviews.0.date",
        "2026-05-01",
        {"9.3", "5.1"},
    ),
    "C10.2": (
        "closed without a cause",
        "nonconformity",
        "organization/nonconformities",
        "nonconformities.0.cause",
        GONE,
        {"10.2"},
    ),
    "C10.3": (
        "closed before the check",
        "nonconformity",
        "organization/nonconformities",
        "nonconformities.0.effective_on",
        OLD,
        {"10.2"},
    ),
    "A2.2": (
        "a commitment is dropped",
        "ai_policy",
        "organization/ai_policy",
        "commitments.responsible_ai",
        False,
        {"A.2.2", "5.2"},
    ),
    "A2.3": ("nobody was told", "ai_policy", "organization/ai_policy", "communicated_to", [], {"A.2.2", "5.2"}),
    "A3.1": ("nobody is accountable", "roles", "organization/roles", "roles.1.holders", [], {"A.3.2", "5.3"}),
    "A3.2": ("a quorum nobody reaches", "roles", "organization/roles", "body.quorum", 9, {"A.3.2", "5.3"}),
    "A3.3": ("an empty cell of the matrix", "roles", "assignments", "assignments.champion", "", {"A.3.2", "5.3"}),
    "A3.5": ("a role reports to nobody", "roles", "organization/roles", "roles.2.reports_to", GONE, {"A.3.2", "5.3"}),
    "A4.1": ("compute is not on record", "resources", "resources", "compute.training", GONE, {"A.4.5"}),
    "A4.3": ("no version to go back to", "rollback", "rollback_plan", "target", GONE, {"A.6.2.5"}),
    "A4.4": (
        "a holder without the course",
        "training",
        "organization/training",
        "completed.5",
        GONE,
        {"A.4.6", "7.2"},
    ),
    "A4.5": ("no budget for audits", "resources", "organization/resources", "lines.5", GONE, {"A.4.2", "7.1"}),
    "A5.1": (
        "no assessment",
        "impact_assessment",
        "impact_assessment",
        "",
        GONE,
        {"A.5.2", "A.5.3", "A.5.4", "A.5.5", "8.4"},
    ),
    "A5.4": (
        "a harm without measure or reason",
        "impact_assessment",
        "impact_assessment",
        "groups.0.harms.0.measure",
        GONE,
        {"A.5.4", "8.4"},
    ),
    "A5.5": (
        "a breach after the assessment",
        "impact_assessment",
        "monitoring",
        "breaches",
        [{"date": "2026-11-10", "what": "Approval rates moved apart"}],
        {"A.5.3", "8.4"},
    ),
    "A6.1": ("a phase is not described", "lifecycle", "organization/lifecycle", "phases.5", GONE, {"A.6.1.3", "8.1"}),
    "A6.3": ("limits fixed after the test", "requirements", "requirements", "decided_on", "2026-11-16", {"A.6.2.2"}),
    "A6.4": ("no window in two cadences", "monitoring", "monitoring", "windows.0.ended_on", OLD, {"A.6.2.6", "9.1"}),
    "A7.2": ("a source nobody knows", "provenance", "datasheets", "datasets.0.source", GONE, {"A.7.3"}),
    "A7.4": (
        "annotators who do not agree",
        "data_preparation",
        "data_preparation",
        "labelling",
        {"method": "Two annotators", "annotators": 2, "agreement": 0.6},
        {"A.7.6"},
    ),
    "A7.5": (
        "data past their retention",
        "data_governance",
        "datasheets",
        "datasets.0.retention_until",
        OLD,
        {"A.7.2"},
    ),
    "A8.1": ("users are not told", "user_information", "user_information", "notice.ai_involved", GONE, {"A.8.2"}),
    "A8.2": (
        "the notice tells another purpose",
        "intended_use",
        "user_information",
        "purpose",
        "Set the interest rate of every mortgage by machine.",
        {"A.9.4"},
    ),
    "A8.3": ("limits are not told", "user_information", "user_information", "notice.failure_modes", GONE, {"A.8.2"}),
    "A8.4": ("no way to contest", "user_information", "user_information", "notice.contest", GONE, {"A.8.2"}),
    "A9.1": ("no rule for the tier", "use_policy", "organization/use_policy", "by_tier.high", GONE, {"A.9.2"}),
    "A9.3": ("no escalation", "oversight", "oversight", "escalation", [], {"A.9.2"}),
    "A9.4": ("used beyond its scope", "intended_use", "monitoring", "windows.0.out_of_scope_rate", 0.2, {"A.9.4"}),
    "A9.5": ("untrained operators", "training", "organization/training", "operators.0.share", 0.5, {"A.4.6", "7.2"}),
    "A10.1": (
        "a supplier nobody assessed",
        "suppliers",
        "organization/suppliers",
        "suppliers.0.due_diligence.result",
        "open",
        {"A.10.3"},
    ),
    "A10.2": (
        "a contract without a clause",
        "suppliers",
        "organization/suppliers",
        "suppliers.0.clauses.audit",
        GONE,
        {"A.10.3"},
    ),
    "A10.3": (
        "evaluated 32 days ago",
        "suppliers",
        "components",
        "components.0.evaluated_on",
        "2026-10-16",
        {"A.10.3"},
    ),
    "A10.4": ("customers heard nothing", "customers", "customers", "notices.0.sent_on", GONE, {"A.10.4"}),
    "A10.5": (
        "no path to the supplier",
        "incident_communication",
        "organization/incidents",
        "third_parties",
        GONE,
        {"A.8.4"},
    ),
}


@covers(*FAULTS)
@pytest.mark.parametrize("row", FAULTS)
def test_what_the_row_asks_for_is_met_and_its_fault_fails_exactly_its_controls(row: str) -> None:
    _, gate, name, path, value, controls = FAULTS[row]
    assert failing(record(), gate) == set()
    assert failing(changed(name, path, value), gate) == controls


@covers("A2.4")
def test_a_policy_not_reviewed_for_366_days_is_past_its_review() -> None:
    assert "A.2.4" not in failing(record(), "ai_policy", later(200))
    assert "A.2.4" in failing(record(), "ai_policy", later(366))


@covers("C5.1")
def test_no_decision_of_management_in_half_a_year_fails_leadership() -> None:
    assert failing(record(), "management_review", later(90)) == set()
    assert {"5.1", "9.3"} <= failing(record(), "management_review", later(200))


@covers("C8.5", "A9.2")
def test_oversight_grows_with_the_tier() -> None:
    loose = changed("oversight", "mode", "over-the-loop")
    assert failing(loose, "oversight") == {"A.9.2"}
    without = changed("oversight", "override", GONE)
    assert failing(without, "oversight") == {"A.9.2"}
    small = loose.system.model_copy(update={"tier": "minimal"})
    records = {**loose.records, "system": small.model_dump(mode="json")}
    assert failing(replace(loose, system=small, records=records), "oversight") == set()


@covers("C6.3")
def test_a_treatment_past_its_date_blocks_under_the_management_system_and_names_the_clause(
    blocked: Callable[..., list[str]],
) -> None:
    assert blocked(record()) == []
    assert blocked(changed("organization/risk_register", "risks.0.status", "open")) == []
    late = changed("organization/risk_register", "risks.0", {**_risk(), "status": "open", "due": OLD})
    assert blocked(late) == ["8.3"]
    assert facts(late, "risk_register")["in_time"].outcome == "fail"


def _risk() -> dict[str, Any]:
    return dict(record().records["organization/risk_register"]["risks"][0])


@covers("C4.4", "C9.4")
def test_a_clause_that_a_profile_requires_blocks_by_its_number(blocked: Callable[..., list[str]]) -> None:
    assert blocked(changed("organization/context", "scope.systems", ["another"])) == ["4.3"]
    assert blocked(changed("organization/management_reviews", "reviews.0.date", "2026-05-01")) == ["5.1", "9.3"]


@covers("C8.4")
def test_gates_for_data_quality_performance_and_change_evidence_controls() -> None:
    gates = find_gates()
    found = {name: gates[name].manifest.controls for name in ("data_quality", "performance", "change")}
    assert found["data_quality"] == ["A.7.4"] and "A.6.2.4" in found["performance"] and "A.6.1.3" in found["change"]
    plan = make_plan(record(), read_profile("high", gates), gates)
    assert {"data_quality", "performance", "change"} <= {step.gate for step in plan.steps}


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE / "records", tmp_path / "records")).parent


def edited(pack: Path, file: str, pattern: str, new: str) -> list[str]:
    """What is wrong with the records after an edit of one file."""
    place = pack / "records" / file
    text = place.read_text(encoding="utf-8")
    assert re.search(pattern, text), pattern
    place.write_text(re.sub(pattern, new, text, count=1), encoding="utf-8")
    found = check_packs([pack], date(2026, 11, 17))
    assert all(each.where and each.remedy for each in found)
    return [f"{each.where}: {each.message}" for each in found]


@covers("A2.1")
def test_a_policy_that_states_no_related_policy_is_named_by_validation(pack: Path) -> None:
    assert check_packs([pack], date(2026, 11, 17)) == []
    (said, *_) = edited(pack, "organization/ai_policy.md", r"related:\n(  - .*\n)+", "related: []\n")
    assert "ai_policy.md" in said and "related" in said


@covers("A5.2")
def test_an_empty_section_of_the_assessment_is_named_with_its_line(pack: Path) -> None:
    (said, *_) = edited(pack, "systems/mortgage/impact_assessment.yaml", r"  privacy: .*", "  privacy: ''")
    assert re.search(r"impact_assessment\.yaml:\d+", said) and "privacy" in said


@covers("A5.3")
def test_an_assessment_that_considers_nobody_vulnerable_fails(pack: Path) -> None:
    found = changed("impact_assessment", "groups.0.vulnerable", False)
    found.records["impact_assessment"]["groups"][1]["vulnerable"] = False
    assert failing(found, "impact_assessment") == {"A.5.4", "8.4"}
    (said, *_) = edited(pack, "systems/mortgage/impact_assessment.yaml", r"vulnerable: true, ", "")
    assert "vulnerable" in said


@covers("C5.ex", "C7.ex", "A4.ex")
def test_the_examples_of_roles_training_and_resources_hold() -> None:
    for gate in ("roles", "training", "resources", "concerns"):
        assert failing(record(), gate) == set(), gate
    roles = {each["role"] for each in record().records["organization/roles"]["roles"]}
    assert {"accountable_executive", "aims_manager", "champion", "model_validator", "data_steward"} <= roles


@covers("T5")
def test_data_are_judged_from_collection_to_disposal() -> None:
    for gate in ("provenance", "data_governance", "data_preparation"):
        assert failing(record(), gate) == set(), gate
    assert failing(changed("data_plan", "disposal", GONE), "data_governance") == {"A.7.2"}
    assert failing(changed("datasheets", "datasets.0.legal_basis", GONE), "data_governance") == {"A.7.3"}
    assert NOW.year == 2026 and read_system(EXAMPLE, "mortgage").system.tier == "high"


@covers("C1.ex", "C4.ex")
@pytest.mark.parametrize(
    ("company", "system", "named"),
    [
        ("llm_chatbot", "support-assistant", ("support-assistant", "ticket-pipeline", "assistant-hosting")),
        ("health_diagnosis", "health-diagnosis", ("HIPAA", "Device law", "AI Act", "27001", "Patients", "Physicians")),
    ],
)
def test_the_context_of_another_company_holds(company: str, system: str, named: tuple[str, ...]) -> None:
    document = read_record(Path(__file__).parent / "contexts" / f"{company}.yaml")
    assert problems(SHAPES["organization/context"], document) == []
    assert [word for word in named if word not in str(document.value)] == []
    of = record().system.model_copy(update={"name": system})
    records = {**record().records, "organization/context": document.value, "system": of.model_dump(mode="json")}
    assert failing(replace(record(), system=of, records=records), "context") == set()
    other = {**records, "organization/context": {**document.value, "external": []}}
    assert failing(replace(record(), system=of, records=other), "context") == {"4.1"}


@covers("C8.ex")
@pytest.mark.parametrize(
    ("gate", "controls"),
    [
        ("impact_assessment", ["A.5.2", "A.5.3", "A.5.4", "A.5.5", "6.1.4", "8.4"]),
        ("fairness", ["A.5.4", "A.6.2.4"]),
        ("model_card", ["A.6.2.7"]),
        ("monitoring", ["A.6.2.6", "9.1"]),
        ("oversight", ["A.9.2", "A.9.3"]),
    ],
)
def test_a_credit_model_without_one_of_its_five_pieces_of_evidence_is_blocked(
    blocked: Callable[..., list[str]], gate: str, controls: list[str]
) -> None:
    assert set(blocked(record(), without=gate)) == set(controls)
