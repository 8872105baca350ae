"""``aims-gates predict``: the signed prediction table that trusted evidence must cite."""

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from aims_gates.cli.options import echo, key_option, progress, settings_options
from aims_gates.errors import InputError
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@click.command()
@click.option("--model", required=True, help="A registered model's name (with --version), or a model address.")
@click.option("--version", help="The registered version's number.")
@click.option("--system", help="The system, by name. Default: the one that lists the model.")
@click.option("--data", help="The evaluation set: a file, folder, glob or table. Default: the system's own.")
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), required=True, help="The Parquet table to write."
)
@click.option(
    "--perturb",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="Predict perturbed copies too, as this file says (docs/perturbations.md).",
)
@key_option
@settings_options
def command(
    model: str,
    version: str | None,
    system: str | None,
    data: str | None,
    out: Path,
    perturb: Path | None,
    key: Path | None,
    settings: Settings,
) -> None:
    """Run a model over its evaluation set in a process of its own; write and sign the prediction table.

    Writes OUT and OUT.dsse.json (with --perturb OUT's name with .perturbed and .attacks besides, and their digests in
    the same statement), and records the statement where the registry is gated.
    """
    signing = signer(settings, key)
    with progress() as told:
        if told is not None:
            told("predicting", 0, 0)
        from aims_gates.evidence import sign
        from aims_gates.ledger import append
        from aims_gates.ledger.connect import open_ledger
        from aims_gates.model import Subject
        from aims_gates.predicates import Predictions, say
        from aims_gates.registry.check import Desk, positive_label, system_of
        from aims_gates.registry.perturb import read_perturbations
        from aims_gates.registry.predict import predict_table
        from aims_gates.registry.release import use
        from aims_gates.registry.subjects import local_folder
        from aims_gates.registry.targets import find_target

        use(settings)
        asked = read_perturbations(perturb) if perturb else None
        target = find_target(model=model, version=version)
        record = system_of(settings, system, target.name)
        place = data or record.location("evaluation")
        if place is None:
            raise InputError(
                "the system names no evaluation data", where=record.document.where, remedy="Pass --data FILE."
            )
        with local_folder(target.address) as folder:
            table = predict_table(folder, place, out, positive=positive_label(record), perturbations=asked)
    tables = {role: found for role, (_, found) in table.tables.items()}
    now = datetime.now(UTC).isoformat(timespec="seconds")
    said = Predictions(table.data, table.output, table.rows, now, target.facts, tables)
    envelope = sign(say(said, Subject("model", table.subject, target.name or model)), signing)
    if Desk(settings).gated:
        with open_ledger(settings.need_registry(), write=True) as connection:
            append(connection, envelope, datetime.now(UTC))
    beside = out.with_name(f"{out.name}.dsse.json")
    beside.write_text(json.dumps(envelope.to_json(), indent=1), encoding="utf-8")
    echo(f"wrote {out} ({table.rows} rows, {table.output}) and {beside}")
