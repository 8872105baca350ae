"""The area under the ROC curve: the share of (favourable, other) pairs ranked rightly, ties counting half."""

from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
import numpy.typing as npt

from aims_gates import intervals
from aims_gates.gatekit import cluster_ratios

from .measured import Measured, with_ends
from .rows import Rows

__all__ = ["Area", "area_of", "areas"]

Floats = npt.NDArray[np.float64]
_BLOCK = 262_144
_NOTE = "interval: DeLong's, on the logit scale"


@dataclass(frozen=True)
class Area:
    """An area under the ROC curve.

    Attributes:
        value: NaN where a label does not occur.
        error: DeLong's standard error.
        m, n: (Effective) rows with the favourable label, and with the other.
        df: Degrees of freedom where the error rests on clusters.
    """

    value: float
    error: float
    m: float
    n: float
    df: float = inf

    def measured(self, confidence: float, comparisons: float) -> Measured:
        """With its interval."""
        n = float(self.m + self.n)
        if not self.m or not self.n:
            return Measured(None, n=n, note="only one of the two labels occurs")

        def ends(times: float) -> tuple[float, float]:
            return intervals.delong_interval(self.value, self.error, self.m, self.n, confidence, times, self.df)

        return with_ends(self.value, ends, n, comparisons, _NOTE)


def areas(rows: Rows, by: str | None, comparisons: float) -> dict[str | None, Measured]:
    """Slice -> its area."""
    if by is None and rows.whole is not None:
        area = area_of(rows.whole.favourable, rows.whole.other)
        return {None: area.measured(rows.confidence, comparisons)}
    base = rows.base(by)
    result = _weighted(rows, base)
    if rows.cluster is not None:
        _link(rows, base, result)
    return {key: area.measured(rows.confidence, comparisons) for key, area in result.items()}


def area_of(favourable: Floats, other: Floats) -> Area:
    """The area of rows that weigh the same, from each label's scores, ascending."""
    m, n = len(favourable), len(other)
    if not m or not n:
        return Area(float("nan"), 0.0, m, n)
    few, many = (favourable, other) if m <= n else (other, favourable)
    twice, squares = 0, 0.0
    marks = np.zeros(len(many) + 1, np.int64)
    for at in range(0, len(few), _BLOCK):
        block = few[at : at + _BLOCK]
        left = np.searchsorted(many, block)
        tied = bool((many[np.minimum(left, len(many) - 1)] == block).any())
        right = np.searchsorted(many, block, side="right") if tied else left
        both = left + right
        twice += int(both.sum())
        squares += float(np.square(both / (2 * len(many))).sum())
        for places in (left, right):  # Sorted, as the few are, so that each block touches a stretch of its own.
            counted = np.bincount(places - places[0])
            marks[places[0] : places[0] + len(counted)] += counted
    # Of each of the many: how many of the few lie below it or beside it (half), counted from where the few fall.
    below = np.cumsum(marks[:-1]) / (2 * len(few))
    share = twice / (2 * m * n)
    spread_few = max(0.0, squares - len(few) * share * share)
    spread_many = float(np.square(below - (1 - share)).sum())
    error = sqrt(_part(spread_few, len(few)) + _part(spread_many, len(many)))
    return Area(share if few is favourable else 1 - share, error, m, n)


def _part(spread: float, size: float) -> float:
    """Variance of the mean of so many values."""
    return spread / (size - 1) / size if size > 1 else inf


def _weighted(rows: Rows, base: str) -> dict[str | None, Area]:
    """By slice, with weights: placements of each score among the other label's (DeLong 1988)."""
    squares = "sum(w * w) FILTER (y = 1) AS pp, sum(w * w) FILTER (y = 0) AS qq"
    ranked = (
        f"SELECT k, s, sum(w) FILTER (y = 1) AS p, sum(w) FILTER (y = 0) AS q, {squares} FROM ({base}) GROUP BY k, s"
    )
    names = ("p", "q", "pp", "qq")
    whole = f"SELECT k, s, {', '.join(f'coalesce({name}, 0) AS {name}' for name in names)} FROM ({ranked})"
    over = "OVER (PARTITION BY k ORDER BY s)"
    placed = (
        f"SELECT k, p, q, pp, qq, sum(q) {over} - q / 2.0 AS beaten, sum(p) OVER (PARTITION BY k) - sum(p) {over} "
        f"+ p / 2.0 AS lost FROM ({whole})"
    )
    sums = "sum(p * beaten), sum(p), sum(q), sum(pp), sum(qq), sum(p * beaten * beaten), sum(q * lost * lost)"
    result = {}
    for key, *texts in rows.data.query(f"SELECT k, {sums} FROM ({placed}) GROUP BY k ORDER BY k"):
        area, p, q, pp, qq, first, second = (float(text or 0) for text in texts)
        m, n = (float(intervals.effective_n(*pair)) for pair in ((p, pp), (q, qq))) if rows.sampling else (p, q)
        if not p or not q:
            result[key] = Area(float("nan"), 0.0, m, n)
            continue
        value = area / (p * q)
        above, below = max(0.0, first / (p * q * q) - value**2), max(0.0, second / (q * p * p) - value**2)
        variance = above / (m - 1) + below / (n - 1) if m > 1 and n > 1 else inf
        result[key] = Area(value, sqrt(variance), m, n)
    return result


def _link(rows: Rows, base: str, result: dict[str | None, Area]) -> None:
    """Errors from clusters: each row's placement over its label's weight adds up to the area."""

    def placed(label: int, sign: str) -> str:
        """The weight of rows of a label below (or above) a row's score, ties counting half."""
        w = f"sum(CASE WHEN y = {label} THEN w ELSE 0 END)"
        upto, ties = f"{w} OVER (PARTITION BY k ORDER BY s {sign})", f"{w} OVER (PARTITION BY k, s)"
        return f"({upto} - {ties} / 2.0)"

    whole = {label: f"sum(CASE WHEN y = {label} THEN w ELSE 0 END) OVER (PARTITION BY k)" for label in (0, 1)}
    placement = (
        f"CASE WHEN y = 1 THEN {placed(0, 'ASC')} ELSE {placed(1, 'DESC')} END / nullif({whole[0]} * {whole[1]}, 0)"
    )
    share = f"1.0 / nullif(CASE WHEN y = 1 THEN {whole[1]} ELSE {whole[0]} END, 0)"
    sql = f"SELECT k AS k0, c, w, {placement} AS t, {share} AS b FROM ({base}) AS r"
    for (key,), (sums,) in cluster_ratios(rows.data, sql, [("t", "b")], keys=1).items():
        area = result[key]
        linked = sums.error(area.value, 1.0) if area.m and area.n else None
        error, df = linked or (inf, 1.0)
        result[key] = Area(area.value, max(error, area.error), area.m, area.n, df)
