"""Prepared registries on both databases, and processes that act on them and may die."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aims_gates.ledger import merkle
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.table import tree_head
from aims_gates.ledger.verify import Replay, go_through, verify
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.store import gated_store
from tests.support import load

_registry = load("aims_gates_registry_conftest", "mlflow_plugin/conftest.py")
pytest_configure = _registry.pytest_configure
empty_database = _registry.empty_database
no_server_around = _registry.no_server_around


@pytest.fixture(scope="session")
def worlds() -> ModuleType:
    """The builders of tests/mlflow_plugin: ``World``, ``plan``."""
    return _registry


def _problems(connection: Any, replay: Replay | None) -> Sequence[str]:
    if replay is None:
        return verify(connection).problems
    size, root = tree_head(connection)
    go_through(connection, replay, size)
    if (size, root) != (replay.size, merkle.root_of_frontier(replay.frontier)):
        replay.problem("the head", "it is not that of the rows")
    return replay.finish().problems


@dataclass
class Prepared:
    """Two versions of one model, both ready to be promoted.

    Attributes:
        uri: The registry.
        world: The store with the people around it.
        subjects: Digest by version.
    """

    uri: str
    world: Any
    subjects: dict[str, str] = field(default_factory=dict)

    def task(self, **more: Any) -> dict[str, Any]:
        """A task for the worker."""
        known = {name: os.environ[name] for name in ("AIMS_GATES_ARTIFACTS_DESTINATION",) if name in os.environ}
        return {"uri": self.uri, "name": "loan", "environment": known, **more}

    def story(self, replay: Replay | None = None) -> list[str]:
        """What the ledger and the registry disagree on; with a replay, the rows since it was last here are verified."""
        with open_ledger(self.uri) as connection:
            return [*_problems(connection, replay), *reconcile(connection, self.artifacts())]

    def size(self) -> int:
        """How many rows the ledger has."""
        with open_ledger(self.uri) as connection:
            return tree_head(connection)[0]

    def model(self, name: str) -> dict[str, str]:
        """A bound model with two versions that are ready to be promoted; gives their digests."""
        self.world.bind(name)
        numbers = [self.world.model(name, f"{name} {text}", create=text == "one") for text in ("one", "two")]
        return {str(number): self.world.ready(name, number) for number in numbers}

    def artifacts(self) -> Path | None:
        """Where the server of this registry would keep its artifacts."""
        found = os.environ.get("AIMS_GATES_ARTIFACTS_DESTINATION")
        return Path(found) if found else None

    def keys(self) -> dict[str, str]:
        """The private keys of the people, hex; made for this test alone."""
        return {name: key.private.private_bytes_raw().hex() for name, key in self.world.keys.items()}


@pytest.fixture(params=["sqlite", "postgresql"])
def prepared(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Prepared]:
    """The registry, on each database."""
    if request.param == "sqlite":
        (tmp_path / "registry.db").write_bytes(request.getfixturevalue("empty_database"))
        uri = f"aims+sqlite:///{tmp_path / 'registry.db'}"
    else:
        uri = f"aims+{request.getfixturevalue('postgresql_url')}"
        monkeypatch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(tmp_path / "artifacts"))
    store = gated_store(uri)
    world = _registry.World(tmp_path, store)
    world.trust()
    made = Prepared(uri, world)
    made.subjects = made.model("loan")
    yield made
    store._dispose_engine()


class Worker:
    """The process that forks the acts."""

    def __init__(self) -> None:
        script = str(Path(__file__).with_name("worker.py"))
        self.process = subprocess.Popen(
            [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __call__(self, task: Any) -> Any:
        """Do a task (or a list of them at once); gives what came of it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(json.dumps(task) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait(20)
        self.process.stdout.close()


@pytest.fixture(scope="session")
def worker() -> Iterator[Worker]:
    """One for the session: MLflow is imported once."""
    made = Worker()
    yield made
    made.close()
