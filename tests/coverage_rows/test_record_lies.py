"""Claims that an auditor would refuse, one by one: each fails in the gate that is named beside it."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from .rows import facts, later, record

Records = dict[str, Any]
NOBODY = "nobody@nowhere.example"
ACTION = {
    "id": "N-9", "grade": "minor", "what": "It was late.", "cause": "Nobody was on call.", "action": "A rota.",
    "owner": "incident-desk@example.org", "accepted_by": "managing-director@example.org",
}  # fmt: skip


def day(offset: int) -> str:
    return later(offset).date().isoformat()


def at(name: str, place: str, value: Any) -> Callable[[Records], None]:
    """Writes one place of a record anew."""

    def edit(records: Records) -> None:
        *before, last = place.split(".")
        part = records[name]
        for key in before:
            part = part[int(key)] if isinstance(part, list) else part[key]
        part[int(last) if isinstance(part, list) else last] = deepcopy(value)

    return edit


def without(name: str, field: str, gone: Callable[[Mapping[str, Any]], bool]) -> Callable[[Records], None]:
    """Takes entries out of a list of a record."""

    def edit(records: Records) -> None:
        records[name][field] = [entry for entry in records[name][field] if not gone(entry)]

    return edit


def both(*edits: Callable[[Records], None]) -> Callable[[Records], None]:
    def edit(records: Records) -> None:
        for each in edits:
            each(records)

    return edit


def incident(**fields: Any) -> Callable[[Records], None]:
    return at("organization/incidents", "incidents", [{"id": "I-9", "severity": "serious", **fields}])


def window(**fields: Any) -> Callable[[Records], None]:
    return at("monitoring", "windows", [{"ended_on": day(-1), "within_limits": True, **fields}])


MAJOR = {
    "id": "N", "grade": "major", "opened_on": day(-10), "what": "x", "cause": "y", "action": "z", "owner": "o",
    "due": day(5), "closed_on": day(0), "effective_on": day(900),
}  # fmt: skip
ORG = "organization/"
#: What is claimed, the gate that refuses it, and the claim.
LIES: Mapping[str, tuple[str, Callable[[Records], None]]] = {
    "a serious incident told 290 days late": (
        "incident_communication",
        incident(opened_on=day(-300), notified_on=day(-10), what="w", system="mortgage"),
    ),
    "a component evaluated in eleven years": ("suppliers", at("components", "components.0.evaluated_on", day(4000))),
    "a major nonconformity closed before its check": (
        "nonconformity",
        at(ORG + "nonconformities", "nonconformities", [MAJOR]),
    ),
    "a drill of the kill switch in eight years": (
        "kill_switch",
        at("kill_switch", "drills", [{"date": day(3000), "result": "pass", "receipt": "x"}]),
    ),
    "a window in eight years": ("monitoring", window(ended_on=day(3000))),
    "a breach in a window within limits": (
        "monitoring",
        both(window(), at("monitoring", "breaches", [{"date": day(-2), "what": "fairness 0.4"}])),
    ),
    "a management review in eight years": (
        "management_review",
        at(ORG + "management_reviews", "reviews.0.date", day(3000)),
    ),
    "an audit held in eight years": ("internal_audit", at(ORG + "audit_programme", "audits.0.done_on", day(3000))),
    "an objective measured in eight years": (
        "objectives",
        at(ORG + "objectives", "objectives.0.measured_on", day(3000)),
    ),
    "seven findings without a nonconformity": ("internal_audit", at(ORG + "audit_programme", "audits.0.findings", 7)),
    "a policy approved by nobody known": ("ai_policy", at(ORG + "ai_policy", "approver", NOBODY)),
    "a record approved by nobody known": ("logging", at("logging", "approver", NOBODY)),
    "a record approved by its owner": ("kill_switch", at("kill_switch", "approver", "head-of-lending@example.org")),
    "an incident that says neither what nor where": ("incident_communication", incident(opened_on=day(-3))),
    "an incident of 30 days ago, nobody told": (
        "incident_communication",
        incident(opened_on=day(-30), what="w", system="mortgage"),
    ),
    "a board of one whose quorum is two": ("roles", at(ORG + "roles", "body.members", ["head-of-lending@example.org"])),
    "a board of nobody known": ("roles", at(ORG + "roles", "body.members", [NOBODY, "ethics-lead@example.org"])),
    "a validator who developed it": ("roles", at("assignments", "developers", ["model-validator@example.org"])),
    "a data set past its retention": ("data_governance", at("datasheets", "datasets.0.retention_until", day(-1))),
    "an assessment of another purpose": ("impact_assessment", at("impact_assessment", "purpose", "something else")),
    "over the loop at tier high": ("oversight", at("oversight", "mode", "over-the-loop")),
    "nine in ten overridden, where three in a hundred may be": ("oversight", at("oversight", "rates.0.value", 0.9)),
    "nothing reviewed, where a tenth must be": ("oversight", at("oversight", "rates.1.value", 0.0)),
    "complaints over their target": ("oversight", at("oversight", "rates.2.value", 0.9)),
    "an objective further off than at the start": ("objectives", at(ORG + "objectives", "objectives.0.current", 0.9)),
    "an objective missed and overdue": (
        "objectives",
        both(at(ORG + "objectives", "objectives.0.current", 0.9), at(ORG + "objectives", "objectives.0.due", day(-5))),
    ),
    "nine in ten out of scope, in monitoring": ("monitoring", window(out_of_scope_rate=0.9)),
    "nine in ten out of scope, in use": ("intended_use", window(out_of_scope_rate=0.9)),
    "no risk of security": (
        "risk_register",
        without(ORG + "risk_register", "risks", lambda risk: risk["area"] == "security"),
    ),
    "a treatment that is overdue": (
        "risk_register",
        both(at(ORG + "risk_register", "risks.2.status", "open"), at(ORG + "risk_register", "risks.2.due", day(-1))),
    ),
    "a risk without a treatment": ("risk_register", at(ORG + "risk_register", "risks.4.treatment", "")),
    "a holder who was never trained": (
        "training",
        without(ORG + "training", "completed", lambda course: course["person"].startswith("managing-director")),
    ),
    "a phase that was skipped": ("lifecycle", without("history", "history", lambda step: step["phase"] != "design")),
    "an auditor who owns the system": (
        "internal_audit",
        at(ORG + "audit_programme", "audits.0.auditor", "head-of-lending@example.org"),
    ),
    "an auditor who developed the system": (
        "internal_audit",
        both(
            at(ORG + "audit_programme", "audits.0.auditor", "model-developer@example.org"),
            at(ORG + "audit_programme", "audits.0.audited", ["data-steward@example.org"]),
        ),
    ),
    "a component evaluated 32 days ago": ("suppliers", at("components", "components.0.evaluated_on", day(-32))),
    "nobody told of the policy": ("ai_policy", at(ORG + "ai_policy", "communicated_to", [])),
    "a commitment that was dropped": ("ai_policy", at(ORG + "ai_policy", "commitments.compliance", False)),
    "no money for audits": (
        "resources",
        without(ORG + "resources", "lines", lambda line: line["area"] in ("audit", "training")),
    ),
}


def edited(edit: Callable[[Records], None]) -> dict[str, Any]:
    records = deepcopy(dict(record().records))
    edit(records)
    return records


def failing(gate: str, edit: Callable[[Records], None], **run: Any) -> dict[str, str | None]:
    """Notes of the facts that fail, by fact."""
    findings = facts(replace(record(), records=edited(edit)), gate, first_release=False, **run)
    return {name: finding.note for name, finding in findings.items() if finding.outcome == "fail"}


@pytest.mark.parametrize("lie", LIES)
def test_the_claim_fails_in_its_gate(lie: str) -> None:
    gate, edit = LIES[lie]
    assert failing(gate, lambda records: None) == {}
    assert failing(gate, edit), lie


#: Record, its late entry, the gate that looks at it, and what the entry is called.
LATE: Mapping[str, tuple[str, Callable[[Records], None]]] = {
    "incidents": (
        "incident_communication",
        incident(opened_on=day(-60), notified_on=day(-5), what="w", system="mortgage"),
    ),
    "concerns": (
        "concerns",
        at(
            ORG + "concerns",
            "cases",
            [{"id": "I-9", "opened_on": day(-60), "closed_on": day(-5), "system": "mortgage"}],
        ),
    ),
    "reports": (
        "external_reporting",
        at("external_reporting", "reports", [{"id": "I-9", "opened_on": day(-60), "acknowledged_on": day(-5)}]),
    ),
}


def action(kind: str, **fields: Any) -> Callable[[Records], None]:
    entry = (
        ACTION | {"about": [f"{kind}/I-9/late"], "opened_on": day(-20), "due": day(30), "accepted_on": day(-4)} | fields
    )

    def edit(records: Records) -> None:
        listed = records[ORG + "nonconformities"]["nonconformities"]
        listed.append({name: value for name, value in entry.items() if value is not None})

    return edit


@pytest.mark.parametrize("kind", LATE)
def test_what_was_late_fails_until_a_corrective_action_was_accepted(kind: str) -> None:
    gate, late = LATE[kind]
    assert "no nonconformity is about" in str(failing(gate, late))
    assert failing(gate, both(late, action(kind))) == {}
    assert failing(gate, both(late, action(kind, closed_on=day(-1), effective_on=day(-1)))) == {}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"cause": None}, "does not state 'cause'"),
        ({"action": "TBD"}, "does not state 'action'"),
        ({"owner": None}, "does not state 'owner'"),
        ({"due": None}, "does not state 'due'"),
        ({"due": day(-1)}, "was due on"),
        ({"accepted_by": None}, "does not state 'accepted_by'"),
        ({"accepted_by": "incident-desk@example.org"}, "its owner has accepted the action alone"),
        ({"accepted_by": NOBODY}, "is no active person"),
        ({"accepted_on": day(3)}, "lies in the future"),
        ({"accepted_on": day(-30)}, "before it was opened"),
        ({"opened_on": day(-90), "accepted_on": day(-80)}, "is older than what was late"),
        ({"system": "another"}, "no nonconformity is about"),
        ({"closed_on": day(-1), "due": day(-2)}, "was due on"),
    ],
)
def test_an_action_that_lacks_something_answers_for_nothing(fields: dict[str, Any], why: str) -> None:
    gate, late = LATE["incidents"]
    assert why in str(failing(gate, both(late, action("incidents", **fields))))


@pytest.mark.parametrize("kind", ["incidents", "concerns"])
def test_lateness_of_another_system_is_none_of_this_one(kind: str) -> None:
    gate, late = LATE[kind]
    field = "cases" if kind == "concerns" else "incidents"
    assert failing(gate, both(late, at(ORG + kind, f"{field}.0.system", "another"))) == {}
    assert failing(gate, both(late, at(ORG + kind, f"{field}.0.system", "*"))) != {}


@pytest.mark.parametrize("kind", LATE)
def test_what_still_waits_past_its_date_is_answered_by_no_action(kind: str) -> None:
    gate, late = LATE[kind]

    def waits(records: Records) -> None:
        late(records)
        name, field = {
            "incidents": (ORG + "incidents", "incidents"), "concerns": (ORG + "concerns", "cases"),
            "reports": ("external_reporting", "reports"),
        }[kind]  # fmt: skip
        for done in ("notified_on", "closed_on", "acknowledged_on"):
            records[name][field][0].pop(done, None)

    assert "has waited" in str(failing(gate, both(waits, action(kind))))


def test_what_was_missed_has_failed_and_has_not_aged() -> None:
    gate, late = LATE["incidents"]
    finding = facts(replace(record(), records=edited(late)), gate)["told_in_time"]
    assert finding.outcome == "fail" and not finding.stale and finding.until is None


def test_an_answer_ends_with_the_date_of_its_action() -> None:
    gate, late = LATE["incidents"]
    finding = facts(replace(record(), records=edited(both(late, action("incidents")))), gate)["told_in_time"]
    assert finding.outcome == "pass" and finding.until == day(30)
    assert "record:organization/nonconformities" in finding.rests_on


def test_an_entry_without_fields_is_refused() -> None:
    assert failing("concerns", at(ORG + "concerns", "cases", ["C-1"]))


#: What one date of a record says too late, the gate that looks at it, and what a nonconformity about it names.
LATE_ONCE: Mapping[str, tuple[str, Callable[[Records], None]]] = {
    "obligations/Supervisory authority/late": (
        "reporting_obligations",
        both(
            at(ORG + "reporting_obligations", "obligations.0.last_sent", day(-5)),
            at(ORG + "reporting_obligations", "obligations.0.last_due", day(-40)),
        ),
    ),
    "high_tier/registration/late": (
        "reporting_obligations",
        at(ORG + "reporting_obligations", "high_tier.0.done_on", day(-1)),
    ),
    "fundamental_rights/first_use/late": (
        "fundamental_rights",
        at("fundamental_rights", "first_use", day(-40)),
    ),
    "fundamental_rights/notified/late": (
        "fundamental_rights",
        both(
            at("fundamental_rights", "assessed_on", day(-60)),
            at("fundamental_rights", "notified_on", day(-5)),
        ),
    ),
    "special_categories/deleted/late": (
        "special_categories",
        both(
            at("special_categories", "delete_by", day(-30)),
            at("special_categories", "deleted_on", day(-5)),
        ),
    ),
}


@pytest.mark.parametrize("about", LATE_ONCE)
def test_a_date_that_was_missed_fails_until_a_corrective_action_was_accepted(about: str) -> None:
    gate, late = LATE_ONCE[about]

    def notes(**fields: Any) -> str:
        """With such a corrective action; whatever has to come before a release was due 25 days ago."""
        edit = both(late, action("", about=[about], **fields)) if fields else late
        released = {"released_on": day(-25)} if about.startswith("high_tier/") else {}
        return str(failing(gate, edit, **released) or "")

    assert f"no nonconformity is about {about}" in notes()
    assert notes(grade="minor") == ""
    assert "does not state 'cause'" in notes(cause=None)
    assert "is older than" in notes(opened_on=day(-90), accepted_on=day(-80))
