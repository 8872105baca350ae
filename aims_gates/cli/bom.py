"""``aims-gates bom``: a version's bill of materials."""

from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import click

from aims_gates.cli.options import settings_options
from aims_gates.errors import InputError
from aims_gates.reports.bom import Parts, bill, unknown_suppliers
from aims_gates.settings import Settings

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.argument("version")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, not on standard output.")
@click.option("--serial", type=click.UUID, help="Its serial number. Default: made from the content.")
@settings_options
def command(name: str, version: str, out: Path | None, serial: UUID | None, settings: Settings) -> None:
    """The bill of materials of a version: CycloneDX 1.6, from signed evidence and records, the same bytes each time.

    It holds the model with its digest, data sets with theirs, libraries, tools, what suppliers deliver, compute and
    roles.
    """
    from aims_gates.reports import put

    text = bill(_parts(settings, name, version), serial)
    if out is None:
        click.echo(text.rstrip("\n"))
    else:
        click.echo(f"wrote {put(text, out)}", err=True)


def _parts(settings: Settings, name: str, version: str) -> Parts:
    from aims_gates.governance.records.reader import read_record, record_files
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.portfolio import view
    from aims_gates.portfolio.gather import system_of

    now = datetime.now(UTC)
    with open_ledger(settings.need_registry()) as connection:
        model = view(connection, settings.workspace, name, now, version)
    if model.plan is None or model.subject is None:
        what = (
            "its bytes: nothing was said about them yet"
            if model.plan
            else f"its system: {name!r} {model.ledger.unbound()}"
        )
        remedy = f"Run: aims-gates check --model {name} --version {version}"
        raise InputError(f"the ledger does not know {what}", where=f"{name} {version}", remedy=remedy)
    record = system_of(settings, model.plan.system)
    records = dict(record.records) if record is not None else {}
    for place, supplier in unknown_suppliers(records) if record is not None else ():
        assert record is not None
        document = read_record(record_files(record.folder)["components"])
        remedy = "Add the supplier to organization/suppliers, or mend its name."
        raise document.error(
            ("components", place, "supplier"), f"there is no record of the supplier {supplier!r}", remedy
        )
    counted = [model.ledger.count(model.plan, step, model.subject, now) for step in model.plan.steps if step.applies]
    evidence = {
        evidence_count.row.digest: evidence_count.evidence
        for evidence_count in counted
        if evidence_count.row is not None
        and evidence_count.evidence is not None
        and evidence_count.standing != "missing"
    }
    purpose = record.system.purpose if record is not None else ""
    return Parts(name, version, model.subject, model.plan.system, model.plan.tier, purpose, evidence, records)
