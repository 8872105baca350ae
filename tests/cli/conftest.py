"""Commands run in this process, in a temporary folder, with nobody's settings around."""

import os
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from aims_gates.cli import main

SETTINGS = ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "AIMS_GATES_KEY", "AIMS_GATES_SYSTEM")


def pytest_configure(config: pytest.Config) -> None:
    """Third parties' own deprecations; ours stay errors."""
    for line in (
        "ignore:The ``noload`` loader strategy",
        "ignore::DeprecationWarning:mlflow.*",
        "ignore::FutureWarning:mlflow.*",
        "ignore:Hint. Inferred schema contains integer column:UserWarning",
        "ignore:unclosed database:ResourceWarning",
        "ignore:.*Any type hint is inferred as AnyType:UserWarning",
        "ignore:.*Add type hints to the `predict` method:UserWarning",
    ):
        config.addinivalue_line("filterwarnings", line)


def shop_module() -> ModuleType:
    """tests/shop.py, once for all folders of tests."""
    name, path = "aims_gates_shop", Path(__file__).parents[1] / "shop.py"
    if name not in sys.modules:
        spec = spec_from_file_location(name, path)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


class Said:
    """What a command said: exit code, standard output, standard error."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


Command = Callable[..., Said]


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, and no settings in the environment."""
    for name in (*SETTINGS, *(each for each in os.environ if each.startswith("_MLFLOW_SERVER"))):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Command:
    """Runs a command line in this process."""

    def run(*arguments: str) -> Said:
        capsys.readouterr()
        code = main(arguments)
        found = capsys.readouterr()
        return Said(code, found.out, found.err)

    return run


@pytest.fixture(scope="session")
def shops() -> ModuleType:
    """The builders of tests/shop.py."""
    return shop_module()


@pytest.fixture(scope="module")
def shop_folder(shops: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A shop for the tests of a module."""
    import mlflow

    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    folder = tmp_path_factory.mktemp("shop")
    shops.open_shop(folder)
    yield folder
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])
