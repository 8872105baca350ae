"""Block model promotion until the evidence criteria of a system's risk tier are met.

All that a gate or a user may import stands in ``__all__``; heavy parts load when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aims_gates.errors import (
    AimsGatesError,
    DataError,
    GateError,
    InputError,
    IntegrityError,
    MissingDataError,
    RefusedError,
    TrainingDataRefusedError,
)
from aims_gates.model import Advisory, Artifacts, Decision, Finding, Limit, Outcome, Packages, Subject

if TYPE_CHECKING:
    from aims_gates.data import Dataset, intervals
    from aims_gates.mlflow_plugin.client.api import explain, gated_run, training_data
    from aims_gates.mlflow_plugin.client.release import load_model
    from aims_gates.packs.case import Case
    from aims_gates.packs.gate import Gate
    from aims_gates.packs.limits import read_limits, with_conventions
    from aims_gates.reports import Report, card
    from aims_gates.setup.check import check

__all__ = [
    "Advisory",
    "AimsGatesError",
    "Artifacts",
    "Case",
    "DataError",
    "Dataset",
    "Decision",
    "Finding",
    "Gate",
    "GateError",
    "InputError",
    "IntegrityError",
    "Limit",
    "MissingDataError",
    "Outcome",
    "Packages",
    "RefusedError",
    "Report",
    "Subject",
    "TrainingDataRefusedError",
    "__version__",
    "card",
    "check",
    "explain",
    "gated_run",
    "intervals",
    "load_model",
    "read_limits",
    "training_data",
    "with_conventions",
]

__version__ = "0.1.0"

_LAZY = {
    "Case": "aims_gates.packs.case",
    "Dataset": "aims_gates.data",
    "Gate": "aims_gates.packs",
    "intervals": "aims_gates.data",
    "Report": "aims_gates.reports",
    "check": "aims_gates.setup.check",
    "explain": "aims_gates.mlflow_plugin.client.api",
    "gated_run": "aims_gates.mlflow_plugin.client.api",
    "load_model": "aims_gates.mlflow_plugin.client.release",
    "read_limits": "aims_gates.packs.limits",
    "training_data": "aims_gates.mlflow_plugin.client.api",
    "with_conventions": "aims_gates.packs.limits",
}


def __getattr__(name: str) -> Any:
    if name == "card":
        return import_module("aims_gates.reports.card")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
