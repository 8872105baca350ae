"""How often drift's verdicts are wrong where the truth lies at the limit: at most 2.5 % at each end.

Seeded; AIMS_GATES_SIMULATIONS sets the number of draws (`make soak`: 10,000).
"""

import math
import os
import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from aims_gates import Finding
from aims_gates.packs.find import find_gates
from tests.support import note_rates

Run = Callable[..., tuple[Finding, ...]]
ASKED = int(os.environ.get("AIMS_GATES_SIMULATIONS", "0"))
SIZES = (100, 1000, 10_000)
LIMITS = {"psi": 0.2, "jensenshannon": 0.1, "hellinger": 0.1, "TVD": 0.1, "ks": 0.1, "wasserstein": 0.1}
#: The reference's shares, and the direction in which production's logarithms differ.
SHAPES = {
    "a slope over ten bands": (np.full(10, 0.1), np.linspace(-1, 1, 10)),
    "one band of ten": (np.full(10, 0.1), np.eye(10)[9]),
    "one band nearly empties": (np.full(10, 0.1), -np.eye(10)[9]),
    "two values": (np.array([0.5, 0.5]), np.array([-1.0, 1.0])),
    "a rare value": (np.array([0.95, 0.05]), np.array([0.0, 1.0])),
    "six categories": (np.array([0.4, 0.3, 0.15, 0.08, 0.05, 0.02]), np.array([0.0, 0, 1, 0, -1, 1])),
}


def allowed(draws: int) -> float:
    """2.5 % and three Monte-Carlo standard errors."""
    return 0.025 + 3 * math.sqrt(0.025 * 0.975 / draws)


@cache
def module(name: str) -> Any:
    return sys.modules[f"{find_gates()['drift'].load().__module__}.{name}"]


def at_limit(method: str, shape: str) -> tuple[Any, Any]:
    """The shares of both sets, their distance being the limit."""
    methods, (first, direction) = module("methods"), SHAPES[shape]
    formula = {"psi": "_psi", "jensenshannon": "_js", "hellinger": "_hellinger", "TVD": "_total_variation"}[method]

    def moved(times: float) -> Any:
        raised = first * np.exp(times * direction)
        return raised / raised.sum()

    def over(times: float) -> float:
        return float(getattr(methods, formula)(first, moved(times))) - LIMITS[method]

    return first, moved(optimize.brentq(over, 0, 30))


def measured(method: str, first: Any, second: Any) -> Any:
    """The statistic of rows per cell, by the gate's own method."""
    pair = SimpleNamespace(
        cells=(first, second), tallies=(first, second), sizes=(int(first.sum()), int(second.sum())), crowded=False,
        quantiles=True, given=False, category=True, clustered=False,
    )  # fmt: skip
    return module("methods").METHODS[method].measure(pair)


def wrong(method: str, outcomes: Iterator[Any], draws: int) -> None:
    passes = fails = 0
    for statistic in outcomes:
        low, high = statistic.bound(LIMITS[method]).ends(0.025)
        passes, fails = passes + (high <= LIMITS[method]), fails + (low > LIMITS[method])
    note_rates(passes, fails, draws)
    assert passes / draws <= allowed(draws), (method, "pass", passes / draws)
    assert fails / draws <= allowed(draws), (method, "fail", fails / draws)


def counted(method: str, shape: str, n: int, draws: int) -> None:
    generator, (first, second) = np.random.default_rng(n), at_limit(method, shape)
    # A band that empties is the reference's in one direction and production's in the other: both are drawn.
    sides = [(first, second), (second, first)]
    wrong(
        method,
        (
            measured(method, generator.multinomial(n, sides[turn % 2][0]), generator.multinomial(n, sides[turn % 2][1]))
            for turn in range(draws)
        ),
        draws,
    )


@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("method", ["psi", "jensenshannon", "hellinger", "TVD"])
def test_counts_at_the_limit_seldom_pass_and_seldom_fail(method: str, n: int) -> None:
    counted(method, "a slope over ten bands", n, 40)


#: Each method with each shape that can come to its limit; a band of a tenth that empties moves a tenth at most.
REACHED = [
    (method, shape)
    for method in ("psi", "jensenshannon", "hellinger", "TVD")
    for shape in SHAPES
    if (method, shape) != ("TVD", "one band nearly empties")
]


@pytest.mark.long
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize(("method", "shape"), REACHED)
def test_counts_of_any_shape_at_the_limit_seldom_pass_and_seldom_fail(method: str, shape: str, n: int) -> None:
    counted(method, shape, n, max(ASKED, 400))


@pytest.mark.long
@pytest.mark.parametrize(
    ("method", "shape"),
    [("psi", "a slope over ten bands"), ("hellinger", "six categories"), ("jensenshannon", "a rare value")],
)
def test_of_twenty_looks_at_the_limit_together_seldom_one_passes_or_fails(method: str, shape: str) -> None:
    """Windows of 1,000 rows against one reference, with ``looks: 20``: an equal part of the tail for each."""
    generator, (first, second) = np.random.default_rng(20), at_limit(method, shape)
    series, looks, passes, fails = max(ASKED // 10, 60), 20, 0, 0
    for _ in range(series):
        reference = generator.multinomial(1000, first)
        bounds = (
            measured(method, reference, generator.multinomial(1000, second)).bound(LIMITS[method]) for _ in range(looks)
        )
        ends = [bound.ends(0.025 / looks) for bound in bounds]
        passes += any(high <= LIMITS[method] for _, high in ends)
        fails += any(low > LIMITS[method] for low, _ in ends)
    note_rates(passes, fails, series)
    assert max(passes, fails) / series <= allowed(series)


def drawn(method: str, kind: str, n: int, draws: int) -> Iterator[Any]:
    """Statistics of values whose distributions are the limit apart."""
    generator, methods, order = np.random.default_rng(n), module("methods"), module("order")
    deviation = math.sqrt((math.e - 1) * math.e)
    second: Any = {
        ("ks", "normal"): lambda: generator.normal(2 * stats.norm.ppf(0.55), 1, n),
        ("ks", "skewed"): lambda: generator.lognormal(2 * stats.norm.ppf(0.55), 1, n),
        ("wasserstein", "normal"): lambda: generator.normal(0.1, 1, n),
        ("wasserstein", "skewed"): lambda: generator.lognormal(0, 1, n) + 0.1 * deviation,
    }[method, kind]
    for _ in range(draws):
        first = generator.normal(0, 1, n) if kind == "normal" else generator.lognormal(0, 1, n)
        one, other = np.sort(first), np.sort(second())
        reference, production = (SimpleNamespace(spread=order.spread(values)) for values in (one, other))
        pair = SimpleNamespace(
            ordered=(one, other),
            merged=order.merge(one, other),
            sizes=(n, n),
            reference=reference,
            production=production,
            clustered=False,
        )
        yield methods.METHODS[method].measure(pair)


@pytest.mark.parametrize("n", SIZES[:2])
@pytest.mark.parametrize("method", ["ks", "wasserstein"])
def test_values_at_the_limit_seldom_pass_and_seldom_fail(method: str, n: int) -> None:
    wrong(method, drawn(method, "normal", n, 40), 40)


@pytest.mark.long
@pytest.mark.parametrize("n", SIZES)
@pytest.mark.parametrize("kind", ["normal", "skewed"])
@pytest.mark.parametrize("method", ["ks", "wasserstein"])
def test_values_of_any_shape_at_the_limit_seldom_pass_and_seldom_fail(method: str, kind: str, n: int) -> None:
    draws = max(ASKED, 400)
    wrong(method, drawn(method, kind, n, draws), draws)


def shift_at(limit: float) -> float:
    """By how much a normal column moves for a psi of its ten bands."""
    cuts = stats.norm.ppf(np.linspace(0.1, 0.9, 9))

    def over(shift: float) -> float:
        shares = np.diff(np.concatenate([[0], stats.norm.cdf(cuts - shift), [1]]))
        return float(np.sum((shares - 0.1) * np.log(shares / 0.1))) - limit

    return float(optimize.brentq(over, 0.01, 3))


def test_a_normal_column_moves_by_under_half_a_deviation_at_the_customary_limit() -> None:
    assert shift_at(0.2) == pytest.approx(0.458, abs=0.01)


@pytest.mark.long
@pytest.mark.parametrize("n", SIZES)
def test_eight_columns_at_the_limit_seldom_fail_together_through_the_gate_itself(run: Run, n: int) -> None:
    draws, shift, generator = max(60, ASKED // 5), shift_at(0.2), np.random.default_rng(n)
    fails = passes = 0
    for _ in range(draws):
        sets = {
            role: pd.DataFrame(generator.normal(moved, 1, (n, 8))).add_prefix("c")
            for role, moved in (("reference", 0.0), ("production", shift))
        }
        outcomes = [f.outcome for f in run("drift", sets, histograms=0, shares_rows=True) if f.measure == "psi"]
        assert len(outcomes) == 8
        fails, passes = fails + ("fail" in outcomes), passes + outcomes.count("pass")
    note_rates(passes / 8, fails, draws)
    assert fails / draws <= allowed(draws)
    assert passes / (8 * draws) <= allowed(8 * draws)


@pytest.mark.long
@pytest.mark.parametrize("shift", [0.0, 0.2, 0.9])
def test_the_rows_that_would_settle_a_verdict_do_so_four_times_in_five(run: Run, shift: float) -> None:
    generator, settled, told = np.random.default_rng(2), 0, 0
    for _ in range(max(60, ASKED // 20)):
        first = run("drift", _normal(generator, 60, shift), histograms=0)[0]
        rows = re.search(r"about ([\d,]+) and", str(first.note))
        if first.outcome != "inconclusive" or rows is None:
            continue
        n = int(rows[1].replace(",", ""))
        told += 1
        settled += run("drift", _normal(generator, n, shift), histograms=0)[0].outcome != "inconclusive"
    assert told > 10 and settled / told >= 0.8 - 3 * math.sqrt(0.16 / told)


def _normal(generator: Any, n: int, shift: float) -> dict[str, pd.DataFrame]:
    return {
        role: pd.DataFrame({"x": generator.normal(moved, 1, n)})
        for role, moved in (("reference", 0.0), ("production", shift))
    }
