"""The nouns. Values only: nothing here reads, writes or decides.

Every noun is a frozen dataclass of plain JSON values, so that what is signed is what is used:
``dataclasses.asdict`` gives the wire form, :func:`aims_gates.documents.strict_yaml.parse` reads it back.
"""

from aims_gates.model.acts import ACTS, Act
from aims_gates.model.artifacts import Advisory, Artifacts, Packages
from aims_gates.model.decision import TRIAL_GRANT, Action, ControlState, Decision, Mode, State, UnsignedText
from aims_gates.model.findings import (
    BASES,
    BASIS_WORDS,
    FAILS_ALONE,
    Basis,
    Cause,
    Evidence,
    Finding,
    Limit,
    ModelRef,
    Outcome,
    Subject,
    worst,
)
from aims_gates.model.plan import GRACE_DAYS, LEAST_ISOLATION, Approver, DataRule, Enforcement, Plan, Requirement, Step

__all__ = [
    "ACTS",
    "BASES",
    "BASIS_WORDS",
    "FAILS_ALONE",
    "GRACE_DAYS",
    "LEAST_ISOLATION",
    "TRIAL_GRANT",
    "Act",
    "Action",
    "Advisory",
    "Approver",
    "Artifacts",
    "Basis",
    "Cause",
    "ControlState",
    "Decision",
    "Enforcement",
    "Evidence",
    "Finding",
    "Limit",
    "Mode",
    "ModelRef",
    "Outcome",
    "Packages",
    "Plan",
    "Requirement",
    "DataRule",
    "State",
    "Step",
    "Subject",
    "UnsignedText",
    "worst",
]
