"""The catalogue holds what Annex A holds: identifiers and titles, spelled out here a second time."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from aims_gates.cli import main
from aims_gates.documents.canonical import plain
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import InputError
from aims_gates.governance.classification import bundle
from aims_gates.governance.controls import (
    DECISION_STEPS,
    Control,
    catalogue,
    clause_or_control,
    clauses,
    control,
    order,
)
from aims_gates.governance.controls.crosswalk import links
from aims_gates.packs.find import find_gates

TITLES = {
    "A.2.2": "AI policy",
    "A.2.3": "Alignment with other organizational policies",
    "A.2.4": "Review of the AI policy",
    "A.3.2": "AI roles and responsibilities",
    "A.3.3": "Reporting of concerns",
    "A.4.2": "Resource documentation",
    "A.4.3": "Data resources",
    "A.4.4": "Tooling resources",
    "A.4.5": "System and computing resources",
    "A.4.6": "Human resources",
    "A.5.2": "AI system impact assessment process",
    "A.5.3": "Documentation of AI system impact assessments",
    "A.5.4": "Assessing AI system impact on individuals or groups of individuals",
    "A.5.5": "Assessing societal impacts of AI systems",
    "A.6.1.2": "Objectives for responsible development of AI system",
    "A.6.1.3": "Processes for responsible AI system design and development",
    "A.6.2.2": "AI system requirements and specification",
    "A.6.2.3": "Documentation of AI system design and development",
    "A.6.2.4": "AI system verification and validation",
    "A.6.2.5": "AI system deployment",
    "A.6.2.6": "AI system operation and monitoring",
    "A.6.2.7": "AI system technical documentation",
    "A.6.2.8": "AI system recording of event logs",
    "A.7.2": "Data for development and enhancement of AI system",
    "A.7.3": "Acquisition of data",
    "A.7.4": "Quality of data for AI systems",
    "A.7.5": "Data provenance",
    "A.7.6": "Data preparation",
    "A.8.2": "System documentation and information for users",
    "A.8.3": "External reporting",
    "A.8.4": "Communication of incidents",
    "A.8.5": "Information for interested parties",
    "A.9.2": "Processes for responsible use of AI systems",
    "A.9.3": "Objectives for responsible use of AI system",
    "A.9.4": "Intended use of the AI system",
    "A.10.2": "Allocating responsibilities",
    "A.10.3": "Suppliers",
    "A.10.4": "Customers",
}
CLAUSES = (
    "4.1 4.2 4.3 4.4 5.1 5.2 5.3 6.1.1 6.1.2 6.1.3 6.1.4 6.2 6.3 7.1 7.2 7.3 7.4 7.5 7.5.1 7.5.2 7.5.3 "
    "8.1 8.2 8.3 8.4 9.1 9.2 9.2.1 9.2.2 9.3 9.3.1 9.3.2 9.3.3 10.1 10.2"
)
REVIEWED: dict[str, Any] = read(Path(__file__).with_name("reviewed.yaml")).value


def test_the_controls_are_those_of_annex_a_with_their_titles_in_natural_order() -> None:
    assert {name: entry.title for name, entry in catalogue().items()} == TITLES
    assert list(catalogue()) == list(TITLES)


@pytest.mark.parametrize("entry", catalogue().values(), ids=catalogue())
def test_every_control_is_filled_in_and_has_a_gate_that_a_pack_can_offer(entry: Control) -> None:
    for field in fields(entry):
        assert getattr(entry, field.name) or field.name in ("condition", "max_age_days", "parts"), field.name
    assert set(entry.gates) - DECISION_STEPS
    assert entry.id.startswith(f"{entry.category}.")
    assert set(entry.tiers) == {"prohibited", "high", "limited", "minimal", "gpai_overlay"}
    assert entry.tiers["prohibited"] == "deny"
    assert set(entry.crosswalk) == {"eu_ai_act", "nist_ai_rmf", "iso27001_2022"}
    assert (entry.condition is not None) == ("conditional" in entry.tiers.values())


def test_the_catalogue_and_its_crosswalk_agree_with_their_source() -> None:
    source = Path(__file__).resolve().parents[3].parent / "shared" / "compliance" / "annex_a.yaml"
    if not source.is_file():
        pytest.skip(f"{source} is not here")
    # Gates beyond the source: what laws add (a city on hiring, Art. 27 and 4a of the AI Act), people in the data, and
    # data before training.
    added = {"A.5.3": {"fundamental_rights"}, "A.5.4": {"bias_audit", "fundamental_rights"}}
    added |= {
        "A.7.2": {"privacy", "special_categories"},
        "A.7.4": {"data_audit", "training_data"},
        "A.8.2": {"bias_audit"},
    }
    other = {(row["control"], row["field"]): row["is"] for row in REVIEWED["other"]}
    reworded = {(row["control"], row["was"]): row["is"] for row in REVIEWED["criteria"]}
    for given in read(source).value["controls"]:
        entry = control(given["id"])
        given = {key: other.get((entry.id, key), value) for key, value in given.items()}
        assert set(entry.gates) - set(given["gates"]) == added.get(entry.id, set()), entry.id
        assert set(given["gates"]) <= set(entry.gates), entry.id
        for field in ("title", "category", "category_title", "paraphrase", "level"):
            assert getattr(entry, field) == given[field], (entry.id, field)
        for field in ("lifecycle_phase", "stale_when"):
            assert list(getattr(entry, field)) == given[field], (entry.id, field)
        says = [row.says for row in entry.evidence]
        for criterion in given["evidence"]:
            assert reworded.get((entry.id, criterion), criterion) in says, (entry.id, criterion)
        assert dict(entry.tiers) == given["tiers"], entry.id
        places = REVIEWED["crosswalk"].get(entry.id, given["crosswalk"])
        assert {key: list(entry.crosswalk[key]) for key in entry.crosswalk} == {
            key: places[key] for key in entry.crosswalk
        }, entry.id
    for number, gate in read(source.with_name("clauses.yaml")).value.items():
        assert gate in clauses()[str(number)].gates, number
    numbers = {name for name, clause in clauses().items() if clause.part_of is None}
    assert {str(number) for number in read(source.with_name("clauses.yaml")).value} == numbers


@pytest.mark.parametrize("name", REVIEWED["crosswalk"])
def test_a_crosswalk_that_was_reviewed_is_as_the_review_left_it(name: str) -> None:
    row = REVIEWED["crosswalk"][name]
    assert row["why"] and {key: list(places) for key, places in control(name).crosswalk.items()} == {
        key: row[key] for key in ("eu_ai_act", "nist_ai_rmf", "iso27001_2022")
    }


@pytest.mark.parametrize("row", REVIEWED["other"], ids=lambda row: f"{row['control']}-{row['field']}")
def test_phases_gates_and_tiers_that_were_reviewed_are_as_the_review_left_them(row: dict[str, Any]) -> None:
    value = plain(control(row["control"]))[row["field"]]
    assert value == row["is"] if isinstance(value, dict) else list(value) == row["is"]


def test_each_category_has_one_title() -> None:
    assert len({(entry.category, entry.category_title) for entry in catalogue().values()}) == 9


@pytest.mark.parametrize(("tier", "count"), [("high", 35), ("limited", 22), ("minimal", 9)])
def test_a_tier_requires_as_many_controls_as_its_profile_says(tier: str, count: int) -> None:
    assert sum(dict(entry.tiers)[tier] == "required" for entry in catalogue().values()) == count


def test_the_titles_that_are_easily_confused_lead_to_the_right_gates() -> None:
    assert control("A.8.3").gates == ("external_reporting",)
    assert control("A.3.3").gates == ("concerns",)
    assert "roles" in control("A.3.2").gates


def test_separation_of_duties_belongs_to_roles_and_outbound_duties_to_interested_parties() -> None:
    assert any("approver != submitter" in row.says for row in control("A.3.2").evidence)
    assert control("A.8.5").gates == ("reporting_obligations",)
    assert not any("separation" in row.says for name in ("A.3.3", "A.8.3") for row in control(name).evidence)


def test_every_gate_has_a_control_or_clause_and_the_catalogue_names_the_gate_there() -> None:
    gates = find_gates()
    for gate in gates.values():
        assert gate.manifest.controls
        for name in gate.manifest.controls:
            assert gate.id in clause_or_control(name).gates or name in clauses(), (gate.id, name)
    for entry in [*catalogue().values(), *clauses().values()]:
        for name in set(entry.gates) - DECISION_STEPS:
            assert (getattr(entry, "part_of", None) or entry.id) in gates[name].manifest.controls, (entry.id, name)


def test_every_clause_has_a_title_and_a_gate() -> None:
    assert list(clauses()) == CLAUSES.split()
    assert all(clause.title and clause.gates for clause in clauses().values())


def test_the_parts_of_a_clause_share_out_the_facts_of_its_gates() -> None:
    gates = find_gates()
    parts = [clause for clause in clauses().values() if clause.part_of]
    assert {part.part_of for part in parts} == {"7.5", "9.2", "9.3"}
    for whole in ("9.2", "9.3"):
        (gate,) = clauses()[whole].gates
        facts = {fact.id for fact in gates[gate].manifest.facts if whole in fact.controls}
        assert {name for part in parts if part.part_of == whole for name in part.facts} == facts


def test_the_titles_of_clause_8_are_the_standards() -> None:
    titles = [clauses()[number].title for number in ("8.2", "8.3", "8.4")]
    assert titles == ["AI risk assessment", "AI risk treatment", "AI system impact assessment"]


@pytest.mark.parametrize("number", ["4.4", "5.1", "9.1"])
def test_a_clause_that_a_gate_sees_in_part_says_what_it_leaves_out(
    number: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["controls", "show", number]) == 0
    text = capsys.readouterr().out
    assert clauses()[number].leaves_out and f"Not looked at: {clauses()[number].leaves_out}." in text


def test_every_duty_of_the_law_leads_to_a_control() -> None:
    #: Whole chapters of their own: prohibitions, other product laws, systems on the market before.
    elsewhere = {"5", "2(2)", "111(2)"}
    lacking = []
    for duty in bundle().obligations:
        article = duty.article
        while article and article not in elsewhere:
            try:
                links("eu-ai-act", place=article)
                break
            except InputError:
                article = article.rpartition("(")[0]
        else:
            lacking += [] if article in elsewhere else [duty.article]
    assert lacking == []


def test_ids_are_sorted_as_people_count() -> None:
    assert sorted(["X.1", "A.10.2", "A.9.4", "9.3", "A.2.2"], key=order) == ["9.3", "A.2.2", "A.9.4", "A.10.2", "X.1"]


def test_an_unknown_control_is_an_error_that_names_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no control 'a\.5\.33'") as caught:
        control("a.5.33")
    assert "A.5.3" in str(caught.value.remedy)
    with pytest.raises(InputError) as caught:
        control("fairness")
    assert "controls list" in str(caught.value.remedy)


def test_the_catalogue_cannot_be_changed_by_its_readers() -> None:
    with pytest.raises(TypeError):
        catalogue()["A.2.2"] = control("A.2.3")  # type: ignore[index]
