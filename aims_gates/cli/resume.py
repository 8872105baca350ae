"""``aims-gates resume``: end a halt, so that what it stopped loads again."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, signing_command
from aims_gates.documents.shell import invocation
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@signing_command(
    click.argument("name"),
    click.option("--reason", required=True, help="What was found; it stands in the ledger."),
)
def command(name: str, reason: str, key: Path | None, settings: Settings) -> None:
    """End the halts of NAME: the versions that they stopped, and copies of them, load again.

    It is for a policy owner, or somebody in a role of which the plan asks approvals, who did not make, register or
    request what was granted under NAME. It gives no grant back and sets no alias: promote again, on a request opened
    after the halt.
    """
    from aims_gates.cli.signed import by_server, state
    from aims_gates.ledger import history
    from aims_gates.ledger.table import Source
    from aims_gates.workflow import requests

    public = "" if by_server(settings, key) else signer(settings, key).public

    def make(connection: Source) -> requests.Draft:
        listed = history(connection).current()
        entry = next((key for key in (listed.keys if listed else ()) if key.key == public), None)
        return requests.resume(connection, settings.workspace, name, reason, entry)

    done = state(settings, key, make, "/resume", {"name": name, "reason": reason})
    echo(f"{done.person} resumed {name} at ledger position {done.position}")
    echo(
        f"no alias was set: {invocation('request open', name, 'VERSION')}, or {invocation('rollback', name, 'VERSION')}"
    )
