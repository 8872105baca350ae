"""``aims-gates approve``: yes to a request, in a role."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, signing_command
from aims_gates.settings import Settings

__all__ = ["command"]


@signing_command(
    click.argument("request"),
    click.option("--role", required=True, help="The role in which you approve, as the profile names it."),
    click.option("--comment", default="", help="What you looked at."),
)
def command(request: str, role: str, comment: str, key: Path | None, settings: Settings) -> None:
    """Approve REQUEST (its id, or the first digits of it). Look at it first: aims-gates request show REQUEST."""
    from aims_gates.cli.request import standing_request
    from aims_gates.cli.signed import state
    from aims_gates.workflow import requests as acts

    digest = standing_request(settings, request).digest
    comment_fields = {"role": role, "comment": comment}
    done = state(
        settings,
        key,
        lambda ledger: acts.approve(ledger, digest, role, comment),
        f"/requests/{digest}/approve",
        comment_fields,
    )
    echo(f"{done.person} approved request {digest[7:19]} as {role}")
