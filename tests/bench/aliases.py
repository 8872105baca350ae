"""What a governed alias costs: setting it again for an approved, staged version, against a stock store that moves one.

``BENCH_ROWS`` sets how many rows the ledger holds besides (20,000; the figure to hold is for a million).
``BENCH_POSTGRESQL`` names an empty PostgreSQL database to measure too, e.g. ``postgresql://user@/bench``.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import cycle
from pathlib import Path

from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from aims_gates.registry.store import gated_store
from tests.bench.growth import grow
from tests.registry.conftest import World

__all__ = ["costs"]

_TIMES = 40


def _median(act: Callable[[], None]) -> float:
    spent = []
    for _ in range(_TIMES):
        started = time.process_time()
        act()
        spent.append(time.process_time() - started)
    return statistics.median(spent)


def costs(uri: str | None = None) -> tuple[float, float]:
    """Median CPU seconds of one alias write: governed, stock.

    Args:
        uri: SQLAlchemy address of an empty database; a new SQLite file when None.
    """
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        if uri is not None:
            os.environ["AIMS_GATES_ARTIFACTS_DESTINATION"] = place
        world = World(folder, gated_store(f"aims+{uri or f'sqlite:///{folder}/registry.db'}"))
        world.trust()
        version = world.promoted("loan")
        with world.store.transaction() as transaction:
            grow(transaction.connection, int(os.environ.get("BENCH_ROWS", "20000")), world.key)
        governed = _median(lambda: world.store.set_registered_model_alias("loan", "production", version))
        stock = SqlAlchemyStore(uri or f"sqlite:///{folder / 'stock.db'}")
        stock.create_registered_model("stock")
        versions = cycle([int(stock.create_model_version("stock", str(folder)).version) for _ in range(2)])
        plain = _median(lambda: stock.set_registered_model_alias("stock", "candidate", next(versions)))
    return governed, plain
