"""A log whose lines are chained: each carries the hash of the line before it, and its own."""

import hashlib
from typing import Any

import rfc8785

from aims_gates import Dataset

__all__ = ["THIS", "broken_at"]

#: The hash of the line before; empty in the first line that is kept once older ones were cleared.
_PREVIOUS = "previous_hash"
#: The SHA-256, in hex, of the line's other fields as canonical JSON (RFC 8785), those without a value left out.
THIS = "line_hash"


def broken_at(log: Dataset) -> int | None:
    """The number of the first line that does not follow from the one before, or was changed; None where all do."""
    before: str | None = None
    number = 0
    columns = ", ".join(log.quote(name) for name in log.columns)
    for batch in log.batches(f"SELECT {columns} FROM data"):
        for line in batch.to_pylist():
            number += 1
            if (number > 1 and line.get(_PREVIOUS) != before) or line[THIS] != _hash(line):
                return number
            before = line[THIS]
    return None


def _hash(line: dict[str, Any]) -> str:
    fields = {name: value for name, value in line.items() if name != THIS and value is not None}
    return hashlib.sha256(rfc8785.dumps({name: _json(value) for name, value in fields.items()})).hexdigest()


def _json(value: Any) -> Any:
    return value if isinstance(value, str | bool | int | float) else value.isoformat()
