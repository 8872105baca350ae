"""The append-only log of all statements and decisions: a Merkle tree in the registry's own database."""

from aims_gates.ledger.installation import install
from aims_gates.ledger.proof import places
from aims_gates.ledger.table import OPEN_MODE, history, open_mode_said, rows, size, snapshot, tree_head
from aims_gates.ledger.writing import append, lock

__all__ = [
    "OPEN_MODE",
    "append",
    "history",
    "install",
    "lock",
    "open_mode_said",
    "places",
    "rows",
    "size",
    "snapshot",
    "tree_head",
]
