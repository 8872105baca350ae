"""Where a row stands in the tree, provable to somebody who has only the tree's root (RFC 6962, section 2.1.1)."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, text

from aims_gates.errors import InputError, LedgerError
from aims_gates.ledger import merkle
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.table import Source, tree_head

__all__ = ["TreePlace", "places"]


@dataclass(frozen=True)
class TreePlace:
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


def places(connection: Source, positions: Sequence[int], size: int) -> list[TreePlace]:
    """Rows with their audit paths in the tree of the first ``size`` rows, in the order in which they are named.

    Reads the hash of every row once: a second or two at a million rows.

    Raises:
        InputError: there is no such row.
        LedgerError: the rows are not those of the tree.
    """
    if isinstance(connection, Remote):
        return [_of_server(connection, position, size) for position in positions]
    whole, head = tree_head(connection)
    leaves = [bytes.fromhex(leaf) for leaf in connection.execute(text(_LEAVES)).scalars()]
    if not 0 < size <= whole or not all(0 <= position < size for position in positions):
        raise InputError(f"there is no such row among the first {size} of {whole}", remedy="Count from 0.")
    if len(leaves) != whole or merkle.root(leaves) != head:
        raise _not_the_tree()
    return [_place(connection, position, leaves[:size]) for position in positions]


def _place(connection: Connection, position: int, leaves: Sequence[bytes]) -> TreePlace:
    body = connection.execute(text(_BODY), {"position": position}).scalar_one()
    if merkle.leaf_hash(body.encode()) != leaves[position]:
        raise _not_the_tree()
    return TreePlace(body, len(leaves), merkle.root(leaves), tuple(merkle.inclusion_proof(position, leaves)))


def _not_the_tree() -> LedgerError:
    return LedgerError("the rows are not those of the tree", remedy="Run: aims-gates ledger verify")


def _of_server(server: Remote, position: int, size: int) -> TreePlace:
    body, (root, path) = server.body(position), server.inclusion(position, size)
    if not merkle.verify_inclusion(position, size, merkle.leaf_hash(body.encode()), path, root):
        raise LedgerError("the server's proof does not hold", remedy="Run: aims-gates ledger verify")
    return TreePlace(body, size, root, path)


_LEAVES = "SELECT leaf FROM aims_ledger ORDER BY position"
_BODY = "SELECT body FROM aims_ledger WHERE position = :position"
