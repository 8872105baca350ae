"""What people say of a record: this text is put forward, this text is approved. The subject is the text's digest."""

from dataclasses import dataclass

from aims_gates.attestation.statements.base import Said, SaidFor

__all__ = ["RecordApproval", "RecordSubmission"]


@dataclass(frozen=True)
class RecordSubmission(Said, SaidFor):
    """Whoever says this wrote the text, or answers for its being put forward.

    Attributes:
        record: Its name: ``organization/roles``, or ``system/<name>`` of a system.
        system: The system that it is about; empty for the organization's.
        file: Where it lay, from the pack's root; for people.
        digest: Of its content, whatever its layout.
    """

    record: str
    system: str
    file: str
    digest: str


@dataclass(frozen=True)
class RecordApproval(RecordSubmission):
    """Yes to that very text, in a role.

    Attributes:
        role: See :func:`aims_gates.governance.records.approvers.approver_of`.
    """

    role: str = ""
