"""``aims-gates detach``: take the guards away, signed and on record."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, key_option, settings_options
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@click.command()
@click.option("--reason", required=True, help="Why; it stands in the ledger.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@key_option
@settings_options
def command(reason: str, yes: bool, key: Path | None, settings: Settings) -> None:
    """Take the guards away, so that stock MLflow may write the registry again; role policy.

    To detach a registry is to remove the triggers that refuse what aims-gates did not write. The ledger stays, and
    whatever is promoted from here on has no grant in it. To guard again: aims-gates db upgrade.
    """
    from aims_gates.mlflow_plugin.store.installation import detach

    signing = signer(settings, key)
    if not yes:
        click.confirm("From here on anybody who can write the database promotes unchecked. Detach?", abort=True)
    person = detach(settings.need_registry(), reason, signing)
    echo(f"detached by {person}; point MLflow at the database without the prefix aims+")
