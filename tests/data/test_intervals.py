"""Intervals against published figures and the laws they must keep."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aims_gates import Limit, intervals

COUNTS = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
LEVELS = st.sampled_from([0.8, 0.9, 0.95, 0.99])


@pytest.mark.parametrize(
    ("x", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_figures(x: int, n: int, low: float, high: float) -> None:
    assert intervals.wilson(x, n) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("counts", "low", "high"),
    [
        ((56, 70, 48, 80), 0.0524, 0.3339),
        ((9, 10, 3, 10), 0.1705, 0.8090),
        ((10, 10, 0, 20), 0.6791, 1.0),
        ((5, 56, 0, 29), -0.0381, 0.1926),
    ],
)
def test_differences_give_newcombes_published_figures(counts: tuple[int, ...], low: float, high: float) -> None:
    assert intervals.newcombe_difference(*counts) == pytest.approx((low, high), abs=5e-5)


def test_a_ratio_gives_the_figures_of_other_software() -> None:
    """statsmodels 0.15, confint_proportions_2indep(compare="ratio", method="score", correction=True)."""
    assert intervals.ratio_score(36, 40, 16, 80) == pytest.approx((2.934646459487796, 7.166298299460339), rel=1e-9)
    assert intervals.ratio_score(5, 80, 7, 90) == pytest.approx((0.27714832947718115, 2.311672464204144), rel=1e-9)
    assert intervals.ratio_score(0, 20, 5, 30) == pytest.approx((0.0, 1.0548711957798134), rel=1e-9)


def test_a_ratio_is_near_koopmans_published_figures() -> None:
    """Koopman (1984): 2.94 to 7.15. Miettinen and Nurminen's factor widens it a little."""
    assert intervals.ratio_score(36, 40, 16, 80) == pytest.approx((2.94, 7.15), abs=0.02)


def test_paired_differences_give_newcombes_published_figures() -> None:
    """Statistics in Medicine 17 (1998) 2635, table III, method 10."""
    assert intervals.paired_difference(36, 12, 2, 0) == pytest.approx((0.0569, 0.3404), abs=5e-5)
    assert intervals.paired_difference(0, 54, 0, 0)[0] > 0.8


@given(COUNTS, LEVELS)
def test_a_rates_interval_holds_the_rate_and_is_never_of_zero_width(counts: tuple[int, int], level: float) -> None:
    x, n = counts
    low, high = intervals.wilson(x, n, level)
    assert 0 <= low <= x / n <= high <= 1
    assert high - low > 0
    mirrored = intervals.wilson(n - x, n, level)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=1e-12)


@given(COUNTS)
def test_wilsons_ends_solve_the_score_equation(counts: tuple[int, int]) -> None:
    x, n = counts
    z = stats.norm.ppf(0.975)
    for end in intervals.wilson(x, n):
        if 0 < end < 1:
            assert abs(x / n - end) == pytest.approx(z * math.sqrt(end * (1 - end) / n), rel=1e-6)


@given(COUNTS, COUNTS, LEVELS)
def test_a_difference_turns_its_sign_with_its_samples(a: tuple[int, int], b: tuple[int, int], level: float) -> None:
    low, high = intervals.newcombe_difference(*a, *b, level)
    assert -1 <= low <= a[0] / a[1] - b[0] / b[1] + 1e-12
    assert low < high <= 1
    assert intervals.newcombe_difference(*b, *a, level) == pytest.approx((-high, -low), abs=1e-12)


@given(COUNTS, COUNTS, LEVELS)
def test_a_ratio_turns_over_with_its_samples(a: tuple[int, int], b: tuple[int, int], level: float) -> None:
    low, high = intervals.ratio_score(*a, *b, level)
    assert 0 <= low < high
    if b[0] > 0:
        ratio = (a[0] / a[1]) / (b[0] / b[1])
        assert low <= ratio * (1 + 1e-9)
        assert ratio <= high * (1 + 1e-9)
    turned = intervals.ratio_score(*b, *a, level)
    expected = (0.0 if math.isinf(high) else 1 / high, math.inf if low == 0 else 1 / low)
    assert turned == pytest.approx(expected, rel=1e-6)


@given(COUNTS, COUNTS, st.floats(0.3, 3))
def test_the_test_and_the_interval_of_a_ratio_agree(a: tuple[int, int], b: tuple[int, int], ratio: float) -> None:
    low, high = intervals.ratio_score(*a, *b)
    z = intervals.ratio_statistic(*a, *b, ratio)
    if min(abs(ratio - low), abs(ratio - high)) > 1e-6 * ratio:
        assert (low <= ratio <= high) == (abs(z) <= intervals.critical(0.95))


def test_nothing_known_is_the_widest_interval() -> None:
    assert intervals.wilson(0, 0) == (0.0, 1.0)
    assert intervals.newcombe_difference(0, 0, 3, 5) == (-1.0, 1.0)
    assert intervals.ratio_score(0, 0, 3, 5) == (0.0, math.inf)
    assert intervals.ratio_score(0, 10, 0, 10) == (0.0, math.inf)
    assert intervals.paired_difference(0, 0, 0, 0) == (-1.0, 1.0)
    assert intervals.auc_interval(0.5, 0, 5) == (0.0, 1.0)
    assert intervals.mean_interval(1.0, 0.0, 1) is None


def test_all_successes_leave_room_below() -> None:
    low, high = intervals.ratio_score(20, 20, 20, 20)
    assert low < 1 < high
    assert intervals.wilson(20, 20)[0] == pytest.approx(0.8389, abs=5e-5)
    assert intervals.auc_interval(1.0, 20, 20)[0] < 0.95


@given(st.floats(0.0, 1.0), st.integers(2, 500), st.integers(2, 500))
def test_an_areas_interval_holds_the_area(area: float, m: int, n: int) -> None:
    low, high = intervals.auc_interval(area, m, n)
    assert 0 <= low <= area + 1e-9
    assert area - 1e-9 <= high <= 1
    assert high > low
    assert intervals.auc_interval(1 - area, n, m) == pytest.approx((1 - high, 1 - low), abs=1e-6)


def test_more_comparisons_widen_an_interval() -> None:
    plain, wide = intervals.wilson(30, 100), intervals.wilson(30, 100, 0.95, 190)
    assert wide[0] < plain[0] < plain[1] < wide[1]
    assert intervals.critical(0.95, 190) == pytest.approx(stats.norm.isf(0.025 / 190), rel=1e-12)


def test_arrays_give_what_single_calls_give() -> None:
    x, n = np.array([0, 5, 20]), np.array([20, 20, 20])
    low, high = intervals.ratio_score(x, n, 7, 20)
    for place in range(3):
        assert (low[place], high[place]) == intervals.ratio_score(x[place], n[place], 7, 20)


def test_an_effective_size_falls_as_weights_grow_unequal() -> None:
    assert intervals.effective_n(10, 10) == 10
    assert intervals.effective_n(10, 50) == 2
    assert intervals.effective_n(0, 0) == 0


def test_the_rows_asked_for_settle_a_limit_eight_times_in_ten() -> None:
    """At equal rates either group may come out lower, so that both sides have to keep the limit."""
    draw = np.random.default_rng(3)
    for kind, high, low in (
        ("ratio", 0.3, 0.3),
        ("ratio", 0.3, 0.2),
        ("difference", 0.3, 0.3),
        ("difference", 0.5, 0.3),
    ):
        ratio = kind == "ratio"
        limit = Limit(">=", 0.8) if ratio else Limit("<=", 0.1)
        needed = (intervals.rows_for_ratio if ratio else intervals.rows_for_difference)(high, low, limit)
        assert needed is not None
        judge = intervals.judge_ratio if ratio else intervals.judge_difference
        outcome = "pass" if limit.met(low / high if ratio else high - low) else "fail"
        settled = sum(
            judge(intervals.RatePairs.of(counts, [needed, needed]), limit).outcome == outcome
            for counts in draw.binomial(needed, [high, low], (1000, 2))
        )
        assert 790 <= settled <= 900
    assert intervals.rows_for_ratio(0.3, 0.24, Limit(">=", 0.8)) is None
    assert intervals.rows_for_ratio(0.0, 0.0, Limit(">=", 0.8)) is None
    fails = intervals.rows_for_difference(0.5, 0.3, Limit("<=", 0.1), times=10)
    passes = intervals.rows_for_difference(0.3, 0.3, Limit("<=", 0.1))
    assert fails is not None
    assert passes is not None
    assert passes < fails < 3000
