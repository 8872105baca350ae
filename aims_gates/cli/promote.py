"""``aims-gates promote``: stage the bytes, set the alias."""

import click

from aims_gates.cli.options import echo, progress, settings_options, staged_bytes
from aims_gates.model import TRIAL_GRANT, ModelRef
from aims_gates.settings import Settings

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.argument("version")
@click.option("--alias", default="production", show_default=True, help="The governed alias.")
@settings_options
def command(name: str, version: str, alias: str, settings: Settings) -> None:
    """Stage a version's bytes into the released folder and set the alias. The registry decides.

    What lies there is the released copy: the granted bytes, which whoever loads by a governed alias gets.
    """
    with progress() as report_progress:
        from aims_gates.mlflow_plugin.client.release import promote, use
        from aims_gates.mlflow_plugin.store.governed_names import version_number

        use(settings)
        ref = ModelRef(settings.workspace, name, str(version_number(version)))
        digest = promote(settings, ref, alias, staged_bytes(report_progress))
        trial = _on_trial(settings, ref, alias)
    echo(f"{name} version {version} is {alias} ({digest}){f', on {TRIAL_GRANT}' if trial else ''}")


def _on_trial(settings: Settings, ref: ModelRef, alias: str) -> bool:
    """Whether what stands there now is a trial grant, which no served registry gives."""
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.ledger.registry_acts import standing
    from aims_gates.ledger.remote import is_remote

    registry = settings.need_registry()
    if is_remote(registry):
        return False
    with open_ledger(registry) as connection:
        grant = standing(connection, ref.workspace, ref.name, alias)
    return grant is not None and grant.predicate.transition == "trial"
