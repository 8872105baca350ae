"""Targets that are numbers: means by group. Differences of the worst pair, by Welch's interval."""

from collections.abc import Iterator, Sequence
from itertools import combinations
from math import hypot, sqrt
from typing import Any

from aims_gates import Finding, Limit, Outcome, intervals

from .cells import MISSING
from .question import Question

__all__ = ["is_regression", "regression_findings"]

#: More different values than this, or a fraction among them, and a numeric target is a quantity, not a label.
_MOST_LABELS = 20


def is_regression(question: Question) -> bool:
    """Whether target and prediction are quantities: numeric, no rule, no positive label, many values."""
    data, columns = question.data, (question.target, question.prediction)
    if None in columns or question.ruled or question.declared:
        return False
    if any(data.kind(str(column)) != "numeric" for column in columns):
        return False
    name = data.quote(str(question.target))
    other = data.query(f"SELECT 1 FROM data WHERE {name} NOT IN (0, 1) LIMIT 1")
    if not other:
        return False
    values, fractions = data.query(
        f"SELECT approx_count_distinct({name}), count(*) FILTER ({name} % 1 <> 0) FROM data"
    )[0]
    return bool(values > _MOST_LABELS or fractions)


def regression_findings(question: Question, sets: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
    """mean_prediction, mean_error (prediction minus target) and mean_absolute_error by group, and their differences."""
    data = question.data
    p, y = data.quote(str(question.prediction)), data.quote(str(question.target))
    terms = {"mean_prediction": p, "mean_error": f"{p} - {y}", "mean_absolute_error": f"abs({p} - {y})"}
    for columns in sets:
        names = [data.quote(column) for column in columns]
        keys = ", ".join(f"coalesce(CAST({name} AS VARCHAR), '{MISSING}') AS k{i}" for i, name in enumerate(names))
        keep = " AND ".join(f"{name} IS NOT NULL" for name in names) if question.drop_missing else "true"
        sums = ", ".join(f"avg({term}), stddev_samp({term})" for term in terms.values())
        rows = data.query(f"SELECT {keys}, count({p} - {y}), {sums} FROM data WHERE {keep} GROUP BY ALL ORDER BY ALL")
        for place, measure in enumerate(terms):
            groups = [_Mean(dict(zip(columns, row, strict=False)), row, len(columns), place) for row in rows]
            for group in groups:
                yield _by_group(question, measure, group)
            yield _difference(question, measure, columns, groups)


class _Mean:
    """A group's mean, deviation and rows."""

    def __init__(self, by: dict[str, Any], row: Sequence[Any], width: int, place: int) -> None:
        self.by = {column: str(value) for column, value in by.items()}
        self.n = int(row[width])
        self.mean = row[width + 1 + 2 * place]
        self.deviation = row[width + 2 + 2 * place]


def _by_group(question: Question, measure: str, group: _Mean) -> Finding:
    limit, note, outcome = question.limits.get(measure), None, None
    ends = (
        None
        if group.deviation is None
        else intervals.mean_interval(group.mean, group.deviation, group.n, question.confidence)
    )
    if ends is None:
        note = "too few rows for an interval"
    if limit:
        small = group.n < question.min_size or ends is None
        outcome = "inconclusive" if small else limit.verdict(group.mean, *(ends or ()))
    low, high = ends or (None, None)
    return Finding(measure, group.mean, low, high, n=group.n, by=group.by, limit=limit, outcome=outcome, note=note)


def _difference(question: Question, measure: str, columns: tuple[str, ...], groups: list[_Mean]) -> Finding:
    name, over = f"{measure}_difference", {"sensitive": list(columns)}
    limit = question.limits.get(name)
    usable = [group for group in groups if group.n >= 2 and group.deviation is not None]
    pairs = list(combinations(usable, 2))
    if not pairs:
        note = "fewer than two groups with two rows"
        return Finding(name, over=over, limit=limit, outcome="inconclusive" if limit else None, note=note)
    a, b = max(pairs, key=lambda pair: abs(pair[0].mean - pair[1].mean))
    value = abs(a.mean - b.mean)
    low, high = _welch(a, b, question.confidence, 1)
    low, high = (low, high) if a.mean >= b.mean else (-high, -low)
    note = f"worst pair: {a.by} ({a.mean:.4g}) and {b.by} ({b.mean:.4g})"
    outcome = _judge(question, pairs, limit, len(groups) > len(usable)) if limit else None
    return Finding(
        name, value, low, high, n=sum(g.n for g in usable), over=over, limit=limit, outcome=outcome, note=note
    )


def _judge(question: Question, pairs: list[tuple[_Mean, _Mean]], limit: Limit, hidden: bool) -> Outcome:
    counted = [pair for pair in pairs if min(pair[0].n, pair[1].n) >= question.min_size]
    for a, b in counted:
        low, high = _welch(a, b, question.confidence, len(counted))
        if not limit.met(max(low, -high, 0.0)):
            return "fail"
    inside = all(limit.met(max(map(abs, _welch(a, b, question.confidence, 1)))) for a, b in pairs)
    return "pass" if counted and inside and not hidden else "inconclusive"


def _welch(a: _Mean, b: _Mean, confidence: float, comparisons: int) -> tuple[float, float]:
    """Interval for the difference of two means (B. L. Welch, Biometrika 29 (1938) 350-362), normal quantile."""
    error = hypot(a.deviation / sqrt(a.n), b.deviation / sqrt(b.n))
    reach = intervals.critical(confidence, comparisons) * error
    return a.mean - b.mean - reach, a.mean - b.mean + reach
