"""What several statements have in common: the name that they are about, and when and for whom they were said."""

from dataclasses import dataclass

__all__ = ["OfAlias", "OfModel", "OfVersion", "Said", "SaidFor"]


@dataclass(frozen=True)
class OfModel:
    """About a registered model or prompt.

    Attributes:
        workspace, name: Where it is registered, and as what.
    """

    workspace: str
    name: str


@dataclass(frozen=True)
class OfVersion(OfModel):
    """About one of its versions.

    Attributes:
        version: Its number in the registry.
    """

    version: str


@dataclass(frozen=True)
class OfAlias(OfVersion):
    """About a version under an alias, and the bytes that stood there.

    Attributes:
        alias: The alias, or the stage.
        digest, location: Its bytes, and where they are.
    """

    alias: str
    digest: str
    location: str


@dataclass(frozen=True, kw_only=True)
class Said:
    """Said at a time of its own.

    Attributes:
        said_at: ISO time; where empty, :func:`aims_gates.attestation.statements.wording.say` fills it in.
    """

    said_at: str = ""


@dataclass(frozen=True, kw_only=True)
class SaidFor:
    """May be said by a server for a user whom it authenticated.

    Attributes:
        user: That user's login; None where people sign with keys of their own.
    """

    user: str | None = None
