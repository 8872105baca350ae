"""MLflow imported without what nothing asks for: what is put off is there when it is used."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from aims_gates.mlflow_plugin.client import light_import
from aims_gates.mlflow_plugin.client.predict_worker import _import_mlflow

#: As in the command line's process: what is not there, then what is when it is asked for.
SCRIPT = """
import importlib.util, sys
from aims_gates.mlflow_plugin.client.light_import import import_lightly
import_lightly()
import mlflow
there = {"polars", "pyspark", "fastapi", "mlflow.genai.judges"} & set(sys.modules)
assert not there, there
from mlflow.genai.scorers import Guidelines
from mlflow.genai import evaluate
assert mlflow.genai.make_judge and "evaluate" in dir(mlflow.genai)
assert mlflow.gateway.get_gateway_uri and "fastapi" in sys.modules
assert importlib.util.find_spec("polars") and importlib.util.find_spec("pyspark")
"""


def test_what_mlflow_puts_off_is_there_when_it_is_used() -> None:
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that is put off; its code."""
    folder = tmp_path / "put_off_here"
    folder.mkdir()
    code = folder / "__init__.py"
    code.write_text("from put_off_here import part\nanswer = 42\n", "utf-8")
    (folder / "part.py").write_text("", "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(light_import, "_LATER", ("put_off_here",))
    monkeypatch.setattr(sys, "meta_path", [light_import._Finder(), *sys.meta_path])
    yield code
    for name in ("put_off_here", "put_off_here.part"):
        sys.modules.pop(name, None)


def test_a_package_that_is_put_off_runs_once_when_an_attribute_is_asked_for(package: Path) -> None:
    module = importlib.import_module("put_off_here")
    assert "put_off_here.part" not in sys.modules
    assert module.answer == 42
    assert "put_off_here.part" in sys.modules
    with pytest.raises(AttributeError, match="no attribute 'question'"):
        assert module.question


def test_a_package_that_fails_says_so_at_each_use_until_it_does_not(package: Path) -> None:
    code = package.read_text("utf-8")
    package.write_text("raise ImportError('not yet')\n", "utf-8")
    module = importlib.import_module("put_off_here")
    for _ in range(2):
        with pytest.raises(ImportError, match="not yet"):
            assert module.answer
    package.write_text(f"{code}later = True\n", "utf-8")
    assert module.later
    assert module.answer == 42


def test_what_is_passed_over_is_there_again_afterwards() -> None:
    name = light_import._PASSED_OVER[0]
    with light_import.lighter():
        finder = sys.meta_path[0]
        assert isinstance(finder, light_import._Finder)
        with pytest.raises(ModuleNotFoundError, match=name):
            finder.find_spec(name)
    assert finder.find_spec(name) is None
    sys.meta_path.remove(finder)  # type: ignore[arg-type]


@pytest.mark.parametrize(("flavor", "light"), [("sklearn", True), ("Spark", False)])
def test_a_model_of_spark_gets_mlflow_as_it_is(tmp_path: Path, flavor: str, light: bool) -> None:
    (tmp_path / "light_import.py").write_text("raise RuntimeError('light')", "utf-8")
    (tmp_path / "MLmodel").write_text(f"flavors:\n  {flavor}: {{}}\n", "utf-8")
    if light:
        with pytest.raises(RuntimeError, match="light"):
            _import_mlflow(tmp_path, tmp_path)
    else:
        _import_mlflow(tmp_path, tmp_path)
