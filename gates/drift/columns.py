"""A column of one set (or of one chunk of it), reduced by DuckDB to what a method needs.

Rows stay in the engine: counts, bins and extremes come from aggregates. Only the methods that
need order (``ks``, ``wasserstein`` ...) take a column, one at a time.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from aims_gates import DataError, Dataset

from .order import Spread, spread

__all__ = ["FEW", "Column", "Floats", "Part", "Reading", "profile", "reading_of", "real", "texts"]

Floats = npt.NDArray[np.float64]
_INTEGERS = {f"{sign}{size}INT" for sign in ("", "U") for size in ("TINY", "SMALL", "BIG", "HUGE")} | {
    "INTEGER",
    "UINTEGER",
}
#: evidently: a column with at most so many distinct values in the reference is counted, not binned.
FEW = 20
_TEXT_AT_LEAST, _TEXT_AT_MOST = 50, 10_000


@dataclass(frozen=True)
class Part:
    """A data set, or the rows of it that belong to one chunk.

    Attributes:
        data: The set.
        before, after: What stands around the set's name in FROM, to take some of its rows.
        chunk: The chunk's name in a finding; None for the whole set.
        cluster: SQL of the column whose rows go together; None where rows are independent.
    """

    data: Dataset
    before: str = ""
    after: str = ""
    chunk: int | str | None = None
    cluster: str | None = None

    @property
    def sql(self) -> str:
        """What stands in FROM, in a query of this set."""
        return f"{self.before}data{self.after}"

    @property
    def sql_elsewhere(self) -> str:
        """The same, in a query of another set."""
        return f"{self.before}{self.data.table}{self.after}"


@dataclass(frozen=True)
class Reading:
    """How a column is read, the same way in both sets.

    Attributes:
        form: ``number`` (compared by order) or ``category`` (compared by counts).
        how: ``plain``, ``epoch`` (date or time as seconds), ``hashed`` (text by its MD5), ``truth`` (0 and 1).
        note: What a reader should know about that; empty for ``plain``.
    """

    form: Literal["number", "category"]
    how: Literal["plain", "epoch", "hashed", "truth"] = "plain"
    note: str = ""

    def sql(self, name: str) -> str:
        """The SQL expression; DOUBLE for numbers, VARCHAR for categories."""
        quoted = Dataset.quote(name)
        if self.how == "hashed":
            return f"substr(md5(CAST({quoted} AS VARCHAR)), 1, 1)"
        if self.form == "category":
            return f"CAST({quoted} AS VARCHAR)"
        inner = {
            "plain": quoted,
            "epoch": f"epoch({quoted})",
            "truth": f"CAST({quoted} AS INTEGER)",
        }
        return f"CAST({inner[self.how]} AS DOUBLE)"


def texts(data: Dataset, names: Iterable[str]) -> frozenset[str]:
    """Those of the columns that hold free text, found in one pass.

    Free text has more distinct values than categories have: over half of the rows (evidently's rule), or over 10,000.
    """
    requested = [name for name in names if name in data.columns and data.kind(name) == "categorical"]
    if not requested:
        return frozenset()
    aggregates = ", ".join(
        f"count({Dataset.quote(name)}), approx_count_distinct({Dataset.quote(name)})" for name in requested
    )
    facts = data.query(f"SELECT {aggregates} FROM data")[0]
    return frozenset(
        name
        for name, rows, distinct in zip(requested, facts[::2], facts[1::2], strict=True)
        if distinct > _TEXT_AT_LEAST and (distinct > rows / 2 or distinct > _TEXT_AT_MOST)
    )


def reading_of(name: str, reference: Dataset, production: Dataset, text: bool) -> Reading:
    """How to read a column that stands in both sets; ``text`` says whether the reference holds free text in it.

    Raises:
        DataError: the sets hold different kinds of values under this name.
    """
    kinds = {reference.kind(name), production.kind(name)}
    if kinds == {"numeric"}:
        return Reading("number")
    if kinds == {"boolean"}:
        return Reading("category")
    if kinds == {"numeric", "boolean"}:
        return Reading("number", "truth", "truth values count as 0 and 1")
    if kinds == {"datetime"}:
        return Reading("number", "epoch", "times are compared as seconds since 1970")
    if kinds == {"categorical"}:
        if text:
            note = "text of many values: counted in 16 cells by the first digit of its MD5; unseen_share is what is new"
            return Reading("category", "hashed", note)
        return Reading("category")
    message = f"{name!r} is {reference.kind(name)} in the reference data and {production.kind(name)} in production"
    raise DataError(message, remedy="Give the column the same type in both sets.")


@dataclass
class Column:
    """One column of one part.

    Attributes:
        name: The column.
        part: Where it stands.
        reading: How it is read.
        rows, missing, infinite: Counts of rows; ``missing`` are NULL and NaN.
        low, high: Least and greatest finite value of a number.
        dtype: The NumPy type pandas would give the values: what decides how NumPy bins them.
        prefix: Distinct values of a number among the first 4,096 rows; 0 for a category.
        values: About how many distinct values a category has; 0 for a number.
        bands: The bands that were given, or those by its quantiles once somebody asked for them.
    """

    name: str
    part: Part
    reading: Reading
    rows: int
    missing: int
    infinite: int
    low: float
    high: float
    dtype: type[Any]
    prefix: int
    values: int = 0
    bands: Any = None
    _bins: dict[bytes, npt.NDArray[np.int64]] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Rows that hold a value."""
        return self.rows - self.missing

    @property
    def sql(self) -> str:
        """The expression that reads it."""
        return self.reading.sql(self.name)

    def query(self, select: str, rest: str = "") -> list[tuple[Any, ...]]:
        """Ask about the values: ``x`` names them, never NULL."""
        inner = f"SELECT {self.sql} AS x FROM {self.part.sql}"
        return self.part.data.query(f"SELECT {select} FROM ({inner}) WHERE x IS NOT NULL {rest}")

    @cached_property
    def distinct(self) -> int:
        """Distinct values."""
        return len(self.counts) if self.few else int(self.query("count(DISTINCT x)")[0][0])

    @cached_property
    def few(self) -> bool:
        """Whether there are at most 20 distinct values; the first rows mostly tell."""
        if self.prefix > FEW:
            return False
        if "counts" in self.__dict__:
            return len(self.counts) <= FEW
        return len(self.query("x", f"GROUP BY x LIMIT {FEW + 1}")) <= FEW

    @cached_property
    def counts(self) -> Mapping[Any, int]:
        """Value -> rows."""
        return {value: int(count) for value, count in self.query("x, count(*)", "GROUP BY x")}

    @cached_property
    def clusters(self) -> int:
        """Clusters with a value; rows that hold one where rows are independent."""
        if self.part.cluster is None:
            return self.n
        column = f"SELECT {self.part.cluster} AS c, {self.sql} AS x FROM {self.part.sql}"
        return int(self.part.data.query(f"SELECT count(DISTINCT c) FROM ({column}) AS r WHERE x IS NOT NULL")[0][0])

    @cached_property
    def ordered(self) -> Floats:
        """All values of a number, sorted."""
        values = np.empty(self.n, dtype=np.float64)
        filled = 0
        inner = f"SELECT {self.sql} AS x FROM {self.part.sql}"
        for batch in self.part.data.batches(f"SELECT x FROM ({inner}) AS r WHERE x IS NOT NULL"):
            values[filled : filled + batch.num_rows] = batch.column(0).to_numpy(zero_copy_only=False)
            filled += batch.num_rows
        values.sort()
        return values

    @cached_property
    def spread(self) -> Spread:
        """How far a number's values lie apart; known beyond :meth:`forget`."""
        return spread(self.ordered)

    def forget(self) -> None:
        """Let go of the sorted values, which alone are as many as the rows."""
        self.__dict__.pop("ordered", None)

    def histogram(self, edges: Floats) -> npt.NDArray[np.int64]:
        """Rows per bin, as ``numpy.histogram``: ``[a, b)``, the last one ``[a, b]``."""
        if edges.tobytes() not in self._bins:
            cells = ", ".join(f"count(CASE WHEN x < {real(edge)} THEN 1 END)" for edge in edges[1:-1].tolist())
            below = self.query(cells)[0] if cells else ()
            ends = np.array([0, *below, self.n], dtype=np.int64)
            self.keep(edges, ends[1:] - ends[:-1])
        return self._bins[edges.tobytes()]

    def below(self, cuts: Sequence[float]) -> npt.NDArray[np.int64]:
        """Rows below each cut."""
        counts = ", ".join(f"count_if(x < {real(float(cut))})" for cut in cuts)
        return np.array(self.query(counts)[0] if counts else (), dtype=np.int64)

    def banded(self, cuts: Floats) -> npt.NDArray[np.int64]:
        """Rows per band: below the first cut, between two, from the last on."""
        if cuts.tobytes() not in self._bins:
            self.keep(cuts, np.diff(np.concatenate([[0], self.below(cuts.tolist()), [self.n]])).astype(np.int64))
        return self._bins[cuts.tobytes()]

    def keep(self, edges: Floats, rows: npt.NDArray[np.int64]) -> None:
        """Remember a histogram that was counted together with others."""
        self._bins[edges.tobytes()] = rows


def real(number: float) -> str:
    """A DOUBLE as SQL."""
    return f"CAST({number!r} AS DOUBLE)"


def _dtype(column_type: str, how: str, missing: int) -> type[Any]:
    whole = how == "truth" or (how == "plain" and column_type in _INTEGERS)
    if whole:
        return np.float64 if missing else np.int64
    return np.float32 if how == "plain" and column_type == "FLOAT" else np.float64


def profile(part: Part, readings: Mapping[str, Reading]) -> dict[str, Column]:
    """Every column's counts and extremes, in one pass over the part (and a look at its first rows)."""
    if not readings:
        return {}
    inner = ", ".join(f"{reading.sql(name)} AS x{place}" for place, (name, reading) in enumerate(readings.items()))
    inner = f"SELECT {inner} FROM {part.sql}"
    item = [
        f"count(x{place}), "
        + (f"min(x{place}), max(x{place})" if reading.form == "number" else f"approx_count_distinct(x{place}), NULL")
        for place, reading in enumerate(readings.values())
    ]
    rows, *facts = part.data.query(f"SELECT count(*), {', '.join(item)} FROM ({inner}) AS r")[0]
    distinct = ", ".join(
        f"count(DISTINCT x{place})" if reading.form == "number" else "0"
        for place, reading in enumerate(readings.values())
    )
    prefix = part.data.query(f"SELECT {distinct} FROM ({inner} LIMIT 4096) AS r")[0]
    columns = {}
    for place, (name, reading) in enumerate(readings.items()):
        filled, low, high = facts[3 * place : 3 * place + 3]
        missing = int(rows) - int(filled)
        dtype = _dtype(part.data.type(name), reading.how, missing)
        values, ends = 0, [float("nan") if end is None else float(end) for end in (low, high)]
        if reading.form == "category":
            values, ends = int(low), [float("nan")] * 2
        columns[name] = Column(
            name, part, reading, int(rows), missing, 0, ends[0], ends[1], dtype, int(prefix[place]), values
        )
    for column in columns.values():
        if np.isinf(column.low) or np.isinf(column.high):
            _look_past_infinities(column)
    return columns


def _look_past_infinities(column: Column) -> None:
    """Count the infinite values of a column that has some, and find the extremes of the others."""
    finite = "abs(x) < CAST('Infinity' AS DOUBLE)"
    ends = f"min(CASE WHEN {finite} THEN x END), max(CASE WHEN {finite} THEN x END)"
    filled, low, high = column.query(f"count(CASE WHEN {finite} THEN 1 END), {ends}")[0]
    column.infinite = column.n - int(filled)
    column.low, column.high = (float("nan") if end is None else float(end) for end in (low, high))
