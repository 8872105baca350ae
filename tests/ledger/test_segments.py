"""A long ledger is verified in segments: the same answer as in order, for a sound ledger and for a damaged one."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from aims_gates import database
from aims_gates.ledger import install, lock
from aims_gates.ledger.attest import attested, write_checkpoint
from aims_gates.ledger.checkpoint import read_checkpoint
from aims_gates.ledger.segments import verify_in_processes
from aims_gates.ledger.verify import verify

LENGTH = 8


@pytest.fixture
def told(tmp_path: Path, kit):
    """A ledger of 27 rows in a file: three whole segments and a part; checkpoints of sizes 5, 8, 21 and 27."""
    engine = create_engine(f"sqlite:///{tmp_path / 'ledger.db'}")
    kept = []
    with engine.begin() as connection:
        install(connection)
        lock(connection)
        world = kit.World(connection)
        world.checked()
        for number in range(20):
            if len(world.rows) in (5, 8, 21):
                kept.append(tmp_path / f"{number}.json")
                write_checkpoint(connection, kept[-1], kit.key_of("policy"), world.now)
            if len(world.rows) == 14:
                world.trust(*map(kit.trusted, (*kit.ROLES, "auditor")), version=2)
            world.grant() if number % 2 else world.request(reason=f"again {number}")
        kept.append(tmp_path / "last.json")
        write_checkpoint(connection, kept[-1], kit.key_of("policy"), world.now)
    yield engine, [read_checkpoint(path) for path in kept]
    engine.dispose()


def both(engine, kept, processes=1):
    """In segments, every statement and by their bytes; and in order."""
    with engine.begin() as connection:
        found = verify_in_processes(connection, kept, processes, length=LENGTH)
        assert found == verify_in_processes(connection, kept, 1, length=LENGTH, attested=attested(kept))
        return found, verify(connection, kept)


def test_rows_before_a_checkpoint_are_verified_by_their_bytes_in_segments_too(told, kit):
    engine, kept = told
    with engine.begin() as connection:
        found = verify_in_processes(connection, kept[:1], 1, length=LENGTH, attested=attested(kept[:1]))
    assert found.ok and (found.by_bytes, found.by_statement) == (27, 27 - attested(kept[:1])) and found.by_statement


def test_a_sound_ledger_has_the_same_root_in_segments_as_in_order(told):
    engine, kept = told
    found, wanted = both(engine, kept)
    assert found == wanted and found.ok and found.size > 3 * LENGTH


def test_segments_are_verified_in_processes_of_their_own(told):
    found, wanted = both(*told, processes=2)
    assert found == wanted and found.ok


def damage(engine, statement, **said):
    with engine.begin() as connection:
        database.drop(connection)
        connection.execute(text(statement), said)


@pytest.mark.parametrize("position", [0, 7, 8, 15, 16, 20, 26])
def test_an_edited_row_is_named_wherever_it_stands(told, position):
    damage(told[0], "UPDATE aims_ledger SET body = replace(body, '2026', '2025') WHERE position = :at", at=position)
    found, wanted = both(*told)
    assert found == wanted and any(f"ledger row {position}:" in each for each in found.problems)


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM aims_ledger WHERE position = 11",
        "DELETE FROM aims_index WHERE position = 14 AND term = 'trust'",
        "DELETE FROM aims_index WHERE position = 9",
        "INSERT INTO aims_index VALUES ('revocation', 3)",
        "INSERT INTO aims_ledger SELECT 99, leaf, body FROM aims_ledger WHERE position = 3",
        "UPDATE aims_ledger SET position = CASE position WHEN 6 THEN -9 ELSE position END",
        "UPDATE aims_head SET size = size - 1",
        "UPDATE aims_head SET frontier = replace(frontier, 'a', 'b')",
    ],
)
def test_other_damage_is_told_as_in_order(told, statement):
    damage(told[0], statement)
    found, wanted = both(*told)
    assert found == wanted and not found.ok


def test_what_was_said_before_in_another_segment_is_found(told, kit, tmp_path):
    engine, kept = told
    with engine.begin() as connection:
        lock(connection)
        size = connection.execute(text("SELECT size FROM aims_head")).scalar_one()
        world = kit.World(connection)
        world.now += timedelta(days=1)
        again = connection.execute(text("SELECT body FROM aims_ledger WHERE position = 4")).scalar_one()
        plant(connection, size, again)
    found, wanted = both(engine, kept)
    assert found == wanted and any("its signers said the same before" in each for each in found.problems)


def plant(connection, size, body):
    """What an owner of the database can do: one more row, its tree and its index made to fit."""
    import json

    from aims_gates.attestation.signing.envelope import Envelope, Statement
    from aims_gates.ledger import merkle
    from aims_gates.ledger.row import terms

    database.drop(connection)
    head = connection.execute(text("SELECT frontier FROM aims_head")).scalar_one()
    leaf = merkle.leaf_hash(body.encode())
    grown = merkle.append([bytes.fromhex(node) for node in json.loads(head)], size, leaf)
    row = {"position": size, "leaf": leaf.hex(), "body": body}
    connection.execute(text("INSERT INTO aims_ledger VALUES (:position, :leaf, :body)"), row)
    for term in terms(Statement(Envelope.from_json(json.loads(body)["envelope"]).payload)):
        connection.execute(text("INSERT INTO aims_index VALUES (:term, :at)"), {"term": term, "at": size})
    said = {"size": size + 1, "frontier": json.dumps([node.hex() for node in grown])}
    connection.execute(text("UPDATE aims_head SET size = :size, frontier = :frontier"), said)


def test_damage_ends_the_other_processes_and_is_told_in_order(told):
    damage(told[0], "DELETE FROM aims_index WHERE position = 9")
    found, wanted = both(*told, processes=2)
    assert found == wanted and not found.ok


def test_progress_is_told_segment_by_segment(told):
    seen = []
    with told[0].begin() as connection:
        assert verify_in_processes(connection, (), 1, lambda *each: seen.append(each), length=LENGTH).ok
    size = seen[-1][1]
    assert seen == [(min(end, size), size) for end in range(LENGTH, size + LENGTH, LENGTH)]


def test_a_short_ledger_is_verified_in_order(told):
    with told[0].begin() as connection:
        assert verify_in_processes(connection, told[1], 2, length=64) == verify(connection, told[1])
