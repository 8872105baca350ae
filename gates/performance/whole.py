"""All rows of a binary task at once, where each weighs the same and stands alone: read once, kept as sorted scores."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from aims_gates import Dataset
from aims_gates.gatekit import Bands, Bin, Tally, bin_of

__all__ = ["KINDS", "Whole", "read_whole"]

Floats = npt.NDArray[np.float64]
#: Kinds of rows by label and decision; a decision of 2 is neither label.
KINDS = ((0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (1, 2))
_BLOCK = 262_144


@dataclass(frozen=True)
class Whole:
    """The rows.

    Attributes:
        favourable, other: The scores of the rows with the favourable label, and with the other, ascending.
        kinds: Rows of each of KINDS.
    """

    favourable: Floats
    other: Floats
    kinds: tuple[int, ...]

    @property
    def range(self) -> tuple[float, float]:
        """The least and the greatest score."""
        ends = [float(scores[place]) for scores in (self.favourable, self.other) if len(scores) for place in (0, -1)]
        return min(ends), max(ends)

    def tally(self) -> Tally:
        """Rows by kind."""
        return _tally(self.kinds)

    def losses(self, epsilon: float) -> list[float]:
        """Sums over the rows: of the log loss, of its square, of the squared error, of its square.

        Args:
            epsilon: For the log loss a score is kept this far from 0 and 1.
        """
        sums = np.zeros(4)
        for scores, label in ((self.favourable, 1), (self.other, 0)):
            for at in range(0, len(scores), _BLOCK):
                block = scores[at : at + _BLOCK]
                near = np.clip(block if label else 1 - block, epsilon, 1 - epsilon)
                loss, error = np.log(near), np.square(block - label)
                sums += -loss.sum(), np.square(loss).sum(), error.sum(), np.square(error).sum()
        return [float(total) for total in sums]

    def ends(self) -> tuple[float, float] | None:
        """The least and the greatest score from 0 to 1; None where there is none."""
        parts = [scores for scores in self._inside() if len(scores)]
        return (float(min(part[0] for part in parts)), float(max(part[-1] for part in parts))) if parts else None

    def weights(self, bands: Bands) -> Iterable[tuple[float, float]]:
        """Index -> the number of rows that have it."""
        counts = np.zeros(bands.last + 1, np.int64)
        for scores in self._inside():
            counts += np.diff(np.searchsorted(bands.index_of(scores), np.arange(bands.last + 2)))
        return ((float(place), float(counts[place])) for place in np.flatnonzero(counts))

    def bins(self, bands: Bands) -> list[Bin]:
        """The bands that have rows, in order; a score outside 0 to 1 is in none."""
        parts = []
        for scores in self._inside():
            cuts = np.searchsorted(bands.index_of(scores), bands.starts).tolist()
            edges = [0, *cuts, len(scores)]
            parts.append([scores[low:high] for low, high in pairwise(edges)])
        result = []
        for place, (hits, misses) in enumerate(zip(*parts, strict=True)):
            if len(hits) + len(misses):
                ends = [(float(part[0]), float(part[-1])) for part in (hits, misses) if len(part)]
                total = float(hits.sum() + misses.sum())
                result.append(bin_of(bands, place, _tally((len(misses), len(hits))), total, ends))
        return result

    def _inside(self) -> list[Floats]:
        """The scores from 0 to 1 of each label."""
        return [
            scores[np.searchsorted(scores, 0, "left") : np.searchsorted(scores, 1, "right")]
            for scores in (self.favourable, self.other)
        ]


def _tally(kinds: Iterable[int]) -> Tally:
    counts = np.array(list(kinds), np.float64)
    return Tally(counts, counts, counts)


def read_whole(data: Dataset, base: str) -> Whole:
    """Read the rows once.

    Args:
        data: The set.
        base: ``SELECT ... y, d, s ...`` over it: label, decision and score, none of them missing.
    """
    parts: tuple[list[Floats], list[Floats]] = ([], [])
    kinds = np.zeros(len(KINDS), np.int64)
    sql = f"SELECT CAST(y AS TINYINT), CAST(d AS TINYINT), s FROM ({base}) AS r"
    for batch in data.batches(sql):
        y, d, s = (batch.column(place).to_numpy(zero_copy_only=False) for place in range(3))
        kinds += [np.count_nonzero((y == label) & (d == decision)) for label, decision in KINDS]
        for label, scores in enumerate(parts):
            scores.append(s[y == label])
    other, favourable = (np.concatenate(scores) if scores else np.empty(0) for scores in parts)
    other.sort()
    favourable.sort()
    return Whole(favourable, other, tuple(kinds.tolist()))
