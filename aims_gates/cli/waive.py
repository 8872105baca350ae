"""``aims-gates waive``: a control is accepted as unmet for one version, until a date."""

from pathlib import Path

import click

from aims_gates.cli.options import signing_command
from aims_gates.model import ModelRef
from aims_gates.settings import Settings

__all__ = ["command"]


@signing_command(
    click.argument("name"),
    click.argument("version"),
    click.option("--control", required=True, help="The control, e.g. A.7.4."),
    click.option("--role", required=True, help="The role in which you waive; the profile names those that may."),
    click.option("--reason", required=True, help="Why the control cannot be met now."),
    click.option("--risk", required=True, help="What may happen because of it."),
    click.option("--compensating-control", required=True, help="What is done instead."),
    click.option("--until", required=True, help="Last day on which it stands, YYYY-MM-DD; capped by the profile."),
)
def command(name: str, version: str, key: Path | None, settings: Settings, **terms: str) -> None:
    """Accept a control as unmet for exactly the bytes of a version for which a request is open."""
    from aims_gates.cli.signed import state
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.workflow import requests

    ref = ModelRef(settings.workspace, name, version)
    with open_ledger(settings.need_registry()) as ledger:
        requests.waive(ledger, ref, **terms)  # says what is amiss before a key is asked for
    done = state(
        settings,
        key,
        lambda ledger: requests.waive(ledger, ref, **terms),
        "/waive",
        {"name": name, "version": version, **terms},
    )
    waived = f"{terms['control']} for {name} version {version} until {terms['until']}"
    click.echo(f"{done.person} waived {waived} (statement {done.statement[7:19]})")
