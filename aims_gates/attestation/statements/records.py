"""What people say of a record: this text is put forward, is approved, was read; this is what was noted in it.

The subject of the first two is the text's digest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aims_gates.attestation.statements.base import Said, SaidFor

__all__ = ["RecordApproval", "RecordEntries", "RecordSubmission", "SignedAcknowledgement"]


@dataclass(frozen=True)
class RecordSubmission(Said, SaidFor):
    """Whoever says this wrote the text, or answers for its being put forward.

    Attributes:
        record: Its name: ``organization/roles``, or ``system/<name>`` of a system.
        system: The system that it is about; empty for the organization's.
        file: Where it lay, from the pack's root; for people.
        digest: Of its text, whatever its layout: of the content without entries and facts of a version.
        content: The text itself, so that it can be shown when the file has moved on; empty where it was too large, and
            in an approval.
    """

    record: str
    system: str
    file: str
    digest: str
    content: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RecordApproval(RecordSubmission):
    """Yes to that very text, in a role.

    Attributes:
        role: See :func:`aims_gates.governance.records.approvers.approver_of`.
    """

    role: str = ""


@dataclass(frozen=True)
class RecordEntries(Said, SaidFor):
    """What was noted in a record is so, whoever says this answers for it. It voids nothing.

    Attributes:
        record, system, file: As in :class:`RecordSubmission`.
        entries: Place -> digests. Where the place ends in ``[]`` they are added to the history that is signed already;
            at any other they take the place of the latest values that were signed.
        removed: Digests of signed entries of histories that are no longer in the record, and why; counts only from
            whoever holds the role that approves the record.
        reason: Why they are gone.
    """

    record: str
    system: str
    file: str
    entries: Mapping[str, tuple[str, ...]]
    removed: tuple[str, ...] = ()
    reason: str = ""


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
