"""How far a drift statistic may lie from the truth: what the truth is surely above, and what it is surely below.

Reference and production are both samples. A statistic passes where the upper end of its interval keeps the limit, so
that end must hold where the truth lies *at* the limit, whatever the shift looks like:

- divergences of cells (psi, jensenshannon, hellinger, kl_div): both sets are drawn again from shares moved along the
  observed shift until their divergence is the limit (a constrained parametric bootstrap: H. Dette, K. Moellenhoff,
  S. Volgushev, F. Bretz, Journal of the American Statistical Association 113 (2018) 711-729; for multinomial
  counts V. Ostrovski, Statistics and Probability Letters 124 (2017) 77-82). The draws carry the bias of
  small samples and sparse cells with them.
- ks and TVD: where the truth is farthest apart, or over the cells in which one set has more, both shares are
  plain proportions; the statistic is at least their difference. So the upper end needs the error of one difference of
  proportions, of variance ``(1/n + 1/m) / 4`` at most. The lower end is that of Dvoretzky, Kiefer and Wolfowitz
  with P. Massart's constant (Annals of Probability 18 (1990) 1269-1283) for ks, and bootstrapped for TVD.
- wasserstein: the distance is the greatest difference of means of a function of slope one (L. Kantorovich,
  G. Rubinstein, 1958), whose variance is no greater than that of the values. So the upper end needs the error of one
  difference of means. The lower end adds what the draws show of the norm of ``F - G``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy import special

from .columns import Floats

__all__ = ["Bound", "Clustered", "Distance", "Divergence", "Sizes", "dealt", "proportions", "redrawn"]

_SEED = 20_231_218
_CELLS = 80_000
_LARGEST = 100_000_000
#: The chance that the rows which are said to settle a verdict do so: one in five may need some more.
_POWER = float(special.ndtri(0.85))

#: The draws start from an estimate: of few rows a part of each tail is given up for that, as simulations show.
_SMALL, _LEAST_TAIL = 4.0, 0.4

Counts = npt.NDArray[np.int64]
Draws = tuple[Counts, Counts]
Sizes = tuple[float, float]


class Bound(Protocol):
    """What sampling does to one statistic at these sizes."""

    def ends(self, tail: float) -> tuple[float, float]:
        """The ends of an interval of the true value, ``tail`` left out at each."""

    def noise(self, tail: float) -> float:
        """What the statistic exceeds in a share ``tail`` of samples without any shift, roughly."""

    def settled_by(self, tail: float) -> float | None:
        """By what factor both sets must grow for the interval to clear the limit; None: no growth will do."""


def _size(cells: int) -> int:
    return int(np.clip(_CELLS // max(cells, 1), 399, 999))


@lru_cache(maxsize=2)
def _dealt(cells: bytes, first: int) -> Draws:
    pooled = np.frombuffer(cells, dtype=np.int64)
    generator, size, total = np.random.default_rng(_SEED), _size(len(pooled)), int(pooled.sum())
    if total > _LARGEST:
        shares = pooled / total
        return generator.multinomial(first, shares, size=size), generator.multinomial(total - first, shares, size=size)
    rows = generator.multivariate_hypergeometric(pooled, first, size=size, method="marginals")
    return rows, pooled - rows


def dealt(pooled: Counts, first: int) -> Draws:
    """Deal pooled rows out again, at random, into two sets of the old sizes: what no shift at all would give.

    Args:
        pooled: Rows per cell of both sets together, shape (cells,).
        first: The size of the first set.

    Returns:
        Rows per cell of the first and of the second set, each of shape (draws, cells). Seeded.
    """
    return _dealt(np.asarray(pooled, dtype=np.int64).tobytes(), first)


def redrawn(first: Counts | Floats, second: Counts | Floats, sizes: Sizes) -> Draws:
    """Draw both sets from these shares, independently; rows per cell, each of shape (draws, cells). Seeded."""
    generator, size = np.random.default_rng(_SEED), _size(len(first))
    one, other = (shares / shares.sum() for shares in (first, second))
    n, m = (max(round(rows), 1) for rows in sizes)
    return generator.multinomial(n, one, size=size), generator.multinomial(m, other, size=size)


def proportions(sizes: Sizes, tail: float) -> float:
    """What a difference of two proportions misses at most, one-sided: the normal limit at the greatest variance."""
    return -float(special.ndtri(tail)) * 0.5 * math.sqrt(1 / sizes[0] + 1 / sizes[1])


def _low_draw(draws: Floats, tail: float) -> float:
    """The draw below which at most ``tail`` of them lie; of a tail too small for them the least."""
    return float(draws[max(int(tail * (len(draws) + 1)) - 1, 0)])


def _high_draw(draws: Floats, tail: float) -> float:
    """What at most ``tail`` of the draws exceed; of a tail too small for them what a fitted gamma exceeds so seldom."""
    place = int(tail * (len(draws) + 1))
    if place >= 1:
        return float(draws[-place])
    mean, variance = float(draws.mean()), float(draws.var())
    if not (mean > 0 and variance > 0):
        return float(draws[-1])
    scale = variance / mean
    return max(float(draws[-1]), float(special.gammaincinv(mean / scale, 1 - tail)) * scale)


def _growth(gap: float, spread: float, tail: float) -> float | None:
    """The factor that brings the interval's reach, and luck as it mostly is, within the gap to the limit.

    The gap is known no better than the statistic is, so it is taken half an error smaller, and a third of it at least.
    """
    sure = max(abs(gap) - 0.5 * spread, abs(gap) / 3)
    if sure < 0.02 * spread or spread <= 0:
        return None
    factor = ((_POWER - float(special.ndtri(tail))) * spread / sure) ** 2
    return max(factor, 1.15) if factor < 1e7 else None


@dataclass(frozen=True)
class Divergence:
    """A divergence of the cells of two samples.

    Attributes:
        value: The statistic.
        cells: Rows per cell, effective where rows go together: reference, production.
        formula: The statistic of such cells, over the last axis.
        power: What makes the statistic a divergence: 2 for the distances whose square is one.
        limit: What the truth is held against; None where there is nothing to judge.
        unit: The divergence near equality is ``unit * (1/n + 1/m)`` times a chi-square.
        biased: By what part of the draws' own excess over the truth the statistic comes out too large: below 1 where
            rows go together less in most directions than along the shift.
    """

    value: float
    cells: tuple[Counts | Floats, Counts | Floats]
    formula: Callable[[Counts | Floats, Counts | Floats], Floats]
    power: int
    limit: float | None
    unit: float
    biased: float = 1.0

    @cached_property
    def _filled(self) -> tuple[Floats, Floats]:
        """The shares in the cells that hold rows, half a row more in each so that none is empty."""
        some = (self.cells[0] + self.cells[1]) > 0
        first, second = ((cells[some] + 0.5) / (cells.sum() + 0.5 * some.sum()) for cells in self.cells)
        return first, second

    @cached_property
    def _sizes(self) -> Sizes:
        return float(self.cells[0].sum()), float(self.cells[1].sum())

    @property
    def _truth(self) -> float:
        """What the divergence is held against, as a divergence."""
        return float((self.value if self.limit is None else self.limit) ** self.power)

    def _moved(self, times: float) -> tuple[Floats, Floats]:
        """The shares whose logarithms lie ``times`` as far apart as the observed ones, about the same middle."""
        first, second = (np.log(shares) for shares in self._filled)
        apart = (second - first) / 2
        if np.allclose(apart, 0):
            apart = np.where(np.arange(len(apart)) % 2, 0.5, -0.5)
        middle = (first + second) / 2
        sides = [middle - times * apart, middle + times * apart]
        raised = [np.exp(side - side.max()) for side in sides]
        one, other = (side / side.sum() for side in raised)
        return one, other

    def _at_limit(self) -> tuple[Floats, Floats]:
        low, high = 0.0, 1.0
        while self._of(*self._moved(high)) < self._truth and high < 64:
            low, high = high, high * 2
        for _ in range(25):
            middle = (low + high) / 2
            low, high = (middle, high) if self._of(*self._moved(middle)) < self._truth else (low, middle)
        return self._moved(high)

    def _of(self, first: Floats, second: Floats) -> float:
        return float(self.formula(first, second)) ** self.power

    @cached_property
    def _draws(self) -> tuple[Floats, Floats]:
        """The divergence in each draw, and with half a row more in each cell, sorted; the truth lies at the limit."""
        first, second = redrawn(*self._at_limit(), self._sizes)
        plain, filled = self.formula(first, second), self.formula(np.add(first, 0.5), np.add(second, 0.5))
        return np.sort(plain**self.power), np.sort(filled**self.power)

    def ends(self, tail: float) -> tuple[float, float]:
        """The ends; the lower one is of shares with half a row more in each cell: an empty cell weighs too much."""
        if len(self._filled[0]) < 2:
            return self.value, self.value
        tail *= max(1 - _SMALL / math.sqrt(min(self._sizes)), _LEAST_TAIL)
        raised, (plain, filled) = self.value**self.power, self._draws
        excess = (1 - self.biased) * max(float(plain.mean()) - self._truth, 0.0)
        high = raised + max(self._truth - _low_draw(plain, tail) + excess, 0.0)
        low = min(self._of(*self._filled), raised) - max(_high_draw(filled, tail) - self._truth, 0.0)
        return float(max(low, 0.0) ** (1 / self.power)), float(high ** (1 / self.power))

    def noise(self, tail: float) -> float:
        degrees = len(self._filled[0]) - 1
        if degrees < 1:
            return 0.0
        scale = self.unit * sum(1 / size for size in self._sizes)
        return float((scale * special.chdtri(degrees, tail)) ** (1 / self.power))

    def settled_by(self, tail: float) -> float | None:
        bias = self.unit * sum(1 / size for size in self._sizes) * (len(self._filled[0]) - 1)
        truth = max(self.value**self.power - bias, 0.0)
        return _growth(self._truth - truth, float(self._draws[0].std()), tail)


@dataclass(frozen=True)
class Distance:
    """A distance that is a norm of the difference of two distributions.

    Attributes:
        value: The statistic.
        limit: What the truth is held against; None where there is nothing to judge.
        above: How far the truth may lie above the statistic, by the tail left out.
        below: How far below it.
    """

    value: float
    limit: float | None
    above: Callable[[float], float]
    below: Callable[[float], float]
    _none: float = field(default=0.5)

    @classmethod
    def of_draws(
        cls, value: float, limit: float | None, above: Callable[[float], float], draws: Callable[[], Floats]
    ) -> "Distance":
        """A distance whose lower end comes from draws of the norm of the sampling error."""
        known: list[Floats] = []

        def below(tail: float) -> float:
            if not known:
                known.append(np.sort(draws()))
            return _high_draw(known[0], tail)

        return cls(value, limit, above, below)

    def ends(self, tail: float) -> tuple[float, float]:
        return max(self.value - self.below(tail), 0.0), self.value + self.above(tail)

    def noise(self, tail: float) -> float:
        return self.below(tail)

    def settled_by(self, tail: float) -> float | None:
        if self.limit is None:
            return None
        usual = self.below(self._none)
        truth = math.sqrt(max(self.value**2 - usual**2, 0.0))
        reach = self.above(tail) if truth <= self.limit else self.below(tail)
        spread = reach / -float(special.ndtri(tail))
        return _growth(self.limit - truth, spread + 0.5 * usual, tail)


class _Worth(Protocol):
    def at(self, tail: float) -> float: ...


@dataclass(frozen=True)
class Clustered:
    """The bound of rows that come in clusters: of as many independent rows as they are worth.

    Attributes:
        worth: Of the reference's rows, and of production's.
        of: The bound of sets of such sizes.
    """

    worth: tuple[_Worth, _Worth]
    of: Callable[[Sizes], Bound]
    _known: dict[Sizes, Bound] = field(default_factory=dict)

    def _at(self, tail: float) -> Bound:
        sizes = self.worth[0].at(tail), self.worth[1].at(tail)
        if sizes not in self._known:
            self._known[sizes] = self.of(sizes)
        return self._known[sizes]

    def ends(self, tail: float) -> tuple[float, float]:
        return self._at(tail).ends(tail)

    def noise(self, tail: float) -> float:
        return self._at(tail).noise(tail)

    def settled_by(self, tail: float) -> float | None:
        return self._at(tail).settled_by(tail)
