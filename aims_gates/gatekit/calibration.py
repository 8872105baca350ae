"""Scores in bands from 0 to 1: what came true of each, and the expected calibration error."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from aims_gates.data import Dataset
from aims_gates.errors import InputError
from aims_gates.gatekit.clusters import SampleRate, Tally, cluster_totals

__all__ = [
    "Bands",
    "Bin",
    "Scores",
    "bin_name",
    "bin_of",
    "bin_sql",
    "calibration_bins",
    "calibration_error",
    "choose_bands",
    "one_band",
    "read_bands",
]

Floats = NDArray[np.float64]
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

    A score ``s`` has the index ``min(floor((s - low) * scale), last)``, or is its own index where there is no scale.

    Attributes:
        starts: Where in the index each band but the first begins.
        names: The bands in words; None names each by the scores that are in it.
        low, scale, last: Of the index.
    """

    starts: tuple[float, ...]
    names: tuple[str, ...] | None
    low: float = 0.0
    scale: float | None = None
    last: int = 0

    @property
    def index(self) -> str:
        """SQL of the index of the score ``s``."""
        if self.scale is None:
            return "s"
        return f"least(floor((s - {self.low!r}) * {self.scale!r}), {self.last})"

    def index_of(self, scores: Floats) -> Floats:
        """The index of each score."""
        if self.scale is None:
            return scores
        return np.minimum(np.floor((scores - self.low) * self.scale), self.last)

    def words(self, place: int, low: float, high: float) -> str:
        """A band by its place, and by the least and the greatest score in it."""
        return self.names[place] if self.names else f"{low:.4g} to {high:.4g}"

    def sql(self) -> str:
        """The place of the band of the score ``s``."""
        return " + ".join([f"(CASE WHEN {self.index} >= {at!r} THEN 1 ELSE 0 END)" for at in self.starts]) or "0"


class Scores(Protocol):
    """Scores that bands are made for; those outside 0 to 1 count nowhere."""

    def ends(self) -> tuple[float, float] | None:
        """The least and the greatest; None where there are none."""

    def weights(self, bands: Bands) -> Iterable[tuple[float, float]]:
        """Index -> the weight of the rows that have it."""


@dataclass(frozen=True)
class _Counted:
    """Scores in the engine: ``SELECT s, w`` over a set."""

    data: Dataset
    rows: str

    def ends(self) -> tuple[float, float] | None:
        least, most = self.data.query(f"SELECT min(s), max(s) FROM ({self.rows}) AS r WHERE s BETWEEN 0 AND 1")[0]
        return None if least is None else (float(least), float(most))

    def weights(self, bands: Bands) -> Iterable[tuple[float, float]]:
        inside = f"FROM ({self.rows}) AS r WHERE s BETWEEN 0 AND 1"
        sql = f"SELECT {bands.index} AS i, sum(w) {inside} GROUP BY 1 HAVING sum(w) > 0"
        return ((float(place), float(weight)) for place, weight in self.data.query(sql))


def bin_sql(value: str, bins: int) -> str:
    """The band of equal width of a value from 0 to 1, as SQL; 1 itself is in the last."""
    return f"least(CAST(floor({value} * {bins}) AS INTEGER), {bins - 1})"


def bin_name(place: int, bins: int) -> str:
    """A band's ends in words."""
    return f"{place / bins:g} to {(place + 1) / bins:g}"


def read_bands(data: Dataset, rows: str, bands: Any, bins: int) -> Bands:
    """The bands that :func:`choose_bands` makes of the scores of a set.

    Args:
        data: The set.
        rows: ``SELECT s, w, ...`` over it: score and weight.
        bands, bins: As there.
    """
    return choose_bands(_Counted(data, rows), bands, bins)


def choose_bands(scores: Scores, bands: Any, bins: int) -> Bands:
    """The parameter ``bands``: ``quantile``, ``equal``, or the inner ends of given bands.

    Quantile bands hold as much of the rows each as can be, of scores that lie next to each other; a score that more
    than a band's share of the rows have is a band of its own.

    Args:
        scores: The scores.
        bands: As said.
        bins: How many, where they are not given.

    Raises:
        InputError: it is none of these.
    """
    if bands == "equal":
        names = tuple(bin_name(place, bins) for place in range(bins))
        return Bands(tuple(range(1, bins)), names, 0.0, float(bins), bins - 1)
    if bands == "quantile":
        return _quantile(scores, bins)
    numbers = isinstance(bands, list | tuple) and all(
        isinstance(end, int | float) and not isinstance(end, bool) and 0 < end < 1 for end in bands
    )
    if not numbers or not bands or list(bands) != sorted(set(bands)):
        remedy = 'Write "quantile", "equal", or ends between 0 and 1 that rise, such as [0.05, 0.2, 0.5].'
        raise InputError(f"bands cannot be {bands!r}", where="parameter bands", remedy=remedy)
    ends = [0.0, *map(float, bands), 1.0]
    return Bands(tuple(ends[1:-1]), tuple(f"{a:g} to {b:g}" for a, b in pairwise(ends)))


def _quantile(scores: Scores, bins: int) -> Bands:
    ends = scores.ends()
    if ends is None or ends[0] == ends[1]:
        return Bands((), None)
    fine_bands = Bands((), None, ends[0], _FINE / (ends[1] - ends[0]), _FINE - 1)
    fine = sorted(scores.weights(fine_bands))
    share = sum(weight for _, weight in fine) / bins
    starts, filled = [], 0.0
    for place, weight in fine:
        if filled and (filled >= share or weight >= share):
            starts.append(place)
            filled = 0.0
        filled += weight
    return replace(fine_bands, starts=tuple(starts))


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
    known = f"s BETWEEN 0 AND 1 AND w > 0 AND {hit} IS NOT NULL"
    columns = f"{key} AS k0, {bands.sql()} AS k1, {hit} AS kind, s, w{', c' if cluster else ''}"
    base = f"SELECT {columns} FROM ({rows}) AS r WHERE {known}"
    together = cluster_totals(data, base, 2, keys=2) if cluster else {}
    sums = "count(*), sum(w), sum(w * w), sum(w * s), min(s), max(s)"
    cells: dict[tuple[str | None, int], list[list[Any]]] = defaultdict(list)
    for name, place, *cell in data.query(f"SELECT k0, k1, kind, {sums} FROM ({base}) AS b GROUP BY k0, k1, kind"):
        cells[name, int(place)].append(cell)
    slices: dict[str | None, list[Bin]] = {}
    for name, place in sorted(cells, key=lambda place: (place[0] is not None, str(place[0]), place[1])):
        parts = np.zeros((4, 2))
        for kind, *numbers in cells[name, place]:
            parts[:, int(kind)] = [float(number) for number in numbers[:4]]
        ends = [(float(low), float(high)) for *_, low, high in cells[name, place]]
        tally = Tally(parts[0], parts[1], parts[2], sampling, together.get((name, place)))
        slices.setdefault(name, []).append(bin_of(bands, place, tally, float(parts[3].sum()), ends))
    return slices


def bin_of(bands: Bands, place: int, tally: Tally, total: float, ends: Sequence[tuple[float, float]]) -> Bin:
    """A band.

    Args:
        bands, place: Which.
        tally: Its rows where nothing came true, and where something did.
        total: The weighted sum of its scores.
        ends: Least and greatest scores, of some of its rows each.
    """
    low, high = min(least for least, _ in ends), max(most for _, most in ends)
    weight = float(tally.weights.sum())
    return Bin(place, bands.words(place, low, high), weight, total / weight, tally.rate([1], [0, 1]), low < high)


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
