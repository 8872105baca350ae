"""The names of statements' types, and which role may sign which."""

from collections.abc import Mapping

from aims_gates.attestation.statements import evidence, people, policy, records, registry
from aims_gates.model import Evidence

__all__ = ["OWNER", "REGISTRY_ACTS", "ROLES", "ROLE_TASKS", "SAID_FOR", "may_sign", "type_of"]

TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"


SUMMARY = "https://in-toto.io/attestation/svr/v0.2"


_OWN = "aims-gates:"


_TYPES: Mapping[type, str] = {
    policy.Trust: f"{_OWN}trust/v1",
    policy.KeyRevocation: f"{_OWN}key-revocation/v1",
    policy.Binding: f"{_OWN}binding/v1",
    evidence.Predictions: f"{_OWN}predictions/v1",
    evidence.TrainingDataAcceptance: f"{_OWN}training-data-acceptance/v1",
    evidence.ToolProbe: f"{_OWN}tool-probe/v1",
    people.Request: f"{_OWN}request/v1",
    people.Withdrawal: f"{_OWN}withdrawal/v1",
    people.Approval: f"{_OWN}approval/v1",
    people.Rejection: f"{_OWN}rejection/v1",
    people.Waiver: f"{_OWN}waiver/v1",
    people.Revocation: f"{_OWN}revocation/v1",
    people.Halt: f"{_OWN}halt/v1",
    people.Resume: f"{_OWN}resume/v1",
    policy.Freed: f"{_OWN}freed/v1",
    people.RollbackOrder: f"{_OWN}rollback/v1",
    policy.Activation: f"{_OWN}activation/v1",
    policy.Adoption: f"{_OWN}adoption/v1",
    people.BreakGlass: f"{_OWN}break-glass/v1",
    evidence.Checkpoint: f"{_OWN}checkpoint/v1",
    policy.Detachment: f"{_OWN}detachment/v1",
    policy.OpenMode: f"{_OWN}open-mode/v1",
    policy.UntestedMlflow: f"{_OWN}untested-mlflow/v1",
    evidence.PortableGrant: f"{_OWN}portable-grant/v2",
    evidence.FirstPortableGrant: f"{_OWN}portable-grant/v1",
    records.RecordSubmission: f"{_OWN}record-submission/v1",
    records.RecordApproval: f"{_OWN}record-approval/v1",
    records.RecordEntries: f"{_OWN}record-entries/v1",
    records.SignedAcknowledgement: f"{_OWN}acknowledgement/v1",
    registry.Creation: f"{_OWN}creation/v1",
    registry.Registration: f"{_OWN}registration/v1",
    registry.Intake: f"{_OWN}intake/v1",
    registry.Grant: f"{_OWN}grant/v1",
    registry.Transition: f"{_OWN}transition/v1",
    registry.Recorded: SUMMARY,
    Evidence: TEST_RESULT,
}


_SHAPES = {uri: shape for shape, uri in _TYPES.items()}


#: Written by the registry's transaction alone, without a signature.
REGISTRY_ACTS = frozenset(
    _TYPES[shape]
    for shape in (registry.Creation, registry.Registration, registry.Grant, registry.Transition, registry.Recorded)
)


#: What the built-in roles may sign; every other role name is an approver's. Who may revoke or withdraw which statement,
#: :mod:`aims_gates.decision.rights` says.
ROLES: Mapping[str, frozenset[type]] = {
    "policy": frozenset(
        {
            policy.Trust,
            policy.KeyRevocation,
            policy.Activation,
            policy.Binding,
            policy.OpenMode,
            policy.UntestedMlflow,
            people.Revocation,
            evidence.Checkpoint,
            evidence.PortableGrant,
            evidence.FirstPortableGrant,
            policy.Adoption,
            policy.Detachment,
            people.Resume,
            policy.Freed,
            registry.Intake,
            records.SignedAcknowledgement,
        }
    ),
    # Whoever makes evidence carries no grant: it could then vouch for what its own evidence led to.
    "ci": frozenset(
        {
            Evidence,
            evidence.Predictions,
            evidence.TrainingDataAcceptance,
            evidence.ToolProbe,
            people.Revocation,
            evidence.Checkpoint,
            evidence.FirstPortableGrant,
            records.SignedAcknowledgement,
        }
    ),
    "developer": frozenset(
        {
            people.Request,
            people.Withdrawal,
            registry.Intake,
            records.RecordSubmission,
            records.RecordEntries,
            records.SignedAcknowledgement,
        }
    ),
    "on-call": frozenset({people.Halt, people.RollbackOrder, people.Revocation, records.SignedAcknowledgement}),
    "break-glass": frozenset({people.BreakGlass, people.Revocation, records.SignedAcknowledgement}),
    # In its own name a server says how large the ledger is and what it granted; all else it says for a user (SAID_FOR).
    "server": frozenset({evidence.Checkpoint, evidence.PortableGrant}),
}


#: What each built-in role is for, in the order in which they are explained.
ROLE_TASKS: Mapping[str, str] = {
    "policy": "trust list, bindings, revocations",
    "ci": "evidence, predictions, acceptance of training data, probes of tools",
    "developer": "requests, taking in versions registered elsewhere",
    "on-call": "halt, rollback",
    "break-glass": "one of two orders to promote against unmet controls",
    "server": "speaks for the users on the list",
}


_APPROVER = frozenset(
    {
        people.Request,
        people.Withdrawal,
        people.Approval,
        people.Rejection,
        people.Waiver,
        people.Revocation,
        people.Resume,
        records.RecordSubmission,
        records.RecordApproval,
        records.RecordEntries,
        records.SignedAcknowledgement,
    }
)


#: The system's owner approves, and may bind anew what needs no policy owner (:mod:`aims_gates.decision.system_fields`).
OWNER = "owner"


#: What a server's key may say for a user whom it authenticated.
SAID_FOR = frozenset(_TYPES[shape] for shape in (*_APPROVER, people.Halt, people.RollbackOrder))


def type_of(shape: type) -> str:
    """The predicate type's URI."""
    return _TYPES[shape]


def may_sign(role: str, predicate_type: str) -> bool:
    """Whether a key with this role may sign such a statement."""
    approver = _APPROVER | {policy.Binding} if role == OWNER else _APPROVER
    return _SHAPES.get(predicate_type) in ROLES.get(role, approver)
