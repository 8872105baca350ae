"""The catalogue holds what Annex A holds: identifiers and titles, spelled out here a second time."""

from dataclasses import fields
from pathlib import Path

import pytest

from aims_gates.documents.strict_yaml import read
from aims_gates.errors import InputError
from aims_gates.governance.controls import (
    DECISION_STEPS,
    Control,
    catalogue,
    clause_or_control,
    clauses,
    control,
    order,
)
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
    "4.1 4.2 4.3 4.4 5.1 5.2 5.3 6.1.1 6.1.2 6.1.3 6.1.4 6.2 6.3 7.1 7.2 7.3 7.4 7.5 "
    "8.1 8.2 8.3 8.4 9.1 9.2 9.3 10.1 10.2"
)


def test_the_controls_are_those_of_annex_a_with_their_titles_in_natural_order() -> None:
    assert {name: entry.title for name, entry in catalogue().items()} == TITLES
    assert list(catalogue()) == list(TITLES)


@pytest.mark.parametrize("entry", catalogue().values(), ids=catalogue())
def test_every_control_is_filled_in_and_has_a_gate_that_a_pack_can_offer(entry: Control) -> None:
    for field in fields(entry):
        assert getattr(entry, field.name) or field.name in ("condition", "max_age_days"), field.name
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
    laws = {"A.5.4": {"bias_audit"}, "A.8.2": {"bias_audit"}}  # a city's law adds a gate to these
    for given in read(source).value["controls"]:
        entry = control(given["id"])
        assert set(entry.gates) - set(given["gates"]) == laws.get(entry.id, set()), entry.id
        assert set(given["gates"]) <= set(entry.gates), entry.id
        for field in ("title", "category", "category_title", "paraphrase", "level"):
            assert getattr(entry, field) == given[field], (entry.id, field)
        for field in ("lifecycle_phase", "evidence", "stale_when"):
            assert list(getattr(entry, field)) == given[field], (entry.id, field)
        assert dict(entry.tiers) == given["tiers"], entry.id
        assert {key: list(entry.crosswalk[key]) for key in entry.crosswalk} == {
            key: given["crosswalk"][key] for key in entry.crosswalk
        }, entry.id
    for number, gate in read(source.with_name("clauses.yaml")).value.items():
        assert gate in clauses()[str(number)].gates, number
    assert {str(number) for number in read(source.with_name("clauses.yaml")).value} == set(clauses())


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
    assert any("approver != submitter" in each for each in control("A.3.2").evidence)
    assert control("A.8.5").gates == ("reporting_obligations",)
    assert not any("separation" in line for name in ("A.3.3", "A.8.3") for line in control(name).evidence)


def test_every_gate_has_a_control_or_clause_and_the_catalogue_names_the_gate_there() -> None:
    gates = find_gates()
    for gate in gates.values():
        assert gate.manifest.controls
        for name in gate.manifest.controls:
            assert gate.id in clause_or_control(name).gates or name in clauses(), (gate.id, name)
    for entry in [*catalogue().values(), *clauses().values()]:
        for name in set(entry.gates) - DECISION_STEPS:
            assert entry.id in gates[name].manifest.controls, (entry.id, name)


def test_every_clause_has_a_title_and_a_gate() -> None:
    assert list(clauses()) == CLAUSES.split()
    assert all(clause.title and clause.gates for clause in clauses().values())


def test_ids_are_sorted_as_people_count() -> None:
    assert sorted(["A.10.2", "A.9.4", "A.2.2"], key=order) == ["A.2.2", "A.9.4", "A.10.2"]


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
