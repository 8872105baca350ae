"""Who may take back what: the one table, by the kind of statement and the part that somebody has in it. Pure.

Revoking lowers trust, so it is for those who gave their word, and for policy owners. What *denies* (a halt, a
rejection, a revoked key, failing evidence, a withdrawal, a revocation) cannot be revoked by anybody: it ends by an act
of its own. The table is applied when a statement is appended, and again when rows are counted: a revocation or
withdrawal by somebody who may not say it counts for nothing, whatever stands in the ledger.

What was lawfully taken back stays so when the signer's key is untrusted later (:meth:`TrustHistory.admitted`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NoReturn

from aims_gates.attestation.statements import evidence, people, policy, records, registry
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row, TrustHistory, alike
from aims_gates.errors import RefusedError
from aims_gates.model import Evidence, Finding, Outcome

__all__ = [
    "FAILING",
    "PARTS",
    "RAISING",
    "REFUSED_DATA",
    "REVOKING",
    "WITHDRAWING",
    "Part",
    "Right",
    "counting",
    "fails",
    "lawful",
    "outcome_of",
    "refuse",
    "target_of",
]

#: What somebody is to the statement that is to be taken back.
Part = Literal["policy", "on-call", "signer", "role", "requester", "approver"]
PARTS: Mapping[Part, str] = {
    "policy": "a policy owner",
    "on-call": "a person on call",
    "signer": "whoever signed it",
    "role": "the role in which it was signed",
    "requester": "whoever asked, or the human for whom a service asked",
    "approver": "an approver of that request",
}


@dataclass(frozen=True)
class Right:
    """A row of the table.

    Attributes:
        what: The statements it is about, in words.
        parts: Who may take such a statement back; nobody where empty.
        why: Why these.
        instead: What ends such a statement, where nobody may take it back; what else does the same, otherwise.
    """

    what: str
    parts: tuple[Part, ...]
    why: str
    instead: str = ""


_POLICY = Right("", ("policy",), "policy owners alone decide what governs a name")
_ACTS = Right("an act of the registry", (), "it says what was done", "nothing: it stays on record")
#: Who may revoke what, by the statement's kind.
REVOKING: Mapping[type, Right] = {
    Evidence: Right(
        "evidence that does not fail",
        ("policy", "role"),
        "whoever measures may find the measurement unsound; an approver rejects the request instead",
        "newer evidence takes its place: aims-gates check",
    ),
    evidence.Predictions: Right(
        "predictions", ("policy", "role"), "as evidence", "newer predictions: aims-gates predict"
    ),
    evidence.TrainingDataAcceptance: Right(
        "the acceptance of training data",
        ("policy", "role"),
        "as evidence",
        "judge the set anew: aims-gates datasets accept",
    ),
    evidence.ToolProbe: Right(
        "a probe of tools", ("policy", "role"), "as evidence", "ask them anew: aims-gates records probe"
    ),
    people.Request: Right(
        "a request",
        ("policy", "requester", "approver"),
        "another's request is not everybody's to stop; a role that approves can reject it",
        "aims-gates request withdraw, or aims-gates reject",
    ),
    people.Approval: Right("an approval", ("policy", "signer"), "a word is taken back by whoever gave it"),
    people.Waiver: Right("a waiver", ("policy", "signer", "role"), "the role that accepted the risk answers for it"),
    registry.Grant: Right("a grant", ("policy", "on-call"), "it takes production down, as a halt does"),
    people.RollbackOrder: Right("an order to roll back", ("policy", "on-call"), "the role that orders it"),
    people.BreakGlass: Right("a break-glass order", ("policy", "signer"), "a word is taken back by whoever gave it"),
    policy.Binding: Right(
        "a binding", _POLICY.parts, "it would end what governs the name", "bind again: aims-gates bind"
    ),
    policy.Activation: Right("the activation of a profile", _POLICY.parts, _POLICY.why),
    policy.OpenMode: Right("open mode", _POLICY.parts, _POLICY.why, "say it anew: aims-gates db open-mode"),
    policy.UntestedMlflow: Right("that a server may run an MLflow that was not tested", _POLICY.parts, _POLICY.why),
    policy.Adoption: Right("an adoption", _POLICY.parts, _POLICY.why),
    policy.Freed: Right("that a name is free", _POLICY.parts, _POLICY.why, "bind it again: aims-gates bind"),
    registry.Intake: Right(
        "that a version was taken in", ("policy", "signer"), "a word is taken back by whoever gave it"
    ),
    people.Resume: Right(
        "the end of a halt", ("policy", "signer"), "a word is taken back by whoever gave it", "halt again"
    ),
    evidence.PortableGrant: Right("a portable grant", _POLICY.parts, "those who verify it far away do not see it"),
    evidence.FirstPortableGrant: Right(
        "a portable grant of version 0.1", _POLICY.parts, "those who verify it far away do not see it"
    ),
    records.RecordSubmission: Right(
        "the submission of a record", ("policy", "signer"), "a word is taken back by whoever gave it"
    ),
    records.RecordApproval: Right(
        "the approval of a record", ("policy", "signer", "role"), "the role that approved the text answers for it"
    ),
    records.RecordEntries: Right(
        "the signature under a record's entries", ("policy", "signer"), "a word is taken back by whoever gave it"
    ),
    records.SignedAcknowledgement: Right(
        "the acknowledgement of a text or a course", ("policy", "signer"), "a word is taken back by whoever gave it"
    ),
    policy.Trust: Right("a trust list", (), "a newer list replaces it", "aims-gates keys trust"),
    policy.KeyRevocation: Right(
        "the revocation of a key", (), "it denies", "put another key on the list: aims-gates keys trust"
    ),
    people.Halt: Right("a halt", (), "it denies", "aims-gates resume, or a new request"),
    people.Rejection: Right("a rejection", (), "it denies", "open a new request: aims-gates request open"),
    people.Withdrawal: Right("a withdrawal", (), "it denies", "open a new request: aims-gates request open"),
    people.Revocation: Right("a revocation", (), "it denies", "have what was revoked said or measured anew"),
    policy.Detachment: Right("a detachment", (), "it says what was done", "guard again: aims-gates db upgrade"),
    evidence.Checkpoint: Right("a checkpoint", (), "it says how large the ledger was", "keep a newer one"),
}
#: Evidence in which a finding fails, or could not be judged, denies.
FAILING = Right(
    "evidence that fails",
    (),
    "it denies; whoever could revoke a failure could hide it",
    "newer evidence about the same bytes takes its place: aims-gates check",
)
#: So does an acceptance of training data that came out as a refusal.
REFUSED_DATA = Right(
    "the refusal of training data", (), "it denies", "mend the set and judge it anew: aims-gates datasets accept"
)
#: Who may withdraw a request.
WITHDRAWING = Right(
    "a request",
    ("requester", "approver"),
    "a request is its requester's; whoever approved it has a say in it",
    "a policy owner revokes it; a role that approves rejects it",
)
#: The kinds of statement that may turn a no into a yes (rule 13 of :mod:`aims_gates.decision.rules`); no other does,
#: and of evidence only that which counts and does not fail.
RAISING = frozenset(
    {
        people.Approval,
        policy.Binding,
        people.BreakGlass,
        Evidence,
        evidence.Predictions,
        registry.Intake,
        registry.Registration,
        people.Request,
        people.Resume,
        people.RollbackOrder,
        people.Waiver,
    }
)
_SHAPES = {type_of(shape): shape for shape in REVOKING}


def outcome_of(finding: Finding) -> Outcome | None:
    """A finding's outcome as it is counted (rules 3 and 12); None for information: a pass needs a limit."""
    if finding.limit is None:
        return None if finding.outcome == "pass" else finding.outcome
    numbers = [number for number in (finding.value, finding.p_value) if number is not None]
    if finding.outcome is None or (finding.outcome == "pass" and not any(map(finding.limit.met, numbers))):
        return "error"
    return finding.outcome


def fails(evidence: Evidence) -> bool:
    """Whether evidence denies: a finding fails or could not be judged, or it says so of itself."""
    return any(outcome in ("fail", "error") for outcome in (evidence.outcome, *map(outcome_of, evidence.findings)))


def target_of(row: Row) -> str:
    """The digest of the statement that a revocation or a withdrawal takes back."""
    withdrawal = row.predicate
    return str(withdrawal.request if isinstance(withdrawal, people.Withdrawal) else withdrawal.statement)


def _right(row: Row, target: Row) -> Right:
    if isinstance(row.predicate, people.Withdrawal):
        return WITHDRAWING if isinstance(target.predicate, people.Request) else _ACTS
    if isinstance(target.predicate, evidence.TrainingDataAcceptance) and target.predicate.outcome != "pass":
        return REFUSED_DATA
    if isinstance(target.predicate, Evidence) and fails(target.predicate):
        return FAILING
    return REVOKING[_SHAPES[target.type]] if target.type in _SHAPES else _ACTS


def _parts(trust: TrustHistory, by: policy.TrustedKey, target: Row, approvals: Iterable[Row]) -> Iterator[Part]:
    """What somebody is to a statement: an approver where they signed one of the request's approvals, in its role."""
    predicate, signers = target.predicate, trust.admitted(target)
    if "policy" in by.roles:
        yield "policy"
    if "on-call" in by.roles:
        yield "on-call"
    if _among(by, signers):
        yield from ("signer", "requester")
    behalf = getattr(predicate, "on_behalf_of", None)
    if behalf and alike(by.person) in trust.people_of(behalf):
        yield "requester"
    roles = (
        {predicate.role} if isinstance(predicate, people.Waiver) else {role for key in signers for role in key.roles}
    )
    if roles & set(by.roles):
        yield "role"
    if _among(by, (key for row in approvals for key in trust.admitted(row) if row.predicate.role in key.roles)):
        yield "approver"


def _among(by: policy.TrustedKey, keys: Iterable[policy.TrustedKey]) -> bool:
    """Whether somebody is the person of any of these keys."""
    return alike(by.person) in {alike(key.person) for key in keys}


def lawful(trust: TrustHistory, row: Row, targets: Iterable[Row], approvals: Sequence[Row]) -> bool:
    """Whether a revocation or withdrawal is said by somebody who may.

    Args:
        trust: Whose word counted where.
        row: The revocation or withdrawal.
        targets: The rows of the statement that it names; there are several where several people said the same.
        approvals: The approvals of that request, where it is one.
    """
    return any(
        not set(_right(row, target).parts).isdisjoint(_parts(trust, by, target, approvals))
        for by in trust.admitted(row)
        for target in targets
    )


def counting(trust: TrustHistory, rows: Iterable[Row], every: Sequence[Row]) -> list[Row]:
    """Those of some revocations and withdrawals that count; what names no statement that is there is left out.

    Args:
        trust: Whose word counted where.
        rows: The revocations and withdrawals.
        every: The rows among which their targets are.
    """
    listed = list(rows)
    about = {target_of(row) for row in listed}
    targets: dict[str, list[Row]] = {}
    approvals: dict[str, list[Row]] = {}
    for row in every if about else ():
        if row.type == type_of(people.Approval):
            approvals.setdefault(row.predicate.request, []).append(row)
        if row.digest in about:
            targets.setdefault(row.digest, []).append(row)
    return [
        row for row in listed if lawful(trust, row, targets.get(target_of(row), ()), approvals.get(target_of(row), []))
    ]


def refuse(trust: TrustHistory, row: Row, target: Row) -> NoReturn:
    """Say who may take a statement back.

    Raises:
        RefusedError: always.
    """
    right, act = _right(row, target), "withdraw" if isinstance(row.predicate, people.Withdrawal) else "revoke"
    who = ", ".join(entry.person for entry in trust.admitted(row))
    if right.parts:
        may = " or ".join(PARTS[part] for part in right.parts)
        remedy = f"May do it: {may}." + (f" Or: {right.instead}." if right.instead else "")
        raise RefusedError(f"{who} may not {act} {right.what}: {right.why}", remedy=remedy)
    raise RefusedError(f"nobody may {act} {right.what}: {right.why}", remedy=f"Instead: {right.instead}.")
