"""Profiles: for a tier, what is required, with which limits, who approves, how long evidence lives.

A profile is a YAML file; one may extend another, and an overlay may be laid over it (``limited+gpai-user``). Reading
resolves and checks it: unknown controls and gates, a gate that does not evidence the control it stands under, a profile
that extends itself, a limit the wrong way round, evidence that lives too long.
"""

from aims_gates.profiles.lint import lint
from aims_gates.profiles.reader import OVER, open_profile, problems_of, read_profile
from aims_gates.profiles.schema import (
    NOT_APPROVERS,
    ApprovalRule,
    ControlRule,
    GateRule,
    Profile,
    Resolved,
    WaiverRule,
)

__all__ = [
    "NOT_APPROVERS",
    "OVER",
    "ApprovalRule",
    "ControlRule",
    "GateRule",
    "Profile",
    "Resolved",
    "WaiverRule",
    "lint",
    "open_profile",
    "problems_of",
    "read_profile",
]
