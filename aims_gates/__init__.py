"""Block model promotion until the evidence criteria of a system's risk tier are met.

All that a gate or a user may import stands in ``__all__``; heavy parts load when first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from aims_gates.errors import AimsGatesError, DataError, GateError, InputError, IntegrityError, RefusedError
from aims_gates.model import Artifacts, Case, Decision, Finding, Limit, Outcome, Subject

if TYPE_CHECKING:
    from aims_gates.limits import read_limits, with_conventions
    from aims_gates.measure import Dataset, intervals
    from aims_gates.packs import Gate
    from aims_gates.registry.hooks import check, explain, gated_run, load_model
    from aims_gates.reports import Report, card

__all__ = [
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
    "Outcome",
    "RefusedError",
    "Report",
    "Subject",
    "__version__",
    "card",
    "check",
    "explain",
    "gated_run",
    "intervals",
    "load_model",
    "read_limits",
    "with_conventions",
]

__version__ = "0.1.0"

_LAZY = {
    "Dataset": "aims_gates.measure",
    "Gate": "aims_gates.packs",
    "intervals": "aims_gates.measure",
    "Report": "aims_gates.reports",
    "check": "aims_gates.registry.hooks",
    "explain": "aims_gates.registry.hooks",
    "gated_run": "aims_gates.registry.hooks",
    "load_model": "aims_gates.registry.hooks",
    "read_limits": "aims_gates.limits",
    "with_conventions": "aims_gates.limits",
}


def __getattr__(name: str) -> Any:
    if name == "card":
        return import_module("aims_gates.reports.card")
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
