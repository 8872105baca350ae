"""The area under the ROC curve of all rows at once, from each label's sorted scores."""

import numpy as np
import numpy.typing as npt

from aims_gates import Dataset

__all__ = ["area_of"]

_BLOCK = 262_144


def area_of(data: Dataset, base: str) -> tuple[float, int, int]:
    """The share of (favourable, other) pairs that are ranked rightly, ties counting half; rows of either label.

    Args:
        data: The set.
        base: ``SELECT ... y, s ...`` over it, every row weighing the same.

    Returns:
        The area (NaN where a label does not occur), favourable rows, other rows.
    """
    favourable, other = (_sorted(data, f"SELECT s FROM ({base}) AS r WHERE y = {label}") for label in (1, 0))
    m, n = len(favourable), len(other)
    if not m or not n:
        return float("nan"), m, n
    few, many = (favourable, other) if m <= n else (other, favourable)
    twice = 0
    for at in range(0, len(few), _BLOCK):
        block = few[at : at + _BLOCK]
        twice += sum(int(np.searchsorted(many, block, side=side).sum()) for side in ("left", "right"))
    if few is other:
        twice = 2 * m * n - twice
    return twice / (2 * m * n), m, n


def _sorted(data: Dataset, sql: str) -> npt.NDArray[np.float64]:
    parts = [batch.column(0).to_numpy(zero_copy_only=False) for batch in data.batches(sql)]
    scores: npt.NDArray[np.float64] = np.concatenate(parts) if parts else np.empty(0)
    scores.sort()
    return scores
