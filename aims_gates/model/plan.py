"""What is due: requirements, the gates that evidence them, and approvals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aims_gates.model.findings import Basis

__all__ = ["GRACE_DAYS", "LEAST_ISOLATION", "Approver", "Enforcement", "Plan", "Requirement", "DataRule", "Step"]

Enforcement = Literal["block", "warn", "note"]

#: Days of grace where a profile says nothing; a convention.
GRACE_DAYS = 30
#: How far each way keeps a model's process apart: nothing, a disposable container or job that its operator vouches for,
#: namespaces of its own. What no name stands for is nothing.
LEAST_ISOLATION: Mapping[str, int] = {"none": 0, "spark": 0, "container": 1, "job": 1, "bwrap": 2}


@dataclass(frozen=True)
class Step:
    """A gate that is due, pinned.

    Attributes:
        gate: Gate id.
        title: The gate's title.
        digests: The gate digests the profile's lock accepts; the first is the one planned.
        params: All parameters, defaults filled in.
        controls: The required controls this step evidences.
        expires_days: How long its evidence counts.
        trusted_predictions: Evidence counts only on a signed prediction table.
        tables: Data sets that count only when signed predictions about the same bytes name their digest.
        last: It reads what the other gates found, so its evidence must be the newest.
        pins: What its evidence is bound to besides bytes and data: ``purpose``, ``specification``.
        applies: False where ``applies_when`` says so; ``reason`` names the fact that decided.
        reason: See ``applies``.
    """

    gate: str
    title: str
    digests: tuple[str, ...]
    params: Mapping[str, Any]
    controls: tuple[str, ...]
    expires_days: int
    trusted_predictions: bool = False
    last: bool = False
    applies: bool = True
    reason: str = ""
    pins: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


@dataclass(frozen=True)
class Requirement:
    """A control that the profile requires.

    Attributes:
        control, title: Annex A id and short title.
        why: The profile's own reason.
        enforcement: ``block`` stops a promotion; ``warn`` and ``note`` are shown.
        gates: The gates that evidence it; empty only where approvals alone do.
        least_basis: The weakest :data:`aims_gates.model.Basis` of its findings that the profile takes; empty where any
            will do.
    """

    control: str
    title: str
    why: str
    enforcement: Enforcement
    gates: tuple[str, ...]
    least_basis: Basis | Literal[""] = ""


@dataclass(frozen=True)
class Approver:
    """``count`` people of ``role`` must approve."""

    role: str
    count: int = 1


@dataclass(frozen=True)
class DataRule:
    """What data in a role have to be, said beforehand, so that nobody chooses them by the result.

    Attributes:
        digest: Their digest; None where they are new each time.
        least_rows: The fewest rows.
        days: Over how many days they reach at least, by the column of the role ``timestamp``; 0: not asked.
    """

    digest: str | None = None
    least_rows: int = 0
    days: int = 0


@dataclass(frozen=True)
class Plan:
    """Profile, catalogue, packs and system, resolved: what is due for a transition.

    Attributes:
        system: The AI system's name.
        tier: ``high``, ``limited`` or ``minimal`` (``prohibited`` is denied before a plan exists).
        profile, profile_digest: Which profile, and the digest of its resolved content.
        profile_expires: ISO date after which the profile no longer lets anything through.
        purpose_digest: Digest of the purpose text.
        transition: ``production``.
        requirements, steps, approvals: What is due.
        approval_days: How long an approval lives.
        waiver_days, waiver_roles: Cap on a waiver's life, and who may grant one.
        evaluation_digest: Digest of the evaluation set fixed beforehand; None where none is.
        specification_digest: Digest of the requirements as a whole; None where there are none.
        inconclusive_blocks: Whether an inconclusive finding blocks (always for tier high).
        grace_days: How long the approved text of a record still serves a promotion once its review is due.
        rollback_days: How long a version granted before may be rolled back to.
        leaves_out: What the profile says it does not cover.
        isolation: The least isolation in which models must have run for their predictions to count, see
            :data:`LEAST_ISOLATION`; empty where any will do.
        samples: What further data have to be, by role.
        trial: Whether its grants are trial grants, of which no control counts as met.
        schemas: Whether each set of data that a gate reads must have a declared schema.
    """

    system: str
    tier: Literal["high", "limited", "minimal"]
    profile: str
    profile_digest: str
    purpose_digest: str
    transition: str
    requirements: tuple[Requirement, ...]
    steps: tuple[Step, ...]
    approvals: tuple[Approver, ...]
    approval_days: int = 90
    waiver_days: int = 90
    waiver_roles: tuple[str, ...] = ()
    evaluation_digest: str | None = None
    inconclusive_blocks: bool = True
    rollback_days: int = 90
    profile_expires: str | None = None
    leaves_out: str = ""
    specification_digest: str | None = None
    isolation: str = ""
    trial: bool = False
    grace_days: int = GRACE_DAYS
    samples: Mapping[str, DataRule] = field(default_factory=dict)
    schemas: bool = False
