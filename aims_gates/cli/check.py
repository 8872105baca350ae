"""``aims-gates check``: run the plan's gates on a model and record the evidence."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from aims_gates.cli.options import (
    as_json,
    echo,
    isolation_option,
    key_option,
    progress,
    reports_option,
    save_reports,
    settings_options,
)
from aims_gates.errors import InputError
from aims_gates.reports import Report, parse_target
from aims_gates.reports.view import judging
from aims_gates.settings import ADVISORIES, Settings, maybe_signer

if TYPE_CHECKING:
    from aims_gates.mlflow_plugin.client.targets import CheckTarget

__all__ = ["command"]


@click.command()
@click.option("--system", help="The system, by name. Default: the one that lists the model.")
@click.option("--run", "run_id", help="A run id: its newest logged model is checked.")
@click.option("--model", help="A registered model's name (with --version), or a model address such as models:/m-...")
@click.option("--version", help="The registered version's number. Default: the newest.")
@click.option(
    "--predictions",
    type=click.Path(path_type=Path, exists=True),
    help="A table, a file or a folder, that `aims-gates predict` wrote and signed: the model is not run again.",
)
@isolation_option
@click.option(
    "--advisories",
    metavar="SERVICE",
    help="Look up the packages that the model asks for (pip-audit): osv, pypi, the address of your own copy of OSV, or "
    f"off. Their names leave this machine. Default: {ADVISORIES}, then advisories in aims.yaml, else off.",
)
@click.option("--preview", is_flag=True, help="Sign and record nothing, whatever key is named.")
@click.option("--all", "whole", is_flag=True, help="Print every control, action and problem, however many there are.")
@key_option
@reports_option
@settings_options
@as_json
def command(
    system: str | None,
    run_id: str | None,
    model: str | None,
    version: str | None,
    predictions: Path | None,
    isolation: str,
    advisories: str | None,
    preview: bool,
    whole: bool,
    key: Path | None,
    reports: tuple[str, ...],
    settings: Settings,
    json_: bool,
) -> int:
    """Run the plan's gates on a model; with a key that the registry trusts, record the evidence.

    Nothing is signed where a record that the plan reads is not valid: all problems are listed, before any model runs.
    Where records deny one another a note says so, and the gates judge (both: `aims-gates records validate`). With
    --preview, or without a key, the check runs all the same.

    Without options: the newest registered version of the one system there is. Prints the controls, what was found, and
    the shortest list of actions. The exit code is that of the decision.

    The model runs in a process of its own, kept apart as --isolation says; evidence records how. Where the profile
    requires more than can be had here, nothing is signed.
    """
    if version is not None and model is None:
        raise InputError("--version of what?", remedy="Pass --model NAME too.")
    if run_id is not None and (model or version):
        raise InputError("--run and --model name two things to check", remedy="Pass one of them.")
    for name in reports:
        parse_target(name)
    settings = replace(settings, advisories=advisories or settings.advisories)
    signing = None if preview else maybe_signer(settings, key)
    with progress() as report_progress:
        if report_progress is not None:
            report_progress("loading MLflow", 0, 0)
        from aims_gates.mlflow_plugin.client.check import CheckContext, check_target
        from aims_gates.mlflow_plugin.client.release import use
        from aims_gates.mlflow_plugin.client.systems import system_of

        use(settings)
        target = _target(settings, system, run_id, model, version)
        record = system_of(settings, system, target.name)
        report = check_target(
            CheckContext(settings, signing, report_progress, isolation, predictions, whole), record, target
        )
    return show(report, reports, json_, whole)


def _target(
    settings: Settings, system: str | None, run_id: str | None, model: str | None, version: str | None
) -> "CheckTarget":
    """What is checked: the run's model, the version or address that was named, else the newest version."""
    from aims_gates.mlflow_plugin.client.systems import system_of
    from aims_gates.mlflow_plugin.client.targets import find_target, newest

    if run_id is None and version is None and (model is None or _is_name(model)):
        model, version = newest([model] if model else list(system_of(settings, system, None).system.models))
        echo(f"checking {model} version {version}, the newest", err=True)
    return find_target(run_id, model, version)


def _is_name(model: str) -> bool:
    """Whether this is a registered model's name rather than an address or a folder."""
    return ":/" not in model and not Path(model).is_dir()


def show(report: Report, targets: tuple[str, ...], json_: bool, whole: bool = False) -> int:
    """Print a report, write the others, give the exit code."""
    save_reports(report, targets)
    if json_:
        from aims_gates.reports import render

        click.echo(render("json", report))
    else:
        from aims_gates.reports.text import show as show_text

        show_text(report, whole=whole)
    if report.decision is not None:
        return report.decision.exit
    outcomes = {run.outcome for run in judging(report)} or {"error"}
    return next((code for outcome, code in (("error", 1), ("fail", 2), ("inconclusive", 3)) if outcome in outcomes), 0)
