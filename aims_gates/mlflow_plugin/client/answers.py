"""What a model's process sends back through its pipe: bytes from a stranger, read without trust.

A message is the length of a JSON header (8 bytes, little-endian), the header, and the buffers that it lists, one after
the other: ``{"report": {...}, "parts": {PART: [[COLUMN, TYPE, [BYTES or null, ...]], ...]}}``. Buffers are laid out as
Arrow lays them out and are never compressed, so that reading a message takes no more memory than its own bytes.
"""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aims_gates.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PREDICTION", "SCORE", "Answer", "most_bytes", "read_answer"]

PREDICTION = "prediction"
SCORE = "score"
_MOST_HEADER = 4 << 20
_LENGTH = 8
_TEXT = "large_string"
_TYPES = (
    "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "large_string", "date32",
)  # fmt: skip
_TIMES = ("s", "ms", "us", "ns")
_REMEDY = "The model must return one value for each row."

#: The report, believed for display only, and part -> table; a part that the model gave nothing for is not in it.
Answer = tuple[dict[str, Any], "dict[str, pa.Table]"]


def most_bytes(rows: int) -> int:
    """How long an answer about so many rows may be: 64 MiB and 4 KiB a row, at most 2 GiB."""
    return min((64 << 20) + rows * 4096, 2 << 30)


def read_answer(message: bytes, rows: Mapping[str, int], where: str) -> Answer:
    """Read a message.

    Args:
        message: All that came.
        rows: Part -> how many rows were asked.
        where: The model, for messages.

    Raises:
        InputError: it is none, or not one value of a known type for each row.
    """
    import pyarrow as pa

    if not message:
        raise InputError("the model left no predictions", where=where, remedy=_REMEDY)
    try:
        header, place = _header(message)
        report, parts = header["report"], header["parts"]
        tables: dict[str, pa.Table] = {}
        for part, columns in parts.items():
            arrays = {}
            for name, kind, sizes in columns:
                arrays[str(name)], place = _column(message, place, str(kind), sizes, rows[part])
            tables[part] = _checked(pa.table(arrays), rows[part], where)
        if place != len(message) or not isinstance(report, dict):
            raise ValueError("it has another length than it says")
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, pa.ArrowException) as error:
        text = f"the model's process sent what is no prediction: {error}"
        raise InputError(text, where=where, remedy=_REMEDY) from error
    return report, tables


def _header(message: bytes) -> tuple[Any, int]:
    length = int.from_bytes(message[:_LENGTH], "little")
    end = _LENGTH + length
    if length > _MOST_HEADER or end > len(message):
        raise ValueError("its header is too long")
    return json.loads(message[_LENGTH:end]), end


def _type(kind: str) -> "pa.DataType":
    import pyarrow as pa

    if kind in _TYPES:
        return getattr(pa, kind)()
    if kind.startswith("timestamp_") and kind.removeprefix("timestamp_") in _TIMES:
        return pa.timestamp(kind.removeprefix("timestamp_"))
    raise ValueError(f"{kind!r} is no type of a prediction")


def _column(message: bytes, place: int, kind: str, sizes: Any, rows: int) -> "tuple[pa.Array, int]":
    import pyarrow as pa

    if len(sizes) != (3 if kind == _TEXT else 2) or None in sizes[1:]:
        raise ValueError("a column has other buffers than its type")
    buffers: list[Any] = []
    for size in sizes:
        if size is None:
            buffers.append(None)
            continue
        if type(size) is not int or not 0 <= size <= len(message) - place:
            raise ValueError("a buffer is longer than the message")
        buffers.append(pa.py_buffer(memoryview(message)[place : place + size]))
        place += size
    array = pa.Array.from_buffers(_type(kind), rows, buffers)
    array.validate(full=True)
    # Text as pandas and Parquet have it; it is short of 2 GiB, as the whole message is.
    return (array.cast(pa.string()) if kind == _TEXT else array), place


def _checked(table: "pa.Table", rows: int, where: str) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.compute as pc

    if set(table.column_names) - {SCORE} != {PREDICTION} or table.num_rows != rows:
        description = f"{table.num_rows} rows of {', '.join(table.column_names) or 'nothing'}"
        raise InputError(f"the model gave {description}, where {rows} rows were asked", where=where, remedy=_REMEDY)
    if SCORE in table.column_names:
        score = table.column(SCORE)
        if not pa.types.is_floating(score.type) or not pc.all(pc.is_finite(score), skip_nulls=False).as_py():
            raise InputError("the model gave scores that are no numbers", where=where, remedy=_REMEDY)
    return table
