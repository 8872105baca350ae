"""Frames in memory: pandas, Polars, Arrow, DuckDB relations and what narwhals knows; all as Arrow."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from aims_gates.data._duckdb.engine import fresh_name, quote
from aims_gates.data.tables.source import Source
from aims_gates.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrow_digest", "is_index", "open_frame", "unique"]

_BATCH = 65_536


def open_frame(frame: Any, role: str) -> Source:
    import pyarrow as pa

    where = f"the {type(frame).__module__.partition('.')[0]} frame given as {role}"
    try:
        table = _arrow(frame)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError) as error:
        remedy = "Give each column one type."
        raise DataError(f"a column holds values of mixed types: {error}", where=where, remedy=remedy) from error
    if table is None:
        remedy = "Give a path, a database address, or a pandas, Polars, Arrow or Spark table."
        raise DataError(f"cannot be read as a table: {type(frame).__name__}", where=f"data set {role!r}", remedy=remedy)
    table = table.select([place for place, name in enumerate(table.column_names) if not is_index(name)])
    names = table.column_names
    if not names:
        raise DataError("it has no columns", where=where, remedy="Give a table with columns and rows.")
    table = table.rename_columns([f"c{place}" for place in range(len(names))])
    registered = fresh_name("arrow")
    plain = table.rename_columns(names).replace_schema_metadata(None)
    shown = unique(names)
    columns = ", ".join(f"c{place} AS {quote(name)}" for place, name in enumerate(shown))
    sql, frames = f"SELECT {columns} FROM temp.{registered}", {registered: table}
    return Source(sql, where, names, digest=lambda: arrow_digest(plain), frames=frames)


def is_index(name: str) -> bool:
    """Whether pandas wrote this column for a frame's index that has no name: it is no data."""
    return re.fullmatch("__index_level_[0-9]+__", name) is not None


def _arrow(frame: Any) -> "pa.Table | None":
    """The frame as Arrow; None when it is no table. A pandas index is not data."""
    import pyarrow as pa

    if isinstance(frame, pa.Table):
        return frame
    module = type(frame).__module__.partition(".")[0]
    if module == "pandas" and hasattr(frame, "columns"):
        names = [str(name) for name in frame.columns]
        columns = [_column(frame.iloc[:, place]) for place in range(len(names))]
        return pa.Table.from_arrays([_whole(column) for column in columns], names=names)
    if module in ("polars", "narwhals") and hasattr(frame, "collect"):
        frame = frame.collect()
    if module in ("polars", "narwhals") and hasattr(frame, "to_arrow"):
        return frame.to_arrow()
    return pa.table(frame) if hasattr(frame, "__arrow_c_stream__") else _narwhals(frame)


def _column(column: Any) -> "pa.Array":
    """A pandas column as Arrow; times with a zone by way of UTC, because pyarrow asks what pandas 3.1 deprecates."""
    import pyarrow as pa

    zone = getattr(column.dtype, "tz", None)
    if zone is None:
        try:
            return pa.array(column, from_pandas=True)
        except OverflowError:
            # Whole numbers beyond 64 bits, as Python holds them.
            return pa.array(column, pa.decimal128(38, 0), from_pandas=True)
    plain = pa.array(column.dt.tz_convert("UTC").dt.tz_localize(None), from_pandas=True)
    return plain.view(pa.timestamp(plain.type.unit, tz=pa.lib.tzinfo_to_string(zone)))


def _narwhals(frame: Any) -> "pa.Table | None":
    """Whatever else narwhals knows (Modin, cuDF, Dask, Ibis ...), where narwhals is installed."""
    try:
        import narwhals
    except ImportError:
        return None
    known = narwhals.from_native(frame, pass_through=True)
    if isinstance(known, narwhals.LazyFrame):
        known = known.collect("pyarrow")
    return known.to_arrow() if isinstance(known, narwhals.DataFrame) else None


def _whole(column: Any) -> Any:
    import pyarrow as pa

    return column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])


def unique(names: Sequence[str]) -> list[str]:
    """Names that differ without regard to case, as DuckDB makes them."""
    visited: set[str] = set()
    result = []
    for name in names:
        shown, turn = name, 0
        while shown.lower() in visited:
            turn += 1
            shown = f"{name}_{turn}"
        visited.add(shown.lower())
        result.append(shown)
    return result


def arrow_digest(rows: "pa.Table | pa.RecordBatchReader") -> str:
    """``sha256:...`` of the rows' Arrow IPC stream, in batches of 65,536 rows however they were chunked."""
    import pyarrow as pa

    sink = _Hasher()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), rows.schema) as writer:
        for batch in _batches(rows if isinstance(rows, pa.RecordBatchReader) else rows.to_reader()):
            writer.write_batch(batch)
    return f"sha256:{sink.hash.hexdigest()}"


def _batches(rows: "pa.RecordBatchReader") -> "Iterator[pa.RecordBatch]":
    """The rows in batches of 65,536, the last one shorter, each in memory of its own.

    A slice would be written with some of what follows it in place of padding.
    """
    import pyarrow as pa

    batches: list[pa.RecordBatch] = []
    for batch in rows:
        while batch.num_rows:
            part = batch.slice(0, _BATCH - sum(batch_part.num_rows for batch_part in batches))
            batches.append(part)
            batch = batch.slice(part.num_rows)
            if sum(batch_part.num_rows for batch_part in batches) == _BATCH:
                yield _own(batches)
                batches = []
    if batches:
        yield _own(batches)


def _own(parts: "Sequence[pa.RecordBatch]") -> "pa.RecordBatch":
    import numpy as np
    import pyarrow as pa

    whole = pa.Table.from_batches(parts)
    return pa.concat_batches(whole.take(np.arange(whole.num_rows)).to_batches())


class _Hasher:
    """A file that is only hashed."""

    closed = False

    def __init__(self) -> None:
        self.hash = hashlib.sha256()
        self.size = 0

    def write(self, data: Any) -> int:
        self.hash.update(data)
        self.size += len(memoryview(data).cast("B"))
        return len(memoryview(data).cast("B"))

    def tell(self) -> int:
        return self.size

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """Nothing to release."""
