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

__all__ = ["FEW", "Column", "Floats", "Part", "Reading", "bin_together", "profile", "reading_of"]

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
    """

    data: Dataset
    before: str = ""
    after: str = ""
    chunk: int | str | None = None

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
        how: ``plain``, ``epoch`` (date or time as seconds), ``length`` (of text), ``truth`` (0 and 1).
        note: What a reader should know about that; empty for ``plain``.
    """

    form: Literal["number", "category"]
    how: Literal["plain", "epoch", "length", "truth"] = "plain"
    note: str = ""

    def sql(self, name: str) -> str:
        """The SQL expression; DOUBLE for numbers, VARCHAR for categories."""
        quoted = Dataset.quote(name)
        if self.form == "category":
            return f"CAST({quoted} AS VARCHAR)"
        inner = {
            "plain": quoted,
            "epoch": f"epoch({quoted})",
            "length": f"length(CAST({quoted} AS VARCHAR))",
            "truth": f"CAST({quoted} AS INTEGER)",
        }
        return f"CAST({inner[self.how]} AS DOUBLE)"


def _looks_like_text(data: Dataset, name: str) -> bool:
    """More distinct values than categories have: over half of the rows (evidently's rule), or over 10,000."""
    sql = f"SELECT count({Dataset.quote(name)}), approx_count_distinct({Dataset.quote(name)}) FROM data"
    rows, distinct = data.query(sql)[0]
    return bool(distinct > _TEXT_AT_LEAST and (distinct > rows / 2 or distinct > _TEXT_AT_MOST))


def reading_of(name: str, reference: Dataset, production: Dataset) -> Reading:
    """How to read a column that stands in both sets.

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
        if _looks_like_text(reference, name):
            return Reading("number", "length", "free text: its length in characters is compared, not its words")
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
        prefix: Distinct values among the first 4,096 rows.
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
        return len(self.query("x", f"GROUP BY x LIMIT {FEW + 1}")) <= FEW

    @cached_property
    def counts(self) -> Mapping[Any, int]:
        """Value -> rows."""
        return {value: int(count) for value, count in self.query("x, count(*)", "GROUP BY x")}

    @cached_property
    def ordered(self) -> Floats:
        """All values of a number, sorted."""
        if self.part.sql != "data":
            return np.sort(np.array([row[0] for row in self.query("x")], dtype=np.float64))
        return np.sort(_numbers(self))

    def histogram(self, edges: Floats) -> npt.NDArray[np.int64]:
        """Rows per bin, as ``numpy.histogram``: ``[a, b)``, the last one ``[a, b]``."""
        key = edges.tobytes()
        if key not in self._bins:
            cells = ", ".join(_below(edges, "x"))
            self._bins[key] = _per_bin(self.query(cells)[0] if cells else (), self.n)
        return self._bins[key]

    def keep(self, edges: Floats, below: Sequence[int]) -> None:
        """Remember a histogram that was counted together with others."""
        self._bins[edges.tobytes()] = _per_bin(below, self.n)


def _below(edges: Floats, name: str) -> list[str]:
    return [f"count_if({name} < {edge!r}::DOUBLE)" for edge in edges[1:-1].tolist()]


def _per_bin(below: Sequence[int], rows: int) -> npt.NDArray[np.int64]:
    ends = np.array([0, *below, rows], dtype=np.int64)
    return ends[1:] - ends[:-1]


def _numbers(column: Column) -> Floats:
    """The values of a whole set's column, by way of Arrow."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = column.part.data.arrow([column.name]).column(0).drop_null()
    if column.reading.how == "length":
        values = pc.utf8_length(pc.cast(values, pa.string()))
    elif column.reading.how == "epoch":
        values = pc.cast(pc.cast(values, pa.timestamp("us"), safe=False), pa.int64())
    numbers: Floats = np.asarray(pc.cast(values, pa.float64(), safe=False).to_numpy(), dtype=np.float64)
    return numbers / 1e6 if column.reading.how == "epoch" else numbers


def _dtype(column_type: str, how: str, missing: int) -> type[Any]:
    whole = how in ("length", "truth") or (how == "plain" and column_type in _INTEGERS)
    if whole:
        return np.float64 if missing else np.int64
    return np.float32 if how == "plain" and column_type == "FLOAT" else np.float64


def profile(part: Part, readings: Mapping[str, Reading]) -> dict[str, Column]:
    """Every column's counts and extremes, in one pass over the part (and a look at its first rows)."""
    if not readings:
        return {}
    wanted, first = ["count(*)"], []
    for place, (name, reading) in enumerate(readings.items()):
        x = f"x{place}"
        first.append(f"{reading.sql(name)} AS {x}")
        if reading.form == "number":
            wanted += [f"count({x})", f"count_if(isinf({x}))"]
            wanted += [f"{end}({x}) FILTER (WHERE NOT isinf({x}))" for end in ("min", "max")]
        else:
            wanted += [f"count({x})", "0", "0", "0"]
    inner = f"SELECT {', '.join(first)} FROM {part.sql}"
    rows, *facts = part.data.query(f"SELECT {', '.join(wanted)} FROM ({inner})")[0]
    distinct = ", ".join(f"count(DISTINCT x{place})" for place in range(len(readings)))
    prefix = part.data.query(f"SELECT {distinct} FROM ({inner} LIMIT 4096)")[0]
    found = {}
    for place, (name, reading) in enumerate(readings.items()):
        held, infinite, low, high = facts[4 * place : 4 * place + 4]
        missing = int(rows) - int(held)
        dtype = _dtype(part.data.type(name), reading.how, missing)
        ends = [float("nan") if end is None else float(end) for end in (low, high)]
        found[name] = Column(
            name, part, reading, int(rows), missing, int(infinite or 0), ends[0], ends[1], dtype, int(prefix[place])
        )
    return found


def bin_together(columns: Iterable[tuple[Column, Floats]]) -> None:
    """Count the histograms of several columns of one part in one pass, and keep them in the columns."""
    work = list(columns)
    if not work:
        return
    part = work[0][0].part
    inner = ", ".join(f"{column.sql} AS x{place}" for place, (column, _) in enumerate(work))
    cells = [_below(edges, f"x{place}") for place, (_, edges) in enumerate(work)]
    flat = [cell for group in cells for cell in group]
    counted = (
        list(part.data.query(f"SELECT {', '.join(flat)} FROM (SELECT {inner} FROM {part.sql})")[0]) if flat else []
    )
    for (column, edges), group in zip(work, cells, strict=True):
        column.keep(edges, counted[: len(group)])
        del counted[: len(group)]
