"""The evaluator plugin: ``mlflow.models.evaluate(..., evaluators=[..., "aims_gates"])`` runs the plan's gates too.

MLflow includes every evaluator by default. Where no system is named this one does nothing.
"""

# mypy: allow-untyped-calls, disable-error-code="misc"

import os
import sys
from typing import Any

from mlflow.models.evaluation import EvaluationResult, ModelEvaluator

from aims_gates.errors import InputError

__all__ = ["AimsGatesEvaluator"]

_SYSTEM = "AIMS_GATES_SYSTEM"


class AimsGatesEvaluator(ModelEvaluator):
    """Checks the evaluated model against the system that ``evaluator_config`` or ``AIMS_GATES_SYSTEM`` names."""

    @classmethod
    def can_evaluate(cls, *, model_type: str, evaluator_config: dict[str, Any], **kwargs: Any) -> bool:
        """Whether a system is named."""
        return bool((evaluator_config or {}).get("system") or os.environ.get(_SYSTEM))

    def evaluate(
        self,
        *,
        model_type: str,
        dataset: Any,
        run_id: str,
        evaluator_config: dict[str, Any],
        model: Any = None,
        **kwargs: Any,
    ) -> EvaluationResult:
        """Run the check; give each judged finding as a metric.

        Raises:
            InputError: the model has no address whose bytes could be hashed, and ``raise_on`` is given.
        """
        from aims_gates.mlflow_plugin.client.api import check

        config = evaluator_config or {}
        address = config.get("model_uri") or _address(model, kwargs)
        if address is None:
            return _nothing(run_id, config.get("raise_on"))
        report = check(config.get("system") or os.environ[_SYSTEM], model=address, raise_on=config.get("raise_on"))
        metrics = {
            f"aims_gates.{run.gate}.{finding.measure}": finding.value
            for run in report.gates
            for finding in run.findings
            if finding.outcome is not None and finding.value is not None
        }
        return EvaluationResult(metrics=metrics, artifacts={}, run_id=run_id)


def _nothing(run_id: str, raise_on: str | None) -> EvaluationResult:
    error = InputError(
        "the gates were not run: the evaluated model has no address whose bytes could be hashed",
        remedy="Pass a model URI to mlflow.models.evaluate, or evaluator_config={'aims_gates': {'model_uri': ...}}.",
    )
    if raise_on is not None:
        raise error
    print(f"aims-gates: {error}", file=sys.stderr)
    return EvaluationResult(metrics={}, artifacts={}, run_id=run_id)


def _address(model: Any, keywords: dict[str, Any]) -> str | None:
    """The evaluated model's own address; MLflow's ``model_id`` may be that of whatever model is active."""
    own = getattr(model, "model_id", None) or getattr(getattr(model, "metadata", None), "model_id", None)
    model_id = own or keywords.get("model_id")
    return f"models:/{model_id}" if model_id else None
