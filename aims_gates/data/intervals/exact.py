"""Intervals whose ends hold at every number of rows: of a rate, and of the difference and the ratio of two.

What verdicts are made by. Those of :mod:`aims_gates.data.intervals.rates` are right on average and err near 0 and 1:
of a true rate of 0.01 and 100 rows Wilson's lies wholly above it in 7.9 % of samples, where 2.5 % is stated.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["exact_difference", "exact_paired", "exact_rate", "exact_ratio"]

Floats = NDArray[np.float64]
Ends = tuple[Floats, Floats]
#: Of few rows a part of each tail is given up, as two exact intervals together are not exact: every pair of 30 to
#: 10,000 rows, differences of 0.01 to 0.2 and ratios of 0.5 to 0.9 were counted through, and err in 2.5 % at most.
_SMALL, _LEAST_TAIL = 3.0, 0.3


def exact_rate(
    successes: ArrayLike, n: ArrayLike, confidence: float = 0.95, comparisons: float = 1.0
) -> tuple[Any, Any]:
    """Clopper and Pearson's interval for a rate: each end errs in at most its share; (0, 1) where ``n`` is 0.

    Args:
        successes, n: Counts. An effective size is taken as it is, in a beta distribution whose parameters are no whole
            numbers (E. L. Korn, B. I. Graubard, Survey Methodology 24 (1998) 193-201).
        confidence: Two-sided.
        comparisons: Bonferroni correction.

    Source: C. J. Clopper, E. S. Pearson, Biometrika 26 (1934) 404-413.
    """
    x, total = (np.asarray(value, float) for value in (successes, n))
    low, high = _beta(x, total, _tail(confidence, comparisons))
    return _out(low), _out(high)


def exact_difference(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: float = 0.95, comparisons: float = 1.0
) -> tuple[Any, Any]:
    """Interval for ``x1/n1 - x2/n2`` of independent samples; (-1, 1) where either n is 0.

    Source: R. G. Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10, of Clopper and Pearson's ends in place
    of Wilson's.
    """
    x, n, y, m = (np.asarray(value, float) for value in (x1, n1, x2, n2))
    (low_a, high_a), (low_b, high_b) = _both(x, n, y, m, _tail(confidence, comparisons))
    p, q, known = _rate(x, n), _rate(y, m), (n > 0) & (m > 0)
    low, high = p - q - np.hypot(p - low_a, high_b - q), p - q + np.hypot(high_a - p, q - low_b)
    return _out(np.where(known, np.clip(low, -1, 1), -1.0)), _out(np.where(known, np.clip(high, -1, 1), 1.0))


def exact_ratio(
    x1: ArrayLike, n1: ArrayLike, x2: ArrayLike, n2: ArrayLike, confidence: float = 0.95, comparisons: float = 1.0
) -> tuple[Any, Any]:
    """Interval for ``(x1/n1) / (x2/n2)`` of independent samples; (0, inf) where nothing is known.

    Source: A. Donner, G. Y. Zou, Statistical Methods in Medical Research 21 (2012) 347-359, equation 9: the
    ratios whose difference ``p1 - ratio * p2`` may be 0, of Clopper and Pearson's ends.
    """
    x, n, y, m = (np.asarray(value, float) for value in (x1, n1, x2, n2))
    (low_a, high_a), (low_b, high_b) = _both(x, n, y, m, _tail(confidence, comparisons))
    p, q, known = _rate(x, n), _rate(y, m), (n > 0) & (m > 0) & (x + y > 0)
    below = low_a * (2 * p - low_a), high_b * (2 * q - high_b)
    above = high_a * (2 * p - high_a), low_b * (2 * q - low_b)
    product = p * q
    with np.errstate(divide="ignore", invalid="ignore"):
        low = below[0] / (product + np.sqrt(np.maximum(product**2 - below[0] * below[1], 0)))
        high = (product + np.sqrt(np.maximum(product**2 - above[0] * above[1], 0))) / above[1]
    return _out(np.where(known & (x > 0), low, 0.0)), _out(np.where(known & (low_b > 0), high, np.inf))


def exact_paired(
    both: float, first: float, second: float, neither: float, confidence: float = 0.95, comparisons: float = 1.0
) -> tuple[float, float]:
    """Interval for the difference of two rates measured on the same rows; (-1, 1) where there are none.

    The difference is that of the shares of rows on which only the one and only the other succeeds.

    Args:
        both, first, second, neither: Rows on which both, only the first, only the second, neither succeeds.
        confidence, comparisons: As :func:`exact_rate`.

    Source: G. Y. Zou, A. Donner, Statistics in Medicine 27 (2008) 1693-1702 (MOVER), of Clopper and Pearson's ends and
    the correlation of two cells of a multinomial distribution.
    """
    n = both + first + second + neither
    if n <= 0:
        return -1.0, 1.0
    one, other, rows = (np.asarray(value, float) for value in (first, second, n))
    (low1, high1), (low2, high2) = _both(one, rows, other, rows, _tail(confidence, comparisons))
    p, q = first / n, second / n
    others = (1 - p) * (1 - q)
    linked = -float(np.sqrt(p * q / others)) if others > 0 else -1.0
    below, above = _apart(p - low1, high2 - q, linked), _apart(high1 - p, q - low2, linked)
    return max(-1.0, p - q - below), min(1.0, p - q + above)


def _apart(one: Floats, other: Floats, linked: float) -> float:
    return float(np.sqrt(one**2 - 2 * linked * one * other + other**2))


def _both(x: Floats, n: Floats, y: Floats, m: Floats, tail: float) -> tuple[Ends, Ends]:
    """The ends of both rates, a part of the tail given up for the fewer of the rows."""
    fewer = np.maximum(np.minimum(n, m), 1.0)
    tails = tail * np.maximum(1 - _SMALL / np.sqrt(fewer), _LEAST_TAIL)
    return _beta(x, n, tails), _beta(y, m, tails)


def _beta(x: Floats, n: Floats, tail: float | Floats) -> Ends:
    from scipy.special import betaincinv

    least = np.finfo(float).tiny
    known = n > 0
    low = betaincinv(np.maximum(x, least), np.maximum(n - x + 1, least), tail)
    high = betaincinv(np.maximum(x + 1, least), np.maximum(n - x, least), 1 - np.asarray(tail))
    return np.where(known & (x > 0), low, 0.0), np.where(known & (x < n), high, 1.0)


def _tail(confidence: float, comparisons: float) -> float:
    return (1.0 - confidence) / (2.0 * max(1.0, comparisons))


def _rate(x: Floats, n: Floats) -> Floats:
    return np.divide(x, n, out=np.zeros(np.broadcast(x, n).shape), where=n > 0)


def _out(values: Floats) -> Any:
    """A float for scalars, else the array."""
    return float(values) if np.ndim(values) == 0 else values
