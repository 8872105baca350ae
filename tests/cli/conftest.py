"""Commands run in this process, in a temporary folder, with nobody's settings around."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from aims_gates.cli import main
from tests.support import let_through, load

pytest_configure = let_through

SETTINGS = ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "AIMS_GATES_KEY", "AIMS_GATES_SYSTEM")


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
    return load("aims_gates_shop", "shop.py")


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


def trusted_example(
    folder: Path, people: Mapping[str, tuple[str, str]], options: Mapping[str, tuple[str, ...]] | None = None
) -> Path:
    """The worked example's files, a policy owner's key, and people on the trust list.

    Args:
        folder: Where.
        people: Name of the key -> who holds it, and in which role.
        options: Name of the key -> more options of ``keys trust``.
    """
    patch = pytest.MonkeyPatch()
    patch.chdir(folder)
    for name in SETTINGS:
        patch.delenv(name, raising=False)
    policy = ("--key", "policy.key")
    try:
        assert main(["init", "--example", "credit-scoring", "--no-start", "."]) == 0
        for name in ("policy", *people):
            assert main(["keys", "new", f"{name}.key"]) == 0
        assert main(["keys", "trust", "policy.pub", "--person", "p", "--role", "policy", "--first", *policy]) == 0
        for name, (person, role) in people.items():
            words = ("keys", "trust", f"{name}.pub", "--person", person, "--role", role)
            assert main([*words, *(options or {}).get(name, ()), *policy]) == 0
    finally:
        patch.undo()
    return folder
