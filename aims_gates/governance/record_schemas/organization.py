"""Records of the organization: context, policy, people and processes."""

from datetime import date as Day
from typing import Literal

from aims_gates.governance.record_schemas.base import (
    CaseEntry,
    ChannelTest,
    Reviewed,
    Shape,
    Share,
    Text,
    Texts,
    When,
    says,
)

__all__ = [
    "AIPolicy",
    "Communication",
    "Concerns",
    "Context",
    "ImpactProcess",
    "Lifecycle",
    "Resources",
    "Roles",
    "Suppliers",
    "Training",
    "UsePolicy",
]


class Issue(Shape):
    """Something that bears on the management system."""

    issue: Text = says("The issue.")
    effect: Text = says("What it means for how AI is handled here.")


class Party(Shape):
    """An interested party."""

    party: Text = says("Who is interested.")
    requirement: Text = says("What they need or expect.")
    obligation: Text = says("What that obliges us to.")


class OutOfScope(Shape):
    """What lies outside the scope."""

    what: Text = says("What is left out.")
    why: Text = says("Why.")


class Scope(Shape):
    """The boundaries of the management system."""

    statement: Text = says("The scope in a sentence.")
    units: Texts = says("Business units that take part.")
    systems: Texts = says("Names of the AI systems inside, as under records/systems.")
    excluded: tuple[OutOfScope, ...] = says("What is left out, and why.", default=())


class Context(Reviewed):
    """Context, interested parties and scope (clauses 4.1 to 4.3)."""

    external: tuple[Issue, ...] = says("Laws, sector rules, market.", min_length=1)
    internal: tuple[Issue, ...] = says("Culture, skills, systems that are there.", min_length=1)
    parties: tuple[Party, ...] = says("Who has an interest, and what follows from it.", min_length=1)
    scope: Scope = says("What the management system covers.")


class PlannedMessage(Shape):
    """Something that is communicated about the management system."""

    what: Text = says("What is communicated.")
    when: Text = says("When, or at which event.")
    audience: Text = says("With whom.")
    where: Literal["inside", "outside"] = says("Inside or outside the organization.")
    how: Text = says("How.")
    responsible: Text = says("Who does it.")
    last_done_on: Day | None = says("When it was last done; leave out before.", part="entries", default=None)


class Communication(Reviewed):
    """The plan of communication, inside and outside (clause 7.4)."""

    messages: tuple[PlannedMessage, ...] = says("At least one inside and one outside.", min_length=1)


class Commitments(Shape):
    """What the policy binds the organization to."""

    responsible_ai: bool = says("The policy commits to responsible AI.")
    compliance: bool = says("The policy commits to keeping law and requirements.")
    continual_improvement: bool = says("The policy commits to getting better.")


class Told(Shape):
    """An audience that has been told."""

    audience: Text = says("Who.")
    kind: Literal["staff", "external"] = says("Inside or outside.")
    date: When


class RelatedPolicy(Shape):
    """Another policy that touches AI."""

    area: Text = says("privacy, security, quality, hr, or another.")
    id: Text = says("The policy's id.")
    version: Text = says("Its version in force.")
    checked_version: Text = says("The version that was read against this policy.", part="entries")
    direction: Literal["to", "from", "both"] = says("Whether this policy bears on it, it on this one, or both.")
    last_checked: Day = says("When they were read against each other.", part="entries")


class NoPolicy(Shape):
    """An area without a policy."""

    area: Text = says("The area.")
    reason: Text = says("Why there is none, or why it does not touch AI.")


class Review(Shape):
    """A review of the policy."""

    date: Day = says("When it was reviewed.")
    reviewer: Text = says("By whom.")
    outcome: Text = says("What came out of it.")
    next_review: Day = says("When it is reviewed next.")


class Trigger(Shape):
    """An event that calls for a review."""

    date: Day = says("When it happened.")
    what: Text = says("A law, an incident, a change of scope.")


class PolicyRule(Shape):
    """A rule of the policy, and what checks it."""

    gates: Texts = says("Ids of the gates that check it before each release.")
    says: Text = says("The rule in a sentence that everybody understands.")


class OutsideAudit(Shape):
    """An audit by somebody outside that the policy promises."""

    subject: Text = says("What is audited.")
    every_days: int = says("Days between two audits.", ge=1)
    since: Day = says("Since when this is promised.")


class AIPolicy(Reviewed):
    """The AI policy (A.2.2 to A.2.4); best kept as Markdown, its text below the front matter."""

    id: Text = says("The policy's id.")
    sha256: Text = says("Digest of the approved text, as `aims-gates records validate` prints it.")
    commitments: Commitments = says("What it commits to; each must be in the text.")
    communicated_to: tuple[Told, ...] = says(
        "Who was told: staff and somebody outside.", part="entries", min_length=2, default=()
    )
    related: tuple[RelatedPolicy, ...] = says(
        "Other policies that touch AI: privacy, security, quality, hr.", min_length=1
    )
    not_applicable: tuple[NoPolicy, ...] = says("Areas without a policy, with the reason.", default=())
    max_review_days: int = says("The longest time between reviews.", gt=0)
    reviews: tuple[Review, ...] = says("Reviews held.", part="entries", min_length=1, default=())
    triggers: tuple[Trigger, ...] = says("Events that called for a review.", part="entries", default=())
    rules: tuple[PolicyRule, ...] = says("Rules that gates check; the public summary needs them.", default=())
    outside_audit: OutsideAudit | None = says("What the text promises of audits from outside.", default=None)
    published: Text | None = says("Where its public summary is; notices link to it.", default=None)
    contact: Text | None = says("Whom the public asks about it.", default=None)
    text: Text = says("The policy itself.")


class Person(Shape):
    """Somebody known to the roles."""

    id: Text = says("A mail address or another name that stays.")
    active: bool = says("false once the account is closed.")


class Role(Shape):
    """A role and who holds it."""

    role: Text = says("Its name, e.g. top_management, model_validator.")
    holders: Texts = says("Who holds it: ids of people.")
    reports_to: Text = says("To which role or body.")
    duty: Text = says("What it answers for.")
    competence: Texts = says("Courses that its holders must have finished.")
    confirmed_on: Day | None = says("When the holders last confirmed.", part="entries", default=None)


class BoardPage(Shape):
    """A page on all systems that the body received."""

    received_on: Day = says("When it was received.")
    receipt: Text = says("What shows it: minutes, a message id.")


class GovernanceBody(Shape):
    """The governance body."""

    name: Text = says("Its name.")
    members: Texts = says("Ids of people.")
    quorum: int = says("How many must take part.", ge=1)
    may_halt: bool = says("Whether it may stop a system.")
    reports_to: Text = says("To which role.")
    pages: tuple[BoardPage, ...] = says(
        "The page of each quarter (aims-gates report board), as it was received.", part="entries", default=()
    )


class Roles(Reviewed):
    """Roles, their holders, and what must not fall together (A.3.2)."""

    people: tuple[Person, ...] = says("Everybody who holds a role or takes a decision.", min_length=1)
    roles: tuple[Role, ...] = says(
        "Roles; top_management, accountable_executive, aims_manager, ethics_lead at least.", min_length=1
    )
    body: GovernanceBody = says("The board or committee that oversees AI.")
    incompatible: tuple[tuple[Text, Text], ...] = says("Pairs of roles that one person may not hold.", default=())


class Course(Shape):
    """A course that somebody finished."""

    person: Text = says("Id of the person.")
    course: Text = says("Id of the course.")
    date: Day = says("When it was finished.")


class Operators(Shape):
    """A group trained on one system."""

    system: Text = says("The system's name.")
    group: Text = says("Who operates it.")
    course: Text = says("The course on its intended use.")
    trained_on: When
    share: Share = says("The share of the group that was trained.")


class Awareness(Shape):
    """How many know the policy."""

    share: Share = says("The share of the staff in scope that acknowledged the policy.")
    measured_on: Day = says("When that was counted.")


class Training(Reviewed):
    """Courses finished, operators trained, staff aware (A.4.6, clauses 7.2 and 7.3)."""

    completed: tuple[Course, ...] = says("Courses finished.", part="entries", min_length=1, default=())
    operators: tuple[Operators, ...] = says("Operators trained on a system.", part="entries", default=())
    awareness: Awareness | None = says("Who has acknowledged the policy.", part="entries", default=None)


class ConcernEntry(CaseEntry):
    """A concern or a report that came in."""

    system: Text | None = says("The system concerned; all of them where none is named.", default=None)


class Concerns(Reviewed):
    """The channel on which staff raise concerns (A.3.3)."""

    address: Text = says("Where concerns go.")
    anonymous: Text = says("The way to raise one without a name.")
    non_retaliation: Text = says("The promise of protection, in words.")
    response_days: int = says("Days within which a concern is answered.", gt=0)
    tests: tuple[ChannelTest, ...] = says("Trials of the channel.", part="entries", min_length=1, default=())
    cases: tuple[ConcernEntry, ...] = says("Concerns, without their content.", part="entries", default=())


class Line(Shape):
    """A line of the resource plan."""

    area: Literal["data", "tooling", "compute", "people", "training", "audit"] = says("What it pays for.")
    what: Text = says("In words.")
    budget: float = says("The amount, in your currency.", ge=0)


class Resources(Reviewed):
    """The resource plan (A.4.2, clause 7.1)."""

    lines: tuple[Line, ...] = says(
        "A funded line for data, tooling, compute, people, training and audit.", min_length=1
    )


class ImpactProcess(Reviewed):
    """How impact is assessed (A.5.2)."""

    triggers: Texts = says("What calls for an assessment.")
    scale: Text = says("How severity and likelihood are judged.")
    sensitive_uses: Text = says("Which uses are assessed in full, and from what threshold.")
    roles: Text = says("Who writes, reviews and approves.")
    approval: Text = says("How approval is given and recorded.")
    board_from: int | None = says(
        "The score (severity times likelihood) from which the body of organization/roles decides.",
        default=None,
        ge=1,
        le=25,
    )


class LifeCyclePhase(Shape):
    """A phase of the life cycle."""

    phase: Literal["design", "development", "testing", "sandbox", "deployment", "monitoring", "retirement"] = says(
        "The phase; a sandbox where a deployment plan has one."
    )
    exit_criteria: Text = says("What must hold before it ends.")
    owner: Text = says("Who says so.")


class Lifecycle(Reviewed):
    """The process of each phase (A.6.1.3)."""

    phases: tuple[LifeCyclePhase, ...] = says("All six phases.", min_length=6)


class ByTier(Shape):
    """A rule for each tier."""

    high: Text = says("The rule for tier high.")
    limited: Text = says("The rule for tier limited.")
    minimal: Text = says("The rule for tier minimal.")


class Acknowledged(Shape):
    """A group that acknowledged the rules."""

    group: Text = says("Who.")
    date: When
    share: Share = says("The share of the group.")


class UsePolicy(Reviewed):
    """What AI may be used for (A.9.2)."""

    allowed: Texts = says("Uses that are allowed.")
    forbidden: Texts = says("Uses that are forbidden.")
    approval_needed: Texts = says("Uses that somebody must approve first.")
    by_tier: ByTier = says("The rule for each tier.")
    acknowledgements: tuple[Acknowledged, ...] = says(
        "Groups of operators that acknowledged it.", part="entries", default=()
    )


class Diligence(Shape):
    """Due diligence on a supplier."""

    result: Literal["accepted", "refused", "open"] = says("What came out of it.")
    date: When


class Clauses(Shape):
    """What the contract says."""

    training_data: Text = says("On disclosure of training data.")
    change_notice: Text = says("On notice of changes.")
    incident_sla: Text = says("On the time to answer incidents.")
    audit: Text = says("On audits.")


class Supplier(Shape):
    """A supplier of models, data or services."""

    supplier: Text = says("Its name, as components.yaml writes it.")
    provides: Text = says("What it provides.")
    due_diligence: Diligence = says("Whether we may work with it.")
    clauses: Clauses = says("What the contract says.")
    contract_ends: Day | None = says("When the contract ends.", default=None)
    review_by: Day = says("When it is reviewed again.")


class Suppliers(Reviewed):
    """Suppliers (A.10.3)."""

    suppliers: tuple[Supplier, ...] = says("One entry each.", min_length=1)
