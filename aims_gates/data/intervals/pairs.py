"""Verdicts on the worst pair of groups.

A limit on a largest difference or a smallest ratio of rates speaks of every pair of groups. The verdict is

- ``fail`` when some pair's interval, corrected for the number of pairs, lies wholly outside the limit;
- ``pass`` when every pair's uncorrected interval lies inside;
- ``inconclusive`` otherwise, and where no two groups are left.

No resampling: the bootstrap of a maximum minus a minimum is wrong however many draws it takes (with ten equal groups of
100 rows it called 96 of 100 fair models unfair).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from aims_gates.data.intervals.clusters import at_level
from aims_gates.data.intervals.exact import exact_difference, exact_ratio
from aims_gates.data.intervals.verdicts import least_rows, outcomes, with_power
from aims_gates.model import Limit, Outcome

__all__ = ["PairVerdict", "RatePairs", "judge_difference", "judge_ratio", "rows_for_difference", "rows_for_ratio"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class RatePairs:
    """Groups' successes and denominators, and which groups a verdict may count.

    Attributes:
        successes, n: One number per group (weighted counts with an effective n are fine).
        counted: False for groups too small to judge by.
        present: False for groups that no pair includes, as if they were not there.
        df: Degrees of freedom of sizes that rest on clusters; None where rows are independent.
    """

    successes: Floats
    n: Floats
    counted: Bools
    present: Bools
    df: Floats | None = None

    @classmethod
    def of(
        cls,
        successes: ArrayLike,
        n: ArrayLike,
        counted: ArrayLike | None = None,
        present: ArrayLike | None = None,
        df: ArrayLike | None = None,
    ) -> "RatePairs":
        """From any sequences; all groups count and are present unless said otherwise."""
        x, total = np.asarray(successes, float), np.asarray(n, float)
        flags = [np.ones(x.shape, bool) if flag is None else np.asarray(flag, bool) for flag in (counted, present)]
        return cls(x, total, flags[0], flags[1], None if df is None else np.asarray(df, float))

    def at(self, confidence: float, comparisons: float = 1) -> tuple[Floats, Floats]:
        """Successes and sizes for an interval at this confidence."""
        n = at_level(self.n, self.df, confidence, comparisons)
        share = np.divide(self.successes, self.n, out=np.zeros_like(self.n), where=self.n > 0)
        return (self.successes, self.n) if self.df is None else (share * n, n)

    @property
    def rates(self) -> Floats:
        """Rates; NaN where the denominator is 0."""
        unknown: Floats = np.full(self.n.shape, np.nan)
        np.divide(self.successes, self.n, out=unknown, where=self.n > 0)
        return unknown

    def indices(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """The two members of every pair to compare."""
        places = np.flatnonzero(self.present)
        first, second = np.triu_indices(len(places), 1)
        return places[first], places[second]

    def worst(self, ratio: bool) -> tuple[int, int] | None:
        """The pair (higher, lower) with the largest gap or the smallest ratio; None without two known rates."""
        rates = self.rates
        first, second = self.indices()
        known = ~(np.isnan(rates[first]) | np.isnan(rates[second]))
        first, second = first[known], second[known]
        if not len(first):
            return None
        high, low = np.maximum(rates[first], rates[second]), np.minimum(rates[first], rates[second])
        if ratio:
            place = int(np.argmin(np.divide(low, high, out=np.ones_like(low), where=high > 0)))
        else:
            place = int(np.argmax(high - low))
        pair = int(first[place]), int(second[place])
        return pair if rates[pair[0]] >= rates[pair[1]] else (pair[1], pair[0])


@dataclass(frozen=True)
class PairVerdict:
    """What the pairs say about a limit.

    Attributes:
        outcome: ``pass``, ``fail`` or ``inconclusive``.
        failing: The worst pair (higher, lower) whose corrected interval lies outside; None unless it fails.
        open: Whether some counted pair is neither inside nor surely outside.
        hidden: Whether a pair with a group that does not count could fail.
        pairs: How many pairs counted, which is what the correction is for.
        alone: The worst pair (higher, lower) whose plain interval lies outside, though its corrected one does not.
    """

    outcome: Outcome
    failing: tuple[int, int] | None
    open: bool
    hidden: bool
    pairs: int
    alone: tuple[int, int] | None = None


def judge_difference(
    groups: RatePairs, limit: Limit, confidence: float = 0.95, families: int = 1, alongside: int = 1
) -> PairVerdict:
    """Whether the largest difference of two groups' rates keeps a ceiling.

    Intervals: :func:`exact_difference`.

    Args:
        groups: The groups.
        limit: ``<=`` or ``<`` a bound of 0 or more.
        confidence: Two-sided, of a pair's interval.
        families: Strata that are judged beside each other, for the correction.
        alongside: Rates that are judged together (2 for equalized odds), for the correction.
    """

    def ends(place: tuple[NDArray[np.intp], NDArray[np.intp]], times: float) -> tuple[Floats, Floats]:
        a, b = place
        x, n = groups.at(confidence, times)
        low, high = exact_difference(x[a], n[a], x[b], n[b], confidence, times)
        return np.atleast_1d(low), np.atleast_1d(high)

    def inside(place: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Bools:
        low, high = ends(place, 1)
        return _met(limit, np.maximum(np.abs(low), np.abs(high)))

    def outside(place: tuple[NDArray[np.intp], NDArray[np.intp]], times: float) -> Bools:
        low, high = ends(place, times)
        return ~_met(limit, np.maximum(np.maximum(low, -high), 0.0))

    return _judge(groups, inside, outside, families * alongside, ratio=False)


def judge_ratio(
    groups: RatePairs, limit: Limit, confidence: float = 0.95, families: int = 1, alongside: int = 1
) -> PairVerdict:
    """Whether the smallest ratio of two groups' rates keeps a floor; arguments as :func:`judge_difference`.

    Intervals: :func:`exact_ratio`, of either over the other.
    """

    def ends(place: tuple[NDArray[np.intp], NDArray[np.intp]], times: float = 1) -> tuple[Floats, Floats]:
        a, b = place
        x, n = groups.at(confidence, times)
        low, high = exact_ratio(x[a], n[a], x[b], n[b], confidence, times)
        return _either_way(np.atleast_1d(low), np.atleast_1d(high))

    def inside(place: tuple[NDArray[np.intp], NDArray[np.intp]]) -> Bools:
        return ends(place)[0] >= limit.value

    def outside(place: tuple[NDArray[np.intp], NDArray[np.intp]], times: float) -> Bools:
        return ends(place, times)[1] < limit.value

    return _judge(groups, inside, outside, families * alongside, ratio=True)


def _either_way(low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """The ends of the smaller of a ratio and its inverse."""
    with np.errstate(divide="ignore"):
        return np.minimum(low, 1 / high), np.minimum(high, 1 / low)


def _met(limit: Limit, values: Floats) -> Bools:
    return values <= limit.value if limit.op == "<=" else values < limit.value


def _judge(
    groups: RatePairs,
    inside: Callable[[tuple[NDArray[np.intp], NDArray[np.intp]]], Bools],
    outside: Callable[[tuple[NDArray[np.intp], NDArray[np.intp]], float], Bools],
    families: int,
    ratio: bool,
) -> PairVerdict:
    first, second = groups.indices()
    counts = groups.counted[first] & groups.counted[second]
    pairs = int(counts.sum())
    judged, left = (first[counts], second[counts]), (first[~counts], second[~counts])
    bad = outside(judged, pairs * families) if pairs else np.zeros(0, bool)
    unsure = bool(pairs) and not bool(np.all(inside(judged)))
    hidden = len(left[0]) > 0 and not bool(np.all(inside(left)))
    failing = _worst_of(groups, judged[0][bad], judged[1][bad], ratio) if bad.any() else None
    outcome: Outcome = "fail" if failing else "inconclusive" if unsure or hidden or not pairs else "pass"
    near = outside(judged, 1) if unsure and not failing else np.zeros(pairs, bool)
    alone = _worst_of(groups, judged[0][near], judged[1][near], ratio) if near.any() else None
    return PairVerdict(outcome, failing, unsure, hidden, pairs, alone)


def _worst_of(groups: RatePairs, first: NDArray[np.intp], second: NDArray[np.intp], ratio: bool) -> tuple[int, int]:
    rates = groups.rates
    high, low = np.maximum(rates[first], rates[second]), np.minimum(rates[first], rates[second])
    place = int(np.argmin(low / high) if ratio else np.argmax(high - low))
    pair = int(first[place]), int(second[place])
    return pair if rates[pair[0]] >= rates[pair[1]] else (pair[1], pair[0])


def rows_for_difference(
    rate1: float, rate2: float, limit: Limit, confidence: float = 0.95, times: int = 1
) -> int | None:
    """Rows per group (in the rate's denominator) that would settle the limit with 80 % power; None beyond 10 million.

    Args:
        rate1, rate2: Rates taken as true, for want of better.
        limit: A ceiling on their difference.
        times: Comparisons the failing interval is corrected for.
    """
    keeps = limit.met(abs(rate1 - rate2))

    def settled(x: ArrayLike, y: ArrayLike, n: int) -> Bools:
        low, high = map(np.asarray, exact_difference(x, n, y, n, confidence, 1 if keeps else times))
        if keeps:
            return _met(limit, np.maximum(np.abs(low), np.abs(high)))
        return ~_met(limit, np.maximum(np.maximum(low, -high), 0.0))

    return _rows(settled, rate1, rate2)


def rows_for_ratio(rate1: float, rate2: float, limit: Limit, confidence: float = 0.95, times: int = 1) -> int | None:
    """Rows per group at which these rates would settle a floor on their ratio; as :func:`rows_for_difference`."""
    high, low = max(rate1, rate2), min(rate1, rate2)
    if high <= 0:
        return None
    keeps = limit.met(low / high)

    def settled(x: ArrayLike, y: ArrayLike, n: int) -> Bools:
        ends = _either_way(*map(np.asarray, exact_ratio(y, n, x, n, confidence, 1 if keeps else times)))
        return np.asarray(ends[0] >= limit.value if keeps else ends[1] < limit.value)

    return _rows(settled, high, low)


def _rows(settled: Callable[[ArrayLike, ArrayLike, int], Bools], rate1: float, rate2: float) -> int | None:
    """The least rows that settle it, then as many as settle it 8 times in 10, whatever of both rates comes out."""

    def share(n: int) -> float:
        return float(settled(outcomes(rate1, n)[:, None], outcomes(rate2, n)[None, :], n).mean())

    least = least_rows(lambda n: bool(settled(rate1 * n, rate2 * n, n)), 2, near=50)
    return with_power(least, share)
