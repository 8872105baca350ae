"""The world of tests/registry, under attack: the same store, keys and people."""

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


def load(name: str, place: str) -> ModuleType:
    """A module of another folder of tests, by its path; once."""
    if name not in sys.modules:
        spec = spec_from_file_location(name, Path(__file__).parents[1] / place)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


_registry = load("aims_gates_registry_conftest", "registry/conftest.py")
pytest_configure = _registry.pytest_configure
empty_database = _registry.empty_database
world = _registry.world
tracking = _registry.tracking
no_server_around = _registry.no_server_around


@pytest.fixture(scope="session")
def worlds() -> ModuleType:
    """Its builders: ``World``, ``plan``."""
    return _registry


@pytest.fixture(scope="session")
def shops() -> ModuleType:
    """The builders of tests/shop.py."""
    return load("aims_gates_shop", "shop.py")
