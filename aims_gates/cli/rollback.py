"""``aims-gates rollback``: back to a version granted before, on call."""

from pathlib import Path

import click

from aims_gates.cli.options import echo, key_option, settings_options
from aims_gates.model import ModelRef
from aims_gates.settings import Settings, signer

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.argument("version")
@click.option("--reason", required=True, help="What happened; the review afterwards begins here.")
@click.option("--alias", default="production", show_default=True, help="The governed alias.")
@key_option
@settings_options
def command(name: str, version: str, reason: str, alias: str, key: Path | None, settings: Settings) -> None:
    """Return to a VERSION that was granted before, without fresh evidence; needs a key with the role on-call.

    After a halt exactly this version loads again; all others that the halt reaches wait for aims-gates resume.
    """
    from aims_gates.cli.signed import attested, by_server
    from aims_gates.mlflow_plugin.store.governed_names import version_number

    number = str(version_number(version))
    if by_server(settings, key):
        attested(settings, "/rollback", {"name": name, "version": number, "reason": reason, "alias": alias})
    else:
        from aims_gates.mlflow_plugin.client.release import rollback, use

        use(settings)
        rollback(settings, ModelRef(settings.workspace, name, number), reason, signer(settings, key), alias)
    echo(f"{name} is back at version {version} ({alias}); review this rollback: {reason}")
