"""Intervals for rates, their differences and their ratios, from counts. All take scalars or arrays."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = [
    "critical",
    "effective_n",
    "newcombe_difference",
    "paired_difference",
    "ratio_score",
    "ratio_statistic",
    "wilson",
]

Floats = NDArray[np.float64]
#: Bounds of log(ratio) in which a limit is sought, halvings of that span, and steps inside what is left.
_SPAN, _HALVINGS, _STEPS = 40.0, 12, 8


def critical(confidence: float, comparisons: float = 1.0) -> float:
    """The two-sided standard normal quantile, Bonferroni-corrected for this many comparisons."""
    from scipy.special import ndtri

    return -float(ndtri((1.0 - confidence) / (2.0 * max(1.0, comparisons))))


def effective_n(weights: ArrayLike, squares: ArrayLike) -> Any:
    """Kish's effective sample size, ``sum(w)**2 / sum(w**2)``, to six decimals; 0 where there are no rows.

    Equal weights give the very number of rows, whatever their unit; the decimals beyond are those of the addition.

    Args:
        weights: Sums of weights.
        squares: Sums of squared weights.

    Source: L. Kish, Survey Sampling (1965), section 8.2.
    """
    total, squared = np.asarray(weights, float), np.asarray(squares, float)
    return _out(np.round(np.divide(total**2, squared, out=np.zeros_like(total), where=squared > 0), 6))


def wilson(successes: ArrayLike, n: ArrayLike, confidence: float = 0.95, comparisons: float = 1.0) -> tuple[Any, Any]:
    """Wilson's score interval for a rate; (0, 1) where ``n`` is 0. Never of zero width.

    Args:
        successes, n: Counts, or weighted counts with an effective n.
        confidence: Two-sided.
        comparisons: Bonferroni correction.

    Source: E. B. Wilson, JASA 22 (1927) 209-212; R. G. Newcombe, Statistics in Medicine 17 (1998) 857-872, method 3.
    """
    x, total = _arrays(successes, n)
    low, high = _wilson(x, total, critical(confidence, comparisons))
    return _out(low), _out(high)


def _wilson(x: Floats, n: Floats, z: float) -> tuple[Floats, Floats]:
    known = n > 0
    safe = np.where(known, n, 1.0)
    rate = x / safe
    spread = z * np.sqrt(z * z / (4 * safe * safe) + np.clip(rate * (1 - rate), 0, None) / safe)
    middle, scale = rate + z * z / (2 * safe), 1 + z * z / safe
    low = np.where(x <= 0, 0.0, np.clip((middle - spread) / scale, 0.0, 1.0))
    high = np.where(x >= n, 1.0, np.clip((middle + spread) / scale, 0.0, 1.0))
    return np.where(known, low, 0.0), np.where(known, high, 1.0)


def newcombe_difference(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: float = 0.95, comparisons: float = 1.0
) -> tuple[Any, Any]:
    """Interval for ``x1/n1 - x2/n2`` of independent samples; (-1, 1) where either n is 0.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10 (hybrid score).
    """
    a, n, b, m = _arrays(x1, n1, x2, n2)
    z = critical(confidence, comparisons)
    (low_a, high_a), (low_b, high_b) = _wilson(a, n, z), _wilson(b, m, z)
    known = (n > 0) & (m > 0)
    p, q = _rate(a, n), _rate(b, m)
    low = p - q - np.hypot(p - low_a, high_b - q)
    high = p - q + np.hypot(high_a - p, q - low_b)
    return _out(np.where(known, np.clip(low, -1, 1), -1.0)), _out(np.where(known, np.clip(high, -1, 1), 1.0))


def ratio_statistic(x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, ratio: ArrayLike) -> Any:
    """Signed score statistic of the hypothesis ``p1 / p2 == ratio``; positive where the data say more.

    Standard normal under the hypothesis; 0 where nothing is known (no rows, or no success in either sample).

    Source: O. Miettinen, M. Nurminen, Statistics in Medicine 4 (1985) 213-226, eq. 9-12; without its factor
    N/(N-1) it is P. A. R. Koopman's, Biometrics 40 (1984) 513-517.
    """
    return _out(_ratio_statistic(*_arrays(x1, n1, x2, n2, ratio)))


def _ratio_statistic(x1: Floats, n1: Floats, x2: Floats, n2: Floats, ratio: Floats) -> Floats:
    known = (n1 > 0) & (n2 > 0) & (x1 + x2 > 0)
    n1, n2 = np.where(known, n1, 1.0), np.where(known, n2, 1.0)
    total = n1 + n2
    a, b, c = total * ratio, -(n1 * ratio + x1 + n2 + x2 * ratio), x1 + x2
    # The smaller root, written so that nothing cancels.
    p2 = np.minimum(2 * c / (-b + np.sqrt(np.maximum(b * b - 4 * a * c, 0))), 1.0)
    p1 = np.minimum(ratio * p2, 1.0)
    variance = (p1 * (1 - p1) / n1 + ratio**2 * p2 * (1 - p2) / n2) * total / np.maximum(total - 1, 1.0)
    gap = x1 / n1 - ratio * x2 / n2
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(np.abs(gap) <= 1e-15 * (1 + ratio), 0.0, gap / np.sqrt(variance))
    return np.where(known, z, 0.0)


def ratio_score(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: float = 0.95, comparisons: float = 1.0
) -> tuple[Any, Any]:
    """Score interval for ``(x1/n1) / (x2/n2)``: the ratios that :func:`ratio_statistic` does not reject.

    The high end is infinite where ``x2`` is 0; (0, inf) where nothing is known.

    Source: as :func:`ratio_statistic`; limits by bisection on the logarithm.
    """
    counts = _arrays(x1, n1, x2, n2)
    x, n, y, m = counts
    z = critical(confidence, comparisons)
    known = (n > 0) & (m > 0) & (x + y > 0)
    ends = _crossing(np.stack([counts, counts], axis=1), np.stack([np.full(x.shape, z), np.full(x.shape, -z)]))
    low = np.where(known & (x > 0), ends[0], 0.0)
    high = np.where(known & (y > 0), ends[1], np.inf)
    return _out(low), _out(high)


def _crossing(counts: Floats, target: Floats) -> Floats:
    """Where the statistic, which falls as the ratio grows, crosses the target.

    Halving finds a short span, then the Illinois method (M. Dowell, P. Jarratt, BIT 11 (1971) 168-174) the place.
    """

    def over(log_ratio: Floats) -> Floats:
        return _ratio_statistic(counts[0], counts[1], counts[2], counts[3], np.exp(log_ratio)) - target

    bottom, top = np.full(target.shape, -_SPAN), np.full(target.shape, _SPAN)
    for _ in range(_HALVINGS):
        middle = (bottom + top) / 2
        above = over(middle) > 0
        bottom, top = np.where(above, middle, bottom), np.where(above, top, middle)
    at_bottom, at_top = over(bottom), over(top)
    before = np.zeros(target.shape, np.int8)
    for _ in range(_STEPS):
        with np.errstate(divide="ignore", invalid="ignore"):
            guess = (bottom * at_top - top * at_bottom) / (at_top - at_bottom)
        guess = np.where(np.isfinite(guess) & (guess > bottom) & (guess < top), guess, (bottom + top) / 2)
        value = over(guess)
        above = value > 0
        # An end that stays twice counts half, so that it cannot stay for ever.
        at_bottom, at_top = (
            np.where(above, value, np.where(before == -1, at_bottom / 2, at_bottom)),
            np.where(above, np.where(before == 1, at_top / 2, at_top), value),
        )
        before = np.where(above, 1, -1).astype(np.int8)
        bottom, top = np.where(above, guess, bottom), np.where(above, top, guess)
    nearer = np.where(np.abs(over(bottom)) < np.abs(over(top)), bottom, top)
    crossing: Floats = np.exp(nearer)
    return crossing


def paired_difference(
    both: float, first: float, second: float, neither: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Interval for the difference of two rates measured on the same rows.

    Args:
        both, first, second, neither: Rows on which both, only the first, only the second, neither succeeds.
        confidence: Two-sided.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10, with his continuity-corrected phi.
    """
    n = both + first + second + neither
    if n <= 0:
        return -1.0, 1.0
    (low1, high1), (low2, high2) = wilson(both + first, n, confidence), wilson(both + second, n, confidence)
    p1, p2 = (both + first) / n, (both + second) / n
    phi = _phi(both, first, second, neither)
    below, above = (p1 - low1, high2 - p2), (high1 - p1, p2 - low2)
    low = p1 - p2 - float(np.sqrt(below[0] ** 2 - 2 * phi * below[0] * below[1] + below[1] ** 2))
    high = p1 - p2 + float(np.sqrt(above[0] ** 2 - 2 * phi * above[0] * above[1] + above[1] ** 2))
    return max(-1.0, low), min(1.0, high)


def _phi(both: float, first: float, second: float, neither: float) -> float:
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    if margins <= 0:
        return 0.0
    cross, n = both * neither - first * second, both + first + second + neither
    return float((max(cross - n / 2, 0.0) if cross > 0 else cross) / np.sqrt(margins))


def _rate(x: Floats, n: Floats) -> Floats:
    return np.divide(x, n, out=np.zeros(np.broadcast(x, n).shape), where=n > 0)


def _arrays(*values: ArrayLike) -> tuple[Floats, ...]:
    return tuple(np.array(part) for part in np.broadcast_arrays(*(np.asarray(value, float) for value in values)))


def _out(values: Floats) -> Any:
    """A float for scalars, else the array."""
    return float(values) if np.ndim(values) == 0 else values
