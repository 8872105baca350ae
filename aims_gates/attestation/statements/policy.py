"""What policy owners say: whose word counts, which system a model belongs to, under which plan."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from aims_gates.attestation.statements.base import OfAlias, OfModel, Said
from aims_gates.model import Mode, Plan

__all__ = [
    "Activation",
    "Adoption",
    "Binding",
    "Detachment",
    "Freed",
    "KeyRevocation",
    "OpenMode",
    "Scheduled",
    "Trust",
    "TrustedKey",
    "TrustedUser",
    "UntestedMlflow",
]


@dataclass(frozen=True, kw_only=True)
class _Trusted:
    """What the trust list says of a key and of a login alike.

    Attributes:
        service: True for a service account, which is no person.
        not_before, not_after: ISO dates (inclusive) between which it counts.
        organization: For whom the person works, where that is not the organization whose list this is; as declared by
            the policy owner who signed the list. Roles that begin with ``outside-`` ask for one.
    """

    service: bool = False
    not_before: str | None = None
    not_after: str | None = None
    organization: str = ""


@dataclass(frozen=True)
class TrustedKey(_Trusted):
    """A key on the trust list.

    Attributes:
        key: Public key, hex.
        person: Who holds it; several keys of one person count as one person.
        roles: What it may sign, see :data:`ROLES`; any other name is an approver's role.
        logins: The user names by which MLflow and the operating system know the person.
    """

    key: str
    person: str
    roles: tuple[str, ...]
    logins: tuple[str, ...] = ()


@dataclass(frozen=True)
class TrustedUser(_Trusted):
    """A login for whom a server's key signs.

    Attributes:
        login: As the server authenticates it, spelled exactly so.
        person: Whose login it is; a key and a login of one person count as one person.
        roles: What may be said for it, as :class:`TrustedKey`'s.
    """

    login: str
    person: str
    roles: tuple[str, ...]


@dataclass(frozen=True)
class Trust:
    """The whole trust list; a later version replaces an earlier one."""

    version: int
    keys: tuple[TrustedKey, ...]
    users: tuple[TrustedUser, ...] = ()


@dataclass(frozen=True)
class KeyRevocation:
    """From its place in the ledger on, this key counts for nothing; with ``since``, from that place on.

    ``key`` is a public key in hex, or ``user:LOGIN`` for what a server said for that login.
    """

    key: str
    reason: str
    since: int | None = None


@dataclass(frozen=True)
class Scheduled:
    """A mode and the ISO date from which it holds."""

    mode: Mode
    start: str


@dataclass(frozen=True)
class Binding(OfModel, Said):
    """A registered model belongs to a system, under this plan.

    Attributes:
        kind: ``model`` or ``prompt``.
        plan: The whole resolved plan: what the decision applies, whatever files say later.
        system_digest: Digest of the resolved system.yaml.
        modes: When observe, warn and enforce hold; enforce where none has begun.
        author: Who wrote the change; must not be the one who signs.
        owner: The system's owner, who may sign some changes of it (:mod:`aims_gates.decision.system_fields`).
        fields: The digest of each field of the system; empty where a policy owner must sign every change.
    """

    kind: Literal["model", "prompt"]
    plan: Plan
    system_digest: str
    modes: tuple[Scheduled, ...] = ()
    author: str | None = None
    owner: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Freed(OfModel, Said):
    """A name that was bound to a system is governed by nobody from here on, until it is bound again."""

    reason: str


@dataclass(frozen=True)
class Adoption(OfAlias, Said):
    """A version that was in production before anybody asked for evidence may stay there until ``expires`` (ISO date).

    Attributes:
        owner: The person who answers for it meanwhile.
        problems: What a promotion would have been refused for, in plain lines.
    """

    owner: str
    expires: str
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detachment(Said):
    """The guards of the registry's database are taken away: from here on a stock MLflow may write it."""

    reason: str


@dataclass(frozen=True)
class OpenMode(Said):
    """Whether names that no system was ever bound to behave as in a stock registry; they do not until this says so.

    ``scope`` names the one kind of names that this is about; empty for all kinds.
    """

    on: bool
    reason: str
    scope: Literal["", "prompt"] = ""


@dataclass(frozen=True)
class UntestedMlflow(Said):
    """A server may run this minor version of MLflow (``3.19``), which aims-gates was not tested with."""

    mlflow: str
    reason: str


@dataclass(frozen=True)
class Activation(Said):
    """Models may be bound under this content of a profile. The first one makes it the rule for all profiles.

    Attributes:
        profile: The profile's id, with the overlays laid over it.
        digest: Digest of the merged content; the binding's plan carries the same.
        author: Who wrote the change; must not be the one who signs.
    """

    profile: str
    digest: str
    author: str
    reason: str = ""
