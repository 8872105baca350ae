"""Verdicts on the worst pair: their logic, and how often they are wrong.

The simulations are seeded; AIMS_GATES_SIMULATIONS sets their number (1,000 unless told).
"""

import os
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from aims_gates import Limit, intervals
from aims_gates.data.intervals import PairVerdict, RatePairs, judge_difference, judge_ratio

DRAWS = int(os.environ.get("AIMS_GATES_SIMULATIONS", "1000"))
FOUR_FIFTHS, TENTH = Limit(">=", 0.8), Limit("<=", 0.1)
#: Three standard errors of a rate of 2.5 %.
ERROR = 3 * (0.025 * 0.975 / DRAWS) ** 0.5
Judge = Callable[[RatePairs, Limit], PairVerdict]


def simulate(rates: Sequence[float], n: int, judge: Judge, limit: Limit, seed: int = 42) -> dict[str, float]:
    draws = np.random.default_rng(seed).binomial(n, rates, size=(DRAWS, len(rates)))
    found = Counter(judge(RatePairs.of(draw, np.full(len(rates), n)), limit).outcome for draw in draws)
    return {outcome: found[outcome] / DRAWS for outcome in ("pass", "fail", "inconclusive")}


def simulate_odds(groups: int, n: int, judge: Judge, limit: Limit) -> float:
    """How often equalized odds fails when it holds: half the rows favourable, rates 0.6 and 0.3 in every group."""
    generator, failed = np.random.default_rng(7), 0
    for _ in range(DRAWS):
        positives = generator.binomial(n, 0.5, size=groups)
        hits, alarms = generator.binomial(positives, 0.6), generator.binomial(n - positives, 0.3)
        parts = (RatePairs.of(hits, positives), RatePairs.of(alarms, n - positives))
        failed += any(judge(part, limit, alongside=2).outcome == "fail" for part in parts)  # type: ignore[call-arg]
    return failed / DRAWS


@pytest.mark.parametrize("n", [100, 300, 1000])
def test_two_equal_groups_seldom_fail(n: int) -> None:
    assert simulate([0.3, 0.3], n, judge_ratio, FOUR_FIFTHS)["fail"] <= 0.025 + ERROR


def test_a_hundred_rows_a_group_settle_nothing_and_a_thousand_mostly_pass() -> None:
    assert simulate([0.3, 0.3], 100, judge_ratio, FOUR_FIFTHS)["inconclusive"] >= 0.95
    assert simulate([0.3, 0.3], 1000, judge_ratio, FOUR_FIFTHS)["pass"] >= 0.75


@pytest.mark.parametrize("groups", [10, 20])
@pytest.mark.parametrize(("judge", "limit"), [(judge_ratio, FOUR_FIFTHS), (judge_difference, TENTH)])
def test_many_equal_groups_seldom_fail(groups: int, judge: Judge, limit: Limit) -> None:
    assert simulate([0.3] * groups, 100, judge, limit)["fail"] <= 0.025 + ERROR
    assert simulate_odds(groups, 100, judge, limit) <= 0.025 + ERROR


@pytest.mark.parametrize("n", [100, 300, 1000, 5000])
def test_a_ratio_just_at_the_limit_seldom_passes_and_seldom_fails(n: int) -> None:
    found = simulate([0.3, 0.24], n, judge_ratio, FOUR_FIFTHS)
    assert found["pass"] <= 0.025 + ERROR
    assert found["fail"] <= 0.025 + ERROR


def test_a_real_gap_fails_given_rows_enough() -> None:
    assert simulate([0.3, 0.21], 5000, judge_ratio, FOUR_FIFTHS)["fail"] >= 0.95
    assert simulate([0.3, 0.15], 1000, judge_ratio, FOUR_FIFTHS)["fail"] >= 0.95


def test_a_real_gap_hardly_ever_passes() -> None:
    for n in (100, 300, 1000):
        assert simulate([0.3, 0.21], n, judge_ratio, FOUR_FIFTHS)["pass"] <= 0.025


def test_exactly_four_fifths_is_not_adverse() -> None:
    counts = RatePairs.of([4_800_000, 6_000_000], [10_000_000, 10_000_000])
    assert counts.worst(True) == (1, 0)
    assert FOUR_FIFTHS.met(float(counts.rates[0] / counts.rates[1]))
    assert judge_ratio(counts, FOUR_FIFTHS).outcome == "inconclusive"


def test_a_small_group_that_could_hide_a_failure_keeps_the_verdict_open() -> None:
    successes, n = [3000, 3000, 4], [10_000, 10_000, 12]
    assert judge_ratio(RatePairs.of(successes[:2], n[:2]), FOUR_FIFTHS).outcome == "pass"
    verdict = judge_ratio(RatePairs.of(successes, n, [True, True, False]), FOUR_FIFTHS)
    assert (verdict.outcome, verdict.hidden, verdict.open) == ("inconclusive", True, False)
    left_out = RatePairs.of(successes, n, [True, True, False], [True, True, False])
    assert judge_ratio(left_out, FOUR_FIFTHS).outcome == "pass"


def test_a_small_group_alone_never_fails_a_verdict() -> None:
    groups = RatePairs.of([3000, 3000, 0], [10_000, 10_000, 29], [True, True, False])
    assert judge_ratio(groups, FOUR_FIFTHS).outcome == "inconclusive"
    assert judge_difference(groups, TENTH).outcome == "inconclusive"


def test_the_failing_pair_is_the_worst_of_those_that_surely_fail() -> None:
    verdict = judge_ratio(RatePairs.of([500, 900, 400], [1000, 1000, 1000]), FOUR_FIFTHS)
    assert verdict.failing == (1, 2)
    assert verdict.pairs == 3


def test_one_group_or_none_is_inconclusive() -> None:
    assert judge_ratio(RatePairs.of([5], [10]), FOUR_FIFTHS).outcome == "inconclusive"
    assert judge_difference(RatePairs.of([], []), TENTH).outcome == "inconclusive"
    assert RatePairs.of([5], [10]).worst(False) is None
    assert RatePairs.of([0, 0], [0, 10]).worst(False) is None


def test_no_success_anywhere_decides_no_ratio() -> None:
    assert judge_ratio(RatePairs.of([0, 0], [1000, 1000]), FOUR_FIFTHS).outcome == "inconclusive"


def test_verdicts_agree_with_the_intervals_they_are_made_from() -> None:
    generator = np.random.default_rng(3)
    for _ in range(200):
        n = generator.integers(20, 3000, size=2)
        x = generator.binomial(n, generator.uniform(0.05, 0.95, size=2))
        groups = RatePairs.of(x, n)
        low, high = intervals.exact_difference(x[0], n[0], x[1], n[1])
        inside = max(abs(low), abs(high)) <= 0.1
        outside = max(low, -high) > 0.1
        expected = "fail" if outside else "pass" if inside else "inconclusive"
        assert judge_difference(groups, TENTH).outcome == expected
        ends = [intervals.exact_ratio(x[i], n[i], x[j], n[j]) for i, j in ((0, 1), (1, 0))]
        worst = (
            "fail" if any(e[1] < 0.8 for e in ends) else "pass" if all(e[0] >= 0.8 for e in ends) else "inconclusive"
        )
        assert judge_ratio(groups, FOUR_FIFTHS).outcome == worst


def test_a_thousand_groups_are_judged() -> None:
    assert judge_difference(RatePairs.of(np.full(1000, 30), np.full(1000, 100)), TENTH).pairs == 499_500
