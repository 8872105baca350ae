"""How the ledger grows: one statement after the other, in the caller's transaction, under its lock."""

import json
from datetime import datetime
from functools import cache

import sqlalchemy.exc
from sqlalchemy import Connection, TextClause, text

from aims_gates.attestation.signing.envelope import Envelope, Statement
from aims_gates.attestation.statements.people import Approval, Revocation, Withdrawal
from aims_gates.attestation.statements.policy import Binding, Freed, KeyRevocation, OpenMode, Trust
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.types import REGISTRY_ACTS, type_of
from aims_gates.attestation.trust_list import Row, TrustHistory
from aims_gates.decision import rights
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.spelling import check_new_name
from aims_gates.errors import InputError, IntegrityError, LedgerError, RefusedError
from aims_gates.ledger import live_tables, merkle
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.row import body_of, read_body, terms
from aims_gates.ledger.table import LOOK, Source, head, history, rows

__all__ = ["admit", "append", "lock"]

_LOCK = "UPDATE aims_head SET size = size WHERE id = 1"
_GROW = text("UPDATE aims_head SET size = :size, follows = :size, frontier = :frontier WHERE id = 1")
_ROW = text("INSERT INTO aims_ledger (position, leaf, body) VALUES (:position, :leaf, :body)")


def lock(connection: Connection) -> None:
    """Take the ledger for this transaction: nobody else appends or decides until it ends.

    PostgreSQL must not be reading one state of the database yet (isolation READ COMMITTED): what is decided after the
    lock sees all that was committed before it.
    """
    if connection.exec_driver_sql(_LOCK).rowcount != 1:
        raise LedgerError("the ledger's head is missing", remedy=LOOK)


def append(connection: Source, entry: Envelope | Statement, at: datetime) -> Row:
    """Append a statement; the caller holds the lock.

    A signed statement that its signers brought before is not appended again: an old pass, approval or order does not
    become the latest by being repeated. Its row is returned.

    Args:
        connection: Inside a transaction that called :func:`lock` first; or a server, which takes signed envelopes.
        entry: A signed envelope, or (from the registry's transaction only) an act of its own.
        at: Now, with a time zone.

    Raises:
        IntegrityError: no trusted signature holds.
        RefusedError: the signer may not say this.
        InputError: the statement has the wrong shape.
        LedgerError: the ledger is damaged.
    """
    if isinstance(connection, Remote):
        return _hand_in(connection, entry)
    length, frontier = head(connection)
    past = history(connection)
    body = body_of(entry, at).decode()
    row = read_body(body, length, past.keys() or None)
    before = _said_before(connection, row, past)
    if before is not None:
        return before
    _check_people(row, past)
    _check_place(connection, row)
    admit(row, past)
    _need_right(connection, row, past)
    _need_policy_owner(connection, row)
    leaf = merkle.leaf_hash(body.encode())
    revoked = _revoked(connection, row)
    _insert(connection, row, body, leaf)
    if row.type in live_tables.LIVE_TYPES:
        live_tables.follow(connection, row, revoked)
    grown = [node.hex() for node in merkle.append(frontier, length, leaf)]
    connection.execute(_GROW, {"size": length + 1, "frontier": json.dumps(grown)})
    return row


def _check_people(row: Row, past: TrustHistory) -> None:
    """Refuse a list of trust with a new person or login in a spelling that nobody could tell from another's.

    Only here, where a list is new: one that was appended before counts as ever.

    Raises:
        InputError: naming the character, or the name that is there.
    """
    if not isinstance(row.predicate, Trust):
        return
    lists = [trust for _, trust in past.lists]
    people = {person for trust in lists for person in _people(trust)}
    logins = {login for trust in lists for login in _logins(trust)}
    for person in _people(row.predicate):
        if person not in people:
            check_new_name(person, "person", people)
        people.add(person)
    for login in _logins(row.predicate):
        if login not in logins:
            check_new_name(login, "login", logins)
        logins.add(login)


def _check_place(connection: Connection, row: Row) -> None:
    """Refuse a binding under a trial profile where several people work: a trial is one person's, in an embedded file.

    Raises:
        RefusedError: the database is not SQLite.
    """
    if isinstance(row.predicate, Binding) and row.predicate.plan.trial and connection.dialect.name != "sqlite":
        remedy = "Bind it under the profile of its tier: aims-gates profile list; or try in aims+sqlite:///FILE."
        raise RefusedError(
            f"a trial profile is for an embedded registry, not for {connection.dialect.name}", remedy=remedy
        )


def _people(trust: Trust) -> list[str]:
    return [key.person for key in trust.keys] + [user.person for user in trust.users]


def _logins(trust: Trust) -> list[str]:
    return [login for key in trust.keys for login in key.logins] + [user.login for user in trust.users]


def _hand_in(server: Remote, entry: Envelope | Statement) -> Row:
    if isinstance(entry, Statement):
        raise InputError("a server takes signed statements only", where="statement", remedy="Sign it.")
    position, body = server.append(entry)
    row = read_body(body, position, history(server).keys())
    if row.statement.payload != entry.payload:
        raise IntegrityError("the server recorded something else", where=f"ledger row {position}", remedy=LOOK)
    return row


@cache
def _listing(count: int) -> TextClause:
    """Lists a row under so many terms at once: one by one each would be a way to the server and back."""
    values = ", ".join(f"(:term{number}, :position)" for number in range(count))
    return text(f"INSERT INTO aims_index (term, position) VALUES {values}")


def _insert(connection: Connection, row: Row, body: str, leaf: bytes) -> None:
    try:
        connection.execute(_ROW, {"position": row.position, "leaf": leaf.hex(), "body": body})
        named = {f"term{number}": term for number, term in enumerate(sorted(terms(row.statement)))}
        connection.execute(_listing(len(named)), {**named, "position": row.position})
    except sqlalchemy.exc.IntegrityError as error:
        where = f"ledger row {row.position}"
        raise LedgerError("it is there already, outside the tree", where=where, remedy=LOOK) from error


def _revoked(connection: Connection, row: Row) -> set[str]:
    """What was revoked before a grant, a binding or open mode came: said again, it does not stand."""
    predicate = row.predicate
    if not isinstance(predicate, Grant | Binding | Freed | OpenMode):
        return set()
    named = {row.digest, predicate.request if isinstance(predicate, Grant) else None}
    revoking = [row for row in rows(connection, ("revocation",)) if row.predicate.statement in named]
    if not revoking:
        return set()
    every = [row, *rows(connection, [f"statement {row.predicate.statement}" for row in revoking])]
    return {rights.target_of(row) for row in rights.counting(history(connection), revoking, every)}


def _said_before(connection: Connection, row: Row, past: TrustHistory) -> Row | None:
    """The first row with this statement, when no signer who may say it is new."""
    if row.type in REGISTRY_ACTS:
        return None
    earlier = rows(connection, (f"statement {row.digest}",), past.keys() | set(row.signers))
    keys = {entry.key for row in earlier for entry in past.admitted(row)}
    return earlier[0] if earlier and {entry.key for entry in past.admitted(row)} <= keys else None


def admit(row: Row, past: TrustHistory) -> None:
    """Refuse what would not count anyway, so that the ledger holds no noise; take a change of the trust list.

    Raises:
        RefusedError: the signer may not say this.
        InputError: an act of the registry's own, signed; a trust list that is not valid; a malformed predicate.
    """
    predicate = row.predicate
    if isinstance(predicate, Trust | KeyRevocation):
        past.take(row)
    elif row.type in REGISTRY_ACTS:
        if row.signers:
            remedy = "Let the registry do it: through the gated store."
            raise InputError(f"{row.type} is the registry's own act", where="statement", remedy=remedy)
    elif not past.holders(row):
        names = ", ".join(f"{key[:8]}..." for key in row.signers)
        remedy = "Ask for the role, or have it signed by someone who holds it: aims-gates keys list"
        raise RefusedError(f"the key {names} may not sign a {row.type.removeprefix('aims-gates:')}", remedy=remedy)


def _need_right(connection: Connection, row: Row, past: TrustHistory) -> None:
    """Refuse a revocation or withdrawal of what is not there, or by somebody who may not
    (:mod:`aims_gates.decision.rights`)."""
    if not isinstance(row.predicate, Revocation | Withdrawal):
        return
    digest = rights.target_of(row)
    targets = rows(connection, (f"statement {digest}",), past.keys())
    if not targets:
        message = f"the ledger holds no statement {digest[:19]} to take back"
        raise InputError(
            message, where="statement", remedy="Take its digest from: aims-gates explain NAME VERSION --json"
        )
    approvals = rows(connection, (f"request {digest}",), past.keys(), {type_of(Approval)})
    if not rights.lawful(past, row, targets, approvals):
        rights.refuse(past, row, targets[0])


def _need_policy_owner(connection: Connection, row: Row) -> None:
    """Refuse a binding by a system's owner that changes what a policy owner has to sign
    (:mod:`aims_gates.decision.system_fields`).

    Raises:
        RefusedError: naming the fields.
    """
    binding = row.predicate
    if not isinstance(binding, Binding):
        return
    terms = ["trust", "revocation", "profiles", f"model {binding.workspace}/{binding.name}"]
    view = StatementView([*rows(connection, terms), row], binding.workspace, binding.name)
    if view.persons(row, "policy"):
        return
    why = view.unbound()
    if why is not None:
        remedy = "Have a policy owner sign it. Whose signature each field wants: docs/system-fields.md"
        raise RefusedError(f"{binding.name!r} {why}", remedy=remedy)
