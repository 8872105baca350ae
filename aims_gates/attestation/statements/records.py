"""What people say of a record: this text is put forward, is approved, was read. The subject is the text's digest."""

from dataclasses import dataclass

from aims_gates.attestation.statements.base import Said, SaidFor

__all__ = ["SignedAcknowledgement", "RecordApproval", "RecordSubmission"]


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


@dataclass(frozen=True)
class SignedAcknowledgement(Said, SaidFor):
    """Whoever signs this has read the text, or finished the course; said for oneself alone.

    Attributes:
        what: The text's record (``organization/ai_policy``), or ``course ID``.
        person: Who; the signer, or it counts for nothing.
        digest: Of the text; of a course, of its id and the person.
    """

    what: str
    person: str
    digest: str
