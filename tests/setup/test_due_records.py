"""What a profile requires is written in one go, what is known filled in, and each fact asked once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from aims_gates.evaluation.plan import Planner
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.records.filling import fill_all
from aims_gates.governance.records.leaves import leaves
from aims_gates.governance.records.lint import check_packs
from aims_gates.governance.records.placeholders import Placeholder, counts, placeholders
from aims_gates.governance.records.reader import read_record, read_system
from aims_gates.packs.case import Case
from aims_gates.packs.facts import judge
from aims_gates.setup.due_records import DueRecord, write_due

TODAY = date(2026, 11, 30)
NONE = "has_suppliers: false, has_external_parties: false, has_customers: false"
ALL = "has_suppliers: true, has_external_parties: true, has_customers: true"
SYSTEM = """\
name: loans
purpose: Decide which applications for a loan an underwriter looks at first.
owner: owner@example.org
tier: {tier}
profile: {tier}
models: [loans]
data: {{evaluation: data/evaluation.csv, reference: data/reference.csv, production: data/evaluation.csv}}
roles: {{target: repaid, sensitive: [sex]}}
facts: {{affects_people: true, generative: false, {facts}}}
gates: {{performance: {{positive: 1}}, fairness: {{positive: 1}}}}
"""
#: What must happen, or be signed by somebody, before it can be written: none of it is a field to fill in.
ACTS = {
    "ai_policy": {"communicated", "reviewed", "review_age"},
    "roles": {"board_informed", "confirmed", "system_confirmed"},
    "concerns": {"tested"},
    "training": {"trained", "operators", "awareness"},
    "objectives": {"development_followed", "use_followed"},
    "lifecycle": {"no_phase_skipped"},
    "requirements": {"fixed_before"},  # by the phases passed
    "deployment_plan": {"smoke_checks"},
    "rollback": {"rehearsed"},
    "monitoring": {"alert_tested", "window"},
    "logging": {"sample", "integrity"},
    "data_governance": {"access_reviewed"},
    "external_reporting": {"tested"},
    "incident_communication": {"drilled"},
    "use_policy": {"acknowledged"},
    "oversight": {"acknowledged", "rates_measured"},
    "kill_switch": {"drilled"},
    "intended_use": {"purpose_everywhere", "inside_scope"},  # the classification, and a window
    "suppliers": {"evaluated", "fallback"},
    "customers": {"pack", "notices"},
    "reporting_obligations": {"high_tier"},
}


def pack_of(folder: Path, tier: str = "high", facts: str = NONE) -> Path:
    system = folder / "records" / "systems" / "loans"
    system.mkdir(parents=True)
    (system / "system.yaml").write_text(SYSTEM.format(tier=tier, facts=facts))
    (folder / "data").mkdir()
    (folder / "data" / "evaluation.csv").write_text("repaid,sex\n1,f\n0,m\n")
    (folder / "data" / "reference.csv").write_text("repaid,sex\n1,m\n0,f\n1,f\n")
    return folder


def due(pack: Path, **more: Any) -> list[DueRecord]:
    return write_due(pack, "loans", [pack], TODAY, **more)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return pack_of(tmp_path)


def answer(question: Placeholder) -> Any:
    """Something of the right kind."""
    if question.proposal:
        return "yes" if question.key == "policy_text_approved" else question.proposal
    if question.choices:
        return "on-the-loop" if "on-the-loop" in question.choices else question.choices[0]
    if ":" not in question.key and "." not in question.key:
        return "EU" if question.key == "regions" else TODAY.isoformat() if "date" in question.kind else question.key
    for end, value in (
        ("digest", f"sha256:{'a' * 64}"),
        ("commit", "abcdef1"),
        ("overlap", 0),
        ("until", "2029-01-01"),
        (".limit.performance.balanced_accuracy", "at least 0.7"),
    ):
        if question.key.endswith(end):
            return value
    kinds = {"a date": TODAY.isoformat(), "a whole": 2, "a number": 0.5, "yes or no": True}
    return next((kinds[kind] for kind in kinds if question.kind.startswith(kind)), f"Words about {question.meaning}")


@pytest.mark.parametrize("facts", [NONE, ALL])
def test_fewer_than_150_values_are_to_be_typed_at_high_and_none_is_asked_twice(tmp_path: Path, facts: str) -> None:
    pack = pack_of(tmp_path, facts=facts)
    due(pack)
    questions = placeholders(pack)
    assert counts(questions)["typed"] < 150
    keys = [question.key for question in questions]
    assert len(keys) == len(set(keys))
    spots = [(spot.file, spot.place) for question in questions for spot in question.spots]
    assert len(spots) == len(set(spots))
    # Each placeholder of each file that was written is in one of the questions.
    assert set(spots) == set(blanks(pack))
    # Two fields that say the same thing in the same words would be one question asked twice.
    typed = [(question.owner, question.meaning) for question in questions if question.key.count(":") == 0]
    assert len(typed) == len(set(typed))


def blanks(pack: Path) -> Iterator[tuple[Path, tuple[str | int, ...]]]:
    for file in sorted((pack / "records").rglob("*.*")):
        for place, text in leaves(read_record(file).value, ()):
            if placeholder(text):
                yield file, place


def test_once_all_is_answered_only_acts_are_left(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, facts=ALL)
    due(pack)
    # Text of the policy first: its digest is proposed when it is there.
    answers = {question.key: answer(question) for question in placeholders(pack)}
    done, errors = fill_all(pack, answers, TODAY)
    assert errors == [] and len(done) == len(answers)
    assert placeholders(pack) == []
    assert check_packs([pack], TODAY) == []
    assert {gate: facts for gate, facts in unmet(pack).items() if gate != "classification"} == ACTS


def unmet(pack: Path) -> dict[str, set[str]]:
    record, planner = read_system(pack, "loans"), Planner([pack])
    failed: dict[str, set[str]] = {}
    for step in planner.plan(record).steps:
        now = datetime(2026, 11, 30, 12, tzinfo=UTC)
        case = Case(gate=step.gate, params=step.params, roles={}, data={}, now=now, records=record.records)
        for finding in judge(planner.gates[step.gate].manifest.facts, case):
            if finding.outcome not in ("pass", None):
                failed.setdefault(step.gate, set()).add(finding.measure)
    return failed


def test_before_anything_is_answered_no_record_meets_what_is_required_of_it(pack: Path) -> None:
    due(pack)
    record, planner = read_system_as_it_is(pack)
    passed, failed = set(), set()
    for step in planner.plan(record).steps:
        now = datetime(2026, 11, 30, 12, tzinfo=UTC)
        case = Case(gate=step.gate, params=step.params, roles={}, data={}, now=now, records=record.records)
        for finding in judge(planner.gates[step.gate].manifest.facts, case):
            if finding.outcome == "pass":
                passed.add((step.gate, finding.measure))
            elif finding.outcome is not None:
                failed.add(step.gate)
    assert {gate for gate, _ in passed} <= failed
    # What passes is computed, or says that nothing has happened.
    assert passed <= {
        ("concerns", "answered"),
        ("resources", "audits_paid"),
        ("resources", "reached_as_recorded"),
        ("lifecycle", "sandbox_passed"),
        ("external_reporting", "acknowledged"),
        ("incident_communication", "told_in_time"),
        ("ai_policy", "triggers_reviewed"),
        ("impact_assessment", "bound"),
        ("impact_assessment", "no_breach_since"),
        ("design_record", "same_commit"),
        ("design_record", "same_data"),
        ("requirements", "same_purpose"),
        ("resources", "suppliers_declared"),
        ("resources", "evaluation_registered"),
        ("resources", "tooling_supported"),
        ("intended_use", "same_purpose"),
        ("intended_use", "misuse_reviewed"),
        ("change", "purpose_is_material"),
        ("change", "redone"),
        ("impact_assessment", "attributes"),  # the sensitive columns of system.yaml
        ("monitoring", "groups"),  # the measures that the profile limits
        ("monitoring", "limits"),  # and their limits
        ("monitoring", "days"),  # no window yet
        ("monitoring", "inside_scope"),
        ("incident_communication", "described"),  # no incident yet
        ("objectives", "development_not_further_off"),  # no value yet
        ("objectives", "use_not_further_off"),
        ("monitoring", "breaches_answered"),  # no breach yet
        ("provenance", "evaluation_traced"),  # by its digest; the chain's own steps are open
        ("roles", "separated"),  # no two roles that must be apart have a holder
    }


def read_system_as_it_is(pack: Path) -> tuple[Any, Planner]:
    """The system with its records as they stand: what reads requirements.yaml would refuse the placeholders first."""
    from dataclasses import replace

    from aims_gates.governance.records.reader import read_draft, record_files

    record = read_draft(pack, "loans")
    records = {"system": record.records["system"]}
    records |= {name: read_record(path).value for name, path in record_files(record.folder).items()}
    shared = record_files(pack / "records" / "organization")
    records |= {f"organization/{name}": read_record(path).value for name, path in shared.items()}
    return replace(record, records=records), Planner([pack])


def test_what_is_there_is_never_touched_and_what_it_says_is_not_asked(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, facts=ALL)
    due(pack)
    answers = {
        "data_steward": "steward@example.org",
        "next_review": "2027-05-01",
        "loans.fallback": "An underwriter decides",
    }
    assert fill_all(pack, answers, TODAY)[1] == []
    folder = pack / "records" / "systems" / "loans"
    (folder / "kill_switch.yaml").unlink()
    (folder / "data_plan.yaml").unlink()
    before = {file: file.read_bytes() for file in (pack / "records").rglob("*.*")}
    written = [record.name for record in due(pack) if record.written]
    assert written == ["system/data_plan", "system/kill_switch"]
    assert {file: file.read_bytes() for file in before} == before
    assert read_record(folder / "kill_switch.yaml").value["falls_back_to"] == "An underwriter decides"
    assert read_record(folder / "data_plan.yaml").value["owner"] == "steward@example.org"
    # An approval, and the day of the next review, are of one record.
    for field in ("approved_on", "next_review"):
        assert placeholder(read_record(folder / "data_plan.yaml").value[field])


def test_facts_that_are_not_known_leave_their_records_due(tmp_path: Path) -> None:
    names = {record.name for record in due(pack_of(tmp_path, facts="has_suppliers: REPLACE, has_customers: false"))}
    assert {"system/components", "organization/suppliers", "system/value_chain"} <= names
    assert "system/customers" not in names


def test_what_is_computed_is_written_and_what_is_missing_is_left_open(pack: Path) -> None:
    (pack / "data" / "reference.csv").unlink()
    due(pack)
    folder = pack / "records" / "systems" / "loans"
    fixed = read_record(folder / "requirements.yaml").value
    assert fixed["evaluation"]["digest"].startswith("sha256:") and fixed["purpose"].startswith("Decide which")
    plan = read_record(folder / "data_plan.yaml").value["split"]
    assert plan["test"] == fixed["evaluation"]["digest"]
    assert plan["train"] == "REPLACE <loans.data.reference.digest>"
    route = read_record(folder / "kill_switch.yaml").value["route"]
    assert route == "aims-gates halt loans"


def test_the_records_of_another_tier(tmp_path: Path) -> None:
    pack = pack_of(tmp_path, tier="limited")
    limited = {record.name for record in due(pack)}
    high = due(pack, tier="high")
    assert limited < {record.name for record in high}
    assert {record.name for record in high if record.written} == {record.name for record in high} - limited - {
        "system/classification"
    }


def test_what_is_proposed_in_the_system_s_file_stays_a_proposal(pack: Path) -> None:
    folder = pack / "records" / "systems" / "loans"
    proposed = "proposed: [tier, purpose, owner, roles.sensitive]\n"
    (folder / "system.yaml").write_text((folder / "system.yaml").read_text() + proposed)
    due(pack)
    assessment = read_record(folder / "impact_assessment.yaml").value
    assert assessment["tier"] == "REPLACE <loans.tier>, proposed: high"
    assert assessment["purpose"] == "REPLACE <loans.purpose>"
    assert assessment["attributes"] == [{"attribute": "REPLACE, proposed: sex", "tested": True}]
    assert read_record(folder / "assignments.yaml").value["assignments"]["system_owner"] == "REPLACE <system_owner>"
