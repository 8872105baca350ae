"""A ledger in hand: the registry's database opened for reading, or locked for writing; or the server that has it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, inspect
from sqlalchemy.exc import ArgumentError, DatabaseError, IntegrityError

from aims_gates.database import HEAD, current
from aims_gates.errors import LedgerError, NoLedgerError
from aims_gates.ledger.installation import install
from aims_gates.ledger.remote import Remote, is_remote
from aims_gates.ledger.table import Source, snapshot
from aims_gates.ledger.writing import lock
from aims_gates.settings import SCHEMES, database_uri

#: A writer waits 20 s for another, and sees what that one committed.
_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"connect_args": {"timeout": 20}},
    "postgresql": {"connect_args": {"options": "-c lock_timeout=20s"}, "isolation_level": "READ COMMITTED"},
}
__all__ = ["is_gated", "open_database", "open_ledger"]


def is_gated(registry: str | None) -> bool:
    """Whether a registry has a ledger of ours: by its scheme, or because the server says so.

    Raises:
        LedgerError, RefusedError: the server cannot be asked.
    """
    if registry is None or not is_remote(registry):
        return registry is not None and registry.partition(":")[0] in SCHEMES
    server = Remote(registry)
    try:
        server.head()
    except NoLedgerError:
        return False
    finally:
        server.close()
    return True


@contextmanager
def open_ledger(registry: str, *, write: bool = False) -> Iterator[Source]:
    """The ledger of a registry; in its database with ``write`` inside one locked transaction.

    A server locks for each statement it takes, so there ``write`` changes nothing.

    Args:
        registry: A registry URI of ours, or a server's address.
        write: As :func:`open_database`.

    Raises:
        InputError, LedgerError: as :func:`open_database`; the server cannot be reached or has no routes of ours.
    """
    if not is_remote(registry):
        with open_database(registry, write=write) as connection:
            yield connection
        return
    server = Remote(registry)
    try:
        yield server
    finally:
        server.close()


@contextmanager
def open_database(registry: str, *, write: bool = False, older: bool = False) -> Iterator[Connection]:
    """A connection to the ledger of a registry; with ``write``, inside one locked transaction.

    Args:
        registry: A registry URI of ours.
        write: Lock the ledger, make its tables where missing, and commit at the end (nothing on an error).
        older: Take tables of an earlier version, and of none, as they are.

    Raises:
        InputError: the registry is not gated.
        LedgerError: the database cannot be opened, is locked by somebody else, or holds no ledger.
    """
    uri = database_uri(registry)
    try:
        engine = create_engine(uri, **_OPTIONS[uri.partition(":")[0].partition("+")[0]])
    except ArgumentError as error:
        raise LedgerError("not a database address", where=registry, remedy="Write aims+sqlite:///FILE.") from error
    except ImportError as error:
        remedy = "pip install 'aims-gates[postgresql]' and write aims+postgresql://USER@HOST/DATABASE"
        raise LedgerError(f"the database's driver is not installed: {error}", where=registry, remedy=remedy) from error
    try:
        _refuse_no_file(engine, registry, write and not older)
        with engine.begin() as connection:
            if write and not older:
                install(connection)
                _need_current(connection, registry)
                lock(connection)
            elif not write:
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


def _need_current(connection: Connection, registry: str) -> None:
    revision = current(connection)
    if revision != HEAD:
        message = f"its tables are those of migration {revision}; this version of aims-gates needs {HEAD}"
        raise LedgerError(message, where=registry, remedy="Take a backup, then run: aims-gates db upgrade")


def _refuse_no_file(engine: Engine, registry: str, write: bool) -> None:
    """SQLite would make an empty file of a mistyped name."""
    place = engine.url.database
    if write or engine.dialect.name != "sqlite" or place in (None, "", ":memory:") or Path(str(place)).is_file():
        return
    remedy = "Check the path; a new ledger starts with: aims-gates keys trust PUBLIC --person YOU --role policy --first"
    raise NoLedgerError("there is no such file", where=registry, remedy=remedy)
