"""What the ledger costs: a governed alias, calls that nobody governs, and going through all of it.

``BENCH_LEDGER_ROWS`` sets how many rows the ledger holds (20,000; the figures to hold are for a million), and
``BENCH_LEDGER_MODELS`` how many registered models they are about. ``BENCH_POSTGRESQL`` names an empty PostgreSQL
database to measure too, e.g. ``postgresql://user@/bench``. A governed call and the stock one it is compared with take
turns, so that a busy machine slows both; costs are CPU seconds, verifying is said in seconds by the clock as well.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count, cycle
from pathlib import Path

from mlflow.entities.model_registry import RegisteredModelTag
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from aims_gates.ledger.attest import attested, write_checkpoint
from aims_gates.ledger.checkpoint import read_checkpoint
from aims_gates.ledger.connect import open_database
from aims_gates.ledger.replay import Verification
from aims_gates.ledger.segments import verify_in_processes
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.store.store import gated_store
from tests.bench.growth import grow
from tests.mlflow_plugin.conftest import World

__all__ = ["Cost", "costs", "lines"]

_TIMES = 60
Act = Callable[[], object]


@dataclass(frozen=True)
class Cost:
    """One measurement.

    Attributes:
        what: Said in words.
        ours, stock: Median CPU seconds of one call; for a verification CPU seconds, and None.
        wanted: The largest ratio, or the largest number of seconds; None where none is asked for.
        clock: Seconds by the clock, of a verification.
    """

    what: str
    ours: float
    stock: float | None
    wanted: float | None
    clock: float | None = None


def _spent(act: Act) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started


def _pair(what: str, wanted: float, ours: Act, stock: Act) -> Cost:
    for _ in range(5):
        ours(), stock()
    taken = [(_spent(ours), _spent(stock)) for _ in range(_TIMES)]
    return Cost(what, *(statistics.median(each) for each in zip(*taken, strict=True)), wanted)


def _timed(what: str, wanted: float | None, act: Act) -> Cost:
    began, cpu = time.perf_counter(), os.times()
    found = act()
    assert not isinstance(found, Verification) or found.ok, found
    spent = [after - before for before, after in zip(cpu[:4], os.times()[:4], strict=True)]
    return Cost(what, sum(spent), None, wanted, time.perf_counter() - began)


@contextmanager
def _grown(folder: Path, uri: str, rows: int) -> Iterator[World]:
    world = World(folder, gated_store(f"aims+{uri}"))
    world.trust()
    world.promoted("loan")
    models = int(os.environ.get("BENCH_LEDGER_MODELS", "60"))
    with world.store.transaction() as transaction:
        grow(transaction.connection, rows, world.key, models=models)
    yield world
    world.store._dispose_engine()


def _calls(world: World, folder: Path, stock: SqlAlchemyStore) -> Iterator[Cost]:
    """Alias writes, and calls on names that no system is bound to."""
    ours, number = world.store, count()
    stores = {"ours": ours, "stock": stock}
    for store in stores.values():
        store.create_registered_model("free")
        for _ in range(2):
            store.create_model_version("free", str(folder))
        store.set_registered_model_alias("free", "candidate", 1)
    versions = cycle((1, 2))

    def each(act: Callable[[SqlAlchemyStore], object]) -> Mapping[str, Act]:
        return {name: (lambda store=store: act(store)) for name, store in stores.items()}

    promote = lambda: ours.set_registered_model_alias("loan", "production", 1)  # noqa: E731
    move = lambda: stock.set_registered_model_alias("free", "challenger", next(versions))  # noqa: E731
    yield _pair("governed alias set of a staged version / stock alias set", 10, promote, move)
    free: Mapping[str, Callable[[SqlAlchemyStore], object]] = {
        "get_registered_model": lambda store: store.get_registered_model("free"),
        "get_model_version": lambda store: store.get_model_version("free", 1),
        "get_model_version_by_alias": lambda store: store.get_model_version_by_alias("free", "candidate"),
        "get_model_version_download_uri": lambda store: store.get_model_version_download_uri("free", 1),
        "search_registered_models": lambda store: store.search_registered_models("name = 'free'"),
        "search_model_versions": lambda store: store.search_model_versions("name = 'free'"),
        "set_registered_model_tag": lambda store: store.set_registered_model_tag(
            "free", RegisteredModelTag("note", str(next(number)))
        ),
        "transition_model_version_stage": lambda store: store.transition_model_version_stage(
            "free", 1, "Staging", False
        ),
        "set_registered_model_alias, open": lambda store: store.set_registered_model_alias(
            "free", "candidate", next(versions)
        ),
    }
    for name, act in free.items():
        yield _pair(f"ungoverned: {name} / stock", 1.05, **each(act))
    registering: Mapping[str, Callable[[SqlAlchemyStore], object]] = {
        "create_registered_model": lambda store: store.create_registered_model(f"new-{next(number)}"),
        "create_model_version": lambda store: store.create_model_version("free", str(folder)),
    }
    for name, act in registering.items():
        yield _pair(f"register: {name} / stock", 1.2, **each(act))


def _verifications(world: World, folder: Path) -> Iterator[Cost]:
    kept, processes = folder / "kept.json", os.cpu_count() or 1
    with open_database(world.uri) as connection:
        sign = lambda: write_checkpoint(connection, kept, world.key("policy"), datetime.now(UTC))  # noqa: E731
        yield _timed("signing the first checkpoint, every statement verified in one process", None, sign)
        checkpoints = [read_checkpoint(kept)]
        spared = attested(checkpoints)
        for said, wanted, rows in (
            ("every statement", None, 0),
            ("bytes and index of all rows, statements after the checkpoint", 60, spared),
        ):
            act = lambda rows=rows: verify_in_processes(connection, checkpoints, processes, attested=rows)  # noqa: E731
            yield _timed(f"verifying the whole ledger in {processes} processes: {said}", wanted, act)
    for _ in range(20):
        world.store.set_registered_model_alias("loan", "production", 1)
    with open_database(world.uri) as connection:
        since = lambda: verify(connection, [], since=checkpoints[0])  # noqa: E731
        yield _timed("verifying what came after a checkpoint (40 rows)", 1, since)


def costs(uri: str | None = None) -> list[Cost]:
    """All measurements on one database.

    Args:
        uri: SQLAlchemy address of an empty database; a new SQLite file when None.
    """
    rows = int(float(os.environ.get("BENCH_LEDGER_ROWS", "20000")))
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as place:
        folder = Path(place)
        if uri is not None:
            os.environ["AIMS_GATES_ARTIFACTS_DESTINATION"] = place
        with _grown(folder, uri or f"sqlite:///{folder}/registry.db", rows) as world:
            stock_uri = f"sqlite:///{folder / 'stock.db'}" if uri is None else _beside(uri)
            found = [*_calls(world, folder, SqlAlchemyStore(stock_uri)), *_verifications(world, folder)]
    return found


def _beside(uri: str) -> str:
    """Another, empty database on the same PostgreSQL server."""
    from sqlalchemy import create_engine, text
    from sqlalchemy.engine import make_url

    url = make_url(uri)
    name = f"{url.database}_stock"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f'DROP DATABASE IF EXISTS "{name}"'))
        connection.execute(text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return url.set(database=name).render_as_string(hide_password=False)


def _held(value: float, wanted: float | None) -> str:
    return "" if wanted is None else f" (wanted <= {wanted:g}: {'met' if value <= wanted else 'NOT met'})"


def lines(found: list[Cost], where: str) -> list[str]:
    """The measurements as text."""
    rows = int(float(os.environ.get("BENCH_LEDGER_ROWS", "20000")))
    said = [f"the ledger on {where}, {rows:,} rows"]
    for each in found:
        if each.stock is None:
            clock = each.clock or 0.0
            said.append(f"  {each.what}: {clock:.1f} s, {each.ours:.1f} s of CPU{_held(clock, each.wanted)}")
        else:
            ratio = each.ours / each.stock
            both = f"{1000 * each.ours:.2f} against {1000 * each.stock:.2f} ms"
            said.append(f"  {each.what}: {ratio:.2f} times, {both}{_held(ratio, each.wanted)}")
    return said
