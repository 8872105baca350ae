"""``aims-gates report``: the Statement of Applicability, control coverage, and pages for one audience each."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.cli import datasets
from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.cli.report_bias_audit import bias_audit
from aims_gates.cli.report_pages import add_pages
from aims_gates.cli.report_validation import validation
from aims_gates.documents.canonical import plain
from aims_gates.documents.shell import invocation
from aims_gates.errors import InputError
from aims_gates.model import ModelRef
from aims_gates.reports.tables import FORMATS
from aims_gates.settings import Settings

__all__ = ["command"]

_FORMATS = click.Choice((*FORMATS, "json"))
_SUFFIXES = {".csv": "csv", ".md": "md", ".html": "html", ".htm": "html", ".json": "json"}


@click.group()
def command() -> None:
    """The Statement of Applicability, control coverage, and pages for one audience each."""


add_pages(command)
command.add_command(datasets.report)
command.add_command(validation)
command.add_command(bias_audit)


@command.command("soa")
@click.option("--format", "how", type=_FORMATS, help="Default: by the suffix of --out, else md.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, not on standard output.")
@settings_options
def soa(how: str | None, out: Path | None, settings: Settings) -> int:
    """The Statement of Applicability: 38 controls and your own, whether each applies, why, what shows it.

    Reasons come from the record organization/statement_of_applicability, else from the profiles that require a control.
    The exit code is 3 where a row has no reason, names neither a risk nor a demand, or contradicts a profile.
    """
    from aims_gates.portfolio import statement_of_applicability
    from aims_gates.portfolio.gather import gather
    from aims_gates.portfolio.soa import strangers
    from aims_gates.reports import put

    now = datetime.now(UTC)
    gathered = gather(settings, now)
    record = _record(gathered.folders)
    rows = statement_of_applicability(record, gathered.plans.values(), gathered.seen)
    how = how or _SUFFIXES.get(out.suffix.lower() if out else "", "md")
    text = _json(rows, record, now) if how == "json" else _table(rows, record, now, how)
    if out is None:
        click.echo(text.rstrip("\n"))
    else:
        click.echo(f"wrote {put(text, out)}", err=True)
    for problem in dict.fromkeys(row.problem for row in rows if row.problem):
        message = ", ".join(row.control for row in rows if row.problem == problem)
        click.echo(f"aims-gates: {message}: {problem}", err=True)
    unknown = strangers(record)
    if unknown:
        click.echo(f"aims-gates: the record has rows for what is no control: {', '.join(unknown)}", err=True)
    return 3 if unknown or any(row.problem for row in rows) else 0


def _record(packs: tuple[Path, ...]) -> Mapping[str, Any] | None:
    """The organization's record; None where there is none.

    Raises:
        InputError: two packs hold one.
    """
    from aims_gates.governance.records.reader import read_record, record_files

    files = [record_files(pack / "records" / "organization") for pack in packs]
    paths = [file["statement_of_applicability"] for file in files if "statement_of_applicability" in file]
    if len(paths) > 1:
        where = ", ".join(map(str, paths))
        raise InputError("an organization has one statement of applicability", where=where, remedy="Keep one of them.")
    return read_record(paths[0]).value if paths else None


def _facts(record: Mapping[str, Any] | None, now: datetime) -> dict[str, str]:
    statement = record or {}
    facts = {
        name: str(statement.get(name) or "") for name in ("version", "owner", "approver", "approved_on", "next_review")
    }
    return {"as_of": now.date().isoformat(), **facts}


def _json(rows: tuple[Any, ...], record: Mapping[str, Any] | None, now: datetime) -> str:
    value = {**_facts(record, now), "rows": [plain(row) for row in rows]}
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _table(rows: tuple[Any, ...], record: Mapping[str, Any] | None, now: datetime, how: str) -> str:
    from aims_gates.reports.tables import ReportTable, render_table

    answers = {True: "yes", False: "no", None: "not decided"}

    def shown(digests: tuple[str, ...]) -> str:
        return " ".join(digests if how == "csv" else (digest[7:19] for digest in digests))

    cells = tuple(
        (
            row.control, row.title, answers[row.applicable], row.reason, row.source, "; ".join(row.called_for),
            row.recorded, row.implementation, "; ".join(row.evidenced_by), row.since, row.until,
            ", ".join(f"{name}: {state}" for name, state in row.models.items()), shown(row.statements), row.problem,
        )
        for row in rows
    )  # fmt: skip
    headings = (
        "Control", "Title", "Applicable", "Reason", "Reason from", "Called for by", "State recorded",
        "Shown by evidence", "Evidence named", "Evidence since", "Counts until", "Models", "Statements", "To fix",
    )  # fmt: skip
    facts = {name.replace("_", " ").capitalize(): value for name, value in _facts(record, now).items()}
    note = (
        "Titles after ISO/IEC 42001:2023, Annex A; ids with X are controls of our own. What evidence shows is about "
        "the bound models and the criteria of their profiles; it certifies nobody. Each statement is in the ledger: "
        "aims-gates ledger export FILE."
    )
    return render_table(ReportTable("Statement of Applicability", facts, headings, cells, (note,)), how)


@command.command("coverage")
@click.argument("name")
@click.argument("version")
@settings_options
@as_json
def coverage(name: str, version: str, settings: Settings, json_: bool) -> int:
    """Every control required of a version: what is missing, who owns it, by when, and the next command.

    The exit code is 3 where something is missing.
    """
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.portfolio import coverage as covered
    from aims_gates.portfolio import due_of, view
    from aims_gates.portfolio.gather import system_of

    now = datetime.now(UTC)
    with open_ledger(settings.need_registry()) as connection:
        model = view(connection, settings.workspace, name, now, version)
    if model.plan is None:
        remedy = f"Bind it: {invocation('bind', name, options='--system SYSTEM --key POLICY.key')}"
        raise InputError(f"{name!r} {model.ledger.unbound()}", remedy=remedy)
    record = system_of(settings, model.plan.system)
    rows = covered(model, due_of(model), record.records if record is not None else {})
    emit([plain(row) for row in rows], json_, lambda: _covered(rows, ModelRef(settings.workspace, name, version)))
    return 3 if any(row.missing for row in rows) else 0


def _covered(rows: tuple[Any, ...], ref: ModelRef) -> str:
    cells = [
        (
            row.control,
            row.title,
            row.state,
            row.owner,
            row.by or "-",
            row.reason if row.missing else "-",
            row.next or "-",
        )
        for row in rows
    ]
    missing = sum(row.missing for row in rows)
    message = f"{ref.name} version {ref.version}: {missing} of {len(rows)} required controls missing"
    return f"{message}\n\n{table(('CONTROL', 'TITLE', 'STATE', 'OWNER', 'BY', 'MISSING', 'NEXT'), cells)}"
