"""The other process, in which a model runs.

Loading a model runs code that its author wrote, so this process never does it. The other process
gets the model's folder and the columns it asks for, never the labels, and none of this process's
environment (no credentials), and is kept apart as :mod:`aims_gates.mlflow_plugin.client.isolation` says. It
hands back predictions alone, through a pipe.
"""

# mypy: allow-untyped-calls

import json
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.errors import AimsGatesError, InputError
from aims_gates.mlflow_plugin.client import light_import
from aims_gates.mlflow_plugin.client.answers import most_bytes, read_answer
from aims_gates.mlflow_plugin.client.failures import failed
from aims_gates.mlflow_plugin.client.isolation import HOME, JOB, MODEL, Isolation, bwrap_command
from aims_gates.mlflow_plugin.client.running import run_kept

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FEATURES", "ModelProcess"]

#: The name of the rows as they are, beside those of perturbed copies.
FEATURES = "features"
_SCRIPTS = {
    "worker.py": Path(__file__).with_name("predict_worker.py"),
    "light_import.py": Path(str(light_import.__file__)),
}
#: What a process needs to run at all; everything else (credentials, proxies, tokens) stays here.
_KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "LC_CTYPE",
    "TZ",
    "LD_LIBRARY_PATH",
    "DYLD_LIBRARY_PATH",
    "OMP_NUM_THREADS",
    # Which kernels linear algebra takes: other ones differ in the last digit.
    "OPENBLAS_CORETYPE",
    "OPENBLAS_L2_SIZE",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "MKL_CBWR",
    "SYSTEMROOT",
)


def _environment(home: str) -> dict[str, str]:
    """All that the model's process has of an environment; caches and settings of libraries go to its own home."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{home}/t.db",
    }
    own = {"HOME": home, "TMPDIR": home, "USER": "model", "LOGNAME": "model", "PYTHONHASHSEED": "0"}
    return {**environment, **quiet, **own}


@dataclass
class ModelProcess:
    """The other process, started for each question.

    ``report`` is what it said, believed for display only, and ``answer`` the last message that it sent.
    """

    model: Path
    place: Path
    positive: Any
    timeout: float
    isolation: Isolation
    prediction: tuple[str, ...] = ()
    report: dict[str, Any] = field(default_factory=dict)
    answer: bytes = b""

    def ask(self, parts: "Mapping[str, pa.Table]") -> "dict[str, pa.Table | None]":
        """Name -> what the model says of these features; None where it fails on perturbed ones.

        Raises:
            InputError: the model failed, took too long, or gave no usable predictions.
            IntegrityError: what it started goes on.
        """
        files = {name: name if name == FEATURES else f"part{number}" for number, name in enumerate(parts)}
        rows = {files[name]: features.num_rows for name, features in parts.items()}
        job, home = self._prepare({files[name]: features for name, features in parts.items()})
        try:
            answer = self._run(job, home, most_bytes(sum(rows.values())))
            report, tables = read_answer(answer, rows, str(self.model))
        except AimsGatesError as error:
            error.where = error.where or str(self.model)
            raise
        finally:
            shutil.rmtree(home, ignore_errors=True)
        if FEATURES in rows and FEATURES not in tables:
            remedy = "The model must return one value for each row."
            raise InputError("the model left no predictions", where=str(self.model), remedy=remedy)
        self.report |= report
        self.answer = answer
        return {name: tables.get(file) for name, file in files.items()}

    def _prepare(self, parts: "Mapping[str, pa.Table]") -> tuple[Path, Path]:
        """The folder with its input, made anew, and an empty home."""
        job, home = self.place / "job", self.place / "home"
        shutil.rmtree(job, ignore_errors=True)
        for folder in (job, home):
            folder.mkdir()
        for name, features in parts.items():
            _write(features, job / f"{name}.parquet")
        for name, script in _SCRIPTS.items():
            shutil.copyfile(script, job / name)
        known = None if self.positive is None else str(self.positive)
        model = MODEL if self.isolation.kind == "bwrap" else str(self.model.absolute())
        names = list(self.prediction)
        description = {"model": model, "positive": known, "prediction": names, "parts": list(parts)}
        may_fail = [name for name in parts if name != FEATURES]
        (job / "job.json").write_text(json.dumps({**description, "may_fail": may_fail}), "utf-8")
        return job, home

    def _run(self, job: Path, home: Path, most: int) -> bytes:
        """Run the worker; what it sent."""
        apart = self.isolation.kind == "bwrap"
        inside, environment = (JOB, _environment(HOME)) if apart else (str(job), _environment(str(home)))
        nothing: AbstractContextManager[tuple[list[str], tuple[int, ...]]] = nullcontext(([], ()))
        with bwrap_command(self.model, job) if apart else nothing as (before, inherits):

            def command(answer: int) -> list[str]:
                # -I: no user site, no PYTHON* variables, no current directory; -B: nothing is written beside the code.
                return [*before, sys.executable, "-I", "-B", f"{inside}/worker.py", inside, str(answer)]

            ran = run_kept(command, home, environment, self.timeout, most, inherits)
        if ran.code != 0:
            raise failed(ran.code, ran.printed, self.model)
        return ran.answer


def _write(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path)
