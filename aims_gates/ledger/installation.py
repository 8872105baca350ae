"""Making the ledger's tables, and bringing those of an earlier version to this one's."""

from sqlalchemy import Connection, text

from aims_gates import database
from aims_gates.ledger import live_tables
from aims_gates.ledger.row import skim, terms
from aims_gates.ledger.table import bearing, begin, size
from aims_gates.ledger.writing import lock

__all__ = ["install", "upgrade"]

_SOME = text("SELECT position, body FROM aims_ledger WHERE position >= :begin AND position < :end")
_ENTRY = text("INSERT INTO aims_index (term, position) VALUES (:term, :position)")
#: Of how many rows the index is made at once.
_BATCH = 2_000
#: The migration that last changed under which terms a row stands.
_TERMS_SINCE = "0005"
#: PostgreSQL's lock for those who install at once: any number that nobody else takes.
_INSTALLATION = 0x41494D53


def install(connection: Connection) -> None:
    """Make the ledger where there is none, with its guards: all of it or nothing, by one of those who try at once.

    Tables of an earlier version are left alone: :func:`upgrade` is a decision of its own.
    """
    if database.current(connection) is not None:
        return
    begin(connection, "BEGIN IMMEDIATE")
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _INSTALLATION})
    if database.current(connection) is None:
        upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Bring tables, what is derived from the ledger, and the guards to this version's, in one transaction.

    Raises:
        LedgerError: a later version of aims-gates made the tables, or the ledger is damaged.
        IntegrityError: a ledger row does not hold.
    """
    begin(connection, "BEGIN IMMEDIATE")
    before = database.current(connection)
    database.drop(connection)
    database.migrate(connection)
    lock(connection)
    if before is not None and before < _TERMS_SINCE:
        _index_anew(connection)
    live_tables.rebuild(connection, bearing(connection), size(connection))
    database.attach(connection)


def _index_anew(connection: Connection) -> None:
    """What an earlier version listed a row under is not what is asked for now."""
    length = size(connection)
    connection.execute(text("DELETE FROM aims_index"))
    for first in range(0, length, _BATCH):
        bounds = {"begin": first, "end": min(first + _BATCH, length)}
        entries = [
            {"term": term, "position": position}
            for position, body in connection.execute(_SOME, bounds)
            for term in terms(skim(body, f"ledger row {position}")[1])
        ]
        if entries:
            connection.execute(_ENTRY, entries)
