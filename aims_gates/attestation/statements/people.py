"""What people say of a version or a model: requests and their answers, waivers, halts, orders."""

from collections.abc import Mapping
from dataclasses import dataclass

from aims_gates.attestation.statements.base import OfModel, OfVersion, Said, SaidFor

__all__ = [
    "Approval",
    "BreakGlass",
    "Frozen",
    "Halt",
    "Rejection",
    "Request",
    "Resume",
    "Revocation",
    "RollbackOrder",
    "Waiver",
    "Withdrawal",
]


@dataclass(frozen=True)
class Frozen:
    """One gate's evidence as a request froze it.

    Attributes:
        gate: Gate id.
        statement: Digest of the evidence statement.
        inputs: Data digests by role, and digests of the facts of a version by record (``record:<name>``).
        outcomes: Worst outcome by control.
    """

    gate: str
    statement: str
    inputs: Mapping[str, str]
    outcomes: Mapping[str, str]


@dataclass(frozen=True)
class Request(OfVersion, Said, SaidFor):
    """A frozen set for approvers: this version, these bytes, this plan, this evidence.

    Attributes:
        changes: What differs from the last grant, in plain lines.
        digest: The subject's digest.
        plan: The plan's digest.
        replaced: Why data on which a gate failed were replaced; empty where none were.
        on_behalf_of: The human who caused a service account to ask; has a hand in it like a requester.
    """

    digest: str
    plan: str
    evidence: tuple[Frozen, ...]
    reason: str = ""
    changes: tuple[str, ...] = ()
    on_behalf_of: str | None = None
    replaced: str = ""


@dataclass(frozen=True)
class Withdrawal(SaidFor):
    """The request is taken back."""

    request: str
    reason: str


@dataclass(frozen=True)
class Approval(Said, SaidFor):
    """Yes to a request, in a role."""

    request: str
    role: str
    comment: str = ""


@dataclass(frozen=True)
class Rejection(Said, SaidFor):
    """No to a request, in a role; a new request is needed."""

    request: str
    role: str
    reason: str


@dataclass(frozen=True)
class Waiver(Said, SaidFor):
    """A control is accepted as unmet for these bytes, until ``expires`` (ISO date)."""

    system: str
    digest: str
    control: str
    role: str
    reason: str
    risk: str
    compensating_control: str
    expires: str


@dataclass(frozen=True)
class Revocation(SaidFor):
    """The named statement (evidence, approval, waiver, grant ...) no longer counts."""

    statement: str
    reason: str


@dataclass(frozen=True)
class Halt(OfModel, Said, SaidFor):
    """Stop the registered model: what was granted or requested before no longer stands."""

    reason: str


@dataclass(frozen=True)
class Resume(OfModel, Said, SaidFor):
    """A halt ends: what it stopped may be loaded again. Grants and requests that it ended stay ended."""

    reason: str


@dataclass(frozen=True)
class RollbackOrder(OfVersion, Said, SaidFor):
    """Return to a version granted before, without fresh evidence; to be reviewed afterwards."""

    reason: str


@dataclass(frozen=True)
class BreakGlass(OfVersion, Said):
    """One of two words that promote these bytes once against an unmet control, until ``expires`` (ISO time)."""

    digest: str
    reason: str
    expires: str
