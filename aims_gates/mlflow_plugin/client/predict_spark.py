"""Run a model over an evaluation set on Spark, for sets that no single machine holds.

The model runs in Spark's Python workers, through MLflow's own ``mlflow.pyfunc.spark_udf``. What MLflow ships there is a
model around the model (:mod:`aims_gates.mlflow_plugin.client.spark_model`), because ``spark_udf`` alone asks for one
column and never for the probabilities of a classifier. The table is a folder of Parquet files in the order of the
evaluation set, each row with its number there (``row``).
"""

# mypy: allow-untyped-calls

import json
import logging
import math
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.data import Dataset
from aims_gates.data.cluster import rows_on_spark, sorted_parts
from aims_gates.documents.canonical import LEFT_OUT, digest, manifest
from aims_gates.documents.files import move_folder, write_whole
from aims_gates.errors import DataError, InputError, IntegrityError
from aims_gates.mlflow_plugin.client import predict_worker, spark_model
from aims_gates.mlflow_plugin.client.answers import PREDICTION, SCORE
from aims_gates.mlflow_plugin.client.failures import failed
from aims_gates.mlflow_plugin.client.isolation import Isolation, choose
from aims_gates.mlflow_plugin.client.model_process import FEATURES, ModelProcess
from aims_gates.mlflow_plugin.client.predict import PredictionTable, check_unchanged, model_columns
from aims_gates.mlflow_plugin.client.prediction_folders import MOST_PARTS, ROW, other_rows, parts_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["predict_on_spark"]

_LOADER = "aims_gates_spark_model"
#: What MLflow says of environments there is about models that it logs for others.
_NOISY = ("mlflow.pyfunc", "mlflow.utils.requirements_utils", "mlflow.models.flavor_backend_registry")
_BAR = "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"
#: So many rows are asked on this machine first: what the model gives is typed by them, and most faults show there.
_FIRST = 100
#: How far those answers may be from the same rows' on Spark: float32 rounds otherwise in larger batches.
_CLOSE = 1e-6
#: Arrow's types of an answer -> those of Spark that hold them, and Arrow's of those.
_TYPES = {
    "bool": ("boolean", "bool_"),
    **dict.fromkeys(("int8", "int16", "int32", "uint8", "uint16"), ("int", "int32")),
    **dict.fromkeys(("int64", "uint32"), ("long", "int64")),
    **dict.fromkeys(("halffloat", "float"), ("float", "float32")),
    "double": ("double", "float64"),
    "string": ("string", "string"),
}
#: DuckDB's types of features that reach a model the same from Spark's rows.
_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_FEATURES = (*_WHOLE, "FLOAT", "DOUBLE", "BOOLEAN", "VARCHAR", "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE")


@dataclass(frozen=True)
class _Question:
    """What the workers are asked.

    Attributes:
        rows: The first rows' features, with the types in which all rows reach the model.
        widened: Whole numbers with missing values, which pandas holds as fractions.
        answer: What the model said of those rows on this machine.
        positive: The class that the score is about.
    """

    rows: "pa.Table"
    widened: frozenset[str]
    answer: "pa.Table"
    positive: str | None


def predict_on_spark(
    model_folder: Path,
    evaluation: Path | str,
    out: Path,
    *,
    positive: Any = None,
    prediction: tuple[str, ...] = (),
    timeout: float = 3_600,
) -> PredictionTable:
    """Write the prediction table of a model over an evaluation set, on Spark, as a folder of Parquet files.

    The numbers are those of :func:`aims_gates.mlflow_plugin.client.predict.predict_table`; the session is the active
    one, that of ``SPARK_REMOTE``, or a local one. Its workers need the model's packages, and share the folder of
    ``out`` with this machine.

    Args:
        model_folder: A local MLflow model folder.
        evaluation: Files, a folder, a glob, or the address of a database table; by a path that the workers share.
        out: The folder to write, which is not there yet; it comes whole or not at all.
        positive: The class that ``score`` is about; the classifier's second class unless given.
        prediction: Of a model that returns several columns, the one that is the prediction: the first of these names
            that it returns.
        timeout: Seconds the model may take over the first rows on this machine; Spark's own settings end its tasks.

    Raises:
        IntegrityError: the model's folder or the evaluation set changed meanwhile, the rows came back otherwise, or the
            model says other things of the first rows there than in its own process here.
        DataError: the evaluation set lacks a column the model asks for, has one of ours, or cannot be read.
        InputError: the extra is missing, something is at ``out``, the model failed, or gives what Spark cannot hold.
    """
    _check_places(evaluation, out)
    data = Dataset.open(evaluation, role="evaluation", engine="spark")
    _names_are_free(data)
    files, before = manifest(model_folder), data.digest
    subject = digest(files)
    question = _first_asked(model_folder, evaluation, data, positive, prediction, timeout)
    with _part_of(out) as part:
        job: dict[str, Any] = {
            "files": files,
            "types": _types(question.answer, model_folder),
            "prediction": list(prediction),
        }
        job["positive"] = None if positive is None else str(positive)
        with _written_at(out):
            around = _around(model_folder, part, question, job)
        _write(around, part / "rows", data, question, model_folder)
        parts, output = _finished(part / "rows", evaluation, data, question)
        check_unchanged(model_folder, subject, evaluation, before)
        with _written_at(out):
            move_folder(part / "rows", out)
    scored = question.positive is not None
    isolation = Isolation("spark")
    return PredictionTable(
        out, subject, before, output, data.rows, scored, question.positive, isolation=isolation, parts=parts
    )


def _check_places(evaluation: Path | str, out: Path) -> None:
    """Refuse what could not be matched or written, before anything runs."""
    if "://" in str(evaluation) and "#" not in str(evaluation):
        raise InputError(
            "rows at an address have no number by which predictions are matched to them",
            where=str(evaluation),
            remedy="Name the files by a path that this machine and Spark's workers share: a mount of that store.",
        )
    if out.exists() or out.is_symlink():
        remedy = "Name a folder that is not there yet: a table in parts is not replaced in one step."
        raise InputError("there is something already", where=str(out), remedy=remedy)
    _check_parts(sorted_parts())


def _check_parts(parts: int) -> None:
    if parts > MOST_PARTS:
        raise InputError(
            f"the table would come in {parts:,} parts, and a statement names at most {MOST_PARTS:,}",
            where="spark.sql.shuffle.partitions, spark.sql.files.maxRecordsPerFile",
            remedy="Have this session write fewer: set the first lower, or the second higher.",
        )


def _names_are_free(data: Dataset) -> None:
    ours = (ROW, PREDICTION, SCORE)
    taken = [name for name in data.columns if name.lower() in ours]
    if taken:
        remedy = "Rename or drop it: that name is for what is written beside it."
        raise DataError(f"the evaluation set already has a column {taken[0]!r}", where=data.where, remedy=remedy)


def _first_asked(
    model_folder: Path,
    evaluation: Path | str,
    data: Dataset,
    positive: Any,
    prediction: tuple[str, ...],
    timeout: float,
) -> _Question:
    """Ask the model about the first rows on this machine, in its own process."""
    import pyarrow as pa

    names = model_columns(model_folder, data)
    widened = _widened(data, names)
    here = Dataset.open(evaluation, role="evaluation")
    shown = ", ".join(map(Dataset.quote, names))
    first = pa.Table.from_batches(list(here.batches(f"SELECT {shown} FROM data LIMIT {_FIRST}")))
    for name in widened:
        first = first.set_column(first.schema.get_field_index(name), name, first.column(name).cast(pa.float64()))
    with tempfile.TemporaryDirectory(prefix="aims-predict-") as place:
        process = ModelProcess(model_folder, Path(place), positive, timeout, choose(), prediction)
        answer = process.ask({FEATURES: first})[FEATURES]
    assert answer is not None
    label = str(process.report.get("positive")) if SCORE in answer.column_names else None
    return _Question(first, widened, answer, label)


def _widened(data: Dataset, names: tuple[str, ...]) -> frozenset[str]:
    """Columns of whole numbers with missing values.

    Raises:
        InputError: a column reaches a model otherwise from Spark's rows than on one machine.
    """
    kinds = {name: data.type(name) for name in names}
    odd = [f"{name} ({kind})" for name, kind in kinds.items() if kind not in _FEATURES and "DECIMAL" not in kind]
    holes = [name for name, kind in kinds.items() if kind in (*_WHOLE, "BOOLEAN")]
    counts = ", ".join(f"count(*) - count({Dataset.quote(name)})" for name in holes)
    row = data.query(f"SELECT {counts} FROM data")[0] if holes else ()
    missing = [name for name, count in zip(holes, row, strict=True) if count]
    odd += [f"{name} (BOOLEAN with missing values)" for name in missing if kinds[name] == "BOOLEAN"]
    if odd:
        remedy = "Predict without --engine spark, or write these columns as numbers or text."
        message = f"columns that would reach the model otherwise from Spark: {', '.join(odd)}"
        raise InputError(message, where=data.where, remedy=remedy)
    return frozenset(missing)


def _types(answer: "pa.Table", model_folder: Path) -> dict[str, str]:
    """Arrow's type of each column that the model gives.

    Raises:
        InputError: ``spark_udf`` holds no such type.
    """
    kinds = {name: str(answer.schema.field(name).type) for name in answer.column_names}
    odd = [kind for kind in kinds.values() if kind not in _TYPES]
    if odd:
        remedy = "Predict without --engine spark, or log the model so that it gives numbers or text."
        message = f"the model's predictions are {odd[0]}, which MLflow's spark_udf does not hold"
        raise InputError(message, where=str(model_folder), remedy=remedy)
    return {name: _TYPES[kind][1] for name, kind in kinds.items()}


@contextmanager
def _part_of(out: Path) -> Iterator[Path]:
    """A folder beside ``out``, on the same file system, which is gone afterwards."""
    part = out.absolute().with_name(f".{secrets.token_hex(8)}.aims-part")
    with _written_at(out):
        part.mkdir(parents=True)
    try:
        yield part
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def _written_at(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(f"cannot write the table: {error}", where=str(out), remedy="Choose another place.") from error


def _around(model_folder: Path, part: Path, question: _Question, job: dict[str, Any]) -> Path:
    """The model around the model, as a folder of MLflow's."""
    import mlflow.pyfunc
    import pyarrow.parquet as pq

    data, code = part / "data", part / f"{_LOADER}.py"
    shutil.copytree(model_folder, data / "model", symlinks=True)
    (data / "model" / LEFT_OUT).unlink(missing_ok=True)
    shutil.copyfile(str(predict_worker.__file__), data / "worker.py")
    shutil.copyfile(str(spark_model.__file__), code)
    pq.write_table(question.rows.schema.empty_table(), data / "features.parquet")
    write_whole(data / "job.json", json.dumps(job))
    around = part / "model"
    with _quiet():
        mlflow.pyfunc.save_model(
            str(around), loader_module=_LOADER, data_path=str(data), code_paths=[str(code)], pip_requirements=["mlflow"]
        )
    return around


def _write(around: Path, rows: Path, data: Dataset, question: _Question, model_folder: Path) -> None:
    """Have Spark write all columns of the set, each row's number, and what the model says of it.

    Raises:
        InputError: the model failed there.
    """
    import mlflow.pyfunc
    from pyspark.errors import PySparkException
    from pyspark.sql import functions

    kinds = {name: str(question.answer.schema.field(name).type) for name in question.answer.column_names}
    result = ", ".join(f"{name}: {_TYPES[kind][0]}" for name, kind in kinds.items())
    with rows_on_spark(data) as (frame, place):
        spark = frame.sparkSession
        with _quiet():
            ask = mlflow.pyfunc.spark_udf(
                spark, str(around), result_type=f"struct<{result}>", env_manager="local",
                extra_env={"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true", _BAR: "false"},
            )  # fmt: skip
        features = [_feature(functions, name, name in question.widened) for name in question.rows.column_names]
        columns = [functions.col(_quoted(name)) for name in data.columns]
        row, answer = functions.col(place).alias(ROW), ask(functions.struct(*features)).alias(place)
        answered = frame.select(*columns, row, answer).select(*columns, ROW, *(f"{place}.{name}" for name in kinds))
        try:
            answered.write.parquet(rows.absolute().as_uri())
        except PySparkException as error:
            if "Traceback" in str(error):
                raise failed(1, _last_of(str(error)), model_folder) from error
            raise


def _last_of(text: str) -> str:
    """What Spark says of a worker's exception, up to its own words about the task."""
    return re.split(r"\n\s*(?:at (?:org|java|scala)\.|JVM stacktrace|Driver stacktrace)", text, maxsplit=1)[0]


def _feature(functions: Any, name: str, widened: bool) -> Any:
    column = functions.col(_quoted(name))
    return (column.cast("double") if widened else column).alias(name)


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _finished(rows: Path, evaluation: Path | str, data: Dataset, question: _Question) -> tuple[dict[str, str], str]:
    """Look that the parts hold the evaluation set's rows in their order; their digests, and that of the whole.

    Raises:
        IntegrityError: they do not, or the model says other things there than here.
    """
    files = sorted(rows.glob("part-*.parquet"))
    if not files:
        remedy = "Name a folder that this machine and Spark's workers share."
        raise IntegrityError("Spark wrote no part of the table here", where=str(rows.parent.parent), remedy=remedy)
    _check_parts(len(files))
    for path in {*rows.iterdir()}.difference(files):  # checksums, and a mark that it is done
        path.unlink()
    table, here = Dataset.open(rows, role="evaluation"), Dataset.open(evaluation, role="evaluation")
    problems = other_rows(table, here, data.columns)
    parts, output = parts_of(rows)
    if problems or output != table.digest:
        message = f"what Spark wrote is not the evaluation set: {'; '.join(problems) or 'it changed meanwhile'}"
        remedy = "See that nothing else writes there, and that workers and this machine share the folder; run it again."
        raise IntegrityError(message, where=str(rows.parent.parent), remedy=remedy)
    _check_first(table, question.answer, evaluation)
    return parts, output


def _check_first(table: Dataset, answer: "pa.Table", evaluation: Path | str) -> None:
    """Refuse other answers to the first rows than this machine gave: the rest cannot be compared with anything."""
    names = ", ".join(answer.column_names)
    row = Dataset.quote(ROW)
    there = table.query(f"SELECT {names} FROM data WHERE {row} < {answer.num_rows} ORDER BY {row}")
    here = zip(*(column.to_pylist() for column in answer.columns), strict=True)
    for place, (one, other) in enumerate(zip(there, here, strict=True)):
        if not all(map(_alike, one, other)):
            raise IntegrityError(
                f"the model says other things in Spark's workers than here: {names} of row {place} are "
                f"{', '.join(map(str, one))} there and {', '.join(map(str, other))} here",
                where=str(evaluation),
                remedy="Install this machine's versions of the model's packages there. A model that draws at random, "
                "or looks at the other rows it is asked about, is predicted without --engine spark.",
            )


def _alike(one: Any, other: Any) -> bool:
    both = isinstance(one, float) and isinstance(other, float)
    return math.isclose(one, other, rel_tol=_CLOSE, abs_tol=_CLOSE) if both else bool(one == other)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without MLflow's advice and its bar of progress."""
    before = os.environ.get(_BAR)
    os.environ[_BAR] = "false"
    loggers = [logging.getLogger(name) for name in _NOISY]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        os.environ.pop(_BAR)
        os.environ.update({} if before is None else {_BAR: before})
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
