"""The distances by SciPy itself, or by evidently where the bins are its own, from the same rows in the same run."""

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from aims_gates import DataError, Dataset, Finding
from aims_gates.gatekit import agreement, sampled_rows

from .bands import give_bands
from .columns import Floats, Part, Reading, profile
from .methods import BANDED, METHODS, evidently_method
from .pair import Pair
from .settings import EVIDENTLY, Settings

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped,unused-ignore]

__all__ = ["crosscheck"]

Sides = tuple["pd.Series", "pd.Series"]
#: Column and method -> a statistic.
Values = Mapping[tuple[str, str], float]
#: Rarer categories than one in so many rows of the reference, or of so few, are one cell.
_RARE, _LEAST_ROWS = 100, 5


def crosscheck(
    sets: tuple[Dataset, Dataset], readings: Mapping[str, Reading], settings: Settings, values: Values
) -> Finding:
    """Whether the statistics of each column are the library's, on these rows or on seeded samples of them.

    Args:
        sets: Reference and production.
        readings: How each column is read; text by its digest is left out.
        settings: ``settings.crosscheck`` rows of each set are compared at most.
        values: What the gate found of all rows; empty where it looked at chunks.
    """
    plain = {name: replace(reading, how="plain") for name, reading in readings.items() if reading.how != "hashed"}
    parts = ", ".join(f"{readings[name].sql(name)} AS {Dataset.quote(name)}" for name in plain) or "1"
    frames = [sampled_rows(data, f"SELECT {parts} FROM data", settings.crosscheck) for data in sets]
    whole = all(every for _, every in frames)
    columns = [
        profile(Part(Dataset.open(frame, role=data.role)), plain) for (frame, _), data in zip(frames, sets, strict=True)
    ]
    give_bands(columns[0], settings.bands)
    pairs = [
        (Pair(columns[0][name], columns[1][name], settings.quantiles), [frame[name].dropna() for frame, _ in frames])
        for name in plain
    ]
    figures = (
        figure
        for pair, sides in pairs
        for figure in _figures(pair, (sides[0], sides[1]), settings, values if whole else {})
    )
    return agreement(
        "scipy" if settings.quantiles else "evidently", figures, sum(len(frame) for frame, _ in frames), whole
    )


def _figures(pair: Pair, sides: Sides, settings: Settings, values: Values) -> Iterator[tuple[str, float, float]]:
    if not min(pair.sizes) or pair.reference.infinite or pair.production.infinite:
        return
    for name in settings.methods_for(pair.name):
        name = evidently_method(pair) if name == EVIDENTLY else name
        try:
            theirs = _by_library(name, pair, sides, settings)
            if theirs is not None:
                ours = values.get((pair.name, name))
                yield f"{name} of {pair.name}", METHODS[name].measure(pair).value if ours is None else ours, theirs
        except (ValueError, DataError):  # what a method does not take the gate's own finding says
            continue


def _by_library(name: str, pair: Pair, sides: Sides, settings: Settings) -> float | None:
    """The library's figure; None where it has none of this method."""
    import scipy.stats
    from scipy.spatial import distance

    if name == "ks" and pair.number:
        return float(scipy.stats.ks_2samp(*sides, method="asymp").statistic)
    if name == "wasserstein" and pair.number:
        return float(scipy.stats.wasserstein_distance(*sides)) / max(float(np.std(sides[0])), 0.001)
    if name == "TVD":
        return float(distance.cityblock(*_shares(*sides))) / 2
    if name not in BANDED:
        return None
    if not settings.quantiles:
        return _evidently("psi" if name == "csi" else name, pair, sides)
    first, second = _cells(pair, sides)
    if name == "jensenshannon":
        return float(distance.jensenshannon(first, second))
    if name == "hellinger":
        return float(distance.euclidean(np.sqrt(first), np.sqrt(second))) / float(np.sqrt(2))
    first, second = _filled(first), _filled(second)
    there, back = scipy.stats.entropy(first, second), scipy.stats.entropy(second, first)
    return float(there) if name == "kl_div" else _symmetric(first, second, float(there), float(back))


def _symmetric(first: Floats, second: Floats, there: float, back: float) -> float:
    """psi from SciPy's two divergences, which norm the shares that empty cells were filled in."""
    one, other = float(first.sum()), float(second.sum())
    return one * (there + math.log(one / other)) + other * (back + math.log(other / one))


def _evidently(name: str, pair: Pair, sides: Sides) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own dependencies' deprecations
        from evidently.legacy.calculations import stattests
        from evidently.legacy.core import ColumnType
    test: Any = next(
        test for test in vars(stattests).values() if isinstance(test, stattests.StatTest) and test.name == name
    )
    kind = ColumnType.Numerical if not pair.category else ColumnType.Categorical
    return float(test(sides[0].copy(), sides[1].copy(), kind, None).drift_score)


def _cells(pair: Pair, sides: Sides) -> tuple[Floats, Floats]:
    """Shares of the bands that the gate cut, or of values, counted by pandas and NumPy."""
    if pair.binned:
        edges = [-np.inf, *pair.bands.cuts, np.inf]
        counts = [np.histogram(side.to_numpy(float), edges)[0] / len(side) for side in sides]
        return counts[0], counts[1]
    first, second = _shares(*sides)
    rare = first * len(sides[0]) < max(len(sides[0]) / _RARE, _LEAST_ROWS)
    if pair.number or not rare.any():
        return first, second
    return np.append(first[~rare], first[rare].sum()), np.append(second[~rare], second[rare].sum())


def _shares(first: "pd.Series", second: "pd.Series") -> tuple[Floats, Floats]:
    rows = [side.value_counts() for side in (first, second)]
    values = rows[0].index.union(rows[1].index)
    shares = [counts.reindex(values, fill_value=0).to_numpy(float) / counts.sum() for counts in rows]
    return shares[0], shares[1]


def _filled(shares: Floats) -> Floats:
    """evidently's ``feel_zeroes``."""
    least = shares[shares > 0].min()
    return np.where(shares == 0, least / 10**6 if least <= 0.0001 else 0.0001, shares)
