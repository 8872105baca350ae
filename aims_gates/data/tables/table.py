"""A table as an engine holds it: what every engine must be able to do, and no more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from aims_gates.data.schema.reading import Reading

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Table"]


class Table(Protocol):
    """Rows and columns on an engine. The engine speaks DuckDB's SQL, whatever it is underneath.

    Attributes:
        where: The source, for messages (passwords masked).
        name: What the table is called in the queries of other tables of the same engine.
        readings: How each column of text was read; empty where the source has types of its own.
        notes: What is worth knowing of how it was read, in words.
        folders: The keys of ``key=value`` folders on the way to its files; what they say is not read.
    """

    where: str
    name: str
    folders: frozenset[str]
    readings: Sequence[Reading]
    notes: Sequence[str]

    @property
    def types(self) -> Mapping[str, str]:
        """Column -> DuckDB's name of its type; in the source's order."""

    @property
    def names(self) -> Sequence[str]:
        """Column names as they stand in the source, doubles included."""

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """The rows of a query in which ``data`` names this table."""

    def arrow(self, columns: Sequence[str]) -> "pa.Table":
        """These columns of every row."""

    def batches(self, sql: str) -> "Iterator[pa.RecordBatch]":
        """The rows of a query, some at a time; no other query may run until the last is taken."""

    def digest(self) -> str:
        """``sha256:...`` of what was opened."""
