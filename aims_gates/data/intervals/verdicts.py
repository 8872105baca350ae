"""Verdicts on one rate: Clopper and Pearson's interval against a limit, and how many rows would settle it."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aims_gates.data.intervals.clusters import at_level
from aims_gates.data.intervals.exact import exact_rate
from aims_gates.model import FAILS_ALONE, Finding, Limit, Outcome

__all__ = [
    "MOST_ROWS",
    "judge_rate",
    "least_rows",
    "outcomes",
    "rate_finding",
    "rows_for_rate",
    "simultaneous",
    "with_power",
]

#: Nobody is asked for more rows than this.
MOST_ROWS = 10_000_000
#: What is asked for settles so often, and so many outcomes (one of each share of chance) stand for all.
_POWER, _OUTCOMES = 0.82, 60


def simultaneous(low: float, high: float) -> str:
    """The interval that is corrected for the values judged beside it, in words."""
    return f"simultaneous interval {low:.4g} to {high:.4g}"


def rate_finding(
    measure: str,
    successes: float,
    n: float,
    limit: Limit | None,
    confidence: float,
    *,
    comparisons: int = 1,
    df: float = math.inf,
    by: Mapping[str, str] | None = None,
    over: Mapping[str, Any] | None = None,
    note: str | None = None,
    remedy: str = "Improve the model, or have the limit reviewed.",
) -> Finding:
    """A rate with Clopper and Pearson's interval and the verdict on it.

    Args:
        measure: Its name.
        successes, n, limit, confidence, comparisons, df: As :func:`judge_rate`; no limit makes it information.
        by, over: The group, and what it is about otherwise.
        note: What to know about the number; why the verdict is open is added.
        remedy: What to do where it fails.
    """
    low, high = _interval(successes, n, confidence, 1, df)
    outcome, notes = None, [note]
    if limit is not None:
        outcome, open_because = judge_rate(limit, successes, n, confidence, comparisons, df)
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


def _interval(x: float, n: float, confidence: float, comparisons: float, df: float) -> tuple[float, float]:
    """Clopper and Pearson's, for an effective size that rests on so many degrees of freedom."""
    size = float(at_level(n, df, confidence, comparisons))
    low, high = exact_rate(x / n * size if n > 0 else 0.0, size, confidence, comparisons)
    return float(low), float(high)


def judge_rate(
    limit: Limit,
    successes: float,
    n: float,
    confidence: float = 0.95,
    comparisons: int = 1,
    df: float = math.inf,
) -> tuple[Outcome, str | None]:
    """The verdict on a rate and why it is open: pass by the plain interval, fail by the one corrected for several.

    Args:
        limit: What the rate must keep.
        successes, n: Counts.
        confidence: Two-sided.
        comparisons: Rates that are judged beside each other.
        df: Degrees of freedom of an effective ``n`` that rests on clusters.
    """
    if n <= 0:
        return "inconclusive", "there are no rows to judge by"
    value = successes / n
    plain, sure = (_interval(successes, n, confidence, times, df) for times in (1, comparisons))
    several = simultaneous(*sure) if comparisons > 1 else None
    if limit.verdict(value, *sure) == "fail":
        return "fail", several
    alone = limit.verdict(value, *plain)
    if alone == "pass":
        return "pass", None
    if alone == "fail":
        return "inconclusive", f"{FAILS_ALONE}, but not beside the rates judged with it: {several}"
    rows = rows_for_rate(value, limit, confidence, comparisons)
    more = f"at this rate about {rows:,} rows in all would settle it" if rows else "no number of rows would settle it"
    return "inconclusive", "; ".join(filter(None, [f"the interval reaches over the limit: {more}", several]))


def rows_for_rate(value: float, limit: Limit, confidence: float = 0.95, comparisons: int = 1) -> int | None:
    """Rows at which a true rate of this value would be decided at least 8 times in 10; None beyond ten million."""
    outcome: Outcome = "pass" if limit.met(value) else "fail"
    times = comparisons if outcome == "fail" else 1

    def settled(n: int) -> bool:
        return limit.verdict(value, *exact_rate(value * n, n, confidence, times)) == outcome

    def share(n: int) -> float:
        low, high = exact_rate(outcomes(value, n), n, confidence, times)
        ends = np.stack([np.asarray(low), np.asarray(high)])
        inside = ends <= limit.value if limit.op in ("<=", "<") else ends >= limit.value
        return float((inside.all(axis=0) if outcome == "pass" else ~inside.any(axis=0)).mean())

    return with_power(least_rows(settled, 1), share)


def outcomes(rate: float, n: int) -> NDArray[np.float64]:
    """Counts that stand for what so many rows of a true rate come to: as likely one as the other."""
    from scipy.special import bdtrik

    chances = (np.arange(_OUTCOMES) + 0.5) / _OUTCOMES
    if not 0 < rate < 1:
        return np.full(_OUTCOMES, rate * n)
    counts = np.ceil(np.nan_to_num(bdtrik(chances, n, rate), nan=0.0))
    return np.asarray(np.clip(counts, 0, n), float)


def with_power(least: int | None, share: Callable[[int], float]) -> int | None:
    """Rows that settle at least 8 times in 10, to two digits; None beyond ten million.

    Args:
        least: So many settle what comes out exactly as it is, which it does half of the time only.
        share: How often so many rows settle.
    """
    n = least
    while n is not None:
        step = int(10 ** max(0, len(str(n)) - 2))
        n = -(-n // step) * step
        if n > MOST_ROWS:
            return None
        if share(n) >= _POWER:
            return n
        n = max(n + 1, int(n * 1.05))
    return None


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
