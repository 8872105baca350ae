"""Performance: means, rates and verdicts by hand, and all rows at once beside scikit-learn."""

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import brier_score_loss, log_loss

from aims_gates import Dataset, Limit
from aims_gates.gatekit import Bands, RatioSums, SampleRate
from aims_gates.packs.find import find_gates

VALUES = np.array([1.0, 2.0, 4.0, 4.0, 9.0, 13.0])


def module(name: str) -> ModuleType:
    """A module of the gate."""
    return sys.modules[f"{find_gates()['performance'].load().__module__}.{name}"]


def sums(values: np.ndarray) -> tuple[float, float, float, float]:
    """Sum, sum of squares, weight, size."""
    return float(values.sum()), float(np.square(values).sum()), float(len(values)), float(len(values))


def students(values: np.ndarray, confidence: float) -> tuple[float, float]:
    low, high = stats.t.interval(confidence, len(values) - 1, values.mean(), stats.sem(values))
    return float(low), float(high)


# Means and rates -----------------------------------------------------------------------------------------------------


def test_a_mean_has_students_interval_for_one_and_for_several() -> None:
    mean_of = module("measured").mean_of
    one = mean_of(*sums(VALUES), 0.95, 5, least=-100.0)
    assert (one.value, one.n) == (5.5, 6)
    assert (one.low, one.high) == pytest.approx(students(VALUES, 0.95), rel=1e-12)
    assert one.sure == pytest.approx(students(VALUES, 0.99), rel=1e-9)
    alone = mean_of(*sums(VALUES), 0.95, least=-100.0)
    assert alone.sure == pytest.approx(students(VALUES, 0.95), rel=1e-12)
    assert mean_of(*sums(VALUES), 0.95, 0.5, least=-100.0).sure == pytest.approx(alone.sure, rel=1e-12)
    assert "Student" in alone.note


def test_no_mean_of_losses_is_less_than_nothing() -> None:
    skewed = np.array([0.0, 0.0, 0.0, 8.0])
    low, high = students(skewed, 0.95)
    plain = module("measured").mean_of(*sums(skewed), 0.95)
    assert low < 0 and (plain.low, plain.high) == (0.0, pytest.approx(high))
    assert module("measured").mean_of(*sums(skewed), 0.95, least=-1.0).low == -1.0


def test_two_rows_have_an_interval_and_one_has_none() -> None:
    pair = np.array([3.0, 5.0])
    two = module("measured").mean_of(*sums(pair), 0.95, least=-100.0)
    assert (two.low, two.high) == pytest.approx(students(pair, 0.95))
    one = module("measured").mean_of(4.0, 16.0, 1.0, 1.0, 0.95)
    assert (one.value, one.low, one.high, one.n, one.sure) == (4.0, None, None, 1.0, None)
    assert "too few rows" in one.note


def test_equal_values_that_are_rounded_have_an_interval_of_their_mean() -> None:
    equal = module("measured").mean_of(0.3, 0.03 - 1e-15, 3.0, 3.0, 0.95)
    assert (equal.low, equal.high) == (pytest.approx(0.1, abs=1e-12), pytest.approx(0.1, abs=1e-12))
    endless = module("measured").mean_of(1.0, float("inf"), 3.0, 3.0, 0.95)
    assert (endless.low, endless.high) == (None, None)


def test_the_mean_of_clusters_has_their_error() -> None:
    """Six rows of three clusters: the ratio's error from their totals (Cochran 1977, 11.8)."""
    totals, sizes = np.array([3.0, 8.0, 22.0]), np.array([2.0, 2.0, 2.0])
    linked = RatioSums(3, float(totals @ totals), float(totals @ sizes), float(sizes @ sizes))
    error = float(np.sqrt(np.square(totals - 5.5 * sizes).sum() * 3 / 2) / 6)
    one = module("measured").mean_of(*sums(VALUES), 0.95, 2, linked, least=-100.0)
    reach = [float(stats.t.ppf(1 - (1 - level) / 2, 2)) * error for level in (0.95, 0.975)]
    assert (one.low, one.high) == pytest.approx((5.5 - reach[0], 5.5 + reach[0]))
    assert one.sure == pytest.approx((5.5 - reach[1], 5.5 + reach[1]))
    assert one.n == pytest.approx(VALUES.var() / error**2 + 1)


def test_clusters_that_balance_out_are_worth_no_more_than_rows() -> None:
    linked = RatioSums(3, 3 * 11.0**2, 3 * 22.0, 12.0)  # each cluster's total is twice the mean: no error between them
    one = module("measured").mean_of(*sums(VALUES), 0.95, 1, linked, least=-100.0)
    reach = float(stats.t.ppf(0.975, 2) * stats.sem(VALUES))
    assert (one.low, one.high) == pytest.approx((5.5 - reach, 5.5 + reach))
    assert one.n == pytest.approx(6)


def test_one_cluster_tells_nothing_and_equal_rows_count_as_their_clusters() -> None:
    mean_of = module("measured").mean_of
    alone = mean_of(*sums(VALUES), 0.95, 1, RatioSums(1, 33.0**2, 33.0 * 6, 36.0))
    assert (alone.value, alone.low, alone.n) == (5.5, None, 1.0)
    equal = mean_of(12.0, 24.0, 6.0, 6.0, 0.95, 1, RatioSums(3, 48.0, 24.0, 12.0))
    assert (equal.value, equal.low, equal.high, equal.n) == (2.0, 2.0, 2.0, 3.0)


def test_a_rate_has_the_exact_interval() -> None:
    rate_of = module("measured").rate_of
    one = rate_of(SampleRate(0.7, 20.0), 0.95, 4, "nothing")
    exact = [stats.binomtest(14, 20).proportion_ci(level, method="exact") for level in (0.95, 0.9875)]
    assert (one.low, one.high) == pytest.approx((exact[0].low, exact[0].high))
    assert one.sure == pytest.approx((exact[1].low, exact[1].high))
    assert (one.value, one.n, one.note) == (0.7, 20.0, None)
    none = rate_of(SampleRate(None, 5.0), 0.95, 4, "nothing")
    assert (none.value, none.low, none.n, none.note) == (None, None, 0.0, "nothing")


# Verdicts ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "small", "outcome", "words"),
    [
        ({"low": 0.6, "high": 0.8}, False, "pass", None),
        ({"low": 0.5, "high": 0.8}, False, "pass", None),
        ({"low": 0.4, "high": 0.8}, False, "inconclusive", "reaches over the limit"),
        ({"low": 0.6, "high": 0.8, "sure": (0.4, 0.9)}, False, "pass", None),
        ({"low": 0.6, "high": 0.8}, True, "inconclusive", "too few rows to judge by"),
        ({"low": 0.6, "high": 0.8, "open": "one band"}, False, "inconclusive", "one band"),
        ({"low": 0.6}, False, "inconclusive", "no interval"),
        ({"high": 0.8}, False, "inconclusive", "no interval"),
    ],
)
def test_a_value_passes_by_its_interval_alone(
    parts: dict[str, Any], small: bool, outcome: str, words: str | None
) -> None:
    measured, limit = module("measured"), Limit(">=", 0.5)
    found = measured.finding("m", measured.Measured(0.7, n=9.0, **parts), limit, by={"g": "x"}, small=small)
    assert (found.outcome, found.value, found.n, dict(found.by), found.limit) == (outcome, 0.7, 9.0, {"g": "x"}, limit)
    assert (found.low, found.high) == (parts.get("low"), parts.get("high"))
    assert found.note is None if words is None else words in str(found.note)
    assert (found.remedy is None) is (outcome == "pass")


def test_a_value_fails_by_the_corrected_interval_alone() -> None:
    measured, limit = module("measured"), Limit(">=", 0.5)
    for sure, outcome in ((None, "fail"), ((0.25, 0.45), "fail"), ((0.2, 0.6), "inconclusive")):
        found = measured.finding("m", measured.Measured(0.35, 0.3, 0.4, 9.0, "how", sure), limit, note="who")
        assert found.outcome == outcome
        assert str(found.note).startswith("who; how")
        assert ("fails alone" in str(found.note)) is (outcome == "inconclusive")
    assert "Improve" in str(measured.finding("m", measured.Measured(0.3, 0.2, 0.4), limit).remedy)


def test_what_has_no_value_or_no_limit_is_never_a_pass() -> None:
    measured, limit = module("measured"), Limit("<=", 0.5)
    none = measured.finding("m", measured.Measured(None, note="no rows"), limit)
    assert (none.value, none.outcome, none.note) == (None, "inconclusive", "no rows")
    free = measured.finding("m", measured.Measured(0.2, 0.1, 0.3, open="one band"), None)
    assert (free.outcome, free.note, free.remedy, dict(free.by)) == (None, "one band", None, {})


def test_without_an_interval_there_are_no_ends() -> None:
    none = module("measured").with_ends(0.4, lambda times: None, 3.0, 2, "how")
    assert (none.value, none.low, none.high, none.sure, none.n) == (0.4, None, None, None, 3.0)
    assert "too few rows" in none.note
    both = module("measured").with_ends(0.4, lambda times: (0.1 / times, 0.8), 3.0, 2, "how")
    assert (both.low, both.high, both.sure, both.note) == (0.1, 0.8, (0.05, 0.8), "how")


# All rows at once ----------------------------------------------------------------------------------------------------

HITS, MISSES = np.array([0.0, 0.2, 0.7, 0.7, 1.0]), np.array([0.0, 0.1, 0.3, 1.0])


def whole(hits: Any = HITS, misses: Any = MISSES) -> Any:
    return module("whole").Whole(np.array(hits, float), np.array(misses, float), (2, 2, 1, 3, 1, 1))


@pytest.mark.parametrize("block", [1, 2, 3, 1000])
def test_losses_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    monkeypatch.setattr(module("whole"), "_BLOCK", block)
    y, s = np.repeat([1, 0], [5, 4]), np.concatenate([HITS, MISSES])
    log, log_squares, brier, brier_squares = whole().losses(1e-3)
    near = np.clip(np.where(y == 1, s, 1 - s), 1e-3, 1 - 1e-3)
    assert log == pytest.approx(log_loss(y, np.clip(s, 1e-3, 1 - 1e-3)) * 9)
    assert log_squares == pytest.approx(np.square(np.log(near)).sum())
    assert brier == pytest.approx(brier_score_loss(y, s) * 9)
    assert brier_squares == pytest.approx(((s - y) ** 4).sum())


def test_the_range_is_of_all_scores_and_the_ends_are_of_those_from_0_to_1() -> None:
    wide = whole([0.2, 0.7, 1.2], [-0.1, 0.1, 0.3])
    assert (wide.range, wide.ends()) == ((-0.1, 1.2), (0.1, 0.7))
    assert whole([0.4, 0.5], []).range == whole([], [0.4, 0.5]).range == (0.4, 0.5)
    assert whole([0.4, 0.5], []).ends() == whole([-1.0, 0.4], [0.5, 1.1]).ends() == (0.4, 0.5)
    assert whole().ends() == (0.0, 1.0)
    assert whole([1.5], [-0.5]).ends() is None


def test_bands_hold_the_rows_that_numpy_puts_there() -> None:
    bands = Bands((2.0, 3.0), None, 0.0, 4.0, 3)
    wide = whole([-0.5, *HITS], [*MISSES, 1.5])
    assert list(wide.weights(bands)) == [(0.0, 4.0), (1.0, 1.0), (2.0, 2.0), (3.0, 2.0)]
    low, middle, high = wide.bins(bands)
    assert [one.place for one in (low, middle, high)] == [0, 1, 2]
    assert [one.weight for one in (low, middle, high)] == [5, 2, 2]
    assert [one.mean_score for one in (low, middle, high)] == pytest.approx([0.12, 0.7, 1.0])
    assert [one.share for one in (low, middle, high)] == pytest.approx([0.4, 1.0, 0.5])
    assert [one.spans for one in (low, middle, high)] == [True, False, False]
    assert low.name == "0 to 0.3"
    (first, last) = whole([0.1], [0.9]).bins(bands)
    assert (first.place, first.share, last.place, last.share) == (0, 1.0, 2, 0.0)


def test_rows_are_read_by_label_and_decision() -> None:
    rows = [(0, 0, 0.4), (0, 1, 0.3), (1, 0, 0.2), (1, 1, 0.9), (1, 1, 0.1), (0, 2, 0.6), (1, 2, 0.5), (1, 2, 0.7)]
    data = Dataset.open(pd.DataFrame(rows, columns=["y", "d", "s"]), role="evaluation")
    read = module("whole").read_whole(data, "SELECT y, d, s FROM data")
    assert read.kinds == (1, 1, 1, 2, 1, 2)
    assert read.favourable.tolist() == [0.1, 0.2, 0.5, 0.7, 0.9] and read.other.tolist() == [0.3, 0.4, 0.6]
    tally = read.tally()
    assert tally.rate([3], [2, 3, 5]).value == 0.4 and tally.rate([3], [2, 3, 5]).n == 5
    none = module("whole").read_whole(data, "SELECT y, d, s FROM data WHERE s > 5")
    assert (len(none.favourable), len(none.other), none.kinds) == (0, 0, (0,) * 6)
