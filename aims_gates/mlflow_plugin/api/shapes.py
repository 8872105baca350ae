"""What comes in and goes out of our routes."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = [
    "ActResult",
    "ApprovalBody",
    "Broken",
    "Caller",
    "CarriedGrant",
    "Changed",
    "Explanation",
    "Head",
    "LedgerRow",
    "Name",
    "Opened",
    "Ordered",
    "LedgerPage",
    "StatementPlace",
    "Position",
    "Promoted",
    "Proof",
    "RejectionBody",
    "Refusal",
    "RequestShown",
    "Revoked",
    "Role",
    "SignedStatement",
    "Staged",
    "ServerStatus",
    "Term",
    "Terms",
    "TheReason",
    "TheirModel",
    "TheirVersion",
    "ToCarry",
    "Verified",
    "Version",
    "Waived",
]

#: MLflow's own bounds for names, and no character that a database or a terminal cannot hold.
_PLAIN = r"^[^\x00-\x1f\x7f-\x9f/:]+$"
#: Text with line breaks and tabs, and nothing else that a terminal obeys.
_TEXT = r"[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"
Name = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=_PLAIN)]
Role = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=_PLAIN)]
Version = Annotated[str, StringConstraints(pattern=r"^[1-9][0-9]{0,8}$")]
Short = Annotated[str, StringConstraints(pattern=r"^(sha256:)?[0-9a-fA-F]{6,64}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=8000, pattern=f"^{_TEXT}+$")]
Optional = Annotated[str, StringConstraints(max_length=8000, pattern=f"^{_TEXT}*$")]
Term = Annotated[str, StringConstraints(min_length=1, max_length=700, pattern=r"^[^\x00]+$")]
Position = Annotated[int, Field(ge=0, le=2_000_000_000)]


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Out(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Signature(_In):
    """One signature of a DSSE envelope."""

    keyid: Annotated[str, StringConstraints(max_length=200)] = ""
    sig: Annotated[str, StringConstraints(max_length=400)]


class DsseEnvelope(_In):
    """A DSSE envelope around an in-toto statement."""

    payloadType: Annotated[str, StringConstraints(max_length=100)]
    payload: Annotated[str, StringConstraints(max_length=1_500_000)]
    signatures: Annotated[list[Signature], Field(min_length=1, max_length=20)]


class SignedStatement(_In):
    """A statement signed by a personal key or a CI system's."""

    envelope: DsseEnvelope


class TheirModel(_In):
    """A registered model."""

    name: Name


class TheirVersion(TheirModel):
    """A registered model's version."""

    version: Version


class Opened(TheirVersion):
    """A request to open; ``replaced`` tells why data on which a gate failed were replaced."""

    reason: Optional = ""
    replaced: Optional = ""


class TheReason(_In):
    """Why."""

    reason: Text


class ApprovalBody(_In):
    """Yes to a request, in a role."""

    role: Role
    comment: Optional = ""


class RejectionBody(_In):
    """No to a request, in a role."""

    role: Role
    reason: Text


class Waived(TheirVersion):
    """A control to be accepted as unmet for a version, until a date."""

    control: Role
    role: Role
    reason: Text
    risk: Text
    compensating_control: Text
    until: Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]


class Revoked(_In):
    """A statement that no longer counts; its digest, or the first digits of it."""

    statement: Short
    reason: Text


class Broken(TheirModel):
    """A model to be taken out of production at once, or a halt to be ended; and why."""

    reason: Text


class Ordered(TheirVersion):
    """A return to a version granted before."""

    reason: Text
    alias: Name = "production"


class Promoted(TheirVersion):
    """A version to be put under an alias."""

    alias: Name = "production"


class ToCarry(TheirModel):
    """A grant to be carried to where the model is deployed, on a checkpoint that is not the server's own."""

    alias: Name = "production"
    days: Annotated[int, Field(ge=1, le=180)] = 90
    checkpoint: DsseEnvelope | None = None


class CarriedGrant(_Out):
    """A portable grant: the file's content, and until when it may be relied on."""

    file: dict[str, Any]
    until: str


class StatementPlace(_Out):
    """A statement's row in the ledger, and whose word it is."""

    statement: str
    position: int
    at: str
    body: str
    by: list[str]


class ActResult(_Out):
    """What was done."""

    statement: str
    position: int
    by: list[str]
    aliases: list[str] = []
    reaches: list[str] = []


class Staged(_Out):
    """A version's bytes stand in the released root under this digest."""

    digest: str


class Changed(Staged):
    """An alias stands on a version."""

    name: str
    version: str
    alias: str


class Head(_Out):
    """The ledger's tree."""

    size: int
    root: str


class LedgerRow(_Out):
    """A row as it stands in the ledger, and the asked terms that it stands under."""

    position: int
    body: str
    terms: list[str]


class LedgerPage(_Out):
    """Some rows, in order; ``next`` is what to pass as ``after`` for more."""

    size: int
    rows: list[LedgerRow]
    next: int | None


class Terms(_Out):
    """Index terms."""

    terms: list[str]


class Proof(_Out):
    """Hashes (hex) that prove something of two roots, or of a row and a root."""

    first: int
    second: int
    root: str
    hashes: list[str]


class Verified(_Out):
    """Whether all holds; one sentence for each problem."""

    ok: bool
    size: int
    root: str
    problems: list[str]


class Caller(_Out):
    """The caller as the server and the trust list know them."""

    name: str
    via: str
    admin: bool
    service: bool
    person: str | None
    roles: list[str]


class ServerStatus(_Out):
    """The server."""

    version: str
    key: str | None
    ledger: Head
    user: Caller


class RequestShown(_Out):
    """A request for promotion."""

    id: str
    at: str
    position: int
    by: list[str]
    state: str | None
    asked: dict[str, Any]


class Explanation(BaseModel):
    """What stands between a version and production."""

    model_config = ConfigDict(extra="allow")

    allowed: bool
    exit: int


class Refusal(BaseModel):
    """An error, as MLflow writes it, with fields of ours."""

    model_config = ConfigDict(extra="allow")

    error_code: str
    message: str
    aims_error: str | None = None
    aims_message: str | None = None
    aims_where: str | None = None
    aims_remedy: str | None = None
