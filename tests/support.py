"""What folders of tests share besides fixtures: modules, warnings let through, servers, models, small probes."""

import os
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

__all__ = [
    "Printed",
    "assert_error",
    "await_health",
    "command_line",
    "counted_queries",
    "file_size_limit",
    "let_through",
    "load",
    "note_rates",
    "python_model",
    "repeating",
    "server_settings",
    "stopped_at_the_end",
]

#: Exit code, output, errors.
Printed = tuple[int, str, str]

#: Read once: fixtures take such variables away.
_ERROR_RATES = os.environ.get("AIMS_GATES_ERROR_RATES")
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


def command_line(capture: pytest.CaptureFixture[str]) -> Callable[..., Printed]:
    """Runs command lines of ours in this process: exit code, output, errors."""
    from aims_gates.cli import main

    def run(*arguments: str) -> Printed:
        capture.readouterr()
        code = main(arguments)
        output = capture.readouterr()
        return code, output.out, output.err

    return run


def await_health(address: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until a server answers; the test fails with the end of its log where it does not."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health", timeout=5):
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"the server did not start: {log.read_text()[-3000:]}")


@contextmanager
def stopped_at_the_end(process: "subprocess.Popen[bytes]") -> Iterator[None]:
    """Ends the process group of a server with the block."""
    try:
        yield
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


@contextmanager
def file_size_limit(size: int) -> Iterator[None]:
    """The kernel refuses to write past this size, as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def repeating(probe: Callable[[], object], pause: float) -> Iterator[None]:
    """Runs a probe again and again in a thread, with a pause (in seconds) after each, until the block ends."""
    over = threading.Event()

    def probe_on() -> None:
        while not over.is_set():
            probe()
            over.wait(pause)

    thread = threading.Thread(target=probe_on)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def counted_queries(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A list that takes the SQL of every query of a data set from here on."""
    from aims_gates import Dataset

    statements: list[str] = []
    query = Dataset.query

    def counted(self: Dataset, sql: str, parameters: Any = ()) -> Any:
        statements.append(sql)
        return query(self, sql, parameters)

    monkeypatch.setattr(Dataset, "query", counted)
    return statements


def assert_error(findings: Sequence[Any], words: str) -> None:
    """The last finding of a gate says in these words what is wrong, and what to do."""
    from aims_gates.evaluation.run_gate import outcome_of

    assert outcome_of(tuple(findings)) == "error"
    assert words in str(findings[-1].note)
    assert findings[-1].remedy


def note_rates(passes: float, fails: float, draws: int) -> None:
    """Write how often a simulation's verdict was wrong to the file that AIMS_GATES_ERROR_RATES names, if it does."""
    if _ERROR_RATES:
        test = os.environ["PYTEST_CURRENT_TEST"].split("::")[-1].removesuffix(" (call)")
        with Path(_ERROR_RATES).open("a") as table:
            table.write(f"| {test} | {draws:,} | {passes / draws:.2%} | {fails / draws:.2%} |\n")
