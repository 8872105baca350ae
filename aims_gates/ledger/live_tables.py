"""What the database's triggers look at, made from the ledger row by row: the grants that stand, and the kind of names.

``aims_grants_live`` holds for each alias the grant that stands (whatever its own end: the trigger compares the date),
and ``aims_names`` what a name was created as, the binding (or the word that let it go) that was not revoked, and if
it is governed: a system was once bound to it or a grant adopted for it, and no policy owner let it go since. The two
rows without a workspace are open mode's, for models and for prompts. Both follow each append in its transaction;
:func:`rebuild` makes them from the whole ledger, and :func:`differences` compares.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

from sqlalchemy import Connection, TextClause, create_engine, text

from aims_gates.attestation.statements.people import Halt, Revocation
from aims_gates.attestation.statements.policy import Binding, Freed, OpenMode
from aims_gates.attestation.statements.registry import Creation, Grant, Transition
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row
from aims_gates.database import migrate

__all__ = ["LIVE_TYPES", "differences", "follow", "rebuild"]

#: The statements that change what stands.
LIVE_TYPES = frozenset(map(type_of, (Binding, Creation, Freed, Grant, Halt, OpenMode, Revocation, Transition)))
_LIVE = ("workspace", "name", "alias", "version", "location", "expires", "statement", "adoption", "position")
_NAMES = ("workspace", "name", "kind", "binding", "governed", "position")
_INSERT = text(
    f"INSERT INTO aims_grants_live ({', '.join(_LIVE)}) VALUES ({', '.join(f':{column}' for column in _LIVE)})"
)
_NAME = f"INSERT INTO aims_names ({', '.join(_NAMES)}) VALUES ({', '.join(f':{column}' for column in _NAMES)})"
#: Open mode's rows, by what a statement is about: all kinds, or prompts alone.
_OPEN_MODE = {"": ("", "prompt"), "prompt": ("prompt",)}
#: A binding that was revoked leaves the name governed; that it was let go, revoked, makes it so again.
_TAKEN_BACK = text(
    "UPDATE aims_names SET binding = NULL, governed = CASE WHEN workspace = '' THEN 0 ELSE 1 END, position = :position "
    "WHERE binding = :digest"
)
_OF_NAME = "DELETE FROM aims_grants_live WHERE workspace = :workspace AND name = :name"


@cache
def _text(sql: str) -> TextClause:
    """A statement read once: SQLAlchemy looks for its parameters each time otherwise."""
    return text(sql)


def follow(connection: Connection, row: Row, revoked: Iterable[str]) -> None:
    """Apply a row that is being appended; the head still says the size before it.

    Args:
        connection: In the transaction that appends.
        row: What is appended; of :data:`LIVE_TYPES`.
        revoked: Digests of the statements that were revoked before it.
    """
    predicate = row.predicate
    if isinstance(predicate, Revocation):
        _take_back(connection, row)
    elif isinstance(predicate, OpenMode):
        _open_mode(connection, row, revoked)
    elif isinstance(predicate, Creation | Binding | Freed):
        _name(connection, row, revoked)
    elif isinstance(predicate, Halt):
        connection.execute(_text(_OF_NAME), _place(row))
    elif isinstance(predicate, Transition):
        _move(connection, row)
    else:
        _grant(connection, row, revoked)


def _place(row: Row) -> dict[str, str]:
    return {"workspace": row.predicate.workspace, "name": row.predicate.name}


def _take_back(connection: Connection, row: Row) -> None:
    target = {"digest": row.predicate.statement, "position": row.position}
    connection.execute(text("DELETE FROM aims_grants_live WHERE :digest IN (statement, adoption)"), target)
    connection.execute(_TAKEN_BACK, target)


def _open_mode(connection: Connection, row: Row, revoked: Iterable[str]) -> None:
    binding = row.digest if row.predicate.on and row.digest not in revoked else None
    for kind in _OPEN_MODE[row.predicate.scope]:
        _set_name(connection, {"workspace": "", "name": kind}, row.position, kind="open mode", binding=binding)


def _name(connection: Connection, row: Row, revoked: Iterable[str]) -> None:
    """A name is created, bound or let go; created or let go, it has no grants."""
    predicate, counts = row.predicate, row.digest not in revoked
    if isinstance(predicate, Creation | Freed):
        connection.execute(_text(_OF_NAME), _place(row))
    if isinstance(predicate, Creation):
        values: dict[str, str | int | None] = {"kind": predicate.kind}
    else:
        governed = isinstance(predicate, Binding) or not counts
        values = {"binding": row.digest if counts else None, "governed": int(governed)}
    _set_name(connection, _place(row), row.position, **values)


def _move(connection: Connection, row: Row) -> None:
    """An alias was taken away; where none is named, a version's or all of the name."""
    alias, version = row.predicate.alias, row.predicate.version
    if alias is not None:
        connection.execute(_text(f"{_OF_NAME} AND alias = :alias"), {**_place(row), "alias": alias})
    elif version is not None:
        connection.execute(_text(f"{_OF_NAME} AND version = :version"), {**_place(row), "version": version})
    else:
        connection.execute(_text(_OF_NAME), _place(row))


def _grant(connection: Connection, row: Row, revoked: Iterable[str]) -> None:
    entry = _entry(row)
    connection.execute(_text(f"{_OF_NAME} AND alias = :alias"), {**_place(row), "alias": row.predicate.alias})
    if not revoked_by(entry, revoked):
        connection.execute(_INSERT, entry)
    if entry["adoption"]:  # all others are of a name that is bound
        _set_name(connection, _place(row), row.position, governed=1)


def revoked_by(entry: dict[str, Any], revoked: Iterable[str]) -> bool:
    """Whether a grant, or the adoption it came from, was revoked before."""
    return bool({entry["statement"], entry["adoption"]} & set(revoked))


def _entry(row: Row) -> dict[str, Any]:
    predicate = row.predicate
    return {
        "workspace": predicate.workspace,
        "name": predicate.name,
        "alias": predicate.alias,
        "version": predicate.version,
        "location": predicate.location,
        "expires": predicate.expires,
        "statement": row.digest,
        "adoption": predicate.request if predicate.transition == "adopted" else None,
        "position": row.position,
    }


def _set_name(connection: Connection, place: dict[str, str], position: int, **values: str | int | None) -> None:
    """Set what is known of a name; one that nobody created counts as a model, which is the stricter."""
    known = {**place, "position": position, **values}
    changed = ", ".join(f"{column} = :{column}" for column in (*values, "position"))
    query = _text(f"{_NAME} ON CONFLICT (workspace, name) DO UPDATE SET {changed}")
    connection.execute(query, {"kind": "model", "binding": None, "governed": 0, **known})


def rebuild(connection: Connection, rows: Iterable[Row], size: int) -> None:
    """Make both tables anew, where the guards are not in place.

    Args:
        connection: In a transaction that holds the lock.
        rows: Every row of :data:`LIVE_TYPES`, in order.
        size: The ledger's size.
    """
    for table in ("aims_grants_live", "aims_names"):
        connection.execute(text(f"DELETE FROM {table}"))
    revoked: set[str] = set()
    for row in rows:
        follow(connection, row, revoked)
        if isinstance(row.predicate, Revocation):
            revoked.add(row.predicate.statement)
    connection.execute(text("UPDATE aims_head SET follows = :size WHERE id = 1"), {"size": size})


def differences(connection: Connection, rows: Iterable[Row], size: int) -> list[str]:
    """In what both tables differ from the ledger, one sentence each.

    Args:
        connection: To read them.
        rows, size: As for :func:`rebuild`.
    """
    engine = create_engine("sqlite://")
    with engine.connect() as other:
        migrate(other)
        rebuild(other, rows, size)
        problems = []
        for table, columns in (("aims_grants_live", _LIVE), ("aims_names", _NAMES)):
            query = text(f"SELECT {', '.join(columns)} FROM {table}")
            there, terms = ({tuple(row) for row in side.execute(query)} for side in (connection, other))
            for row in sorted(there ^ terms, key=repr):
                how = "holds" if row in there else "does not hold"
                problems.append(
                    f"{row[1]}: {table} {how} {' '.join(str(cell) for cell in row[2:4])}, unlike the ledger"
                )
    engine.dispose()
    return problems
