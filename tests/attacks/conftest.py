"""The world of tests/mlflow_plugin, under attack: the same store, keys and people."""

from collections.abc import Iterator
from types import ModuleType

import pytest

from tests.attacks.target import served
from tests.attacks.target import target as target
from tests.support import load

_registry = load("aims_gates_registry_conftest", "mlflow_plugin/conftest.py")
pytest_configure = _registry.pytest_configure
empty_database = _registry.empty_database
world = _registry.world
tracking = _registry.tracking
no_server_around = _registry.no_server_around


@pytest.fixture(autouse=True)
def where_it_serves(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_server_around: None
) -> Iterator[None]:
    """On the server's machine, for a test that has the server; not for other folders' tests after it."""
    if "target" in request.fixturenames:
        with served(request.getfixturevalue("target").folder, monkeypatch):
            yield
    else:
        yield


@pytest.fixture(scope="session")
def worlds() -> ModuleType:
    """Its builders: ``World``, ``plan``."""
    return _registry
