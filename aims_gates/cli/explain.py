"""``aims-gates explain``: what stands between a version and production, or what a control asks."""

from typing import TYPE_CHECKING

import click

from aims_gates.cli.options import as_json, emit, reports_option, settings_options
from aims_gates.documents.canonical import plain
from aims_gates.documents.shell import invocation
from aims_gates.errors import InputError
from aims_gates.model import ModelRef
from aims_gates.settings import Settings

if TYPE_CHECKING:
    from aims_gates.cli.tier_change import Tier

__all__ = ["command"]


@click.command()
@click.argument("name")
@click.argument("version", required=False)
@click.option("--to", "transition", type=click.Choice(["production"]), default="production", help="The transition.")
@click.option("--all", "whole", is_flag=True, help="Print every control and action, however many are unmet.")
@click.option(
    "--what-if-tier",
    "tier",
    type=click.Choice(["minimal", "limited", "high"]),
    help="Say what the version has and lacks at this tier instead. Nothing is signed or written.",
)
@reports_option
@settings_options
@as_json
def command(
    name: str,
    version: str | None,
    transition: str,
    whole: bool,
    tier: "Tier | None",
    reports: tuple[str, ...],
    settings: Settings,
    json_: bool,
) -> int:
    """Say what stands between a version and production; or, for a control or clause (A.5.4, 9.3), what it asks.

    With --what-if-tier: the decision as if the model were bound under that tier's profile, and the shortest path there:
    what is met already, what needs data, records, or whose signature. The exit code is that of the decision.
    """
    if version is None and tier is not None:
        raise InputError("a tier is tried on a version", remedy="Name the model and its version.")
    if version is None:
        from aims_gates.cli.controls import text_of
        from aims_gates.governance.controls import clause_or_control, is_own, title_of

        if is_own(name):
            raise InputError(
                f"{name} is a control of your own", remedy="Your statement shows what it asks: aims-gates report soa"
            )
        if title_of(name) is None:
            remedy = (
                f"For a model name its version too: {invocation('explain', name, 'VERSION', options='--to production')}"
            )
            raise InputError(f"there is no control {name!r}", remedy=remedy)
        emit(plain(clause_or_control(name)), json_, lambda: text_of(name))
        return 0
    if tier is not None:
        from aims_gates.cli.what_if import explain_at_tier

        if reports:
            raise InputError("--what-if-tier writes no reports", remedy="Leave out --report, or take --json.")
        return explain_at_tier(settings, ModelRef(settings.workspace, name, version), tier, json_=json_)
    from aims_gates.cli.check import show
    from aims_gates.mlflow_plugin.client.explain import explain_version

    return show(explain_version(settings, ModelRef(settings.workspace, name, version)), reports, json_, whole)
