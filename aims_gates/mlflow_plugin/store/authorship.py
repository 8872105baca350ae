"""Who made what, by the server's own record: a table beside MLflow's, written in the same transaction as the act.

A row is written when a run or a logged model is inserted, on the connection that inserts it, and when somebody writes
files under a run's or model's folder. The name is the authenticated user's; ``person`` is the human behind
it: the same, or whom a service's token names, or nobody. Tags and ``mlflow.user`` are never read.
"""

# mypy: allow-untyped-calls

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import sqlalchemy
from sqlalchemy import Column, Connection, Engine, MetaData, String, Table, event
from sqlalchemy.exc import IntegrityError, OperationalError, ProgrammingError

from aims_gates.mlflow_plugin.store.identity import principal

__all__ = ["install", "made_by", "makers", "record", "recording", "table", "uninstall", "wrote"]

table = Table(
    "aims_creators",
    MetaData(),
    Column("kind", String(16), primary_key=True),
    Column("id", String(64), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("person", String(255), primary_key=True),  # empty: nobody
    Column("via", String(32), nullable=False),
    Column("at", String(40), nullable=False),
)

# Where a folder belongs to a run or a logged model: MLflow lays out <experiment>/<run>/artifacts and
# <experiment>/models/<model>/artifacts, and addresses them by id as well.
_MODEL = re.compile(r"(?<![0-9A-Za-z_-])(m-[0-9a-f]{32})(?![0-9a-f])")
_RUN = re.compile(r"(?:^|/)([0-9a-f]{32})(?=/artifacts(?:/|$))|^runs:/+([0-9a-f]{32})(?=/|$)")

_ENGINE: Engine | None = None
#: What this process knows to be on record, so that a folder's thousandth file asks no database.
_SEEN: set[tuple[str, str, str]] = set()


def install(engine: Engine) -> None:
    """Make the table where it is missing, and record from now on. Several workers may do so at once."""
    global _ENGINE
    try:
        table.create(engine, checkfirst=True)
    except (IntegrityError, OperationalError, ProgrammingError):
        if not sqlalchemy.inspect(engine).has_table(table.name):
            raise
    from mlflow.store.tracking.dbmodels.models import SqlLoggedModel, SqlRun

    _ENGINE = engine
    for shape, listener in ((SqlRun, _run_inserted), (SqlLoggedModel, _model_inserted)):
        if not event.contains(shape, "after_insert", listener):
            event.listen(shape, "after_insert", listener)


def recording() -> bool:
    """Whether this process keeps the record."""
    return _ENGINE is not None


def uninstall() -> None:
    """Know of no record any more (the listeners stay, and do nothing)."""
    global _ENGINE
    _ENGINE = None
    _SEEN.clear()


def _run_inserted(mapper: Any, connection: Connection, run: Any) -> None:
    if _ENGINE is not None:
        record(connection, "run", str(run.run_uuid))


def _model_inserted(mapper: Any, connection: Connection, model: Any) -> None:
    if _ENGINE is not None:
        record(connection, "model", str(model.model_id))


def record(connection: Connection, kind: str, id: str) -> None:
    """Record the caller of this request as one who made something; outside a request nobody is recorded."""
    who = principal()
    if who is None:
        return
    key = {"kind": kind, "id": id, "name": who.name[:255], "person": (who.human or "")[:255]}
    known = sqlalchemy.select(table.c.at).where(*(table.c[name] == value for name, value in key.items()))
    if connection.execute(known).first() is None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        connection.execute(table.insert().values(**key, via=who.via, at=at))


def made_by(address: str) -> set[tuple[str, str]]:
    """The runs and logged models that an address or path names, as (kind, id)."""
    findall = {("model", item) for item in _MODEL.findall(address)}
    return findall | {("run", first or second) for first, second in _RUN.findall(address)}


def wrote(path: str) -> None:
    """Record the caller as one who wrote under this path, before the first byte is written."""
    who = principal()
    if who is None or _ENGINE is None:
        return
    for kind, id in made_by(path):
        origin = (kind, id, f"{who.name} for {who.human}")
        if origin not in _SEEN:
            _written(_ENGINE, kind, id)
            _SEEN.add(origin)


def _written(engine: Engine, kind: str, id: str) -> None:
    try:
        with engine.begin() as connection:
            record(connection, kind, id)
    except IntegrityError:
        with engine.begin() as connection:  # another worker recorded the same at the same time: found now
            record(connection, kind, id)


def makers(places: Iterable[str]) -> tuple[str, ...] | None:
    """The people who made what these addresses name.

    Args:
        places: A version's source, its run (``runs:/ID``) and where the bytes are, in any form.

    Returns:
        None where this process keeps no record (embedded use). Nobody, an empty tuple, where anything named has no
        record, or was made by a service that names no human: who made it is then not known.
    """
    if _ENGINE is None:
        return None
    origins = {origin for place in places for origin in made_by(place)}
    people: set[str] = set()
    with _ENGINE.connect() as connection:
        for kind, id in origins | _runs_of(connection, origins):
            scalars = connection.execute(
                sqlalchemy.select(table.c.person).where(table.c.kind == kind, table.c.id == id)
            ).scalars()
            names = list(scalars)
            if not names or "" in names:
                return ()
            people.update(str(name) for name in names)
    return tuple(sorted(people))


def _runs_of(connection: Connection, origins: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """The runs that these logged models say they came from."""
    from mlflow.store.tracking.dbmodels.models import SqlLoggedModel

    ids = [id for kind, id in origins if kind == "model"]
    query: Any = sqlalchemy.select(SqlLoggedModel.source_run_id).where(SqlLoggedModel.model_id.in_(ids))
    return {("run", str(run)) for run in connection.execute(query).scalars() if run}
