"""Records of a system: what it is for, whom it touches, who answers, how it came to be, what users learn."""

from datetime import date as Day
from typing import Literal

from aims_gates.governance.record_schemas.base import Digest, OneToFive, Reviewed, Shape, Text, Texts, When, says

__all__ = [
    "Assignments",
    "VersionChange",
    "DesignRecord",
    "History",
    "ImpactAssessment",
    "TechnicalFile",
    "UserInformation",
]


class Harm(Shape):
    """What may be done to a group."""

    harm: Text = says("The harm.")
    severity: OneToFive
    likelihood: OneToFive
    measure: Text | None = says("What is done about it.", default=None)
    accepted: Text | None = says("Why it is accepted, where nothing is done.", default=None)


class AffectedGroup(Shape):
    """People whom the system touches."""

    name: Text = says("Who.")
    attribute: Text | None = says("The column that tells them apart, where there is one.", default=None)
    vulnerable: bool = says("Whether they are vulnerable: age, disability, poverty, dependence.")
    benefits: Text = says("What they gain.")
    harms: tuple[Harm, ...] = says("What they may suffer.", min_length=1)


class Attribute(Shape):
    """An attribute and whether fairness is measured on it."""

    attribute: Text = says("The column.")
    tested: bool = says("Whether it is among the sensitive roles of system.yaml.")
    because: Text | None = says("Why not, where it is not.", default=None)


class Dimensions(Shape):
    """Questions that every assessment answers."""

    privacy: Text = says("Effects on privacy.")
    safety: Text = says("Effects on life and health.")
    rights: Text = says("Effects on fundamental rights.")
    accessibility: Text = says("Whether people with disabilities are served.")


class Societal(Shape):
    """Effects on society; a finding, or why there is none."""

    environment: Text = says("Energy, material, climate.")
    economy: Text = says("Work, markets, access to services.")
    democracy: Text = says("Public debate and political life.")
    health_and_safety: Text = says("Public health and safety.")
    culture: Text = says("Language, values, culture.")


class BoardDecision(Shape):
    """What the board decided about an assessment."""

    held_on: Day = says("The day of its meeting.")
    minutes: Text = says("Where its minutes are.")
    version: Text = says("The version of the assessment that the minutes name.")
    score: int = says("The highest score that it decided on.", ge=1, le=25)
    present: Texts = says("The members who were present.")
    quorum: int | None = says("How many members sign this text: at least the board's quorum.", ge=1, default=None)


class Residual(Shape):
    """The risk that is left."""

    statement: Text = says("What is left once the measures are in place.")
    accepted_by: Text = says("Who accepts it: the owner.")
    accepted_on: Day = says("When.")


class ImpactAssessment(Reviewed):
    """The impact assessment (A.5.3 to A.5.5), in the order of ISO/IEC 42005."""

    purpose: Text = says("The purpose, word for word as in system.yaml.")
    tier: Literal["high", "limited", "minimal"] = says("The tier it was assessed under.")
    data_digest: Digest = says("Digest of the evaluation set, as in requirements.yaml.", part="facts")
    assessor: Text = says("Who assessed.")
    assessed_on: When
    retention_until: Day = says("Until when it is kept.")
    methodology: Text = says("How it was assessed, and with whom.")
    description: Text = says("The system and its surroundings.")
    users: Texts = says("Who works with it.")
    foreseeable_misuse: Texts = says("Uses that must be expected and are wrong.")
    benefits: Texts = says("What it is good for.")
    groups: tuple[AffectedGroup, ...] = says("Whom it touches.", min_length=1)
    no_vulnerable_because: Text | None = says("Why no group is vulnerable, where none is.", default=None)
    attributes: tuple[Attribute, ...] = says("Attributes to be fair about.", default=())
    dimensions: Dimensions = says("Privacy, safety, rights, accessibility.")
    societal: Societal = says("Effects on society.")
    energy_kwh: float = says("Energy of training, estimated.", part="facts", ge=0)
    board: BoardDecision | None = says("The board's decision, from the score on that the process names.", default=None)
    residual: Residual | None = says("The risk that is left, and who accepts it.", default=None)


class Assigned(Shape):
    """Who answers for this system."""

    system_owner: Text = says("Owns its whole life.")
    data_steward: Text = says("Keeps its data in order.")
    model_validator: Text = says("Tests it, and did not build it.")
    oversight_person: Text = says("Reviews and overrides its output.")
    incident_owner: Text = says("Leads when something goes wrong.")
    champion: Text = says("First contact inside the team.")


class Assignments(Reviewed):
    """Roles of this system (A.3.2); everybody here holds the role in organization/roles."""

    confirmed_on: Day | None = says("When they last confirmed.", part="entries", default=None)
    assignments: Assigned = says("Ids of people.")
    developers: Texts = says("Who built it.")


class Passed(Shape):
    """A phase that was passed."""

    phase: Literal["design", "development", "testing", "sandbox", "deployment", "monitoring", "retirement"] = says(
        "The phase."
    )
    done_on: Day = says("When it ended.")


class History(Reviewed):
    """The phases this system has passed (A.6.1.3)."""

    history: tuple[Passed, ...] = says("In order.", part="entries", min_length=1, default=())


class Redone(Shape):
    """Work redone after a change."""

    what: Literal["impact_assessment", "fairness", "security", "performance"] = says("What.")
    date: When


class VersionChange(Reviewed):
    """What changed with this version (A.6.1.3, clause 6.3)."""

    date: Day = says("When the change was made.", part="facts")
    class_: Literal["initial", "minor", "material"] = says("How much it matters.", part="facts", alias="class")
    kinds: tuple[Literal["data", "code", "purpose", "threshold"], ...] = says(
        "What it touches.", part="facts", default=()
    )
    reason: Text = says("Why.", part="facts")
    redone: tuple[Redone, ...] = says(
        "Work redone; a material change needs impact and fairness.", part="facts", default=()
    )


class DesignRecord(Reviewed):
    """How the model was made, and why so (A.6.2.3)."""

    commit: Text = says("Commit of the training code.", part="facts", pattern=r"^[0-9a-f]{7,64}$")
    clean: bool = says("Whether nothing was uncommitted.", part="facts")
    seed: int = says("The seed.", part="facts")
    parameters: Text = says("Where the parameters are.")
    datasets: tuple[Digest, ...] = says(
        "Digests of the training data, as in datasheets.yaml.", part="facts", min_length=1
    )
    environment: Text = says("The lock file or image.")
    signature: Text = says("Where inputs and outputs are described.")
    algorithm: Text = says("What kind of model.")
    alternatives: Texts = says("What else was considered.")
    assumptions: Text = says("What must be true for it to work.")
    trade_offs: Text = says("What was given up for what.")
    learning_method: Text = says("How it learns, and whether it does so in use.")


class Sections(Shape):
    """The nine parts of the technical documentation, and where each is."""

    general_description: Text = says("Purpose, provider, versions, hardware, interfaces.")
    development: Text = says("Methods, design, data, validation.")
    monitoring_and_control: Text = says("Capabilities, limits, oversight.")
    performance_metrics: Text = says("Why these measures.")
    risk_management: Text = says("The risk management system.")
    changes: Text = says("Changes through the life.")
    standards: Text = says("Standards applied.")
    declaration: Text = says("The declaration of conformity.")
    post_market_plan: Text = says("How it is watched in use.")


class Audiences(Shape):
    """Documents by audience."""

    users: Text = says("For users.")
    partners: Text = says("For partners.")
    authorities: Text = says("For authorities.")


class TechnicalFile(Reviewed):
    """The technical documentation (A.6.2.7)."""

    sections: Sections = says("Where each part is.")
    audiences: Audiences = says("Which document each audience gets.")


class DecisionReason(Shape):
    """A reason that a decision against somebody may have."""

    code: Text = says("Its code, as in the table of explanations.")
    says: Text = says("The reason in plain words, as the person hears it.")


class UserNotice(Shape):
    """What users and those affected are told."""

    ai_involved: Text = says("That AI is used, and how.")
    does_not_do: Text = says("What it does not do.")
    accuracy: Text = says("How often it is right.", part="facts")
    limits: Text = says("Where it is weak.")
    confidence: Text = says("What its confidence means.")
    failure_modes: Text = says("How it fails.")
    oversight: Text = says("Who looks at it.")
    contact: Text = says("Whom to ask.")
    contest: Text = says("How to contest a decision.")
    factors: tuple[Text, ...] = says("What the system looks at, in plain words; its page needs them.", default=())
    not_considered: tuple[Text, ...] = says("What it does not look at; its page needs them.", default=())
    reasons: tuple[DecisionReason, ...] = says(
        "Reasons for a decision against somebody; its page needs them.", default=()
    )


class Guide(Shape):
    """What operators are told."""

    reading: Text = says("How to read the output.")
    when_to_override: Text = says("When to overrule it.")


class UseContext(Shape):
    """Where it is meant to be used."""

    population: Text = says("On whom.")
    geography: Text = says("Where.")
    domain: Text = says("For what.")


class UserInformation(Reviewed):
    """Information for users (A.8.2)."""

    purpose: Text = says("The purpose, word for word as in system.yaml.")
    notice: UserNotice = says("The notice.")
    operator_guide: Guide = says("The operators' guide.")
    languages: Texts = says("Languages it is there in.")
    accessibility: Text = says("How people with disabilities can read it.")
    published: Text = says("Where it is published.")
    context: UseContext = says("Where the system is meant to be used.")
