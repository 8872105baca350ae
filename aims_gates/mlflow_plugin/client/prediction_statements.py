"""Statements about prediction tables: made, kept beside the table, and looked at again.

Where a model runs there need be no key: ``aims-gates predict`` may leave an unsigned statement beside its table, and
another process, which holds the key and runs no model, looks again at what it says before it signs.
"""

# mypy: allow-untyped-calls

import json
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aims_gates.attestation.signing.envelope import Envelope, Statement
from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.wording import predicate_of, say
from aims_gates.data import Dataset
from aims_gates.documents.canonical import folder_digest
from aims_gates.documents.files import write_whole
from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.client.isolation import Isolation, kind_of
from aims_gates.mlflow_plugin.client.predict import SCORE, TABLES, PredictionTable, model_columns, table_path
from aims_gates.mlflow_plugin.client.prediction_folders import ROW, changed_parts, other_rows, table_digest
from aims_gates.model import Subject

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["confirmed", "read_signed", "read_unsigned", "statement_of", "vouched", "write_signed", "write_unsigned"]

_MOST = 1 << 20


def statement_of(table: PredictionTable, at: datetime, facts: Mapping[str, Any], subject: Subject) -> Statement:
    """What is to be signed about a table."""
    tables = {role: output for role, (_, output) in table.tables.items()}
    now, apart = at.isoformat(timespec="seconds"), table.isolation
    predictions = Predictions(
        table.data, table.output, table.rows, now, dict(facts), tables, apart.kind, apart.verified, dict(table.parts)
    )
    return say(predictions, subject)


def vouched(table: PredictionTable, kind: str) -> PredictionTable:
    """A table as its signer vouches for it: an unsigned statement's word alone on isolation counts for nothing.

    That it ran on Spark stays: it claims no more than none.
    """
    same = table.isolation.kind == "spark" or (table.isolation.kind == kind and kind in ("container", "job"))
    return table if same else replace(table, isolation=Isolation("none", reason="nobody who signs vouches for another"))


def _signed(out: Path) -> Path:
    return out.with_name(f"{out.name}.dsse.json")


def _unsigned(out: Path) -> Path:
    return out.with_name(f"{out.name}.statement.json")


def write_signed(out: Path, envelope: Envelope) -> Path:
    """Leave an envelope beside its table; where."""
    return write_whole(_signed(out), json.dumps(envelope.to_json(), indent=1))


def write_unsigned(out: Path, statement: Statement) -> Path:
    """Leave an unsigned statement beside its table; where."""
    return write_whole(_unsigned(out), statement.payload)


def _bytes(path: Path, remedy: str) -> bytes:
    if not path.is_file() or path.stat().st_size > _MOST:
        raise InputError("there is no such statement", where=str(path), remedy=remedy)
    return path.read_bytes()


def read_signed(out: Path) -> tuple[Envelope, Statement]:
    """The envelope beside a table, and its statement; who signed it is for the ledger to judge.

    Raises:
        InputError: there is none.
        IntegrityError: it is no envelope.
    """
    data = _bytes(_signed(out), "Make it: aims-gates predict --out FILE; or sign it: aims-gates predict --sign FILE")
    try:
        envelope = Envelope.from_json(json.loads(data), str(_signed(out)))
    except (ValueError, RecursionError) as error:
        raise IntegrityError("not a DSSE envelope", where=str(_signed(out)), remedy="Make it again.") from error
    return envelope, Statement(envelope.payload)


def read_unsigned(out: Path) -> Statement:
    """The unsigned statement beside a table.

    Raises:
        InputError: there is none.
    """
    return Statement(_bytes(_unsigned(out), "Make it where no key is: aims-gates predict --isolation job --out FILE"))


def confirmed(
    out: Path, statement: Statement, model_folder: Path, evaluation: Path | str, *, into: Path | None = None
) -> PredictionTable:
    """The tables that a statement names, looked at again: this model, this set, these bytes, and no other labels.

    Args:
        out: The table; further ones stand beside it.
        statement: The statement.
        model_folder: The model's bytes.
        evaluation: The evaluation set.
        into: A folder of one's own into which the tables are copied first, so that what is looked at is what is used;
            not a table that is a folder, which stays where it is and is hashed again afterwards.

    Raises:
        InputError: it is a statement about something else than predictions.
        IntegrityError: one of these differs from what the statement says; all differences at once.
    """
    predictions = predicate_of(statement)
    if not isinstance(predictions, Predictions):
        raise InputError("this statement is about no predictions", where=str(out), remedy="Name predict's own table.")
    if set(predictions.tables) - set(TABLES):
        message = f"unknown tables: {', '.join(predictions.tables)}"
        raise InputError(message, where=str(out), remedy="Upgrade aims-gates.")
    outputs = {"": predictions.output, **predictions.tables}
    places = {role: table_path(out, role) if role else out for role in outputs}
    if into is not None:
        places = {role: _copied(place, into) for role, place in places.items()}
    problems = _differences(statement.subject, predictions, places, model_folder, evaluation)
    if problems:
        raise IntegrityError("; ".join(problems), where=str(out), remedy="Run the model again: aims-gates predict")
    tables = {role: (place, outputs[role]) for role, place in places.items() if role}
    isolation = Isolation(kind_of(predictions.isolation), predictions.verified)
    columns = Dataset.open(places[""], role="evaluation").columns
    return PredictionTable(
        places[""],
        statement.subject,
        predictions.data,
        predictions.output,
        predictions.rows,
        SCORE in columns,
        None,
        tables,
        isolation,
        parts=predictions.parts,
    )


def _differences(
    subject: str, predictions: Predictions, places: Mapping[str, Path], model_folder: Path, evaluation: Path | str
) -> list[str]:
    """In what model, set and tables differ from what is said of them; rows are compared where nothing else differs."""
    data = Dataset.open(evaluation, role="evaluation")
    outputs = {"": predictions.output, **predictions.tables}
    problems = []
    if subject != folder_digest(model_folder):
        problems.append("it is about another model than this one")
    if predictions.data != data.digest:
        problems.append("it is about another evaluation set than this one")
    changed = [place.name for role, place in places.items() if table_digest(place) != outputs[role]]
    problems += [f"{name} is not the table that it names" for name in changed]
    folder = places[""]
    if changed and folder.is_dir():
        problems += changed_parts(folder, predictions.parts)
    if problems or not folder.is_dir():
        return problems or _other_rows(places, data, model_columns(model_folder, data), predictions.rows)
    if predictions.tables or predictions.rows != data.rows:
        return ["its statement names other tables or rows than a folder of predictions has"]
    return other_rows(Dataset.open(folder, role="evaluation"), data, data.columns)


def _copied(place: Path, into: Path) -> Path:
    return Path(shutil.copyfile(place, into / place.name)) if place.is_file() else place


def _other_rows(places: Mapping[str, Path], data: Dataset, features: tuple[str, ...], rows: int) -> list[str]:
    """What differs from the evaluation set where no model has a say: all of it, or where perturbed all but features."""
    import pyarrow.parquet as pq

    evaluation, problems = data.arrow(data.columns), []
    for role, place in places.items():
        table, names, base = pq.read_table(place), list(data.columns), evaluation
        if role and ROW not in table.column_names:
            continue  # attacks: made of predictions and row numbers alone
        if role:
            names = [name for name in names if name not in features]
            base = evaluation.take(table.column(ROW).combine_chunks())
        if table.num_rows != (base.num_rows if role else rows):
            problems.append(f"{place.name} has other rows or columns than the evaluation set")
        else:
            problems += _other_columns(place.name, table, base, names)
    return problems


def _other_columns(table_name: str, table: "pa.Table", base: "pa.Table", names: Collection[str]) -> list[str]:
    """In which of these columns a table differs from the evaluation set's rows, or that it lacks one."""
    if table.num_rows != base.num_rows or set(names) - set(table.column_names):
        return [f"{table_name} has other rows or columns than the evaluation set"]
    return [f"{table_name} has another {name}" for name in names if not _alike(table, base, name)]


def _alike(table: "pa.Table", base: "pa.Table", name: str) -> bool:
    one, other = table.column(name), base.column(name)
    return bool(one.combine_chunks().equals(other.cast(one.type).combine_chunks()))
