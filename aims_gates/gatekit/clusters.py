"""Rows of few kinds counted once: their weights, and how far rows of one cluster (a person, an account) go together."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aims_gates.data import Dataset, intervals

__all__ = ["SampleRate", "RatioSums", "Tally", "Together", "cluster_ratios", "cluster_totals", "tally_rows"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SampleRate:
    """A share of rows, and what it is judged by.

    Attributes:
        value: The share; None where there are no rows.
        n: Effective size of the denominator, rows where they count once and are independent.
        df: Degrees of freedom of the clusters; infinity without clusters.
    """

    value: float | None
    n: float
    df: float = np.inf

    def counts(self, confidence: float, comparisons: float = 1) -> tuple[float, float]:
        """Successes and size for an interval at this confidence."""
        n = float(intervals.at_level(self.n, self.df, confidence, comparisons))
        return (self.value or 0.0) * n, n

    def interval(self, confidence: float, comparisons: float = 1) -> tuple[float, float]:
        """Clopper and Pearson's interval for the effective size; (0, 1) where nothing is known."""
        low, high = intervals.exact_rate(*self.counts(confidence, comparisons), confidence, comparisons)
        return float(low), float(high)


@dataclass(frozen=True)
class Together:
    """What clusters tell of a number of kinds of rows.

    Attributes:
        products: For two kinds, the sum over clusters of the product of their weights in the two.
        patterns: Which kinds a cluster has rows of (bit ``i`` for kind ``i``) -> clusters.
    """

    products: Floats
    patterns: Mapping[int, int]

    def clusters(self, base: Floats) -> int:
        """Clusters with rows of these kinds."""
        mask = sum(1 << place for place, inside in enumerate(base) if inside)
        return sum(count for pattern, count in self.patterns.items() if pattern & mask)


@dataclass(frozen=True)
class Tally:
    """Rows by kind.

    Attributes:
        rows, weights, squares: By kind: their number, the sums of their weights and of the squared weights.
        sampling: Whether weights correct a sample (Kish's effective size) or count rows.
        together: What clusters tell; None where rows are independent.
    """

    rows: Floats
    weights: Floats
    squares: Floats
    sampling: bool = True
    together: Together | None = field(default=None, compare=False)

    def rate(self, top: Sequence[int], base: Sequence[int]) -> SampleRate:
        """The share of the kinds ``top`` among the kinds ``base`` (places of kinds)."""
        hits, inside = self._mask(top), self._mask(base)
        whole = float(self.weights @ inside)
        if whole <= 0:
            return SampleRate(None, 0.0)
        value = float(self.weights @ hits) / whole
        return SampleRate(value, *self.size(hits - value * inside, inside))

    def size(self, gradient: Floats, inside: Floats) -> tuple[float, float]:
        """Effective size and degrees of freedom of a sum of ``gradient`` over rows of the kinds ``inside``."""
        whole = float(self.weights @ inside)
        independent = float(intervals.effective_n(whole, self.squares @ inside)) if self.sampling else whole
        if self.together is None:
            return independent, np.inf
        products, clusters = self.together.products, self.together.clusters(inside)
        ends = gradient[inside > 0]
        return (
            intervals.clustered_n(
                whole,
                float(inside @ products @ inside),
                float(self.weights @ gradient**2),
                float(gradient @ products @ gradient),
                clusters,
                (float(ends.min()), float(ends.max())),
                independent,
            ),
            float(max(1, clusters - 1)),
        )

    def _mask(self, kinds: Sequence[int]) -> Floats:
        mask = np.zeros(len(self.weights))
        mask[list(kinds)] = 1.0
        return mask


@dataclass(frozen=True)
class RatioSums:
    """What clusters tell of a ratio ``sum(w * t) / sum(w * b)``; a mean is one with ``b`` of 1.

    Attributes:
        clusters: How many there are.
        tops, both, bases: Sums over clusters of ``T * T``, ``T * B`` and ``B * B``, the clusters' totals of ``w * t``
            and ``w * b``.
    """

    clusters: int
    tops: float
    both: float
    bases: float

    def error(self, value: float, base: float) -> tuple[float, float] | None:
        """The ratio's standard error and its degrees of freedom; None with fewer than two clusters.

        Args:
            value: The ratio.
            base: The sum of ``w * b``.

        Source: W. G. Cochran, Sampling Techniques (1977), section 11.8.
        """
        if self.clusters < 2 or base == 0:
            return None
        residual = max(0.0, self.tops - 2 * value * self.both + value * value * self.bases)
        return float(np.sqrt(residual * self.clusters / (self.clusters - 1))) / abs(base), self.clusters - 1.0


def cluster_ratios(
    data: Dataset, rows: str, terms: Sequence[tuple[str, str]], *, keys: int = 0
) -> dict[tuple[Any, ...], list[RatioSums]]:
    """Keys -> what clusters tell of each ratio.

    Args:
        data: The set.
        rows: ``SELECT k0, k1, ..., c, w, ...`` over it: keys, cluster, weight and what the terms need.
        terms: SQL of ``t`` and ``b`` of each ratio.
        keys: How many keys there are.
    """
    names = [f"k{place}" for place in range(keys)]
    totals = ", ".join(f"sum(w * ({t})) AS t{place}, sum(w * ({b})) AS b{place}" for place, (t, b) in enumerate(terms))
    inner = f"SELECT {', '.join([*names, totals])} FROM ({rows}) AS r WHERE w > 0 GROUP BY {', '.join([*names, 'c'])}"
    sums = ", ".join(f"sum(t{i} * t{i}), sum(t{i} * b{i}), sum(b{i} * b{i})" for i in range(len(terms)))
    by = f" GROUP BY {', '.join(names)}" if names else ""
    result = {}
    for row in data.query(f"SELECT {', '.join([*names, 'count(*)', sums])} FROM ({inner}) AS t{by}"):
        clusters, numbers = int(row[keys]), [float(value or 0.0) for value in row[keys + 1 :]]
        result[tuple(row[:keys])] = [
            RatioSums(clusters, *numbers[3 * place : 3 * place + 3]) for place in range(len(terms))
        ]
    return result


def tally_rows(
    data: Dataset, rows: str, kinds: int, *, keys: int = 0, cluster: bool = False, sampling: bool = True
) -> dict[tuple[Any, ...], Tally]:
    """Keys -> tally.

    Args:
        data: The set.
        rows: ``SELECT k0, k1, ..., kind, w, c`` over ``data``: keys, the kind of a row from 0 (NULL for a row of none),
            its weight and its cluster.
        kinds: How many.
        keys: How many keys there are.
        cluster: Whether rows of one cluster go together; ``c`` is not read otherwise.
        sampling: As in :class:`Tally`.
    """
    names = [f"k{place}" for place in range(keys)]
    grouped = ", ".join([*names, "kind"])
    sums = (
        f"SELECT {grouped}, count(*), sum(w), sum(w * w) FROM ({rows}) AS r WHERE kind IS NOT NULL GROUP BY {grouped}"
    )
    parts: dict[tuple[Any, ...], Floats] = defaultdict(lambda: np.zeros((3, kinds)))
    for row in data.query(sums):
        parts[tuple(row[:keys])][:, int(row[keys])] = [float(value) for value in row[keys + 1 :]]
    together = cluster_totals(data, rows, kinds, keys=keys) if cluster else {}
    return {key: Tally(part[0], part[1], part[2], sampling, together.get(key)) for key, part in parts.items()}


def cluster_totals(data: Dataset, rows: str, kinds: int, *, keys: int = 0) -> dict[tuple[Any, ...], Together]:
    """Keys -> what clusters tell; arguments as :func:`tally_rows`."""
    names = [f"k{place}" for place in range(keys)]
    totals = ", ".join(f"sum(CASE WHEN kind = {place} THEN w ELSE 0 END) AS t{place}" for place in range(kinds))
    known = f"SELECT * FROM ({rows}) AS r WHERE kind IS NOT NULL"
    inner = f"SELECT {', '.join([*names, totals])} FROM ({known}) AS r GROUP BY {', '.join([*names, 'c'])}"
    bits = " + ".join(f"(CASE WHEN t{place} > 0 THEN {1 << place} ELSE 0 END)" for place in range(kinds))
    pairs = list(combinations_with_replacement(range(kinds), 2))
    products = ", ".join(f"sum(t{a} * t{b})" for a, b in pairs)
    by = ", ".join([*names, "pattern"])
    sql = f"SELECT {by}, count(*), {products} FROM (SELECT *, {bits} AS pattern FROM ({inner}) AS t) AS p GROUP BY {by}"
    sums: dict[tuple[Any, ...], Floats] = defaultdict(lambda: np.zeros((kinds, kinds)))
    patterns: dict[tuple[Any, ...], dict[int, int]] = defaultdict(dict)
    for row in data.query(sql):
        key = tuple(row[:keys])
        patterns[key][int(row[keys])] = int(row[keys + 1])
        for (a, b), value in zip(pairs, row[keys + 2 :], strict=True):
            sums[key][a, b] += float(value)
            if a != b:
                sums[key][b, a] += float(value)
    return {key: Together(sums[key], patterns[key]) for key in sums}
