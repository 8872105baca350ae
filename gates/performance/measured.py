"""A measured value with its interval, and the verdict on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite, sqrt

from aims_gates import Finding, Limit, Outcome, intervals
from aims_gates.gatekit import RatioSums, SampleRate, judge_interval, outcome_remedy

__all__ = ["Ends", "Measured", "finding", "mean_of", "rate_of", "with_ends"]

Ends = tuple[float, float]


@dataclass(frozen=True)
class Measured:
    """A statistic.

    Attributes:
        value: As scikit-learn defines it; None where undefined (``note`` says why).
        low, high: Its interval; None where there is no sound one.
        n: Effective size of the denominator.
        note: How the interval was made where that is not plain, or why there is none.
        sure: The interval corrected for what is judged beside it; None where there is none.
        open: Why no verdict is possible, though there is a value.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: float | None = None
    note: str | None = None
    sure: Ends | None = None
    open: str | None = None


def with_ends(
    value: float, ends: Callable[[float], Ends | None], n: float, comparisons: float, note: str | None = None
) -> Measured:
    """A value with ``ends(comparisons)``, its interval, for one comparison and for several."""
    plain, sure = ends(1), ends(comparisons)
    if plain is None:
        return Measured(value, n=n, note="too few rows for an interval")
    return Measured(value, *plain, n, note, sure)


def rate_of(rate: SampleRate, confidence: float, comparisons: float, nothing: str) -> Measured:
    """A rate with Clopper and Pearson's interval; ``nothing`` says why there is none."""
    if rate.value is None:
        return Measured(None, n=0.0, note=nothing)
    return with_ends(rate.value, lambda times: rate.interval(confidence, times), rate.n, comparisons)


def mean_of(
    total: float,
    squares: float,
    weight: float,
    n: float,
    confidence: float,
    comparisons: float = 1,
    linked: RatioSums | None = None,
    least: float = 0.0,
    note: str = "interval: Student's, of the mean",
) -> Measured:
    """The mean of values, Student's interval.

    Args:
        total, squares, weight: Weighted sums of the values, of their squares, and of 1.
        n: Effective size.
        confidence, comparisons: Of the interval.
        linked: What clusters tell; None where rows are independent.
        least: No mean is less.
        note: Of the finding.
    """
    mean = total / weight
    spread = max(0.0, squares / weight - mean * mean)
    error, df = (sqrt(spread / (n - 1)), n - 1) if n > 1 else (None, 0.0)
    if linked is not None:
        clustered, df = linked.error(mean, weight) or (None, 0.0)
        error = None if clustered is None or error is None else max(clustered, error)
        n = min(n, spread / error**2 + 1) if error else min(n, df + 1)
    if error is None or not isfinite(error):
        return Measured(mean, n=n, note="too few rows for an interval")

    def ends(times: float) -> Ends | None:
        level = 1 - (1 - confidence) / max(1.0, times)
        limits = intervals.mean_interval(mean, error * sqrt(df + 1), df + 1, level)
        return None if limits is None else (max(least, limits[0]), limits[1])

    return with_ends(mean, ends, n, comparisons, note)


def finding(
    name: str,
    measured: Measured,
    limit: Limit | None,
    *,
    by: Mapping[str, str] | None = None,
    small: bool = False,
    note: str | None = None,
) -> Finding:
    """The finding: inside on the plain interval passes, outside on the corrected one fails.

    A limit that needs an interval and has none is inconclusive: the point alone proves nothing.

    Args:
        name: The measure.
        measured: Its value and interval.
        limit: What it must be.
        by: The slice.
        small: Too few rows to judge by.
        note: Put before the note.
    """
    outcome, why = _judged(measured, limit, small)
    return Finding(
        name,
        measured.value,
        measured.low,
        measured.high,
        n=measured.n,
        by=dict(by or {}),
        limit=limit,
        outcome=outcome,
        note="; ".join(filter(None, (note, measured.note, why))) or None,
        remedy=outcome_remedy(outcome, "Improve the model, or have the limit reviewed."),
    )


def _judged(measured: Measured, limit: Limit | None, small: bool) -> tuple[Outcome | None, str | None]:
    """The verdict, and what is to be said about it."""
    if limit is None:
        return None, measured.open
    if small:
        return "inconclusive", "too few rows to judge by"
    if measured.value is None or measured.open:
        return "inconclusive", measured.open
    if measured.low is None or measured.high is None:
        return "inconclusive", "there is no interval to judge by"
    return judge_interval(limit, measured.value, (measured.low, measured.high), measured.sure)
