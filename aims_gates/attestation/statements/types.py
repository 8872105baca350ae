"""The names of statements' types, and which role may sign which."""

from collections.abc import Mapping

from aims_gates.attestation.statements.evidence import Checkpoint, FirstPortableGrant, PortableGrant, Predictions
from aims_gates.attestation.statements.people import (
    Approval,
    BreakGlass,
    Halt,
    Rejection,
    Request,
    Resume,
    Revocation,
    RollbackOrder,
    Waiver,
    Withdrawal,
)
from aims_gates.attestation.statements.policy import (
    Activation,
    Adoption,
    Binding,
    Detachment,
    Freed,
    KeyRevocation,
    OpenMode,
    Trust,
    UntestedMlflow,
)
from aims_gates.attestation.statements.registry import Creation, Grant, Recorded, Registration, Transition
from aims_gates.model import Evidence

__all__ = ["REGISTRY_ACTS", "ROLES", "ROLE_TASKS", "SAID_FOR", "may_sign", "type_of"]

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


SUMMARY = "https://in-toto.io/attestation/svr/v0.2"


_OWN = "aims-gates:"


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


#: Written by the registry's transaction alone, without a signature.
REGISTRY_ACTS = frozenset(_TYPES[shape] for shape in (Creation, Registration, Grant, Transition, Recorded))


#: What the built-in roles may sign; every other role name is an approver's. Who may revoke or withdraw which statement,
#: :mod:`aims_gates.decision.rights` says.
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


#: What each built-in role is for, in the order in which they are explained.
ROLE_TASKS: Mapping[str, str] = {
    "policy": "trust list, bindings, revocations",
    "ci": "evidence, predictions",
    "developer": "requests",
    "on-call": "halt, rollback",
    "break-glass": "one of two orders to promote against unmet controls",
    "server": "speaks for the users on the list",
}


#: What a server's key may say for a user whom it authenticated.
SAID_FOR = frozenset(
    _TYPES[shape]
    for shape in (Request, Withdrawal, Approval, Rejection, Waiver, Revocation, Halt, Resume, RollbackOrder)
)


_APPROVER = frozenset({Request, Withdrawal, Approval, Rejection, Waiver, Revocation, Resume})


def type_of(shape: type) -> str:
    """The predicate type's URI."""
    return _TYPES[shape]


def may_sign(role: str, predicate_type: str) -> bool:
    """Whether a key with this role may sign such a statement."""
    return _SHAPES.get(predicate_type) in ROLES.get(role, _APPROVER)
