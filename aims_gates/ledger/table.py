"""The ledger's tables, as they are read. Every function joins the caller's transaction.

``aims_ledger`` holds the rows, ``aims_head`` the tree's size and frontier (and is the lock), ``aims_index`` finds the
rows that bear on a model, a subject or a request. The index is derived: ``verify`` makes it again and compares.
:mod:`aims_gates.ledger.writing` is the one way in which the ledger grows.
"""

import json
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from itertools import islice

from sqlalchemy import Connection, bindparam, text

from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.policy import Adoption
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row, TrustHistory
from aims_gates.decision import rights
from aims_gates.errors import IntegrityError, LedgerError
from aims_gates.ledger import live_tables, merkle
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.row import HALTS, OPEN_MODE, read_body, type_in

__all__ = [
    "HALTS",
    "LOOK",
    "OPEN_MODE",
    "Remembered",
    "Rows",
    "Source",
    "all_terms",
    "anything_governed",
    "bearing",
    "begin",
    "frontier",
    "governed",
    "halt_said",
    "head",
    "history",
    "let_go",
    "live",
    "names",
    "open_mode_said",
    "rows",
    "select",
    "size",
    "snapshot",
    "tree_head",
]


class Remembered:
    """A ledger's database whose rows are read once: what several questions ask for under the same terms.

    Args:
        source: The database; in one transaction, so that all answers are about one state.
    """

    def __init__(self, source: Connection) -> None:
        self._source = source
        self._bodies: dict[str, list[tuple[int, str]]] = {}

    def under(self, terms: Iterable[str]) -> Iterator[tuple[str, int, str]]:
        """Terms, positions and bodies; what is not known yet is read in one look."""
        named = set(terms)
        new = named - self._bodies.keys()
        self._bodies |= {term: [] for term in new}
        for term, position, body in _under(self._source, new):
            self._bodies[term].append((position, body))
        return ((term, position, body) for term in named for position, body in self._bodies[term])


#: Where a ledger is read and appended to: its database, or a server.
Source = Connection | Remote
#: Where rows are read under terms: there, or from what was read there before.
Rows = Source | Remembered

_TRUST = "trust"
#: The remedy where a ledger is damaged.
LOOK = "Run: aims-gates ledger verify"
_UNDER = text(
    "SELECT i.term, i.position, l.body, l.leaf, (SELECT size FROM aims_head WHERE id = 1) FROM aims_index i "
    "LEFT JOIN aims_ledger l ON l.position = i.position WHERE i.term IN :terms"
).bindparams(bindparam("terms", expanding=True))
_HEAD = "SELECT size, frontier FROM aims_head WHERE id = 1"
_GOVERNED = text("SELECT governed FROM aims_names WHERE workspace = :workspace AND name = :name")
_ANY_GOVERNED = text("SELECT 1 FROM aims_names WHERE governed <> 0 LIMIT 1")
_HALT_SAID = text("SELECT 1 FROM aims_index WHERE term = 'halts' LIMIT 1")
#: How many terms are asked for at once.
_TERMS = 200


def begin(connection: Connection, how: str) -> None:
    """Begin a transaction where none has begun.

    Python's driver begins a transaction with the first write only; what must be one thing begins here.
    """
    if connection.dialect.name == "sqlite" and not connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql(how)


def snapshot(connection: Connection) -> None:
    """From here on this connection reads one state of the ledger, whatever is appended meanwhile; begins with it."""
    begin(connection, "BEGIN")
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")


def let_go(connection: Connection) -> None:
    """End a :func:`snapshot` before work that takes long: on SQLite a reader holds writers up."""
    if connection.dialect.name == "sqlite" and connection.connection.dbapi_connection.in_transaction:  # type: ignore[union-attr]
        connection.exec_driver_sql("COMMIT")


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


def tree_head(connection: Source) -> tuple[int, bytes]:
    """The tree's size and root hash, as the head says."""
    if isinstance(connection, Remote):
        return connection.head()
    length, frontier = head(connection)
    return length, merkle.root_of_frontier(frontier)


def frontier(connection: Source) -> tuple[str, ...]:
    """What the next leaf is appended to (hex); empty where only a server has it."""
    return () if isinstance(connection, Remote) else tuple(node.hex() for node in head(connection)[1])


def size(connection: Source) -> int:
    """How many rows the ledger holds, as the head says."""
    return tree_head(connection)[0]


def head(connection: Connection) -> tuple[int, list[bytes]]:
    """The tree's size and frontier, as the head says.

    Raises:
        LedgerError: the head is missing or malformed.
    """
    row = connection.exec_driver_sql(_HEAD).one_or_none()
    if row is None:
        raise LedgerError("the ledger's head is missing", remedy=LOOK)
    try:
        length, frontier = int(row[0]), [bytes.fromhex(node) for node in json.loads(row[1])]
    except (ValueError, TypeError) as error:
        raise LedgerError("the ledger's head is malformed", where="aims_head", remedy=LOOK) from error
    if length < 0 or len(frontier) != length.bit_count() or {len(node) for node in frontier} - {32}:
        raise LedgerError("the ledger's head is malformed", where="aims_head", remedy=LOOK)
    return length, frontier


def select(connection: Rows, terms: Iterable[str]) -> list[tuple[int, str]]:
    """Positions and bodies under these terms, in order; whole rows below the tree's size, or none at all.

    Raises:
        IntegrityError: the index names a row that is not there, or a row was edited.
    """
    return sorted({position: body for _, position, body in _under(connection, terms)}.items())


def _under(connection: Rows, terms: Iterable[str]) -> list[tuple[str, int, str]]:
    """Terms, positions and bodies, as :func:`select` has them; a row comes with each of its terms that is wanted."""
    if isinstance(connection, Remote | Remembered):
        return list(connection.under(terms))
    rows_found = []
    for some in _batches(sorted(set(terms))):
        for term, position, body, leaf, length in connection.execute(_UNDER, {"terms": some}):
            where = f"ledger row {position}"
            if not isinstance(length, int):
                raise LedgerError("the ledger's head is missing", where="aims_head", remedy=LOOK)
            if body is None or not 0 <= position < length:
                raise IntegrityError("the index names a row that is not there", where=where, remedy=LOOK)
            if merkle.leaf_hash(body.encode()).hex() != leaf:
                raise IntegrityError("the row was edited", where=where, remedy=LOOK)
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


def history(connection: Rows) -> TrustHistory:
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
    connection: Rows,
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
