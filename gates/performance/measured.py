"""A measured value with its interval, and the verdict on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from aims_gates import Finding, Limit, Outcome, intervals
from aims_gates.gatekit import judge_interval, outcome_remedy

__all__ = ["Measured", "finding", "mean_of"]


@dataclass(frozen=True)
class Measured:
    """A statistic.

    Attributes:
        value: As scikit-learn defines it; None where undefined (``note`` says why).
        low, high: Its interval; None where there is no sound one.
        n: Rows in the denominator.
        note: How the interval was made where that is not plain, or why there is none.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    n: float | None = None
    note: str | None = None


def mean_of(total: float, squares: float, n: float, confidence: float) -> Measured:
    """The mean of values that cannot be negative, from their sum and sum of squares; n is positive."""
    mean = total / n
    deviation = sqrt(max(0.0, squares - n * mean * mean) / (n - 1)) if n > 1 else float("nan")
    ends = intervals.mean_interval(mean, deviation, n, confidence)
    if ends is None:
        return Measured(mean, n=n, note="too few rows for an interval")
    return Measured(mean, max(0.0, ends[0]), ends[1], n, "interval: Student's, of the mean")


def finding(
    name: str,
    measured: Measured,
    limit: Limit | None,
    *,
    by: Mapping[str, str] | None = None,
    small: bool = False,
    sure: Measured | None = None,
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
        sure: The same with its interval corrected for several slices.
        note: Put before the note.
    """
    outcome: Outcome | None = None
    notes = [note, measured.note]
    if limit is not None:
        outcome = "inconclusive"
        if small:
            notes.append("too few rows to judge by")
        elif measured.value is not None and measured.low is not None and measured.high is not None:
            corrected = None if sure is None or sure.low is None or sure.high is None else (sure.low, sure.high)
            outcome, why = judge_interval(limit, measured.value, (measured.low, measured.high), corrected)
            notes.append(why)
        elif measured.value is not None:
            notes.append("there is no interval to judge by")
    return Finding(
        name,
        measured.value,
        measured.low,
        measured.high,
        n=measured.n,
        by=dict(by or {}),
        limit=limit,
        outcome=outcome,
        note="; ".join(filter(None, notes)) or None,
        remedy=outcome_remedy(outcome, "Improve the model, or have the limit reviewed."),
    )
