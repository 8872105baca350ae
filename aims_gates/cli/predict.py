"""``aims-gates predict``: the signed prediction table that trusted evidence must cite."""

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aims_gates.cli.options import echo, isolation_option, key_option, progress, settings_options
from aims_gates.errors import InputError
from aims_gates.settings import Settings, maybe_signer, signer

if TYPE_CHECKING:
    from aims_gates.attestation.signing.envelope import Statement
    from aims_gates.attestation.signing.keys import Key

__all__ = ["command"]

_FILE = click.Path(path_type=Path, dir_okay=False)
_READ = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.option("--model", required=True, help="A registered model's name (with --version), or a model address.")
@click.option("--version", help="The registered version's number.")
@click.option("--system", help="The system, by name. Default: the one that lists the model.")
@click.option("--data", help="The evaluation set: a file, folder, glob or table. Default: the system's own.")
@click.option("--out", type=_FILE, help="The Parquet table to write.")
@click.option("--perturb", type=_READ, help="Predict perturbed copies too, as this file says (docs/perturbations.md).")
@click.option("--sign", type=_READ, help="A table written without a key: look at it again and sign it; nothing is run.")
@isolation_option
@key_option
@settings_options
def command(
    model: str,
    version: str | None,
    system: str | None,
    data: str | None,
    out: Path | None,
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
    """
    if (out is None) == (sign is None):
        raise InputError("name one table", remedy="Pass --out FILE to run the model, or --sign FILE to sign a table.")
    apart = isolation in ("container", "job") and sign is None
    signing = maybe_signer(settings, key) if apart else signer(settings, key)
    with progress() as report_progress:
        if report_progress is not None:
            report_progress("predicting" if out else "comparing", 0, 0)
        from aims_gates.mlflow_plugin.client.check import positive_label, system_of
        from aims_gates.mlflow_plugin.client.isolation import choose
        from aims_gates.mlflow_plugin.client.perturb import read_perturbations
        from aims_gates.mlflow_plugin.client.predict import predict_table
        from aims_gates.mlflow_plugin.client.prediction_statements import (
            confirmed,
            read_unsigned,
            statement_of,
            vouched,
        )
        from aims_gates.mlflow_plugin.client.release import use
        from aims_gates.mlflow_plugin.client.targets import find_target
        from aims_gates.mlflow_plugin.store.subjects import local_folder
        from aims_gates.model import Subject

        chosen = None if sign else choose(isolation, key=signing is not None)
        use(settings)
        perturbations = read_perturbations(perturb) if perturb else None
        target = find_target(model=model, version=version)
        record = system_of(settings, system, target.name)
        place = data or record.location("evaluation")
        if place is None:
            raise InputError(
                "the system names no evaluation data", where=record.document.where, remedy="Pass --data FILE."
            )
        with local_folder(target.address) as folder:
            if out is None:
                assert sign is not None
                statement = read_unsigned(sign)
                table = vouched(confirmed(sign, statement, folder, place), isolation)
            else:
                positive = positive_label(record)
                table = predict_table(
                    folder, place, out, positive=positive, perturbations=perturbations, isolation=chosen
                )
            subject = Subject("model", table.subject, target.name or model)
        # Who made the model is said by who signs, never by the step that ran it.
        statement = statement_of(table, datetime.now(UTC), target.facts, subject)
    beside = _keep(table.path, statement, signing, settings)
    echo(f"wrote {table.path} ({table.rows} rows, {table.output}) and {beside}")
    echo(table.isolation.said(), err=True)
    if signing is None:
        words = f"--sign {table.path.name} --isolation {table.isolation.kind}"
        echo(f"Unsigned. Sign it where the key is: aims-gates predict --model {model} {words}", err=True)


def _keep(out: Path, statement: "Statement", signing: "Key | None", settings: Settings) -> Path:
    """Leave the statement beside its table, signed and recorded where there is a key."""
    from aims_gates.attestation.signing.envelope import sign
    from aims_gates.ledger import append
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.mlflow_plugin.client.check import CheckContext
    from aims_gates.mlflow_plugin.client.prediction_statements import write_signed, write_unsigned

    if signing is None:
        return write_unsigned(out, statement)
    envelope = sign(statement, signing)
    if CheckContext(settings).gated:
        with open_ledger(settings.need_registry(), write=True) as connection:
            append(connection, envelope, datetime.now(UTC))
    return write_signed(out, envelope)
