"""A declared schema is read in one way by every engine; what differs from it is named, all of it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aims_gates import DataError, Dataset, InputError
from aims_gates.data.propose import propose_schema
from aims_gates.data.schema.declared import read_schema
from aims_gates.documents.location import Location

ENGINES = ("duckdb", "pandas", "polars", pytest.param("spark", marks=pytest.mark.spark))
GERMAN = "# Bericht\nid;Größe;wann;ok;x\n1;1.237,5;01.02.2026;ja;9223372036854775809\n2;k.A.;03.04.2026;nein;5\n"
SCHEMA: dict[str, Any] = {
    "encoding": "latin-1",
    "dialect": {"delimiter": ";", "commentChar": "#"},
    "missingValues": ["", "k.A."],
    "primaryKey": "id",
    "fields": [
        {"name": "id", "type": "integer", "role": "id"},
        {"name": "Größe", "type": "number", "decimalChar": ",", "groupChar": "."},
        {"name": "wann", "type": "date", "format": "%d.%m.%Y", "role": "timestamp"},
        {"name": "ok", "type": "boolean", "trueValues": ["ja"], "falseValues": ["nein"]},
        {"name": "x", "type": "integer"},
    ],
}
Open = Callable[..., Dataset]


def changed(**fields: Any) -> dict[str, Any]:
    """The schema with other properties of some fields, None to leave one out."""
    items = [
        {**item, **(fields.get(item["name"]) or {})}
        for item in SCHEMA["fields"]
        if fields.get(item["name"], {}) is not None
    ]
    return {**SCHEMA, "fields": items}


@pytest.fixture(params=ENGINES)
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    def open_(schema: Any, text: str | None = GERMAN, name: str = "g.csv") -> Dataset:
        if text is not None:
            (tmp_path / name).write_text(text, encoding="latin-1")
        return Dataset.open(str(tmp_path / name), role="evaluation", engine=request.param, schema=schema)

    return open_


def test_a_german_file_is_read_as_declared(opened: Open) -> None:
    data = opened(SCHEMA)
    assert data.query('SELECT id, "Größe", CAST(wann AS VARCHAR), ok, CAST(x AS VARCHAR) FROM data ORDER BY id') == [
        (1, 1237.5, "2026-02-01", True, "9223372036854775809"),
        (2, None, "2026-04-03", False, "5"),
    ]
    assert data.declared is not None and data.declared.roles() == {"id": ("id",), "timestamp": ("wann",)}


DIFFERS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "columns": (changed(ok=None, x={"name": "z"}), ["'z' is declared and not there", "'ok' is there and not declared"]),
    "cells": (
        changed(
            wann={"format": "%m.%d.%Y", "type": "date"},
            ok={"trueValues": ["ok"]},
            x={"type": "year"},
            id={"type": "date"},
        ),
        ["2 cells of 'id' are not dates, such as '1'", "1 cells of 'ok'"],
    ),
    "rules": (
        changed(x={"constraints": {"maximum": 10}}, id={"constraints": {"enum": ["1"]}}),
        ["'x' is above 10 (1 rows)", "'id' is none of those listed (1 rows)"],
    ),
    "gaps": (changed(Größe={"constraints": {"required": True}}), ["'Größe' has no value (1 rows)"]),
    "key": ({**SCHEMA, "primaryKey": ["Größe"]}, ["primary key, has no value (1 rows)"]),
}


@pytest.mark.parametrize("case", DIFFERS)
def test_everything_that_differs_is_named_at_once(opened: Open, case: str) -> None:
    schema, words = DIFFERS[case]
    with pytest.raises(DataError, match="not as declared") as caught:
        opened(schema)
    assert all(word in caught.value.message for word in words), caught.value.message
    assert caught.value.where.endswith("g.csv") and caught.value.remedy


def test_columns_that_are_no_data_are_left_out_whatever_they_hold(opened: Open) -> None:
    data = opened(changed(x={"role": "ignored"}, wann={"role": "index"}))
    assert data.columns == ("id", "Größe", "ok")


def test_a_file_without_a_header_has_the_fields_in_their_order(opened: Open) -> None:
    schema = {
        "dialect": {"header": False},
        "fields": [{"name": "a", "type": "integer"}, {"name": "b", "type": "string"}],
    }
    assert opened(schema, "1,x\n2,y\n").query("SELECT * FROM data ORDER BY a") == [(1, "x"), (2, "y")]


def test_values_that_have_types_are_compared_with_the_declared_ones(opened: Open, tmp_path: Path) -> None:
    pd.DataFrame({"n": [1.0, None], "code": [7, 8], "day": ["01/02/2026", ""]}).to_parquet(tmp_path / "t.parquet")
    fields = [
        {"name": "n", "type": "integer"},
        {"name": "code", "type": "string"},
        {"name": "day", "type": "date", "format": "%d/%m/%Y"},
    ]
    data = opened({"fields": fields}, None, "t.parquet")
    assert [data.type(name) for name in data.columns] == ["BIGINT", "VARCHAR", "DATE"]
    assert data.query("SELECT sum(n), min(code), CAST(max(day) AS VARCHAR) FROM data") == [(1, "7", "2026-02-01")]
    with pytest.raises(DataError, match="'code' is BIGINT and not boolean"):
        opened({"fields": [fields[0], {"name": "code", "type": "boolean"}, fields[2]]}, None, "t.parquet")


@pytest.mark.parametrize("engine", ENGINES)
def test_declared_folders_are_columns_by_every_reader(tmp_path: Path, engine: Any) -> None:
    values = {"year=2025/site=a%20b": [1, 2], "year=__HIVE_DEFAULT_PARTITION__/site=c": [3]}
    for name, numbers in values.items():
        (tmp_path / "set" / name).mkdir(parents=True)
        pd.DataFrame({"x": numbers}).to_parquet(tmp_path / "set" / name / "p.parquet")
    fields = [{"name": "x", "type": "integer"}, {"name": "year", "type": "integer"}, {"name": "site", "type": "string"}]
    schema = {"fields": fields, "partitions": ["year", "site"]}
    data = Dataset.open(tmp_path / "set", role="evaluation", engine=engine, schema=schema)
    assert data.query("SELECT x, year, site FROM data ORDER BY x") == [
        (1, 2025, "a b"),
        (2, 2025, "a b"),
        (3, None, "c"),
    ]
    assert data.digest == Dataset.open(tmp_path / "set", role="evaluation", schema=schema).digest


def test_declared_folders_are_columns_below_the_set_alone_and_override_nothing(tmp_path: Path) -> None:
    for year, column in (("2025", 1), ("2026", 2)):
        folder = tmp_path / "run=5" / "set" / f"year={year}"
        folder.mkdir(parents=True)
        pd.DataFrame({"x": [column]}).to_parquet(folder / "a.parquet")
    fields = [{"name": "x", "type": "integer"}, {"name": "year", "type": "integer"}]
    place = tmp_path / "run=5" / "set"
    data = Dataset.open(place, role="evaluation", schema={"fields": fields, "partitions": ["year"]})
    assert data.query("SELECT x, year FROM data ORDER BY x") == [(1, 2025), (2, 2026)]
    before = data.digest
    (place / "year=2026").rename(place / "year=2027")
    assert Dataset.open(place, role="evaluation").digest != before
    with pytest.raises(DataError, match="'x' is a column of the files and a folder's name"):
        Dataset.open(place, role="evaluation", schema={"fields": fields, "partitions": ["x", "year"]})
    with pytest.raises(DataError, match="below no folder named run="):
        named = [*fields, {"name": "run", "type": "integer"}]
        Dataset.open(place, role="evaluation", schema={"fields": named, "partitions": ["year", "run"]})


def test_a_number_that_no_double_holds_is_none(opened: Open) -> None:
    with pytest.raises(DataError, match="1 cells of 'a' are not numbers, such as '1e400'"):
        opened({"fields": [{"name": "a", "type": "number"}]}, "a\n1e400\n1e300\ninf\n")


def test_a_location_brings_its_schema(tmp_path: Path) -> None:
    (tmp_path / "g.csv").write_text(GERMAN, encoding="latin-1")
    assert Dataset.open(Location(str(tmp_path / "g.csv"), SCHEMA), role="evaluation").kind("Größe") == "numeric"


WRONG: dict[str, tuple[Any, list[str]]] = {
    "no fields": ({"fields": []}, ["list of fields"]),
    "all at once": (
        {
            "fields": [
                {"name": "a", "type": "any"},
                {"name": "b", "type": "date", "format": "any"},
                {"name": "b", "type": "x"},
            ],
            "primaryKey": "z",
            "encoding": "klingon",
            "dialect": {"delimiter": "ab", "lineTerminator": "x"},
            "foreignKeys": [],
        },
        [
            "'any'",
            "leaves open",
            "twice",
            "no field 'z'",
            "no encoding",
            "one character",
            "lineTerminator",
            "foreignKeys",
        ],
    ),
    "properties": (
        {
            "fields": [
                {"name": "a", "type": "integer", "decimalChar": ","},
                {"name": "b", "type": "string", "constraints": {"pattern": "x"}},
            ]
        },
        ["'decimalChar' of 'a'", "'pattern' of 'b'"],
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_not_understood_in_a_schema_is_an_error(case: str) -> None:
    schema, words = WRONG[case]
    with pytest.raises(InputError) as caught:
        read_schema(schema)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_proposal_says_what_else_a_column_could_be(tmp_path: Path) -> None:
    text = "i;day;amount;n\n0;01/02/2026;1,5;1\n1;03/04/2026;7,25;NA\n"
    (tmp_path / "t.csv").write_text(text.replace("i;", ";", 1))
    proposal = propose_schema([tmp_path / "t.csv"])
    fields = {item["name"]: item for item in proposal.schema["fields"]}
    assert proposal.schema["dialect"] == {"delimiter": ";"}
    assert fields["column0"]["role"] == "index"
    assert fields["day"] == {"name": "day", "type": "date", "format": "%d/%m/%Y"}
    assert fields["amount"]["decimalChar"] == "," and fields["n"]["missingValues"] == ["", "NA"]
    assert proposal.columns["day"]["could_be"] == ["dates with the month first"] and "decide" in proposal.columns["day"]
    data = Dataset.open(tmp_path / "t.csv", role="evaluation", schema=proposal.schema)
    assert data.query("SELECT sum(amount), sum(n) FROM data") == [(8.75, 1)]
