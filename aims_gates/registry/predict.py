"""Run a model over an evaluation set in a process of its own, and write the prediction table.

Loading a model runs code that its author wrote, so this process never does it. The other process
gets the model's folder and the columns it asks for, never the labels, and none of this process's
environment (no credentials). It hands back predictions alone: the table's other columns are
written here, from the evaluation file.
"""

# mypy: allow-untyped-calls

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.canonical import digest_file, folder_digest
from aims_gates.errors import DataError, InputError, IntegrityError
from aims_gates.measure import Dataset
from aims_gates.registry.perturb import Perturbations, copies, run_search, sample

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "ATTACKS",
    "PERTURBATION",
    "PERTURBED",
    "PREDICTION",
    "ROW",
    "SCORE",
    "TABLE_ROLES",
    "PredictionTable",
    "predict_table",
]

PREDICTION = "prediction"
SCORE = "score"
#: Columns that tables of perturbed rows have besides: which row of the evaluation set, and how it was perturbed.
ROW = "row"
PERTURBATION = "perturbation"
#: Roles of the further tables.
PERTURBED = "perturbed"
ATTACKS = "attacks"
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
    """

    path: Path
    subject: str
    data: str
    output: str
    rows: int
    score: bool
    positive: str | None
    tables: Mapping[str, tuple[Path, str]] = field(default_factory=dict)


def predict_table(
    model_folder: Path,
    evaluation: Path | str,
    out: Path,
    *,
    positive: Any = None,
    timeout: float = 3_600,
    perturbations: Perturbations | None = None,
    numbered: bool = True,
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

    Raises:
        IntegrityError: the model's folder or the evaluation set changed meanwhile.
        DataError: the evaluation set lacks a column the model asks for, or has one of ours.
        InputError: no model is there, or it failed, took too long, or gave no usable predictions.
    """
    subject = folder_digest(model_folder)
    data = Dataset.open(evaluation, role="evaluation")
    before = data.digest
    _names_are_free(data, perturbed=perturbations is not None)
    with tempfile.TemporaryDirectory(prefix="aims-predict-") as place:
        wanted = _wanted(model_folder, data)
        worker = _Worker(model_folder, Path(place), positive, timeout)
        features, table = data.arrow(wanted), data.arrow(data.columns)
        rows = sample(data.rows, perturbations) if perturbations else ()
        made = dict(copies(features.take(rows), perturbations)) if perturbations else {}
        answers = worker.ask({**made, _FEATURES: features})
        said = answers.pop(_FEATURES)
        assert said is not None
        further = _perturbed(worker, table, (features, said), perturbations, made, answers) if perturbations else {}
    if perturbations and numbered:
        table = table.append_column(ROW, _places(range(data.rows)))
    for name in said.column_names:
        table = table.append_column(name, said.column(name))
    _nothing_changed(model_folder, subject, evaluation, before)
    _replace(table, out)
    paths = {role: out.with_name(f"{out.stem}.{role}.parquet") for role in further}
    for role, made in further.items():
        _replace(made, paths[role])
    known = worker.report.get("positive") if SCORE in said.column_names else None
    return PredictionTable(
        out,
        subject,
        before,
        digest_file(out),
        data.rows,
        SCORE in said.column_names,
        None if known is None else str(known),
        {role: (path, digest_file(path)) for role, path in paths.items()},
    )


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
    asked: Perturbations,
    made: "dict[str, pa.Table]",
    answers: "dict[str, pa.Table | None]",
) -> "dict[str, pa.Table]":
    """The perturbed rows with what the model says of them, and each row's attack where there was a search.

    ``plain`` are all rows' features and what the model says of those.
    """
    import pyarrow as pa

    rows = _places(sample(table.num_rows, asked).tolist())
    base, before, whole = (each.take(rows) for each in (*plain, table))
    tables = {}
    if asked.search is not None:
        made["search"], answers["search"] = run_search(base, before, asked, worker.ask)
        flips = [a != b for a, b in zip(*(_listed(each) for each in (answers["search"], before)), strict=True)]
        attacks = {"attack_class": ["search"] * len(flips), "prompt": rows, "succeeded": flips}
        tables[ATTACKS] = pa.table(attacks)
    parts = [_labelled(whole, rows, name, made[name], answers[name], before) for name in made]
    return {PERTURBED: pa.concat_tables(parts), **tables}


def _listed(table: "pa.Table | None") -> list[Any]:
    return [] if table is None else list(table.column(PREDICTION).to_pylist())


def _labelled(
    whole: "pa.Table", rows: "pa.Array", name: str, features: "pa.Table", said: "pa.Table | None", before: "pa.Table"
) -> "pa.Table":
    """Rows of the evaluation set with perturbed features; where the model gave no answer, predictions are missing."""
    import pyarrow as pa

    for column in features.column_names:
        whole = whole.set_column(whole.schema.get_field_index(column), column, features.column(column))
    whole = whole.append_column(ROW, rows).append_column(PERTURBATION, pa.array([name] * len(rows), pa.string()))
    for column in before.column_names:
        kind = before.schema.field(column).type
        found = said.column(column).cast(kind) if said is not None and column in said.column_names else None
        whole = whole.append_column(column, pa.nulls(len(rows), kind) if found is None else found)
    return whole


def _wanted(model_folder: Path, data: Dataset) -> tuple[str, ...]:
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


def _environment(place: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    quiet = {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_TRACKING_URI": f"sqlite:///{place}/t.db",
    }
    return {**kept, **quiet, "HOME": str(place), "TMPDIR": str(place), "PYTHONHASHSEED": "0"}


@dataclass
class _Worker:
    """The other process, started for each question; ``report`` is what it said, believed for display only."""

    model: Path
    place: Path
    positive: Any
    timeout: float
    report: dict[str, Any] = field(default_factory=dict)

    def ask(self, parts: "Mapping[str, pa.Table]") -> "dict[str, pa.Table | None]":
        """Name -> what the model says of these features; None where it fails on perturbed ones.

        Raises:
            InputError: the model failed, took too long, or gave no usable predictions.
        """
        files = {name: name if name == _FEATURES else f"part{number}" for number, name in enumerate(parts)}
        for name, features in parts.items():
            _write(features, self.place / f"{files[name]}.parquet")
            (self.place / f"{files[name]}.said.parquet").unlink(missing_ok=True)
        known = None if self.positive is None else str(self.positive)
        names = list(files.values())
        job = {"model": str(self.model.absolute()), "positive": known, "parts": names}
        may_fail = [name for name in names if name != _FEATURES]
        (self.place / "job.json").write_text(json.dumps({**job, "may_fail": may_fail}), "utf-8")
        self.report |= _run(self.model, self.place, self.timeout)
        return {name: self._said(files[name], features.num_rows) for name, features in parts.items()}

    def _said(self, file: str, rows: int) -> "pa.Table | None":
        path = self.place / f"{file}.said.parquet"
        return None if file != _FEATURES and not path.exists() else _predictions(path, rows, str(self.model))


def _run(model_folder: Path, place: Path, timeout: float) -> dict[str, Any]:
    """Run the worker; its report is what the model's process says, and is believed for display only."""
    # -I: no user site, no PYTHON* variables, no current directory; -B: nothing is written beside the model's code.
    command = [sys.executable, "-I", "-B", str(_WORKER), str(place)]
    with (place / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            command,
            cwd=place,
            env=_environment(place),
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=said,
            start_new_session=True,
        )
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise InputError(
                f"the model took longer than {timeout:g} s",
                where=str(model_folder),
                remedy="Give it more time, or a smaller evaluation set.",
            ) from error
        finally:
            _stop(process)
    if code != 0:
        text = (place / "said.txt").read_text(encoding="utf-8", errors="replace").strip()
        raise InputError(
            f"the model could not predict (exit {code}): {text[-_SAID:]}",
            where=str(model_folder),
            remedy="Load it with mlflow.pyfunc.load_model in a clean environment and mend what fails.",
        )
    try:
        report = json.loads((place / "report.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return report if isinstance(report, dict) else {}


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """End the worker, where it still runs, and whatever it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _predictions(path: Path, rows: int, where: str) -> "pa.Table":
    """What the worker wrote, taken as bytes from a stranger."""
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    remedy = "The model must return one value for each row."
    try:
        table = pq.read_table(path)
    except (OSError, pa.ArrowException) as error:
        raise InputError("the model left no predictions", where=where, remedy=remedy) from error
    if set(table.column_names) - {SCORE} != {PREDICTION} or table.num_rows != rows:
        found = f"{table.num_rows} rows of {', '.join(table.column_names)}"
        raise InputError(f"the model gave {found}, where {rows} rows were asked", where=where, remedy=remedy)
    if SCORE in table.column_names:
        score = table.column(SCORE)
        if not pa.types.is_floating(score.type) or not pc.all(pc.is_finite(score), skip_nulls=False).as_py():
            raise InputError("the model gave scores that are no numbers", where=where, remedy=remedy)
    return table


def _write(table: "pa.Table", path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path)


def _replace(table: "pa.Table", out: Path) -> None:
    """Write beside the target and rename, so that no partial table is ever there."""
    part = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _write(table, part)
        part.replace(out)
    except OSError as error:
        raise InputError(f"cannot write the table: {error}", where=str(out), remedy="Choose another place.") from error
    finally:
        part.unlink(missing_ok=True)
