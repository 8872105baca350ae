"""Records of a system: its data, parts, suppliers and customers."""

from datetime import date as Day
from typing import Literal

from pydantic import Field

from aims_gates.documents.schema import StrictModel
from aims_gates.governance.record_schemas.base import Digest, Reviewed, Shape, Text, Texts, When, says

__all__ = [
    "ADDRESS",
    "Components",
    "Customers",
    "DataPlan",
    "DataPreparation",
    "DataSample",
    "Datasheets",
    "SystemResources",
    "ValueChain",
]


#: An address at which a tool may be asked whether it is there.
ADDRESS = r"^https?://([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?(/[A-Za-z0-9._~/-]*)?$"


class DataSample(StrictModel):
    """What data in a role have to be, said beforehand: :class:`aims_gates.model.DataRule`."""

    digest: Digest | None = None
    least_rows: int = Field(default=0, ge=0)
    days: int = Field(default=0, ge=0)


class PreparationStep(Shape):
    """A step between the source and a data set."""

    input: Digest = says("Digest of what went in.")
    transform: Text = says("What was done, with the commit.")
    output: Digest = says("Digest of what came out.")
    actor: Text = says("Who did it.")
    at: When


class Datasheet(Shape):
    """A data set."""

    name: Text = says("Its name in the registry.")
    version: Text = says("Its version.", part="facts")
    digest: Digest = says("Its digest: aims-gates digest FILE", part="facts")
    purpose: Text = says("Training, validation, evaluation, reference ...")
    categories: Texts = says("Kinds of data in it.")
    licence: Text = says("Licence or contract.")
    retention_until: Day = says("Until when it may be kept.")
    review_by: Day = says("When its entry is reviewed again.")
    source: Text = says("Where it is from.")
    collection: Text = says("How it was collected.")
    period: Text = says("What time it covers.", part="facts")
    selection: Text = says("How rows were chosen.")
    legal_basis: Text = says("Consent, contract, law ...")
    consent_until: Day = says("Until when the basis holds.")
    withdrawn: bool = says("Whether consent was withdrawn.")
    subjects: Text = says("Whom it is about.")
    prior_uses: Text = says("What it was used for before.")
    known_gaps: Text = says("Who or what is missing in it.")
    chain: tuple[PreparationStep, ...] = says("The way from the source.", part="facts", min_length=1)
    meant_change: Text | None = says(
        "Why it differs from the set that was accepted for training before it, where that is meant.", default=None
    )


class Datasheets(Reviewed):
    """The data registry of this system (A.4.3, A.7.3, A.7.5)."""

    datasets: tuple[Datasheet, ...] = says("One entry per data set.", min_length=1)


class Split(Shape):
    """Digests of the sets."""

    train: Digest = says("The training set.", part="facts")
    validation: Digest | None = says("The validation set.", part="facts", default=None)
    no_validation: Text | None = says("Why there is no validation set, where there is none.", default=None)
    test: Digest = says("The evaluation set.", part="facts")


class QualityAudit(Shape):
    """An audit of the quality of the data against the thresholds set for it."""

    done_on: Day = says("When it was held.")
    auditor: Text = says("Who held it; not who keeps the data.")
    dataset: Digest = says("The set that was looked at.")
    within_limits: bool = says("Whether every threshold was kept.")
    report: Text = says("Where the report is.")
    action: Text | None = says("What is done about it, where a threshold was not kept.", default=None)


class DataPlan(Reviewed):
    """How data are managed (A.7.2)."""

    access: Text = says("Who may see them.")
    privacy: Text = says("How people are protected.")
    security: Text = says("How data are protected.")
    retention: Text = says("How long they are kept.")
    disposal: Text = says("How they are disposed of.")
    annotation: Text = says("How labels are made.")
    stored: tuple[Text, ...] = says(
        "Where data sets are kept: folders from the pack's root or addresses, each ending in /; or single files.",
        default=(),
    )
    readers: tuple[Text, ...] = says("Who may read them: people or roles of organization/roles.", default=())
    split: Split = says("The sets.")
    overlap: int = says("Rows that are in more than one set.", part="facts", ge=0)
    access_reviewed_on: Day | None = says("When the access list was last reviewed.", part="entries", default=None)
    quality_audits: tuple[QualityAudit, ...] = says(
        "Audits of the data's quality, oldest first.", part="entries", default=()
    )


class Labelling(Shape):
    """The making of labels."""

    method: Text = says("How.")
    guide: Text | None = says("The guideline by which people labelled: where it is, and its version.", default=None)
    labelled_by: tuple[Text, ...] = says("Who labelled, one entry each; an id will do.", default=())
    annotators: int | None = says("How many people.", default=None, ge=1)
    agreement: float | None = says("Their agreement (kappa).", default=None, ge=-1, le=1)
    not_by_hand: Text | None = says("Where labels come from, if nobody made them by hand.", default=None)


class DataPreparation(Reviewed):
    """How data were prepared (A.7.6)."""

    cleaning: Text = says("What was left out or fixed.")
    imputation: Text = says("How gaps were filled.")
    scaling: Text = says("How numbers were scaled.")
    encoding: Text = says("How categories were encoded.")
    labelling: Labelling = says("How labels were made.")
    commit: Text = says("Commit of the code.", part="facts", pattern=r"^[0-9a-f]{7,64}$")
    parameters: Text = says("Where its parameters are.")


class Tool(Shape):
    """A tool in use."""

    use: Literal["framework", "training", "evaluation", "monitoring", "registry", "rollback"] = says("For what.")
    tool: Text = says("Its name.")
    version: Text = says("Its version.")
    end_of_support: Day | None = says("When its support ends.", default=None)


class ToolAddress(Shape):
    """Where a tool or a service answers."""

    name: Text = says("The tool or service, as it is named above.")
    address: str = says(
        "Its address, http or https: without user name, password or query.",
        pattern=ADDRESS,
        max_length=500,
    )


class TrainingCompute(Shape):
    """What training took."""

    hardware: Text = says("The machine.")
    hours: float = says("Hours of it.", ge=0)
    region: Text = says("Where it stands.")
    cost: float = says("What it cost.", ge=0)
    energy_kwh: float = says("Energy, estimated.", ge=0)


class Serving(Shape):
    """What serving takes."""

    target: Text = says("Where it runs.")
    capacity: Text = says("How much it can carry.")


class Compute(Shape):
    """Compute for training, serving and testing."""

    measured_on: Day = says("When this was measured.", part="facts")
    training: TrainingCompute = says("Training.", part="facts")
    serving: Serving = says("Serving.")
    evaluation_budget: Text = says("What is set aside for testing.")


class SystemResources(Reviewed):
    """The parts of this system (A.4.2, A.4.4, A.4.5)."""

    model: Text = says("The model, in a line.")
    libraries: Texts = says("Libraries with versions.")
    services: tuple[Text, ...] = says("Outside services.", default=())
    hardware: Text = says("Hardware class.")
    people: Texts = says("Roles that work on it.")
    lock_digest: Digest | None = says("Digest of the dependency lock.", default=None)
    tools: tuple[Tool, ...] = says("A tool per use.", default=())
    addresses: tuple[ToolAddress, ...] = says(
        "Where tools and services answer, for `aims-gates records probe`.", default=()
    )
    compute: Compute | None = says("Compute.", default=None)


class Component(Shape):
    """A third-party component."""

    name: Text = says("What it is.")
    kind: Literal["model", "data", "service", "software"] = says("Its kind.")
    supplier: Text = says("Its supplier, as in organization/suppliers.")
    version: Text = says("Its version, dated where it has no number.")
    pinned: bool = says("Whether that version is pinned.")
    change_detector: Text | None = says("What notices a change, where it is not pinned.", default=None)
    evaluated_on: Day | None = says("When we last evaluated it ourselves.", part="entries", default=None)
    fallback: Text = says("What takes its place.")
    fallback_tested_on: Day | None = says("When that was tried out.", part="entries", default=None)


class Components(Reviewed):
    """Third-party components (A.10.3)."""

    components: tuple[Component, ...] = says("One entry each.", min_length=1)


Role = Literal["provider", "deployer", "importer", "distributor", "authorised_representative", "product_manufacturer"]
Phases = tuple[Literal["design", "development", "testing", "deployment", "monitoring", "retirement"], ...]


class Duty(Shape):
    """A duty of a party outside."""

    party: Text = says("Which party.")
    duty: Text = says("What it must do.")
    owner: Text = says("Who on our side sees to it.")
    contract: Text = says("The contract.")
    contract_ends: Day = says("When it ends.")
    phases: Phases = says("The phases of the life cycle in which it does that.", default=())


class OurPart(Shape):
    """What we are under the law, and when."""

    our_role: Role = says("Our role under the law.")
    phases: Phases = says("The phases of the life cycle in which we are that.")


class ValueChain(Reviewed):
    """Responsibilities along the value chain (A.10.2)."""

    our_role: Role | tuple[Role, ...] | None = says(
        "Our roles under the law, as the classification has them.", default=None
    )
    roles: tuple[OurPart, ...] = says("The same by phase, in its place.", default=())
    role_changes: Text = says("What would change it.")
    duties: tuple[Duty, ...] = says("A row for each outside party.", min_length=1)


class CustomerPack(Shape):
    """What customers get."""

    version: Text = says("The model version it is for.", part="facts")
    delivered_on: Day | None = says("When it was delivered.", part="entries", default=None)
    use: Text = says("How to use it.")
    limits: Text = says("Where it is weak.")
    duties: Text = says("What customers must do.")
    contact: Text = says("Whom to ask.")


class CustomerRequirement(Shape):
    """What a customer needs."""

    customer: Text = says("Which customer.")
    requirement: Text = says("What they need.")
    state: Text = says("How far it is.", part="entries")


class CustomerNotice(Shape):
    """A notice to customers."""

    kind: Literal["change", "incident"] = says("Its kind.")
    about: Text = says("What it is about.")
    sent_on: Day = says("When it was sent.")


class Customers(Reviewed):
    """Customers (A.10.4)."""

    pack: CustomerPack = says("The information pack.")
    requirements: tuple[CustomerRequirement, ...] = says("What customers need.", min_length=1)
    notices: tuple[CustomerNotice, ...] = says("Notices sent.", part="entries", min_length=1, default=())
