"""``aims-gates explain``: what stands between a version and production, or what a control asks."""

import click

from aims_gates.cli.options import as_json, emit, reports_option, settings_options
from aims_gates.documents.canonical import plain
from aims_gates.documents.shell import invocation
from aims_gates.errors import InputError
from aims_gates.model import ModelRef
from aims_gates.settings import Settings

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.argument("version", required=False)
@click.option("--to", "transition", type=click.Choice(["production"]), default="production", help="The transition.")
@click.option("--all", "whole", is_flag=True, help="Print every control and action, however many are unmet.")
@reports_option
@settings_options
@as_json
def command(
    name: str,
    version: str | None,
    transition: str,
    whole: bool,
    reports: tuple[str, ...],
    settings: Settings,
    json_: bool,
) -> int:
    """Say what stands between a version and production; or, for a control or clause (A.5.4, 9.3), what it asks.

    The exit code is that of the decision.
    """
    if version is None:
        from aims_gates.cli.controls import text_of
        from aims_gates.governance.controls import clause_or_control, title_of

        if title_of(name) is None:
            remedy = (
                f"For a model name its version too: {invocation('explain', name, 'VERSION', options='--to production')}"
            )
            raise InputError(f"there is no control {name!r}", remedy=remedy)
        emit(plain(clause_or_control(name)), json_, lambda: text_of(name))
        return 0
    from aims_gates.cli.check import show
    from aims_gates.mlflow_plugin.client.explain import explain_version

    return show(explain_version(settings, ModelRef(settings.workspace, name, version)), reports, json_, whole)
