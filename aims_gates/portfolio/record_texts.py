"""The records of packs as they now read, and how far the ledger says that each text has come."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Literal

from aims_gates.attestation.statements.records import RecordApproval, RecordSubmission
from aims_gates.attestation.trust_list import Row, day
from aims_gates.decision.records import EntriesSigned, RecordState, entries_signed, record_state
from aims_gates.decision.statements import Statements
from aims_gates.governance.records.approvers import BOARD, approvers_of
from aims_gates.governance.records.parts import parts_of
from aims_gates.governance.records.reader import read_record, record_files, system_names
from aims_gates.ledger import rows
from aims_gates.ledger.table import Source
from aims_gates.model import GRACE_DAYS

__all__ = ["RecordText", "TextStatus", "record_texts", "statuses"]

State = Literal["approved", "changed", "unsigned", "expired", "grace"]
#: Not approved one by one: what a system is (its binding carries the digest), and what tools write.
_NOT_APPROVED = ("system", "defaults", "bom")


@dataclass(frozen=True)
class RecordText:
    """A record as its file now reads.

    Attributes:
        text: Its name, system, file and digest, as they are signed.
        path: The file.
        owner: Who keeps it, as it says; empty where it does not.
        next_review: The day by which it is reviewed again; None where it names none.
        content: The text itself: the record without its entries and facts of a version.
        entries: Digests of its entries by place.
    """

    text: RecordSubmission
    path: Path
    owner: str
    next_review: date | None
    content: Mapping[str, Any] = field(default_factory=dict)
    entries: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class TextStatus:
    """How far a text has come.

    Attributes:
        record: The text.
        progress: Who submitted and approved it.
        state: ``approved``; ``changed`` (an earlier text was approved, this one is not, or a signed entry is gone);
            ``unsigned`` (the text, or an entry); ``grace`` and ``expired`` (approved, and its review is due, or was due
            longer ago than the profile's days of grace).
        signed: Which of its entries people signed.
        grace_until: The last day on which a promotion may rest on it; None where it names no review.
    """

    record: RecordText
    progress: RecordState
    state: State
    signed: EntriesSigned = field(default_factory=EntriesSigned)
    grace_until: date | None = None

    @property
    def unsigned(self) -> int:
        """How many entries, latest values of an item counted as one, nobody signed."""
        return sum(max(1, len(digests)) for digests in self.signed.unsigned(self.record.entries).values())

    @property
    def gone(self) -> int:
        """How many signed entries are no longer in the record, without anybody having answered for it."""
        return len(self.signed.missing(self.record.entries))

    @property
    def needs(self) -> tuple[str, ...]:
        """What is to be done, in order; nothing where it is approved and its entries are signed."""
        needs = ["review"] if self.state in ("grace", "expired") else []
        if self.gone:
            needs.append(f"put back {_entries(self.gone)} signed before, or submit --because as {self.progress.role}")
        if not self.progress.submitted:
            needs.append("submit")
        elif self.unsigned:
            needs.append(f"submit: {_entries(self.unsigned)} unsigned")
        if needs[:1] == ["review"] or self.progress.approval is None:
            needs.append(f"approve as {self._approvers()}")
        return tuple(needs)

    def _approvers(self) -> str:
        """The role that approves the text; of a board how far it has come."""
        progress = self.progress
        role, needed = approvers_of(self.record.text.record, self.record.content)
        if role != BOARD:
            return progress.role
        if not progress.submitted:
            return f"{role}, quorum {needed}"
        signed, members = len(progress.approved_by), len(progress.members)
        return f"{role}: {signed} of {members} members signed, quorum {max(needed, progress.needed)}"


def _entries(count: int) -> str:
    return f"{count} {'entry' if count == 1 else 'entries'}"


def record_texts(packs: Iterable[Path]) -> Iterator[RecordText]:
    """Every record that is approved as a text: the organization's, the standard plans, the systems'.

    Raises:
        InputError: a file cannot be read; it names the place.
    """
    for pack in packs:
        root = pack / "records"
        yield from _of_folder(pack, root / "organization", "organization", "")
        yield from _of_folder(pack, root / "organization" / "standard", "system", "")
        for name in system_names(pack):
            yield from _of_folder(pack, root / "systems" / name, "system", name)


def _of_folder(pack: Path, folder: Path, scope: str, system: str) -> Iterator[RecordText]:
    for name, path in record_files(folder).items():
        if name in _NOT_APPROVED:
            continue
        value: Mapping[str, Any] = read_record(path).value
        record, parts = f"{scope}/{name}", parts_of(f"{scope}/{name}", value)
        text = RecordSubmission(record, system, path.relative_to(pack).as_posix(), parts.digests()["digest"])
        review = value.get("next_review")
        ends = day(review) if isinstance(review, str) else None
        yield RecordText(text, path, str(value.get("owner", "")), ends, parts.text, parts.entry_digests())


def statuses(
    connection: Source, texts: Iterable[RecordText], today: date, grace: Mapping[str, int] | None = None
) -> list[TextStatus]:
    """What the ledger says of each.

    Args:
        connection: The ledger.
        texts: The records.
        today: The day that is asked about.
        grace: Days of grace by system; for the organization's records, and systems not named, under ``""``.

    Raises:
        IntegrityError: a row of the ledger does not hold.
    """
    ledger = Statements(rows(connection, ["records", "trust", "revocation"]), "", "")
    ever = {_about(row) for row in ledger.of(RecordApproval)}
    return [_status(ledger, record, ever, today, grace or {}) for record in texts]


def _about(row: Row) -> tuple[str, str]:
    return row.predicate.record, row.predicate.system


def _status(
    ledger: Statements, record: RecordText, ever: set[tuple[str, str]], today: date, grace: Mapping[str, int]
) -> TextStatus:
    text = record.text
    progress = record_state(ledger, text.record, text.system, text.digest)
    signed = entries_signed(ledger, text.record, text.system)
    last = _grace_until(record, grace)
    status = TextStatus(record, progress, _age(record, today, last), signed, last)
    if progress.approval is None:
        # What some of a board have signed was approved by nobody yet.
        begun = progress.approved_by and not progress.earlier
        return replace(status, state="changed" if (text.record, text.system) in ever and not begun else "unsigned")
    if status.gone or status.unsigned:
        return replace(status, state="changed" if status.gone else "unsigned")
    return status


def _grace_until(record: RecordText, grace: Mapping[str, int]) -> date | None:
    """The last day on which a promotion may rest on an approved text; None where it names no review."""
    days = grace.get(record.text.system, grace.get("", GRACE_DAYS))
    return None if record.next_review is None else record.next_review + timedelta(days=days)


def _age(record: RecordText, today: date, last: date | None) -> State:
    """Whether an approved text's review is due."""
    if record.next_review is None or last is None or today <= record.next_review:
        return "approved"
    return "grace" if today <= last else "expired"
