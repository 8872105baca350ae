"""Counts and histograms of many columns in one pass over a part.

Every column becomes a small key, and one ``GROUP BY GROUPING SETS`` counts the rows of each key of each column.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .columns import FEW, Column, Floats, real

__all__ = ["band_together", "bin_together", "count_together"]

#: A column with more values than this is counted alone, when a method asks for it.
_MOST_VALUES = 20_000
#: Whole numbers in a range so small are counted by value; the bins are made from those counts.
_SMALL_RANGE = 4_096
#: What marks a key as an edge's; a key is a TINYINT.
_EDGE, _MOST_BINS = 64, 60
_EPSILON = float(np.finfo(np.float64).eps)


def count_together(columns: Iterable[Column]) -> None:
    """Count the values of categories, and of numbers whose first rows show few, for all columns of one part at once."""
    countable = [column for column in columns if column.n and column.prefix <= FEW]
    numbers = [column for column in countable if column.reading.form == "number"]
    work = [column for column in countable if column not in numbers and column.values <= _MOST_VALUES]
    if numbers:
        aggregates = ", ".join(f"approx_count_distinct({column.sql})" for column in numbers)
        distinct = numbers[0].part.data.query(f"SELECT {aggregates} FROM {numbers[0].part.sql}")[0]
        work += [column for column, values in zip(numbers, distinct, strict=True) if values <= _MOST_VALUES]
    for column, counts in zip(work, _grouped(work, [column.sql for column in work]), strict=True):
        column.counts = dict(counts)


def bin_together(columns: Iterable[tuple[Column, Floats]]) -> None:
    """Count the histograms of several columns of one part in one pass, and keep them in the columns.

    A column in which values lie on the inner edges of bins is counted a second time, edge by edge.
    """
    work = list(columns)
    values = [task for task in work if _small(task[0])]
    binned = [task for task in work if not _small(task[0]) and len(task[1]) - 1 <= _MOST_BINS]
    ordered = [*values, *binned]
    keys = [*(column.sql for column, _ in values), *(_place(column.sql, edges) for column, edges in binned)]
    counted = _grouped([column for column, _ in ordered], keys)
    for (column, edges), counts in zip(values, counted[: len(values)], strict=True):
        numbers, rows = (np.array(side) for side in zip(*counts, strict=True))
        column.keep(edges, np.histogram(numbers, edges, weights=rows)[0].astype(np.int64))
    for (column, edges), counts in zip(binned, counted[len(values) :], strict=True):
        sure = _sure(dict(counts), len(edges) - 1)
        if sure is not None:
            column.keep(edges, sure)


def band_together(columns: Iterable[tuple[Column, Floats]]) -> None:
    """Count the bands of several columns of one part in one pass, and keep them in the columns."""
    work = [(column, cuts) for column, cuts in columns if len(cuts)]
    if not work:
        return
    inner = ", ".join(f"{column.sql} AS x{place}" for place, (column, _) in enumerate(work))
    counts = ", ".join(
        f"count_if(x{place} < {real(cut)})" for place, (_, cuts) in enumerate(work) for cut in cuts.tolist()
    )
    part = work[0][0].part
    below = iter(part.data.query(f"SELECT {counts} FROM (SELECT {inner} FROM {part.sql}) AS r")[0])
    for column, cuts in work:
        ends = [0, *(int(next(below)) for _ in cuts), column.n]
        column.keep(cuts, np.diff(ends).astype(np.int64))


def _small(column: Column) -> bool:
    return issubclass(column.dtype, np.integer) and column.high - column.low <= _SMALL_RANGE


def _place(x: str, edges: Floats) -> str:
    """SQL: the bin of a value; of one so near an edge that rounding may decide, the edge's number and ``_EDGE``.

    The bins are of one width, so a multiplication finds the bin.
    """
    low, bins = float(edges[0]), len(edges) - 1
    width = (float(edges[-1]) - low) / bins
    place = f"(({x} - CAST({low!r} AS DOUBLE)) * CAST({1 / width!r} AS DOUBLE))"
    off = float(np.max(np.abs(edges - (low + width * np.arange(bins + 1))))) / width
    near = min(0.5, 1e-9 + off + 16 * _EPSILON * float(np.max(np.abs(edges))) / width)
    clear = f"abs({place} - floor({place}) - CAST(0.5 AS DOUBLE)) < CAST({0.5 - near!r} AS DOUBLE)"
    edge = f"CAST(floor({place} + CAST(0.5 AS DOUBLE)) + {_EDGE} AS TINYINT)"
    return f"CASE WHEN {clear} THEN CAST(floor({place}) AS TINYINT) WHEN {x} IS NOT NULL THEN {edge} END"


def _sure(counts: dict[Any, int], bins: int) -> npt.NDArray[np.int64] | None:
    """Rows per bin, ``[a, b)`` and the last ``[a, b]``; None where values lie on inner edges."""
    rows = np.zeros(bins, dtype=np.int64)
    for key, count in counts.items():
        place = int(key)
        if place >= _EDGE:
            place -= _EDGE
            if 0 < place < bins:
                return None
            place = min(place, bins - 1)
        rows[place] += count
    return rows


def _grouped(columns: Sequence[Column], keys: Sequence[str]) -> list[list[tuple[Any, int]]]:
    """For each column its keys that are not NULL, and the rows of each."""
    if not columns:
        return []
    part = columns[0].part
    names = [f"k{place}" for place in range(len(keys))]
    inner = ", ".join(f"{key} AS {name}" for key, name in zip(keys, names, strict=True))
    sets = ", ".join(f"({name})" for name in names)
    groups: list[list[tuple[Any, int]]] = [[] for _ in keys]
    listed = f"SELECT {', '.join(names)}, count(*) FROM (SELECT {inner} FROM {part.sql}) AS r"
    for *row, rows in part.data.query(f"{listed} GROUP BY GROUPING SETS ({sets})"):
        place = next((place for place, key in enumerate(row) if key is not None), None)
        if place is not None:
            groups[place].append((row[place], int(rows)))
    return groups
