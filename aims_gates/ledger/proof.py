"""Where a row stands in the tree, provable to somebody who has only the tree's root (RFC 6962, section 2.1.1)."""

from dataclasses import dataclass

from sqlalchemy import text

from aims_gates.errors import InputError, LedgerError
from aims_gates.ledger import merkle
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.table import Source, tree_head

__all__ = ["Place", "place"]


@dataclass(frozen=True)
class Place:
    """A row in its tree.

    Attributes:
        body: The row's body, as it is hashed.
        size, root: Of the whole tree.
        path: The audit path, from the bottom; 32 bytes each.
    """

    body: str
    size: int
    root: bytes
    path: tuple[bytes, ...]


def place(connection: Source, position: int) -> Place:
    """A row with its audit path. Reads the hash of every row: a second or two at a million rows.

    Raises:
        InputError: there is no such row.
        LedgerError: the rows are not those of the tree.
    """
    if isinstance(connection, Remote):
        return _of_server(connection, position)
    size, root = tree_head(connection)
    leaves = [bytes.fromhex(leaf) for leaf in connection.execute(text(_LEAVES)).scalars()]
    if not 0 <= position < size:
        raise InputError(f"there is no row {position} in a ledger of {size}", remedy="Count from 0.")
    body = connection.execute(text(_BODY), {"position": position}).scalar_one()
    if len(leaves) != size or merkle.root(leaves) != root or merkle.leaf_hash(body.encode()) != leaves[position]:
        raise LedgerError("the rows are not those of the tree", remedy="Run: aims-gates ledger verify")
    return Place(body, size, root, tuple(merkle.inclusion_proof(position, leaves)))


def _of_server(server: Remote, position: int) -> Place:
    body, (size, root, path) = server.body(position), server.inclusion(position)
    if not merkle.verify_inclusion(position, size, merkle.leaf_hash(body.encode()), path, root):
        raise LedgerError("the server's proof does not hold", remedy="Run: aims-gates ledger verify")
    return Place(body, size, root, path)


_LEAVES = "SELECT leaf FROM aims_ledger ORDER BY position"
_BODY = "SELECT body FROM aims_ledger WHERE position = :position"
