"""A source: one SQL relation, and what is known of its origin."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aims_gates.data.schema.declared import Declared
from aims_gates.data.schema.reading import Reading

__all__ = ["Dialect", "Source"]


@dataclass(frozen=True)
class Dialect:
    """How a text file is written: one character each; whether by gzip, and whether its first line names the columns."""

    delimiter: str
    quote: str
    escape: str
    packed: bool
    header: bool = True


@dataclass(frozen=True)
class Source:
    """A relation and what is known of its origin.

    Attributes:
        sql: A ``SELECT`` over the source.
        where: For messages.
        names: Column names as they stand in the source, in order; doubles included.
        text: Whether all columns are text whose types have to be found.
        kept: Whether the rows are read once and kept in a Parquet file of the scratch folder; else each query reads the
            source.
        digest: Computes ``sha256:...``; None means the Arrow stream of the rows.
        reads: The files that DuckDB opens for :attr:`sql`.
        frames: Arrow tables by the names that :attr:`sql` knows them by.
        attach: Alias and path of the DuckDB file that it is a table of.
        scratch: A file of the scratch folder that holds a copy, and goes with the set.
        files: The files that hold it, in the order of their rows; empty where it is something else, JSON lines
            among it.
        dialect: How those are written; None for Parquet.
        orders: The columns of each of those, in its own order; for text.
        readings: How each column of text is read, where that is known already.
        mixed: Whether the files hold a column in several types, which :attr:`sql` widens to one.
        notes: What is worth knowing of the set, in words.
        schema: What it is declared to hold.
        copies: Files of the scratch folder that go with the set.
    """

    sql: str
    where: str
    names: Sequence[str] | None = None
    text: bool = False
    kept: bool = False
    digest: Callable[[], str] | None = None
    reads: Sequence[str] = ()
    frames: Mapping[str, Any] = field(default_factory=dict)
    attach: tuple[str, str] | None = None
    scratch: Path | None = None
    files: Sequence[str] = ()
    dialect: Dialect | None = None
    orders: Sequence[Sequence[str]] = ()
    readings: Sequence[Reading] | None = None
    mixed: bool = False
    notes: Sequence[str] = ()
    schema: Declared | None = None
    copies: Sequence[str] = ()
