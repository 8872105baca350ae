"""What folders of tests share besides fixtures: modules by path, warnings let through, a server's settings, a model."""

import sys
import textwrap
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

__all__ = ["let_through", "load", "python_model", "server_settings"]

#: Third parties' own deprecations; ours stay errors.
_WARNINGS = (
    "ignore:The ``noload`` loader strategy",
    "ignore::DeprecationWarning:mlflow.*",
    "ignore::FutureWarning:mlflow.*",
    "ignore:Hint. Inferred schema contains integer column:UserWarning",
    "ignore:unclosed database:ResourceWarning",
    "ignore:.*Any type hint is inferred as AnyType:UserWarning",
    "ignore:.*Add type hints to the `predict` method:UserWarning",
)


def let_through(config: pytest.Config) -> None:
    """Third parties' own deprecations do not fail the tests below; for ``pytest_configure``."""
    for line in _WARNINGS:
        config.addinivalue_line("filterwarnings", line)


def load(name: str, place: str) -> ModuleType:
    """A module of a folder of tests, by its path; once."""
    if name not in sys.modules:
        spec = spec_from_file_location(name, Path(__file__).parent / place)
        assert spec is not None and spec.loader is not None
        sys.modules[name] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return sys.modules[name]


def server_settings(folder: Path, password: str = "an administrator's password") -> dict[str, str]:
    """The environment in which an application of ours is made over the databases in a folder, where people sign in."""
    database, config = f"sqlite:///{folder / 'registry.db'}", folder / "auth.ini"
    config.write_text(f"[mlflow]\ndefault_permission = READ\ndatabase_uri = sqlite:///{folder}/users.db\n")
    return {
        "_MLFLOW_SGI_NAME": "uvicorn",
        "_MLFLOW_SERVER_FILE_STORE": database,
        "_MLFLOW_SERVER_REGISTRY_STORE": f"aims+{database}",
        "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
        "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
        "_MLFLOW_SERVER_ARTIFACT_DESTINATION": str(folder / "artifacts"),
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": password,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only for this test",
    }


def python_model(folder: Path, body: str) -> Path:
    """A pyfunc model from code: what its predict does is ``body``."""
    import mlflow

    code = folder.parent / f"{folder.name}.py"
    code.write_text(
        "import json, os, signal, socket, subprocess, sys, time\nimport mlflow\n\nclass M(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n"
        + textwrap.indent(textwrap.dedent(body), " " * 8)
        + "\nmlflow.models.set_model(M())\n"
    )
    mlflow.pyfunc.save_model(folder, python_model=str(code), pip_requirements=["mlflow"])
    return folder
