"""Lies about every place of every record: the gates that read it do not all pass, or a reason says why it is no lie."""

import random
from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pytest

from aims_gates.documents.strict_yaml import Document, problems
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.records.contradictions import contradictions
from aims_gates.model import Finding

from .lies import Lie, lies
from .rows import GATES, facts, record

OLDER = "an older day than the true one gains nothing: what counts is when it is due again"
STRICTER = "a shorter time than the true one binds more"
MAILBOX = "an address, not a person: that mail arrives is shown by a trial with its receipt"
DESCRIBED = "a description: it says another thing of the same standing, and whoever approves the text answers for it"
UNMEASURED = "a number that only whoever measured it can know: typed, so declared until signed"
WEAKER = "it says less than is so"
#: Names of lies, and why they are none; whoever adds one says why.
NO_LIES: Mapping[str, str] = {
    "*:approved_on:late": OLDER,
    "organization/ai_policy:communicated_to.date:late": OLDER,
    "organization/ai_policy:related.direction:contradictory=*": DESCRIBED,
    "organization/ai_policy:triggers.date:late": OLDER,
    "organization/ai_policy:contact:nobody": MAILBOX,
    "organization/ai_policy:outside_audit.every_days:over": "a promise is the organization's to make",
    "organization/roles:people.active:contradictory": "people who hold no role that this system needs may leave",
    "organization/concerns:address:nobody": MAILBOX,
    "organization/communication:messages.where:contradictory=*": DESCRIBED,
    "organization/communication:messages.last_done_on:late": OLDER,
    "organization/resources:lines.budget:over": UNMEASURED,
    "organization/use_policy:acknowledgements.date:late": OLDER,
    "organization/suppliers:suppliers.due_diligence.date:late": OLDER,
    "organization/audit_programme:audits.cost:under": UNMEASURED,
    "organization/risk_register:risks.due:late": "of a risk that is treated already nothing is due",
    "organization/risk_register:risks.status:contradictory=open": WEAKER,
    "organization/risk_register:risks.status:contradictory=accepted": "whoever answers for the risk has accepted it",
    "organization/risk_register:risks.accepted_on:late": OLDER,
    "organization/statement_of_applicability:rows.required_by.kind:contradictory=*": DESCRIBED,
    "organization/objectives:objectives.baseline:*": "where it stood is a text that is approved with the target",
    "organization/objectives:objectives.target:*": "a target is set by the organization, and approved with the record",
    "organization/objectives:objectives.current:*": "compared with the gate or rate that it is read from",
    "organization/incidents:notices.within_days:under": STRICTER,
    "organization/incidents:clocks.*:under": STRICTER,
    "organization/incidents:authorities.contact:nobody": MAILBOX,
    "organization/reporting_obligations:obligations.last_sent:late": OLDER,
    "organization/reporting_obligations:high_tier.state:contradictory=not-applicable":
        "what the classification says is owed may not be called so; here it is owed later",
    "organization/nonconformities:nonconformities.opened_on:late": OLDER,
    "organization/nonconformities:nonconformities.grade:contradictory=major": "an accepted action answers for it too",
    "organization/statement_of_applicability:rows.state:contradictory=partly": WEAKER,
    "organization/statement_of_applicability:rows.applicable:contradictory": "a planned control may be left",
    "organization/statement_of_applicability:rows.since:late": OLDER,
    "organization/planned_changes:changes.planned_on:late": OLDER,
    "impact_assessment:groups.vulnerable:contradictory": "one of several groups; that none is left is asked for",
    "impact_assessment:board.quorum:over": "asking for more members than needed binds more",
    "impact_assessment:energy_kwh:*": UNMEASURED,
    "special_categories:use:contradictory=*": DESCRIBED,
    "history:history.done_on:late": OLDER,
    "change:date:late": OLDER,
    "change:kinds:contradictory=*": DESCRIBED,
    "user_information:notice.contact:nobody": MAILBOX,
    "resources:lock_digest:contradictory": "compared with the model's own list by the bill of materials",
    "resources:compute.training.*": UNMEASURED,
    "datasheets:datasets.chain.input:contradictory": "what came before the first step is outside",
    "datasheets:datasets.chain.at:late": OLDER,
    "components:components.kind:contradictory=*": DESCRIBED,
    "value_chain:duties.phases:contradictory=*": DESCRIBED,
    "customers:pack.contact:nobody": MAILBOX,
    "deployment_plan:retention_days:over": "kept for longer than needed",
    "deployment_plan:contacts:nobody": MAILBOX,
    "rollback_plan:retention_days:over": "kept for longer than needed",
    "monitoring:alert_route:nobody": MAILBOX,
    "monitoring:windows.out_of_scope_rate:under": UNMEASURED,
    "logging:retention_days:over": "kept for longer than needed",
    "oversight:mode:contradictory=in-the-loop": DESCRIBED,
    "oversight:escalation.within_hours:under": STRICTER,
    "oversight:rates.value:under": UNMEASURED,
    "external_reporting:intake_owner:nobody": MAILBOX,
}  # fmt: skip
#: Gates that do not apply to the example: what they read is read by others too.
_ELSEWHERE = {"bias_audit", "data_audit"}
ALL = lies()
SAMPLE = random.Random(14).sample(ALL, 90)


def findings(records: Mapping[str, Any], name: str) -> list[Finding]:
    """What the gates say that read a record."""
    altered = replace(record(), records=records)
    readers = [
        gate for gate, read in GATES.items()
        if read.manifest.facts and gate not in _ELSEWHERE and name in read.manifest.inputs.records
    ]  # fmt: skip
    return [finding for gate in readers for finding in facts(altered, gate, first_release=False).values()]


def refused(records: Mapping[str, Any], name: str) -> bool:
    """Whether ``records validate`` finds the record's shape or what it contradicts wrong."""
    documents = {
        full: Document(value, full)
        for record_name, value in records.items()
        for full in [record_name if "/" in record_name else f"system/{record_name}"]
    }
    full = name if "/" in name else f"system/{name}"
    return bool(list(problems(SHAPES[full], documents[full]))) or bool(list(contradictions(record(), documents)))


def met(lie: Lie) -> bool:
    records = lie.altered()
    wrong = any(finding.outcome not in ("pass", None) for finding in findings(records, lie.record))
    return not wrong and not refused(records, lie.record)


def reason(lie: Lie) -> str | None:
    return next((why for pattern, why in NO_LIES.items() if fnmatchcase(lie.name, pattern)), None)


def unexplained(some: list[Lie]) -> list[str]:
    return sorted({f"{lie.name} ({lie.place})" for lie in some if reason(lie) is None and met(lie)})


def test_the_truth_is_met() -> None:
    for name in {lie.record for lie in ALL}:
        assert all(finding.outcome in ("pass", None) for finding in findings(record().records, name)), name
        assert not refused(record().records, name)


def test_no_lie_of_a_sample_is_met() -> None:
    assert unexplained(SAMPLE) == []


def test_what_is_typed_rests_on_records_alone() -> None:
    """So nothing of it comes out above declared, unless somebody signed the record."""
    for lie in SAMPLE[:20]:
        names = {name for finding in findings(lie.altered(), lie.record) for name in finding.rests_on}
        assert all(name.startswith("record:") or name in ("run", "ledger") for name in names), (lie, names)


@pytest.mark.long
def test_no_lie_about_any_record_is_met() -> None:
    assert len(ALL) > 1000
    assert unexplained(ALL) == []


@pytest.mark.long
def test_each_reason_is_that_of_a_lie_that_is_met() -> None:
    """A reason that no lie needs any more is taken out."""
    needed = {name for lie in ALL if reason(lie) is not None and met(lie) for name in [lie.name]}
    assert [pattern for pattern in NO_LIES if not any(fnmatchcase(name, pattern) for name in needed)] == []
