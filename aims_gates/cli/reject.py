"""``aims-gates reject``: no to a request, in a role."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, key_option, settings_options
from aims_gates.settings import Settings

__all__ = ["command"]


@click.command()
@click.argument("request")
@click.option("--role", required=True, help="The role in which you reject, as the profile names it.")
@click.option("--reason", required=True, help="Why; the requester reads it.")
@key_option
@settings_options
def command(request: str, role: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Reject REQUEST. It cannot be granted any more; a new one must be opened."""
    from aims_gates.cli.request import find_request
    from aims_gates.cli.signed import state
    from aims_gates.workflow import requests as acts

    asked = find_request(settings, request).digest
    said = {"role": role, "reason": reason}
    done = state(
        settings, key, lambda ledger: acts.reject(ledger, asked, role, reason), f"/requests/{asked}/reject", said
    )
    echo(f"{done.person} rejected request {asked[7:19]} as {role}")
