"""What the registry itself writes, unsigned, in its own transaction; and what stands in for it (:class:`Intake`)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from aims_gates.attestation.statements.base import OfAlias, OfModel, OfVersion, Said
from aims_gates.model import Mode

__all__ = ["Creation", "Grant", "Intake", "NOBODY", "Recorded", "Registration", "Transition"]


@dataclass(frozen=True)
class Creation(OfModel):
    """The registry: a registered model or prompt was created; the kind is fixed here."""

    kind: Literal["model", "prompt"]
    actor: str
    via: str


@dataclass(frozen=True)
class Registration(OfVersion):
    """The registry: a version was registered, and by whom; ``via`` is :data:`NOBODY` where by a service for nobody."""

    source: str
    run_id: str | None
    actor: str
    via: str


@dataclass(frozen=True)
class Intake(OfVersion, Said):
    """Somebody answers for a version that was registered past aims-gates: it is taken in, not registered here.

    Attributes:
        digest: Its bytes when it was taken in; of any others this says nothing.
        source, run_id, model_id: Where it came from, as MLflow's registry had it.
        created: ISO time (UTC) of its row in MLflow's registry.
        tags: The version's tags at that time.
        creator: Who made the run, as the run says; empty where it does not.
    """

    digest: str
    source: str
    run_id: str | None
    model_id: str | None
    created: str
    tags: Mapping[str, str]
    creator: str


@dataclass(frozen=True)
class Grant(OfAlias):
    """The registry: what makes a promotion stand; one that was adopted ends after ``expires`` (ISO date)."""

    transition: Literal["production", "rollback", "break-glass", "adopted", "trial"]
    mode: Mode
    request: str | None
    decision: str
    actor: str
    expires: str | None = None


@dataclass(frozen=True)
class Transition(OfModel):
    """The registry: a governed alias or stage was taken away, or a model renamed or deleted."""

    version: str | None
    alias: str | None
    act: str
    actor: str


@dataclass(frozen=True)
class Recorded:
    """The registry: a decision, allow or deny (an in-toto summary with ours under one key)."""

    verifier: Mapping[str, Any]
    timeCreated: str
    properties: tuple[str, ...]
    aims: Mapping[str, Any]


#: How an actor is known that is a service and names no human for whom it acts.
NOBODY = "nobody"
