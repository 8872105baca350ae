"""``aims-gates resume``: end a halt, so that what it stopped loads again."""

from pathlib import Path

import click

from aims_gates.cli.options import key_option, settings_options
from aims_gates.settings import Settings

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="What was found; it stands in the ledger.")
@key_option
@settings_options
def command(name: str, reason: str, key: Path | None, settings: Settings) -> None:
    """End the halts of NAME: the versions that they stopped, and copies of them, load again.

    It is for a policy owner, or somebody in a role of which the plan asks approvals. It counts only for somebody who
    had no hand in what was granted under NAME: did not make, register or request it. It gives no grant back and sets
    no alias: promote again, on a request opened after the halt.
    """
    from aims_gates import acts
    from aims_gates.cli.signed import state

    said = {"name": name, "reason": reason}
    done = state(settings, key, lambda ledger: acts.resume(ledger, settings.workspace, name, reason), "/resume", said)
    click.echo(f"{done.person} resumed {name} at ledger position {done.position}")
    click.echo(f"no alias was set: aims-gates request open {name} VERSION, or aims-gates rollback {name} VERSION")
