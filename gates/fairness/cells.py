"""One GROUP BY: weighted counts by sensitive and control columns, label and decision. Nothing else leaves the data."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from aims_gates import DataError, InputError, intervals
from aims_gates.gatekit import Tally, Together, WeightSums, cluster_totals, refuse_weights

from .measures import RATES, SELECTION
from .question import Question

__all__ = [
    "MISSING",
    "MOST_GROUPS",
    "Cell",
    "Floats",
    "Linked",
    "Table",
    "count_cells",
    "group_by",
    "link_cells",
    "size",
    "tabulate",
    "within",
]

MISSING = "missing"
#: More groups than this cannot be compared pair by pair, nor read by anybody.
MOST_GROUPS = 1000
_MOST_CELLS = 400_000
#: A label that is neither of the two, as Dataset.label_sql marks it.
_OTHER = 2
#: Types of labels that are few.
_WHOLE = ("BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
Floats = NDArray[np.float64]
#: Values of the sensitive columns, then of the control columns in a stratum -> how clusters link the rows there.
Linked = Mapping[tuple[str | None, ...], Together]


@dataclass(frozen=True)
class Cell:
    """Rows alike in group, stratum, label and decision.

    Attributes:
        groups, strata: Values as text; None where there is none.
        label, decision: 0 or 1 (the label is 0 where there is no target).
        rows, weight, squares: Their number, and the sums of their weights and squared weights.
    """

    groups: tuple[str | None, ...]
    strata: tuple[str | None, ...]
    label: int
    decision: int
    rows: int
    weight: float
    squares: float


def count_cells(question: Question, decided: str) -> list[Cell]:
    """Run the query and refuse what cannot be counted.

    Raises:
        DataError: labels or decisions without a value, weights that are none, too many groups.
        InputError: labels that are neither 0/1 nor declared by ``positive``.
    """
    data, by = question.data, (*question.sensitive, *question.control)
    names = [f"g{place}" for place in range(len(by))]
    keys = ", ".join(names)
    columns = ", ".join(f"{data.quote(column)} AS {name}" for column, name in zip(by, names, strict=True))
    texts = ", ".join(f"CAST({name} AS VARCHAR)" for name in names)
    source, carried, sums = _source(question, decided, by)
    rows = f"SELECT {columns}, {question.label or 0} AS y, {decided} AS d, {carried} FROM {source}"
    cells = f"SELECT {keys}, y, d, {sums} FROM ({rows}) GROUP BY {keys}, y, d"
    named = f"({cells}) AS cells({keys}, y, d, n, s, q, z, low, high)"
    counts = "n, coalesce(s, n), coalesce(q, n), z, low, high"
    result = data.query(f"SELECT {texts}, y, d, {counts} FROM {named} LIMIT {_MOST_CELLS + 1}")
    _check(question, result, len(by))
    split = len(question.sensitive)
    return [
        Cell(row[:split], row[split : len(by)], row[-8], row[-7], row[-6], float(row[-5]), float(row[-4]))
        for row in result
    ]


def link_cells(question: Question, decided: str, columns: Sequence[str]) -> tuple[Linked, Linked]:
    """How clusters link the four cells of each group: in all rows, and in each stratum; empty without clusters."""
    if question.cluster is None:
        return {}, {}
    data = question.data
    weight = f"CAST({data.quote(question.weight)} AS DOUBLE)" if question.weight else "1"
    kind = f"2 * ({question.label or 0}) + ({decided})"

    def linked(by: Sequence[str]) -> Linked:
        keys = [f"CAST({data.quote(column)} AS VARCHAR) AS k{place}" for place, column in enumerate(by)]
        parts = ", ".join([*keys, f"{kind} AS kind", f"{weight} AS w", f"{question.cluster} AS c"])
        return cluster_totals(data, f"SELECT {parts} FROM data", 4, keys=len(by))

    return linked(columns), linked([*columns, *question.control]) if question.control else {}


def _source(question: Question, decided: str, by: Sequence[str]) -> tuple[str, str, str]:
    """What is grouped: rows; what each carries: its weight; and the sums over them.

    Where labels are whole numbers or truth values, rows that are alike are added up first, since what a label means is
    then asked once for each kind of row.
    """
    data = question.data
    weight = f"CAST({data.quote(question.weight)} AS DOUBLE)" if question.weight else None
    labels = [column for column in (question.target, question.prediction) if column]
    plain = question.prediction is not None and decided == question.decided and not question.ruled
    if not plain or any(data.type(column) not in _WHOLE for column in labels):
        return "data", f"{weight or 1} AS w", ", ".join(_sums("w" if weight else None))
    sums = _sums(weight)
    names = [f"aims_{place}" for place in range(len(sums))]
    shown = ", ".join(f"{sql} AS {name}" for sql, name in zip(sums, names, strict=True))
    alike = ", ".join(data.quote(column) for column in dict.fromkeys([*by, *labels]))
    added = [f"{add}({name})" for add, name in zip(["sum"] * 4 + ["min", "max"], names, strict=True)]
    source = f"(SELECT {alike}, {shown} FROM data GROUP BY {alike}) AS alike"
    return source, ", ".join(names), ", ".join(added)


def _sums(weight: str | None) -> list[str]:
    """Rows, weights, squared weights, missing weights, the lowest and highest weight."""
    if weight is None:
        return ["count(*)", "NULL", "NULL", "0", "1", "1"]
    return [
        "count(*)",
        f"sum({weight})",
        f"sum({weight} * {weight})",
        f"count(*) - count({weight})",
        f"min({weight})",
        f"max({weight})",
    ]


def _check(question: Question, rows: Sequence[tuple[Any, ...]], split: int) -> None:
    where = question.data.where
    if len(rows) > _MOST_CELLS or len({row[:split] for row in rows}) > MOST_GROUPS * 20:
        listed = ", ".join(map(repr, (*question.sensitive, *question.control)))
        remedy = f"Name columns with at most {MOST_GROUPS} groups, or bin the values first."
        raise DataError(f"{listed} make too many groups to compare", where=where, remedy=remedy)
    decided = question.score if question.ruled and question.score else question.prediction or question.score
    for name, place in ((question.target, split), (decided, split + 1)):
        empty = sum(row[split + 2] for row in rows if row[place] is None)
        if empty:
            remedy = "Fill them or leave those rows out before the check, and say so in the record."
            raise DataError(f"{empty} rows have no value in {name!r}", where=where, remedy=remedy)
    if question.weight:
        refuse_weights(_weight_sums(rows), question.weight, where)
    _check_labels(question, rows, split)


def _weight_sums(rows: Sequence[tuple[Any, ...]]) -> WeightSums:
    """Over all cells; the ends of a row are those of :func:`_sums`."""
    weights = [row[-5] for row in rows if row[-5] is not None]
    squares = [row[-4] for row in rows if row[-4] is not None]
    low = min((row[-2] for row in rows if row[-2] is not None), default=None)
    high = max((row[-1] for row in rows if row[-1] is not None), default=None)
    return WeightSums(sum(row[-3] for row in rows), low, high, sum(weights), sum(squares))


def _check_labels(question: Question, rows: Sequence[tuple[Any, ...]], split: int) -> None:
    columns = [(question.target, split), (None if question.ruled else question.prediction, split + 1)]
    labelled = [(column, place) for column, place in columns if column]
    for column, place in labelled:
        if any(row[place] == _OTHER for row in rows):
            raise question.data.strange_labels(column)
    if question.declared and labelled and not any(row[labelled[0][1]] == 1 for row in rows):
        listed = ", ".join(question.data.common_values(labelled[0][0]))
        message = f"the favourable label never occurs in {labelled[0][0]!r}, which holds: {listed}"
        raise InputError(message, where=question.data.where, remedy="Check the spelling of 'positive'.")


@dataclass(frozen=True)
class Table:
    """Groups of one set of columns (in one stratum), and their cells.

    Attributes:
        columns: The sensitive columns.
        stratum: Control column -> value; empty for all rows.
        names: Values per group, in the order of ``columns``; sorted.
        rows: Rows per group, unweighted.
        weights, squares: Sums of weights and squared weights, shape (groups, label 2, decision 2).
        dropped: Rows left out for want of a sensitive value; what they count for, where weights count rows.
        sampling: Whether denominators are judged by their effective size.
        linked: How clusters link the cells of each group; empty where rows are independent.
    """

    columns: tuple[str, ...]
    stratum: Mapping[str, str]
    names: tuple[tuple[str, ...], ...]
    rows: Floats
    weights: Floats
    squares: Floats
    dropped: int
    sampling: bool
    linked: tuple[Together | None, ...] = ()

    def by(self, place: int) -> dict[str, str]:
        """A finding's ``by``: the group, and the stratum if any."""
        return {**dict(zip(self.columns, self.names[place], strict=True)), **self.stratum}

    def name(self, place: int) -> str:
        """The group in words."""
        return ", ".join(f"{c}={v}" for c, v in zip(self.columns, self.names[place], strict=True))

    @cached_property
    def sizes(self) -> Floats:
        """What counts as a group's size: its effective size, as its selection rate has it where rows are clustered."""
        return self.counts(SELECTION)[1]

    @property
    def totals(self) -> Floats:
        """Sums of weights."""
        return np.asarray(self.weights.sum(axis=(1, 2)))

    def rows_for(self, place: int, n: float) -> float:
        """Rows of a group that so many of the denominator's (effective) rows stand for, for each of them."""
        return float((self.rows if self.sampling else self.totals)[place]) / n

    def sums(self, measure: str) -> tuple[Floats, Floats]:
        """Weighted numerator and denominator per group."""
        top, bottom = RATES[measure]
        return self._sum(self.weights, top), self._sum(self.weights, bottom)

    def counts(self, measure: str) -> tuple[Floats, Floats, Floats | None]:
        """Successes, effective size and degrees of freedom per group; the last is None where rows are independent."""
        top, bottom = self.sums(measure)
        if self.linked:
            return self._clustered(measure)
        if not self.sampling:
            return top, bottom, None
        n = np.asarray(intervals.effective_n(bottom, self._sum(self.squares, RATES[measure][1])))
        return np.divide(top * n, bottom, out=np.zeros_like(top), where=bottom > 0), n, None

    def _clustered(self, measure: str) -> tuple[Floats, Floats, Floats]:
        top, base = ([2 * y + d for y, d in cells] for cells in RATES[measure])
        rates = [
            Tally(np.zeros(4), w.reshape(4), q.reshape(4), self.sampling, together).rate(top, base)
            for w, q, together in zip(self.weights, self.squares, self.linked, strict=True)
        ]
        n, df = np.array([rate.n for rate in rates]), np.array([rate.df for rate in rates])
        return np.array([(rate.value or 0.0) * rate.n for rate in rates]), n, df

    @staticmethod
    def _sum(values: Floats, cells: Iterable[tuple[int, int]]) -> Floats:
        total: Floats = sum((values[:, y, d] for y, d in sorted(cells)), np.zeros(len(values)))
        return total


def tabulate(
    question: Question,
    cells: Sequence[Cell],
    columns: Sequence[str],
    stratum: Mapping[str, str],
    linked: tuple[Linked, Linked] = ({}, {}),
) -> Table:
    """Add the cells up by these sensitive columns, in one stratum or in all."""
    inside = [cell for cell in cells if within(question.control, cell.strata, stratum)]
    known, left_out = group_by(question, inside, columns, _named(question, cells, columns))
    dropped = size(question, left_out)
    names = tuple(sorted(known))
    weights, squares = np.zeros((len(names), 2, 2)), np.zeros((len(names), 2, 2))
    for place, name in enumerate(names):
        for cell in known[name]:
            weights[place, cell.label, cell.decision] += cell.weight
            squares[place, cell.label, cell.decision] += cell.squares
    rows = np.array([sum(cell.rows for cell in known[name]) for name in names], float)
    places = [question.sensitive.index(column) for column in columns]
    keys = [(known[name][0], tuple(known[name][0].groups[place] for place in places)) for name in names]
    links = tuple(
        linked[1].get((*key, *cell.strata)) if stratum else linked[0].get(key)
        for cell, key in (keys if question.cluster else ())
    )
    return Table(tuple(columns), dict(stratum), names, rows, weights, squares, dropped, question.sampling, links)


class Grouped(Protocol):
    """Whatever was counted by the sensitive columns."""

    @property
    def groups(self) -> tuple[str | None, ...]:
        """Values of the sensitive columns."""

    @property
    def rows(self) -> int:
        """Their number."""

    @property
    def weight(self) -> float:
        """The sum of their weights."""


def size(question: Question, cells: Iterable[Grouped]) -> int:
    """How many rows these are, or how many they count for where weights count rows."""
    return round(sum(cell.rows if question.sampling else cell.weight for cell in cells))


_Cell = TypeVar("_Cell", bound=Grouped)


def _named(question: Question, cells: Iterable[Grouped], columns: Sequence[str]) -> list[str]:
    """What to call rows without a value, per column; a real value may already be called so."""
    groups = ({cell.groups[question.sensitive.index(column)] for cell in cells} for column in columns)
    return [MISSING if MISSING not in values else f"{MISSING} (no value)" for values in groups]


def group_by(
    question: Question, cells: Sequence[_Cell], columns: Sequence[str], words: Sequence[str] | None = None
) -> tuple[dict[tuple[str, ...], list[_Cell]], list[_Cell]]:
    """Cells by the values of these sensitive columns, and those left out for want of a value.

    Raises:
        DataError: there are more groups than can be compared.
    """
    words = words or _named(question, cells, columns)
    places = [question.sensitive.index(column) for column in columns]
    known: dict[tuple[str, ...], list[_Cell]] = defaultdict(list)
    left_out = []
    for cell in cells:
        values = [cell.groups[place] for place in places]
        if question.drop_missing and None in values:
            left_out.append(cell)
            continue
        known[tuple(w if v is None else v for v, w in zip(values, words, strict=True))].append(cell)
    if len(known) > MOST_GROUPS:
        message = f"{', '.join(map(repr, columns))} make {len(known):,} groups, more than can be compared"
        remedy = f"Name columns with at most {MOST_GROUPS} groups, or bin the values first."
        raise DataError(message, where=question.data.where, remedy=remedy)
    return known, left_out


def within(control: Sequence[str], values: Sequence[str | None], stratum: Mapping[str, str]) -> bool:
    """Whether rows with these control values lie in the stratum."""
    return all(
        (MISSING if value is None else value) == stratum[column]
        for column, value in zip(control, values, strict=True)
        if column in stratum
    )
