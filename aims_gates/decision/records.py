"""Which text of a record was approved, and by whom; which of its entries were signed (rule 21). Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aims_gates.attestation.statements.policy import TrustedKey, TrustedUser
from aims_gates.attestation.statements.records import RecordApproval, RecordEntries, RecordSubmission
from aims_gates.attestation.trust_list import Row, alike
from aims_gates.decision.statements import Statements
from aims_gates.documents.canonical import digest
from aims_gates.governance.records.approvers import BOARD, BY_BOARD, approver_of, approvers_of
from aims_gates.governance.records.entries import HISTORY, entries_digest

__all__ = ["EntriesSigned", "RecordState", "entries_signed", "record_state"]


@dataclass(frozen=True)
class RecordState:
    """How far one text of a record has come.

    Attributes:
        role: The role that has to approve it.
        submitted: Who put it forward, sorted; nobody where empty.
        approved_by: Who approved it, sorted; nobody where empty. Of a board that has not its quorum, who signed so far.
        approval: The approval that counts; of a board the last of its quorum.
        refused: Why an approval that is there does not count, where none does.
        earlier: Who approved the latest other text of it, sorted, where this one is not approved.
        needed: How many people have to approve it: one, or a board's quorum.
        members: Who is on the board now, by the trust list, sorted; empty where no board decides.
    """

    role: str
    submitted: tuple[str, ...] = ()
    approved_by: tuple[str, ...] = ()
    approval: Row | None = None
    refused: str = ""
    earlier: tuple[str, ...] = ()
    needed: int = 1
    members: tuple[str, ...] = ()


def record_state(ledger: Statements, record: str, system: str, digest: str) -> RecordState:
    """What the ledger says of one text.

    Args:
        ledger: Rows that hold those about the text's digest; of other texts, those that are there.
        record: The record's name: ``organization/roles``, ``system/monitoring``.
        system: The system that it is about; empty for the organization's.
        digest: Digest of its content.
    """
    about = (record, system, digest)
    return ledger.once(about, lambda: _record_state(ledger, about))


def _record_state(ledger: Statements, about: tuple[str, str, str]) -> RecordState:
    submissions = _standing(ledger, RecordSubmission, about)
    role, needed = _approvers(about, submissions)
    earlier, members = _earlier(ledger, about, role), _members(ledger, role)
    authors = {alike(person): person for row in submissions for person in ledger.persons(row)}
    submitted = tuple(sorted(authors.values()))
    if not authors:
        why = "nobody on the trust list has submitted this text"
        return RecordState(role, refused=why, earlier=earlier, needed=needed, members=members)
    approvals = _standing(ledger, RecordApproval, about)
    people: dict[str, str] = {}
    last = None
    for row in approvals:
        if row.predicate.role == role and row.position > submissions[0].position:
            signers = {alike(person): person for person in ledger.persons(row, role) if alike(person) not in authors}
            last, people = (row, people | signers) if signers else (last, people)
    signed = tuple(sorted(people.values()))
    if len(signed) >= needed:
        return RecordState(role, submitted, signed, last, needed=needed, members=members)
    why = "" if not approvals else f"its approval is its author's own, or by nobody in the role {role}"
    if signed:
        why = f"{len(signed)} signed as {role}, and {needed} have to"
    return RecordState(role, submitted, signed, refused=why, earlier=earlier, needed=needed, members=members)


def _approvers(about: tuple[str, str, str], submissions: Sequence[Row]) -> tuple[str, int]:
    """In which role, and by how many people, a text is approved: its own words say whether a board decides."""
    record, _, text_digest = about
    if not submissions or record.removeprefix("system/") not in BY_BOARD:
        return approver_of(record), 1
    texts: list[Mapping[str, Any]] = [row.predicate.content for row in submissions]
    return approvers_of(record, next((text for text in texts if digest(text) == text_digest), {}))


def _members(ledger: Statements, role: str) -> tuple[str, ...]:
    """Who holds a board's role by the trust list in force."""
    trust = ledger.trust.current() if role == BOARD else None
    entries: tuple[TrustedKey | TrustedUser, ...] = (*trust.keys, *trust.users) if trust is not None else ()
    return tuple(sorted({entry.person for entry in entries if role in entry.roles and not entry.service}))


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


@dataclass
class EntriesSigned:
    """The entries of a record that people signed.

    Attributes:
        entries: Place -> digests, as it stands at the end of the ledger.
        disowned: Entries of histories whose signature counts no longer, and which nobody signed again or removed: what
            a person noted once is not unsaid by taking back the signature.
        states: Place in the ledger -> digest of what was signed from there on; None while anything was disowned.
    """

    entries: dict[str, set[str]] = field(default_factory=dict)
    disowned: set[str] = field(default_factory=set)
    states: dict[int, str | None] = field(default_factory=lambda: {-1: ""})

    def covers(self, entries: str, position: int) -> bool:
        """Whether entries that evidence at this place read are those that were signed by then, or were later.

        Args:
            entries: Their digest; empty where it read none.
            position: The evidence's place in the ledger.
        """
        before = max(place for place in self.states if place < position or place < 0)
        return any(digest == entries for place, digest in self.states.items() if place >= before)

    def unsigned(self, present: Mapping[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        """What is to be signed of these, by place: what a history gained, all latest values where one is another."""
        due = {}
        for place in sorted({*present, *self.entries}):
            signed, digests = self.entries.get(place, set()), tuple(dict.fromkeys(present.get(place, ())))
            if place.endswith(HISTORY):
                digests = tuple(digest for digest in digests if digest not in signed)
            if digests if place.endswith(HISTORY) else set(digests) != signed:
                due[place] = digests
        return due

    def missing(self, present: Mapping[str, tuple[str, ...]]) -> set[str]:
        """The signed entries of histories that are not among these."""
        histories = [digests for place, digests in self.entries.items() if place.endswith(HISTORY)]
        return set().union(self.disowned, *histories) - {digest for digests in present.values() for digest in digests}


def entries_signed(ledger: Statements, record: str, system: str) -> EntriesSigned:
    """What the ledger says of a record's entries.

    Args:
        ledger: Rows that hold those about the record's entries.
        record, system: As in :func:`record_state`.
    """
    return ledger.once(("entries", record, system), lambda: _entries_signed(ledger, record, system))


def _entries_signed(ledger: Statements, record: str, system: str) -> EntriesSigned:
    signed = EntriesSigned()
    for row in ledger.of(RecordEntries, lambda noted: (noted.record, noted.system) == (record, system)):
        if all(entry.service for entry in ledger.trust.admitted(row)):
            continue
        if row.digest in ledger.revoked or not ledger.persons(row):
            listed = [digests for place, digests in row.predicate.entries.items() if place.endswith(HISTORY)]
            signed.disowned |= set().union(*listed) - set().union(*signed.entries.values())
        else:
            _sign(signed, row, removes=bool(ledger.persons(row, approver_of(record))))
        signed.states[row.position] = None if signed.disowned else entries_digest(signed.entries)
    return signed


def _sign(signed: EntriesSigned, row: Row, *, removes: bool) -> None:
    """Take in a statement that counts: histories grow, latest values are replaced."""
    removed = set(row.predicate.removed) if removes else set()
    for digests in (signed.disowned, *signed.entries.values()):
        digests -= removed
    for place, digests in row.predicate.entries.items():
        before = signed.entries.get(place, set()) if place.endswith(HISTORY) else set()
        signed.entries[place] = before | set(digests)
        signed.disowned -= set(digests)
