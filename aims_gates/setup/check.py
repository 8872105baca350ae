"""``aims_gates.check``: with a system's plan where one is named, else a preview under conventions."""

from collections.abc import Mapping, Sequence
from typing import Any

from aims_gates.mlflow_plugin.client import api
from aims_gates.mlflow_plugin.client.targets import find_target
from aims_gates.reports import Report
from aims_gates.setup.try_model import Wishes, try_model

__all__ = ["check"]


def check(
    system: str | None = None,
    *,
    run: str | None = None,
    model: str | None = None,
    data: Any = None,
    target: str | None = None,
    sensitive: str | Sequence[str] = (),
    positive: str | None = None,
    prediction: str | None = None,
    raise_on: str | None = None,
) -> Report:
    """Check a model; print what was found and the shortest list of actions.

    With ``system`` its plan is run, as :func:`aims_gates.mlflow_plugin.client.api.check` says. Without, every gate
    whose inputs are there is run under conventional limits: a preview, for which nothing is signed or recorded and
    neither registry nor key is needed.

    Args:
        system: The system's name, in one of your packs (``aims.yaml`` names them); None for a preview.
        run: A run id, whose newest logged model is checked; the active (or last) run when nothing is named.
        model: A model address instead: ``models:/NAME/1``, ``models:/m-...``, ``runs:/ID/model``, a folder.
        data: With a system, data sets by role that replace its own. For a preview the evaluation set: a frame, a path,
            or ``{"evaluation": ...}``; the one that the run recorded unless given.
        target, sensitive, positive, prediction: For a preview, roles that are named rather than proposed: the column of
            the truth, the columns whose groups are compared, the favourable label, and of a model that returns several
            columns the one that is its prediction.
        raise_on: ``"unmet"`` raises when the evidence criteria are not met, ``"error"`` when the check itself could
            not be done; None never raises.

    Raises:
        RefusedError: as ``raise_on`` asks.
        AimsGatesError: what went wrong, when ``raise_on`` is given.
        TypeError: roles are named for a system, which names its own.
    """
    named = (sensitive,) if isinstance(sensitive, str) else tuple(sensitive)
    if system is None:
        wishes = Wishes(target, named, positive, prediction)
        source = data.get("evaluation") if isinstance(data, Mapping) else data
        return api.reported("the model", lambda: try_model(find_target(run, model), source, wishes), raise_on)
    if named or (target, positive, prediction) != (None, None, None):
        raise TypeError("target, sensitive, positive and prediction are for a check without a system; set its roles")
    return api.check(system, run=run, model=model, data=data, raise_on=raise_on)
