"""A ledger in hand: the registry's database opened for reading, or locked for writing."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, inspect
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError

from aims_gates.errors import LedgerError, NoLedgerError
from aims_gates.ledger.table import install, lock, snapshot
from aims_gates.settings import database_uri

__all__ = ["open_ledger"]


@contextmanager
def open_ledger(registry: str, *, write: bool = False) -> Iterator[Connection]:
    """A connection to the ledger of a registry; with ``write``, inside one locked transaction.

    Args:
        registry: A registry URI of ours.
        write: Lock the ledger, make its tables where missing, and commit at the end (nothing on an error).

    Raises:
        InputError: the registry is not gated.
        LedgerError: the database cannot be opened, is locked by somebody else, or holds no ledger.
    """
    uri = database_uri(registry)
    try:
        options = {"timeout": 20} if uri.startswith("sqlite") else {}
        engine = create_engine(uri, connect_args=options)
    except ArgumentError as error:
        raise LedgerError("not a database address", where=registry, remedy="Write aims+sqlite:///FILE.") from error
    try:
        _refuse_no_file(engine, registry, write)
        with engine.begin() as connection:
            if write:
                install(connection)
                lock(connection)
            else:
                snapshot(connection)
            if not write and not inspect(connection).has_table("aims_head"):
                remedy = "Start with: aims-gates keys trust --first ..."
                raise NoLedgerError("there is no ledger here yet", where=registry, remedy=remedy)
            yield connection
    except IntegrityError:
        raise
    except DatabaseError as error:
        remedy = "Check the path and its rights; if another command is writing, try again."
        raise LedgerError(f"the database cannot be used: {error.orig}", where=registry, remedy=remedy) from error
    finally:
        engine.dispose()


def _refuse_no_file(engine: Engine, registry: str, write: bool) -> None:
    """SQLite would make an empty file of a mistyped name."""
    place = engine.url.database
    if write or engine.dialect.name != "sqlite" or place in (None, "", ":memory:") or Path(str(place)).is_file():
        return
    remedy = "Check the path; a new ledger starts with: aims-gates keys trust PUBLIC --person YOU --role policy --first"
    raise NoLedgerError("there is no such file", where=registry, remedy=remedy)
