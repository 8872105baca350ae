"""The shapes of records: the worked example fits, each field says what it is for, and what cannot be is refused."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from aims_gates.documents.strict_yaml import Document, parse, problems
from aims_gates.errors import InputError
from aims_gates.governance.record_schemas import SHAPES, Reviewed
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.record_schemas.template import template
from aims_gates.governance.records.reader import read_record, record_files
from aims_gates.packs.find import find_gates

RECORDS = Path(__file__).resolve().parents[3] / "examples" / "pipelines" / "credit_scoring" / "records"
FOLDERS = {"organization": RECORDS / "organization", "system": RECORDS / "systems" / "mortgage"}


def example(name: str) -> Document:
    group, stem = name.split("/")
    beside = Path(__file__).with_name(f"{stem}.yaml")  # what the worked example owes to no law
    return read_record(beside if beside.is_file() else record_files(FOLDERS[group])[stem])


def parts(shape: type[BaseModel]) -> list[type[BaseModel]]:
    """The shape and every shape inside it."""
    found, waiting = [], [shape]
    while waiting:
        each = waiting.pop()
        found.append(each)
        for field in each.model_fields.values():
            waiting += [kind for kind in _kinds(field.annotation) if kind not in found]
    return found


def _kinds(kind: Any) -> list[type[BaseModel]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [inner for each in getattr(kind, "__args__", ()) for inner in _kinds(each)]


@pytest.mark.parametrize("name", SHAPES)
def test_the_worked_example_fits(name: str) -> None:
    assert isinstance(parse(SHAPES[name], example(name)), Reviewed)


@pytest.mark.parametrize("name", SHAPES)
def test_each_field_says_what_it_is_for_and_the_schema_carries_it(name: str) -> None:
    for part in parts(SHAPES[name]):
        assert part.__doc__
        assert all(field.description for field in part.model_fields.values()), part.__name__
        assert part.model_config["extra"] == "forbid" and part.model_config["frozen"]
    schema = SHAPES[name].model_json_schema()
    assert {"owner", "approver", "approved_on", "next_review", "version"} <= set(schema["required"])
    assert all("description" in field for field in schema["properties"].values())


@pytest.mark.parametrize("name", SHAPES)
def test_a_template_has_every_field_once_and_is_refused_until_it_is_filled_in(name: str, tmp_path: Path) -> None:
    text = template(name, SHAPES[name])
    place = tmp_path / ("record.md" if text.startswith("---") else "record.yaml")
    place.write_text(text)
    document = read_record(place)
    for field, info in SHAPES[name].model_fields.items():
        key = info.alias or field
        assert (key in document.value) is info.is_required() or key == "text", key
        assert info.description in text or key == "text"
    with pytest.raises(InputError):
        parse(SHAPES[name], document)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("field", ["owner", "approver", "approved_on", "next_review", "version"])
def test_a_missing_or_empty_field_is_refused_with_its_line(name: str, field: str) -> None:
    document = example(name)
    for value in ("", None):
        changed = Document({**document.value, field: value}, document.where, document.lines)
        with pytest.raises(InputError) as caught:
            parse(SHAPES[name], changed)
        assert caught.value.where == document.place((field,))
        assert ":" in str(caught.value.where)
    gone = Document({key: value for key, value in document.value.items() if key != field}, document.where)
    with pytest.raises(InputError, match=f"{field!r} is missing"):
        parse(SHAPES[name], gone)


def test_an_unknown_field_and_a_review_before_the_approval_are_refused() -> None:
    document = example("organization/concerns")
    for change, said in (
        ({"adress": "x"}, "unknown field"),
        ({"next_review": document.value["approved_on"]}, "next_review must lie after approved_on"),
        ({"next_review": "2020-01-01"}, "next_review must lie after approved_on"),
        ({"approved_on": "2026-02-30"}, "approved_on"),
        ({"response_days": "ten"}, "response_days"),
        ({"response_days": 0}, "response_days"),
    ):
        with pytest.raises(InputError, match=said):
            parse(SHAPES["organization/concerns"], Document({**document.value, **change}, "concerns.yaml"))


def test_all_problems_of_a_document_are_listed_and_a_sound_one_has_none() -> None:
    document = example("organization/concerns")
    assert problems(SHAPES["organization/concerns"], document) == []
    broken = Document({**document.value, "owner": "", "response_days": -1, "more": 1}, "concerns.yaml")
    assert {path for path, _, _ in problems(SHAPES["organization/concerns"], broken)} == {
        ("owner",),
        ("response_days",),
        ("more",),
    }


def test_every_record_that_a_gate_reads_has_a_shape() -> None:
    others = {"system/system", "system/classification", "system/requirements", "system/card"}
    read = {fact.record for gate in find_gates().values() for fact in gate.manifest.facts}
    assert read - others <= set(SHAPES)
    assert set(SHAPES) <= read | {"system/components"}


@pytest.mark.parametrize(
    "text", ["", "  ", "TBD", "todo: later", "REPLACE with a role", "N/A", "n/a.", "-", "...", "xxx", "?", "None"]
)
def test_words_that_stand_for_something_unwritten_are_placeholders(text: str) -> None:
    assert placeholder(text)


@pytest.mark.parametrize(
    "text", ["no effect found: no political data", "0", "A1", "https://www.example.org", "nonexistent tables"]
)
def test_words_that_say_something_are_none(text: str) -> None:
    assert not placeholder(text)


def test_dates_are_days(tmp_path: Path) -> None:
    concerns: Any = parse(SHAPES["organization/concerns"], example("organization/concerns"))
    assert isinstance(concerns.approved_on, date)
