"""What shops ask of forecasts: WAPE, bias, and pinball loss, overall and by horizon or segment (the role ``slice``)."""

from collections.abc import Iterable
from math import inf, sqrt

from aims_gates import intervals
from aims_gates.gatekit import RatioSums, cluster_ratios

from .measured import Ends, Measured, mean_of, with_ends
from .rows import Rows

__all__ = ["Sums", "forecast_measures", "pinball_sql", "ratio_error", "ratio_of", "ratio_sums", "reach_of"]

#: Weighted sums of ``t``, ``t * t``, ``b``, ``b * b`` and ``t * b``, of a ratio of ``t`` to ``b``.
Sums = tuple[float, float, float, float, float]


def forecast_measures(rows: Rows, base: str, comparisons: int) -> dict[str | None, dict[str, Measured]]:
    """Slice -> mean_error and wape where a limit names them, pinball_loss where the plan gives its quantile.

    ``wape`` is the sum of the absolute errors over that of the absolute truths (S. Kolassa, W. Schuetz, Foresight 6
    (2007) 40-43); ``mean_error`` is the bias, forecast minus truth; ``pinball_loss`` is scikit-learn's
    ``mean_pinball_loss`` (R. Koenker, G. Bassett, Econometrica 46 (1978) 33-50). Intervals: Student's of means, the
    delta method for the ratio.

    Args:
        rows: The case.
        base: ``SELECT k, y, d, w`` and, where rows go together, ``c``.
        comparisons: Values judged together.
    """
    terms = _terms(rows)
    if not terms:
        return {}
    linked = {}
    if rows.cluster:
        linked = cluster_ratios(rows.data, f"SELECT k AS k0, * FROM ({base}) AS r", list(terms.values()), keys=1)
    sums = ratio_sums(terms.values())
    result: dict[str | None, dict[str, Measured]] = {}
    query = f"SELECT k, sum(w), {rows.squares}, {sums} FROM ({base}) AS r GROUP BY k ORDER BY k"
    for key, *texts in rows.data.query(query):
        weight, squares, *numbers = map(float, texts)
        n = rows.size(weight, squares)
        result[key] = {}
        for place, name in enumerate(terms):
            t, tt, b, bb, tb = numbers[5 * place : 5 * place + 5]
            link = linked[(key,)][place] if linked else None
            result[key][name] = (
                ratio_of(rows, weight, n, (t, tt, b, bb, tb), comparisons, link)
                if name == "wape"
                else mean_of(t, tt, weight, n, rows.confidence, comparisons, link, _least(name))
            )
    return result


def _terms(rows: Rows) -> dict[str, tuple[str, str]]:
    """Measure -> SQL of what is added up, and of what it is divided by."""
    limited, quantile = {*rows.limits, *rows.slice_limits}, rows.points.get("quantile")
    terms = {"mean_error": ("d - y", "1"), "wape": ("abs(d - y)", "abs(y)")}
    terms = {name: sql for name, sql in terms.items() if name in limited}
    if quantile is not None:
        terms["pinball_loss"] = (pinball_sql(quantile, "d"), "1")
    return terms


def pinball_sql(quantile: float, forecast: str) -> str:
    """SQL of the pinball loss of a forecast of this quantile."""
    return f"greatest({quantile!r} * (y - {forecast}), ({quantile!r} - 1) * (y - {forecast}))"


def ratio_sums(terms: Iterable[tuple[str, str]]) -> str:
    """SQL of the sums of each ratio: what is added up, and what that is divided by."""
    return ", ".join(
        f"sum(w * ({t})), sum(w * pow({t}, 2)), sum(w * ({b})), sum(w * pow({b}, 2)), sum(w * ({t}) * ({b}))"
        for t, b in terms
    )


def _least(name: str) -> float:
    return -inf if name == "mean_error" else 0.0


def ratio_of(
    rows: Rows, weight: float, n: float, sums: Sums, comparisons: int, link: RatioSums | None, least: float = 0.0
) -> Measured:
    """A ratio of two sums with the delta method's interval.

    Args:
        rows: The case.
        weight, n, sums, link: As :func:`ratio_error` takes them.
        comparisons: Values judged together.
        least: No ratio is less.
    """
    if sums[2] <= 0:
        return Measured(None, n=n, note="the truth is 0 in every row, so no share of it can be told")
    if n < 2:
        return Measured(sums[0] / sums[2], n=n, note="too few rows for an interval")
    ratio, error, df = ratio_error(weight, n, sums, link)

    def ends(times: float) -> Ends:
        reach = reach_of(rows, error, df, times)
        return max(least, ratio - reach), ratio + reach

    return with_ends(ratio, ends, n, comparisons, "interval: delta method")


def ratio_error(weight: float, n: float, sums: Sums, link: RatioSums | None) -> tuple[float, float, float]:
    """A ratio of two sums, its standard error by the delta method, and the degrees of freedom.

    Args:
        weight: The sum of the weights.
        n: The effective size.
        sums: Of the ratio.
        link: What clusters tell of it; None where rows are independent.

    Source: W. G. Cochran, Sampling Techniques (1977), section 6.3.
    """
    t, tt, b, bb, tb = sums
    ratio = t / b
    spread = max(0.0, tt - 2 * ratio * tb + ratio * ratio * bb) / weight
    error, df = sqrt(spread / n) / (b / weight), inf
    if link is not None:
        clustered, df = link.error(ratio, b) or (inf, 1.0)
        error = max(error, clustered)
    return ratio, error, df


def reach_of(rows: Rows, error: float, df: float, times: float) -> float:
    """Half the width of the interval of a value with this standard error."""
    reach = intervals.critical(rows.confidence, times) * error
    return reach / sqrt(float(intervals.at_level(1.0, df, rows.confidence, times)))
