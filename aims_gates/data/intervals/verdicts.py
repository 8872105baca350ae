"""Verdicts on one rate: Wilson's interval against a limit, and how many rows would settle it."""

from collections.abc import Callable, Mapping
from typing import Any

from aims_gates.data.intervals.rates import wilson
from aims_gates.model import Finding, Limit, Outcome

__all__ = ["MOST_ROWS", "judge_rate", "least_rows", "rate_finding", "rows_for_rate"]

#: Nobody is asked for more rows than this.
MOST_ROWS = 10_000_000


def rate_finding(
    measure: str,
    successes: float,
    n: float,
    limit: Limit | None,
    confidence: float,
    *,
    comparisons: int = 1,
    by: Mapping[str, str] | None = None,
    over: Mapping[str, Any] | None = None,
    note: str | None = None,
    remedy: str = "Improve the model, or have the limit reviewed.",
) -> Finding:
    """A rate with Wilson's interval and the verdict on it.

    Args:
        measure: Its name.
        successes, n, limit, confidence, comparisons: As :func:`judge_rate`; no limit makes it information.
        by, over: The group, and what it is about otherwise.
        note: What to know about the number; why the verdict is open is added.
        remedy: What to do where it fails.
    """
    low, high = wilson(successes, n, confidence)
    outcome, notes = None, [note]
    if limit is not None:
        outcome, open_because = judge_rate(limit, successes, n, confidence, comparisons)
        notes.append(open_because)
    return Finding(
        measure,
        successes / n if n > 0 else None,
        low if n > 0 else None,
        high if n > 0 else None,
        n=n,
        by=dict(by or {}),
        over=over,
        limit=limit,
        outcome=outcome,
        note="; ".join(filter(None, notes)) or None,
        remedy={"fail": remedy, "inconclusive": "Evaluate on more rows."}.get(outcome or ""),
    )


def judge_rate(
    limit: Limit, successes: float, n: float, confidence: float = 0.95, comparisons: int = 1
) -> tuple[Outcome, str | None]:
    """The verdict on a rate and why it is open: pass by the plain interval, fail by the one corrected for several.

    Args:
        limit: What the rate must keep.
        successes, n: Counts.
        confidence: Two-sided.
        comparisons: Rates that are judged beside each other.
    """
    if n <= 0:
        return "inconclusive", "there are no rows to judge by"
    value = successes / n
    if limit.verdict(value, *wilson(successes, n, confidence, comparisons)) == "fail":
        return "fail", None
    if limit.verdict(value, *wilson(successes, n, confidence)) == "pass":
        return "pass", None
    rows = rows_for_rate(value, limit, confidence, comparisons)
    more = f"at this rate about {rows:,} rows in all would settle it" if rows else "no number of rows would settle it"
    return "inconclusive", f"the interval reaches over the limit: {more}"


def rows_for_rate(value: float, limit: Limit, confidence: float = 0.95, comparisons: int = 1) -> int | None:
    """The least number of rows at which this very rate would be decided; None beyond ten million."""
    outcome: Outcome = "pass" if limit.met(value) else "fail"
    times = comparisons if outcome == "fail" else 1

    def settled(n: int) -> bool:
        return limit.verdict(value, *wilson(value * n, n, confidence, times)) == outcome

    return least_rows(settled, 1)


def least_rows(settled: Callable[[int], bool], start: int, near: int | None = None) -> int | None:
    """The least number of rows from which on something is settled; None beyond ten million.

    Args:
        settled: Whether so many rows settle it.
        start: The first number that is tried; it is doubled until it does.
        near: Where given, the answer may be too large by one part in so many.
    """
    top = start
    while not settled(top):
        top *= 2
        if top > MOST_ROWS:
            return None
    bottom = top // 2
    while top - bottom > max(1, bottom // near if near else 1):
        middle = (bottom + top) // 2
        bottom, top = (bottom, middle) if settled(middle) else (middle, top)
    return top
