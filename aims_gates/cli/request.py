"""``aims-gates request``: open, list, show and withdraw requests for promotion."""

from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.statements.people import Request
from aims_gates.attestation.trust_list import Row
from aims_gates.cli.options import as_json, echo, emit, key_option, progress, settings_options, staged_bytes, table
from aims_gates.cli.signed import attested, by_server, state
from aims_gates.documents.canonical import plain
from aims_gates.documents.shell import invocation
from aims_gates.ledger import history
from aims_gates.ledger.connect import open_ledger
from aims_gates.model import ModelRef
from aims_gates.settings import Settings, signer
from aims_gates.workflow import requests as acts

__all__ = ["command", "find_request", "standing_request"]


@click.group()
def command() -> None:
    """Open, list, show or withdraw a request for promotion."""


def find_request(settings: Settings, short: str) -> Row:
    """The request whose digest begins like this (with or without ``sha256:``).

    Raises:
        NotFoundError: none does, or more than one.
    """
    with open_ledger(settings.need_registry()) as ledger:
        return acts.find_request(ledger, short)


def standing_request(settings: Settings, short: str) -> Row:
    """As :func:`find_request`, for somebody who wants to answer it.

    Raises:
        InputError: it was withdrawn or replaced, or the model was halted since.
    """
    with open_ledger(settings.need_registry()) as ledger:
        return acts.standing_request(ledger, short)


@command.command("open")
@click.argument("name")
@click.argument("version")
@click.option("--reason", default="", help="Why this version; approvers read it.")
@click.option(
    "--replaced",
    default="",
    metavar="WHY",
    help="Why data on which a gate failed were replaced; approvers read it beside both results.",
)
@key_option
@settings_options
@as_json
def open_(
    name: str, version: str, reason: str, replaced: str, key: Path | None, settings: Settings, json_: bool
) -> None:
    """Stage a version's bytes and ask for its promotion: subject, plan and evidence are frozen for approvers.

    What was tried since the last grant and did not pass is written into it. Where a gate failed on data that were
    replaced since, its control stays unmet until --replaced says why.
    """
    signing = None if by_server(settings, key) else signer(settings, key)
    with progress() as report_progress:
        from aims_gates.mlflow_plugin.client.release import open_request, use
        from aims_gates.mlflow_plugin.store.governed_names import version_number

        use(settings)
        number = str(version_number(version))
        if signing is None:
            body = {"name": name, "version": number, "reason": reason, "replaced": replaced}
            done = attested(settings, "/requests", body)
            row = find_request(settings, done.statement)
        else:
            ref = ModelRef(settings.workspace, name, number)
            row = open_request(settings, ref, signing, reason, staged_bytes(report_progress), replaced)
    emit(_shown(row), json_, lambda: f"request {row.digest[7:19]} is open for {name} version {version}\n{_lines(row)}")


@command.command("list")
@settings_options
@as_json
def list_(settings: Settings, json_: bool) -> None:
    """Every request, newest first."""
    with open_ledger(settings.need_registry()) as ledger:
        requests, past = acts.requests(ledger), history(ledger)
    rows = [_shown(row) | {"by": [entry.person for entry in past.holders(row)]} for row in reversed(requests)]
    shown = [(r["id"][7:19], r["name"], r["version"], ", ".join(r["by"]), r["at"]) for r in rows]
    emit(rows, json_, lambda: table(("REQUEST", "MODEL", "VERSION", "BY", "OPENED"), shown))


@command.command("show")
@click.argument("request")
@settings_options
@as_json
def show(request: str, settings: Settings, json_: bool) -> None:
    """One request: what is asked, on which evidence, and what changed since the last grant."""
    with open_ledger(settings.need_registry()) as ledger:
        row = acts.find_request(ledger, request)
        standing, predicate = acts.request_state(ledger, row), row.predicate
    due = f"  see       {invocation('explain', predicate.name, predicate.version, options='--to production')}"
    emit(_shown(row) | {"state": standing}, json_, lambda: f"request {row.digest} is {standing}\n{_lines(row)}\n{due}")


@command.command("withdraw")
@click.argument("request")
@click.option("--reason", required=True, help="Why.")
@key_option
@settings_options
def withdraw(request: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Take a request back."""
    digest = find_request(settings, request).digest
    predicate = {"reason": reason}
    state(
        settings, key, lambda ledger: acts.withdraw(ledger, digest, reason), f"/requests/{digest}/withdraw", predicate
    )
    echo(f"request {digest[7:19]} is withdrawn")


def _shown(row: Row) -> dict[str, Any]:
    return {
        "id": row.digest,
        "at": row.at.isoformat(timespec="seconds"),
        "position": row.position,
        **plain(row.predicate),
    }


def _lines(row: Row) -> str:
    request: Request = row.predicate
    lines = [
        f"  model     {request.name} version {request.version}",
        f"  subject   {request.digest}",
        f"  plan      {request.plan}",
    ]
    # One line each: whoever asks must not write lines of ours.
    lines += [f"  reason    {' '.join(request.reason.split())}"] if request.reason else []
    lines += [f"  changed   {' '.join(change.split())}" for change in request.changes]
    lines += [f"  replaced  {' '.join(request.replaced.split())}"] if request.replaced else []
    for frozen in request.evidence:
        worst = ", ".join(f"{control} {outcome}" for control, outcome in sorted(frozen.outcomes.items()))
        lines.append(f"  evidence  {frozen.gate}: {worst}  ({frozen.statement[7:19]})")
    return "\n".join(lines)
