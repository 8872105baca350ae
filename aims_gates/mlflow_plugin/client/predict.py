"""Run a model over an evaluation set in a process of its own, and write the prediction table.

The model runs in :mod:`aims_gates.mlflow_plugin.client.model_process`, which hands back predictions alone. The tables
are written here, once that process and everything that it started is gone, with the other columns from the evaluation
file.
"""

# mypy: allow-untyped-calls

import hashlib
import io
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.data import Dataset
from aims_gates.documents.canonical import folder_digest
from aims_gates.documents.files import replacing
from aims_gates.errors import DataError, InputError, IntegrityError
from aims_gates.mlflow_plugin.client.answers import PREDICTION, SCORE, read_answer
from aims_gates.mlflow_plugin.client.isolation import Isolation, choose
from aims_gates.mlflow_plugin.client.model_file import describe, need_table, need_values
from aims_gates.mlflow_plugin.client.model_process import FEATURES, ModelProcess
from aims_gates.mlflow_plugin.client.perturb import Perturbations, copies, run_search, sample
from aims_gates.mlflow_plugin.client.prediction_folders import ROW, table_digest

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
    "check_unchanged",
    "model_columns",
    "predict_table",
    "rebuilt",
    "table_path",
]

#: A column that tables of perturbed rows have besides, with :data:`ROW`: how it was perturbed.
PERTURBATION = "perturbation"
#: Roles of the further tables.
PERTURBED = "perturbed"
ATTACKS = "attacks"
TABLES = (PERTURBED, ATTACKS)
#: Column roles in them, each a column of that name.
TABLE_ROLES = (PERTURBATION, "attack_class", "prompt", "succeeded")

_NO_ISOLATION = Isolation("none")


@dataclass(frozen=True)
class PredictionTable:
    """A prediction table that was written.

    Attributes:
        path: The Parquet file, or the folder of such: all columns of the evaluation set, ``prediction``, maybe
            ``score``.
        subject: Digest of the model's folder, the same before and after the run.
        data: Digest of the evaluation set, the same before and after the run.
        output: Digest of the file at ``path``, or of the folder as a data set.
        rows: Number of rows.
        score: Whether the model gives a probability of the positive class.
        positive: The class that ``score`` is the probability of, as text; None without a score.
        tables: Role -> path and digest of further tables: ``perturbed``, and ``attacks`` where there was a search.
        isolation: How the model's process was kept apart.
        answer: What the process sent about the rows as they are.
        parts: Name -> digest of the files of a folder; empty where it is one file.
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
    answer: bytes = field(default=b"", repr=False)
    parts: Mapping[str, str] = field(default_factory=dict)

    def unchanged(self) -> None:
        """Look again that the tables are the bytes that were written.

        Raises:
            IntegrityError: one of them changed, or is gone.
        """
        for path, digest in ((self.path, self.output), *self.tables.values()):
            if table_digest(path) != digest:
                message = "the table of predictions changed after it was written"
                raise IntegrityError(message, where=str(path), remedy="Look at what else runs under this account.")


def predict_table(
    model_folder: Path,
    evaluation: Path | str,
    out: Path,
    *,
    positive: Any = None,
    prediction: tuple[str, ...] = (),
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
        prediction: Of a model that returns several columns, the one that is the prediction: the first of these names
            that it returns.
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
    table = data.arrow(data.columns)
    with tempfile.TemporaryDirectory(prefix="aims-predict-") as place:
        process = ModelProcess(model_folder, Path(place), positive, timeout, isolation, prediction)
        answer, further = _answers(process, data, table, perturbations)
    if perturbations and numbered:
        table = table.append_column(ROW, _places(range(data.rows)))
    for name in answer.column_names:
        table = table.append_column(name, answer.column(name))
    check_unchanged(model_folder, subject, evaluation, before)
    output = _replace(table, out)
    paths = {role: table_path(out, role) for role in further}
    tables = {role: (paths[role], _replace(further[role], path)) for role, path in paths.items()}
    scored = SCORE in answer.column_names
    positive = process.report.get("positive") if scored else None
    label = None if positive is None else str(positive)
    return PredictionTable(out, subject, before, output, data.rows, scored, label, tables, isolation, process.answer)


def rebuilt(subject: str, evaluation: Path | str, out: Path, message: bytes, isolation: Isolation) -> PredictionTable:
    """The prediction table of what a model's process sent earlier about these rows; no model runs.

    Args:
        subject: Digest of the model's folder.
        evaluation: The evaluation set.
        out: The Parquet file to write.
        message: What the process sent.
        isolation: How it was kept apart.

    Raises:
        DataError: the evaluation set cannot be read.
        InputError: the message is none, or about other rows.
    """
    data = Dataset.open(evaluation, role="evaluation")
    _, answers = read_answer(message, {FEATURES: data.rows}, str(out))
    table = data.arrow(data.columns)
    for name in answers[FEATURES].column_names:
        table = table.append_column(name, answers[FEATURES].column(name))
    scored = SCORE in answers[FEATURES].column_names
    output = _replace(table, out)
    return PredictionTable(out, subject, data.digest, output, data.rows, scored, None, {}, isolation, message)


def _answers(
    process: ModelProcess, data: Dataset, table: "pa.Table", perturbations: Perturbations | None
) -> "tuple[pa.Table, dict[str, pa.Table]]":
    """What the model says of every row, and the further tables by role; ``table`` are all columns of the set."""
    features = data.arrow(model_columns(process.model, data))
    rows = sample(data.rows, perturbations) if perturbations else ()
    variants = dict(copies(features.take(rows), perturbations)) if perturbations else {}
    answers = process.ask({**variants, FEATURES: features})
    answer = answers.pop(FEATURES)
    assert answer is not None
    if perturbations is None:
        return answer, {}
    return answer, _perturbed(process, table, (features, answer), perturbations, variants, answers)


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


def check_unchanged(model_folder: Path, subject: str, evaluation: Path | str, before: str) -> None:
    """Refuse predictions of a model, or on a set, that were written to meanwhile.

    Raises:
        IntegrityError: naming which of the two.
    """
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
    process: ModelProcess,
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
        variants["search"], answers["search"] = run_search(base, before, perturbations, process.ask)
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
    model = describe(model_folder)
    need_table(model, str(model_folder))
    if model.required is None:
        return data.columns
    data.require(*model.required, values=False)
    need_values(model, data)
    return tuple(name for name in data.columns if name in {*model.required, *model.optional})


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
