"""``aims-gates records``: list, start and check the records of your packs."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import click

from aims_gates.cli import record_approvals
from aims_gates.cli.fill import fill_records
from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.cli.probe import probe
from aims_gates.cli.refresh import refresh
from aims_gates.documents.files import write_new
from aims_gates.errors import InputError, NoLedgerError
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.record_schemas.template import template
from aims_gates.governance.records.known import known_from_records
from aims_gates.governance.records.lint import check_packs
from aims_gates.governance.records.reader import find_system, record_files, system_names
from aims_gates.governance.records.skeleton import skeleton
from aims_gates.ledger import history
from aims_gates.ledger.connect import open_ledger
from aims_gates.portfolio.people import unlisted_people
from aims_gates.settings import Settings

__all__ = ["command"]

Tier = Literal["high", "limited", "minimal"]


@click.group()
def command() -> None:
    """List, start and check records: policies, roles, assessments, plans."""


command.add_command(fill_records, "fill")


command.add_command(record_approvals.submit)
command.add_command(record_approvals.approve)
command.add_command(record_approvals.status)
command.add_command(record_approvals.show)
command.add_command(refresh)
command.add_command(probe)


@command.command("list")
@settings_options
@as_json
def list_records(settings: Settings, json_: bool) -> None:
    """Every record there is a shape for, what it is, and where it lies (or that it is missing)."""
    rows = [
        {"name": name, "about": (shape.__doc__ or "").strip(), "files": [str(path) for path in _found(settings, name)]}
        for name, shape in SHAPES.items()
    ]
    shown = [(str(row["name"]), str(len(row["files"]) or "-"), str(row["about"])) for row in rows]
    emit(rows, json_, lambda: table(("RECORD", "FILES", "ABOUT"), shown))


def _found(settings: Settings, name: str) -> list[Path]:
    group, stem = name.split("/")
    folders = [
        folder
        for pack in settings.packs
        for folder in (
            [pack / "records" / "organization"]
            if group == "organization"
            else [pack / "records" / "systems" / system_name for system_name in system_names(pack)]
        )
    ]
    return [path for folder in folders for name, path in record_files(folder).items() if name == stem]


def _full(name: str) -> str:
    """The record's full name; its last part alone will do where it is the only one.

    Raises:
        InputError: there is no such record, or more than one.
    """
    if name in SHAPES:
        return name
    shapes = [shape for shape in SHAPES if shape.split("/")[1] == name]
    if len(shapes) == 1:
        return shapes[0]
    if name.removeprefix("system/") == "classification":
        raise InputError("a classification is made by questions", remedy="Run: aims-gates classify --system NAME")
    if name.removeprefix("system/") in ("requirements", "card", "system"):
        raise InputError(f"{name!r} comes with its system", remedy="Run: aims-gates init --system NAME --tier TIER")
    remedy = f"Choose from: {', '.join(shapes or SHAPES)}."
    raise InputError(f"there {'are two records' if shapes else 'is no record'} {name!r}", remedy=remedy)


@command.command("new")
@click.argument("name", required=False)
@click.option(
    "--due", is_flag=True, help="Every record that the profile of the system NAME requires and that is not there."
)
@click.option("--tier", type=click.Choice(["high", "limited", "minimal"]), help="With --due: as if it had this tier.")
@click.option("--folder", type=click.Path(path_type=Path, file_okay=False, exists=True), help="With --due: the pack.")
@click.option("--system", help="The system it is for. Default: the only one there is.")
@click.option("--print", "shows", is_flag=True, help="Print it, write nothing.")
@settings_options
@as_json
def new(
    name: str | None,
    due: bool,
    tier: Tier | None,
    folder: Path | None,
    system: str | None,
    shows: bool,
    settings: Settings,
    json_: bool,
) -> None:
    """Write a template of the record NAME that says what each field is for. An existing file is never touched.

    With --due, write every record that a system's profile requires: what its file, other records, its profile and its
    data say is filled in, and what several records need stands open once (`aims-gates records fill` asks for the rest).
    A record's list of what has happened (tests, drills, reviews) is left out until it has.
    """
    if due:
        _new_due(folder, name or system, tier, settings, json_)
        return
    if tier is not None or folder is not None:
        raise InputError("--tier and --folder go with --due", remedy="Add --due, or name the pack with --pack.")
    if name is None:
        raise InputError("no record is named", remedy="Name one, or write all that are required: --due")
    full = _full(name)
    if shows:
        click.echo(template(full, SHAPES[full]), nl=False)
    else:
        _new_one(full, _folder(settings, full.split("/")[0], system))


def _new_one(name: str, folder: Path) -> None:
    """Write one record, with what the records that are there say already."""
    group, stem = name.split("/")
    taken = record_files(folder).get(stem)
    if taken is not None:
        raise InputError("the record is already there", where=str(taken), remedy="Edit it.")
    system = folder.name if group == "system" else ""
    known = {"system": system, **known_from_records(folder.parents[1 if group == "organization" else 2], system)}
    text = skeleton(name, known, datetime.now(UTC).date())
    file = write_new(folder / f"{stem}{'.md' if text.startswith('---') else '.yaml'}", text)
    click.echo(f"wrote {file}\nFill in every REPLACE (aims-gates records fill), then: aims-gates records validate")


def _new_due(folder: Path | None, system: str | None, tier: Tier | None, settings: Settings, json_: bool) -> None:
    """Write what is due and say what is open in it."""
    from aims_gates.governance.records.placeholders import counts, placeholders
    from aims_gates.setup.due_records import write_due

    packs = [folder, *settings.packs] if folder is not None else list(settings.packs)
    name = _system(packs[:1] if folder is not None else packs, system)
    pack = find_system(packs[:1] if folder is not None else packs, name)
    records = write_due(pack, name, packs, datetime.now(UTC).date(), tier=tier)
    questions = placeholders(pack)
    blanks = Counter(spot.file for question in questions for spot in question.spots)
    rows = [
        {
            "record": record.name,
            "file": str(record.file),
            "owner": record.owner,
            "gates": list(record.gates),
            "written": record.written,
            "open": blanks[record.file],
            "command": record.command or None,
        }
        for record in records
    ]
    number = counts(questions)

    def text() -> str:
        lines = [
            (
                str(record.file),
                record.owner,
                "written" if record.written else record.command or "there",
                str(blanks[record.file]),
            )
            for record in records
        ]
        total = f"{number['typed']} values to answer once each, {number['proposed']} proposed and to confirm"
        own = pack / "records" / "systems" / name / "system.yaml"
        first = [f"Begin with {own}: new records take over what it says."] if blanks[own] else []
        shown = table(("FILE", "OWNER", "", "OPEN"), lines)
        return "\n".join([shown, "", f"{total}.", *first, "Next: aims-gates records fill"])

    emit({"records": rows, "open": number}, json_, text)


def _system(packs: list[Path], name: str | None) -> str:
    """The system that is named, or the only one there is."""
    known = sorted({system_name for pack in packs for system_name in system_names(pack)})
    if name is None and len(known) != 1:
        message = f"there are {len(known)} systems here, and none is named"
        raise InputError(message, remedy=f"Name one with --system (systems here: {', '.join(known) or 'none'}).")
    return name or known[0]


def _folder(settings: Settings, group: str, system: str | None) -> Path:
    packs = list(settings.packs)
    if not packs:
        raise InputError("no pack is named", remedy="Name one with --pack, or start one: aims-gates init")
    if group == "organization":
        return packs[0] / "records" / "organization"
    name = _system(packs, system)
    return find_system(packs, name) / "records" / "systems" / name


@command.command("validate")
@settings_options
@as_json
def validate(settings: Settings, json_: bool) -> int:
    """Check every record: shape, dates, and where records contradict each other. Exit code 1 where any does.

    Where the registry has a trust list, people whom records name have to be on it.
    """
    errors = [*check_packs(settings.packs, datetime.now(UTC).date()), *_unlisted(settings)]
    rows = [{"where": error.where, "message": error.message, "remedy": error.remedy} for error in errors]
    emit(rows, json_, lambda: "\n".join(map(str, errors)) or "no problems")
    return 1 if errors else 0


def _unlisted(settings: Settings) -> list[InputError]:
    """People in records who are on no trust list; where there is none at hand, a warning alone."""
    trust = None
    if settings.registry is not None:
        try:
            with open_ledger(settings.registry) as ledger:
                trust = history(ledger).current()
        except NoLedgerError:
            pass
    if trust is None:
        click.echo("warning: no registry with a trust list is at hand; nobody in the records was looked up", err=True)
        return []
    return unlisted_people(settings.packs, trust)
