"""What chance alone does to a drift statistic, and so how far from the truth it may lie.

The reference and production are both samples. Shuffling their rows together and dealing them out
again gives tables with the same margins (a multivariate hypergeometric draw): the statistic's
exact null distribution given the cells, zero cells and sparse ones included. From it:

- divergences (psi, kl_div, and the squares of jensenshannon and hellinger) are, near equality, a scaled
  chi-square: ``(1/n + 1/m) * chi2(B - 1)`` for PSI (Yurdakul and Naranjo, Statistical properties of the
  population stability index, Journal of Risk Model Validation 14(4), 2020); under a shift the non-central
  one. Scale and degrees of freedom are matched to the mean and variance of the draws, and the
  non-centrality is inverted for an interval of the true divergence.
- distances that are norms of ``F - G`` (ks, wasserstein, ed, TVD) are off by at most the norm of the sampling
  error (triangle inequality), whose distribution the draws show.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

from .columns import Floats

__all__ = ["Chance", "Divergence", "Norm", "draws"]

_SEED = 20_231_218
_CELLS = 250_000
_LARGEST = 100_000_000


def draws(pooled: npt.NDArray[np.int64], first: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Deal pooled rows out again, at random, into two sets of the old sizes.

    Args:
        pooled: Rows per cell of both sets together, shape (cells,).
        first: The size of the first set.

    Returns:
        Rows per cell of the first and of the second set, each of shape (draws, cells). Seeded: the
        same counts give the same draws.
    """
    return _dealt(np.asarray(pooled, dtype=np.int64).tobytes(), first)


@lru_cache(maxsize=2)  # Several methods ask about the same cells, one after the other.
def _dealt(cells: bytes, first: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    pooled = np.frombuffer(cells, dtype=np.int64)
    generator = np.random.default_rng(_SEED)
    size = int(np.clip(_CELLS // max(len(pooled), 1), 399, 1999))
    total = int(pooled.sum())
    if total > _LARGEST:
        shares = pooled / total
        return generator.multinomial(first, shares, size=size), generator.multinomial(total - first, shares, size=size)
    dealt = generator.multivariate_hypergeometric(pooled, first, size=size, method="marginals")
    return dealt, pooled - dealt


class Chance(Protocol):
    """The null distribution of one statistic at these sizes."""

    def p_none(self, value: float) -> float:
        """The chance of such a value, or a greater one, without any shift."""

    def p_at(self, value: float, limit: float) -> float:
        """The chance of such a value, or a greater one, if the truth lay at the limit."""

    def interval(self, value: float, tail: float) -> tuple[float, float]:
        """An interval of the true value, ``tail`` left out at each end."""

    def noise(self, tail: float) -> float:
        """What the statistic exceeds in a share ``tail`` of samples without any shift."""

    def settled_by(self, value: float, limit: float, tail: float) -> float | None:
        """By what factor both sets must grow for the interval to clear the limit; None: no growth will do."""


def _growth(clear: Callable[[float], bool]) -> float | None:
    """The least factor, in steps of 15 %, up to ten million."""
    factor = 1.0
    while factor < 1e7:
        factor *= 1.15
        if clear(factor):
            return factor
    return None


def _tail_share(draws_seen: Floats, value: float, smooth: float) -> float:
    """Share of the draws that reach the value; beyond all of them the fitted tail."""
    reached = int(np.count_nonzero(draws_seen >= value * (1 - 1e-12)))
    floor = 1 / (len(draws_seen) + 1)
    return (reached + 1) / (len(draws_seen) + 1) if reached else min(floor, smooth)


@dataclass(frozen=True)
class Divergence:
    """A scaled non-central chi-square, after ``value ** power``.

    Attributes:
        seen: The statistic in each draw without a shift, already raised to ``power``.
        power: 1 for psi and kl_div; 2 for the distances whose square is the divergence.
    """

    seen: Floats
    power: int = 1
    scale: float = field(init=False)
    freedom: float = field(init=False)

    def __post_init__(self) -> None:
        mean, variance = float(np.mean(self.seen)), float(np.var(self.seen))
        known = mean > 0 and variance > 0
        object.__setattr__(self, "scale", variance / (2 * mean) if known else 0.0)
        object.__setattr__(self, "freedom", 2 * mean * mean / variance if known else 0.0)

    def p_none(self, value: float) -> float:
        raised = value**self.power
        if not self.scale:
            return 1.0 if raised <= float(np.max(self.seen)) else 1 / (len(self.seen) + 1)
        return _tail_share(self.seen, raised, float(special.chdtrc(self.freedom, raised / self.scale)))

    def p_at(self, value: float, limit: float) -> float:
        raised, bound = value**self.power, limit**self.power
        if not self.scale:
            return float(raised <= bound)
        return 1.0 - _below(raised / self.scale, self.freedom, bound / self.scale)

    def interval(self, value: float, tail: float) -> tuple[float, float]:
        if not self.scale:
            return value, value
        x = value**self.power / self.scale
        # A value under what chance gives on average says no more than the average does.
        ends = (_noncentrality(x, self.freedom, 1 - tail), _noncentrality(max(x, self.freedom), self.freedom, tail))
        low, high = ((end * self.scale) ** (1 / self.power) for end in ends)
        return min(low, value), max(high, value)

    def noise(self, tail: float) -> float:
        return float(np.quantile(self.seen, 1 - tail) ** (1 / self.power))

    def settled_by(self, value: float, limit: float, tail: float) -> float | None:
        truth = max(value**self.power - self.scale * self.freedom, 0.0)
        bound, z = limit**self.power, -float(special.ndtri(tail))

        def clear(factor: float) -> bool:
            scale = self.scale / factor
            expected = truth + scale * self.freedom
            low, high = _roughly(expected / scale, self.freedom, z)
            return low * scale > bound or max(high * scale, expected) <= bound

        return _growth(clear) if self.scale else None


def _below(x: float, freedom: float, shift: float) -> float:
    """P(noncentral chi-square <= x); Sankaran's normal approximation where the series grows long."""
    if x < 1e4 and shift < 1e4:
        return float(special.chndtr(x, freedom, shift) if shift > 0 else special.chdtr(freedom, x))
    return float(special.ndtr((x - freedom - shift) / math.sqrt(2 * freedom + 4 * shift)))


def _noncentrality(x: float, freedom: float, share: float) -> float:
    """The non-centrality under which ``share`` of the distribution lies below x; at least 0."""
    if x <= 0 or _below(x, freedom, 0.0) <= share:
        return 0.0
    if x >= 5e3:
        low, high = _roughly(x, freedom, abs(float(special.ndtri(share))))
        return low if share > 0.5 else high
    from scipy.optimize import brentq

    top = x + 10.0
    while _below(x, freedom, top) > share:
        top *= 2
    return float(brentq(lambda shift: _below(x, freedom, shift) - share, 0.0, top, xtol=1e-9))


def _roughly(x: float, freedom: float, z: float) -> tuple[float, float]:
    """Both ends of the non-centrality by the normal approximation: ``(x - df - s)^2 = z^2 (2 df + 4 s)``."""
    middle = x - freedom + 2 * z * z
    root = math.sqrt(max(middle**2 - (x - freedom) ** 2 + 2 * freedom * z * z, 0.0))
    return max(middle - root, 0.0), max(middle + root, 0.0)


@dataclass(frozen=True)
class Norm:
    """A distance that is a norm of the difference of two distribution functions.

    Attributes:
        seen: The distance in each draw without a shift.
    """

    seen: Floats

    def _fitted(self, value: float) -> float:
        mean, variance = float(np.mean(self.seen)), float(np.var(self.seen))
        if not (mean > 0 and variance > 0):
            return float(value <= mean)
        return float(special.gammaincc(mean * mean / variance, value / (variance / mean)))

    def p_none(self, value: float) -> float:
        return _tail_share(self.seen, value, self._fitted(value))

    def p_at(self, value: float, limit: float) -> float:
        return self.p_none(value - limit) if value > limit else 1.0

    def noise(self, tail: float) -> float:
        return float(np.quantile(self.seen, 1 - tail))

    def interval(self, value: float, tail: float) -> tuple[float, float]:
        reach = self.noise(tail)
        return max(value - reach, 0.0), value + reach

    def settled_by(self, value: float, limit: float, tail: float) -> float | None:
        reach, noise = self.noise(tail), float(np.mean(self.seen))
        truth = math.sqrt(max(value**2 - noise**2, 0.0))

        def clear(factor: float) -> bool:
            expected = math.hypot(truth, noise / math.sqrt(factor))
            return abs(expected - limit) > reach / math.sqrt(factor)

        return _growth(clear)
