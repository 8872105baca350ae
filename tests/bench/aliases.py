"""What a governed alias costs: setting it again for an approved, staged version, against a stock store."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from aims_gates.registry.store import gated_store
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


def costs() -> tuple[float, float]:
    """Median CPU seconds of one alias write: governed, stock."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        world = World(folder, gated_store(f"aims+sqlite:///{folder / 'registry.db'}"))
        world.trust()
        version = world.promoted("loan")
        governed = _median(lambda: world.store.set_registered_model_alias("loan", "production", version))
        stock = SqlAlchemyStore(f"sqlite:///{folder / 'stock.db'}")
        stock.create_registered_model("loan")
        stock.create_model_version("loan", str(folder))
        plain = _median(lambda: stock.set_registered_model_alias("loan", "production", 1))
    return governed, plain
