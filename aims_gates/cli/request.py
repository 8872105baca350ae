"""``aims-gates request``: open, list, show and withdraw requests for promotion."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.canonical import plain
from aims_gates.cli.options import as_json, emit, key_option, progress, settings_options, table
from aims_gates.errors import InputError
from aims_gates.evidence import sign
from aims_gates.model import Subject
from aims_gates.predicates import Request, Withdrawal, say, type_of
from aims_gates.settings import Settings, signer
from aims_gates.trust import Row

__all__ = ["command", "find_request", "standing_request"]


@click.group()
def command() -> None:
    """Open, list, show or withdraw a request for promotion."""


def _requests(settings: Settings) -> tuple[list[Row], Any]:
    from aims_gates.ledger import history, rows
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.ledger.table import all_terms

    with open_ledger(settings.need_registry()) as connection:
        past = history(connection)
        found = list(rows(connection, all_terms(connection, "model "), past.keys()))
    return [row for row in found if row.type == type_of(Request)], past


def find_request(settings: Settings, short: str) -> Row:
    """The request whose digest begins like this (with or without ``sha256:``).

    Raises:
        InputError: none does, or more than one.
    """
    start = short.removeprefix("sha256:").lower()
    found = [row for row in _requests(settings)[0] if start and row.digest.removeprefix("sha256:").startswith(start)]
    if len(found) != 1:
        said = "more than one request begins" if found else "no request begins"
        raise InputError(f"{said} with {short!r}", remedy="See: aims-gates request list")
    return found[0]


def standing_request(settings: Settings, short: str) -> Row:
    """As :func:`find_request`, for somebody who wants to answer it.

    Raises:
        InputError: it was withdrawn or replaced, or the model was halted since.
    """
    row = find_request(settings, short)
    state = _state(settings, row)
    if state != "open":
        asked = row.predicate
        remedy = f"Open a new one: aims-gates request open {asked.name} {asked.version} --key YOUR.key"
        raise InputError(f"the request {row.digest[7:19]} is {state}", remedy=remedy)
    return row


def _state(settings: Settings, row: Row) -> str:
    from aims_gates.authority import about
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.standing import Ledger

    asked = row.predicate
    with open_ledger(settings.need_registry()) as connection:
        ledger = Ledger(about(connection, asked.workspace, asked.name), asked.workspace, asked.name)
    latest = ledger.asked(asked.version)
    if latest is None or latest.digest != row.digest:
        return "replaced by a later one"
    if ledger.rejection(row) is not None:
        return "rejected"
    if any(grant.predicate.request == row.digest for grant in ledger.grants()):
        return "granted"
    return "open" if ledger.request(asked.version) is not None else "withdrawn, revoked or ended by a halt"


@command.command("open")
@click.argument("name")
@click.argument("version")
@click.option("--reason", default="", help="Why this version; approvers read it.")
@key_option
@settings_options
@as_json
def open_(name: str, version: str, reason: str, key: Path | None, settings: Settings, json_: bool) -> None:
    """Stage a version's bytes and ask for its promotion: subject, plan and evidence are frozen for approvers."""
    signing = signer(settings, key)
    with progress() as told:
        from aims_gates.registry.names import version_number
        from aims_gates.registry.release import open_request, use

        use(settings)
        staging = None if told is None else (lambda done, total: told(f"staging {done} of {total} bytes", 0, 0))
        row = open_request(settings, name, str(version_number(version)), signing, reason, staging)
    emit(_shown(row), json_, lambda: f"request {row.digest[7:19]} is open for {name} version {version}\n{_lines(row)}")


@command.command("list")
@settings_options
@as_json
def list_(settings: Settings, json_: bool) -> None:
    """Every request, newest first."""
    found, past = _requests(settings)
    rows = [_shown(row) | {"by": [entry.person for entry in past.holders(row)]} for row in reversed(found)]
    shown = [(r["id"][7:19], r["name"], r["version"], ", ".join(r["by"]), r["at"]) for r in rows]
    emit(rows, json_, lambda: table(("REQUEST", "MODEL", "VERSION", "BY", "OPENED"), shown))


@command.command("show")
@click.argument("request")
@settings_options
@as_json
def show(request: str, settings: Settings, json_: bool) -> None:
    """One request: what is asked, on which evidence, and what changed since the last grant."""
    row = find_request(settings, request)
    state, asked = _state(settings, row), row.predicate
    due = f"  see       aims-gates explain {asked.name} {asked.version} --to production"
    emit(_shown(row) | {"state": state}, json_, lambda: f"request {row.digest} is {state}\n{_lines(row)}\n{due}")


@command.command("withdraw")
@click.argument("request")
@click.option("--reason", required=True, help="Why.")
@key_option
@settings_options
def withdraw(request: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Take a request back."""
    from aims_gates.ledger import append
    from aims_gates.ledger.connect import open_ledger

    signing, row = signer(settings, key), find_request(settings, request)
    said = say(Withdrawal(row.digest, reason), Subject("model", row.predicate.digest, row.predicate.name))
    with open_ledger(settings.need_registry(), write=True) as connection:
        append(connection, sign(said, signing), datetime.now(UTC))
    click.echo(f"request {row.digest[7:19]} is withdrawn")


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": row.digest,
        "at": row.at.isoformat(timespec="seconds"),
        "position": row.position,
        **plain(row.predicate),
    }


def _lines(row: Row) -> str:
    asked: Request = row.predicate
    lines = [
        f"  model     {asked.name} version {asked.version}",
        f"  subject   {asked.digest}",
        f"  plan      {asked.plan}",
    ]
    # One line each: whoever asks must not write lines of ours.
    lines += [f"  reason    {' '.join(asked.reason.split())}"] if asked.reason else []
    lines += [f"  changed   {' '.join(each.split())}" for each in asked.changes]
    for each in asked.evidence:
        worst = ", ".join(f"{control} {outcome}" for control, outcome in sorted(each.outcomes.items()))
        lines.append(f"  evidence  {each.gate}: {worst}  ({each.statement[7:19]})")
    return "\n".join(lines)
