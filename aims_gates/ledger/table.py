"""The ledger's tables and its one way of growing. Every function joins the caller's transaction.

``aims_ledger`` holds the rows, ``aims_head`` the tree's size and frontier (and is the lock), ``aims_index`` finds the
rows that bear on a model, a subject or a request. The index is derived: ``verify`` makes it again and compares.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from functools import cache, lru_cache
from itertools import islice

import sqlalchemy.exc
from sqlalchemy import Connection, TextClause, bindparam, text

from aims_gates import database
from aims_gates.attestation.signing.envelope import Envelope, Statement
from aims_gates.attestation.statements.people import Approval, Revocation, Withdrawal
from aims_gates.attestation.statements.policy import Adoption, Binding, Freed, KeyRevocation, OpenMode, Trust
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.types import REGISTRY_ACTS, type_of
from aims_gates.attestation.trust_list import Row, TrustHistory
from aims_gates.decision import rights
from aims_gates.documents.spelling import check_new_name
from aims_gates.errors import InputError, IntegrityError, LedgerError, RefusedError
from aims_gates.ledger import live_tables, merkle
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.row import HALTS, OPEN_MODE, body_of, read_body, skim, terms, type_in

__all__ = [
    "HALTS",
    "OPEN_MODE",
    "Source",
    "admit",
    "all_terms",
    "anything_governed",
    "append",
    "bearing",
    "frontier",
    "governed",
    "halt_said",
    "history",
    "install",
    "let_go",
    "live",
    "lock",
    "names",
    "open_mode_said",
    "rows",
    "select",
    "size",
    "snapshot",
    "tree_head",
    "upgrade",
]

#: Where a ledger is read and appended to: its database, or a server.
Source = Connection | Remote

_TRUST = "trust"
_LOOK = "Run: aims-gates ledger verify"
_UNDER = text(
    "SELECT i.term, i.position, l.body, l.leaf, (SELECT size FROM aims_head WHERE id = 1) FROM aims_index i "
    "LEFT JOIN aims_ledger l ON l.position = i.position WHERE i.term IN :terms"
).bindparams(bindparam("terms", expanding=True))
_GOVERNED = text("SELECT governed FROM aims_names WHERE workspace = :workspace AND name = :name")
_ANY_GOVERNED = text("SELECT 1 FROM aims_names WHERE governed <> 0 LIMIT 1")
_HALT_SAID = text("SELECT 1 FROM aims_index WHERE term = 'halts' LIMIT 1")
_SOME = text("SELECT position, body FROM aims_ledger WHERE position >= :begin AND position < :end")
_ENTRY = text("INSERT INTO aims_index (term, position) VALUES (:term, :position)")
_ROW = text("INSERT INTO aims_ledger (position, leaf, body) VALUES (:position, :leaf, :body)")
#: How many terms are asked for at once, and of how many rows the index is made at once.
_TERMS, _BATCH = 200, 2_000
#: The migration that last changed under which terms a row stands.
_TERMS_SINCE = "0005"
#: PostgreSQL's lock for those who install at once: any number that nobody else takes.
_INSTALLATION = 0x41494D53


def _begin(connection: Connection, how: str) -> None:
    """Python's driver begins a transaction with the first write only; what must be one thing begins here."""
    if connection.dialect.name == "sqlite" and not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql(how)


def snapshot(connection: Connection) -> None:
    """From here on this connection reads one state of the ledger, whatever is appended meanwhile; begins with it."""
    _begin(connection, "BEGIN")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def let_go(connection: Connection) -> None:
    """End a :func:`snapshot` before work that takes long: on SQLite a reader holds writers up."""
    if connection.dialect.name == "sqlite" and connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql("COMMIT")


def install(connection: Connection) -> None:
    """Make the ledger where there is none, with its guards: all of it or nothing, by one of those who try at once.

    Tables of an earlier version are left alone: :func:`aims_gates.ledger.table.upgrade` is a decision of its own.
    """
    if database.current(connection) is not None:
        return
    _begin(connection, "BEGIN IMMEDIATE")
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _INSTALLATION})
    if database.current(connection) is None:
        upgrade(connection)


def upgrade(connection: Connection) -> None:
    """Bring tables, what is derived from the ledger, and the guards to this version's, in one transaction.

    Raises:
        LedgerError: a later version of aims-gates made the tables, or the ledger is damaged.
        IntegrityError: a ledger row does not hold.
    """
    _begin(connection, "BEGIN IMMEDIATE")
    before = database.current(connection)
    database.drop(connection)
    database.migrate(connection)
    lock(connection)
    if before is not None and before < _TERMS_SINCE:
        _index_anew(connection)
    live_tables.rebuild(connection, bearing(connection), size(connection))
    database.attach(connection)


def _index_anew(connection: Connection) -> None:
    """What an earlier version listed a row under is not what is asked for now."""
    length = size(connection)
    connection.execute(text("DELETE FROM aims_index"))
    for begin in range(0, length, _BATCH):
        bounds = {"begin": begin, "end": min(begin + _BATCH, length)}
        entries = [
            {"term": term, "position": position}
            for position, body in connection.execute(_SOME, bounds)
            for term in terms(skim(body, f"ledger row {position}")[1])
        ]
        if entries:
            connection.execute(_ENTRY, entries)


def bearing(connection: Connection) -> list[Row]:
    """Every row that changes what stands, in order.

    Raises:
        IntegrityError: one of them does not hold.
    """
    terms = [*all_terms(connection, "model "), "revocation", OPEN_MODE]
    return live(rows(connection, terms, types=live_tables.LIVE_TYPES | {type_of(Adoption)}), history(connection))


def live(every: Iterable[Row], past: TrustHistory) -> list[Row]:
    """Of all rows about names, those that change what stands, in order; no revocation that counts for nothing."""
    ordered = sorted(every, key=lambda row: row.position)
    kind = type_of(Revocation)
    counting = {row.position for row in rights.counting(past, [row for row in ordered if row.type == kind], ordered)}
    return [
        row for row in ordered if row.type in live_tables.LIVE_TYPES and (row.type != kind or row.position in counting)
    ]


def lock(connection: Connection) -> None:
    """Take the ledger for this transaction: nobody else appends or decides until it ends.

    PostgreSQL must not be reading one state of the database yet (isolation READ COMMITTED): what is decided after the
    lock sees all that was committed before it.
    """
    if connection.execute(text("UPDATE aims_head SET size = size WHERE id = 1")).rowcount != 1:
        raise LedgerError("the ledger's head is missing", remedy=_LOOK)


def tree_head(connection: Source) -> tuple[int, bytes]:
    """The tree's size and root hash, as the head says."""
    if isinstance(connection, Remote):
        return connection.head()
    length, frontier = _head(connection)
    return length, merkle.root_of_frontier(frontier)


def frontier(connection: Source) -> tuple[str, ...]:
    """What the next leaf is appended to (hex); empty where only a server has it."""
    return () if isinstance(connection, Remote) else tuple(node.hex() for node in _head(connection)[1])


def size(connection: Source) -> int:
    """How many rows the ledger holds, as the head says."""
    return tree_head(connection)[0]


def _head(connection: Connection) -> tuple[int, list[bytes]]:
    row = connection.execute(text("SELECT size, frontier FROM aims_head WHERE id = 1")).one_or_none()
    if row is None:
        raise LedgerError("the ledger's head is missing", remedy=_LOOK)
    try:
        length, frontier = int(row[0]), [bytes.fromhex(node) for node in json.loads(row[1])]
    except (ValueError, TypeError) as error:
        raise LedgerError("the ledger's head is malformed", where="aims_head", remedy=_LOOK) from error
    if length < 0 or len(frontier) != length.bit_count() or {len(node) for node in frontier} - {32}:
        raise LedgerError("the ledger's head is malformed", where="aims_head", remedy=_LOOK)
    return length, frontier


def select(connection: Source, terms: Iterable[str]) -> list[tuple[int, str]]:
    """Positions and bodies under these terms, in order; whole rows below the tree's size, or none at all.

    Raises:
        IntegrityError: the index names a row that is not there, or a row was edited.
    """
    return sorted({position: body for _, position, body in _under(connection, terms)}.items())


def _under(connection: Source, terms: Iterable[str]) -> list[tuple[str, int, str]]:
    """Terms, positions and bodies, as :func:`select` has them; a row comes with each of its terms that is wanted."""
    if isinstance(connection, Remote):
        return list(connection.under(terms))
    rows_found = []
    for some in _batches(sorted(set(terms))):
        for term, position, body, leaf, length in connection.execute(_UNDER, {"terms": some}):
            where = f"ledger row {position}"
            if not isinstance(length, int):
                raise LedgerError("the ledger's head is missing", where="aims_head", remedy=_LOOK)
            if body is None or not 0 <= position < length:
                raise IntegrityError("the index names a row that is not there", where=where, remedy=_LOOK)
            if merkle.leaf_hash(body.encode()).hex() != leaf:
                raise IntegrityError("the row was edited", where=where, remedy=_LOOK)
            rows_found.append((term, position, body))
    return rows_found


def _batches(terms: Iterable[str]) -> Iterator[list[str]]:
    left = iter(terms)
    while some := list(islice(left, _TERMS)):
        yield some


def halt_said(connection: Connection) -> bool:
    """Whether anybody ever halted anything: where nobody did, what is loaded need not be looked for among halts."""
    return connection.execute(_HALT_SAID).first() is not None


def open_mode_said(connection: Connection) -> bool:
    """Whether anybody ever said anything of open mode: a hint without proof, so that most reads need not look."""
    return (
        connection.execute(text("SELECT 1 FROM aims_index WHERE term = :term"), {"term": OPEN_MODE}).first() is not None
    )


def governed(connection: Connection, workspace: str, name: str) -> bool:
    """Whether a system was ever bound to a name, or a grant adopted for it.

    By the table that the guards look at, which proves nothing: let it spare a look only where that refuses.
    """
    row = connection.execute(_GOVERNED, {"workspace": workspace, "name": name}).scalar_one_or_none()
    return bool(row)


def anything_governed(connection: Connection) -> bool:
    """Whether a system was ever bound to any name, or a grant adopted; by the same table."""
    return connection.execute(_ANY_GOVERNED).first() is not None


def history(connection: Source) -> TrustHistory:
    """The trust lists and key revocations so far.

    Raises:
        IntegrityError: one of these rows does not hold.
    """
    return _history(select(connection, (_TRUST,)))


def _history(bodies: Iterable[tuple[int, str]]) -> TrustHistory:
    trust_history = TrustHistory()
    for position, body in bodies:
        trust_history.take(_verified(position, body, frozenset(trust_history.keys()) or None))
    return trust_history


def rows(
    connection: Source,
    terms: Iterable[str],
    trusted: Iterable[str] | None = None,
    types: Collection[str] | None = None,
) -> list[Row]:
    """The rows under these index terms, in order, signatures verified again.

    Args:
        connection: The ledger.
        terms: The terms.
        trusted: Public keys to verify against; those that ever stood on a trust list, read in the same look, when None.
        types: Statement types that are asked for; rows of others are passed over without verifying them.

    Raises:
        IntegrityError: a row was edited or its signature does not hold: nothing is decided on such a ledger.
    """
    named = set(terms)
    indexed = _under(connection, named if trusted is not None else {*named, _TRUST})
    if trusted is None:
        trusted = _history(sorted((position, body) for term, position, body in indexed if term == _TRUST)).keys()
    keys = frozenset(trusted)
    bodies = {position: body for term, position, body in indexed if term in named}
    return [
        _verified(position, bodies[position], keys)
        for position in sorted(bodies)
        if types is None or type_in(bodies[position], f"ledger row {position}") in types
    ]


@lru_cache(maxsize=4096)
def _verified(position: int, body: str, trusted: frozenset[str] | None) -> Row:
    """A row whose signatures were found to hold under these keys; the same bytes need not be verified again."""
    return read_body(body, position, trusted)


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
    length, frontier = _head(connection)
    past = history(connection)
    body = body_of(entry, at).decode()
    row = read_body(body, length, past.keys() or None)
    before = _said_before(connection, row, past)
    if before is not None:
        return before
    _check_people(row, past)
    admit(row, past)
    _need_right(connection, row, past)
    leaf = merkle.leaf_hash(body.encode())
    revoked = _revoked(connection, row)
    _insert(connection, row, body, leaf)
    if row.type in live_tables.LIVE_TYPES:
        live_tables.follow(connection, row, revoked)
    grown = [node.hex() for node in merkle.append(frontier, length, leaf)]
    connection.execute(
        text("UPDATE aims_head SET size = :size, follows = :size, frontier = :frontier WHERE id = 1"),
        {"size": length + 1, "frontier": json.dumps(grown)},
    )
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
        raise IntegrityError("the server recorded something else", where=f"ledger row {position}", remedy=_LOOK)
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
        raise LedgerError("it is there already, outside the tree", where=where, remedy=_LOOK) from error


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


def all_terms(connection: Source, prefix: str) -> list[str]:
    """The index terms that begin with this."""
    if isinstance(connection, Remote):
        return connection.terms(prefix)
    query = text("SELECT DISTINCT term FROM aims_index WHERE substr(term, 1, :length) = :prefix")
    return sorted(connection.execute(query, {"length": len(prefix), "prefix": prefix}).scalars())


def names(connection: Source) -> list[tuple[str, str]]:
    """Workspace and name of every registered model that the ledger speaks of."""
    partitions = [term.removeprefix("model ").partition("/") for term in all_terms(connection, "model ")]
    return [(workspace, name) for workspace, _, name in partitions]
