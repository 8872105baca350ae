"""Scores in bins of equal width from 0 to 1: what came true of each, and the expected calibration error."""

from collections.abc import Sequence
from dataclasses import dataclass

from aims_gates.data import Dataset, intervals

__all__ = ["Bin", "bin_name", "bin_sql", "calibration_bins", "calibration_error"]


@dataclass(frozen=True)
class Bin:
    """The rows whose score lies in one bin.

    Attributes:
        place: Which one, from 0.
        n: Rows, or the sum of their weights; never 0.
        scores, hits: Sums, weighted, of the scores and of what came true (1 or 0).
    """

    place: int
    n: float
    scores: float
    hits: float

    @property
    def mean_score(self) -> float:
        """What a calibrated model's share of hits is."""
        return self.scores / self.n

    @property
    def share(self) -> float:
        """The share that came true."""
        return self.hits / self.n


def bin_sql(value: str, bins: int) -> str:
    """The bin of a value from 0 to 1, as SQL; 1 itself is in the last."""
    return f"least(CAST(floor({value} * {bins}) AS INTEGER), {bins - 1})"


def bin_name(place: int, bins: int) -> str:
    """A bin's ends in words."""
    return f"{place / bins:g} to {(place + 1) / bins:g}"


def calibration_bins(
    data: Dataset, rows: str, bins: int, *, score: str = "s", hit: str = "y", key: str = "NULL"
) -> dict[str | None, list[Bin]]:
    """Slice -> its bins that have rows, in order; a score outside 0 to 1 is in none.

    Args:
        data: The set.
        rows: ``SELECT`` of the score, what came true (1 or 0) and the weight ``w``, over ``data``.
        bins: How many.
        score, hit, key: Their names in ``rows``; the key NULL makes one slice, None.
    """
    sums = f"SELECT {key} AS k, {bin_sql(score, bins)} AS b, sum(w), sum(w * {score}), sum(w * {hit}) FROM ({rows})"
    sql = f"{sums} AS r WHERE {score} BETWEEN 0 AND 1 GROUP BY ALL HAVING sum(w) > 0 ORDER BY k, b"
    slices: dict[str | None, list[Bin]] = {}
    for name, place, n, scores, hits in data.query(sql):
        slices.setdefault(name, []).append(Bin(int(place), float(n), float(scores), float(hits)))
    return slices


def calibration_error(bins: Sequence[Bin], confidence: float) -> tuple[float, float, float]:
    """Expected calibration error and the ends of its interval.

    The mean distance of the share that came true and the mean score over the bins (M. P. Naeini et al., AAAI 2015).
    The interval is the sum of the bins' Wilson intervals, corrected for their number: wide, and never too narrow.
    """
    total = sum(one.n for one in bins)
    value = low = high = 0.0
    for one in bins:
        ends = intervals.wilson(one.hits, one.n, confidence, len(bins))
        weight, mean = one.n / total, one.mean_score
        value += abs(one.share - mean) * weight
        low += max(0.0, ends[0] - mean, mean - ends[1]) * weight
        high += max(abs(ends[0] - mean), abs(ends[1] - mean)) * weight
    return value, low, min(1.0, high)
