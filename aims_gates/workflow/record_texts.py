"""What people say of a record's text: put forward, approved. Refused here is what could not count."""

from aims_gates.attestation.statements.records import RecordApproval, RecordSubmission
from aims_gates.attestation.trust_list import alike
from aims_gates.decision.records import record_state
from aims_gates.decision.statements import Statements
from aims_gates.documents.shell import quoted
from aims_gates.errors import RefusedError
from aims_gates.ledger import rows
from aims_gates.ledger.table import Source
from aims_gates.model import Subject
from aims_gates.workflow.requests import Draft

__all__ = ["approve_record", "submit_record"]


def submit_record(text: RecordSubmission) -> Draft:
    """Put a text forward; whoever signs this counts as its author."""
    return Draft(text, _subject(text))


def approve_record(connection: Source, text: RecordSubmission, role: str, person: str | None) -> Draft:
    """Approve that very text in a role.

    Args:
        connection: The ledger.
        text: Which text.
        role: The role that is acted in.
        person: Who is about to sign; None where nobody knows yet.

    Raises:
        RefusedError: another role has to approve it, nobody submitted it, or its author would approve it.
    """
    ledger = Statements(rows(connection, [f"subject {text.digest}", "trust", "revocation"]), "", "")
    state = record_state(ledger, text.record, text.system, text.digest)
    where = text.file
    if role != state.role:
        message = f"{text.record} is approved in the role {state.role}, not {role}"
        raise RefusedError(message, where=where, remedy=f"Have somebody approve it: --role {state.role}")
    if not state.submitted:
        remedy = f"Its author first: aims-gates records submit {quoted(text.file)} --key AUTHOR.key"
        raise RefusedError("nobody has submitted the text as it now reads", where=where, remedy=remedy)
    if person is not None and alike(person) in {alike(author) for author in state.submitted}:
        message = f"{person} submitted this text and cannot approve it"
        raise RefusedError(message, where=where, remedy=f"Ask another person with the role {state.role}.")
    return Draft(RecordApproval(text.record, text.system, text.file, text.digest, role=role), _subject(text), role)


def _subject(text: RecordSubmission) -> Subject:
    return Subject("system" if text.system else "organization", text.digest, text.record)
