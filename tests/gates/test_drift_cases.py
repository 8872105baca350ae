"""Drift: what must not pass, what a reader must be told, and what each verdict hangs on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]
NEVER = ["kl_div", "ed", "anderson", "cramer_von_mises", "t_test", "mannw", "es"]
COUNTED = ["chisquare", "g_test", "z", "fisher_exact"]


def two(reference: Any, production: Any) -> dict[str, pd.DataFrame]:
    return {"reference": pd.DataFrame({"x": reference}), "production": pd.DataFrame({"x": production})}


def normal(n: int, shift: float = 0.0, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(shift, 1, n)


def of(found: tuple[Finding, ...], measure: str, **over: Any) -> Finding:
    (one,) = [f for f in found if f.measure == measure and (not over or f.over == over)]
    return one


# What may pass -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", NEVER)
def test_a_method_without_an_upper_bound_never_passes_however_many_rows(run: Run, method: str) -> None:
    values = normal(5000)
    finding = of(run("drift", two(values, values + 0.0), method=method, shares_rows=True), method)
    assert finding.outcome == "inconclusive"
    assert finding.remedy and "upper bound" in str(finding.note)


@pytest.mark.parametrize("method", COUNTED)
@pytest.mark.parametrize("limits", [{}, {"chisquare": 5, "g_test": 5, "z": 5, "fisher_exact": 5}])
def test_a_test_of_counts_never_passes_by_its_p_value_nor_by_its_statistic(
    run: Run, method: str, limits: dict[str, float]
) -> None:
    finding = of(run("drift", two(["a", "b"] * 3000, ["a", "b"] * 3000), method=method, limits=limits), method)
    assert finding.outcome == "inconclusive" and finding.remedy


def test_detectors_of_streams_never_pass(run: Run) -> None:
    pytest.importorskip("river")
    finding = of(run("drift", two(normal(300), normal(300, seed=2)), method="ADWIN"), "ADWIN")
    assert (finding.value, finding.outcome) == (0, "inconclusive")


def test_forty_rows_moved_by_half_a_deviation_do_not_pass_by_any_method(run: Run) -> None:
    methods = ["psi", "jensenshannon", "hellinger", "ks", "wasserstein", *NEVER]
    found = run("drift", two(normal(40), normal(40, 0.6, 2)), method=methods)
    assert "pass" not in {f.outcome for f in found if f.measure in methods}
    assert of(run("drift", two(normal(40), normal(40, 0.6, 2))), "psi").outcome == "inconclusive"
    assert "pass" not in {f.outcome for f in run("drift", two(normal(40), normal(40, 0.6, 2)), method="evidently")[:1]}


def test_evidently_s_choice_passes_only_where_it_is_a_bounded_one(run: Run) -> None:
    few = run("drift", two(normal(900), normal(900, 0, 2)), method="evidently")
    many = run("drift", two(normal(40_000), normal(40_000, 0, 2)), method="evidently")
    counts = run("drift", two(["a", "b", "c"] * 300, ["a", "b", "c"] * 300), method="evidently")
    assert (few[0].measure, few[0].outcome) == ("ks", "pass") or few[0].outcome == "inconclusive"
    assert (many[0].measure, many[0].outcome) == ("wasserstein", "pass")
    assert (counts[0].measure, counts[0].outcome) == ("chisquare", "inconclusive")


@pytest.mark.parametrize("method", ["psi", "jensenshannon", "hellinger", "ks", "wasserstein", "TVD"])
def test_a_pass_has_its_upper_end_within_the_limit_and_a_fail_its_lower_end_beyond(run: Run, method: str) -> None:
    seen = set()
    for shift in (0.0, 0.05, 0.1, 0.3, 0.8):
        reference, production = normal(4000), normal(4000, shift, 2)
        if method == "TVD":
            reference, production = np.round(reference), np.round(production)
        finding = of(run("drift", two(reference, production), method=method), method)
        assert finding.limit is not None and finding.low is not None and finding.high is not None
        assert finding.low <= finding.value <= finding.high  # type: ignore[operator]
        assert (finding.outcome == "pass") == (finding.high <= finding.limit.value)
        assert (finding.outcome == "fail") == (finding.low > finding.limit.value)
        seen.add(finding.outcome)
    assert {"pass", "fail"} <= seen


def test_fewer_rows_than_the_least_do_not_pass_and_so_many_do(run: Run) -> None:
    sets = two(normal(2000), normal(2000, seed=2))
    outcomes = [of(run("drift", sets, min_rows=rows), "psi").outcome for rows in (2000, 2001)]
    assert outcomes == ["pass", "inconclusive"]
    assert "2001 are needed" in str(of(run("drift", sets, min_rows=2001), "psi").note)


def test_more_verdicts_need_more_for_a_fail_and_no_more_for_a_pass(run: Run) -> None:
    draw = np.random.default_rng(4)
    moved = {"x": normal(400, 0.6, 2)}
    others = {f"c{place}": draw.normal(0, 1, 400) for place in range(60)}
    base = {"x": normal(400)} | {name: draw.normal(0, 1, 400) for name in others}
    wide = {"reference": pd.DataFrame(base), "production": pd.DataFrame(moved | others)}
    alone = run("drift", wide, columns=["x"])
    together = run("drift", wide)
    plain = run("drift", wide, correction="none")
    assert of(alone, "psi").outcome == of(plain, "psi", column="x").outcome == "fail"
    finding = of(together, "psi", column="x")
    assert finding.outcome == "inconclusive"
    assert "fails alone" in str(finding.note) and "over 61 verdicts" in str(finding.note)
    passes = [f.outcome for f in together if f.measure == "psi"]
    assert passes == ["inconclusive", *[f.outcome for f in plain if f.measure == "psi"][1:]] and "pass" in passes


def test_a_p_value_that_fails_alone_and_not_among_many_is_open_and_says_so(run: Run) -> None:
    draw = np.random.default_rng(4)
    names = [f"c{place}" for place in range(40)]
    base = pd.DataFrame({name: draw.normal(0, 1, 300) for name in names})
    wide = {"reference": base, "production": base.assign(c0=normal(300, 0.35, 2))}
    finding = of(run("drift", wide, method="t_test"), "t_test", column="c0")
    assert finding.p_value is not None and 0.05 / 40 < finding.p_value < 0.05
    assert finding.outcome == "inconclusive" and "fails alone" in str(finding.note)
    assert finding.limit is not None and finding.limit.value == pytest.approx(0.05 / 40)
    for how, outcome in (("none", "fail"), ("bonferroni", "inconclusive")):
        assert of(run("drift", wide, method="t_test", correction=how), "t_test", column="c0").outcome == outcome


def test_a_limit_on_the_statistic_takes_the_place_of_the_one_on_the_p_value(run: Run) -> None:
    sets = two(normal(500), normal(500, 0.5, 2))
    by_p = of(run("drift", sets, method="t_test"), "t_test")
    by_value = of(run("drift", sets, method="t_test", limits={"t_test": 1.0}), "t_test")
    assert by_p.limit is not None and by_p.limit.op == ">="
    assert by_value.limit is not None and (by_value.limit.op, by_value.limit.value) == ("<=", 1.0)
    nothing = of(run("drift", sets, method="t_test", limits={"p_value": None}), "t_test")
    assert (nothing.limit, nothing.outcome) == (None, None)
    divergence = of(run("drift", sets, method="psi", limits={"psi": None}), "psi")
    assert (divergence.limit, divergence.outcome) == (None, None) and divergence.high is not None


@pytest.mark.parametrize(
    ("limit", "shift", "outcome"), [(1.0, 0.5, "inconclusive"), (-20.0, 0.5, "fail"), (-20.0, 0.0, "inconclusive")]
)
def test_a_statistic_without_interval_fails_only_with_a_small_p_value(
    run: Run, limit: float, shift: float, outcome: str
) -> None:
    sets = two(normal(500), normal(500, shift, 2))
    assert of(run("drift", sets, method="t_test", limits={"t_test": limit}), "t_test").outcome == outcome


def test_a_test_without_a_p_value_is_open_and_says_so(run: Run) -> None:
    finding = of(run("drift", two([3.0] * 200, [3.0] * 200), method="t_test"), "t_test")
    assert finding.outcome == "inconclusive" and "no p-value" in str(finding.note)


# Bands ---------------------------------------------------------------------------------------------------------------


def test_one_outlier_of_the_reference_hides_nothing(run: Run) -> None:
    draw = np.random.default_rng(0)
    reference = np.append(draw.normal(50, 10, 299), 1_000_000.0)
    sets = two(reference, draw.normal(90, 10, 300))
    for method in ("psi", "jensenshannon", "hellinger"):
        assert of(run("drift", sets, method=method), method).outcome == "fail"
    wide = of(run("drift", sets, method="psi", bins="evidently"), "psi")
    assert wide.outcome == "inconclusive" and "nine tenths" in str(wide.note)


def test_a_value_with_more_than_a_band_s_share_is_a_band_of_its_own(run: Run) -> None:
    draw = np.random.default_rng(1)
    reference = np.concatenate([np.zeros(600), draw.uniform(0.001, 1, 1400)])
    moved = np.concatenate([np.full(600, 0.0005), draw.uniform(0.001, 1, 1400)])
    assert of(run("drift", two(reference, moved)), "psi").outcome == "fail"
    same = np.concatenate([np.zeros(600), draw.uniform(0.001, 1, 1400)])
    assert of(run("drift", two(reference, same)), "psi").outcome == "pass"


def test_bands_hold_a_tenth_each_and_heavy_values_stand_alone(run: Run) -> None:
    import sys

    from aims_gates import Dataset
    from aims_gates.packs.find import find_gates

    package = find_gates()["drift"].load().__module__
    columns, bands = sys.modules[f"{package}.columns"], sys.modules[f"{package}.bands"]

    def cut(values: Any) -> Any:
        data = Dataset.open(pd.DataFrame({"x": values}), role="reference")
        reading = {"x": columns.reading_of("x", data, data, False)}
        return bands.bands_of(columns.profile(columns.Part(data), reading)["x"])

    plain = cut(normal(1000))
    assert plain.rows.tolist() == [99, *[100] * 8, 101] and not any(plain.alone)
    heavy = cut(np.concatenate([np.full(300, 5.0), np.linspace(0, 10, 700)]))
    assert heavy.alone.count(True) == 1 and heavy.rows[heavy.alone.index(True)] == 300
    assert heavy.cuts[heavy.alone.index(True) - 1] == 5.0
    assert heavy.rows.sum() == 1000 and min(heavy.rows) >= 50
    constant = cut([3.0] * 50)
    assert (constant.rows.tolist(), constant.alone) == ([0, 50, 0], (False, True, False))
    # Beyond so many rows the engine is asked for the quantiles.
    most, bands._MOST_SORTED = bands._MOST_SORTED, 10
    try:
        asked = cut(np.concatenate([np.full(300, 5.0), np.linspace(0, 10, 700)]))
    finally:
        bands._MOST_SORTED = most
    assert asked.alone.count(True) == 1 and asked.rows[asked.alone.index(True)] == 300
    assert asked.rows.sum() == 1000 and min(asked.rows) >= 50


def test_rare_categories_are_counted_together(run: Run) -> None:
    rare = [f"r{place}" for place in range(200)]
    base = ["a"] * 4000 + ["b"] * 4000 + rare * 5
    found = run("drift", two(base, ["a"] * 2000 + ["b"] * 2000 + rare * 3))
    assert "3 cells" in str(of(found, "psi").note)
    theirs = run("drift", two(base, ["a"] * 2000 + ["b"] * 2000 + rare * 3), bins="evidently")
    assert "202 cells" in str(of(theirs, "psi").note)


# Vocabulary, missing values, periods ---------------------------------------------------------------------------------


def test_three_hundred_new_postcodes_do_not_pass(run: Run) -> None:
    draw = np.random.default_rng(3)
    codes = [[f"Z{first + value:05d}" for value in draw.integers(0, 2000, 300)] for first in (0, 50_000)]
    found = run("drift", two(*codes))
    assert outcome_of(found) != "pass"
    assert (of(found, "unseen_share").value, of(found, "unseen_share").n) == (1.0, 300)
    assert of(found, "unseen_share").outcome == "fail"


def test_text_whose_values_come_again_passes_and_a_new_tenth_fails(run: Run) -> None:
    draw = np.random.default_rng(3)
    words = [f"w{place}" for place in range(11_000)]
    base = np.repeat(words, 2)
    same = run("drift", two(base, draw.choice(words, 3000)))
    assert {of(same, name).outcome for name in ("unseen_share", "psi")} == {"pass"}
    new = np.where(draw.random(3000) < 0.1, "something else", draw.choice(words, 3000))
    assert of(run("drift", two(base, new)), "unseen_share").outcome == "fail"


def test_values_that_the_reference_is_too_small_to_know_are_open(run: Run) -> None:
    draw = np.random.default_rng(3)
    cities = [f"c{place}" for place in range(60)]
    found = run("drift", two(draw.choice(cities, 150), draw.choice(cities, 150)))
    finding = of(found, "unseen_share")
    assert finding.outcome == "inconclusive" and "stand there once" in str(finding.note)


def test_a_column_that_is_nearly_all_missing_now_does_not_pass(run: Run) -> None:
    draw = np.random.default_rng(0)
    values = draw.choice(["a", "b"], 2000)
    gone = [value if place % 25 == 0 else None for place, value in enumerate(values)]
    found = run("drift", two(values, gone))
    finding = of(found, "missing_increase")
    assert (round(finding.value or 0, 3), finding.outcome) == (0.96, "fail")
    before = run("drift", two(gone, gone), shares_rows=True)
    assert of(before, "missing_increase").outcome == "pass"


def test_periods_without_rows_are_named(run: Run) -> None:
    table = pd.DataFrame({"x": normal(400)})
    days = [0] * 200 + [3] * 200
    production = table.assign(at=pd.Timestamp("2024-01-30") + pd.to_timedelta(days, unit="D"))
    found = run("drift", {"reference": table, "production": production}, {"timestamp": ["at"]}, chunk="1d")
    empty = [f for f in found if f.measure == "rows"]
    assert [f.over for f in empty] == [{"chunk": "2024-01-31T00:00:00"}, {"chunk": "2024-02-01T00:00:00"}]
    assert all(f.value == 0 and "no row" in str(f.note) for f in empty)
    months = production.assign(at=pd.to_datetime(["2023-11-05"] * 200 + ["2024-02-05"] * 200))
    found = run("drift", {"reference": table, "production": months}, {"timestamp": ["at"]}, chunk="1mo")
    assert [(f.over or {})["chunk"][:7] for f in found if f.measure == "rows"] == ["2023-12", "2024-01"]


# Rows of other sets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["reference", "evaluation"])
def test_production_that_holds_rows_of_another_set_is_refused(run: Run, role: str) -> None:
    draw = np.random.default_rng(0)

    def table(n: int) -> pd.DataFrame:
        return pd.DataFrame({"x": draw.normal(size=n), "k": draw.integers(0, 3, n)})

    sets = {"reference": table(800), "evaluation": table(700)}
    drawn = pd.concat([sets[role].sample(60, random_state=1), table(540)])
    found = run("drift", {**sets, "production": drawn})
    shared = {f.by["dataset"]: f for f in found if f.measure == "row_overlap_share"}
    assert (shared[role].value, shared[role].outcome) == (0.1, "fail")
    assert role in str(shared[role].remedy)
    other = "evaluation" if role == "reference" else "reference"
    assert (shared[other].value, shared[other].outcome) == (0, "pass")
    assert outcome_of(found) == "fail"


def test_rows_that_are_alike_by_nature_are_told_and_refuse_nothing(run: Run) -> None:
    draw = np.random.default_rng(0)
    sets = {role: pd.DataFrame({"k": draw.integers(0, 3, 500)}) for role in ("reference", "production")}
    found = run("drift", sets)
    finding = of(found, "row_overlap_share")
    assert (finding.value, finding.outcome, finding.limit) == (1, None, None) and "different cases" in str(finding.note)
    assert outcome_of(found) == "pass"


def test_the_same_numbers_of_another_type_are_the_same_rows(run: Run, tmp_path: Path) -> None:
    table = pd.DataFrame({"x": np.arange(500), "w": [f"{place}" for place in range(500)]})
    sets = {"reference": table, "production": table.astype({"x": "float64"})}
    assert of(run("drift", sets), "row_overlap_share").outcome == "fail"


def test_one_column_alone_does_not_tell_a_copied_row_from_an_equal_one(run: Run) -> None:
    table = pd.DataFrame({"x": np.arange(500.0)})
    finding = of(run("drift", {"reference": table, "production": table}), "row_overlap_share")
    assert (finding.value, finding.outcome) == (1, "inconclusive") and "an equal one" in str(finding.note)
