"""``aims-gates report NAME``: one command for each page of the table of pages."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aims_gates.cli.options import settings_options
from aims_gates.errors import InputError
from aims_gates.reports.pages import FORMATS, PAGES
from aims_gates.settings import Settings

if TYPE_CHECKING:
    from aims_gates.reports.pages import Facts

__all__ = ["add_pages"]

_SUFFIXES = {".md": "md", ".html": "html", ".htm": "html"}


def add_pages(group: click.Group) -> None:
    """Add a command for each page."""
    for name, kind in PAGES.items():
        group.add_command(_about_version(name) if kind.about == "version" else _about_organization(name))


def _options(name: str, command: click.Command) -> click.Command:
    """What all pages share: --format and --out."""
    command.params += [
        click.Option(["--format", "how"], type=click.Choice(FORMATS), help="Default: by --out, else md."),
        click.Option(
            ["--out"],
            type=click.Path(path_type=Path, dir_okay=False),
            help="Write it there, not on standard output.",
        ),
    ]
    command.help = (
        f"{PAGES[name].summary}\n\nMade from records and signed findings; facts that are missing are named, and "
        "nothing is written."
    )
    return command


def _about_version(name: str) -> click.Command:
    @click.command(name)
    @click.argument("model")
    @click.argument("version")
    @settings_options
    def command(model: str, version: str, how: str | None, out: Path | None, settings: Settings) -> None:
        _write(name, of_version(settings, model, version), how, out)

    return _options(name, command)


def _about_organization(name: str) -> click.Command:
    @click.command(name)
    @settings_options
    def command(how: str | None, out: Path | None, settings: Settings) -> None:
        _write(name, of_organization(settings), how, out)

    return _options(name, command)


def _write(name: str, facts: "Facts", how: str | None, out: Path | None) -> None:
    from aims_gates.reports import put
    from aims_gates.reports.pages import make, render_page

    text = render_page(make(name, facts), how or _SUFFIXES.get(out.suffix.lower() if out else "", "md"))
    if out is None:
        click.echo(text.rstrip("\n"))
    else:
        click.echo(f"wrote {put(text, out)}", err=True)


def of_version(settings: Settings, model: str, version: str) -> "Facts":
    """The facts of one version: the records of its system, and what the ledger says of it."""
    from aims_gates.governance.records.reader import find_system, read_system
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.portfolio import view
    from aims_gates.reports.pages import Facts

    now = datetime.now(UTC)
    with open_ledger(settings.need_registry()) as connection:
        visited = view(connection, settings.workspace, model, now, version)
    facts = Facts(now, {}, seen=visited)
    plan = facts.version().plan
    assert plan is not None
    pack = find_system(list(settings.packs), plan.system)
    record = read_system(pack, plan.system)
    places = {name: str(path) for name, path in _files(pack, plan.system).items()}
    return Facts(now, record.records, places, record, visited, (record,), {plan.system: plan})


def of_organization(settings: Settings) -> "Facts":
    """The facts of the organization: its records, every system, and what the files say is due of each."""
    from aims_gates.governance.records.reader import read_record, read_system
    from aims_gates.portfolio.gather import gather
    from aims_gates.reports.pages import Facts

    now = datetime.now(UTC)
    gathered = gather(settings, now)
    systems = tuple(read_system(system_record.pack, system_record.system.name) for system_record in gathered.systems)
    records: dict[str, Mapping[str, Any]] = {}
    places: dict[str, str] = {}
    for pack in settings.packs:
        for name, path in _files(pack).items():
            if name in records:
                remedy = "An organization has one; keep one of them."
                raise InputError(f"the record {name} is also in {places[name]}", where=str(path), remedy=remedy)
            records[name], places[name] = read_record(path).value, str(path)
    return Facts(now, records, places, systems=systems, plans=gathered.plans, views=gathered.seen)


def _files(pack: Path, system: str | None = None) -> dict[str, Path]:
    """The files of the organization's records and of a system's, by the records' names."""
    from aims_gates.governance.records.reader import record_files

    root = pack / "records"
    own = record_files(root / "systems" / system) if system is not None else {}
    shared = {f"organization/{name}": path for name, path in record_files(root / "organization").items()}
    shared.pop("organization/defaults", None)
    return shared | own
