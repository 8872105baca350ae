"""``aims-gates db``: our tables and guards in the registry's database."""

import click

from aims_gates.cli.options import as_json, emit, settings_options
from aims_gates.settings import Settings

__all__ = ["command"]


@click.group()
def command() -> None:
    """Upgrade or check what the registry's database holds of ours."""


@command.command("upgrade")
@settings_options
def upgrade(settings: Settings) -> None:
    """Bring our tables and guards to this version; take a backup first.

    MLflow's own tables stay as they are (mlflow db upgrade; run it before, and this after it). A registry that was
    detached is guarded again, and one that never was is from here on.
    """
    from aims_gates.registry.installation import upgrade as bring

    before, after = bring(settings.need_registry())
    click.echo(f"migration {before or 'none'} -> {after}; every guard is in place")


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
    emit(value, json_, lambda: "\n".join([f"x {each}" for each in problems] or ["tables and guards are in place"]))
    return 5 if problems else 0
