"""What people say of a version or a model: requests and their answers, waivers, halts, orders."""

from collections.abc import Mapping
from dataclasses import dataclass

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
        inputs: Data digests by role.
        outcomes: Worst outcome by control.
    """

    gate: str
    statement: str
    inputs: Mapping[str, str]
    outcomes: Mapping[str, str]


@dataclass(frozen=True)
class Request:
    """A frozen set for approvers: this version, these bytes, this plan, this evidence.

    Attributes:
        changes: What differs from the last grant, in plain lines.
        digest: The subject's digest.
        plan: The plan's digest.
        on_behalf_of: The human who caused a service account to ask; has a hand in it like a requester.
    """

    workspace: str
    name: str
    version: str
    digest: str
    plan: str
    evidence: tuple[Frozen, ...]
    reason: str = ""
    changes: tuple[str, ...] = ()
    said_at: str = ""
    user: str | None = None
    on_behalf_of: str | None = None


@dataclass(frozen=True)
class Withdrawal:
    """The request is taken back."""

    request: str
    reason: str
    user: str | None = None


@dataclass(frozen=True)
class Approval:
    """Yes to a request, in a role."""

    request: str
    role: str
    comment: str = ""
    said_at: str = ""
    user: str | None = None


@dataclass(frozen=True)
class Rejection:
    """No to a request, in a role; a new request is needed."""

    request: str
    role: str
    reason: str
    said_at: str = ""
    user: str | None = None


@dataclass(frozen=True)
class Waiver:
    """A control is accepted as unmet for these bytes, until ``expires`` (ISO date)."""

    system: str
    digest: str
    control: str
    role: str
    reason: str
    risk: str
    compensating_control: str
    expires: str
    said_at: str = ""
    user: str | None = None


@dataclass(frozen=True)
class Revocation:
    """The named statement (evidence, approval, waiver, grant ...) no longer counts."""

    statement: str
    reason: str
    user: str | None = None


@dataclass(frozen=True)
class Halt:
    """Stop the registered model: what was granted or requested before no longer stands."""

    workspace: str
    name: str
    reason: str
    said_at: str = ""
    user: str | None = None


@dataclass(frozen=True)
class Resume:
    """A halt ends: what it stopped may be loaded again. Grants and requests that it ended stay ended."""

    workspace: str
    name: str
    reason: str
    said_at: str = ""
    user: str | None = None


@dataclass(frozen=True)
class RollbackOrder:
    """Return to a version granted before, without fresh evidence; to be reviewed afterwards."""

    workspace: str
    name: str
    version: str
    reason: str
    said_at: str = ""
    user: str | None = None


@dataclass(frozen=True)
class BreakGlass:
    """One of two words that promote these bytes once against an unmet control, until ``expires`` (ISO time)."""

    workspace: str
    name: str
    version: str
    digest: str
    reason: str
    expires: str
    said_at: str = ""
