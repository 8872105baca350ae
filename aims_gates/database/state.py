"""Whether a database is guarded: never yet, now, or no longer by a signed decision."""

from typing import Literal, cast

from sqlalchemy import Connection, inspect, text

from aims_gates.database.guards import OURS, faults
from aims_gates.database.migrate import HEAD, current
from aims_gates.errors import LedgerError

__all__ = ["State", "mark", "need_guarded", "problems", "state"]

State = Literal["new", "attached", "detached"]
_UPGRADE = "Take a backup, then run: aims-gates db upgrade"


def state(connection: Connection) -> State:
    """What the ledger's head says; ``new`` for tables of before there were guards.

    A head that says nothing was guarded once: :func:`problems` tells what is wrong.
    """
    if current(connection) in (None, "0000", "0001"):
        return "new"
    if not inspect(connection).has_table("aims_head"):
        return "attached"
    return cast(State, connection.execute(text("SELECT guard FROM aims_head WHERE id = 1")).scalar() or "attached")


def mark(connection: Connection, now: State) -> None:
    """Write it down."""
    connection.execute(text("UPDATE aims_head SET guard = :guard WHERE id = 1"), {"guard": now})


def problems(connection: Connection) -> list[str]:
    """Why the database is not the one a gated store may work on; empty when it is."""
    revision = current(connection)
    if revision is None:
        return ["it holds no tables of aims-gates"]
    if revision != HEAD:
        return [f"its tables are those of migration {revision}; this version of aims-gates needs {HEAD}"]
    gone = sorted(OURS - set(inspect(connection).get_table_names()))
    if gone:
        return [f"its table {table} is gone" for table in gone]
    now = state(connection)
    if now == "detached":
        return ["it was detached: stock MLflow may write it"]
    return faults(connection) + (["the registry's tables were never guarded"] if now == "new" else [])


def need_guarded(connection: Connection, where: str) -> None:
    """Refuse to work on a database whose guards are not in place.

    Raises:
        LedgerError: they are not, or its tables are those of another version.
    """
    drift = problems(connection)
    if drift:
        more = f" (and {len(drift) - 1} more)" if len(drift) > 1 else ""
        raise LedgerError(f"the registry is not guarded: {drift[0]}{more}", where=where, remedy=_UPGRADE)
