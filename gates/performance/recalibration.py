"""Slope and intercept of a logistic recalibration: what the log odds that were said are worth."""

from collections.abc import Sequence
from math import isfinite, sqrt

import numpy as np

from aims_gates import intervals
from aims_gates.gatekit import cluster_ratios

from .measured import Ends, Measured, with_ends
from .rows import Rows

__all__ = ["recalibrated"]

_STEPS, _SETTLED = 40, 1e-12
#: Scores are kept this far from 0 and 1, whose log odds are infinite.
_EDGE = 1e-12
_BOTH = ("calibration_slope", "calibration_intercept")


def recalibrated(
    rows: Rows, base: str, keys: Sequence[str | None], comparisons: int
) -> dict[str | None, dict[str, Measured]]:
    """Slice -> calibration_slope and calibration_intercept, where a limit names either: they take a dozen readings.

    The slope is b of ``logit P(y = 1) = a + b * logit(score)``; 1 is calibrated, less is overfitted. The intercept is a
    with b held at 1; 0 is calibrated in the large. Wald's intervals.

    Source: D. R. Cox, Biometrika 45 (1958) 562-565; E. W. Steyerberg, Clinical Prediction Models (2009), section 15.3.
    """
    if not {*_BOTH} & {*rows.limits, *rows.slice_limits}:
        return {}
    result = {}
    odds = f"ln(least(greatest(s, {_EDGE}), 1 - {_EDGE}) / (1 - least(greatest(s, {_EDGE}), 1 - {_EDGE})))"
    for key in keys:
        of = "true" if key is None else "k = '" + key.replace("'", "''") + "'"
        cluster = ", c" if rows.cluster else ""
        sql = f"SELECT y, w, {odds} AS l{cluster} FROM ({base}) AS r WHERE {of}"
        result[key] = {
            "calibration_slope": _fit(rows, sql, True, comparisons),
            "calibration_intercept": _fit(rows, sql, False, comparisons),
        }
    return result


def _fit(rows: Rows, sql: str, slope: bool, comparisons: int) -> Measured:
    """Newton's method on sums over the rows."""
    at = [0.0, 1.0]
    free = [0, 1] if slope else [0]
    n = 0.0
    for _ in range(_STEPS):
        p = f"(1 / (1 + exp(-({at[0]!r} + {at[1]!r} * l))))"
        q = f"w * {p} * (1 - {p})"
        sums = f"sum(w * (y - {p})), sum(w * (y - {p}) * l), sum({q}), sum({q} * l), sum({q} * l * l)"
        sql_sums = f"SELECT sum(w), {rows.squares}, {sums} FROM ({sql}) AS r"
        weight, squares, *numbers = (float(value) for value in rows.data.query(sql_sums)[0])
        n = rows.size(weight, squares)
        score, information = np.array(numbers[:2])[free], np.array([numbers[2:4], numbers[3:5]])[np.ix_(free, free)]
        if not np.isfinite(information).all() or abs(np.linalg.det(information)) < 1e-9 * weight ** len(free):
            return Measured(None, n=n, note="the scores do not vary, or tell the labels apart wholly")
        step = np.linalg.solve(information, score)
        for place in free:
            at[place] += float(step[place])
        if abs(step).max() < _SETTLED * max(1.0, *map(abs, at)):
            break
    covariance = np.linalg.inv(information) * weight / n
    place = 1 if slope else 0
    error, df = sqrt(covariance[place, place]), float("inf")
    if rows.cluster is not None:
        # The influence of a row on the coefficient, added up by cluster (the sandwich).
        row = np.linalg.inv(information)[place].tolist()
        influence = f"({row[0]!r} + {row[1]!r} * l)" if slope else f"{row[0]!r}"
        term = f"(y - 1 / (1 + exp(-({at[0]!r} + {at[1]!r} * l)))) * {influence}"
        linked = cluster_ratios(rows.data, sql, [(term, "1")])[()][0].error(0.0, 1.0)
        error, df = (max(error, linked[0]), linked[1]) if linked else (float("inf"), 1.0)
    if not isfinite(error):
        return Measured(at[place], n=n, note="too few rows for an interval")

    def ends(times: float) -> Ends:
        wider = sqrt(float(intervals.at_level(1.0, df, rows.confidence, times)))
        reach = intervals.critical(rows.confidence, times) * error / wider
        return at[place] - reach, at[place] + reach

    return with_ends(at[place], ends, n, comparisons, "interval: Wald's")
