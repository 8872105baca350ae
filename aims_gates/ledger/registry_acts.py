"""What the registry asks of the ledger, inside its own transaction: judge, record, grant.

The one place where rows become a question for :mod:`aims_gates.decision.rules` and its answer becomes rows again.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Connection

from aims_gates import __version__
from aims_gates.attestation.statements.people import BreakGlass, Halt, Request, Resume
from aims_gates.attestation.statements.records import RecordApproval
from aims_gates.attestation.statements.registry import Grant, Intake, Recorded, Registration
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.decision import halts
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rules import Ask, decide
from aims_gates.documents.canonical import digest
from aims_gates.errors import RefusedError
from aims_gates.ledger import append, rows
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.table import HALTS, OPEN_MODE, Remembered, Rows, Source, all_terms
from aims_gates.model import Decision, Evidence, Subject

__all__ = [
    "about",
    "act",
    "bound",
    "cited",
    "grant",
    "judge",
    "let_through",
    "record",
    "remembered",
    "standing",
    "statements",
    "stopping",
    "views_of",
]

#: Under which terms the rows stand that bear on every name.
_COMMON = ("trust", "revocation", "profiles", OPEN_MODE)
#: What names the bytes of a version.
_ABOUT_BYTES = frozenset(map(type_of, (Request, Grant, BreakGlass)))
_REACH = frozenset(map(type_of, (Grant, Halt)))
_REGISTERED = frozenset(map(type_of, (Registration, Intake)))
#: The index term of what was said of every text.
_RECORDS = "records"


def about(
    connection: Rows, workspace: str, name: str, subject: str | None = None, version: str | None = None
) -> list[Row]:
    """Every row that bears on a registered model, its requests, a version's evidence, and a subject.

    Args:
        connection: The registry's database, or a server.
        workspace, name: The registered model.
        subject: The subject's digest; when None those of the requests, and of a version's evidence, grants and orders.
        version: The version that is asked about: requests for others are left out, with what was said of them.

    Raises:
        IntegrityError: one of the rows does not hold; nothing may be decided then.
    """
    first = [*_COMMON, f"model {workspace}/{name}"]
    first += [f"versions {workspace}/{name}" if version is None else f"version {workspace}/{name}/{version}"]
    by_position = _by_position(rows(connection, first))
    requested = _naming_bytes(by_position.values(), version)
    requests = [row for row in requested if row.type == type_of(Request)]
    subjects = {subject} if subject else _digests(requested if version is not None else requests)
    subjects |= set() if subject else _with_evidence(by_position.values())
    terms = [f"subject {subject}" for subject in sorted(subjects)] + [f"request {row.digest}" for row in requests]
    by_position |= _by_position(rows(connection, terms))
    evidence = [row.predicate for row in by_position.values() if row.type == type_of(Evidence)]
    by_position |= _by_position(cited(connection, evidence))
    for its_digest in sorted(subjects) if not isinstance(connection, Remote) else ():
        by_position |= _halting(connection, its_digest, (workspace, name))
    return [by_position[position] for position in sorted(by_position)]


def statements(connection: Rows, workspace: str, name: str, subject: str | None = None) -> StatementView:
    """What is in force about a registered model: :func:`about` of it, read."""
    return StatementView(about(connection, workspace, name, subject), workspace, name)


def views_of(connection: Rows, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], StatementView]:
    """What the ledger says of many names themselves (kind, registrars, binding, grants), read in one look.

    Evidence, and requests' answers, are left out: :func:`about` has them.

    Args:
        connection: The ledger.
        places: Workspace and name of each.
    """
    listed = list(places)
    common = rows(connection, _COMMON)
    own: dict[tuple[str, str], list[Row]] = {place: [] for place in listed}
    terms = [f"{kind} {space}/{name}" for space, name in listed for kind in ("model", "versions")]
    for row in rows(connection, terms):
        own[_name(row)].append(row)
    return {place: StatementView([*common, *own[place]], *place) for place in listed}


def remembered(connection: Connection, places: Iterable[tuple[str, str]]) -> Remembered:
    """The ledger with all that :func:`about` will ask of many names in hand, read in a few looks, however many.

    Args:
        connection: The ledger, in one transaction.
        places: Workspace and name of each.

    Raises:
        IntegrityError: one of the rows does not hold.
    """
    ledger, known = Remembered(connection), set[str]()
    terms = {*_COMMON, _RECORDS, HALTS}
    terms |= {f"{kind} {space}/{name}" for space, name in places for kind in ("model", "versions")}
    while terms:
        known |= terms
        terms = {term for row in rows(ledger, terms) for term in _leads(row)} - known
    return ledger


def _leads(row: Row) -> Iterable[str]:
    """The terms to which a row leads whoever asks what bears on its model."""
    if row.type in _ABOUT_BYTES:
        yield f"subject {row.predicate.digest}"
    if row.type == type_of(Request):
        yield f"request {row.digest}"
    if row.type in _REGISTERED:
        predicate = row.predicate
        yield f"version {predicate.workspace}/{predicate.name}/{predicate.version}"
    if row.type == type_of(Evidence):
        yield f"subject {row.statement.subject}"
        yield from _cites([row.predicate])
        yield from _entries([row.predicate])


def let_through(connection: Source, since: date) -> dict[tuple[str, str], int]:
    """How many promotions observe and warn let through that would have been refused, by workspace and name.

    Args:
        connection: The ledger; each decision is recorded there.
        since: The first day that is counted, UTC.
    """
    counts: Counter[tuple[str, str]] = Counter()
    names = [term.removeprefix("model ") for term in all_terms(connection, "model ")]
    for row in rows(connection, [f"decision {name}" for name in names]):
        aims = row.predicate.aims
        watched = aims["allowed"] and not aims["criteria_met"] and aims["mode"] != "enforce"
        if watched and row.at.astimezone(UTC).date() >= since:
            counts[aims["workspace"], aims["name"]] += 1
    return dict(counts)


def _by_position(ledger_rows: Iterable[Row]) -> dict[int, Row]:
    return {row.position: row for row in ledger_rows}


def _naming_bytes(ledger_rows: Iterable[Row], version: str | None) -> list[Row]:
    """The rows that say which bytes a version is; of every version where none is named."""
    naming = (row for row in ledger_rows if row.type in _ABOUT_BYTES)
    return [row for row in naming if version in (None, row.predicate.version)]


def _digests(ledger_rows: Iterable[Row]) -> set[str]:
    return {row.predicate.digest for row in ledger_rows}


def _with_evidence(ledger_rows: Iterable[Row]) -> set[str]:
    """The subjects that there is evidence about."""
    return {row.statement.subject for row in ledger_rows if row.type == type_of(Evidence)}


def cited(connection: Rows, evidence: Iterable[Evidence]) -> list[Row]:
    """The acts that evidence rests on, and what was said of its record texts; of all, where somebody has one to sign.

    Raises:
        IntegrityError: one of the rows does not hold.
    """
    listed = list(evidence)
    digests = _texts(listed)
    about_these = rows(connection, sorted(_cites(listed)))
    approved = {row.predicate.digest for row in about_these if row.type == type_of(RecordApproval)}
    # Who signed the text before stands under no digest of today's.
    by_whom = _entries(listed) if digests <= approved else [_RECORDS]
    return [*about_these, *rows(connection, by_whom)]


def _texts(evidence: Iterable[Evidence]) -> set[str]:
    """The record texts that evidence rests on, the system's own aside."""
    read = {what["digest"]: name for its in evidence for name, what in its.records_read.items() if "digest" in what}
    return {digest for digest, name in read.items() if name != "system"}


def _cites(evidence: Sequence[Evidence]) -> set[str]:
    """The terms of what was said of those texts, and of the acts that findings rest on."""
    acts = {
        name for its in evidence for finding in its.findings for name in finding.rests_on if name.startswith("act:")
    }
    return {f"subject {digest}" for digest in _texts(evidence)} | {
        f"statement {act.removeprefix('act:')}" for act in acts
    }


def _entries(evidence: Iterable[Evidence]) -> list[str]:
    """The terms under which stands who signed the entries of the records that evidence rests on."""
    words: set[str] = set()
    for predicate in evidence:
        for name in predicate.records_read:
            system, record = predicate.facts.get("system", ""), name if "/" in name else f"system/{name}"
            words |= {f"entries {system}/{record}", f"entries /{record}"}
    return sorted(words)


def _halts_elsewhere(connection: Source, candidates: Iterable[Row], here: tuple[str, str]) -> list[Row]:
    """The halts of other names under which the same bytes were granted: a halt reaches them here too."""
    granted = {(row.predicate.workspace, row.predicate.name) for row in candidates if row.type == type_of(Grant)} - {
        here
    }
    terms = [f"model {space}/{name}" for space, name in sorted(granted)]
    return rows(connection, terms, types={type_of(Halt)}) if terms else []


def stopping(connection: Rows, workspace: str, name: str, digest: str, version: str | None = None) -> Row | None:
    """The halt that keeps bytes from being loaded by a name; None where none does
    (:func:`aims_gates.decision.halts.stopping`).

    Args:
        connection: The registry's database, or a server.
        workspace, name: The name by which they are to be loaded.
        digest: The bytes.
        version: The version of that name, where one is named.

    Raises:
        IntegrityError: one of the rows does not hold; nothing may be loaded then.
    """
    halting = _halting(connection, digest)
    if not halting:
        return None
    terms = [*_COMMON, f"model {workspace}/{name}"]
    halting.update({row.position: row for row in rows(connection, terms)})
    return halts.stopping(StatementView(halting.values(), workspace, name), digest, version)


def _halting(connection: Rows, digest: str, but: tuple[str, str] | None = None) -> dict[int, Row]:
    """What bears on halts of the names under which bytes were granted, by place; one look where there is no such halt.

    Args:
        connection: The ledger.
        digest: The bytes.
        but: A name whose own rows are in hand.
    """
    reach = rows(connection, [HALTS, f"subject {digest}"], types=_REACH)
    granted, halted = ({_name(row) for row in reach if row.type == type_of(shape)} for shape in (Grant, Halt))
    names = sorted((granted & halted) - {but})
    if not names:
        return {}
    terms = [*_COMMON, f"subject {digest}", *(f"model {space}/{name}" for space, name in names)]
    by_position = {row.position: row for row in rows(connection, terms)}
    resumed = {_name(row) for row in by_position.values() if row.type == type_of(Resume)}
    if resumed:  # who may resume depends on who had a hand in what was granted there
        terms = [f"versions {space}/{name}" for space, name in sorted(resumed)]
        terms += [f"subject {row.predicate.digest}" for row in by_position.values() if row.type == type_of(Grant)]
        by_position.update({row.position: row for row in rows(connection, terms)})
    return by_position


def _name(row: Row) -> tuple[str, str]:
    return row.predicate.workspace, row.predicate.name


def judge(connection: Connection, ask: Ask) -> Decision:
    """Decide on what the ledger holds now. The caller holds the lock when the answer is to be acted on."""
    return decide(ask, about(connection, ask.workspace, ask.name, ask.digest, ask.version))


def act(connection: Connection, predicate: Any, at: datetime, subject: str | None = None) -> Row:
    """Append one of the registry's own acts; the caller holds the lock."""
    return append(connection, say(predicate, Subject("model", subject or digest(predicate))), at)


def record(connection: Connection, ask: Ask, decision: Decision) -> str:
    """Append the decision, allow or deny; gives its digest."""
    decision_digest = digest(decision)
    aims = {
        "workspace": ask.workspace,
        "name": ask.name,
        "version": ask.version,
        "alias": ask.alias,
        "actor": ask.actor,
        "allowed": decision.allowed,
        "criteria_met": decision.criteria_met,
        "mode": decision.mode,
        "transition": decision.transition,
        "exit": decision.exit,
        "plan": decision.plan,
        "request": decision.request,
        "controls": {state.control: state.state for state in decision.controls},
        "problems": list(decision.problems),
        "decision": decision_digest,
        **({} if ask.makers is None else {"makers": list(ask.makers)}),
    }
    recorded = Recorded(
        verifier={"id": f"aims-gates {__version__}"},
        timeCreated=ask.now.astimezone(UTC).isoformat(timespec="seconds"),
        properties=("AIMS_GATES_EVIDENCE_CRITERIA_MET",) if decision.criteria_met else (),
        aims=aims,
    )
    act(connection, recorded, ask.now, decision.subject)
    return decision_digest


def grant(connection: Connection, ask: Ask, decision: Decision, location: str) -> Row:
    """Append the decision and the grant that makes the promotion stand.

    Raises:
        RefusedError: the decision is no, or is about other bytes.
    """
    if not decision.allowed or ask.digest is None or ask.digest != decision.subject:
        remedy = "Decide again, on the staged bytes."
        raise RefusedError("a grant needs a decision that allows these bytes", where=ask.name, remedy=remedy)
    decision_digest = record(connection, ask, decision)
    predicate = Grant(
        ask.workspace, ask.name, ask.version, ask.alias, ask.digest, location,
        decision.transition, decision.mode, decision.request, decision_digest, ask.actor,
    )  # fmt: skip
    return act(connection, predicate, ask.now, ask.digest)


def bound(connection: Source, workspace: str, name: str) -> Row | None:
    """The binding that counts for a registered model."""
    return statements(connection, workspace, name).binding()


def standing(connection: Source, workspace: str, name: str, alias: str) -> Row | None:
    """The grant that stands for an alias now."""
    return statements(connection, workspace, name).standing(alias, datetime.now(UTC))
