"""``aims-gates break-glass``: one of the two words it takes to promote against unmet controls."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, key_option, progress, settings_options, staged_bytes
from aims_gates.documents.shell import invocation
from aims_gates.model import ModelRef
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.argument("version")
@click.option("--reason", required=True, help="What cannot wait, and why; the review afterwards begins here.")
@click.option("--hours", type=float, default=24, show_default=True, help="When the order ends: at most 24.")
@key_option
@settings_options
def command(name: str, version: str, reason: str, hours: float, key: Path | None, settings: Settings) -> None:
    """Order that VERSION of NAME may be promoted once although controls are unmet; role break-glass.

    It takes two people with that role, at least one without a hand in the version, each with a reason and an end within
    24 hours; then `aims-gates promote NAME VERSION` goes through once, for exactly these bytes. Status, explain and
    reports show it in red for as long as it stands, and its controls never count as met. Every word of it is in the
    ledger.
    """
    signing = signer(settings, key)
    with progress() as report_progress:
        from aims_gates.mlflow_plugin.client.break_glass import break_glass
        from aims_gates.mlflow_plugin.client.release import use
        from aims_gates.mlflow_plugin.store.governed_names import version_number

        use(settings)
        ref = ModelRef(settings.workspace, name, str(version_number(version)))
        row = break_glass(settings, ref, reason, hours, signing, staged_bytes(report_progress))
    echo(f"break-glass order for {name} version {version}, until {row.predicate.expires}", red=True)
    echo(f"it takes two people; then: {invocation('promote', name, version)}")
