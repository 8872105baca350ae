"""A checkpoint attests the statements before it: what is verified before it is signed, and what it spares later."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from aims_gates import database
from aims_gates.attestation.signing.envelope import Envelope, sign
from aims_gates.attestation.statements.evidence import Checkpoint
from aims_gates.attestation.statements.people import Revocation
from aims_gates.attestation.statements.policy import KeyRevocation
from aims_gates.attestation.statements.wording import say
from aims_gates.errors import IntegrityError
from aims_gates.ledger import append, merkle
from aims_gates.ledger.attest import attested, signed_checkpoint, write_checkpoint
from aims_gates.ledger.checkpoint import claimed
from aims_gates.ledger.row import skim, terms
from aims_gates.ledger.verify import verify
from aims_gates.model import Subject


@pytest.fixture
def told(world):
    """A ledger of 9 rows."""
    return world.approved()


@pytest.fixture
def checkpoint(told, kit):
    """One of it that attests them."""
    return signed(told, kit)


def signed(world, kit, since=None, by="ci"):
    return signed_checkpoint(world.connection, kit.key_of(by), world.now, since)


def resigned(kit, checkpoint, by="ci", **changes):
    """A checkpoint that says something else, signed."""
    made = replace(claimed(checkpoint), **changes)
    return sign(say(made, Subject("organization", f"sha256:{made.root}", "ledger")), kit.key_of(by))


def run(world, sql, **values):
    """As somebody who owns the database, and takes its guards away before writing."""
    database.drop(world.connection)
    world.connection.execute(text(sql), values)


def by_bytes(world, *checkpoints):
    return verify(world.connection, checkpoints, attested=attested(checkpoints))


def remake(world, position, body):
    """One row replaced, and leaves, tree and index made to fit."""
    made = list(world.connection.execute(text("SELECT body FROM aims_ledger ORDER BY position")).scalars())
    made[position : position + 1] = [body]
    frontier = []
    run(world, "DELETE FROM aims_ledger WHERE position = :at", at=position)
    run(world, "DELETE FROM aims_index WHERE position = :at", at=position)
    for place, each in enumerate(made):
        frontier = merkle.append(frontier, place, merkle.leaf_hash(each.encode()))
    leaf = merkle.leaf_hash(body.encode()).hex()
    run(world, "INSERT INTO aims_ledger VALUES (:at, :leaf, :body)", at=position, leaf=leaf, body=body)
    for term in terms(skim(body, "row")[1]):
        run(world, "INSERT INTO aims_index VALUES (:term, :at)", term=term, at=position)
    nodes = json.dumps([node.hex() for node in frontier])
    run(world, "UPDATE aims_head SET size = :size, frontier = :nodes", size=len(made), nodes=nodes)


def body(world, position):
    query = text("SELECT body FROM aims_ledger WHERE position = :at")
    return world.connection.execute(query, {"at": position}).scalar_one()


def with_another_signature(said):
    """A row's body whose signature is one of other bytes."""
    value = json.loads(said)
    value["envelope"]["signatures"][0]["sig"] = "A" * 86 + "=="
    return json.dumps(value, separators=(",", ":"))


# What a checkpoint spares


def test_statements_before_a_checkpoint_are_verified_by_their_bytes_and_those_after_it_by_what_they_say(
    told, checkpoint
):
    told.grant()
    told.approve("compliance")
    found = by_bytes(told, checkpoint)
    assert found.ok and found == verify(told.connection, [checkpoint])
    assert (found.by_bytes, found.by_statement) == (11, 2)
    whole = verify(told.connection, [checkpoint])
    assert (whole.by_bytes, whole.by_statement) == (11, 11)
    since = verify(told.connection, since=checkpoint)
    assert (since.by_bytes, since.by_statement) == (2, 2)


def test_the_largest_checkpoint_counts_and_one_that_says_nothing_of_statements_spares_nothing(told, checkpoint, kit):
    told.grant()
    later = signed(told, kit)
    assert attested([checkpoint, later]) == 10 and attested([]) == 0
    mute = resigned(kit, later, trust="")
    assert attested([mute]) == 0 and attested([mute, checkpoint]) == 9
    assert by_bytes(told, checkpoint, later).ok and by_bytes(told, mute).by_statement == 10


@pytest.mark.parametrize("nonsense", ["", "null", "{", "\x00", "[" * 5000, '{"at":"x","statement":"{}"}', b"\xff\xfe"])
def test_nonsense_among_attested_rows_is_a_problem_and_no_crash(told, checkpoint, nonsense):
    run(told, "UPDATE aims_ledger SET body = :body WHERE position = 4", body=nonsense)
    assert any(each.startswith("ledger row 4: ") for each in by_bytes(told, checkpoint).problems)


@pytest.mark.parametrize("position", [1, 2, 3, 4])
def test_a_time_without_its_zone_among_attested_rows_is_a_problem_and_no_crash(told, checkpoint, position):
    changed = body(told, position).replace("+00:00", "", 1)
    run(told, "UPDATE aims_ledger SET body = :body WHERE position = :at", body=changed, at=position)
    assert any("not a ledger row" in each for each in by_bytes(told, checkpoint).problems)


@pytest.mark.parametrize("payload", ["bnVsbA==", "e30=", "W10=", "W1tbW1s=", "eyJfdHlwZSI6", "A"])
def test_a_payload_that_says_nothing_is_a_problem_and_no_crash(told, checkpoint, payload):
    value = json.loads(body(told, 5))
    value["envelope"]["payload"] = payload
    changed = json.dumps(value, separators=(",", ":"))
    run(told, "UPDATE aims_ledger SET body = :body WHERE position = 5", body=changed)
    assert any(each.startswith("ledger row 5: ") for each in by_bytes(told, checkpoint).problems)


def test_a_hidden_entry_of_the_index_is_found_among_attested_rows(told, kit):
    row = told.say(Revocation(told.rows[5].digest, "wrong"), "policy")
    kept = signed(told, kit)
    run(told, "DELETE FROM aims_index WHERE position = :at AND term = 'revocation'", at=row.position)
    found = by_bytes(told, kept)
    assert any("the index does not list it under 'revocation'" in each for each in found.problems)


def test_a_statement_that_was_said_before_the_checkpoint_is_found_after_it(told, checkpoint):
    told.grant()
    again = json.loads(body(told, 5))
    again["at"] = json.loads(body(told, 9))["at"]
    remake(told, 10, json.dumps(again, separators=(",", ":")))
    [found] = by_bytes(told, checkpoint).problems
    assert found.startswith("ledger row 10: its signers said the same before")


def test_what_another_signs_too_after_the_checkpoint_holds_and_every_statement_is_looked_at(told, kit):
    row = told.say(Revocation(told.rows[5].digest, "wrong"), "policy")
    kept = signed(told, kit)
    append(told.connection, sign(row.statement, kit.key_of("ci")), told.now)
    found = by_bytes(told, kept)
    assert found.ok and found.size == row.position + 2 == found.by_statement


@pytest.mark.parametrize(("by", "said"), [("risk", "may not sign checkpoints"), ("stranger", "unknown signer")])
def test_who_may_not_sign_a_checkpoint_attests_nothing(told, checkpoint, kit, by, said):
    found = by_bytes(told, resigned(kit, checkpoint, by))
    assert not found.ok and said in found.problems[0] and found.by_statement == found.size


def test_a_signer_whose_key_was_revoked_from_before_attests_nothing(told, checkpoint, kit):
    told.say(KeyRevocation(kit.key_of("ci").public, "stolen", since=3), "policy")
    found = by_bytes(told, checkpoint)
    assert not found.ok and "may not sign checkpoints" in found.problems[0]


def test_what_remains_trusted_is_the_signer_of_the_checkpoint(told, kit):
    """One who may sign checkpoints and signs without looking: by bytes it is not seen, by statement it is."""
    remake(told, 5, with_another_signature(body(told, 5)))
    size, root = len(told.rows), verify(told.connection).root
    frontier = json.loads(told.connection.execute(text("SELECT frontier FROM aims_head")).scalar_one())
    with pytest.raises(IntegrityError, match="the signature of"):
        signed(told, kit)
    lying = Checkpoint(size, root, tuple(frontier), "00" * 32, said_at=told.now.isoformat())
    kept = sign(say(lying, Subject("organization", f"sha256:{root}", "ledger")), kit.key_of("ci"))
    assert by_bytes(told, kept).ok
    assert "ledger row 5: the signature of" in verify(told.connection, [kept]).problems[0]


# What is verified before one is signed


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE aims_ledger SET body = replace(body, '00:', '01:') WHERE position = 6", "ledger row 6"),
        ("UPDATE aims_ledger SET leaf = 'ff' WHERE position = 6", "ledger row 6: the row was edited"),
        ("DELETE FROM aims_ledger WHERE position = 3", "ledger row 3: the row is missing"),
        ("DELETE FROM aims_index WHERE position = 6", "the index does not list it"),
        ("UPDATE aims_head SET size = 8, frontier = :nodes", "the head"),
    ],
)
def test_a_ledger_that_does_not_hold_is_not_signed(told, kit, tmp_path, damage, said):
    run(told, damage, **({"nodes": json.dumps(["00" * 32])} if ":nodes" in damage else {}))
    with pytest.raises(IntegrityError, match="the ledger does not hold") as caught:
        write_checkpoint(told.connection, tmp_path / "kept.json", kit.key_of("ci"), told.now)
    assert said in caught.value.message and not list(tmp_path.iterdir())


def test_a_statement_whose_signature_does_not_hold_is_not_attested_however_the_tree_was_made(told, checkpoint, kit):
    told.grant()
    told.approve("compliance")
    remake(told, 10, with_another_signature(body(told, 10)))
    for since in (None, checkpoint):
        with pytest.raises(IntegrityError, match="the signature of"):
            signed(told, kit, since)


def test_after_a_checkpoint_that_attests_only_what_came_later_is_gone_through(told, checkpoint, kit):
    told.grant()
    told.approve("compliance")
    before, change = body(told, 3), "UPDATE aims_ledger SET body = :body WHERE position = 3"
    run(told, change, body="not looked at")
    made = signed(told, kit, checkpoint)
    run(told, change, body=before)
    assert claimed(made).size == 11 and by_bytes(told, made).ok


@pytest.mark.parametrize("change", [{"trust": ""}, {"frontier": ()}, {"root": "00" * 32}, {"trust": "11" * 32}])
def test_a_checkpoint_that_attests_nothing_or_does_not_hold_is_not_begun_from(told, checkpoint, kit, change):
    remake(told, 5, with_another_signature(body(told, 5)))
    with pytest.raises(IntegrityError, match="ledger row 5"):
        signed(told, kit, resigned(kit, checkpoint, **change))


def test_one_of_a_signer_who_may_not_is_not_begun_from(told, checkpoint, kit):
    remake(told, 5, with_another_signature(body(told, 5)))
    with pytest.raises(IntegrityError, match="ledger row 5"):
        signed(told, kit, resigned(kit, checkpoint, "risk"))


def test_a_revocation_of_a_key_that_the_index_hides_does_not_make_its_later_word_attested(told, kit):
    """Hidden from the index, a revocation is not seen by who reads by it: the checkpoint knows that there was one."""
    row = told.say(KeyRevocation(kit.key_of("compliance").public, "stolen"), "policy")
    kept = signed(told, kit)
    run(told, "DELETE FROM aims_index WHERE position = :at AND term = 'trust'", at=row.position)
    told.grant()
    found = verify(told.connection, since=kept)
    assert any("the lists of trust before row" in each for each in found.problems)
    with pytest.raises(IntegrityError, match="the index does not list it under 'trust'"):
        signed(told, kit, kept)


def test_a_ledger_that_was_cut_or_made_anew_since_the_checkpoint_is_not_signed(told, kit, new_world):
    shorter = new_world().checked()
    told.grant()
    kept = signed(told, kit)
    with pytest.raises(IntegrityError, match="rows were removed"):
        signed(shorter, kit, kept)
    for _ in range(8):
        shorter.request(reason="another story")
    with pytest.raises(IntegrityError):
        signed(shorter, kit, kept)


def test_the_checkpoint_of_a_long_ledger_is_made_piece_by_piece(told, kit, monkeypatch):
    monkeypatch.setattr("aims_gates.ledger.attest._ROWS", 4)
    assert by_bytes(told, signed(told, kit)).ok


def test_an_envelope_of_a_checkpoint_reads_back_the_same(checkpoint):
    assert Envelope.from_json(checkpoint.to_json()) == checkpoint
