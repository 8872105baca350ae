"""What rests on a key, or on a user whom a server signed for: for the day when it fell into other hands."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text

from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.people import Approval, BreakGlass, RollbackOrder, Waiver
from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.types import SAID_FOR, type_of
from aims_gates.attestation.trust_list import Row
from aims_gates.errors import IntegrityError
from aims_gates.ledger import history, merkle
from aims_gates.ledger.registry_acts import statements
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.row import read_body
from aims_gates.ledger.table import Source
from aims_gates.model import Evidence

__all__ = ["Exposure", "AffectedGrant", "exposed"]

_USER = "user:"
#: What is said of bytes, so that a grant of the same bytes may rest on it.
_OF_BYTES = tuple(map(type_of, (Evidence, Predictions, Waiver, BreakGlass)))


@dataclass(frozen=True)
class AffectedGrant:
    """A grant, what it rests on that the key said, and whether it stands now."""

    grant: Row
    on: tuple[Row, ...]
    stands: bool


@dataclass(frozen=True)
class Exposure:
    """What was said with a key since a place in the ledger, and the grants that rest on any of it."""

    said: tuple[Row, ...]
    grants: tuple[AffectedGrant, ...]


def exposed(connection: Source, key: str, since: int, now: datetime) -> Exposure:
    """Go through the ledger from a place on.

    Args:
        connection: The registry's database, or a server.
        key: Public key in hex, or ``user:LOGIN``.
        since: First position that counts.
        now: For whether a grant stands.

    Raises:
        IntegrityError: a row was edited, or no trusted signature on it holds.
    """
    rows: list[Row] = []
    grants: list[AffectedGrant] = []
    for row in _rows(connection, since):
        if _by(row, key):
            rows.append(row)
        if row.type == type_of(Grant):
            on = tuple(item for item in rows if _bears(item, row.predicate))
            on += tuple(
                affected_grant.grant
                for affected_grant in grants
                if _returns(row.predicate, affected_grant.grant.predicate)
            )
            if on:
                grants.append(AffectedGrant(row, on, _stands(connection, row, now)))
    return Exposure(tuple(rows), tuple(grants))


def _rows(connection: Source, since: int) -> Iterator[Row]:
    keys = history(connection).keys()
    for position, body, leaf in _stored(connection, since):
        if leaf is not None and merkle.leaf_hash(body.encode()).hex() != leaf:
            where = f"ledger row {position}"
            raise IntegrityError("the row was edited", where=where, remedy="Run: aims-gates ledger verify")
        yield read_body(body, position, keys)


def _stored(connection: Source, since: int) -> Iterable[Any]:
    if isinstance(connection, Remote):
        return ((position, body, None) for position, body in connection.everything() if position >= since)
    query = text("SELECT position, body, leaf FROM aims_ledger WHERE position >= :since ORDER BY position")
    return connection.execute(query, {"since": since}).all()


def _by(row: Row, key: str) -> bool:
    if key.startswith(_USER):
        return row.type in SAID_FOR and row.predicate.user == key.removeprefix(_USER)
    return key in row.signers


def _bears(row: Row, grant: Grant) -> bool:
    """Whether a grant that came later may rest on a row."""
    approval = row.predicate
    if row.digest == grant.request or (isinstance(approval, Approval) and approval.request == grant.request):
        return True
    if isinstance(approval, Binding | RollbackOrder):
        ours = (approval.workspace, approval.name) == (grant.workspace, grant.name)
        return ours and getattr(approval, "version", grant.version) == grant.version
    return row.type in _OF_BYTES and row.statement.subject == grant.digest


def _returns(grant: Grant, before: Grant) -> bool:
    """Whether a grant is the return to one that rests on the key."""
    same = (grant.workspace, grant.name, grant.version) == (before.workspace, before.name, before.version)
    return same and grant.transition == "rollback"


def _stands(connection: Source, grant: Row, now: datetime) -> bool:
    predicate = grant.predicate
    ledger = statements(connection, predicate.workspace, predicate.name, predicate.digest)
    row = ledger.standing(predicate.alias, now)
    return row is not None and row.position == grant.position
