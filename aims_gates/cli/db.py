"""``aims-gates db``: our tables and guards in the registry's database."""

from datetime import UTC, datetime
from pathlib import Path

import click

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.statements.policy import OpenMode
from aims_gates.attestation.statements.wording import say
from aims_gates.cli.options import as_json, echo, emit, key_option, settings_options
from aims_gates.documents.canonical import digest
from aims_gates.model import Subject
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@click.group()
def command() -> None:
    """Upgrade or check what the registry's database holds of ours; open mode."""


@command.command("upgrade")
@settings_options
def upgrade(settings: Settings) -> None:
    """Bring our tables and guards to this version; take a backup first.

    MLflow's own tables stay as they are (mlflow db upgrade; run it before, and this after it). A registry that was
    detached is guarded again, and one that never was is from here on.
    """
    from aims_gates.mlflow_plugin.store.installation import upgrade as bring

    before, after = bring(settings.need_registry())
    echo(f"migration {before or 'none'} -> {after}; every guard is in place")


@command.command("check")
@settings_options
@as_json
def check(settings: Settings, json_: bool) -> int:
    """Say whether tables and guards are those of this version.

    The exit code is 0 when they are and 5 when they are not: then nothing stops a stock server or raw SQL.
    """
    from aims_gates import database
    from aims_gates.ledger.connect import open_database

    with open_database(settings.need_registry()) as connection:
        problems = database.problems(connection)
        value = {"ok": not problems, "migration": database.current(connection), "problems": problems}
    emit(
        value, json_, lambda: "\n".join([f"x {problem}" for problem in problems] or ["tables and guards are in place"])
    )
    return 5 if problems else 0


@command.command("accept-mlflow")
@click.argument("version")
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@key_option
@settings_options
def accept_mlflow(version: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Let a server start on a minor VERSION of MLflow (3.19) that aims-gates was not tested with; role policy.

    Before you sign, read what is new there: a method that nobody has looked at may write past the gate. Where a name
    that aims-gates uses is gone or looks different, the server does not start all the same. To take it back:
    aims-gates revoke STATEMENT.
    """
    from aims_gates.mlflow_plugin.store.untested import accept

    person = accept(settings.need_registry(), version, reason, signer(settings, key))
    click.echo(f"a server may run MLflow {version}, on the word of {person}")


@command.command("open-mode")
@click.argument("switch", type=click.Choice(["on", "off"]))
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@click.option("--prompts", is_flag=True, help="For prompts alone; models stay as they are.")
@key_option
@settings_options
def open_mode(switch: str, reason: str, prompts: bool, key: Path | None, settings: Settings) -> None:
    """Switch open mode on or off; role policy. It is off until you switch it on.

    While it is on, a registered model or prompt that no system was ever bound to behaves as in stock MLflow: whoever
    may set its aliases puts it into production, unchecked. What is or was bound stays as it is. Before you switch it
    off, take in what is in production: aims-gates adopt NAME. What has no grant then no longer loads by a governed
    alias.

    With --prompts it is for prompts alone: they are governed like models, and cannot be granted on evidence yet. Of
    two orders that bear on prompts, with and without --prompts, the later one holds.
    """
    from aims_gates.ledger import append
    from aims_gates.ledger.connect import open_ledger

    order = OpenMode(switch == "on", reason, scope="prompt" if prompts else "")
    statement = say(order, Subject("organization", digest(reason), "open mode"))
    signing = signer(settings, key)
    with open_ledger(settings.need_registry(), write=True) as connection:
        append(connection, sign(statement, signing), datetime.now(UTC))
    what = "prompt" if prompts else "name"
    on = f"{what}s that no system is bound to are not governed" if switch == "on" else f"every {what} is governed"
    echo(f"open mode is {switch}{' for prompts' if prompts else ''}: {on}")
