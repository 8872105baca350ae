"""Classification of AI systems: pinned questionnaires, a reader of answers, and a pure ``classify``.

The questions, rules, dates and duties are data (the bundles beside this file); :mod:`.tiers` is the rule book.
"""

from aims_gates.governance.classification.answers import (
    Answers,
    Assessment,
    ExemptionProof,
    OrganizationRule,
    ScopeReason,
    contradiction,
    purpose_digest,
    read_answers,
    read_rules,
)
from aims_gates.governance.classification.bundles import DEFAULT, bundle, bundle_names
from aims_gates.governance.classification.changes import ClassificationChange, changes
from aims_gates.governance.classification.forms import recheck, record, record_text, template
from aims_gates.governance.classification.obligations import SystemObligation
from aims_gates.governance.classification.questions import OpenQuestion, relevant
from aims_gates.governance.classification.results import RANK, Missing, Result, Tier
from aims_gates.governance.classification.schema import Bundle
from aims_gates.governance.classification.tiers import classify
from aims_gates.governance.classification.today import ORGANIZATION_RULES, organization_rules, tier_today

__all__ = [
    "DEFAULT",
    "ORGANIZATION_RULES",
    "RANK",
    "Answers",
    "OpenQuestion",
    "Assessment",
    "Bundle",
    "ClassificationChange",
    "SystemObligation",
    "ExemptionProof",
    "Missing",
    "OrganizationRule",
    "Result",
    "ScopeReason",
    "Tier",
    "bundle",
    "bundle_names",
    "changes",
    "classify",
    "contradiction",
    "organization_rules",
    "purpose_digest",
    "read_answers",
    "read_rules",
    "recheck",
    "record",
    "record_text",
    "relevant",
    "template",
    "tier_today",
]
