"""Records of the organization: risks, objectives, incidents, duties to report, audits and reviews."""

from datetime import date as Day
from typing import Annotated, Literal

from pydantic import Field, model_validator

from aims_gates.governance.controls import OWN_CONTROL
from aims_gates.governance.record_schemas.base import (
    CaseEntry,
    Id,
    OneToFive,
    Reviewed,
    Shape,
    Share,
    Text,
    Texts,
    When,
    says,
)

__all__ = [
    "AuditProgramme",
    "BiasAudit",
    "Incidents",
    "ManagementReviews",
    "Nonconformities",
    "Objectives",
    "PlannedChanges",
    "ReportingObligations",
    "RiskRegister",
    "StatementOfApplicability",
]


#: A control of Annex A (A.6.2.4), or one of the organization's own (X.1).
ControlId = Annotated[Text, Field(pattern=rf"^(A\.\d+(\.\d+)+|{OWN_CONTROL})$")]


class Risk(Shape):
    """A risk and its treatment."""

    id: Id
    area: Literal["fairness", "safety", "transparency", "privacy", "security", "reliability"] = says("Its area.")
    description: Text = says("What may happen to whom.")
    likelihood: OneToFive
    impact: OneToFive
    residual: int = says("Likelihood times impact after treatment.", ge=1, le=25)
    treatment: Text = says("What is done about it.")
    controls: tuple[ControlId, ...] = says(
        "The controls that treat it: of Annex A, or your own (X.1); each names it in turn.", min_length=1
    )
    owner: Text = says("Who sees to it.")
    due: Day = says("By when.")
    status: Literal["open", "treated", "accepted"] = says("How far it is.")
    accepted_by: Text | None = says(
        "Who accepts what remains: its owner, or top management; needed for each risk.", default=None
    )
    accepted_on: Day | None = says("When.", default=None)


class RiskRegister(Reviewed):
    """Risks over six areas (clauses 6.1 and 8.2)."""

    appetite: int = says("The residual level up to which a risk may stay.", ge=1, le=25)
    risks: tuple[Risk, ...] = says("At least one per area.", min_length=1)


class ObjectiveSource(Shape):
    """Where an objective's value is measured: a finding of a gate, a rate of the oversight plan, or a window."""

    gate: Text | None = says("The gate.", default=None)
    measure: Text | None = says("Its measure.", default=None)
    group: Text | None = says("The group, or the attribute, where the measure is per group.", default=None)
    rate: Text | None = says("Or the rate of the oversight plan.", default=None)
    window: Text | None = says("Or the field of the last monitoring window.", default=None)
    system: Text | None = says("The system, where the objective is of one alone.", default=None)

    @model_validator(mode="after")
    def _one_of_three(self) -> "ObjectiveSource":
        if [self.gate, self.rate, self.window].count(None) != 2 or (self.gate is None) != (self.measure is None):
            raise ValueError("name gate and measure, or rate, or window")
        return self


class Objective(Shape):
    """An aim that is measured."""

    id: Id
    kind: Literal["development", "use"] = says("About developing (A.6.1.2) or using (A.9.3) a system.")
    aim: Text = says("The aim in words.")
    metric: Text = says("The measure.")
    baseline: float = says("Where it stood.")
    target: float = says("Where it must come to.")
    from_: ObjectiveSource | None = says("Where its value is measured.", alias="from", default=None)
    current: float | None = says("Where it stands; no better than what is measured.", part="entries", default=None)
    measured_on: Day | None = says("When that was measured.", part="entries", default=None)
    due: Day = says("By when.")
    owner: Text = says("Who sees to it.")
    policy: Text = says("The policy that it comes from.")
    corrective: Text | None = says("What is done where it is overdue; a nonconformity about it answers.", default=None)


class Objectives(Reviewed):
    """Objectives (A.6.1.2, A.9.3, clause 6.2)."""

    objectives: tuple[Objective, ...] = says("At least one of each kind.", min_length=1)


class Notice(Shape):
    """Who is told of an incident."""

    severity: Text = says("One of severities.")
    who: Text = says("Who is told.")
    within_days: int = says("Within how many days.", ge=0)
    channel: Text = says("How.")
    template: Text = says("Which template.")


class Clocks(Shape):
    """Longest times to report, in days."""

    serious: int = says("A serious incident: at most 15.", ge=0)
    death: int = says("A death: at most 10.", ge=0)
    widespread: int = says("A widespread or critical-infrastructure case: at most 2.", ge=0)


class Authority(Shape):
    """An authority and how to reach it."""

    name: Text = says("Which authority.")
    contact: Text = says("How to reach it.")


class Drill(Shape):
    """A rehearsal of the plan."""

    date: When
    finding: Text = says("What it showed.")


class Incident(CaseEntry):
    """An incident."""

    severity: Text = says("One of severities.")
    what: Text | None = says("What happened, without names; needed.", default=None)
    system: Text | None = says("The system concerned, or * for all; needed.", default=None)
    cause: Text | None = says("What caused it, once that is known.", default=None)
    notified_on: Day | None = says("When notices went out.", default=None)


class Incidents(Reviewed):
    """The incident plan and the incidents (A.8.4)."""

    severities: Texts = says("The scale, worst first.")
    notices: tuple[Notice, ...] = says("Who is told, by when and how.", min_length=1)
    clocks: Clocks = says("Longest times to report.")
    authorities: tuple[Authority, ...] = says("Contacts of authorities.", min_length=1)
    third_parties: Text = says("What happens with incidents in suppliers' components.")
    drills: tuple[Drill, ...] = says("Rehearsals.", part="entries", min_length=1, default=())
    incidents: tuple[Incident, ...] = says("Incidents so far.", part="entries", default=())


class DisclosureDuty(Shape):
    """Something that must be told to somebody."""

    system: Text = says("The system's name, or * for all.")
    party: Text = says("Who must be told.")
    trigger: Text = says("What calls for it.")
    content: Text = says("What must be said.")
    last_sent: Day | None = says("When it was last sent.", part="entries", default=None)
    last_due: Day | None = says("When that was due.", part="entries", default=None)
    due: Day = says("When it is due next.")


class HighTierItem(Shape):
    """A duty of tier high."""

    system: Text = says("The system's name, or * for all.")
    item: Literal["registration", "declaration", "affected_persons"] = says("Which duty.")
    state: Literal["done", "not-applicable", "open"] = says("How far it is.", part="entries")
    detail: Text = says("Where it is, or why it does not apply.", part="entries")
    done_on: Day | None = says("The day on which it was done; needed where it is.", part="entries", default=None)
    receipt: Text | None = says(
        "What shows that it was done: a number, a letter; needed where it is.", part="entries", default=None
    )


class ReportingObligations(Reviewed):
    """What must be told to whom (A.8.5)."""

    obligations: tuple[DisclosureDuty, ...] = says("Duties to report.", min_length=1)
    high_tier: tuple[HighTierItem, ...] = says("Duties of tier high.", default=())
    jurisdictions: Texts = says("Where the systems are used.")


class Nonconformity(CaseEntry):
    """Something that was not as required."""

    grade: Literal["major", "minor"] = says("How grave it is.")
    what: Text = says("What was not as required.")
    system: Text | None = says("The system concerned; all of them where none is named.", default=None)
    about: tuple[Text, ...] = says(
        "What it is about: incidents/ID, concerns/ID, reports/ID, audits/ID, risks/ID, changes/ID; a delay: .../late.",
        default=(),
    )
    cause: str | None = says("The root cause; needed to close it.", default=None)
    action: str | None = says("The corrective action; needed to close it.", default=None)
    owner: Text = says("Who sees to it.")
    due: Day = says("By when.")
    accepted_by: Text | None = says("Who accepted cause, action and date; not the owner.", default=None)
    accepted_on: Day | None = says("When.", default=None)
    effective_on: Day | None = says("When a check showed that the action worked; needed to close it.", default=None)


class Improvement(Shape):
    """An idea for improvement."""

    id: Id
    idea: Text = says("The idea.")
    decided: Text = says("What was decided.")


class Nonconformities(Reviewed):
    """Nonconformities and improvements (clauses 10.1 and 10.2)."""

    nonconformities: tuple[Nonconformity, ...] = says("Open and closed ones.", part="entries", default=())
    improvements: tuple[Improvement, ...] = says("Ideas beyond them.", part="entries", min_length=1)


class Demand(Shape):
    """What asks for a control beside a risk."""

    kind: Literal["law", "contract", "policy"] = says("What kind of demand it is.")
    what: Text = says("Which one, and its article or section.")


class ApplicabilityRow(Shape):
    """A control in the statement of applicability."""

    control: ControlId = says("Id of Annex A, e.g. A.6.2.4, or of a control of your own, e.g. X.1.")
    title: Text | None = says("What a control of your own is; needed for one.", default=None)
    applicable: bool = says("Whether it applies here.")
    reason: Text = says("Why, or why not.")
    risks: tuple[Text, ...] = says(
        "The risks that it treats, by their ids in organization/risk_register; an applicable control needs one, or "
        "required_by.",
        default=(),
    )
    required_by: tuple[Demand, ...] = says("What else asks for it.", default=())
    evidence: tuple[Text, ...] = says(
        "What evidences a control of your own: gates by their ids, or documents; needed for one that applies.",
        default=(),
    )
    state: Literal["implemented", "partly", "planned", "none"] = says("How far it is.")
    since: Day | None = says("Since when.", default=None)


class StatementOfApplicability(Reviewed):
    """All 38 controls and any of your own, applicable or not, with reasons (clause 6.1.3)."""

    rows: tuple[ApplicabilityRow, ...] = says("One row per control.", min_length=38)


class Audit(Shape):
    """An internal audit."""

    id: Text | None = says("Its id, by which nonconformities name it.", default=None)
    scope: Text = says("What is audited, against what.")
    planned_on: Day = says("When it is planned.")
    done_on: Day | None = says("When it was held.", part="entries", default=None)
    auditor: Text = says("Who audits.")
    outside: bool = says("Whether somebody from outside the organization audits.", default=False)
    cost: float | None = says("What it costs.", default=None, ge=0)
    audited: Texts = says("Whose work is audited; never the auditor's own.")
    report: Text | None = says("Where the report is.", part="entries", default=None)
    findings: int | None = says("How many nonconformities it raised.", part="entries", default=None, ge=0)


class AuditProgramme(Reviewed):
    """Internal audits (clause 9.2)."""

    audits: tuple[Audit, ...] = says("Planned and held.", min_length=1)


class ReviewInputs(Shape):
    """What a management review looks at."""

    earlier_actions: Text = says("Actions of earlier reviews.")
    context_changes: Text = says("Changes outside and inside.")
    performance: Text = says("How systems and the management system do.")
    audits: Text = says("Results of audits.")
    nonconformities: Text = says("Nonconformities and corrective actions.")
    objectives: Text = says("How far the objectives are.")
    improvements: Text = says("Ideas for improvement.")


class Outputs(Shape):
    """What comes out of it."""

    decisions: Text = says("Decisions.")
    resources: Text = says("Resources granted.")
    improvements: Text = says("Improvements decided.")


class ManagementReview(Shape):
    """One review."""

    date: When
    attendees: Texts = says("Who took part; somebody of top management.")
    inputs: ReviewInputs = says("What was looked at.")
    outputs: Outputs = says("What came out.")


class ManagementReviews(Reviewed):
    """Management reviews (clauses 5.1 and 9.3)."""

    reviews: tuple[ManagementReview, ...] = says("Reviews held.", part="entries", min_length=1, default=())


class AuditedCategory(Shape):
    """A category of people that was looked at, and the column that holds it."""

    category: Literal["sex", "race_ethnicity", "age", "disability", "other"] = says("The category.")
    column: Text = says("The column that holds it, as roles.sensitive of system.yaml names it.")


class ExcludedGroup(Shape):
    """A group that was left out of the ratios."""

    group: Text = says("Which group.")
    share: Share = says("Its share of the people in the data.")
    reason: Text = says("Why the auditor left it out.")


class AuditNotice(Shape):
    """What people were told before the tool was used on them."""

    place: Text = says("Where the notice stands or how it was sent.")
    sent_on: Day = says("The day from which people could read it.")
    first_use_on: Day = says("The day of the first use after it.")
    alternative: Text = says("How to ask for another process or an accommodation.")
    retention: Text = says("Which data are kept, for how long, and how to ask about them.")


class BiasAudit(Reviewed):
    """An independent audit of a decision tool for bias, its published summary, and the notice to people."""

    auditor: Text = says("Who audited.")
    independent_because: Text = says("Why the auditor is independent: no part in making, selling or using the tool.")
    audited_on: Day = says("The day of the audit.")
    data_source: Text = says("Which data were used, historical or test data, and why these.")
    categories: Annotated[tuple[AuditedCategory, ...], Field(min_length=1)] = says("Categories that were looked at.")
    intersections: bool = says("Whether the ratios were computed for intersections of the categories too.")
    unknown_people: int = says("How many people in the data have no known category.", ge=0)
    excluded: tuple[ExcludedGroup, ...] = says("Groups left out of the ratios.", default=())
    published: Text = says("Where the summary of the results is published.")
    published_on: Day = says("Since when.")
    notice: AuditNotice = says("What people were told.")


class PlannedChange(Shape):
    """A change to the management system itself."""

    id: Id
    change: Text = says("What of the management system changes: scope, policy, process, roles.")
    purpose: Text = says("What it is for.")
    consequences: Text = says("What may follow from it, and what keeps the rest whole.")
    resources: Text = says("What it takes.")
    responsible: Text = says("Who answers for it.")
    planned_on: Day = says("When it was planned.")
    due: Day = says("By when it is done.")
    done_on: Day | None = says("When it was done; leave out before.", part="entries", default=None)


class PlannedChanges(Reviewed):
    """Changes to the management system, planned before they are made (clause 6.3)."""

    changes: tuple[PlannedChange, ...] = says("The changes.", default=())
    none_because: Text | None = says("Why none is planned, where that is so.", default=None)
