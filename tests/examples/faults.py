"""What bears on one control alone: where in the worked example's records it is taken out, and where it is aged."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from aims_gates.governance.controls import catalogue

__all__ = [
    "AGED", "ASSESSED", "CASES", "CONDITIONAL", "DELIVERED", "GONE", "MEASURED", "OLD", "REMOVED", "REQUIRED",
    "SPECIFIED", "changed_value",
]  # fmt: skip

REQUIRED = [name for name, entry in catalogue().items() if dict(entry.tiers)["high"] == "required"]
CONDITIONAL = ["A.10.2", "A.10.3", "A.10.4"]
GONE = object()
#: What the example's customers would have got, had it any.
DELIVERED: Mapping[str, Any] = {
    "pack": {
        "version": "1", "delivered_on": "2026-10-10", "use": "How to read the answer", "limits": "Where it is weak",
        "duties": "What a customer must do", "contact": "mortgage-help@example.org",
    },
    "notices": [{"kind": "change", "about": "Version 1", "sent_on": "2026-10-10"}],
}  # fmt: skip
OLD = "2024-01-01"

YESTERDAY = "2026-11-16"

#: Control -> record, place in it, and what is written there: the evidence for this control and no other, gone or wrong.
REMOVED: Mapping[str, tuple[str, str, Any]] = {
    "A.2.2": ("organization/ai_policy", "commitments.continual_improvement", False),
    "A.2.3": ("organization/ai_policy", "related.0.version", GONE),
    "A.2.4": ("organization/ai_policy", "reviews.0.outcome", GONE),
    "A.3.2": ("assignments", "assignments.model_validator", GONE),
    "A.3.3": ("organization/concerns", "tests", GONE),
    "A.4.2": ("organization/resources", "lines.5", GONE),
    "A.4.3": ("datasheets", "datasets.1.categories", GONE),
    "A.4.4": ("resources", "lock_digest", GONE),
    "A.4.5": ("resources", "compute.serving", GONE),
    "A.4.6": ("organization/training", "completed.0", GONE),
    "A.5.2": ("organization/impact_process", "triggers", GONE),
    "A.5.3": ("impact_assessment", "methodology", GONE),
    "A.5.4": ("impact_assessment", "dimensions.privacy", GONE),
    "A.5.5": ("impact_assessment", "societal.environment", "TBD"),
    "A.6.1.2": ("organization/objectives", "objectives.0.policy", GONE),
    "A.6.1.3": ("history", "history.2", GONE),
    "A.6.2.3": ("design_record", "trade_offs", GONE),
    "A.6.2.5": ("rollback_plan", "rehearsals", GONE),
    "A.6.2.6": ("monitoring", "alert_tests", GONE),
    "A.6.2.7": ("technical_file", "sections.changes", GONE),
    "A.6.2.8": ("logging", "retention_days", 182),
    "A.7.2": ("data_plan", "access_reviewed_on", GONE),
    "A.7.3": ("datasheets", "datasets.0.legal_basis", GONE),
    "A.7.5": ("datasheets", "datasets.0.chain.0.output", "sha256:" + "0" * 64),
    "A.7.6": ("data_preparation", "labelling.not_by_hand", "TBD"),
    "A.8.2": ("user_information", "notice.contest", GONE),
    "A.8.3": ("external_reporting", "tests", GONE),
    "A.8.4": ("organization/incidents", "drills", GONE),
    "A.8.5": ("organization/reporting_obligations", "high_tier.0", GONE),
    "A.9.2": ("kill_switch", "drills", GONE),
    "A.9.3": ("oversight", "rates.1", GONE),
    "A.9.4": ("monitoring", "misuse", [{"date": "2026-11-02", "what": "used to set prices"}]),
    "A.10.2": ("value_chain", "duties.0.contract", GONE),
    "A.10.3": ("components", "components.0.fallback", GONE),
    "A.10.4": ("customers", "notices.0.sent_on", GONE),
}
#: The same, for evidence that time, a change or an event has overtaken.
AGED: Mapping[str, tuple[str, str, Any]] = {
    "A.2.2": ("organization/ai_policy", "next_review", YESTERDAY),
    "A.2.3": ("organization/ai_policy", "related.0.last_checked", OLD),
    "A.2.4": ("organization/ai_policy", "reviews.0.date", "2025-11-01"),
    "A.3.2": ("assignments", "confirmed_on", OLD),
    "A.3.3": ("organization/concerns", "tests.0.date", OLD),
    "A.4.2": ("organization/resources", "next_review", YESTERDAY),
    "A.4.3": ("datasheets", "datasets.1.review_by", OLD),
    "A.4.4": ("resources", "tools.0.end_of_support", YESTERDAY),
    "A.4.5": ("resources", "compute.measured_on", OLD),
    "A.4.6": ("organization/training", "completed.0.date", OLD),
    "A.5.2": ("organization/impact_process", "approved_on", OLD),
    "A.5.3": ("impact_assessment", "retention_until", OLD),
    "A.6.1.2": ("organization/objectives", "objectives.0.measured_on", OLD),
    "A.6.1.3": ("organization/lifecycle", "approved_on", OLD),
    "A.6.2.2": ("requirements", "notes", "Written anew after the evaluation."),
    "A.6.2.3": ("design_record", "next_review", YESTERDAY),
    "A.6.2.5": ("rollback_plan", "rehearsals.0.date", OLD),
    "A.6.2.6": ("monitoring", "alert_tests.0.date", OLD),
    "A.6.2.7": ("technical_file", "next_review", YESTERDAY),
    "A.6.2.8": ("logging", "tests.0.date", OLD),
    "A.7.2": ("data_plan", "access_reviewed_on", OLD),
    "A.7.3": ("datasheets", "datasets.0.consent_until", OLD),
    "A.7.6": ("data_preparation", "next_review", YESTERDAY),
    "A.8.2": ("user_information", "next_review", YESTERDAY),
    "A.8.3": ("external_reporting", "tests.0.date", OLD),
    "A.8.4": ("organization/incidents", "drills.0.date", OLD),
    "A.8.5": ("organization/reporting_obligations", "obligations.0.due", YESTERDAY),
    "A.9.2": ("kill_switch", "drills.0.date", OLD),
    "A.9.3": ("oversight", "rates.1.measured_on", OLD),
    "A.9.4": ("user_information", "purpose", "Another purpose than everywhere else."),
    "A.10.2": ("value_chain", "duties.0.contract_ends", OLD),
    "A.10.3": ("components", "components.0.evaluated_on", "2026-10-16"),
    "A.10.4": ("customers", "pack.delivered_on", OLD),
}
#: The requirements are one document: what is taken out of them changes it too.
SPECIFIED = {"A.6.2.2": ("requirements", "limits.fairness", GONE)}
#: One assessment carries three controls, and its age all of them.
ASSESSED = ("impact_assessment", "assessed_on", OLD), {"A.5.3", "A.5.4", "A.5.5"}
#: Controls that only measured evidence bears on: the gate whose evidence is taken away.
MEASURED = {"A.6.2.4": "performance", "A.7.4": "data_quality"}
CASES = [
    *((control, fault, "failed") for control, fault in REMOVED.items()),
    *((control, fault, "stale") for control, fault in (SPECIFIED | AGED).items()),
]


def changed_value(value: Any, path: str, new: Any) -> Any:
    """A copy of a record's value with one place written anew, or taken out."""
    copy = deepcopy(value)
    *before, last = path.split(".")
    part: Any = copy
    for key in before:
        part = part[int(key)] if isinstance(part, list) else part[key]
    at: Any = int(last) if isinstance(part, list) else last
    if new is GONE:
        del part[at]
    else:
        assert (part[at] if isinstance(part, list) else part.get(at)) != new, "nothing would change"
        part[at] = new
    return copy
