"""The Merkle tree of RFC 6962 (and 9162): leaf and node hashes, roots, inclusion and consistency proofs.

Hashes are 32 bytes. A *frontier* is the list of the roots of the perfect subtrees of a tree, largest first: what is
needed to append a leaf and to know the root, without the leaves.
"""

import hashlib
from collections.abc import Sequence

from aims_gates.errors import InputError

__all__ = [
    "EMPTY",
    "append",
    "consistency_proof",
    "inclusion_proof",
    "leaf_hash",
    "root",
    "root_of_frontier",
    "verify_consistency",
    "verify_inclusion",
]

EMPTY = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """SHA-256(0x00 || data): RFC 6962, section 2.1."""
    return hashlib.sha256(b"\x00" + data).digest()


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def _split(size: int) -> int:
    """The largest power of two smaller than size."""
    return 1 << (size - 1).bit_length() - 1


def append(frontier: Sequence[bytes], size: int, leaf: bytes) -> list[bytes]:
    """The frontier of the tree with one leaf more.

    Args:
        frontier: Frontier of the tree so far.
        size: Its number of leaves.
        leaf: The new leaf's hash.
    """
    result, node = list(frontier), leaf
    while size & 1:
        node = _node(result.pop(), node)
        size >>= 1
    return [*result, node]


def root_of_frontier(frontier: Sequence[bytes]) -> bytes:
    """The root hash: the subtree roots joined from the right."""
    if not frontier:
        return EMPTY
    node = frontier[-1]
    for left in reversed(frontier[:-1]):
        node = _node(left, node)
    return node


def root(leaves: Sequence[bytes]) -> bytes:
    """The Merkle tree hash of these leaf hashes."""
    frontier: list[bytes] = []
    for index, leaf in enumerate(leaves):
        frontier = append(frontier, index, leaf)
    return root_of_frontier(frontier)


def inclusion_proof(index: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.1: the audit path of a leaf, from the bottom.

    Raises:
        InputError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise InputError(f"there is no leaf {index} in a tree of {len(leaves)}", remedy="Count from 0.")
    if len(leaves) == 1:
        return []
    middle = _split(len(leaves))
    if index < middle:
        return [*inclusion_proof(index, leaves[:middle]), root(leaves[middle:])]
    return [*inclusion_proof(index - middle, leaves[middle:]), root(leaves[:middle])]


def verify_inclusion(index: int, size: int, leaf: bytes, proof: Sequence[bytes], expected: bytes) -> bool:
    """RFC 9162, section 2.1.3.2: whether the leaf stands at this index in the tree with this root."""
    if not 0 <= index < size:
        return False
    place, last, node = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if place & 1 or place == last:
            node = _node(step, node)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            node = _node(node, step)
        place, last = place >> 1, last >> 1
    return last == 0 and node == expected


def _subproof(size: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if whole else [root(leaves)]
    middle = _split(len(leaves))
    if size <= middle:
        return [*_subproof(size, leaves[:middle], whole), root(leaves[middle:])]
    return [*_subproof(size - middle, leaves[middle:], False), root(leaves[:middle])]


def consistency_proof(size: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, section 2.1.2: that the tree of the first ``size`` leaves is a prefix of this one."""
    return _subproof(size, leaves, True) if 0 < size < len(leaves) else []


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """RFC 9162, section 2.1.4.2: whether the old tree is a prefix of the new one."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof:
        return False
    steps = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    first = second = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            first, second = _node(step, first), _node(step, second)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            second = _node(second, step)
        place, last = place >> 1, last >> 1
    return last == 0 and first == old_root and second == new_root
