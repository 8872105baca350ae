"""The drift methods, each as evidently defines it: same bins, same zero cells, same norms.

evidently reports p-values under the name of a test; here the value is always the statistic, and the p-value
stands beside it. Sources: ``evidently/legacy/calculations/stattests`` of evidently 0.7.23; SciPy for the tests.
"""

import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import scipy  # imports scipy.stats, which takes a third of a second, once a method asks for it
from scipy import special

from .bounds import Bound, Clustered, Distance, Divergence, Sizes, dealt, proportions, redrawn
from .clusters import Worth, worth_of_cells, worth_of_order
from .columns import Floats
from .pair import Counts, Pair, cut_sql, sturges

__all__ = ["BANDED", "DEFAULT", "METHODS", "Method", "Statistic", "evidently_method"]

#: What compares a column where nobody says: docs/adr/0035 gives the reasons.
DEFAULT = "psi"
#: What compares the rows of bands.
BANDED = ("psi", "csi", "jensenshannon", "kl_div", "hellinger")
#: What banks say of a stability index up to so much: N. Siddiqi, Credit Risk Scorecards (2006).
_CUSTOM = ((0.1, "stable (up to 0.1)"), (0.25, "moved somewhat (0.1 to 0.25)"), (math.inf, "moved much (above 0.25)"))
_SMALL = 1000
#: SciPy's ks_2samp counts paths up to so many rows, and above takes the limit distribution.
_EXACT = 10_000
_MANY = 100_000
_CROWDED = "a band that spans several values holds nine tenths of the rows, and what moves within it is not seen"

Measure = Callable[[Pair], "Statistic"]
Formula = Callable[[Counts | Floats, Counts | Floats], Floats]


@dataclass(frozen=True)
class Statistic:
    """What a method found in a pair.

    Attributes:
        value: The statistic; ``inf`` where a test divides by a count of zero.
        p: Gives a test's p-value as evidently reports it, which may take a library; None for a divergence.
        strict_p: A second p-value, for tests that take the reference for the truth though it is a sample too.
        bound: Gives the interval of the truth, held against a limit; None where there is none.
        note: What to know about the number.
        blind: Why it does not show that nothing moved; empty where it may.
        worth: What both sets are worth in independent rows; None where rows count as they are.
    """

    value: float
    p: Callable[[], float] | None = None
    strict_p: float | None = None
    bound: Callable[[float | None], Bound] | None = None
    note: str = ""
    blind: str = ""
    worth: tuple[Worth, Worth] | None = None


def _bounded(
    worth: tuple[Worth, Worth] | None, sizes: Sizes, of: Callable[[float | None, Sizes], Bound]
) -> Callable[[float | None], Bound]:
    """The bound of a limit, ``of`` giving it for sets of some sizes; where rows go together, of what they are worth."""
    if worth is None:
        return lambda limit: of(limit, sizes)
    return lambda limit: Clustered(worth, lambda at: of(limit, at))


@dataclass(frozen=True)
class Method:
    """A method and what it takes.

    Attributes:
        takes: ``number``, ``category``, or both; numbers with few values count as categories too.
        measure: Computes the statistic of a pair.
        test: Whether the p-value decides where no limit is set on the statistic.
        bounded: Whether the truth has an upper bound, so that the method may pass.
    """

    takes: frozenset[Literal["number", "category"]]
    measure: Measure
    test: bool = True
    bounded: bool = False


# Divergences ---------------------------------------------------------------------------------------------------------


def _shares(counts: Counts | Floats) -> Floats:
    """Shares over the last axis."""
    shares: Floats = counts / counts.sum(axis=-1, keepdims=True)
    return shares


def _filled(shares: Floats) -> Floats:
    """evidently's ``feel_zeroes``: empty cells get 0.0001, or a millionth of the least share if that is smaller."""
    least = np.min(np.where(shares > 0, shares, np.inf), axis=-1, keepdims=True)
    fill = np.where(least <= 0.0001, least / 10**6, 0.0001)
    return np.where(shares == 0, fill, shares)


def _psi(first: Counts | Floats, second: Counts | Floats) -> Floats:
    p, q = _filled(_shares(first)), _filled(_shares(second))
    return np.asarray(np.sum((p - q) * np.log(p / q), axis=-1))


def _kl(first: Counts | Floats, second: Counts | Floats) -> Floats:
    return np.asarray(scipy.stats.entropy(_filled(_shares(first)), _filled(_shares(second)), axis=-1))


def _js(first: Counts | Floats, second: Counts | Floats) -> Floats:
    """As ``scipy.spatial.distance.jensenshannon``, which norms once more, to the last digit."""
    p, q = (shares / shares.sum(axis=-1, keepdims=True) for shares in (_shares(first), _shares(second)))
    middle = (p + q) / 2.0
    apart = sum(np.sum(special.rel_entr(shares, middle), axis=-1) for shares in (p, q))
    return np.asarray(np.sqrt(apart / 2.0))


def _hellinger(first: Counts | Floats, second: Counts | Floats) -> Floats:
    overlap = np.sum(np.sqrt(_shares(first) * _shares(second)), axis=-1)
    return np.asarray(np.sqrt(1 - np.clip(overlap, 0, 1)))


def _total_variation(first: Counts | Floats, second: Counts | Floats) -> Floats:
    return np.asarray(0.5 * np.sum(np.abs(_shares(first) - _shares(second)), axis=-1))


def _divergence(formula: Formula, power: int, unit: float) -> Measure:
    def measure(pair: Pair) -> Statistic:
        return _diverged(formula, power, unit, pair, pair.cells, lambda: pair.cell_sql)

    return measure


def _diverged(
    formula: Formula, power: int, unit: float, pair: Pair, cells: tuple[Counts, Counts], place: Callable[[], str]
) -> Statistic:
    value, rows = float(formula(*cells)), pair.sizes
    worth = worth_of_cells(pair, cells, place, formula, power, every=False)

    def of(limit: float | None, sizes: Sizes) -> Bound:
        if worth is None or sizes == rows:
            return Divergence(value, cells, formula, power, limit, unit)
        first, second = (
            np.asarray(counts * (size / n), np.float64) for counts, size, n in zip(cells, sizes, rows, strict=True)
        )
        biased = sum(1 / side.mean for side in worth) / sum(1 / size for size in sizes)
        return Divergence(value, (first, second), formula, power, limit, unit, min(biased, 1.0))

    bound, blind = _bounded(worth, rows, of), _CROWDED if pair.crowded else ""
    return Statistic(value, bound=bound, note=f"{len(cells[0])} cells", blind=blind, worth=worth)


def _stability(name: str, always: bool) -> Measure:
    """psi, in a bank's words where it is asked as banks ask: with bands of their own, or (``always``) by this name."""
    index = _divergence(_psi, 1, 1)

    def measure(pair: Pair) -> Statistic:
        statistic = index(pair)
        if not (always or pair.given):
            return statistic
        custom = next(words for most, words in _CUSTOM if statistic.value <= most)
        bands = f"{len(pair.cells[0])} {'given bands' if pair.given else 'cells'}"
        return replace(statistic, note=f"{name} of {pair.name!r} over {bands}; the value is by custom {custom}")

    return measure


def _hellinger_of(pair: Pair) -> Statistic:
    """evidently bins numbers by Sturges over the distinct values, not over the rows."""
    if pair.quantiles or pair.category:
        cells = pair.cells if pair.quantiles else pair.tallies
        return _diverged(_hellinger, 2, 1 / 8, pair, cells, lambda: pair.cell_sql if pair.quantiles else pair.key_sql)
    low = min(pair.reference.low, pair.production.low)
    high = max(pair.reference.high, pair.production.high)
    edges = sturges(low, high, pair.pooled_distinct, pair.dtype)
    cells = pair.reference.histogram(edges), pair.production.histogram(edges)
    return _diverged(_hellinger, 2, 1 / 8, pair, cells, lambda: cut_sql(edges[1:-1]))


def _tvd(pair: Pair) -> Statistic:
    first, second = pair.tallies
    value = float(_total_variation(first, second))
    worth = worth_of_cells(pair, (first, second), lambda: pair.key_sql, _total_variation, 1, every=True)

    def drawn(sizes: Sizes) -> Floats:
        one, other = redrawn(first, second, sizes)
        return 0.5 * np.asarray(
            np.sum(np.abs(_shares(one) - _shares(other) - _shares(first) + _shares(second)), axis=-1)
        )

    def of(limit: float | None, sizes: Sizes) -> Bound:
        return Distance.of_draws(value, limit, lambda tail: proportions(sizes, tail), lambda: drawn(sizes))

    def p_value() -> float:
        shuffled = _total_variation(*dealt(first + second, pair.sizes[0]))
        return (int(np.count_nonzero(shuffled >= value * (1 - 1e-12))) + 1) / (len(shuffled) + 1)

    return Statistic(value, p_value, bound=_bounded(worth, pair.sizes, of), worth=worth)


# Tests on counts -----------------------------------------------------------------------------------------------------


def _power_divergence(pair: Pair, power: Literal["pearson", "log-likelihood"]) -> Statistic:
    """evidently's one-sample test: the reference's shares are what is expected of production."""
    first, second = pair.tallies
    n, m = pair.sizes
    if len(first) == 1:
        return Statistic(0.0, lambda: 1.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        test = scipy.stats.power_divergence(second, first * (m / n), lambda_=power)
    strict = scipy.stats.chi2_contingency(np.array([first, second]), correction=False, lambda_=power)
    note = "" if np.isfinite(test.statistic) else "production holds values the reference never had"
    return Statistic(float(test.statistic), lambda: float(test.pvalue), float(strict.pvalue), note=note)


def _z(pair: Pair) -> Statistic:
    """Shares of all but the first value, in sorted order, two-sided."""
    (first, second), (n, m) = pair.tallies, pair.sizes
    if len(first) == 1:
        return Statistic(0.0, lambda: 1.0)
    p, q = 1 - first[0] / n, 1 - second[0] / m
    both = (p * n + q * m) / (n + m)
    value = float((p - q) / np.sqrt(both * (1 - both) * (1 / n + 1 / m)))
    return Statistic(value, lambda: float(2 * (1 - special.ndtr(abs(value)))))


def _fisher(pair: Pair) -> Statistic:
    first, second = pair.tallies
    if len(first) > 2:
        raise ValueError("it takes two values at most")
    table = (
        np.array([[second[-1], second[0]], [first[-1], first[0]]])
        if len(first) == 2
        else np.array([[second[0], 0], [first[0], 0]])
    )
    test = scipy.stats.fisher_exact(table)
    return Statistic(float(test.statistic), lambda: float(test.pvalue), note="the statistic is the odds ratio")


# Methods that need order ---------------------------------------------------------------------------------------------


def _drawn(pair: Pair, sizes: Sizes, norm: Callable[[Floats, Floats], Floats]) -> Callable[[], Floats]:
    """Draws of a norm of the sampling error of F - G; ``norm`` takes the error at the steps, and the widths between."""

    def drawn() -> Floats:
        merged = pair.merged
        first, second = merged.first, merged.second
        one, other = redrawn(first, second, sizes)
        gap = np.cumsum(_shares(one) - _shares(other) - _shares(first) + _shares(second), axis=-1)
        return norm(gap[..., :-1], merged.widths)

    return drawn


def _ks(pair: Pair) -> Statistic:
    value, rows, worth = pair.merged.ks, pair.sizes, worth_of_order(pair)

    def of(limit: float | None, sizes: Sizes) -> Bound:
        def massart(tail: float) -> float:
            return math.sqrt(math.log(2 / tail) / 2 * (1 / sizes[0] + 1 / sizes[1]))

        return Distance(value, limit, lambda tail: proportions(sizes, tail), massart)

    def p_value() -> float:
        if max(rows) <= _EXACT:
            return float(scipy.stats.ks_2samp(*pair.ordered).pvalue)
        return _ks_p(value, round(rows[0] * rows[1] / (rows[0] + rows[1])))

    return Statistic(value, p_value, bound=_bounded(worth, rows, of), worth=worth)


def _ks_p(value: float, n: int) -> float:
    """``scipy.stats.kstwo.sf``; for many rows by way of its distribution function, whose error is below 1e-15.

    Beyond 18 the function is 1 to the last digit, and the tail is that of U. R. Maag and G. Dicaire (Biometrika
    58 (1971) 653-656).
    """
    if n <= _MANY:
        return float(np.clip(scipy.stats.kstwo.sf(value, n), 0, 1))
    if n * value * value >= 18:
        return float(2 * np.exp(-((6 * n * value + 1) ** 2) / (18 * n)))
    # From 2.2 on SciPy takes twice the one-sided tail, which leaves out the series' second term.
    second = 2 * np.exp(-8 * n * value * value) if n * value * value >= 2.2 else 0.0
    return float(1 - scipy.stats.kstwo.cdf(value, n) + second)


def _wasserstein(pair: Pair) -> Statistic:
    """Normed by the reference's standard deviation, at least 0.001."""
    known, mine = (column.spread for column in (pair.reference, pair.production))
    unit = max(known.deviation, 0.001)
    value, worth = pair.merged.area / unit, worth_of_order(pair, values=True)

    def of(limit: float | None, sizes: Sizes) -> Bound:
        error = math.hypot(known.deviation / math.sqrt(sizes[0]), mine.deviation / math.sqrt(sizes[1]))
        # The unit is an estimate too.
        of_unit = known.relative_error * math.sqrt(pair.sizes[0] / sizes[0])
        error = math.hypot(error / unit, (value if limit is None else limit) * of_unit)
        drawn = _drawn(pair, sizes, lambda gap, widths: np.sum(np.abs(gap) * widths, axis=-1) / unit)
        return Distance.of_draws(value, limit, lambda tail: -float(special.ndtri(tail)) * error, drawn)

    note = "in standard deviations of the reference"
    return Statistic(value, bound=_bounded(worth, pair.sizes, of), note=note, worth=worth)


def _energy(pair: Pair) -> Statistic:
    value, worth = float(np.sqrt(2 * pair.merged.squares)), worth_of_order(pair)

    def of(limit: float | None, sizes: Sizes) -> Bound:
        drawn = _drawn(pair, sizes, lambda gap, widths: np.sqrt(2 * np.sum(gap**2 * widths, axis=-1)))
        # Nothing passes by this distance: how far the truth may lie above it is not bounded.
        return Distance.of_draws(value, limit, lambda tail: math.inf, drawn)

    note = "in the root of the column's unit"
    return Statistic(value, bound=_bounded(worth, pair.sizes, of), note=note, worth=worth)


def _scipy(test: Callable[[Floats, Floats], Any]) -> Callable[[Pair], Statistic]:
    def measure(pair: Pair) -> Statistic:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # p-values beyond SciPy's tables are floored and capped, with a warning
            result = test(*pair.ordered)
        return Statistic(float(result.statistic), lambda: float(result.pvalue))

    return measure


def _epps_singleton(first: Floats, second: Floats) -> Any:
    if scipy.stats.iqr(np.hstack((first, second))) == 0:
        raise ValueError("the middle half of the values is all the same")
    return scipy.stats.epps_singleton_2samp(first, second)


_ANY: frozenset[Literal["number", "category"]] = frozenset({"number", "category"})
_NUMBER: frozenset[Literal["number", "category"]] = frozenset({"number"})
_CATEGORY: frozenset[Literal["number", "category"]] = frozenset({"category"})

#: evidently's names, and csi, which is a bank's for the psi of what goes into a score.
METHODS: Mapping[str, Method] = {
    "psi": Method(_ANY, _stability("population stability index", False), test=False, bounded=True),
    "csi": Method(_ANY, _stability("characteristic stability index", True), test=False, bounded=True),
    "jensenshannon": Method(_ANY, _divergence(_js, 2, 1 / 8), test=False, bounded=True),
    "kl_div": Method(_ANY, _divergence(_kl, 1, 1 / 2), test=False),
    "hellinger": Method(_ANY, _hellinger_of, test=False, bounded=True),
    "wasserstein": Method(_NUMBER, _wasserstein, test=False, bounded=True),
    "ed": Method(_NUMBER, _energy, test=False),
    "ks": Method(_NUMBER, _ks, bounded=True),
    "anderson": Method(_NUMBER, _scipy(lambda x, y: scipy.stats.anderson_ksamp([x, y]))),
    "cramer_von_mises": Method(_NUMBER, _scipy(lambda x, y: scipy.stats.cramervonmises_2samp(x, y))),
    "t_test": Method(_NUMBER, _scipy(lambda x, y: scipy.stats.ttest_ind(x, y))),
    "mannw": Method(_NUMBER, _scipy(lambda x, y: scipy.stats.mannwhitneyu(x, y, alternative="less"))),
    "es": Method(_NUMBER, _scipy(_epps_singleton)),
    "chisquare": Method(_CATEGORY, lambda pair: _power_divergence(pair, "pearson")),
    "g_test": Method(_CATEGORY, lambda pair: _power_divergence(pair, "log-likelihood")),
    "z": Method(_CATEGORY, _z),
    "fisher_exact": Method(_CATEGORY, _fisher),
    "TVD": Method(_CATEGORY, _tvd, bounded=True),
}


def evidently_method(pair: Pair) -> str:
    """evidently's choice: up to 1,000 reference rows a test, above a distance."""
    counted = pair.category or pair.few_values <= 5
    if pair.sizes[0] > _SMALL:
        return "jensenshannon" if counted else "wasserstein"
    if not counted:
        return "ks"
    return "chisquare" if pair.few_values > 2 else "z"
