"""Coverage: where all models stand, what is due, which controls apply and are met, and who owns what is missing."""

from aims_gates.portfolio.due import Deadline, due_fields, due_keys, due_of, sort_due
from aims_gates.portfolio.fleet import ModelStatus, ModelView, standing_grants, status, view, views
from aims_gates.portfolio.owners import Covered, coverage
from aims_gates.portfolio.phases import PHASES, VersionPhase, phases
from aims_gates.portfolio.soa import NO_REASON, SoaRow, statement_of_applicability

__all__ = [
    "NO_REASON",
    "PHASES",
    "Covered",
    "Deadline",
    "ModelView",
    "VersionPhase",
    "SoaRow",
    "ModelStatus",
    "coverage",
    "due_fields",
    "due_keys",
    "due_of",
    "phases",
    "sort_due",
    "standing_grants",
    "statement_of_applicability",
    "status",
    "view",
    "views",
]
