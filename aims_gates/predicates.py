"""What a statement may say: one dataclass for each predicate, and who may sign it.

The names of types are URIs. Two are in-toto's own (test-result, svr); the rest are ours. A key's roles say which
predicates it may sign; the registry's own acts (``REGISTRY_ACTS``) are unsigned rows that only its transaction writes.

``user`` names the login for whom a server's key signed (see :data:`SAID_FOR`); nobody else may name one. It, like
``on_behalf_of``, a trust list's ``users``, open mode's ``scope``, a checkpoint's ``frontier`` and ``trust``, and how
predictions were isolated, is left out of the statement where it is empty, so that what people sign with keys of their
own has the same bytes as ever.

``said_at`` (ISO time, UTC) makes two like statements two: to halt, bind, ask or approve again is a new statement, while
the same statement brought again is the old one. :func:`say` fills it in; nothing is decided by it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from aims_gates.canonical import canonical_bytes, is_canonical, plain
from aims_gates.errors import InputError
from aims_gates.evidence import Statement, statement
from aims_gates.model import Approver, Evidence, Mode, Plan, Subject
from aims_gates.strict_yaml import dump, parse

__all__ = [
    "NOBODY",
    "REGISTRY_ACTS",
    "ROLES",
    "SAID_FOR",
    "Activation",
    "Adoption",
    "Approval",
    "Binding",
    "BreakGlass",
    "Checkpoint",
    "Creation",
    "Detachment",
    "FirstPortableGrant",
    "Freed",
    "Frozen",
    "Grant",
    "Halt",
    "KeyRevocation",
    "OpenMode",
    "PortableGrant",
    "Predictions",
    "Recorded",
    "Registration",
    "Rejection",
    "Request",
    "Resume",
    "Revocation",
    "RollbackOrder",
    "Scheduled",
    "Transition",
    "Trust",
    "TrustedKey",
    "TrustedUser",
    "UntestedMlflow",
    "Waiver",
    "Withdrawal",
    "evidence_of",
    "may_sign",
    "predicate_of",
    "say",
    "type_of",
]

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://in-toto.io/attestation/svr/v0.2"
_OWN = "aims-gates:"
_RESULTS = {"pass": "PASSED", "fail": "FAILED", "inconclusive": "WARNED", "error": "FAILED"}


@dataclass(frozen=True)
class TrustedKey:
    """A key on the trust list.

    Attributes:
        key: Public key, hex.
        person: Who holds it; several keys of one person count as one person.
        roles: What it may sign, see :data:`ROLES`; any other name is an approver's role.
        logins: The user names by which MLflow and the operating system know the person.
        service: True for a service account, which is no person.
        not_before, not_after: ISO dates (inclusive) between which it signs.
    """

    key: str
    person: str
    roles: tuple[str, ...]
    logins: tuple[str, ...] = ()
    service: bool = False
    not_before: str | None = None
    not_after: str | None = None


@dataclass(frozen=True)
class TrustedUser:
    """A login for whom a server's key signs.

    Attributes:
        login: As the server authenticates it, spelled exactly so.
        person: Whose login it is; a key and a login of one person count as one person.
        roles: What may be said for it, as :class:`TrustedKey`'s.
        service: True for a service account, which is no person.
        not_before, not_after: ISO dates (inclusive) between which it counts.
    """

    login: str
    person: str
    roles: tuple[str, ...]
    service: bool = False
    not_before: str | None = None
    not_after: str | None = None


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
class Binding:
    """A registered model belongs to a system, under this plan.

    Attributes:
        workspace, name: The registered model.
        kind: ``model`` or ``prompt``.
        plan: The whole resolved plan: what the decision applies, whatever files say later.
        system_digest: Digest of the resolved system.yaml.
        modes: When observe, warn and enforce hold; enforce where none has begun.
        author: Who wrote the change; must not be the one who signs.
    """

    workspace: str
    name: str
    kind: Literal["model", "prompt"]
    plan: Plan
    system_digest: str
    modes: tuple[Scheduled, ...] = ()
    author: str | None = None
    said_at: str = ""


@dataclass(frozen=True)
class Freed:
    """A name that was bound to a system is governed by nobody from here on, until it is bound again."""

    workspace: str
    name: str
    reason: str
    said_at: str = ""


@dataclass(frozen=True)
class Predictions:
    """The subject, run over ``data``, gave the table ``output``, and further ``tables`` (role -> digest).

    ``isolation`` is how its process was kept apart, and ``verified`` what was looked at of that where nothing but its
    surroundings did so (:mod:`aims_gates.registry.isolation`); empty in what was signed before that was recorded.
    """

    data: str
    output: str
    rows: int
    produced_at: str
    facts: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, str] = field(default_factory=dict)
    isolation: str = ""
    verified: tuple[str, ...] = ()


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
class Adoption:
    """A version that was in production before anybody asked for evidence may stay there until ``expires`` (ISO date).

    Attributes:
        workspace, name, version, alias: What stood there, as found.
        digest, location: Its bytes, and where they are.
        owner: The person who answers for it meanwhile.
        problems: What a promotion would have been refused for, in plain lines.
    """

    workspace: str
    name: str
    version: str
    alias: str
    digest: str
    location: str
    owner: str
    expires: str
    problems: tuple[str, ...] = ()
    said_at: str = ""


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


@dataclass(frozen=True)
class Checkpoint:
    """The ledger had this size and this root (hex) when it was signed; to be kept elsewhere.

    ``frontier`` (hex) is what later rows are appended to; the root is made of it (:mod:`aims_gates.ledger.merkle`).
    ``trust`` attests that every statement was verified before this was signed: the digest (hex) of the trust lists and
    key revocations by which that was done (:mod:`aims_gates.ledger.replay`); empty where nobody did it.
    """

    size: int
    root: str
    said_at: str = ""
    frontier: tuple[str, ...] = ()
    trust: str = ""


@dataclass(frozen=True)
class PortableGrant:
    """A grant stood when this was said, in a ledger of this size and root (see :mod:`aims_gates.portable`).

    Attributes:
        grant: Digest of the grant's statement; the fields after it repeat the grant and its plan.
        granted_at: When it was granted (ISO time).
        position, size, root: The grant's row, and the checkpoint's tree in which it stands (hex).
        until: ISO date until which it may be relied on.
        basis: Digests of the statements that the grant rests on: request and approvals, or orders.
        required: The approvals that the plan asked for.
    """

    grant: str
    workspace: str
    name: str
    version: str
    alias: str
    digest: str
    system: str
    tier: str
    profile: str
    mode: Mode
    transition: str
    granted_at: str
    position: int
    size: int
    root: str
    until: str
    basis: tuple[str, ...] = ()
    required: tuple[Approver, ...] = ()
    said_at: str = ""


@dataclass(frozen=True)
class FirstPortableGrant:
    """A portable grant as version 0.1 said it: read where a ledger holds one, never said again, relied on by nobody."""

    grant: str
    workspace: str
    name: str
    version: str
    alias: str
    digest: str
    system: str
    tier: str
    profile: str
    mode: Mode
    transition: str
    granted_at: str
    position: int
    size: int
    root: str
    until: str
    said_at: str = ""


@dataclass(frozen=True)
class Detachment:
    """The guards of the registry's database are taken away: from here on a stock MLflow may write it."""

    reason: str
    said_at: str = ""


@dataclass(frozen=True)
class OpenMode:
    """Whether names that no system was ever bound to behave as in a stock registry; they do not until this says so.

    ``scope`` names the one kind of names that this is about; empty for all kinds.
    """

    on: bool
    reason: str
    said_at: str = ""
    scope: Literal["", "prompt"] = ""


@dataclass(frozen=True)
class UntestedMlflow:
    """A server may run this minor version of MLflow (``3.19``), which aims-gates was not tested with."""

    mlflow: str
    reason: str
    said_at: str = ""


@dataclass(frozen=True)
class Creation:
    """The registry: a registered model or prompt was created; the kind is fixed here."""

    workspace: str
    name: str
    kind: Literal["model", "prompt"]
    actor: str
    via: str


@dataclass(frozen=True)
class Registration:
    """The registry: a version was registered, and by whom; ``via`` is :data:`NOBODY` where by a service for nobody."""

    workspace: str
    name: str
    version: str
    source: str
    run_id: str | None
    actor: str
    via: str


@dataclass(frozen=True)
class Grant:
    """The registry: what makes a promotion stand; one that was adopted ends after ``expires`` (ISO date)."""

    workspace: str
    name: str
    version: str
    alias: str
    digest: str
    location: str
    transition: Literal["production", "rollback", "break-glass", "adopted"]
    mode: Mode
    request: str | None
    decision: str
    actor: str
    expires: str | None = None


@dataclass(frozen=True)
class Transition:
    """The registry: a governed alias or stage was taken away, or a model renamed or deleted."""

    workspace: str
    name: str
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


@dataclass(frozen=True)
class Activation:
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
    said_at: str = ""


_TYPES: Mapping[type, str] = {
    Trust: f"{_OWN}trust/v1",
    KeyRevocation: f"{_OWN}key-revocation/v1",
    Binding: f"{_OWN}binding/v1",
    Predictions: f"{_OWN}predictions/v1",
    Request: f"{_OWN}request/v1",
    Withdrawal: f"{_OWN}withdrawal/v1",
    Approval: f"{_OWN}approval/v1",
    Rejection: f"{_OWN}rejection/v1",
    Waiver: f"{_OWN}waiver/v1",
    Revocation: f"{_OWN}revocation/v1",
    Halt: f"{_OWN}halt/v1",
    Resume: f"{_OWN}resume/v1",
    Freed: f"{_OWN}freed/v1",
    RollbackOrder: f"{_OWN}rollback/v1",
    Activation: f"{_OWN}activation/v1",
    Adoption: f"{_OWN}adoption/v1",
    BreakGlass: f"{_OWN}break-glass/v1",
    Checkpoint: f"{_OWN}checkpoint/v1",
    Detachment: f"{_OWN}detachment/v1",
    OpenMode: f"{_OWN}open-mode/v1",
    UntestedMlflow: f"{_OWN}untested-mlflow/v1",
    PortableGrant: f"{_OWN}portable-grant/v2",
    FirstPortableGrant: f"{_OWN}portable-grant/v1",
    Creation: f"{_OWN}creation/v1",
    Registration: f"{_OWN}registration/v1",
    Grant: f"{_OWN}grant/v1",
    Transition: f"{_OWN}transition/v1",
    Recorded: SUMMARY,
    Evidence: TEST_RESULT,
}
_SHAPES = {uri: shape for shape, uri in _TYPES.items()}

#: How an actor is known that is a service and names no human for whom it acts.
NOBODY = "nobody"

#: Written by the registry's transaction alone, without a signature.
REGISTRY_ACTS = frozenset(_TYPES[shape] for shape in (Creation, Registration, Grant, Transition, Recorded))

#: What the built-in roles may sign; every other role name is an approver's. Who may revoke or withdraw which statement,
#: :mod:`aims_gates.rights` says.
ROLES: Mapping[str, frozenset[type]] = {
    "policy": frozenset(
        {
            Trust,
            KeyRevocation,
            Activation,
            Binding,
            OpenMode,
            UntestedMlflow,
            Revocation,
            Checkpoint,
            PortableGrant,
            FirstPortableGrant,
            Adoption,
            Detachment,
            Resume,
            Freed,
        }
    ),
    # Whoever makes evidence carries no grant: it could then vouch for what its own evidence led to.
    "ci": frozenset({Evidence, Predictions, Revocation, Checkpoint, FirstPortableGrant}),
    "developer": frozenset({Request, Withdrawal}),
    "on-call": frozenset({Halt, RollbackOrder, Revocation}),
    "break-glass": frozenset({BreakGlass, Revocation}),
    # In its own name a server says how large the ledger is and what it granted; all else it says for a user (SAID_FOR).
    "server": frozenset({Checkpoint, PortableGrant}),
}

#: What a server's key may say for a user whom it authenticated.
SAID_FOR = frozenset(
    _TYPES[shape]
    for shape in (Request, Withdrawal, Approval, Rejection, Waiver, Revocation, Halt, Resume, RollbackOrder)
)
_LEFT_OUT = ("user", "on_behalf_of", "users", "frontier", "trust", "scope", "isolation", "verified")
_APPROVER = frozenset({Request, Withdrawal, Approval, Rejection, Waiver, Revocation, Resume})


def type_of(shape: type) -> str:
    """The predicate type's URI."""
    return _TYPES[shape]


def may_sign(role: str, predicate_type: str) -> bool:
    """Whether a key with this role may sign such a statement."""
    return _SHAPES.get(predicate_type) in ROLES.get(role, _APPROVER)


def _test_result(evidence: Evidence) -> dict[str, Any]:
    """in-toto test-result v0.1, with the whole evidence under our own key."""
    return {**_summary(evidence), "aims": plain(evidence)}


def _summary(evidence: Evidence) -> dict[str, Any]:
    named = {"pass": "passedTests", "fail": "failedTests", "inconclusive": "warnedTests", "error": "failedTests"}
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for index, finding in enumerate(evidence.findings):
        if finding.outcome is not None:
            tests[named[finding.outcome]].append(f"{index}:{finding.measure}")
    gate = {"name": evidence.gate, "digest": {"sha256": evidence.gate_digest.removeprefix("sha256:")}}
    return {"result": _RESULTS[evidence.outcome], "configuration": [gate], **tests}


def _lean(predicate: Any) -> dict[str, Any]:
    return {name: value for name, value in plain(predicate).items() if value or name not in _LEFT_OUT}


def say(predicate: Any, subject: Subject) -> Statement:
    """The statement that carries this predicate about this subject, said now where its ``said_at`` is empty."""
    if getattr(predicate, "said_at", None) == "":
        predicate = replace(predicate, said_at=datetime.now(UTC).isoformat(timespec="microseconds"))
    body = _test_result(predicate) if isinstance(predicate, Evidence) else _lean(predicate)
    return statement(_TYPES[type(predicate)], body, subject)


def evidence_of(made: Statement) -> Evidence:
    """The evidence in a test-result statement.

    Raises:
        InputError: it is none of ours, or its summary disagrees with its findings.
    """
    body = made.predicate
    if not isinstance(body.get("aims"), dict):
        raise InputError("the test result carries no findings of ours", where="statement")
    found = parse(Evidence, body["aims"], "evidence")
    if body != _summary(found) | {"aims": dump(found)} and not is_canonical(body, canonical_bytes(_test_result(found))):
        raise InputError("the test result's summary disagrees with its findings", where="statement")
    return found


def predicate_of(made: Statement) -> Any:
    """The predicate as its dataclass.

    Raises:
        InputError: an unknown predicate type, or a predicate of the wrong shape.
    """
    shape = _SHAPES.get(made.type)
    if shape is None:
        raise InputError(
            f"unknown predicate type {made.type!r}", where="statement", remedy="Upgrade aims-gates, or make it again."
        )
    return evidence_of(made) if shape is Evidence else parse(shape, made.predicate, made.type)
