"""Scores in bands from 0 to 1: what came true of each, and the expected calibration error."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from aims_gates.data import Dataset
from aims_gates.errors import InputError
from aims_gates.gatekit.clusters import SampleRate, tally_rows

__all__ = ["Bands", "Bin", "bin_name", "bin_sql", "calibration_bins", "calibration_error", "one_band", "read_bands"]

#: Scores are first counted in so many bands of equal width between the least and the greatest, of which quantile bands
#: are made.
_FINE = 4096
#: Where one band that spans several scores holds so much of the rows, a calibration error over bands tells nothing.
MOST_IN_ONE = 0.9


@dataclass(frozen=True)
class Bin:
    """The rows whose score lies in one band.

    Attributes:
        place: Which one, from 0.
        name: Its ends in words.
        n: Effective size.
        weight: Rows, or the sum of their weights; never 0.
        mean_score: What a calibrated model's share of hits is.
        rate: The share that came true, with what it is judged by.
        spans: Whether it holds several scores.
    """

    place: int
    name: str
    weight: float
    mean_score: float
    rate: SampleRate
    spans: bool

    @property
    def n(self) -> float:
        """Effective size."""
        return self.rate.n

    @property
    def share(self) -> float:
        """The share that came true."""
        return self.rate.value or 0.0


@dataclass(frozen=True)
class Bands:
    """How scores are put into bands.

    Attributes:
        index: SQL of a number that grows with the score ``s``.
        starts: Where in ``index`` each band but the first begins.
        names: The bands in words; None names each by the scores that are in it.
    """

    index: str
    starts: tuple[float, ...]
    names: tuple[str, ...] | None

    def sql(self) -> str:
        """The place of the band of the score ``s``."""
        return " + ".join([f"(CASE WHEN {self.index} >= {at!r} THEN 1 ELSE 0 END)" for at in self.starts]) or "0"


def bin_sql(value: str, bins: int) -> str:
    """The band of equal width of a value from 0 to 1, as SQL; 1 itself is in the last."""
    return f"least(CAST(floor({value} * {bins}) AS INTEGER), {bins - 1})"


def bin_name(place: int, bins: int) -> str:
    """A band's ends in words."""
    return f"{place / bins:g} to {(place + 1) / bins:g}"


def read_bands(data: Dataset, rows: str, bands: Any, bins: int) -> Bands:
    """The parameter ``bands``: ``quantile``, ``equal``, or the inner ends of given bands.

    Quantile bands hold as much of the rows each as can be, of scores that lie next to each other; a score that more
    than a band's share of the rows have is a band of its own.

    Args:
        data: The set.
        rows: ``SELECT s, w, ...`` over it: score and weight.
        bands: As said.
        bins: How many, where they are not given.

    Raises:
        InputError: it is none of these.
    """
    if bands == "equal":
        return Bands(bin_sql("s", bins), tuple(range(1, bins)), tuple(bin_name(i, bins) for i in range(bins)))
    if bands == "quantile":
        return _quantile(data, rows, bins)
    numbers = isinstance(bands, list | tuple) and all(
        isinstance(end, int | float) and not isinstance(end, bool) and 0 < end < 1 for end in bands
    )
    if not numbers or not bands or list(bands) != sorted(set(bands)):
        remedy = 'Write "quantile", "equal", or ends between 0 and 1 that rise, such as [0.05, 0.2, 0.5].'
        raise InputError(f"bands cannot be {bands!r}", where="parameter bands", remedy=remedy)
    ends = [0.0, *map(float, bands), 1.0]
    return Bands("s", tuple(ends[1:-1]), tuple(f"{a:g} to {b:g}" for a, b in pairwise(ends)))


def _quantile(data: Dataset, rows: str, bins: int) -> Bands:
    least, most = data.query(f"SELECT min(s), max(s) FROM ({rows}) AS r WHERE s BETWEEN 0 AND 1")[0]
    if least is None or least == most:
        return Bands("s", (), None)
    index = f"least(floor((s - {float(least)!r}) * {_FINE / (float(most) - float(least))!r}), {_FINE - 1})"
    sql = f"SELECT {index} AS i, sum(w) FROM ({rows}) AS r WHERE s BETWEEN 0 AND 1 GROUP BY 1 HAVING sum(w) > 0"
    fine = sorted((float(place), float(weight)) for place, weight in data.query(sql))
    share = sum(weight for _, weight in fine) / bins
    starts, filled = [], 0.0
    for place, weight in fine:
        if filled and (filled >= share or weight >= share):
            starts.append(place)
            filled = 0.0
        filled += weight
    return Bands(index, tuple(starts), None)


def calibration_bins(
    data: Dataset,
    rows: str,
    bands: Bands,
    *,
    hit: str = "y",
    key: str = "NULL",
    sampling: bool = True,
    cluster: bool = False,
) -> dict[str | None, list[Bin]]:
    """Slice -> its bands that have rows, in order; a score outside 0 to 1 is in none.

    Args:
        data: The set.
        rows: ``SELECT`` of the score ``s``, what came true (1 or 0), the weight ``w``, and the cluster ``c`` where rows
            of one cluster go together, over ``data``.
        bands: The bands.
        hit, key: Names in ``rows`` of what came true and of the slice; the key NULL makes one slice, None.
        sampling: Whether weights correct a sample or count rows.
        cluster: Whether rows of one cluster go together.
    """
    parts = f"{key} AS k0, {bands.sql()} AS k1, s, w, {hit} AS kind{', c' if cluster else ''}"
    base = f"SELECT {parts} FROM ({rows}) AS r WHERE s BETWEEN 0 AND 1 AND w > 0"
    tallies = tally_rows(data, base, 2, keys=2, cluster=cluster, sampling=sampling)
    sums = f"SELECT k0, k1, sum(w * s) / sum(w), min(s), max(s) FROM ({base}) AS r GROUP BY k0, k1 ORDER BY k0, k1"
    slices: dict[str | None, list[Bin]] = {}
    for name, place, mean, low, high in data.query(sums):
        tally = tallies[name, place]
        words = bands.names[int(place)] if bands.names else f"{float(low):.4g} to {float(high):.4g}"
        rate, weight = tally.rate([1], [0, 1]), float(tally.weights.sum())
        slices.setdefault(name, []).append(Bin(int(place), words, weight, float(mean), rate, low < high))
    return slices


def calibration_error(bins: Sequence[Bin], confidence: float, comparisons: float = 1) -> tuple[float, float, float]:
    """Expected calibration error and the ends of its interval.

    The mean distance of the share that came true and the mean score over the bands (M. P. Naeini et al., AAAI 2015).
    The interval is the sum of the bands' intervals, corrected for their number: wide, and never too narrow.
    """
    total = sum(one.weight for one in bins)
    value = low = high = 0.0
    for one in bins:
        ends = one.rate.interval(confidence, len(bins) * comparisons)
        weight, mean = one.weight / total, one.mean_score
        value += abs(one.share - mean) * weight
        low += max(0.0, ends[0] - mean, mean - ends[1]) * weight
        high += max(abs(ends[0] - mean), abs(ends[1] - mean)) * weight
    return value, low, min(1.0, high)


def one_band(bins: Sequence[Bin]) -> str | None:
    """Why bands tell nothing: nearly all rows are in one that spans several scores; None where they do."""
    total = sum(one.weight for one in bins)
    for one in bins:
        if one.spans and one.weight >= MOST_IN_ONE * total:
            return f"{one.weight / total:.0%} of the rows lie in one band ({one.name}): no error within it is seen"
    return None
