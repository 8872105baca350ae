"""A source: one SQL relation, and what is known of its origin."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

__all__ = ["Dialect", "Source"]


@dataclass(frozen=True)
class Dialect:
    """How a text file is written: one character each, empty for none; ``packed`` says whether by gzip."""

    delimiter: str
    quote: str
    escape: str
    packed: bool


@dataclass(frozen=True)
class Source:
    """A relation and what is known of its origin.

    Attributes:
        sql: A ``SELECT`` over the source.
        where: For messages.
        names: Column names as they stand in the source, in order; doubles included.
        kept: Where the rows are kept, parsed once: in ``memory``, or in a Parquet file of the ``scratch`` folder. None
            reads the source at each query.
        digest: Computes ``sha256:...``; None means the Arrow stream of the rows.
        drops: SQL that undoes what opening did.
        files: The files that hold it, in the order of their rows; empty where it is something else.
        dialect: How those are written; None for Parquet.
    """

    sql: str
    where: str
    names: Sequence[str] | None = None
    kept: Literal["memory", "scratch"] | None = None
    digest: Callable[[], str] | None = None
    drops: Sequence[str] = field(default_factory=tuple)
    files: Sequence[str] = ()
    dialect: Dialect | None = None
