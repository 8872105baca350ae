"""``aims-gates resume``: end a halt, so that what it stopped may be loaded again."""

from pathlib import Path

import click

from aims_gates.cli.options import key_option, settings_options
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why it may be used again; kept for ever.")
@key_option
@settings_options
def command(name: str, reason: str, key: Path | None, settings: Settings) -> None:
    """End the halt of NAME: its versions may be loaded again by number, and copies of their bytes under other names.

    A policy owner says so, or an approver of its plan; nobody who made, registered or requested a version granted under
    NAME. Grants and requests that the halt ended stay ended: what is to be in production again needs a new request.
    """
    from aims_gates import acts
    from aims_gates.cli.signed import by_server, state
    from aims_gates.ledger import history
    from aims_gates.ledger.table import Source

    public = "" if by_server(settings, key) else signer(settings, key).public

    def make(connection: Source) -> acts.Said:
        listed = history(connection).current()
        entry = next((each for each in (listed.keys if listed else ()) if each.key == public), None)
        return acts.resume(connection, settings.workspace, name, reason, entry)

    done = state(settings, key, make, "/resume", {"name": name, "reason": reason})
    click.echo(
        f"{name} is resumed by {done.person}; production needs a new request: aims-gates request open {name} VERSION"
    )
