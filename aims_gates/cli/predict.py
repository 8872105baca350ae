"""``aims-gates predict``: the signed prediction table that trusted evidence must cite."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aims_gates.cli.options import echo, isolation_option, key_option, progress, settings_options
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.settings import Settings, maybe_signer, signer

if TYPE_CHECKING:
    from aims_gates.attestation.signing.envelope import Statement
    from aims_gates.attestation.signing.keys import Key
    from aims_gates.governance.records.reader import SystemRecord
    from aims_gates.mlflow_plugin.client.isolation import Isolation
    from aims_gates.mlflow_plugin.client.perturb import Perturbations
    from aims_gates.mlflow_plugin.client.predict import PredictionTable

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_READ = click.Path(path_type=Path, dir_okay=False, exists=True)
_ALONE = ("auto", "none")
#: Gives the table of a model's folder over an evaluation set, for a system.
_Make = Callable[[Path, str, "SystemRecord"], "PredictionTable"]


@click.command()
@click.option("--model", required=True, help="A registered model's name (with --version), or a model address.")
@click.option("--version", help="The registered version's number.")
@click.option("--system", help="The system, by name. Default: the one that lists the model.")
@click.option("--data", help="The evaluation set: a file, folder, glob or table. Default: the system's own.")
@click.option("--out", type=click.Path(path_type=Path), help="The Parquet table to write; on Spark a new folder.")
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Where the model runs: in a process on this machine; or in Spark's Python workers, for sets that no single "
    "machine holds, through mlflow.pyfunc.spark_udf (the extra spark).",
)
@click.option("--perturb", type=_READ, help="Predict perturbed copies too, as this file says (docs/perturbations.md).")
@click.option(
    "--sign",
    type=click.Path(path_type=Path, exists=True),
    help="A table written without a key: look at it again and sign it; nothing is run.",
)
@isolation_option
@key_option
@settings_options
def command(
    model: str,
    version: str | None,
    system: str | None,
    data: str | None,
    out: Path | None,
    engine: str,
    perturb: Path | None,
    sign: Path | None,
    isolation: str,
    key: Path | None,
    settings: Settings,
) -> None:
    """Run a model over its evaluation set in a process of its own; write and sign the prediction table.

    Writes OUT and OUT.dsse.json (with --perturb OUT's name with .perturbed and .attacks besides, and their digests in
    the same statement), and records the statement where the registry is gated. The statement says how the model's
    process was kept apart.

    With --isolation container or job no key may be at hand: it writes OUT.statement.json instead. Where the key is,
    --sign OUT compares model, data and tables with that statement, then signs and records it; whoever signs vouches for
    the container by naming the same --isolation again, and else it is recorded as none.

    With --engine spark OUT is a folder of Parquet files in the order of the evaluation set, each row with its number
    there (row), and the statement has a digest of each file and of the whole. Spark's workers are kept apart from
    nothing: the statement says spark, which counts as none, and a profile that asks for isolation refuses it. Without a
    key OUT.statement.json is written, for --sign.
    """
    if (out is None) == (sign is None):
        raise InputError("name one table", remedy="Pass --out FILE to run the model, or --sign FILE to sign a table.")
    if engine == "spark":
        _check_spark(isolation, perturb)
    apart = sign is None and (engine == "spark" or isolation in ("container", "job"))
    signing = maybe_signer(settings, key) if apart else signer(settings, key)
    with progress() as report_progress:
        if report_progress is not None:
            report_progress("predicting" if out else "comparing", 0, 0)
        from aims_gates.mlflow_plugin.client.prediction_statements import statement_of
        from aims_gates.mlflow_plugin.client.release import use
        from aims_gates.mlflow_plugin.client.systems import system_of
        from aims_gates.mlflow_plugin.client.targets import find_target
        from aims_gates.mlflow_plugin.store.subjects import local_folder
        from aims_gates.model import Subject

        if sign is not None:
            make: _Make = partial(_compare, sign, isolation)
        else:
            assert out is not None
            make = _maker(out, engine, isolation, perturb, settings, keyed=signing is not None)
        use(settings)
        target = find_target(model=model, version=version)
        record = system_of(settings, system, target.name)
        place = data or _evaluation_data(record)
        with local_folder(target.address) as folder:
            table = make(folder, place, record)
        subject = Subject("model", table.subject, target.name or model)
        # Who made the model is said by who signs, never by the step that ran it.
        statement = statement_of(table, datetime.now(UTC), target.facts, subject)
    beside = _keep(table.path, statement, signing, settings)
    _tell(table, beside, model, signed=signing is not None)


def _evaluation_data(record: "SystemRecord") -> str:
    """The evaluation set that a system's records name.

    Raises:
        InputError: they name none.
    """
    place = record.location("evaluation")
    if place is None:
        raise InputError("the system names no evaluation data", where=record.document.where, remedy="Pass --data FILE.")
    return place


def _maker(out: Path, engine: str, isolation: str, perturb: Path | None, settings: Settings, *, keyed: bool) -> _Make:
    """What runs the model and writes its table, once it is known that it can run so here."""
    if engine == "spark":
        return partial(_predict_on_spark, out, settings)
    from aims_gates.mlflow_plugin.client.isolation import choose
    from aims_gates.mlflow_plugin.client.perturb import read_perturbations

    chosen = choose(isolation, key=keyed)
    return partial(_predict, out, read_perturbations(perturb) if perturb else None, chosen)


def _predict(
    out: Path,
    perturbations: "Perturbations | None",
    isolation: "Isolation",
    folder: Path,
    place: str,
    record: "SystemRecord",
) -> "PredictionTable":
    """Run the model and write its table."""
    from aims_gates.mlflow_plugin.client.predict import predict_table
    from aims_gates.mlflow_plugin.client.systems import positive_label

    return predict_table(
        folder,
        place,
        out,
        positive=positive_label(record),
        prediction=record.columns().get("prediction", ()),
        perturbations=perturbations,
        isolation=isolation,
    )


def _check_spark(isolation: str, perturb: Path | None) -> None:
    """Refuse what Spark's workers cannot do, before anything is read."""
    if isolation not in _ALONE:
        message = f"Spark's workers are not kept apart as {isolation} says"
        remedy = "Leave --isolation out, and the statement says spark; or predict without --engine spark."
        raise InputError(message, where="--engine spark", remedy=remedy)
    if perturb is not None:
        remedy = "Perturb a sample of the rows without --engine spark: --data SAMPLE --perturb FILE."
        raise InputError("perturbed copies are not predicted on Spark", where="--perturb", remedy=remedy)


def _predict_on_spark(
    out: Path, settings: Settings, folder: Path, place: str, record: "SystemRecord"
) -> "PredictionTable":
    """Run the model in Spark's workers, unless the system's plan asks for isolation."""
    from aims_gates.mlflow_plugin.client.isolation import weaker
    from aims_gates.mlflow_plugin.client.predict_spark import predict_on_spark
    from aims_gates.mlflow_plugin.client.systems import local_plan, positive_label

    plan, _ = local_plan(settings, record)
    if isinstance(plan, Exception):
        raise plan
    if weaker("spark", plan.isolation or "none"):
        raise InputError(
            f"your profile requires that models run in isolation, at least {plan.isolation}, and Spark's workers give "
            "none",
            where="--engine spark",
            remedy=f"Predict without --engine spark: --isolation {plan.isolation}.",
        )
    return predict_on_spark(
        folder, place, out, positive=positive_label(record), prediction=record.columns().get("prediction", ())
    )


def _compare(out: Path, isolation: str, folder: Path, place: str, _: "SystemRecord") -> "PredictionTable":
    """A table that was written without a key, compared with its statement; isolated as its signer vouches."""
    from aims_gates.mlflow_plugin.client.prediction_statements import confirmed, read_unsigned, vouched

    return vouched(confirmed(out, read_unsigned(out), folder, place), isolation)


def _tell(table: "PredictionTable", beside: Path, model: str, *, signed: bool) -> None:
    """Say what was written, and how to sign it where that is left to do."""
    echo(f"wrote {table.path} ({table.rows} rows, {table.output}) and {beside}")
    echo(table.isolation.said(), err=True)
    if not signed:
        apart = () if table.isolation.kind == "spark" else ("--isolation", table.isolation.kind)
        options = ("--sign", table.path.name, *apart)
        line = f"aims-gates predict --model {quoted(model, *options)}"
        echo(f"Unsigned. Sign it where the key is: {line}", err=True)


def _keep(out: Path, statement: "Statement", signing: "Key | None", settings: Settings) -> Path:
    """Leave the statement beside its table, signed and recorded where there is a key."""
    from aims_gates.attestation.signing.envelope import sign
    from aims_gates.ledger import append
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.mlflow_plugin.client.check_context import CheckContext
    from aims_gates.mlflow_plugin.client.prediction_statements import write_signed, write_unsigned

    if signing is None:
        return write_unsigned(out, statement)
    envelope = sign(statement, signing)
    if CheckContext(settings).gated:
        with open_ledger(settings.need_registry(), write=True) as connection:
            append(connection, envelope, datetime.now(UTC))
    return write_signed(out, envelope)
