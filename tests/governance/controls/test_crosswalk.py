"""The crosswalk reads both ways, and a place finds what lies in it and nothing beside it."""

import csv
import io
import json

import pytest

from aims_gates.cli import main
from aims_gates.errors import InputError
from aims_gates.governance.controls import catalogue
from aims_gates.governance.controls.crosswalk import FRAMEWORKS, by_place, links, place_order


def places(framework: str, place: str) -> set[str]:
    return {link.place for link in links(framework, place=place)}


def test_every_place_of_the_catalogue_is_a_link_and_back() -> None:
    found = {(link.framework, link.control, link.place) for link in links()}
    assert found == {
        (framework.id, entry.id, place)
        for entry in catalogue().values()
        for framework in FRAMEWORKS.values()
        for place in entry.crosswalk[framework.key]
    }
    assert sum(map(len, by_place(links()).values())) == len(links())


def test_suppliers_lead_to_the_supplier_controls_of_iso_27001() -> None:
    found = [link.place for link in links("iso-27001", control_id="A.10.3")]
    assert found == ["A.5.19", "A.5.20", "A.5.21", "A.5.22", "A.5.23"]


def test_a_place_finds_what_lies_in_it_and_nothing_that_only_begins_like_it() -> None:
    assert places("eu-ai-act", "14") == places("eu-ai-act", "Article 14") == places("eu-ai-act", "art. 14")
    assert {place.split("(")[0] for place in places("eu-ai-act", "14")} == {"14"}
    assert "A.5.19" not in places("iso-27001", "A.5.1") and "A.5.1" in places("iso-27001", "5.1")
    assert all(place.startswith("MEASURE 2.") for place in places("nist-ai-rmf", "measure 2"))


def test_places_are_sorted_as_people_count() -> None:
    assert sorted(["10(2)", "9(1)", "A.5.19", "A.5.9"], key=place_order) == ["A.5.9", "A.5.19", "9(1)", "10(2)"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"framework": "gdpr"},
        {"control_id": "A.99.9"},
        {"control_id": ""},
        {"place": "999"},
        {"place": ""},
        {"place": ","},
    ],
)
def test_what_is_not_there_is_an_error_that_says_what_is(wrong: dict[str, str]) -> None:
    with pytest.raises(InputError) as caught:
        links(**wrong)
    assert caught.value.remedy


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["controls", "crosswalk", *arguments]) == 0
    return capsys.readouterr().out


def test_the_command_gives_controls_places_and_rows(capsys: pytest.CaptureFixture[str]) -> None:
    by_control = json.loads(said(capsys, "--json"))
    assert [row["control"] for row in by_control] == list(catalogue())
    assert set(by_control[0]) == {
        "control",
        "title",
        *FRAMEWORKS,
    }
    (first, *_) = json.loads(said(capsys, "--to", "eu-ai-act", "--at", "14", "--json"))
    assert first["place"].startswith("14") and {"id", "title"} == set(first["controls"][0])
    rows = list(csv.DictReader(io.StringIO(said(capsys, "--csv"))))
    assert len(rows) == len(links()) and {row["framework"] for row in rows} == set(FRAMEWORKS)
    assert "A.9.2" in said(capsys, "--control", "A.9.2") and "14(1)" in said(capsys, "--by", "place")


def test_what_it_prints_it_takes(capsys: pytest.CaptureFixture[str]) -> None:
    for heading in ("EU AI ACT", "eu_ai_act", "eu-ai-act"):
        assert said(capsys, "--to", heading, "--csv") == said(capsys, "--to", "eu-ai-act", "--csv")
    for framework in FRAMEWORKS.values():
        for link in links(framework.id):
            assert link.place in places(framework.id, link.place)
    cell = ", ".join(link.place for link in links("eu-ai-act", control_id="A.9.2"))
    assert "," in cell and set(cell.split(", ")) <= places("eu-ai-act", cell)
    title = catalogue()["A.9.2"].title
    assert said(capsys, "--control", f"A.9.2 {title}") == said(capsys, "--control", "A.9.2")


def test_csv_and_json_at_once_and_a_place_that_is_not_mapped_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["controls", "crosswalk", "--csv", "--json"]) == 1
    assert main(["controls", "crosswalk", "--at", "999"]) == 1
    assert "remedy" in capsys.readouterr().err


def test_explain_shows_where_else_to_read_and_no_text_of_the_standard(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "A.7.4"]) == 0
    out = capsys.readouterr().out
    assert "B.7.4" in out and "ISO/IEC 5259" in out and "machine learning itself" in out
    assert main(["explain", "9.3"]) == 0
    assert "management_review" in capsys.readouterr().out
