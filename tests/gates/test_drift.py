"""Drift: evidently's numbers, and verdicts that know what chance does."""

import math
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Case, Dataset, Finding
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.packs.find import find_gates
from tests.support import counted_queries

from .conftest import NOW

Run = Callable[..., tuple[Finding, ...]]
#: A whole gate runs on each draw: a fifth of those that tests/data/test_pairs.py makes in a long run.
SIMULATIONS = max(60, int(os.environ.get("AIMS_GATES_SIMULATIONS", "0")) // 5)
NUMERIC = ("psi", "jensenshannon", "kl_div", "hellinger", "wasserstein", "ed")
NUMERIC_TESTS = ("ks", "anderson", "cramer_von_mises", "t_test", "mannw", "es")
CATEGORICAL = ("psi", "jensenshannon", "kl_div", "hellinger")
BOUNDED = ["psi", "jensenshannon", "hellinger", "wasserstein", "ks"]
SHARES = ("missing_share", "missing_increase", "unseen_share")
CATEGORICAL_TESTS = ("chisquare", "g_test", "z", "fisher_exact")


def evidently(method: str, reference: pd.Series, production: pd.Series, kind: str) -> float:
    """evidently's own drift score."""
    from evidently.legacy.calculations import stattests
    from evidently.legacy.core import ColumnType

    by_name = {test.name: test for test in vars(stattests).values() if isinstance(test, stattests.StatTest)}
    state = np.random.get_state()
    try:
        found = by_name[method](reference.dropna().copy(), production.dropna().copy(), ColumnType(kind), None)
    finally:
        np.random.set_state(state)
    return float(found.drift_score)


@pytest.fixture
def theirs(run: Run) -> Run:
    """The gate on evidently's own bins, with the p-values that evidently reports."""
    return partial(run, bins="evidently", limits={"ks": None, "TVD": None})


def frame(kind: str, n: int, shift: float, seed: int) -> pd.DataFrame:
    draw = np.random.default_rng(seed)
    values: Any = {
        "normal": lambda: draw.normal(shift, 1 + shift / 4, n),
        "skewed": lambda: np.round(draw.lognormal(shift / 2, 1, n) * 1000, 2),
        "whole": lambda: draw.poisson(40 + 10 * shift, n),
        "few": lambda: draw.integers(0, 15, n) + draw.integers(0, 2, n) * (shift > 0),
        "holes": lambda: np.where(draw.random(n) < 0.1, np.nan, draw.normal(shift, 1, n)),
        "single": lambda: draw.normal(shift, 1, n).astype(np.float32),
        "text": lambda: draw.choice(["a", "b", "c", "d"], n, p=np.array([4, 3, 2, 1 + shift]) / (10 + shift)),
        "two": lambda: draw.choice(["no", "yes"], n, p=[0.6 - shift / 10, 0.4 + shift / 10]),
    }[kind]()
    return pd.DataFrame({"x": values})


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("n", "m"), [(90, 150), (800, 700), (3000, 2500)])
@pytest.mark.parametrize("kind", ["normal", "skewed", "whole", "few", "holes", "single"])
def test_numbers_equal_those_of_evidently(theirs: Run, kind: str, n: int, m: int) -> None:
    reference, production = frame(kind, n, 0, 1), frame(kind, m, 0.4, 2)
    found = theirs("drift", {"reference": reference, "production": production}, method=[*NUMERIC, *NUMERIC_TESTS])
    by_name = {finding.measure: finding for finding in found}
    for method in (*NUMERIC, *NUMERIC_TESTS):
        finding = by_name[method]
        actual = finding.p_value if method in NUMERIC_TESTS else finding.value
        expected = evidently(method, reference["x"], production["x"], "num")
        # evidently, pandas and SciPy sum and divide float32 in float32; we do not.
        loose = kind == "single" and method in ("hellinger", "wasserstein", "t_test", "ed", "es")
        assert actual == pytest.approx(expected, rel=1e-5 if loose else 1e-9, abs=1e-9), method
        assert finding.n == production["x"].count()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("n", "m"), [(150, 150), (90, 150), (3000, 2500), (2000, 2000)])
@pytest.mark.parametrize("kind", ["text", "two"])
def test_categorical_numbers_equal_those_of_evidently(theirs: Run, kind: str, n: int, m: int) -> None:
    reference, production = frame(kind, n, 0, 1), frame(kind, m, 0.4, 2)
    methods = [*CATEGORICAL, *CATEGORICAL_TESTS]
    if n != m:
        methods.remove("g_test")  # evidently raises: it takes sets of one size only
    if kind == "text" or n != m:
        methods.remove("fisher_exact")
    found = theirs("drift", {"reference": reference, "production": production}, method=methods)
    by_name = {finding.measure: finding for finding in found}
    for method in methods:
        actual = by_name[method].p_value if method in CATEGORICAL_TESTS else by_name[method].value
        expected = evidently(method, reference["x"], production["x"], "cat")
        assert actual == pytest.approx(expected, rel=1e-9, abs=1e-9), method


@pytest.mark.filterwarnings("ignore")
def test_total_variation_equals_that_of_evidently_and_its_p_value_nearly(theirs: Run) -> None:
    from evidently.legacy.calculations.stattests.tvd_stattest import _total_variation_distance

    reference, production = frame("text", 120, 0, 1), frame("text", 140, 0.8, 2)
    finding = theirs("drift", {"reference": reference, "production": production}, method="TVD")[0]
    assert finding.value == pytest.approx(_total_variation_distance(reference["x"], production["x"]), abs=1e-12)
    assert finding.p_value == pytest.approx(evidently("TVD", reference["x"], production["x"], "cat"), abs=0.06)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("n", [400, 1000, 1001, 2000])
def test_evidently_s_choice_is_made_where_it_is_asked_for(run: Run, n: int) -> None:
    from evidently.legacy.calculations.stattests.registry import get_stattest

    draw = np.random.default_rng(0)
    sets = {
        role: pd.DataFrame(
            {
                "real": draw.normal(size=n),
                "three": draw.integers(0, 3, n).astype(float),
                "two": draw.integers(0, 2, n),
                "text": draw.choice(["a", "b", "c"], n),
                "flag": draw.random(n) < 0.5,
            }
        )
        for role in ("reference", "production")
    }
    found = {
        finding.over["column"]: finding.measure
        for finding in run("drift", sets, method="evidently")
        if (finding.over or {}).get("column") and finding.measure not in SHARES
    }
    for name in sets["reference"]:
        kind = "num" if name in ("real", "three") else "cat"
        expected = get_stattest(sets["reference"][name], sets["production"][name], kind, None).name
        assert found[name] == expected


def test_the_same_columns_from_a_file_and_from_a_frame_give_the_same_findings(run: Run, tmp_path: Any) -> None:
    reference, production = frame("holes", 2000, 0, 1), frame("holes", 1500, 0.2, 2)
    reference.to_parquet(tmp_path / "r.parquet")
    production.to_csv(tmp_path / "p.csv", index=False)
    methods = [*NUMERIC, *NUMERIC_TESTS]
    direct = run("drift", {"reference": reference, "production": production}, method=methods)
    read = run("drift", {"reference": tmp_path / "r.parquet", "production": tmp_path / "p.csv"}, method=methods)
    assert direct == read


# Verdicts ------------------------------------------------------------------------------------------------------------


def outcome(run: Run, n: int, shift: float, seed: int, method: str, **params: Any) -> str | None:
    sets = {"reference": frame("normal", n, 0, 2 * seed), "production": frame("normal", n, shift, 2 * seed + 1)}
    return next(f for f in run("drift", sets, method=method, **params) if f.measure == method).outcome


@pytest.mark.long
@pytest.mark.parametrize("limit", [0.1, 0.2])
@pytest.mark.parametrize("n", [100, 300, 1000])
def test_psi_without_a_shift_fails_at_most_one_time_in_twenty(run: Run, n: int, limit: float) -> None:
    outcomes = [outcome(run, n, 0, seed, "psi", limits={"psi": limit}) for seed in range(SIMULATIONS)]
    allowed = 0.05 + 3 * math.sqrt(0.05 * 0.95 / SIMULATIONS)
    assert outcomes.count("fail") / SIMULATIONS <= allowed
    if n == 100:
        assert outcomes.count("pass") / SIMULATIONS <= 0.25
    if n == 1000:
        assert outcomes.count("pass") / SIMULATIONS >= 0.75


@pytest.mark.parametrize("method", BOUNDED)
def test_a_great_shift_fails_and_no_shift_in_many_rows_passes(run: Run, method: str) -> None:
    assert outcome(run, 1000, 1.5, 1, method) == "fail"
    assert outcome(run, 20_000, 0, 1, method) == "pass"


def test_an_undecided_divergence_says_how_many_rows_would_settle_it(run: Run) -> None:
    sets = {"reference": frame("normal", 100, 0, 1), "production": frame("normal", 100, 0.2, 2)}
    finding = run("drift", sets, method="psi")[0]
    assert finding.outcome == "inconclusive"
    assert "rows would settle it" in str(finding.note)
    assert finding.low is not None and finding.value is not None and finding.high is not None
    assert finding.low <= finding.value <= finding.high


def test_many_unshifted_columns_are_corrected_for_their_number(run: Run) -> None:
    draw = np.random.default_rng(8)
    sets = {role: pd.DataFrame(draw.normal(size=(400, 60))).add_prefix("c") for role in ("reference", "production")}
    plain = run("drift", sets, method="t_test", correction="none")
    corrected = run("drift", sets, method="t_test")
    assert sum(finding.outcome == "fail" for finding in plain) > 0
    assert sum(finding.outcome == "fail" for finding in corrected) == 0
    assert [f.p_value for f in plain] == [f.p_value for f in corrected]


def test_a_test_that_takes_the_reference_for_exact_does_not_fail_on_the_reference_s_own_noise(run: Run) -> None:
    outcomes = []
    for seed in range(SIMULATIONS):
        sets = {"reference": frame("text", 300, 0, 2 * seed), "production": frame("text", 300, 0, 2 * seed + 1)}
        outcomes.append(run("drift", sets, method="chisquare")[0].outcome)
    assert outcomes.count("fail") / SIMULATIONS <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / SIMULATIONS)


def test_few_rows_do_not_show_that_nothing_moved(run: Run) -> None:
    finding = run("drift", {"reference": frame("normal", 20, 0, 1), "production": frame("normal", 20, 0, 2)})[0]
    assert (finding.measure, finding.outcome) == ("psi", "inconclusive")


def test_no_limit_at_all_is_not_a_pass(run: Run) -> None:
    sets = {"reference": frame("normal", 500, 0, 1), "production": frame("normal", 500, 0, 2)}
    found = run("drift", sets, limits=dict.fromkeys(("psi", "drift_share", "missing_increase", "row_overlap_share")))
    assert {finding.outcome for finding in found} == {None}
    assert outcome_of(found) == "inconclusive"


def test_the_published_limits_are_those_of_the_code() -> None:
    gate = find_gates()["drift"]
    gate.load()
    import sys

    settings = sys.modules[f"aims_gate_drift_{gate.digest[7:19]}.settings"]
    assert gate.manifest.parameters["limits"].default == dict(settings.CONVENTIONS)


# Chunks, shares ------------------------------------------------------------------------------------------------------


def test_chunks_of_rows_are_numbered_and_equal_the_same_rows_alone(run: Run) -> None:
    reference, production = frame("normal", 2000, 0, 1), frame("normal", 2500, 0.3, 2)
    sets = {"reference": reference, "production": production}
    found = run("drift", sets, method=["psi", "ks", "hellinger"], chunk=1000)
    assert sorted({f.over["chunk"] for f in found if f.over}) == [0, 1, 2]
    for number in range(3):
        alone = run(
            "drift",
            {"reference": reference, "production": production[1000 * number : 1000 * (number + 1)]},
            method=["psi", "ks", "hellinger"],
            histograms=0,
        )
        chunk = [f for f in found if f.over and f.over["chunk"] == number]
        assert [(f.measure, f.value, f.p_value, f.n) for f in chunk] == [
            (f.measure, f.value, f.p_value, f.n) for f in alone if f.measure != "row_overlap_share"
        ]


def test_chunks_of_days_are_named_by_their_start(run: Run) -> None:
    reference = frame("normal", 500, 0, 1)
    production = frame("normal", 600, 0, 2)
    production["at"] = pd.Timestamp("2024-03-01 06:00") + pd.to_timedelta(np.arange(600) * 360, unit="s")
    sets = {"reference": reference, "production": production}
    found = run("drift", sets, {"timestamp": ["at"]}, chunk="1d")
    chunks = {f.over["chunk"]: f.n for f in found if f.over and f.measure == "psi"}
    assert chunks == {"2024-03-01T00:00:00": 180, "2024-03-02T00:00:00": 240, "2024-03-03T00:00:00": 180}


def test_unseen_categories_and_missing_values_are_shares_of_production(run: Run) -> None:
    reference = pd.DataFrame({"c": ["a", "b"] * 50})
    production = pd.DataFrame({"c": ["a"] * 50 + ["z"] * 30 + [None] * 20})
    sets = {"reference": reference, "production": production}
    limits = {"unseen_share": 0.01, "missing_share": 0.05}
    found = {f.measure: f for f in run("drift", sets, method="chisquare", limits=limits)}
    assert (found["missing_share"].value, found["missing_share"].n, found["missing_share"].outcome) == (
        0.2,
        100,
        "fail",
    )
    assert (found["unseen_share"].value, found["unseen_share"].n, found["unseen_share"].outcome) == (0.3, 100, "fail")
    chi = found["chisquare"]
    assert (chi.value, chi.p_value, chi.outcome) == (None, 0.0, "fail")
    assert "never had" in str(chi.note)


# What columns hold ---------------------------------------------------------------------------------------------------


def test_dates_truth_values_and_free_text_are_measured_and_say_how(run: Run) -> None:
    n = 300
    draw = np.random.default_rng(0)

    def table(late: int, more: float, longer: int) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 90, n) + late, unit="D"),
                "flag": draw.random(n) < 0.3 + more,
                "remark": [
                    "".join(draw.choice(list("abcdefgh"), size=10 + longer + draw.integers(0, 9))) for _ in range(n)
                ],
                "maybe": pd.array(np.where(draw.random(n) < 0.2, None, draw.integers(0, 50, n)), dtype="Int64"),
            }
        )

    found = run("drift", {"reference": table(0, 0, 0), "production": table(60, 0.4, 9)})
    by_column = {f.over["column"]: f for f in found if f.over and f.measure not in SHARES}
    assert {name: (f.measure, f.outcome) for name, f in by_column.items()} == {
        "day": ("psi", "fail"),
        "flag": ("psi", "fail"),
        "remark": ("psi", "pass"),
        "maybe": ("psi", "pass"),
    }
    assert "seconds since 1970" in str(by_column["day"].note)
    assert "MD5" in str(by_column["remark"].note)
    new = next(f for f in found if f.measure == "unseen_share" and f.over == {"column": "remark"})
    assert (new.value, new.outcome) == (1, "inconclusive") and "are to be expected" in str(new.note)


def test_a_column_asked_for_and_missing_is_an_error_that_names_it(run: Run) -> None:
    reference = pd.DataFrame({"a": range(50), "b": range(50)})
    for params in ({}, {"columns": ["a", "b"]}):
        found = run("drift", {"reference": reference, "production": reference[["a"]]}, **params)
        errors = [f for f in found if f.outcome == "error"]
        assert [f.over for f in errors] == [{"column": "b"}]
        assert "'b'" in str(errors[0].note) and errors[0].remedy
        assert outcome_of(found) == "error"


def test_labels_that_have_not_come_yet_are_told_and_do_not_stop_the_rest(run: Run) -> None:
    reference = pd.DataFrame({"a": np.arange(100) % 7, "y": [0, 1] * 50})
    found = run("drift", {"reference": reference, "production": reference[["a"]]}, {"target": ["y"]})
    told = next(f for f in found if f.over == {"column": "y"})
    assert told.outcome is None and "not measured" in str(told.note)
    assert outcome_of(found) == "pass"


@pytest.mark.parametrize(
    ("values", "said"),
    [([None] * 400, "holds no value"), ([1.0] * 399 + [math.inf], "infinite"), (["x"] * 400, "categorical")],
)
def test_a_column_that_cannot_be_compared_is_an_error_with_a_remedy(run: Run, values: list[Any], said: str) -> None:
    reference = pd.DataFrame({"a": np.linspace(0, 1, 400), "b": np.linspace(0, 1, 400)})
    production = reference.assign(a=pd.Series(values, dtype=object if values[0] is None else None))
    if values[0] is None:
        production["a"] = production["a"].astype(float)
    found = run("drift", {"reference": reference, "production": production})
    error = next(f for f in found if f.outcome == "error")
    assert error.over == {"column": "a"} and said in str(error.note) and error.remedy
    assert any(f.outcome == "pass" and f.over == {"column": "b"} for f in found)


def test_an_empty_production_set_is_an_error(run: Run) -> None:
    reference = pd.DataFrame({"a": [1.0, 2.0]})
    found = run("drift", {"reference": reference, "production": reference[:0]})
    assert outcome_of(found) == "error" and "no rows" in str(found[0].note)


def test_a_missing_set_is_an_error_that_names_it() -> None:
    gate = find_gates()["drift"]
    data = {"reference": Dataset.open(pd.DataFrame({"a": [1]}), role="reference")}
    found = run_gate(gate, Case("drift", gate.params({}), {}, data, NOW))
    assert outcome_of(found) == "error" and "production" in str(found[0].note)


def test_a_method_that_does_not_take_the_column_is_an_error_that_names_those_that_do(run: Run) -> None:
    table = pd.DataFrame({"c": ["a", "b"] * 50})
    found = run("drift", {"reference": table, "production": table}, method="ks")
    assert found[0].outcome == "error" and "chisquare" in str(found[0].remedy)


@pytest.mark.parametrize(
    "params",
    [
        {"method": "psii"},
        {"limits": {"psy": 0.1}},
        {"limits": {"psi": {"op": ">=", "value": 0.1}}},
        {"limits": {"psi": {"op": "<=", "value": math.inf}}},
        {"limits": {"psi": {"op": "<=", "value": True}}},
        {"chunk": 0},
        {"chunk": "1 fortnight"},
        {"chunk": "1d"},
        {"correction": "holm"},
        {"confidence": 1.0},
        {"min_rows": 1},
        {"columns": []},
    ],
    ids=str,
)
def test_a_parameter_that_makes_no_sense_is_an_error_with_a_remedy(run: Run, params: dict[str, Any]) -> None:
    table = pd.DataFrame({"a": np.arange(100.0)})
    found = run("drift", {"reference": table, "production": table}, **params)
    assert outcome_of(found) == "error" and found[0].remedy


@pytest.mark.parametrize("name", ['a "quoted" one', "dotted.name", "🐍", "sensitive", "chunk", "value", "x", "data"])
def test_any_column_name_will_do(run: Run, name: str) -> None:
    draw = np.random.default_rng(0)
    sets = {role: pd.DataFrame({name: draw.normal(size=2000)}) for role in ("reference", "production")}
    for params in ({}, {"method": ["psi", "hellinger"]}, {"chunk": 1000}):
        assert {f.outcome for f in run("drift", sets, **params)} <= {None, "pass", "inconclusive"}


def test_a_constant_column_does_not_drift_and_a_new_constant_does(run: Run) -> None:
    same = pd.DataFrame({"a": [3.0] * 2000})
    for method in BOUNDED:
        assert run("drift", {"reference": same, "production": same}, method=method)[0].outcome == "pass", method
        moved = run("drift", {"reference": same, "production": same + 1}, method=method)[0]
        assert moved.outcome == "fail", (method, moved)


def test_weights_times_and_identifiers_are_no_features(run: Run) -> None:
    table = pd.DataFrame({"a": np.arange(100.0), "w": 1.0, "at": pd.Timestamp("2024-01-01"), "key": np.arange(100)})
    roles = {"weight": ["w"], "timestamp": ["at"], "id": ["key"]}
    found = run("drift", {"reference": table, "production": table}, roles)
    assert {f.over["column"] for f in found if f.over} == {"a"}


def test_the_global_random_state_is_left_alone(run: Run) -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index]
    run(
        "drift",
        {"reference": frame("normal", 200, 0, 1), "production": frame("normal", 200, 0, 2)},
        method=["psi", "ks"],
    )
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index]


# One pass ------------------------------------------------------------------------------------------------------------


def test_many_columns_cost_as_many_queries_as_few(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = counted_queries(monkeypatch)
    counts = []
    for columns in (2, 12):
        draw = np.random.default_rng(columns)
        sets = {
            role: pd.DataFrame(
                {f"x{place}": draw.normal(0, 1, 2000) for place in range(columns)}
                | {f"c{place}": draw.choice(["a", "b", "c"], 2000) for place in range(columns)}
            )
            for role in ("reference", "production")
        }
        asked.clear()
        found = run("drift", sets, method=["psi", "jensenshannon"])
        assert outcome_of(found) == "pass"
        counts.append(len(asked))
    assert counts[0] == counts[1]


@pytest.mark.parametrize("kind", ["normal", "skewed", "whole", "single", "grid", "far", "wide"])
def test_bins_found_by_multiplication_are_those_of_numpy(run: Run, kind: str) -> None:
    """Values on the edges, far from zero, and in a range of over 4,096 whole numbers."""
    draw = np.random.default_rng(3)
    odd: dict[str, Callable[[], Any]] = {
        "grid": lambda: draw.integers(0, 221, 3000) / 10,
        "far": lambda: 1e9 + draw.integers(0, 2201, 3000) / 1000,
        "wide": lambda: draw.integers(-40_000, 40_000, 3000),
    }
    sets = [pd.DataFrame({"x": odd[kind]()}) if kind in odd else frame(kind, 3000, 0.3, seed) for seed in (1, 2)]
    package = find_gates()["drift"].load().__module__
    columns, together, pairs = (sys.modules[f"{package}.{name}"] for name in ("columns", "together", "pair"))
    data = [Dataset.open(each, role=role) for each, role in zip(sets, ("reference", "production"), strict=True)]
    reading = {"x": columns.reading_of("x", *data, False)}
    pair = pairs.Pair(*(columns.profile(columns.Part(each), reading)["x"] for each in data))
    for column, values in zip((pair.reference, pair.production), sets, strict=True):
        together.bin_together([(column, pair.edges)])
        expected = np.histogram(values["x"].to_numpy(), pair.edges)[0]
        assert column.histogram(pair.edges).tolist() == expected.tolist()


@pytest.mark.parametrize("ties", [False, True])
def test_a_merge_in_blocks_gives_scipy_s_distances(run: Run, ties: bool) -> None:
    from scipy import stats

    run("drift", {"reference": frame("normal", 50, 0, 1), "production": frame("normal", 50, 0, 2)}, method="ks")
    package = find_gates()["drift"].load().__module__
    order, methods = sys.modules[f"{package}.order"], sys.modules[f"{package}.methods"]
    draw = np.random.default_rng(0)
    one, other = (np.sort(draw.normal(shift, 1, size)) for shift, size in ((0, 300_000), (0.01, 290_000)))
    if ties:
        one, other = one.round(1), other.round(1)
    merged, by_hand = order.merge(one, other), stats.ks_2samp(one, other)
    assert merged.ks == pytest.approx(by_hand.statistic, rel=1e-12)
    assert merged.area == pytest.approx(stats.wasserstein_distance(one, other), rel=1e-9)
    assert np.sqrt(2 * merged.squares) == pytest.approx(stats.energy_distance(one, other), rel=1e-9)
    spread = order.spread(one)
    assert spread.deviation == pytest.approx(np.std(one), rel=1e-12)
    kurtosis = stats.kurtosis(one, fisher=False)
    assert spread.relative_error == pytest.approx(np.sqrt((kurtosis - 1) / (4 * len(one))), rel=1e-9)
    n = round(len(one) * len(other) / (len(one) + len(other)))
    assert methods._ks_p(merged.ks, n) == pytest.approx(by_hand.pvalue, rel=1e-9, abs=1e-9)
