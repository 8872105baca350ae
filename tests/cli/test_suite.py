"""gates suite propose: the draft holds on its own data, loads in great-expectations, and overwrites nothing."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Dataset
from aims_gates.cli.suite import propose


@pytest.fixture
def file(tmp_path: Path) -> Path:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "loan_id": np.arange(200),
            "income": np.where(draw.random(200) < 0.1, np.nan, draw.normal(3e4, 9e3, 200)),
            "debt": draw.integers(0, 90_000, 200),
            "region": draw.choice(["north", "it's south"], 200),
            "name": [f"somebody {place}" for place in range(200)],
            "rare": ["a"] * 198 + ["b"] * 2,
            "empty": pd.Series([None] * 200, dtype="float64"),
            "at": pd.date_range("2026-01-01", periods=200),
            "flag": draw.random(200) < 0.5,
            "score": draw.random(200).astype("float32"),
            'odd "name".\u00e9': np.full(200, -4),
        }
    )
    frame.to_parquet(tmp_path / "reference.parquet")
    return tmp_path / "reference.parquet"


def test_a_drafted_suite_passes_on_the_data_it_is_drafted_from(file: Path, command: Any) -> None:
    assert command("gates", "suite", "propose", str(file), "--out", "suite.json").code == 0
    said = command(
        "try", "data_quality", "--data", f"evaluation={file}", "--param", 'suite="suite.json"', "--param",
        'severities=["critical", "warning"]', "--json",
    )  # fmt: skip
    findings = json.loads(said.out)["findings"]
    judged = [each for each in findings if "expectation" in (each["over"] or {})]
    assert said.code == 0 and len(judged) > 30
    assert {each["outcome"] for each in judged} == {"pass"}


def test_a_drafted_suite_loads_in_great_expectations(file: Path) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx

        drafted = propose(Dataset.open(file, role="reference"))
        suite = gx.ExpectationSuite(**drafted)
    assert len(suite.expectations) == len(drafted["expectations"])


def test_a_draft_says_what_the_columns_show_and_names_nobody(file: Path) -> None:
    drafted = propose(Dataset.open(file, role="reference"), left_out=("flag",))
    by = {(each["kwargs"].get("column"), each["type"]): each["kwargs"] for each in drafted["expectations"]}
    assert by["region", "expect_column_values_to_be_in_set"]["value_set"] == ["it's south", "north"]
    assert by["income", "expect_column_values_to_not_be_null"]["mostly"] < 0.95
    assert by["debt", "expect_column_values_to_be_between"]["min_value"] == 0
    assert ("loan_id", "expect_column_values_to_be_unique") in by
    assert ("rare", "expect_column_values_to_be_in_set") not in by
    assert ("income", "expect_column_values_to_be_unique") not in by
    assert not any(column == "flag" for column, _ in by)
    assert [kind for column, kind in by if column == "empty"] == ["expect_column_to_exist"]
    assert by[None, "expect_table_row_count_to_be_between"] == {"min_value": 100}


def test_a_file_that_is_there_is_written_over_only_by_force(file: Path, command: Any) -> None:
    Path("suite.json").write_text("mine")
    said = command("gates", "suite", "propose", str(file), "--out", "suite.json")
    assert said.code == 1 and "--force" in said.err
    assert Path("suite.json").read_text() == "mine"
    assert command("gates", "suite", "propose", str(file), "--out", "suite.json", "--force").code == 0
    assert json.loads(Path("suite.json").read_text())["name"] == "proposed"


def test_without_out_the_suite_goes_to_standard_output(file: Path, command: Any) -> None:
    said = command("gates", "suite", "propose", str(file))
    assert json.loads(said.out)["expectations"]


@pytest.mark.parametrize("arguments", [["gone.parquet"], ["reference.parquet", "--leave-out", "nowhere"]])
def test_what_cannot_be_drafted_is_an_error_with_a_remedy(file: Path, command: Any, arguments: list[str]) -> None:
    said = command("gates", "suite", "propose", str(file.parent / arguments[0]), *arguments[1:])
    assert said.code == 1 and "remedy:" in said.err
