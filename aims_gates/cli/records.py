"""``aims-gates records``: list, start and check the records of your packs."""

from datetime import UTC, datetime
from pathlib import Path

import click

from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.documents.files import write_new
from aims_gates.errors import InputError
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.record_schemas.template import template
from aims_gates.governance.records.lint import check_packs
from aims_gates.governance.records.reader import find_system, record_files, system_names
from aims_gates.settings import Settings

__all__ = ["command"]


@click.group()
def command() -> None:
    """List, start and check records: policies, roles, assessments, plans."""


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
@click.argument("name")
@click.option("--system", help="The system it is for. Default: the only one there is.")
@click.option("--print", "shows", is_flag=True, help="Print it, write nothing.")
@settings_options
def new(name: str, system: str | None, shows: bool, settings: Settings) -> None:
    """Write a template of the record NAME that says what each field is for. An existing file is never touched."""
    full = _full(name)
    text = template(full, SHAPES[full])
    if shows:
        click.echo(text, nl=False)
        return
    group, stem = full.split("/")
    folder = _folder(settings, group, system)
    taken = record_files(folder).get(stem)
    if taken is not None:
        raise InputError("the record is already there", where=str(taken), remedy="Edit it.")
    place = folder / f"{stem}{'.md' if text.startswith('---') else '.yaml'}"
    write_new(place, text)
    click.echo(f"wrote {place}\nFill in every REPLACE, then: aims-gates records validate")


def _folder(settings: Settings, group: str, system: str | None) -> Path:
    packs = list(settings.packs)
    if not packs:
        raise InputError("no pack is named", remedy="Name one with --pack, or start one: aims-gates init")
    if group == "organization":
        return packs[0] / "records" / "organization"
    known = sorted({system_name for pack in packs for system_name in system_names(pack)})
    if system is None and len(known) != 1:
        message = f"there are {len(known)} systems here, and none is named"
        raise InputError(message, remedy=f"Name one with --system (systems here: {', '.join(known) or 'none'}).")
    name = system or known[0]
    return find_system(packs, name) / "records" / "systems" / name


@command.command("validate")
@settings_options
@as_json
def validate(settings: Settings, json_: bool) -> int:
    """Check every record: shape, dates, and where records contradict each other. Exit code 1 where any does."""
    errors = check_packs(settings.packs, datetime.now(UTC).date())
    rows = [{"where": error.where, "message": error.message, "remedy": error.remedy} for error in errors]
    emit(rows, json_, lambda: "\n".join(map(str, errors)) or "no problems")
    return 1 if errors else 0
