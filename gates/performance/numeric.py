"""Measures of predicted quantities, as scikit-learn defines them."""

from math import sqrt

from aims_gates import intervals

from .measured import Measured, mean_of
from .rows import Rows

__all__ = ["numeric_measures"]


def numeric_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Slice -> r2, mean_absolute_error, mean_squared_error, root_mean_squared_error.

    Intervals: Student's for the means of the absolute and of the squared error (the root's is the root of its
    ends); for r2 the delta method on the ratio of two means.
    """
    level = 1 - (1 - rows.confidence) / comparisons
    mean = "sum(w * y) OVER (PARTITION BY k) / sum(w) OVER (PARTITION BY k)"
    base = f"SELECT k, y, d, w, {mean} AS m FROM ({rows.base(by)})"
    errors = f"SELECT k, w, abs(d - y) AS a, pow(d - y, 2) AS e, pow(y - m, 2) AS v FROM ({base})"
    sums = ", ".join(f"sum(w * {term})" for term in ("a", "a * a", "e", "e * e", "v", "v * v", "e * v"))
    sql = f"SELECT k, sum(w), {sums} FROM ({errors}) GROUP BY k ORDER BY k"
    result = {}
    for key, *texts in rows.data.query(sql):
        n, a, aa, e, ee, v, vv, ev = map(float, texts)
        squared = mean_of(e, ee, n, level)
        result[key] = {
            "mean_absolute_error": mean_of(a, aa, n, level),
            "mean_squared_error": squared,
            "root_mean_squared_error": _root(squared),
            "r2": _r2(n, e, ee, v, vv, ev, level),
        }
    return result


def _root(squared: Measured) -> Measured:
    value, low, high = (None if end is None else sqrt(end) for end in (squared.value, squared.low, squared.high))
    return Measured(value, low, high, squared.n, squared.note)


def _r2(n: float, e: float, ee: float, v: float, vv: float, ev: float, confidence: float) -> Measured:
    if v <= 0 or n < 2:
        return Measured(None, n=n, note="the target does not vary")
    ratio = e / v
    spread = max(0.0, ee - 2 * ratio * ev + ratio * ratio * vv) / n
    error = sqrt(spread / n) / (v / n)
    low, high = intervals.normal_interval(1 - ratio, error, confidence, (float("-inf"), 1.0))
    return Measured(1 - ratio, low, high, n, "interval: delta method")
