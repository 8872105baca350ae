"""What people say of a record: text put forward or approved, entries signed. Refused here is what could not count."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from aims_gates.attestation.statements.records import RecordApproval, RecordEntries, RecordSubmission
from aims_gates.attestation.trust_list import alike
from aims_gates.decision.records import EntriesSigned, RecordState, entries_signed, record_state
from aims_gates.decision.statements import Statements
from aims_gates.documents.canonical import canonical_bytes, digest
from aims_gates.documents.shell import quoted
from aims_gates.errors import NotFoundError, RefusedError
from aims_gates.governance.records.approvers import approver_of
from aims_gates.ledger import rows
from aims_gates.ledger.table import Source
from aims_gates.model import Subject
from aims_gates.workflow.competence import BOOTSTRAPPED, TRAINING, Competence
from aims_gates.workflow.requests import Draft

__all__ = ["approve_record", "sign_entries", "signed_text", "submit_record"]

#: The longest text that is kept with its submission, in bytes: a row of the ledger holds a MiB in all.
MOST_KEPT = 256 * 1024


def submit_record(text: RecordSubmission, content: Mapping[str, Any] | None = None) -> Draft:
    """Put a text forward; whoever signs this counts as its author.

    Args:
        text: Which text.
        content: The text itself, which is kept with the statement, up to :data:`MOST_KEPT`.
    """
    whole = content if content is not None and len(canonical_bytes(content)) <= MOST_KEPT else {}
    return Draft(replace(text, content=whole), _subject(text))


def sign_entries(
    text: RecordSubmission, entries: Mapping[str, tuple[str, ...]], signed: EntriesSigned, because: str = ""
) -> Draft:
    """Sign the entries of a record that nobody signed yet; it voids nothing.

    Args:
        text: Of which record.
        entries: Digests of its entries by place.
        signed: What people signed of it so far.
        because: Why signed entries are no longer in it; the role that approves the record has to say so.

    Raises:
        RefusedError: signed entries are gone and no reason is given.
    """
    gone, role = sorted(signed.missing(entries)), approver_of(text.record)
    if gone and not because:
        message = f"entries that were signed are no longer in the record, or not as they were signed: {len(gone)}"
        remedy = f"Put them back; or have somebody say why, in the role {role}: --because REASON"
        raise RefusedError(message, where=text.file, remedy=remedy)
    due = signed.unsigned(entries)
    statement = RecordEntries(text.record, text.system, text.file, due, tuple(gone), because if gone else "")
    return Draft(statement, replace(_subject(text), digest=digest(due)), role if gone else None)


def signed_text(connection: Source, text_digest: str) -> RecordSubmission:
    """The text of this digest, as somebody submitted it.

    Raises:
        NotFoundError: nobody submitted it, or it was not kept.
    """
    ledger = Statements(rows(connection, [f"subject {text_digest}", "trust", "revocation"]), "", "")
    for row in ledger.of(RecordSubmission):
        if digest(row.predicate.content) == row.predicate.digest == text_digest:
            submission: RecordSubmission = row.predicate
            return submission
    remedy = "Take the digest from: aims-gates records status --json"
    raise NotFoundError(f"no text with the digest {text_digest} is kept", remedy=remedy)


def approve_record(
    connection: Source, text: RecordSubmission, role: str, person: str | None, competence: Competence, today: date
) -> Draft:
    """Approve that very text in a role.

    Args:
        connection: The ledger.
        text: Which text.
        role: The role that is acted in.
        person: Who is about to sign; None where nobody knows yet.
        competence: What the organization's records say of roles and courses.
        today: The day.

    Raises:
        RefusedError: nobody submitted it, another role has to approve it, its author would approve it, the person has
            approved it before, or lacks a course.
    """
    ledger = Statements(rows(connection, [f"subject {text.digest}", "trust", "revocation"]), "", "")
    state = record_state(ledger, text.record, text.system, text.digest)
    where = text.file
    if not state.submitted:
        remedy = f"Its author first: aims-gates records submit {quoted(text.file)} --key AUTHOR.key"
        raise RefusedError("nobody has submitted the text as it now reads", where=where, remedy=remedy)
    if role != state.role:
        message = f"{text.record} is approved in the role {state.role}, not {role}"
        raise RefusedError(message, where=where, remedy=f"Have somebody approve it: --role {state.role}")
    if person is not None:
        _may_approve(ledger, person, state, where, today)
        if text.record not in BOOTSTRAPPED or _approved_before(connection, text, role):
            _need_courses(connection, person, role, text, competence, today)
    return Draft(RecordApproval(text.record, text.system, text.file, text.digest, role=role), _subject(text), role)


def _may_approve(ledger: Statements, person: str, state: RecordState, where: str, today: date) -> None:
    """Refuse whoever lacks the role, the text's author, and whoever has approved it: one person counts once."""
    if alike(person) in {alike(author) for author in state.submitted}:
        message = f"{person} submitted this text and cannot approve it"
        raise RefusedError(message, where=where, remedy=f"Ask another person with the role {state.role}.")
    _need_role(ledger, person, state.role, where, today)
    if alike(person) in {alike(approver) for approver in state.approved_by}:
        message = f"{person} has approved this very text, and counts once"
        raise RefusedError(message, where=where, remedy="Nothing is to be done; look: aims-gates records status")


def _need_role(ledger: Statements, person: str, role: str, where: str, today: date) -> None:
    """Refuse whoever does not hold a role, or holds it by keys alone whose days are over or to come."""
    trust, iso = ledger.trust.current(), today.isoformat()
    entries = [entry for entry in (trust.keys if trust else ()) if entry.person == person and role in entry.roles]
    if not entries:
        remedy = "Use the key of somebody who holds it: aims-gates keys list"
        raise RefusedError(f"{person} does not hold the role {role!r}", where=where, remedy=remedy)
    if not any((entry.not_before or iso) <= iso <= (entry.not_after or iso) for entry in entries):
        days = f"from {entries[0].not_before or 'the beginning'} to {entries[0].not_after or 'no end'}"
        remedy = "Have a policy owner set its days anew (aims-gates keys trust), or use another person's key."
        raise RefusedError(f"the key of {person} signs {days}, and not on {iso}", where=where, remedy=remedy)


def _approved_before(connection: Source, text: RecordSubmission, role: str) -> bool:
    """Whether somebody in the role ever approved a text of the record, taken back or not."""
    ledger = Statements(rows(connection, ["records", "trust", "revocation"]), "", "")
    earlier = ledger.of(RecordApproval, lambda other: (other.record, other.system) == (text.record, text.system))
    return any(ledger.persons(row, role) for row in earlier)


def _need_courses(
    connection: Source, person: str, role: str, text: RecordSubmission, competence: Competence, today: date
) -> None:
    """Refuse whoever lacks a course that the organization asks of them in this role."""
    ledger = Statements(rows(connection, ["records", "trust", "revocation"]), "", "")
    noted = entries_signed(ledger, TRAINING, "").entries
    lacks = competence.lacks(person, role, today, set().union(*noted.values()), text.system)
    if lacks:
        remedy = f"Train them, note it under completed in {competence.where()} and submit that file; or ask another."
        raise RefusedError("; ".join(lacks), where=text.file, remedy=remedy)


def _subject(text: RecordSubmission) -> Subject:
    return Subject("system" if text.system else "organization", text.digest, text.record)
