"""Measures of predicted quantities, as scikit-learn defines them."""

from collections.abc import Mapping, Sequence
from math import sqrt

from aims_gates.gatekit import RatioSums, cluster_ratios

from .forecast import Sums, forecast_measures, ratio_error, reach_of
from .measured import Ends, Measured, mean_of, with_ends
from .rows import Rows

__all__ = ["numeric_measures"]


def numeric_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Slice -> r2, mean_absolute_error, mean_squared_error, root_mean_squared_error.

    Intervals: Student's for the means of the absolute and of the squared error (the root's is the root of its
    ends); for r2 the delta method on the ratio of two means.
    """
    mean = "sum(w * y) OVER (PARTITION BY k) / sum(w) OVER (PARTITION BY k)"
    cluster = ", c" if rows.cluster else ""
    base = f"SELECT k, CAST(y AS DOUBLE) AS y, CAST(d AS DOUBLE) AS d, w{cluster} FROM ({rows.base(by)})"
    centred = f"SELECT *, {mean} AS m FROM ({base})"
    errors = f"SELECT k, w, abs(d - y) AS a, pow(d - y, 2) AS e, pow(y - m, 2) AS v{cluster} FROM ({centred})"
    sums = ", ".join(f"sum(w * {term})" for term in ("a", "a * a", "e", "e * e", "v", "v * v", "e * v"))
    linked: Mapping[tuple[str | None, ...], Sequence[RatioSums | None]] = {}
    if rows.cluster:
        terms = [("a", "1"), ("e", "1"), ("e", "v")]
        linked = cluster_ratios(rows.data, f"SELECT k AS k0, * FROM ({errors}) AS r", terms, keys=1)
    result: dict[str | None, dict[str, Measured]] = {}
    for key, *texts in rows.data.query(
        f"SELECT k, sum(w), {rows.squares}, {sums} FROM ({errors}) GROUP BY k ORDER BY k"
    ):
        weight, squares, a, aa, e, ee, v, vv, ev = map(float, texts)
        n, links = rows.size(weight, squares), linked.get((key,), (None, None, None))
        absolute, squared = (
            mean_of(total, twice, weight, n, rows.confidence, comparisons, link)
            for total, twice, link in ((a, aa, links[0]), (e, ee, links[1]))
        )
        result[key] = {
            "mean_absolute_error": absolute,
            "mean_squared_error": squared,
            "root_mean_squared_error": _root(squared),
            "r2": _r2(rows, weight, n, (e, ee, v, vv, ev), comparisons, links[2]),
        }
    for key, measures in forecast_measures(rows, base, comparisons).items():
        result[key].update(measures)
    return result


def _root(squared: Measured) -> Measured:
    value, low, high = (None if end is None else sqrt(end) for end in (squared.value, squared.low, squared.high))
    sure = squared.sure and (sqrt(squared.sure[0]), sqrt(squared.sure[1]))
    return Measured(value, low, high, squared.n, squared.note, sure)


def _r2(rows: Rows, weight: float, n: float, sums: Sums, comparisons: int, link: RatioSums | None) -> Measured:
    if sums[2] <= 0 or n < 2:
        return Measured(None, n=n, note="the target does not vary")
    ratio, error, df = ratio_error(weight, n, sums, link)

    def ends(times: float) -> Ends:
        reach = reach_of(rows, error, df, times)
        return 1 - ratio - reach, min(1.0, 1 - ratio + reach)

    return with_ends(1 - ratio, ends, n, comparisons, "interval: delta method")
