"""Run a model over an evaluation set in a process of its own, and write the prediction table.

Loading a model runs code that its author wrote, so this process never does it. The other process
gets the model's folder and the columns it asks for, never the labels, and none of this process's
environment (no credentials), and is kept apart as :mod:`aims_gates.mlflow_plugin.client.isolation` says. It
hands back predictions alone, through a pipe; the tables are written here, once it and everything
that it started is gone, with the other columns from the evaluation file.
"""

# mypy: allow-untyped-calls

import hashlib
import io
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.data import Dataset
from aims_gates.documents.canonical import digest_file, folder_digest
from aims_gates.documents.files import replacing
from aims_gates.errors import AimsGatesError, DataError, InputError, IntegrityError
from aims_gates.mlflow_plugin.client.answers import PREDICTION, SCORE, most_bytes, read_answer
from aims_gates.mlflow_plugin.client.isolation import HOME, JOB, MODEL, Isolation, bwrap_command, choose
from aims_gates.mlflow_plugin.client.perturb import Perturbations, copies, run_search, sample
from aims_gates.mlflow_plugin.client.running import run_kept

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ATTACKS",
    "PERTURBATION",
    "PERTURBED",
    "PREDICTION",
    "ROW",
    "SCORE",
    "TABLES",
    "TABLE_ROLES",
    "PredictionTable",
    "model_columns",
    "predict_table",
    "table_path",
]

#: Columns that tables of perturbed rows have besides: which row of the evaluation set, and how it was perturbed.
ROW = "row"
PERTURBATION = "perturbation"
#: Roles of the further tables.
PERTURBED = "perturbed"
ATTACKS = "attacks"
TABLES = (PERTURBED, ATTACKS)
#: Column roles in them, each a column of that name.
TABLE_ROLES = (PERTURBATION, "attack_class", "prompt", "succeeded")

_FEATURES = "features"
_WORKER = Path(__file__).with_name("predict_worker.py")
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
    "SYSTEMROOT",
)
_SAID = 2_000


_NO_ISOLATION = Isolation("none")


@dataclass(frozen=True)
class PredictionTable:
    """A prediction table that was written.

    Attributes:
        path: The Parquet file: all columns of the evaluation set, ``prediction``, maybe ``score``.
        subject: Digest of the model's folder, the same before and after the run.
        data: Digest of the evaluation set, the same before and after the run.
        output: Digest of the file at ``path``.
        rows: Number of rows.
        score: Whether the model gives a probability of the positive class.
        positive: The class that ``score`` is the probability of, as text; None without a score.
        tables: Role -> path and digest of further tables: ``perturbed``, and ``attacks`` where there was a search.
        isolation: How the model's process was kept apart.
    """

    path: Path
    subject: str
    data: str
    output: str
    rows: int
    score: bool
    positive: str | None
    tables: Mapping[str, tuple[Path, str]] = field(default_factory=dict)
    isolation: Isolation = _NO_ISOLATION

    def unchanged(self) -> None:
        """Look again that the tables are the bytes that were written.

        Raises:
            IntegrityError: one of them changed, or is gone.
        """
        for path, digest in ((self.path, self.output), *self.tables.values()):
            if not path.is_file() or digest_file(path) != digest:
                message = "the table of predictions changed after it was written"
                raise IntegrityError(message, where=str(path), remedy="Look at what else runs under this account.")


def predict_table(
    model_folder: Path,
    evaluation: Path | str,
    out: Path,
    *,
    positive: Any = None,
    timeout: float = 3_600,
    perturbations: Perturbations | None = None,
    numbered: bool = True,
    isolation: Isolation | None = None,
) -> PredictionTable:
    """Write the prediction table of a model over an evaluation set.

    Args:
        model_folder: A local MLflow model folder.
        evaluation: CSV (.gz too) or Parquet (a file, a folder, a glob), or the address of a database table.
        out: The Parquet file to write; replaced in one step, and untouched on any error.
        positive: The class that ``score`` is about; the classifier's second class unless given.
        timeout: Seconds the model may take, each time it is loaded.
        perturbations: What to predict besides, on perturbed copies: written beside ``out``, as
            ``NAME.perturbed.parquet`` and ``NAME.attacks.parquet``.
        numbered: Whether the table at ``out`` then has the column ``row``, by which perturbed rows are matched.
        isolation: What is around the model's process; namespaces where there are any unless given.

    Raises:
        IntegrityError: the model's folder or the evaluation set changed meanwhile, or what it started goes on.
        DataError: the evaluation set lacks a column the model asks for, or has one of ours.
        InputError: no model is there, or it failed, took too long, or gave no usable predictions.
    """
    isolation = isolation or choose()
    subject = folder_digest(model_folder)
    data = Dataset.open(evaluation, role="evaluation")
    before = data.digest
    _names_are_free(data, perturbed=perturbations is not None)
    with tempfile.TemporaryDirectory(prefix="aims-predict-") as place:
        columns = model_columns(model_folder, data)
        worker = _Worker(model_folder, Path(place), positive, timeout, isolation)
        features, table = data.arrow(columns), data.arrow(data.columns)
        rows = sample(data.rows, perturbations) if perturbations else ()
        variants = dict(copies(features.take(rows), perturbations)) if perturbations else {}
        answers = worker.ask({**variants, _FEATURES: features})
        features_answer = answers.pop(_FEATURES)
        assert features_answer is not None
        further = (
            _perturbed(worker, table, (features, features_answer), perturbations, variants, answers)
            if perturbations
            else {}
        )
    if perturbations and numbered:
        table = table.append_column(ROW, _places(range(data.rows)))
    for name in features_answer.column_names:
        table = table.append_column(name, features_answer.column(name))
    _nothing_changed(model_folder, subject, evaluation, before)
    output = _replace(table, out)
    paths = {role: table_path(out, role) for role in further}
    tables = {role: (paths[role], _replace(item, paths[role])) for role, item in further.items()}
    known = worker.report.get("positive") if SCORE in features_answer.column_names else None
    return PredictionTable(
        out,
        subject,
        before,
        output,
        data.rows,
        SCORE in features_answer.column_names,
        None if known is None else str(known),
        tables,
        isolation,
    )


def table_path(out: Path, role: str) -> Path:
    """Where the further table of this role stands beside the table at ``out``."""
    return out.with_name(f"{out.stem}.{role}.parquet")


def _names_are_free(data: Dataset, *, perturbed: bool) -> None:
    """Refuse an evaluation set with a column that is named like one of ours."""
    ours = (PREDICTION, SCORE, *((ROW, PERTURBATION) if perturbed else ()))
    taken = [name for name in ours if name in data.columns]
    if taken:
        raise DataError(
            f"the evaluation set already has a column {taken[0]!r}",
            where=data.where,
            remedy="Rename or drop it: that name is for what the model says.",
        )


def _nothing_changed(model_folder: Path, subject: str, evaluation: Path | str, before: str) -> None:
    """Refuse predictions of a model, or on a set, that were written to meanwhile."""
    if folder_digest(model_folder) != subject:
        raise IntegrityError(
            "the model's folder changed while it ran",
            where=str(model_folder),
            remedy="Use a model that writes elsewhere.",
        )
    data = Dataset.open(evaluation, role="evaluation")
    if data.digest != before:
        raise IntegrityError("the evaluation set changed while the model ran", where=data.where, remedy="Run it again.")


def _places(places: Iterable[int]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(places, pa.int64())


def _perturbed(
    worker: "_Worker",
    table: "pa.Table",
    plain: "tuple[pa.Table, pa.Table]",
    perturbations: Perturbations,
    variants: "dict[str, pa.Table]",
    answers: "dict[str, pa.Table | None]",
) -> "dict[str, pa.Table]":
    """The perturbed rows with what the model says of them, and each row's attack where there was a search.

    ``plain`` are all rows' features and what the model says of those.
    """
    import pyarrow as pa

    rows = _places(sample(table.num_rows, perturbations).tolist())
    base, before, whole = (table_part.take(rows) for table_part in (*plain, table))
    tables = {}
    if perturbations.search is not None:
        variants["search"], answers["search"] = run_search(base, before, perturbations, worker.ask)
        flips = [a != b for a, b in zip(*(_listed(answer) for answer in (answers["search"], before)), strict=True)]
        attacks = {"attack_class": ["search"] * len(flips), "prompt": rows, "succeeded": flips}
        tables[ATTACKS] = pa.table(attacks)
    parts = [_labelled(whole, rows, name, variants[name], answers[name], before) for name in variants]
    return {PERTURBED: pa.concat_tables(parts), **tables}


def _listed(table: "pa.Table | None") -> list[Any]:
    return [] if table is None else list(table.column(PREDICTION).to_pylist())


def _labelled(
    whole: "pa.Table", rows: "pa.Array", name: str, features: "pa.Table", answer: "pa.Table | None", before: "pa.Table"
) -> "pa.Table":
    """Rows of the evaluation set with perturbed features; where the model gave no answer, predictions are missing."""
    import pyarrow as pa

    for column in features.column_names:
        whole = whole.set_column(whole.schema.get_field_index(column), column, features.column(column))
    whole = whole.append_column(ROW, rows).append_column(PERTURBATION, pa.array([name] * len(rows), pa.string()))
    for column in before.column_names:
        kind = before.schema.field(column).type
        column_values = (
            answer.column(column).cast(kind) if answer is not None and column in answer.column_names else None
        )
        whole = whole.append_column(column, pa.nulls(len(rows), kind) if column_values is None else column_values)
    return whole


def model_columns(model_folder: Path, data: Dataset) -> tuple[str, ...]:
    """The columns of the model's signature, or all where it has none."""
    from mlflow.exceptions import MlflowException
    from mlflow.models import Model

    try:
        described = Model.load(str(model_folder))
    except (MlflowException, OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(
            f"not an MLflow model: {error}",
            where=str(model_folder),
            remedy="Name the folder that holds the file MLmodel.",
        ) from error
    schema = described.get_input_schema()
    if schema is None or not schema.has_input_names():
        return data.columns
    needed = [str(name) for name in schema.required_input_names()]
    data.require(*needed, values=False)
    optional = [str(name) for name in schema.optional_input_names() if name in data.columns]
    return tuple(name for name in data.columns if name in {*needed, *optional})


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
class _Worker:
    """The other process, started for each question; ``report`` is what it said, believed for display only."""

    model: Path
    place: Path
    positive: Any
    timeout: float
    isolation: Isolation
    report: dict[str, Any] = field(default_factory=dict)

    def ask(self, parts: "Mapping[str, pa.Table]") -> "dict[str, pa.Table | None]":
        """Name -> what the model says of these features; None where it fails on perturbed ones.

        Raises:
            InputError: the model failed, took too long, or gave no usable predictions.
            IntegrityError: what it started goes on.
        """
        files = {name: name if name == _FEATURES else f"part{number}" for number, name in enumerate(parts)}
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
        if _FEATURES in rows and _FEATURES not in tables:
            remedy = "The model must return one value for each row."
            raise InputError("the model left no predictions", where=str(self.model), remedy=remedy)
        self.report |= report
        return {name: tables.get(file) for name, file in files.items()}

    def _prepare(self, parts: "Mapping[str, pa.Table]") -> tuple[Path, Path]:
        """The folder with its input, made anew, and an empty home."""
        job, home = self.place / "job", self.place / "home"
        shutil.rmtree(job, ignore_errors=True)
        for folder in (job, home):
            folder.mkdir()
        for name, features in parts.items():
            _write(features, job / f"{name}.parquet")
        shutil.copyfile(_WORKER, job / "worker.py")
        known = None if self.positive is None else str(self.positive)
        model = MODEL if self.isolation.kind == "bwrap" else str(self.model.absolute())
        description = {"model": model, "positive": known, "parts": list(parts)}
        may_fail = [name for name in parts if name != _FEATURES]
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
            raise InputError(
                f"the model could not predict (exit {ran.code}): {ran.printed[-_SAID:]}",
                remedy="Load it with mlflow.pyfunc.load_model in a clean environment and fix what fails.",
            )
        return ran.answer


class _Hashing(io.FileIO):
    """A file to write whose bytes are hashed as they are written."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "wb")
        self.hash = hashlib.sha256()

    def write(self, data: Any) -> int:
        """Write all of it, and hash it."""
        with memoryview(data) as view:
            self.hash.update(view)
            left = view
            while left:
                left = left[super().write(left) :]
            return view.nbytes


def _write(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path)


def _replace(table: "pa.Table", out: Path) -> str:
    """Write the table, whole or not at all; the digest of what was written."""
    import pyarrow.parquet as pq

    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with replacing(out) as part, _Hashing(part) as file:
            pq.write_table(table, file)
    except OSError as error:
        raise InputError(f"cannot write the table: {error}", where=str(out), remedy="Choose another place.") from error
    return f"sha256:{file.hash.hexdigest()}"
