"""How many independent rows rows are worth that come in clusters, such as several of one person."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from aims_gates.data.intervals.rates import critical

__all__ = ["at_level", "clustered_n"]

#: So much of a cluster that lies wholly at either end is added: with few clusters their spread comes out too small.
_ADDED = 0.5


def clustered_n(
    base: float,
    squares: float,
    spread: float,
    residual: float,
    clusters: float,
    ends: Sequence[float],
    most: float,
) -> float:
    """The effective size of a rate, or of any sum over rows, from the spread of its clusters' totals.

    Rows of weight ``w`` have a residual ``g`` that adds up to nothing: hit minus rate, for a rate. The variance is the
    linearized (cluster-robust) one, clusters being drawn with replacement: ``clusters / (clusters - 1)`` times the sum
    of the squares of the clusters' totals of ``w * g``. The size is what independent rows of the same spread would
    need for it. Half a cluster at either end is added, as A. Agresti and B. A. Coull (The American Statistician 52
    (1998) 119-126) add rows.

    Args:
        base: The sum of weights in the denominator.
        squares: The sum of the squares of the clusters' weights in it.
        spread: The sum of ``w * g * g``.
        residual: The sum over clusters of the squares of their sums of ``w * g``.
        clusters: How many have rows in it.
        ends: The least and the greatest residual that a row can have.
        most: The effective size were rows independent; never exceeded.

    Returns:
        Rows; 0 with fewer than two clusters. Not less than if all rows of a cluster were alike.

    Source: E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998) 193-201, equation 5 without the degrees of freedom
    (:func:`at_level` has them); W. G. Cochran, Sampling Techniques (1977), section 11.8 (the ratio estimator).
    """
    if clusters < 2 or base <= 0 or squares <= 0:
        return 0.0
    alike = min(most, base * base / squares)
    added = _ADDED * (squares / clusters) * sum(end * end for end in ends)
    variance = residual * clusters / (clusters - 1) + added
    return float(max(alike, min(most, base * spread / variance))) if variance > 0 else alike


def at_level(n: ArrayLike, df: ArrayLike | None, confidence: float, comparisons: float = 1.0) -> np.ndarray:
    """Effective sizes at a confidence: smaller where their variance rests on few clusters, by Student's quantile.

    Args:
        n: Effective sizes.
        df: Degrees of freedom (clusters minus one) of each; None, or infinity, changes nothing.
        confidence: Two-sided.
        comparisons: Bonferroni correction.

    Source: E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998) 193-201, equation 5.
    """
    sizes = np.asarray(n, float)
    if df is None or not np.isfinite(df).any():
        return sizes
    from scipy.special import stdtrit

    free = np.where(np.isfinite(df), np.maximum(np.asarray(df, float), 1.0), 1e15)
    level = (1 - confidence) / (2 * max(1.0, comparisons))
    wider = -np.asarray(stdtrit(free, level)) / critical(confidence, comparisons)
    return np.where(np.isfinite(df), sizes / wider**2, sizes)
