"""How often a verdict is wrong exactly at its limit: at most 2.5 % at each end, plus three Monte-Carlo standard errors.

On counts, which is what gates make of rows; one test runs a gate beside the counts. AIMS_GATES_SIMULATIONS sets the
number of draws (1,000 unless told; ``make soak`` takes 10,000).
"""

import os
from collections import Counter
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from aims_gates import Finding, Limit, intervals
from aims_gates.data.intervals import RatePairs, delong_interval, judge_difference, judge_ratio
from aims_gates.gatekit import SampleRate, Tally, Together, judge_interval
from tests.support import note_rates

Run = Callable[..., tuple[Finding, ...]]
DRAWS = int(os.environ.get("AIMS_GATES_SIMULATIONS", "1000"))
MOST = 0.025 + 3 * (0.025 * 0.975 / DRAWS) ** 0.5
FOUR_FIFTHS = Limit(">=", 0.8)
SIZES = [100, 1000, pytest.param(10_000, marks=pytest.mark.long)]


def seldom_wrong(outcomes: Counter[str]) -> None:
    assert outcomes.total() == DRAWS
    note_rates(outcomes["pass"], outcomes["fail"], DRAWS)
    assert outcomes["pass"] <= MOST * DRAWS, outcomes
    assert outcomes["fail"] <= MOST * DRAWS, outcomes


def of_person(hits: NDArray[np.int64], rows: int) -> Tally:
    """Rows of persons of whom each has so many hits."""
    cells = np.stack([rows - hits, hits]).astype(float)
    together = Together(
        cells @ cells.T,
        {
            1: int((hits == 0).sum()),
            2: int((hits == rows).sum()),
            3: int(((hits > 0) & (hits < rows)).sum()),
        },
    )
    return Tally(cells.sum(axis=1), cells.sum(axis=1), cells.sum(axis=1), True, together)


def persons(draw: np.random.Generator, number: int, rate: float) -> NDArray[np.int64]:
    """Hits of ten rows each, correlated at 0.4."""
    hits: NDArray[np.int64] = draw.binomial(10, draw.beta(rate * 1.5, (1 - rate) * 1.5, number))
    return hits


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("mean", [1, 33, 1000])
def test_weights_of_any_mean_at_four_fifths(mean: float, n: int) -> None:
    draw, outcomes = np.random.default_rng(n + mean), Counter[str]()
    for _ in range(DRAWS):
        weights = draw.gamma(2, mean / 2, (2, n // 2))
        decided = draw.random((2, n // 2)) < np.array([[0.5], [0.4]])
        sizes = intervals.effective_n(weights.sum(axis=1), (weights**2).sum(axis=1))
        rates = (weights * decided).sum(axis=1) / weights.sum(axis=1)
        outcomes[judge_ratio(RatePairs.of(rates * sizes, sizes), FOUR_FIFTHS).outcome] += 1
    seldom_wrong(outcomes)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("mean", [1, 33, 1000])
@pytest.mark.parametrize("bound", [0.01, 0.05, 0.5])
def test_a_weighted_rate_at_its_limit(bound: float, mean: float, n: int) -> None:
    """Weights that vary as much as those of surveys do: a third of the rows is lost to them."""
    draw, outcomes = np.random.default_rng(n + mean), Counter[str]()
    for _ in range(DRAWS):
        weights = draw.gamma(2, mean / 2, n)
        total = float(weights.sum())
        hits = float(weights @ (draw.random(n) < bound)) / total
        rate = SampleRate(hits, float(intervals.effective_n(total, float(weights @ weights))))
        outcomes[judge_interval(Limit("<=", bound), hits, rate.interval(0.95))[0]] += 1
    seldom_wrong(outcomes)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("gap", [0.01, 0.05])
@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_a_difference_of_groups_at_its_limit(rate: float, gap: float, n: int) -> None:
    draw, outcomes = np.random.default_rng(n), Counter[str]()
    for counts in draw.binomial(n // 2, [rate, rate + gap], (DRAWS, 2)):
        outcomes[judge_difference(RatePairs.of(counts, [n // 2] * 2), Limit("<=", gap)).outcome] += 1
    seldom_wrong(outcomes)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("gap", [0.01, 0.05])
@pytest.mark.parametrize("only", [0.001, 0.1])
def test_a_difference_on_the_same_rows_at_its_limit(only: float, gap: float, n: int) -> None:
    draw, outcomes = np.random.default_rng(n), Counter[str]()
    for both, first, second, neither in draw.multinomial(n, [0.5, only + gap, only, 0.5 - 2 * only - gap], DRAWS):
        ends = intervals.exact_paired(both, first, second, neither)
        outcomes[judge_interval(Limit("<=", gap), (first - second) / n, ends)[0]] += 1
    seldom_wrong(outcomes)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("rates", [(0.5, 0.4), (0.9, 0.72), (0.1, 0.08)])
def test_ten_rows_a_person_at_four_fifths(rates: tuple[float, float], n: int) -> None:
    draw, outcomes = np.random.default_rng(n), Counter[str]()
    for _ in range(DRAWS):
        groups = [of_person(persons(draw, n // 20, rate), 10).rate([1], [0, 1]) for rate in rates]
        pairs = RatePairs.of(
            [(group.value or 0) * group.n for group in groups],
            [group.n for group in groups],
            df=[group.df for group in groups],
        )
        outcomes[judge_ratio(pairs, FOUR_FIFTHS).outcome] += 1
    seldom_wrong(outcomes)


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("limit", [Limit("<=", bound) for bound in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8)])
def test_a_rate_of_rows_of_persons_at_its_limit(limit: Limit, n: int) -> None:
    draw, outcomes = np.random.default_rng(n), Counter[str]()
    for _ in range(DRAWS):
        rate = of_person(persons(draw, n // 10, limit.value), 10).rate([1], [0, 1])
        outcomes[judge_interval(limit, rate.value or 0.0, rate.interval(0.95))[0]] += 1
    seldom_wrong(outcomes)


@pytest.mark.parametrize("n", SIZES)
def test_eight_sensitive_columns_all_at_the_limit(n: int) -> None:
    """Nine sets of columns with their intersection, which is judged alongside and counts in the correction."""
    half, outcomes = n // 2, Counter[str]()
    counts = np.random.default_rng(n).binomial(half, [0.5, 0.4], (DRAWS, 8, 2))
    # What fails beside eight others fails alone too: only such draws are worth judging.
    alone = intervals.ratio_statistic(counts[..., 1], half, counts[..., 0], half, 0.8) < -intervals.critical(0.95)
    for draw, near in zip(counts, alone, strict=True):
        pairs = [RatePairs.of(pair, [half] * 2) for pair in draw[near]]
        failed = any(judge_ratio(pair, FOUR_FIFTHS, families=9).outcome == "fail" for pair in pairs)
        outcomes["fail" if failed else "inconclusive"] += 1
    seldom_wrong(outcomes)
    assert alone.any(axis=1).mean() > 0.1


@pytest.mark.parametrize("area", [0.7, 0.9])
@pytest.mark.parametrize("n", [100, pytest.param(1000, marks=pytest.mark.long)])
def test_an_area_under_the_curve_at_its_limit(area: float, n: int) -> None:
    draw, outcomes = np.random.default_rng(n), Counter[str]()
    from scipy.special import ndtri

    shift, half = float(np.sqrt(2) * ndtri(area)), n // 2
    for _ in range(DRAWS):
        up, down = np.sort(draw.normal(shift, 1, half)), np.sort(draw.normal(0, 1, half))
        above, below = np.searchsorted(down, up) / half, 1 - np.searchsorted(up, down) / half
        error = float(np.sqrt(above.var(ddof=1) / half + below.var(ddof=1) / half))
        ends = delong_interval(float(above.mean()), error, half, half)
        outcomes[judge_interval(Limit(">=", area), float(above.mean()), ends)[0]] += 1
    seldom_wrong(outcomes)


def test_the_gate_comes_to_what_its_counts_come_to(run: Run) -> None:
    """Ten rows a person, weighted: the gate's own run gives the interval of the linearized variance, by hand."""
    draw = np.random.default_rng(8)
    for _ in range(5):
        person = np.repeat(np.arange(60), 10)
        frame = pd.DataFrame({"person": person, "g": np.where(person % 2, "a", "b"), "w": draw.gamma(2, 1, 600)})
        frame["d"] = (draw.random(600) < draw.beta(0.6, 0.9, 60)[person]).astype(int)
        roles = {"sensitive": ["g"], "prediction": ["d"], "cluster": ["person"], "weight": ["w"]}
        found = run("fairness", {"evaluation": frame}, roles)
        for name, part in frame.groupby("g"):
            rate = float(np.average(part.d, weights=part.w))
            totals = (part.w * (part.d - rate)).groupby(part.person).sum()
            weights = part.w.groupby(part.person).sum()
            added = 0.5 * (weights**2).mean() * (rate**2 + (1 - rate) ** 2)
            variance = ((totals**2).sum() * 30 / 29 + added) / part.w.sum() ** 2
            (one,) = [f for f in found if f.measure == "selection_rate" and f.by == {"g": name}]
            assert one.value == pytest.approx(rate)
            n = rate * (1 - rate) / variance
            assert one.n == pytest.approx(min(max(n, weights.sum() ** 2 / (weights**2).sum()), 300))
            size = float(intervals.at_level(one.n or 0.0, 29.0, 0.95))
            assert (one.low, one.high) == pytest.approx(intervals.exact_rate(rate * size, size))
