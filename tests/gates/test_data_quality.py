"""Data quality: great-expectations' answers kept, in order, and nothing passes by accident."""

import hashlib
import json
import re
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aims_gates import DataError, Dataset, Finding
from aims_gates.cli import main
from aims_gates.evaluation.run_gate import outcome_of
from aims_gates.packs.find import find_gates
from tests.support import counted_queries

from .conftest import NOW, SHARED

Run = Callable[..., tuple[Finding, ...]]
TABLE = pd.DataFrame(
    {
        "age": [30.0, 35.0, None, 45.0, 50.0],
        "region": ["north", "south", "south", "north", "east"],
        "low": [1, 2, 3, 4, 5],
        "high": [2, 3, 4, 5, 4],
    }
)


def expect(name: str, severity: str | None = None, **kwargs: Any) -> dict[str, Any]:
    return {"type": name, "kwargs": kwargs} | ({"severity": severity} if severity else {})


def where(condition: str) -> dict[str, str]:
    """Only the rows that meet a condition."""
    return {"row_condition": condition, "condition_parser": "pandas"}


def of_suite(found: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in found if "expectation" in (finding.over or {})]


@pytest.fixture(scope="module")
def library() -> Callable[[pd.DataFrame, Mapping[str, Any]], Any]:
    """One expectation through great-expectations, called by hand."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.data_context.data_context.context_factory import set_context
        from great_expectations.exceptions.exceptions import GreatExpectationsError

        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        asset = context.data_sources.add_pandas("by_hand").add_dataframe_asset("data")
        definition = asset.add_batch_definition_whole_dataframe("all")

    def call(frame: pd.DataFrame, given: Mapping[str, Any]) -> Any:
        """What the library returns; None where it cannot compute it."""
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            set_context(context)
            try:
                built = ExpectationConfiguration(type=given["type"], kwargs=dict(given["kwargs"])).to_domain_obj()
                found = definition.get_batch({"dataframe": frame}).validate(built)
            except (GreatExpectationsError, TypeError, ValueError):
                return None
        entries = (
            [found.exception_info] if "raised_exception" in found.exception_info else found.exception_info.values()
        )
        return None if any(entry["raised_exception"] for entry in entries) else found

    return call


CASES = [
    expect("expect_column_values_to_not_be_null", column="age"),
    expect("expect_column_values_to_not_be_null", column="age", mostly=0.8),
    expect("expect_column_values_to_be_null", column="age", mostly=0.1),
    expect("expect_column_values_to_be_between", column="age", min_value=30, max_value=45),
    expect("expect_column_values_to_be_between", column="age", min_value=30, max_value=45, mostly=0.75),
    expect("expect_column_values_to_be_between", column="age", min_value=30, strict_min=True),
    expect("expect_column_values_to_be_in_set", column="region", value_set=["north", "south"]),
    expect("expect_column_values_to_be_in_set", column="region", value_set=["north", "south"], mostly=0.8),
    expect("expect_column_values_to_be_unique", column="low"),
    expect("expect_column_values_to_be_unique", column="region"),
    expect("expect_column_values_to_match_regex", column="region", regex="th$", mostly=0.7),
    expect("expect_column_value_lengths_to_be_between", column="region", max_value=4),
    expect("expect_column_pair_values_a_to_be_greater_than_b", column_A="high", column_B="low"),
    expect("expect_compound_columns_to_be_unique", column_list=["region", "low"]),
    expect("expect_column_mean_to_be_between", column="age", min_value=39, max_value=41),
    expect("expect_column_max_to_be_between", column="age", max_value=50, strict_max=True),
    expect("expect_column_min_to_be_between", column="age", min_value=30),
    expect("expect_column_median_to_be_between", column="low", min_value=3, max_value=3),
    expect("expect_column_stdev_to_be_between", column="low", max_value=1),
    expect("expect_column_proportion_of_unique_values_to_be_between", column="region", min_value=0.7),
    expect("expect_column_unique_value_count_to_be_between", column="region", min_value=3, max_value=3),
    expect("expect_column_sum_to_be_between", column="low", min_value=16),
    expect("expect_column_distinct_values_to_be_in_set", column="region", value_set=["north", "south"]),
    expect("expect_column_distinct_values_to_equal_set", column="region", value_set=["north", "south", "east"]),
    expect("expect_column_most_common_value_to_be_in_set", column="region", value_set=["east"]),
    expect("expect_column_values_to_be_of_type", column="age", type_="float64"),
    expect("expect_column_values_to_be_in_type_list", column="low", type_list=["str"]),
    expect("expect_table_row_count_to_be_between", min_value=1, max_value=4),
    expect("expect_table_row_count_to_equal", value=5),
    expect("expect_table_column_count_to_equal", value=4),
    expect("expect_table_columns_to_match_ordered_list", column_list=["age", "region", "low", "high"]),
    expect("expect_table_columns_to_match_set", column_set=["age", "region"]),
    expect("expect_column_to_exist", column="age"),
    expect("expect_column_to_exist", column="nowhere"),
    expect("expect_column_values_to_be_between", column="age", max_value=40, **where('region=="north"')),
    expect(
        "expect_column_quantile_values_to_be_between",
        column="low",
        quantile_ranges={"quantiles": [0.5], "value_ranges": [[3, 3]]},
    ),
]


NAMES = list(TABLE)

#: What only the two ways are held against each other on: edges of what is pushed down.
MORE = [
    expect("expect_column_values_to_be_between", column="low", min_value=1.5, max_value=4.5),
    expect("expect_column_values_to_be_between", column="low", min_value=1, max_value=5, strict_max=True),
    expect("expect_column_values_to_be_between", column="low", min_value=5, max_value=1),
    expect("expect_column_values_to_be_between", column="low"),
    expect("expect_column_values_to_be_in_set", column="low", value_set=[1, 2, 3]),
    expect("expect_column_values_to_be_in_set", column="low", value_set=[1.0, "2"]),
    expect("expect_column_values_to_be_in_set", column="age", value_set=[30, 35.0]),
    expect("expect_column_values_to_be_in_set", column="region", value_set=[]),
    expect("expect_column_values_to_not_be_in_set", column="region", value_set=["it's", "east"]),
    expect("expect_column_values_to_match_regex", column="region", regex="^[a-z]+$"),
    expect("expect_column_values_to_match_regex", column="region", regex="^[a-z]$"),
    expect("expect_column_values_to_match_regex", column="region", regex=r"\w\w?"),
    expect("expect_column_values_to_match_regex", column="region", regex="(?i)NORTH"),
    expect("expect_column_values_to_not_match_regex", column="region", regex="nor|^b$"),
    expect("expect_column_values_to_not_match_regex", column="region", regex="("),
    expect("expect_column_value_lengths_to_equal", column="region", value=5),
    expect("expect_column_value_lengths_to_be_between", column="region", min_value=1, max_value=4, mostly=0.5),
    expect("expect_column_pair_values_a_to_be_greater_than_b", column_A="low", column_B="high", or_equal=True),
    expect("expect_column_pair_values_a_to_be_greater_than_b", column_A="age", column_B="high"),
    expect("expect_column_pair_values_to_be_equal", column_A="low", column_B="high", mostly=0.1),
    expect("expect_compound_columns_to_be_unique", column_list=["region", "high"]),
    expect("expect_compound_columns_to_be_unique", column_list=["region", "age"]),
    expect("expect_column_mean_to_be_between", column="low", min_value=3, max_value=3),
    expect("expect_column_mean_to_be_between", column="age", min_value=40, max_value=40),
    expect("expect_column_stdev_to_be_between", column="age", min_value=1, strict_min=True),
    expect("expect_column_sum_to_be_between", column="age", max_value=170),
    expect("expect_column_max_to_be_between", column="region", max_value="z"),
    expect("expect_column_unique_value_count_to_be_between", column="age", max_value=3),
    expect("expect_column_distinct_values_to_contain_set", column="region", value_set=["north", "b"]),
    expect("expect_column_distinct_values_to_be_in_set", column="age", value_set=[30, 35, 45, 50]),
    expect("expect_column_distinct_values_to_equal_set", column="low", value_set=[1, 2, 3, 4, 5]),
    expect("expect_table_row_count_to_be_between"),
    expect("expect_table_column_count_to_be_between", min_value=2, max_value=3),
    *(expect("expect_table_columns_to_match_set", column_set=names) for names in (NAMES, NAMES[1:], [*NAMES, "gone"])),
    *(
        expect("expect_table_columns_to_match_set", column_set=names, exact_match=exact)
        for names in (NAMES[::-1], NAMES[1:], [*NAMES[1:], "gone"])
        for exact in (True, False)
    ),
    expect("expect_table_columns_to_match_set", column_set=None),
    expect("expect_table_columns_to_match_set", column_set=[]),
    *(expect("expect_table_columns_to_match_ordered_list", column_list=names) for names in (NAMES, NAMES[::-1])),
    expect("expect_table_columns_to_match_ordered_list", column_list=NAMES[1:]),
    expect("expect_column_values_to_not_be_null", column="age", mostly=0),
    expect("expect_column_values_to_not_be_null", column="age", mostly=1.5),
    expect("expect_column_values_to_be_unique", column="age", mostly=0.9),
    expect("expect_column_values_to_be_null", column="region"),
    expect("expect_column_values_to_be_unique", column="low", result_format="COMPLETE"),
    expect("expect_column_values_to_be_in_type_list", column="low", type_list=["int64", "float64"]),
    expect("expect_column_values_to_be_in_type_list", column="age", type_list=["int8"]),
    expect("expect_column_values_to_be_in_type_list", column="age", type_list=["float64", "int64"]),
    expect("expect_column_values_to_be_in_type_list", column="region", type_list=["str"]),
]


def test_a_suite_gives_the_library_s_answers_in_the_suite_s_order(run: Run, library: Any) -> None:
    found = of_suite(run("data_quality", {"evaluation": TABLE}, suite={"name": "s", "expectations": CASES}))
    assert [finding.measure for finding in found] == [case["type"] for case in CASES]
    assert [finding.over["expectation"] for finding in found if finding.over] == list(range(len(CASES)))
    for case, finding in zip(CASES, found, strict=True):
        expected = library(TABLE, case)
        assert finding.outcome == ("pass" if expected.success else "fail"), (case, finding)
        assert finding.limit is not None
        percent, observed = expected.result.get("unexpected_percent"), expected.result.get("observed_value")
        if percent is not None:
            assert finding.value == percent / 100
            assert finding.n == expected.result["element_count"] - expected.result.get("missing_count", 0)
        elif isinstance(observed, int | float):
            assert finding.value == observed
            assert finding.limit.met(observed) == expected.success
        else:
            assert finding.value is not None and finding.limit.met(finding.value) == expected.success


@pytest.mark.parametrize("frame", [TABLE, TABLE.assign(age=[1, 2, 2, 4, 9], region=["a\n", "b", "É", "", "b"])])
def test_what_is_pushed_down_comes_out_as_the_library_says(frame: pd.DataFrame) -> None:
    """Both ways of the gate, on the same suite: outcome, value, limit, n and note of every finding are the same."""
    assert not differences(frame, [*CASES, *MORE])


def test_an_error_of_the_engine_in_the_one_pass_is_no_answer() -> None:
    """Infinite values have no standard deviation: the library says what becomes of that expectation."""
    frame = pd.DataFrame({"x": [1.0, 2.0, float("inf")], "y": [1e300, -1e300, 1e300]})
    suite = [expect(f"expect_column_{what}_to_be_between", column=c, max_value=9) for c in "xy" for what in AGGREGATES]
    assert not differences(frame, suite)


AGGREGATES = ("min", "max", "mean", "sum", "stdev", "median")


def test_a_plain_suite_reads_no_rows_and_asks_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten common expectations: one query of aggregates, and great-expectations is not needed."""
    asked = counted_queries(monkeypatch)
    monkeypatch.setattr(Dataset, "pandas", None)
    package = find_gates()["data_quality"].load().__module__
    monkeypatch.setattr(sys.modules[f"{package}.expectations"], "run_library", None)
    plain = [case for case in CASES if case["type"] in PLAIN and "row_condition" not in case["kwargs"]]
    assert len(plain) >= 10
    found = of_suite(run("data_quality", {"evaluation": TABLE}, suite=plain))
    assert len(found) == len(plain)
    assert sum("count(CASE WHEN" in sql for sql in asked) == 1


PLAIN = {
    "expect_table_columns_to_match_set",
    "expect_table_columns_to_match_ordered_list",
    "expect_column_values_to_not_be_null",
    "expect_column_values_to_be_null",
    "expect_column_values_to_be_between",
    "expect_column_values_to_be_in_set",
    "expect_column_value_lengths_to_be_between",
    "expect_column_mean_to_be_between",
    "expect_column_max_to_be_between",
    "expect_table_row_count_to_equal",
    "expect_column_to_exist",
}


def differences(frame: pd.DataFrame, suite: list[dict[str, Any]]) -> list[Any]:
    """Findings that differ between the SQL way and the library's."""
    package = find_gates()["data_quality"].load().__module__
    expectations, read_suite = sys.modules[f"{package}.expectations"], sys.modules[f"{package}.suite"].read_suite
    data = Dataset.open(frame, role="evaluation")
    ways = [
        expectations.judge_suite(read_suite(suite), data, ["critical"], library=library)[0] for library in (False, True)
    ]
    return [(a, b) for a, b in zip(*ways, strict=True) if not alike(a, b)]


def alike(first: Finding, second: Finding) -> bool:
    """Equal, numbers to 1e-9."""
    if replace(first, value=None, limit=None) != replace(second, value=None, limit=None):
        return False
    pairs = [(first.value, second.value)]
    if first.limit and second.limit:
        pairs.append((first.limit.value, second.limit.value))
        if first.limit.op != second.limit.op:
            return False
    return all(a == b or (a is not None and b is not None and a == pytest.approx(b, rel=1e-9)) for a, b in pairs)


def test_mostly_is_the_limit_on_the_unexpected_share(run: Run) -> None:
    suite = [expect("expect_column_values_to_not_be_null", column="x", mostly=share) for share in (0.9, 0.95)]
    finding, strict = of_suite(
        run("data_quality", {"evaluation": pd.DataFrame({"x": [1.0] * 9 + [None]})}, suite=suite)
    )
    assert (finding.value, finding.limit and finding.limit.value, finding.outcome) == (0.1, 0.1, "pass")
    assert (strict.value, strict.limit and strict.limit.value, strict.outcome) == (0.1, 0.05, "fail")


def test_a_missing_column_is_a_failure_that_names_it_and_keeps_its_place(run: Run) -> None:
    suite = [
        expect("expect_column_values_to_be_unique", column="low"),
        expect("expect_column_values_to_not_be_null", column="loan_id"),
        expect("expect_column_pair_values_to_be_equal", column_A="low", column_B="gone"),
        expect("expect_column_values_to_be_unique", column="high"),
    ]
    found = of_suite(run("data_quality", {"evaluation": TABLE}, suite=suite))
    assert [finding.outcome for finding in found] == ["pass", "fail", "fail", "fail"]
    assert "'loan_id'" in str(found[1].note) and "'gone'" in str(found[2].note)


def test_severity_decides_what_fails_the_gate(run: Run) -> None:
    suite = [
        expect("expect_column_values_to_be_unique", "warning", column="region"),
        expect("expect_column_values_to_not_be_null", "info", column="gone"),
        expect("expect_column_values_to_be_unique", "critical", column="low"),
    ]
    found = run("data_quality", {"evaluation": TABLE}, suite=suite)
    assert [f.outcome for f in of_suite(found)] == [None, None, "pass"]
    assert "severity warning, wanted <= 0: fail" in str(of_suite(found)[0].note)
    strict = run("data_quality", {"evaluation": TABLE}, suite=suite, severities=["critical", "warning"])
    assert [f.outcome for f in of_suite(strict)] == ["fail", None, "pass"]


@pytest.mark.parametrize(
    ("suite", "said"),
    [
        ([expect("expect_the_unexpected", column="low")], "does not know"),
        ([expect("expect_column_values_to_be_between", column="low", minimum=3)], "arguments do not fit"),
        ([expect("expect_column_mean_to_be_between", column="region", min_value=3)], "could not compute"),
        ([], "no expectation"),
        ({"expectations": []}, "no expectation"),
        ({"expectation": []}, "no suite"),
        ([{"type": "expect_column_to_exist", "kwargs": {"column": "a"}, "sevrity": "info"}], "sevrity"),
        ([{"kwargs": {"column": "a"}}], "needs a type"),
        (["expect_column_to_exist"], "is no expectation"),
        ([expect("expect_column_to_exist", "fatal", column="low")], "fatal"),
        ("no/such/suite.json", "cannot be read"),
    ],
)
def test_a_suite_that_cannot_be_run_is_an_error_with_a_remedy(run: Run, suite: Any, said: str) -> None:
    found = run("data_quality", {"evaluation": TABLE}, suite=suite)
    error = next(finding for finding in found if finding.outcome == "error")
    assert said in str(error.note) and error.remedy
    assert outcome_of(found) == "error"


@pytest.mark.parametrize(
    "text", ['{"expectations": [], "expectations": [{}]}', '[{"type": "x", "kwargs": {"a": NaN}}]', "[", "[" * 100_000]
)
def test_a_suite_file_with_double_keys_or_no_json_is_an_error(run: Run, tmp_path: Path, text: str) -> None:
    path = tmp_path / "suite.json"
    path.write_text(text)
    assert outcome_of(run("data_quality", {"evaluation": TABLE}, suite=str(path))) == "error"


def test_a_suite_may_stand_in_a_file_as_gx_saves_it(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "suite.json"
    entry = expect("expect_column_values_to_be_unique", column="low") | {"id": None, "meta": {"a": 1}}
    path.write_text(json.dumps({"name": "s", "expectations": [entry], "meta": {}, "suite_parameters": {}}))
    assert [f.outcome for f in of_suite(run("data_quality", {"evaluation": TABLE}, suite=str(path)))] == ["pass"]


def test_an_all_null_column_never_passes_an_expectation_about_its_values(run: Run) -> None:
    table = pd.DataFrame({"x": pd.Series([None] * 5, dtype=float), "y": 1})
    suite = [
        expect("expect_column_values_to_be_between", column="x", min_value=0),
        expect("expect_column_values_to_be_null", column="x"),
        expect("expect_column_values_to_not_be_null", column="x"),
        expect("expect_column_values_to_be_between", column="y", min_value=0, **where("y>5")),
    ]
    outcomes = [finding.outcome for finding in of_suite(run("data_quality", {"evaluation": table}, suite=suite))]
    assert outcomes == ["error", "pass", "fail", "inconclusive"]


def test_an_empty_set_is_an_error(run: Run) -> None:
    suite = [expect("expect_column_values_to_not_be_null", column="low")]
    for params in ({"suite": suite}, {}):
        found = run("data_quality", {"evaluation": TABLE[:0]}, **params)
        assert outcome_of(found) == "error" and "no rows" in str(found[0].note)


def test_several_sets_are_told_apart_and_a_set_not_given_is_an_error(run: Run) -> None:
    suite = [expect("expect_column_values_to_be_unique", column="low")]
    sets = {"reference": TABLE, "production": TABLE.assign(low=1)}
    found = of_suite(run("data_quality", sets, suite=suite, dataset=["reference", "production"]))
    assert [(f.over["dataset"], f.outcome) for f in found if f.over] == [("reference", "pass"), ("production", "fail")]
    missing = run("data_quality", sets, suite=suite)
    assert outcome_of(missing) == "error" and "evaluation" in str(missing[0].note)


def test_only_the_columns_named_are_read(run: Run, tmp_path: Path) -> None:
    TABLE.to_parquet(tmp_path / "t.parquet")
    suite = [
        expect("expect_table_columns_to_match_ordered_list", column_list=list(TABLE)),
        expect("expect_column_values_to_be_between", column="age", max_value=60, **where("low>1")),
    ]
    found = of_suite(run("data_quality", {"evaluation": tmp_path / "t.parquet"}, suite=suite))
    assert [f.outcome for f in found] == ["pass", "pass"] and found[1].n == 3


def test_great_expectations_is_silent_writes_nothing_and_leaves_the_user_s_project_alone(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations as gx
        from great_expectations.data_context.data_context.context_factory import project_manager

        mine = gx.get_context(mode="ephemeral")
    capfd.readouterr()
    run("data_quality", {"evaluation": TABLE}, suite=CASES)
    assert project_manager.get_current_project() is mine
    assert capfd.readouterr() == ("", "")
    assert list(tmp_path.iterdir()) == []


# Without a suite -----------------------------------------------------------------------------------------------------


def test_without_a_suite_and_limits_all_is_information(run: Run) -> None:
    found = run("data_quality", {"evaluation": TABLE})
    assert {finding.outcome for finding in found} == {None}
    assert outcome_of(found) == "inconclusive"
    assert {f.over["column"]: f.value for f in found if f.measure == "missing_share" and f.over} == {
        "age": 0.2,
        "region": 0,
        "low": 0,
        "high": 0,
    }


def test_missing_duplicates_and_contradictions_keep_their_limits(run: Run) -> None:
    table = pd.DataFrame({"a": [1, 1, 1, None], "y": [0, 0, 1, 1]})
    limits = {"missing_share": {"a": 0.2}, "duplicate_share": 0.5, "label_conflict_share": {"op": "<=", "value": 0.5}}
    found = run("data_quality", {"evaluation": table}, {"target": ["y"]}, limits=limits)
    by = {(f.measure, (f.over or {}).get("column")): (f.value, f.outcome) for f in found}
    assert by == {
        ("missing_share", "a"): (0.25, "fail"),
        ("missing_share", "y"): (0, None),
        ("duplicate_share", None): (0.25, "pass"),
        ("label_conflict_share", None): (0.75, "fail"),
    }


def test_duplicates_equal_those_of_pandas(run: Run) -> None:
    table = pd.DataFrame({"a": [1.5, 1.5, None, None, 2], "b": ["x", "x", None, None, "x"]})
    finding = next(f for f in run("data_quality", {"evaluation": table}) if f.measure == "duplicate_share")
    assert finding.value == table.duplicated().sum() / len(table)


@pytest.mark.parametrize(("days", "outcome"), [(10.0, "pass"), (40.0, "fail"), (-3.0, "error")])
def test_currentness_is_the_age_of_the_latest_time(run: Run, days: float, outcome: str) -> None:
    latest = (NOW - timedelta(days=days)).replace(tzinfo=None)
    table = pd.DataFrame({"at": [latest - timedelta(days=100), latest]})
    for given in (table, table.assign(at=table["at"].astype(str)), table.assign(at=table["at"].dt.tz_localize("UTC"))):
        found = run("data_quality", {"evaluation": given}, {"timestamp": ["at"]}, max_age_days=30)
        finding = next(f for f in found if f.measure == "currentness")
        assert (finding.value, finding.outcome) == (pytest.approx(days), outcome)


@pytest.mark.parametrize(
    "params",
    [
        {"limits": {"missing": 0.1}},
        {"limits": {"missing_share": 2}},
        {"limits": {"duplicate_share": {"op": ">=", "value": 0.1}}},
        {"limits": {"missing_share": {"gone": 0.1}}},
        {"limits": {"label_conflict_share": 0.1}},
        {"max_age_days": 30},
        {"max_age_days": 0},
        {"severities": []},
        {"severities": ["fatal"]},
    ],
    ids=str,
)
def test_a_parameter_that_makes_no_sense_is_an_error_with_a_remedy(run: Run, params: dict[str, Any]) -> None:
    found = run("data_quality", {"evaluation": TABLE}, **params)
    assert outcome_of(found) == "error"
    assert next(finding for finding in found if finding.outcome == "error").remedy


# The library's own cases ---------------------------------------------------------------------------------------------

#: The library itself answers otherwise than its case files here: under pandas 3 text is `str`, not `object`.
LIBRARY_CHANGED = {"expect_column_values_to_be_of_type", "expect_column_values_to_be_in_type_list"}


def _for_pandas(test: Mapping[str, Any]) -> bool:
    only, suppressed = test.get("only_for") or [], test.get("suppress_test_for") or []
    return (not only or bool({"pandas", "pandas_v3_api"} & set(only))) and not {"pandas", "pandas_v3_api"} & set(
        suppressed
    )


def definitions() -> Iterator[Any]:
    folder = SHARED / "data" / "gx_test_definitions"
    for path in sorted(folder.rglob("*.json")) if folder.is_dir() else []:
        content = json.loads(path.read_text())
        for number, given in enumerate(content["datasets"]):
            if isinstance(given.get("data"), dict) and _for_pandas(given):
                yield pytest.param(content["expectation_type"], given, id=f"{path.stem}-{number}")


def _readable(data: Mapping[str, Any]) -> pd.DataFrame:
    """The case's columns without those of mixed types, which no data set holds."""
    frame = pd.DataFrame(data)
    for name in list(frame):
        try:
            Dataset.open(frame[[name]], role="evaluation")
        except DataError:
            frame = frame.drop(columns=name)
    return frame


def _named(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping | list):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _named(inner)


@pytest.mark.parametrize(("kind", "given"), list(definitions()))
def test_the_library_s_own_cases_come_out_as_the_library_says(
    run: Run, library: Any, kind: str, given: Mapping[str, Any]
) -> None:
    frame = _readable(given["data"])
    gone = set(given["data"]) - set(frame)
    tests = [test for test in given["tests"] if _for_pandas(test) and not gone & set(_named(test["in"]))]
    suite = [{"type": kind, "kwargs": test["in"]} for test in tests]
    if not suite or frame.empty:
        pytest.skip("no case for pandas, or in columns of mixed types alone")
    found = of_suite(run("data_quality", {"evaluation": frame}, suite=suite))
    assert not differences(frame, suite)
    for test, entry, finding in zip(tests, suite, found, strict=True):
        by_hand = library(frame, entry)
        if by_hand is None:
            assert finding.outcome == "error", (test, finding)
        elif finding.value is None and by_hand.success:
            # Nothing to look at: the library says yes, we do not.
            assert finding.outcome in ("error", "inconclusive") and finding.n == 0, (test, finding)
        else:
            assert finding.outcome == ("pass" if by_hand.success else "fail"), (test, finding)
            if test["out"].get("success") is not None and kind not in LIBRARY_CHANGED:
                assert (finding.outcome == "pass") == test["out"]["success"], (test, finding)


def test_two_quantile_expectations_of_one_column_are_each_judged_on_their_own_quantiles(run: Run) -> None:
    """In one validation great-expectations 1.24 judges the second on the first one's values."""
    frame = pd.DataFrame({"a": range(101)})
    name = "expect_column_quantile_values_to_be_between"
    ranges = [{"quantiles": [q], "value_ranges": [[100 * q, 100 * q]]} for q in (0.25, 0.75)]
    suite = [expect(name, column="a", quantile_ranges=given) for given in ranges]
    assert [f.outcome for f in of_suite(run("data_quality", {"evaluation": frame}, suite=suite))] == ["pass", "pass"]


def test_a_suite_parameter_is_filled_in_and_one_without_a_value_is_an_error(run: Run) -> None:
    entry = expect("expect_column_max_to_be_between", column="low", max_value={"$PARAMETER": "top"})
    whole = {"name": "s", "expectations": [entry], "suite_parameters": {"top": 4}}
    finding = of_suite(run("data_quality", {"evaluation": TABLE}, suite=whole))[0]
    assert (finding.value, finding.outcome) == (5, "fail")
    other = expect("expect_column_values_to_be_unique", column="low")
    found = of_suite(run("data_quality", {"evaluation": TABLE}, suite=[entry, other]))
    assert [f.outcome for f in found] == ["error", "pass"]


def test_great_expectations_page_is_attached_with_its_digest_without_rows_or_anything_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    pd.DataFrame({"x": [1.0, 2.0, 777_777.5], "y": ["a", "b", "c"]}).to_csv("d.csv", index=False)
    suite = [
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": "x", "min_value": 0, "max_value": 10}},
        {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "y"}},
    ]
    Path("suite.json").write_text(json.dumps(suite))
    main(
        [
            "try",
            "data_quality",
            "--data",
            "evaluation=d.csv",
            "--json",
            "--param",
            'suite="suite.json"',
            "--param",
            "html=true",
        ]
    )
    printed = capsys.readouterr()
    (named,) = [f for f in json.loads(printed.out)["findings"] if f["measure"] == "expectations_report"]
    page = (tmp_path / "data_quality-great-expectations.html").read_bytes()
    assert hashlib.sha256(page).hexdigest() in named["note"] and named["outcome"] is None
    text = page.decode()
    assert "values must be greater than or equal to" in text and "777" not in text
    assert not re.search(r"<(script|link|img)[^>]*(src|href)=.https?:", text)


def test_without_great_expectations_its_page_is_left_out_and_the_verdict_stands(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    suite = [{"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}}]
    found = run("data_quality", {"evaluation": pd.DataFrame({"x": [1, 2]})}, {}, suite=suite, html=True)
    (left_out,) = [finding for finding in found if finding.measure == "expectations_report"]
    assert "cannot be imported" in str(left_out.note) and "aims-gates[gates]" in str(left_out.remedy)
    assert outcome_of(found) == "pass"
