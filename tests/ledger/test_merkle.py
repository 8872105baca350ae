"""The tree against the vectors of certificate transparency (RFC 6962, google/certificate-transparency) and its laws."""

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aims_gates.errors import InputError
from aims_gates.ledger import merkle

LEAVES = [
    bytes.fromhex(data)
    for data in (
        "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
    )
]  # fmt: skip
HASHES = [merkle.leaf_hash(data) for data in LEAVES]
ROOTS = (
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
)
#: Nodes of the tree of eight leaves -> their hash, by the leaves below: the first, and the one after the last.
NODES = {
    (0, 1): ROOTS[0],
    (0, 2): ROOTS[1],
    (0, 4): ROOTS[3],
    (1, 2): "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
    (2, 4): "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
    (4, 8): "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    (4, 5): "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    (6, 8): "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
    (4, 6): "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
}
#: (leaf from 1, tree size, audit path)
INCLUSION = (
    (1, 1, ()),
    (1, 8, ((1, 2), (2, 4), (4, 8))),
    (6, 8, ((4, 5), (6, 8), (0, 4))),
    (3, 3, ((0, 2),)),
    (2, 5, ((0, 1), (2, 4), (4, 5))),
)
#: (size then, size now, proof)
CONSISTENCY = (
    (1, 1, ()),
    (1, 8, ((1, 2), (2, 4), (4, 8))),
    (6, 8, ((4, 6), (6, 8), (0, 4))),
    (2, 5, ((2, 4), (4, 5))),
)


def unhex(path):
    return [bytes.fromhex(NODES[node]) for node in path]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root_of_frontier([]) == merkle.EMPTY


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_certificate_transparency(size):
    assert merkle.root(HASHES[:size]).hex() == ROOTS[size - 1]


@pytest.mark.parametrize(("leaf", "size", "path"), INCLUSION)
def test_audit_paths_are_those_of_certificate_transparency(leaf, size, path):
    assert merkle.inclusion_proof(leaf - 1, HASHES[:size]) == unhex(path)
    root = bytes.fromhex(ROOTS[size - 1])
    assert merkle.verify_inclusion(leaf - 1, size, HASHES[leaf - 1], unhex(path), root)


@pytest.mark.parametrize(("old", "new", "path"), CONSISTENCY)
def test_consistency_proofs_are_those_of_certificate_transparency(old, new, path):
    assert merkle.consistency_proof(old, HASHES[:new]) == unhex(path)
    roots = bytes.fromhex(ROOTS[old - 1]), bytes.fromhex(ROOTS[new - 1])
    assert merkle.verify_consistency(old, new, unhex(path), *roots)


def plain_root(leaves):
    """The definition of RFC 6962, section 2.1, word for word."""
    if not leaves:
        return sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + plain_root(leaves[:k]) + plain_root(leaves[k:])).digest()


trees = st.lists(st.binary(max_size=4), min_size=1, max_size=40).map(lambda data: list(map(merkle.leaf_hash, data)))


@given(leaves=trees)
def test_the_frontier_gives_the_root(leaves):
    frontier = []
    for index, leaf in enumerate(leaves):
        frontier = merkle.append(frontier, index, leaf)
        assert merkle.root_of_frontier(frontier) == plain_root(leaves[: index + 1])
        assert len(frontier) == (index + 1).bit_count()
    assert merkle.root(leaves) == plain_root(leaves)


def altered(proof, data):
    """The proof with one bit of one byte turned."""
    place, byte = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 31))
    node = bytearray(proof[place])
    node[byte] ^= 1 << data.draw(st.integers(0, 7))
    return [*proof[:place], bytes(node), *proof[place + 1 :]]


@given(data=st.data(), leaves=trees)
def test_an_inclusion_proof_holds_and_holds_for_nothing_else(data, leaves):
    index, size, root = data.draw(st.integers(0, len(leaves) - 1)), len(leaves), merkle.root(leaves)
    proof = merkle.inclusion_proof(index, leaves)
    assert merkle.verify_inclusion(index, size, leaves[index], proof, root)
    assert not merkle.verify_inclusion(index, size, altered([leaves[index]], data)[0], proof, root)
    assert not merkle.verify_inclusion(index, size, leaves[index], proof, altered([root], data)[0])
    assert not merkle.verify_inclusion(index, size, leaves[index], [*proof, root], root)
    assert not merkle.verify_inclusion(size, size, leaves[index], proof, root)
    assert not merkle.verify_inclusion(-1, size, leaves[index], proof, root)
    if proof:
        assert not merkle.verify_inclusion(index, size, leaves[index], proof[:-1], root)
        assert not merkle.verify_inclusion(index, size, leaves[index], altered(proof, data), root)


@given(data=st.data(), leaves=trees)
def test_a_consistency_proof_holds_and_holds_for_nothing_else(data, leaves):
    new, old = len(leaves), data.draw(st.integers(1, len(leaves)))
    roots = merkle.root(leaves[:old]), merkle.root(leaves)
    proof = merkle.consistency_proof(old, leaves)
    assert merkle.verify_consistency(old, new, proof, *roots)
    assert not merkle.verify_consistency(old, new, proof, altered([roots[0]], data)[0], roots[1])
    assert not merkle.verify_consistency(old, new, proof, roots[0], altered([roots[1]], data)[0])
    assert not merkle.verify_consistency(old, new, [*proof, roots[0]], *roots)
    if proof:
        assert not merkle.verify_consistency(old, new, altered(proof, data), *roots)
        assert not merkle.verify_consistency(old, new, proof[:-1], *roots)
        assert not merkle.verify_consistency(old, new, [], *roots)


@settings(max_examples=30)
@given(leaves=trees, other=st.binary(max_size=4))
def test_a_changed_past_is_not_consistent(leaves, other):
    old = merkle.root(leaves[:1])
    changed = [merkle.leaf_hash(b"changed" + other), *leaves[1:], merkle.leaf_hash(other)]
    proof = merkle.consistency_proof(1, changed)
    assert not merkle.verify_consistency(1, len(changed), proof, old, merkle.root(changed))


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_there_is_no_consistency_with_what_was_not_there(old, new):
    assert merkle.consistency_proof(old, HASHES[:new]) == []
    assert not merkle.verify_consistency(old, new, HASHES[:1], HASHES[0], HASHES[1])


@pytest.mark.parametrize(("index", "size"), [(0, 0), (-1, 3), (3, 3)])
def test_there_is_no_path_to_a_leaf_that_is_not_there(index, size):
    with pytest.raises(InputError, match=f"there is no leaf {index} in a tree of {size}"):
        merkle.inclusion_proof(index, HASHES[:size])


def test_a_proof_that_goes_on_after_the_root_proves_nothing():
    roots = bytes.fromhex(ROOTS[0]), bytes.fromhex(ROOTS[1])
    assert merkle.verify_consistency(1, 2, [HASHES[1]], *roots)
    assert not merkle.verify_consistency(1, 2, [HASHES[1], HASHES[1]], *roots)
    assert merkle.verify_inclusion(0, 2, HASHES[0], [HASHES[1]], roots[1])
    assert not merkle.verify_inclusion(0, 2, HASHES[0], [HASHES[1], HASHES[1]], roots[1])


def test_every_proof_of_every_small_tree_holds():
    leaves = [merkle.leaf_hash(bytes([index])) for index in range(20)]
    roots = [merkle.root(leaves[:size]) for size in range(21)]
    for size in range(1, 21):
        for index in range(size):
            proof = merkle.inclusion_proof(index, leaves[:size])
            assert merkle.verify_inclusion(index, size, leaves[index], proof, roots[size])
            assert not merkle.verify_inclusion(index, size, leaves[index - 1], proof, roots[size]) or size == 1
        for old in range(1, size + 1):
            proof = merkle.consistency_proof(old, leaves[:size])
            assert merkle.verify_consistency(old, size, proof, roots[old], roots[size])
            assert not merkle.verify_consistency(old, size, proof, roots[old - 1], roots[size])
