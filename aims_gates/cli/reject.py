"""``aims-gates reject``: no to a request, in a role."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, signing_command
from aims_gates.settings import Settings

__all__ = ["command"]


@signing_command(
    click.argument("request"),
    click.option("--role", required=True, help="The role in which you reject, as the profile names it."),
    click.option("--reason", required=True, help="Why; the requester reads it."),
)
def command(request: str, role: str, reason: str, key: Path | None, settings: Settings) -> None:
    """Reject REQUEST. It cannot be granted any more; a new one must be opened."""
    from aims_gates.cli.request import find_request
    from aims_gates.cli.signed import state
    from aims_gates.workflow import requests as acts

    digest = find_request(settings, request).digest
    predicate = {"role": role, "reason": reason}
    done = state(
        settings, key, lambda ledger: acts.reject(ledger, digest, role, reason), f"/requests/{digest}/reject", predicate
    )
    echo(f"{done.person} rejected request {digest[7:19]} as {role}")
