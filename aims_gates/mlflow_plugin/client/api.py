"""What a data scientist calls: ``training_data``, ``gated_run``, ``check``, ``explain``.

What needs a registry is imported where it is needed: a preview does without. ``check`` never
fails the user's run for a gate's or our own fault, unless asked to.
"""

# mypy: allow-untyped-calls

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import mlflow

from aims_gates.errors import AimsGatesError, RefusedError
from aims_gates.mlflow_plugin.client.targets import find_target
from aims_gates.model import ModelRef
from aims_gates.reports import Report
from aims_gates.reports.text import show

__all__ = ["check", "explain", "gated_run", "reported", "training_data"]

_RAISE = ("unmet", "error")


def check(
    system: str,
    *,
    run: str | None = None,
    model: str | None = None,
    data: Mapping[str, Any] | None = None,
    raise_on: str | None = None,
) -> Report:
    """Check a model against its system's plan; print the table of controls and the shortest list of actions.

    Args:
        system: The system's name, in one of your packs (``aims.yaml`` names them).
        run: A run id, whose newest logged model is checked; the active (or last) run when nothing is named.
        model: A model address instead: ``models:/NAME/1``, ``models:/m-...``, ``runs:/ID/model``, a folder.
        data: Data sets by role that replace the system's own: frames or paths.
        raise_on: ``"unmet"`` raises when the evidence criteria are not met, ``"error"`` when the check itself could
            not be done; None never raises.

    Raises:
        RefusedError: as ``raise_on`` asks.
        AimsGatesError: what went wrong, when ``raise_on`` is given.
    """

    from aims_gates.mlflow_plugin.client.check import CheckContext, check_target
    from aims_gates.mlflow_plugin.client.release import current_settings
    from aims_gates.mlflow_plugin.client.systems import system_of
    from aims_gates.settings import maybe_signer

    def checked() -> Report:
        settings = current_settings()
        context = CheckContext(settings, maybe_signer(settings, None))
        return check_target(context, system_of(settings, system, None), find_target(run, model), data)

    return reported(system, checked, raise_on)


def reported(title: str, make: Callable[[], Report], raise_on: str | None) -> Report:
    """Make a report and show it; what goes wrong is a report too, unless ``raise_on`` asks for more.

    Raises:
        RefusedError, AimsGatesError: as :func:`check`.
    """
    if raise_on not in (None, *_RAISE):
        raise ValueError(f"raise_on must be None or one of {', '.join(_RAISE)}, not {raise_on!r}")
    try:
        report = make()
    except Exception as error:
        if raise_on is not None:
            raise
        report = _failed(title, error)
    show(report)
    if raise_on == "unmet" and not _met(report):
        raise RefusedError(f"{report.title}: the evidence criteria are not met", remedy="See the table above.")
    return report


def _met(report: Report) -> bool:
    """Whether gates and controls hold; approvals are for later."""
    if report.decision is not None:
        blocked = [state for state in report.decision.controls if state.blocks and state.state != "awaiting-approval"]
        return not blocked
    return bool(report.gates) and all(run.outcome == "pass" for run in report.gates)


def _failed(title: str, error: Exception) -> Report:
    message = str(error) if isinstance(error, AimsGatesError) else f"{type(error).__name__}: {error}"
    print(f"aims-gates: the check of {title!r} could not be done; your run goes on.\n  {message}", file=sys.stderr)
    return Report(title=title, notes=(f"The check could not be done: {message}",))


def training_data(system: str, data: Any = None, *, accepted: Any = None, run: str | None = None) -> Report:
    """Judge a set before anything is trained on it, and refuse it with the table of what is not met.

    The data gates that need no model run: quality by the system's suite, labels, the set's own data sheet (source,
    consent, retention, the chain), shares of groups, leakage, and drift against the set accepted before. With a key
    that the registry trusts for evidence the outcome is signed and recorded; ``check`` then knows the set. Without one
    this is a preview, which refuses all the same.

    Args:
        system: The system's name, in one of your packs (``aims.yaml`` names them).
        data: The set: a frame or a path; the system's own ``data.reference`` when None.
        accepted: The set accepted before, where it no longer lies where it lay then, or was a frame.
        run: The run in which the model is to be trained; the active one when None.

    Returns:
        The table.

    Raises:
        TrainingDataRefusedError: something is not met; ``findings`` holds each, and the message a line for each.
        AimsGatesError: the set could not be judged, or the judgement not be signed; all problems at once.
    """
    from aims_gates.mlflow_plugin.client.release import current_settings
    from aims_gates.mlflow_plugin.client.systems import system_of
    from aims_gates.mlflow_plugin.client.training import accept, note_on_run
    from aims_gates.settings import maybe_signer

    settings, active = current_settings(), mlflow.active_run()
    run_id = run or (active.info.run_id if active else "")
    record = system_of(settings, system, None)
    judgement = accept(settings, record, data, before=accepted, key=maybe_signer(settings, None), run=run_id)
    show(judgement.report)
    if run_id:
        note_on_run(run_id, judgement)
    judgement.need_pass()
    return judgement.report


@contextmanager
def gated_run(
    system: str, *, training: Any = None, accepted: Any = None, raise_on: str | None = None, **arguments: Any
) -> Iterator[mlflow.ActiveRun]:
    """An MLflow run whose training data are judged before its body runs, and that is checked when it ends.

    Args:
        system: The system's name.
        training: The training set, a frame or a path, judged as by :func:`training_data`; None for none.
        accepted: As in :func:`training_data`.
        raise_on: As in :func:`check`.
        arguments: Passed on to ``mlflow.start_run``.

    Raises:
        TrainingDataRefusedError: the set is refused; the body does not run, and the run is marked as failed.
        AimsGatesError: as :func:`training_data`, and :func:`check`.
    """
    with mlflow.start_run(**arguments) as run:
        if training is not None:
            training_data(system, training, accepted=accepted, run=run.info.run_id)
        yield run
    check(system, run=run.info.run_id, raise_on=raise_on)


def explain(name: str, version: str | int) -> Report:
    """What stands between a registered version and production, as the ledger now has it.

    Raises:
        InputError: no gated registry is named, or the version is spelled strangely.
    """
    from aims_gates.mlflow_plugin.client.explain import explain_version
    from aims_gates.mlflow_plugin.client.release import current_settings

    settings = current_settings()
    return explain_version(settings, ModelRef(settings.workspace, name, str(version)))
