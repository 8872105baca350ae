"""The append-only log of all statements and decisions: a Merkle tree in the registry's own database."""

from aims_gates.ledger.checkpoint import write_whole
from aims_gates.ledger.proof import place
from aims_gates.ledger.table import append, history, install, lock, rows, size, snapshot, tree_head

__all__ = ["append", "history", "install", "lock", "place", "rows", "size", "snapshot", "tree_head", "write_whole"]
