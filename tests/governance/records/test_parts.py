"""A record's three parts: the text that is approved, entries that are signed, facts of a version."""

from pathlib import Path
from typing import Any

import pytest

from aims_gates.documents.canonical import digest
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.records.entries import entries_digest
from aims_gates.governance.records.parts import parts_of
from aims_gates.governance.records.reader import read_record, record_files

RECORDS = Path(__file__).resolve().parents[3] / "examples" / "pipelines" / "credit_scoring" / "records"
FILES = {
    f"{group}/{name}": path
    for group, folder in (("organization", "organization"), ("system", "systems/mortgage"))
    for name, path in record_files(RECORDS / folder).items()
}
WINDOW = {"ended_on": "2026-11-02", "within_limits": True}


def leaves(value: Any) -> list[Any]:
    if not isinstance(value, dict | list | tuple):
        return [value]
    return [leaf for part in (value.values() if isinstance(value, dict) else value) for leaf in leaves(part)]


@pytest.mark.parametrize("name", FILES)
def test_nothing_of_a_record_is_in_no_part(name: str) -> None:
    content = read_record(FILES[name]).value
    parts = parts_of(name, content)
    together = leaves(parts.text) + leaves(list(parts.entries.values())) + leaves(parts.facts)
    assert set(map(str, leaves(content))) == set(map(str, together))
    assert {"owner", "next_review", "version"} & set(content) <= set(parts.text)


@pytest.mark.parametrize("name", ["organization/context", "system/technical_file", "system/classification"])
def test_a_type_with_neither_entries_nor_facts_has_the_digest_of_the_whole(name: str) -> None:
    content = read_record(FILES[name]).value
    assert parts_of(name, content).digests() == {"digest": digest(content)}


def test_an_entry_changes_the_entries_alone_and_a_fact_the_facts_alone() -> None:
    plan = {"owner": "lending", "windows": [WINDOW]}
    more = {**plan, "windows": [WINDOW, {**WINDOW, "within_limits": False}]}
    before, after = (parts_of("monitoring", value).digests() for value in (plan, more))
    assert before["digest"] == after["digest"] == digest({"owner": "lending"}) and before["entries"] != after["entries"]
    sheet = {"owner": "lending", "datasets": [{"name": "reference", "digest": "a", "period": "1990"}]}
    newer = {"owner": "lending", "datasets": [{"name": "reference", "digest": "b", "period": "1991"}]}
    before, after = (parts_of("system/datasheets", value).digests() for value in (sheet, newer))
    assert before["digest"] == after["digest"] and before["facts"] != after["facts"] and "entries" not in before


def test_a_latest_value_belongs_to_the_words_beside_it() -> None:
    rate = {"rate": "override_rate", "target": 0.03, "value": 0.02}
    text, entries = (parts := parts_of("oversight", {"rates": [rate]})).text, parts.entries
    assert text == {"rates": [{"rate": "override_rate", "target": 0.03}]}
    assert entries == {"rates": ({"of": text["rates"][0], "value": {"value": 0.02}},)}
    eased = parts_of("oversight", {"rates": [{**rate, "target": 0.5}]})
    assert eased.entry_digests() != parts.entry_digests() and eased.digests()["digest"] != parts.digests()["digest"]


@pytest.mark.parametrize("value", ["many", {"ended_on": "2026-11-02"}])
def test_a_history_that_is_no_list_is_one_value(value: Any) -> None:
    assert parts_of("monitoring", {"windows": value}).entries == {"windows": (value,)}


@pytest.mark.parametrize("value", ["none", None, ["a", {"rate": "override_rate"}]])
def test_what_does_not_fit_its_shape_is_text(value: Any) -> None:
    assert parts_of("oversight", {"rates": value}).text == {"rates": value}


def test_nothing_noted_is_no_entry_and_has_no_digest() -> None:
    parts = parts_of("monitoring", {"owner": "lending", "windows": [], "breaches": None})
    assert parts.entries == {} and parts.digests() == {"digest": digest({"owner": "lending"})}
    assert entries_digest({"windows[]": ()}) == ""


def test_what_a_part_is_stands_in_the_schema() -> None:
    fields = SHAPES["system/monitoring"].model_json_schema()["properties"]
    assert fields["windows"]["x-part"] == "entries" and "x-part" not in fields["metrics"]
