"""Exact intervals: published figures, and how often they err, counted through every outcome."""

import math
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from aims_gates import Limit, intervals
from aims_gates.data.intervals import RatePairs, judge_difference, judge_rate, judge_ratio

MOST = 0.025
RATES = (0.01, 0.02, 0.05, 0.5, 0.95)
SIZES = (100, 1000, pytest.param(10_000, marks=pytest.mark.long))


def outcomes(n: int, rate: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """All counts but those that hardly ever come, and their chances."""
    reach = 7 * math.sqrt(n * rate * (1 - rate)) + 8
    counts = np.arange(max(0, int(n * rate - reach)), min(n, int(n * rate + reach)) + 1)
    return counts.astype(float), np.asarray(stats.binom.pmf(counts, n, rate))


def test_clopper_and_pearsons_figures() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 5.
    assert intervals.exact_rate(81, 263) == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert intervals.exact_rate(15, 148) == pytest.approx((0.0578, 0.1617), abs=5e-5)
    assert intervals.exact_rate(0, 20) == pytest.approx((0.0, 0.1684), abs=5e-5)
    assert intervals.exact_rate(1, 29) == pytest.approx((0.0009, 0.1776), abs=5e-5)
    known = stats.binomtest(7, 40).proportion_ci(0.99)
    assert intervals.exact_rate(7, 40, 0.95, 5) == pytest.approx((known.low, known.high))


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("limit", RATES)
def test_a_rate_at_its_limit_errs_as_seldom_as_stated(limit: float, n: int) -> None:
    counts, chances = outcomes(n, limit)
    for op in ("<=", ">="):
        verdicts = np.array([judge_rate(Limit(op, limit), count, n)[0] for count in counts])
        assert chances[verdicts == "pass"].sum() <= MOST
        assert chances[verdicts == "fail"].sum() <= MOST


@pytest.mark.parametrize(
    ("n", "m"), [(100, 100), (100, 1000), (1000, 100), (1000, 1000), (10_000, 100), (300, 30)]
)  # fmt: skip
@pytest.mark.parametrize("gap", [0.01, 0.05, 0.1])
@pytest.mark.parametrize("rate", [0.0, 0.001, 0.01, 0.05, 0.5])
def test_a_difference_at_its_limit_errs_as_seldom_as_stated(rate: float, gap: float, n: int, m: int) -> None:
    (x, p), (y, q) = outcomes(n, rate), outcomes(m, rate + gap)
    low, high = intervals.exact_difference(y[:, None], m, x[None, :], n)
    chances = q[:, None] * p[None, :]
    assert chances[np.maximum(low, -high) > gap].sum() <= MOST
    assert chances[np.maximum(np.abs(low), np.abs(high)) <= gap].sum() <= MOST


@pytest.mark.parametrize(
    ("n", "m"), [(100, 100), (100, 1000), (1000, 100), (1000, 1000), (10_000, 100), (300, 30)]
)  # fmt: skip
@pytest.mark.parametrize("ratio", [0.5, 0.8, 0.9])
@pytest.mark.parametrize("rate", [0.01, 0.05, 0.5, 0.99, 1.0])
def test_a_ratio_at_its_limit_errs_as_seldom_as_stated(rate: float, ratio: float, n: int, m: int) -> None:
    (x, p), (y, q) = outcomes(n, rate), outcomes(m, rate * ratio)
    low, high = intervals.exact_ratio(y[:, None], m, x[None, :], n)
    chances = q[:, None] * p[None, :]
    with np.errstate(divide="ignore"):
        assert chances[np.minimum(high, 1 / low) < ratio].sum() <= MOST
        assert chances[np.minimum(low, 1 / high) >= ratio].sum() <= MOST


@pytest.mark.parametrize("gap", [0.0, 0.02, 0.1])
@pytest.mark.parametrize("only", [0.0, 0.002, 0.05, 0.2])
def test_a_paired_difference_at_its_limit_errs_as_seldom_as_stated(only: float, gap: float) -> None:
    n, wrong = 100, [0.0, 0.0]
    most = int(stats.binom.isf(1e-7, n, only))
    for first, second in product(range(int(stats.binom.isf(1e-7, n, gap + only)) + 1), range(most + 1)):
        if first + second <= n:
            chance = stats.multinomial.pmf(
                [first, second, n - first - second], n, [gap + only, only, 1 - gap - 2 * only]
            )
            low, high = intervals.exact_paired(0, first, second, n - first - second)
            wrong[0] += chance * (low > gap)
            wrong[1] += chance * (high < gap)
    assert max(wrong) <= MOST


def test_ends_hold_the_value_and_turn_with_the_samples() -> None:
    draw = np.random.default_rng(5)
    n, m = draw.integers(1, 500, (2, 2000))
    x, y = draw.integers(0, n + 1), draw.integers(0, m + 1)
    low, high = intervals.exact_difference(x, n, y, m)
    assert np.all((low >= -1) & (low <= x / n - y / m) & (high >= x / n - y / m) & (high <= 1))
    turned = intervals.exact_difference(y, m, x, n)
    assert np.allclose(turned[0], -high) and np.allclose(turned[1], -low)
    n, m, x, y = (part[(x > 0) & (y > 0)] for part in (n, m, x, y))
    (low, high), value = intervals.exact_ratio(x, n, y, m), x / n / (y / m)
    assert np.all((low >= 0) & (low <= value * (1 + 1e-12)) & (high >= value * (1 - 1e-12)))
    turned = intervals.exact_ratio(y, m, x, n)
    assert np.allclose(turned[0], 1 / high, rtol=1e-6) and np.allclose(turned[1], 1 / low, rtol=1e-6)


def test_the_ratio_is_where_its_difference_may_be_nothing() -> None:
    low, high = intervals.exact_ratio(40, 200, 90, 300)
    tail = 0.025 * (1 - 3 / math.sqrt(200))
    a, b = stats.beta.ppf(tail, 40, 161), stats.beta.isf(tail, 91, 210)
    assert 0.2 - low * 0.3 == pytest.approx(math.hypot(0.2 - a, low * (b - 0.3)))
    a, b = stats.beta.isf(tail, 41, 160), stats.beta.ppf(tail, 90, 211)
    assert high * 0.3 - 0.2 == pytest.approx(math.hypot(a - 0.2, high * (0.3 - b)))


def test_nothing_known_is_everything_possible() -> None:
    assert intervals.exact_rate(0, 0) == (0.0, 1.0)
    assert intervals.exact_difference(0, 0, 3, 5) == (-1.0, 1.0)
    assert intervals.exact_ratio(0, 0, 3, 5) == intervals.exact_ratio(0, 10, 0, 10) == (0.0, math.inf)
    assert intervals.exact_ratio(3, 10, 0, 10)[1] == math.inf
    assert intervals.exact_paired(0, 0, 0, 0) == (-1.0, 1.0)
    assert intervals.exact_paired(0, 10, 0, 0)[0] > 0


def test_weights_that_correct_a_sample_count_by_their_effective_size() -> None:
    assert intervals.exact_rate(2.5, 40.5) == pytest.approx(
        (stats.beta.ppf(0.025, 2.5, 39), stats.beta.isf(0.025, 3.5, 38))
    )


def test_verdicts_on_pairs_are_those_of_the_intervals_shown() -> None:
    groups = RatePairs.of([30, 60], [100, 100])
    low, high = intervals.exact_difference(30, 100, 60, 100)
    assert judge_difference(groups, Limit("<=", -low)).outcome == "pass"
    assert judge_difference(groups, Limit("<=", -low - 1e-9)).outcome == "inconclusive"
    assert judge_difference(groups, Limit("<=", -high - 1e-9)).outcome == "fail"
    low, high = intervals.exact_ratio(30, 100, 60, 100)
    assert judge_ratio(groups, Limit(">=", low)).outcome == "pass"
    assert judge_ratio(groups, Limit(">=", low + 1e-9)).outcome == "inconclusive"
    assert judge_ratio(groups, Limit(">=", high + 1e-9)).outcome == "fail"
