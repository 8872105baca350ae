"""What was done about a model, its system and the organization: acts that the ledger holds (rule 21). Pure.

An act is a row that the act itself wrote: a halt, a rollback that the registry granted, an approval, somebody's own
word that they have read a text. Nobody states that it was done; whoever looks finds the row, or does not. One that was
taken back, that nobody on the trust list signed, or that is about another model or system, is no act here.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates.attestation.statements import evidence, people, policy, records, registry
from aims_gates.attestation.statements.types import REGISTRY_ACTS, type_of
from aims_gates.attestation.trust_list import Row, alike
from aims_gates.decision.statements import Statements
from aims_gates.documents.canonical import plain
from aims_gates.model import ACTS, Act

__all__ = ["act_stands", "acts_of"]

_EVERYBODY = "organization"
_ALWAYS = "9999-12-31"


@dataclass(frozen=True)
class _Kind:
    """A kind of act.

    Attributes:
        name: One of :data:`aims_gates.model.ACTS`.
        shape: The statement that such an act writes.
        about: What a row of it is about, from the ledger, the row and the system's name; empty where that is another's.
        details: What gates see of what it says.
    """

    name: str
    shape: type
    about: Callable[[Statements, Row, str], str]
    details: Callable[[Statements, Row], dict[str, Any]]


def _fields(*names: str) -> Callable[[Statements, Row], dict[str, Any]]:
    """These fields of what a row says."""
    return lambda _, row: {name: getattr(row.predicate, name) for name in names}


def _this_model(ledger: Statements, row: Row, _: str) -> str:
    return f"{ledger.workspace}/{ledger.name}" if ledger.concerns(row.predicate) else ""


def _rolled_back(ledger: Statements, row: Row, system: str) -> str:
    return _this_model(ledger, row, system) if row.predicate.transition == "rollback" else ""


def _answered(ledger: Statements, row: Row, system: str) -> str:
    """The model, where a row answers a request for it in a role that its signer holds."""
    in_role = ledger.persons(row, row.predicate.role)
    request = ledger.by_digest.get(row.predicate.request) if in_role else None
    return _this_model(ledger, request, system) if request is not None else ""


def _taken_back(ledger: Statements, row: Row, system: str) -> str:
    """The model, where a revocation that counts is of something said about it."""
    target = ledger.by_digest.get(row.predicate.statement)
    if target is None or target.digest not in ledger.revoked or not hasattr(target.predicate, "workspace"):
        return ""
    return _this_model(ledger, target, system)


def _own_word(ledger: Statements, row: Row, _: str) -> str:
    """The text or course, where the person who is named signed it; nobody acknowledges for another."""
    signers = {alike(person) for person in ledger.persons(row)}
    own = alike(row.predicate.person) in signers and row.statement.subject == row.predicate.digest
    return str(row.predicate.what) if own else ""


def _trained(ledger: Statements, row: Row, system: str) -> str:
    """The system, where a judgement is of a training set of its."""
    judgement = row.predicate
    own = (judgement.workspace, judgement.system) == (ledger.workspace, system)
    return system if own and row.statement.subject == judgement.data else ""


def _asked(ledger: Statements, row: Row, system: str) -> str:
    """The system, where its tools were asked, by the record that the statement is about."""
    probe = row.predicate
    own = (probe.workspace, probe.system) == (ledger.workspace, system)
    return system if own and row.statement.subject == probe.record else ""


def _answers(_: Statements, row: Row) -> dict[str, Any]:
    return {"record": row.predicate.record, "tools": [plain(tool) for tool in row.predicate.tools]}


def _people(ledger: Statements, row: Row) -> dict[str, Any]:
    """Everybody on a trust list who is no service and whose key was not revoked since: person -> last day, or empty."""
    entries: tuple[policy.TrustedKey | policy.TrustedUser, ...] = (*row.predicate.keys, *row.predicate.users)
    days: dict[str, str] = {}
    for entry in entries:
        name = entry.key if isinstance(entry, policy.TrustedKey) else f"user:{entry.login}"
        if not entry.service and name not in ledger.trust.revoked:
            days[entry.person] = max(days.get(entry.person, ""), entry.not_after or _ALWAYS)
    return {"people": {person: "" if day == _ALWAYS else day for person, day in sorted(days.items())}}


_KINDS: tuple[_Kind, ...] = (
    _Kind("halts", people.Halt, _this_model, _fields("reason")),
    _Kind("resumes", people.Resume, _this_model, _fields("reason")),
    _Kind("rollbacks", registry.Grant, _rolled_back, _fields("version", "alias")),
    _Kind("approvals", people.Approval, _answered, _fields("request", "role", "comment")),
    _Kind("revocations", people.Revocation, _taken_back, _fields("statement", "reason")),
    _Kind("key_drills", policy.KeyRevocation, lambda *_: _EVERYBODY, _fields("key", "reason")),
    _Kind("acknowledgements", records.SignedAcknowledgement, _own_word, _fields("person", "digest")),
    _Kind("trust_lists", policy.Trust, lambda *_: _EVERYBODY, _people),
    _Kind("training_data", evidence.TrainingDataAcceptance, _trained, _fields("data", "rows", "outcome", "run")),
    _Kind("probes", evidence.ToolProbe, _asked, _answers),
)
_BY_TYPE: Mapping[str, _Kind] = {type_of(kind.shape): kind for kind in _KINDS}


def acts_of(ledger: Statements, system: str) -> dict[str, tuple[Act, ...]]:
    """The acts that stand, by kind (:data:`aims_gates.model.ACTS`), oldest first; each kind is there.

    Of the trust lists only the one in force.

    Args:
        ledger: Rows that bear on the model, and those of the organization's acts.
        system: The system that the model is bound to.
    """
    acts: dict[str, tuple[Act, ...]] = dict.fromkeys(ACTS, ())
    for act in _acts(ledger, system):
        acts[act.kind] += (act,)
    return acts


def act_stands(ledger: Statements, system: str, digest: str, before: int) -> bool:
    """Whether a statement is an act that stands, about this model, its system or the organization.

    Args:
        ledger: As :func:`acts_of` takes it.
        system: The system that the model is bound to.
        digest: The statement's.
        before: The place of the evidence that rests on it: what was done later it cannot have looked at.
    """
    row = ledger.by_digest.get(digest)
    return row is not None and row.position < before and _act(ledger, system, row) is not None


def _acts(ledger: Statements, system: str) -> Iterator[Act]:
    for row in (*ledger.trust_lists[-1:], *(row for row in ledger.rows if row.type != type_of(policy.Trust))):
        act = _act(ledger, system, row)
        if act is not None:
            yield act


def _act(ledger: Statements, system: str, row: Row) -> Act | None:
    """A row as an act; None where it is none here."""
    kind = _BY_TYPE.get(row.type)
    if kind is None or row.digest in ledger.revoked:
        return None
    by, about = _by(ledger, row), kind.about(ledger, row, system)
    return Act(kind.name, row.at, by, about, row.digest, kind.details(ledger, row)) if by and about else None


def _by(ledger: Statements, row: Row) -> tuple[str, ...]:
    """Whose word a row is: the actor, of the registry's own; of a trust list, by that list or the one before."""
    if row.type in REGISTRY_ACTS:
        return (row.predicate.actor,)
    if row in ledger.trust_lists:
        return tuple(sorted({key.person for key in row.predicate.keys if key.key in row.signers}))
    if isinstance(row.predicate, evidence.TrainingDataAcceptance | evidence.ToolProbe):  # a service's key may sign
        return tuple(sorted({key.person for key in ledger.trust.holders(row)}))
    return tuple(ledger.persons(row))
