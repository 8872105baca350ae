"""Every single-row and single-bit change before the last checkpoint is found, on both databases.

``AIMS_GATES_TAMPER_BITS`` is how many bits of each row's body and of its leaf are flipped, one at a time (3): all of
them where there are fewer.
"""

import json
import os
import random
from itertools import pairwise

import pytest
from sqlalchemy import create_engine, text

from aims_gates import database
from aims_gates.ledger import install, lock, merkle
from aims_gates.ledger.attest import attested, write_checkpoint
from aims_gates.ledger.checkpoint import read_checkpoint
from aims_gates.ledger.row import body_of, terms
from aims_gates.ledger.verify import verify

BITS = int(os.environ.get("AIMS_GATES_TAMPER_BITS", "3"))


@pytest.fixture(params=["sqlite", "postgresql"])
def told(request, tmp_path, kit):
    """A ledger without its guards, and a checkpoint of all but its last row."""
    uri = f"sqlite:///{tmp_path / 'ledger.db'}"
    engine = create_engine(request.getfixturevalue("postgresql_url") if request.param == "postgresql" else uri)
    with engine.connect() as connection:
        install(connection)
        database.drop(connection)
        lock(connection)
        world = kit.World(connection)
        world.approved()
        world.grant()
        write_checkpoint(connection, tmp_path / "kept.json", kit.key_of("policy"), world.now)
        world.grant(version="2")
        world.kept = [read_checkpoint(tmp_path / "kept.json")]
        assert verify(connection, world.kept).ok
        connection.commit()
        yield world
        assert verify(connection, world.kept).ok, "every change was taken back"
    engine.dispose()


def found(world, *changes):
    """The problems after these statements, which are taken back.

    Where the checkpoint lets rows be verified by their bytes: whatever is found so is then told by every statement.
    """
    for statement, said in changes:
        world.connection.execute(text(statement), said)
    problems = verify(world.connection, world.kept, attested=attested(world.kept)).problems
    world.connection.rollback()
    return problems


def rows(world):
    """Position, leaf and body of every row before the checkpoint."""
    return list(world.connection.execute(text("SELECT position, leaf, body FROM aims_ledger ORDER BY position")))[:-1]


def flipped(value: str, seed: int):
    """The text with one bit changed, for each of the chosen bits; still text that both databases take."""
    places = [(place, bit) for place in range(len(value)) for bit in range(7)]
    chosen = random.Random(seed).sample(places, min(BITS, len(places)))
    for place, bit in chosen:
        other = chr(ord(value[place]) ^ (1 << bit))
        if other != "\x00":
            yield value[:place] + other + value[place + 1 :]


def test_every_changed_bit_of_a_body_or_leaf_is_found(told, record_property):
    changed = 0
    for position, leaf, body in rows(told):
        for column, value in (("body", body), ("leaf", leaf)):
            for other in flipped(value, position):
                changed += 1
                change = (
                    f"UPDATE aims_ledger SET {column} = :other WHERE position = :at",
                    {"other": other, "at": position},
                )
                assert any(f"ledger row {position}" in each for each in found(told, change)), (position, column, other)
    record_property("rows", position + 1)
    record_property("bits changed and found", changed)


def test_every_removed_row_is_found(told):
    for position, *_ in rows(told):
        problems = found(told, ("DELETE FROM aims_ledger WHERE position = :at", {"at": position}))
        assert any(f"ledger row {position}: the row is missing" in each for each in problems)


def test_every_pair_of_rows_that_change_places_is_found(told):
    every = rows(told)
    for (first, leaf, body), (second, other_leaf, other_body) in pairwise(every):
        change = "UPDATE aims_ledger SET leaf = :leaf, body = :body WHERE position = :at"
        swap = (
            (change, {"leaf": other_leaf, "body": other_body, "at": first}),
            (change, {"leaf": leaf, "body": body, "at": second}),
        )
        assert any("the head" in each for each in found(told, *swap)), first


def test_every_entry_of_the_index_that_is_removed_is_found(told):
    for term, position in list(told.connection.execute(text("SELECT term, position FROM aims_index"))):
        change = "DELETE FROM aims_index WHERE term = :term AND position = :at", {"term": term, "at": position}
        assert any(f"does not list it under {term!r}" in each for each in found(told, change))


def made_anew(kept):
    """The ledger made of these bodies, tree, leaves, index and head: all that an owner of the database can do."""
    from aims_gates.attestation.signing.envelope import Envelope, Statement

    yield "DELETE FROM aims_index", {}
    yield "DELETE FROM aims_ledger", {}
    frontier = []
    for position, body in enumerate(kept):
        leaf, said = merkle.leaf_hash(body.encode()), json.loads(body)
        frontier = merkle.append(frontier, position, leaf)
        yield "INSERT INTO aims_ledger VALUES (:at, :leaf, :body)", {"at": position, "leaf": leaf.hex(), "body": body}
        payload = said["statement"].encode() if "statement" in said else Envelope.from_json(said["envelope"]).payload
        for term in terms(Statement(payload)):
            yield "INSERT INTO aims_index VALUES (:term, :at)", {"term": term, "at": position}
    nodes = json.dumps([node.hex() for node in frontier])
    yield "UPDATE aims_head SET size = :size, frontier = :nodes", {"size": len(kept), "nodes": nodes}


def test_a_ledger_made_anew_without_one_row_or_cut_anywhere_fails_against_the_checkpoint(told):
    every = [body for _, _, body in rows(told)]
    for place in range(1, len(every)):
        for kept in (every[:place] + every[place + 1 :], every[:place]):
            assert any("checkpoint of size" in each for each in found(told, *made_anew(kept))), (place, len(kept))


def test_an_unsigned_row_that_was_changed_and_all_else_made_to_fit_fails_against_the_checkpoint(told):
    """The registry's own acts carry no signature: here the checkpoint alone proves it."""
    every = [body for _, _, body in rows(told)]
    grant = next(row for row in told.rows if row.type.endswith("grant/v1"))
    said = json.loads(every[grant.position])
    said["statement"] = said["statement"].replace("file:///store", "file:///other")
    other = every.copy()
    other[grant.position] = body_of(type(grant.statement)(said["statement"].encode()), grant.at).decode()
    last = told.connection.execute(text("SELECT body FROM aims_ledger ORDER BY position DESC LIMIT 1")).scalar_one()
    problems = found(told, *made_anew([*other, last]))
    assert problems and all("checkpoint of size" in each for each in problems)
