"""Which text of a record was approved, and by whom (rule 21). Pure."""

from dataclasses import dataclass

from aims_gates.attestation.statements.records import RecordApproval, RecordSubmission
from aims_gates.attestation.trust_list import Row, alike
from aims_gates.decision.statements import Statements
from aims_gates.governance.records.approvers import approver_of

__all__ = ["RecordState", "record_state"]


@dataclass(frozen=True)
class RecordState:
    """How far one text of a record has come.

    Attributes:
        role: The role that has to approve it.
        submitted: Who put it forward, sorted; nobody where empty.
        approved_by: Who approved it, sorted; nobody where empty.
        approval: The approval that counts.
        refused: Why an approval that is there does not count, where none does.
        earlier: Who approved the latest other text of it, sorted, where this one is not approved.
    """

    role: str
    submitted: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    approval: Row | None = None
    refused: str = ""
    earlier: tuple[str, ...] = ()


def record_state(ledger: Statements, record: str, system: str, digest: str) -> RecordState:
    """What the ledger says of one text.

    Args:
        ledger: Rows that hold those about the text's digest; of other texts, those that are there.
        record: The record's name: ``organization/roles``, ``system/monitoring``.
        system: The system that it is about; empty for the organization's.
        digest: Digest of its content.
    """
    role, about = approver_of(record), (record, system, digest)
    earlier = _earlier(ledger, about, role)
    submissions = _standing(ledger, RecordSubmission, about)
    authors = {alike(person): person for row in submissions for person in ledger.persons(row)}
    submitted = tuple(sorted(authors.values()))
    if not authors:
        return RecordState(role, refused="nobody on the trust list has submitted this text", earlier=earlier)
    approvals = _standing(ledger, RecordApproval, about)
    for row in reversed(approvals):
        people = tuple(person for person in ledger.persons(row, role) if alike(person) not in authors)
        if row.predicate.role == role and people and row.position > submissions[0].position:
            return RecordState(role, submitted, people, row)
    why = "" if not approvals else f"its approval is its author's own, or by nobody in the role {role}"
    return RecordState(role, submitted, refused=why, earlier=earlier)


def _earlier(ledger: Statements, about: tuple[str, str, str], role: str) -> tuple[str, ...]:
    """Who approved the latest other text of a record."""
    record, system, digest = about
    rows = ledger.of(RecordApproval, lambda text: (text.record, text.system) == (record, system))
    others = [row for row in rows if row.predicate.digest != digest and row.digest not in ledger.revoked]
    return tuple(sorted(ledger.persons(others[-1], role))) if others else ()


def _standing(ledger: Statements, kind: type[RecordSubmission], about: tuple[str, str, str]) -> list[Row]:
    """The statements of a kind about this text that nobody took back."""
    rows = ledger.of(kind, lambda text: (text.record, text.system, text.digest) == about)
    return [row for row in rows if row.digest not in ledger.revoked and row.statement.subject == row.predicate.digest]
