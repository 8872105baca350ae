"""What a profile says: the shape of its file, parents and overlays merged in."""

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field

from aims_gates.documents.canonical import digest
from aims_gates.documents.schema import StrictModel
from aims_gates.documents.strict_yaml import Document
from aims_gates.model import GRACE_DAYS, Basis, Enforcement

__all__ = ["NOT_APPROVERS", "ApprovalRule", "ControlRule", "GateRule", "Profile", "Resolved", "WaiverRule"]

#: Fields that came in later: where they are empty a digest leaves them out.
_NEWER = frozenset({"isolation", "least_basis", "least_basis_why", "schemas", "trial"})
#: Roles of keys that have other work than to approve (:data:`aims_gates.attestation.statements.types.ROLES`).
NOT_APPROVERS = ("policy", "ci", "developer", "on-call", "break-glass", "server")


class ControlRule(StrictModel):
    """A control or clause the profile requires: why, which gates evidence it, and what an unmet state does.

    ``least_basis`` is the weakest way of knowing it that the profile takes, and ``least_basis_why`` the reason; without
    one the profile's own holds.
    """

    why: str = Field(min_length=1)
    gates: tuple[str, ...] = ()
    enforcement: Enforcement = "block"
    least_basis: Basis | Literal[""] = ""
    least_basis_why: str = ""


class GateRule(StrictModel):
    """A gate's limits and parameters, life of its evidence, and the digests accepted beside the present one."""

    params: dict[str, Any] = Field(default_factory=dict)
    expires_days: int | None = Field(default=None, gt=0)
    accept: tuple[str, ...] = ()
    applies_when: dict[str, bool | str] = Field(default_factory=dict)


class ApprovalRule(StrictModel):
    """``count`` people of ``role``."""

    role: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    count: int = Field(default=1, gt=0, le=9)


class WaiverRule(StrictModel):
    """The longest life of a waiver, and the roles that may grant one (none: no waivers)."""

    max_days: int = Field(default=90, gt=0)
    roles: tuple[str, ...] = ()


class Profile(StrictModel):
    """A profile as its file says it, parents merged in.

    One of tier ``any`` is an overlay: it stands on no system alone and is laid over a profile by name, ``high+NAME``.
    ``least_basis`` is the weakest way of knowing a control that it takes, for all that say nothing else.
    """

    id: str = Field(pattern=r"^[a-z][a-z0-9_-]*(\+[a-z][a-z0-9_-]*)*$")
    title: str
    tier: Literal["high", "limited", "minimal", "any"]
    summary: str = ""
    leaves_out: str = ""
    extends: str | None = None
    expires: str | None = Field(default=None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    controls: dict[str, ControlRule] = Field(min_length=1)
    gates: dict[str, GateRule] = Field(default_factory=dict)
    approvals: tuple[ApprovalRule, ...] = ()
    approval_days: int = Field(default=90, gt=0)
    waivers: WaiverRule = WaiverRule()
    inconclusive: Literal["blocks", "shows"] = "blocks"
    rollback_days: int = Field(default=90, gt=0)
    #: Days for which a promotion may still rest on a record whose review is due.
    grace_days: int = Field(default=GRACE_DAYS, ge=0, le=180)
    least_basis: Basis | Literal[""] = ""
    least_basis_why: str = ""
    #: The least isolation of a model's process for signed predictions; ``none`` and nothing take any.
    isolation: Literal["", "none", "container", "bwrap"] = ""
    #: Each set of data that its gates read must have a declared schema; without one the gate stays without a verdict.
    schemas: bool = False
    #: Its grants are trial grants: nothing is refused for want of evidence, and no control counts as met.
    trial: bool = False

    @property
    def digest(self) -> str:
        """``sha256:...`` of its content; without what came in later where it is empty: older digests hold."""
        content = self.model_dump(mode="json")
        for rule in content["controls"].values():
            for name in [name for name in ("least_basis", "least_basis_why") if not rule[name]]:
                del rule[name]
        return digest({name: value for name, value in content.items() if self._says(name, value)})

    @staticmethod
    def _says(name: str, value: Any) -> bool:
        return value != GRACE_DAYS if name == "grace_days" else bool(value) or name not in _NEWER

    def basis_asked(self, control: str) -> tuple[Basis | Literal[""], str]:
        """The weakest basis that it takes for a control, and why; empty where any will do."""
        rule = self.controls[control]
        if rule.least_basis:
            return rule.least_basis, rule.least_basis_why
        return self.least_basis, self.least_basis_why


@dataclass(frozen=True)
class Resolved:
    """A profile, its digest, and where its parts stand.

    Attributes:
        profile: Parents merged in.
        digest: ``sha256:...`` of the merged content.
        document: The file itself, for messages.
    """

    profile: Profile
    digest: str
    document: Document
