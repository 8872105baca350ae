"""Whatever is done to a ledger behind our back is found, named, and never raised."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from aims_gates import database
from aims_gates.attestation.signing.envelope import Envelope, Statement, sign
from aims_gates.attestation.statements.evidence import Checkpoint
from aims_gates.attestation.statements.people import Halt, Revocation
from aims_gates.attestation.statements.policy import KeyRevocation, Trust
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import canonical_bytes
from aims_gates.errors import InputError, IntegrityError, LedgerError, RefusedError
from aims_gates.ledger import merkle, tree_head
from aims_gates.ledger.attest import write_checkpoint
from aims_gates.ledger.checkpoint import claimed, read_checkpoint
from aims_gates.ledger.export import export, verify_export
from aims_gates.ledger.replay import MOST
from aims_gates.ledger.row import body_of, terms
from aims_gates.ledger.verify import verify
from aims_gates.model import Subject


def run(world, sql, **values):
    """As somebody who owns the database, and takes its guards away before writing."""
    if not sql.startswith("SELECT"):
        database.drop(world.connection)
    return world.connection.execute(text(sql), values)


def bodies(world):
    return list(run(world, "SELECT body FROM aims_ledger ORDER BY position").scalars())


def rewrite(world, made):
    """What an owner of the database can do: the tables made anew from these bodies, tree, leaves, index and all."""
    for name in ("aims_ledger", "aims_index"):
        run(world, f"DELETE FROM {name}")
    frontier = []
    for position, body in enumerate(made):
        leaf = merkle.leaf_hash(body.encode())
        frontier = merkle.append(frontier, position, leaf)
        run(world, "INSERT INTO aims_ledger VALUES (:at, :leaf, :body)", at=position, leaf=leaf.hex(), body=body)
        for term in terms(statement_of(body)):
            run(world, "INSERT INTO aims_index VALUES (:term, :at)", term=term, at=position)
    nodes = json.dumps([node.hex() for node in frontier])
    run(world, "UPDATE aims_head SET size = :size, frontier = :frontier", size=len(made), frontier=nodes)


def statement_of(body):
    value = json.loads(body)
    if "statement" in value:
        return Statement(value["statement"].encode())
    return Statement(Envelope.from_json(value["envelope"]).payload)


def problems(world, *checkpoints):
    found = verify(world.connection, checkpoints)
    assert found.ok is not bool(found.problems)
    assert all(each.count(". ") >= 1 or each.startswith("...") for each in found.problems), "each says what to do"
    return found.problems


@pytest.fixture
def told(world):
    """A world with a whole story."""
    return world.approved()


@pytest.fixture
def checkpoint(told, kit, tmp_path):
    """A checkpoint of it."""
    write_checkpoint(told.connection, tmp_path / "checkpoint.json", kit.key_of("policy"), told.now)
    return read_checkpoint(tmp_path / "checkpoint.json")


def test_a_ledger_as_it_was_written_holds(told, checkpoint):
    found = verify(told.connection, [checkpoint])
    assert found.ok and found.problems == () and found.size == 9
    assert found.root == tree_head(told.connection)[1].hex()


def test_an_empty_ledger_holds(world):
    found = verify(world.connection)
    assert found.ok and (found.size, found.root) == (0, merkle.EMPTY.hex())


def test_a_ledger_with_every_kind_of_change_of_trust_holds(told, kit):
    told.trust(*map(kit.trusted, ("policy", "ci")), version=2)
    told.say(KeyRevocation(kit.key_of("risk").public, "lost", since=0), "policy")
    told.say(Revocation(told.rows[6].digest, "wrong"), "policy")
    told.grant()
    assert problems(told) == ()


def test_progress_is_told(told):
    seen = []
    verify(told.connection, progress=lambda done, of: seen.append((done, of)))
    assert seen == [(9, 9)]


def test_progress_of_a_long_ledger_is_told_now_and_then(world, tmp_path):
    world.trust()
    for version in range(1, 500):
        world.register(str(version))
    seen, lines = [], []
    assert verify(world.connection, progress=lambda done, of: seen.append((done, of))).ok
    assert seen == [(500, 500), (500, 500)]
    export(world.connection, tmp_path / "ledger.jsonl")
    assert verify_export(tmp_path / "ledger.jsonl", progress=lambda done, of: lines.append((done, of))).ok
    assert lines == seen


@pytest.mark.parametrize("position", range(9))
def test_an_edited_row_is_found_and_named(told, position):
    changed = bodies(told)[position].replace("00:", "01:", 1)
    run(told, "UPDATE aims_ledger SET body = :body WHERE position = :at", body=changed, at=position)
    found = problems(told)
    assert any(each.startswith(f"ledger row {position}: the row was edited") for each in found)
    assert any(each.startswith("the head: size 9 and root") for each in found)


@pytest.mark.parametrize("position", [0, 2, 5, 8])
def test_an_edited_payload_is_found_even_when_leaf_and_tree_are_made_anew(told, position):
    made = bodies(told)
    value = json.loads(made[position])
    inner = statement_of(made[position])
    changed = Statement(
        canonical_bytes(dict(inner.value) | {"subject": [{"digest": {"sha256": "0" * 64}, "name": "x"}]})
    )
    value["envelope"]["payload"] = sign(changed).to_json()["payload"]
    made[position] = canonical_bytes(value).decode()
    rewrite(told, made)
    assert any(each.startswith(f"ledger row {position}: the signature of") for each in problems(told))


def test_any_altered_byte_of_the_log_is_found(told):
    made = bodies(told)
    body = made[6].encode()
    for place in range(0, len(body), 7):
        altered = body[:place] + bytes([body[place] ^ 1]) + body[place + 1 :]
        run(told, "UPDATE aims_ledger SET body = :body WHERE position = 6", body=altered.decode())
        assert not verify(told.connection).ok
    run(told, "UPDATE aims_ledger SET body = :body WHERE position = 6", body=made[6])
    assert verify(told.connection).ok


def test_an_edited_leaf_is_found(told):
    run(told, "UPDATE aims_ledger SET leaf = :leaf WHERE position = 4", leaf="0" * 64)
    [found] = problems(told)
    assert found.startswith("ledger row 4: the row was edited")


@pytest.mark.parametrize("position", [0, 3, 8])
def test_a_removed_row_is_found_and_named(told, position):
    run(told, "DELETE FROM aims_ledger WHERE position = :at", at=position)
    found = problems(told)
    assert f"ledger row {position}: the row is missing" in " ".join(found)
    assert any(each.startswith("the head:") for each in found)


def test_swapped_rows_are_found_and_named(told):
    run(told, "UPDATE aims_ledger SET position = -1 WHERE position = 3")
    run(told, "UPDATE aims_ledger SET position = 3 WHERE position = 6")
    run(told, "UPDATE aims_ledger SET position = 6 WHERE position = -1")
    found = " ".join(problems(told))
    assert "ledger row 3: the index" in found and "ledger row 6: the index" in found and "the head:" in found


def test_swapped_rows_are_found_by_their_times_when_all_else_is_made_anew(world):
    world.trust()
    world.create()
    world.wait(hours=1)
    world.register()
    made = bodies(world)
    rewrite(world, [made[0], made[2], made[1]])
    [found] = problems(world)
    assert found.startswith("ledger row 2: its time goes back by 61 minutes")


def test_clocks_that_differ_a_little_are_no_problem(world):
    world.trust()
    world.create()
    world.wait(minutes=-6)
    world.register()
    assert problems(world) == ()
    world.wait(minutes=-2)
    world.register("2")
    assert len(problems(world)) == 1


def test_a_row_planted_outside_the_tree_is_found(told):
    planted = bodies(told)[3]
    leaf = merkle.leaf_hash(planted.encode()).hex()
    for position in (9, -4):
        run(told, "INSERT INTO aims_ledger VALUES (:at, :leaf, :body)", at=position, leaf=leaf, body=planted)
    found = problems(told)
    assert any(each.startswith("ledger row 9: it stands outside the tree of 9 rows") for each in found)
    assert any(each.startswith("ledger row -4: it stands outside the tree") for each in found)


def test_a_hidden_revocation_is_found(told, kit):
    row = told.say(Revocation(told.rows[5].digest, "wrong"), "policy")
    assert not told.decide().allowed
    run(told, "DELETE FROM aims_index WHERE position = :at AND term = 'revocation'", at=row.position)
    [found] = problems(told)
    assert found.startswith(f"ledger row {row.position}: the index does not list it under 'revocation'")


def test_an_entry_of_the_index_too_many_is_found(told):
    for term, position in (("trust", 4), ("revocation", 77), ("revocation", -3)):
        run(told, "INSERT INTO aims_index VALUES (:term, :at)", term=term, at=position)
    found = problems(told)
    assert len(found) == 3
    assert any(each.startswith("ledger row 4: the index wrongly lists it under 'trust'") for each in found)
    assert any(
        "ledger row 77: the index lists it under 'revocation' and there is no such row" in each for each in found
    )
    assert any(each.startswith("ledger row -3: the index wrongly lists it") for each in found)


def test_a_statement_brought_again_is_found(told):
    made = bodies(told)
    value = json.loads(made[5])
    value["at"] = json.loads(made[8])["at"]
    rewrite(told, [*made, canonical_bytes(value).decode()])
    [found] = problems(told)
    assert found.startswith("ledger row 9: its signers said the same before")


@pytest.mark.parametrize(("by", "said"), [("risk", "may not sign a halt/v1"), ("stranger", "unknown signer")])
def test_a_row_by_one_who_may_not_say_it_is_found(told, kit, by, said):
    envelope = sign(say(Halt("default", "credit", "stop"), Subject("model", kit.BYTES)), kit.key_of(by))
    rewrite(told, [*bodies(told), body_of(envelope, told.now).decode()])
    [found] = problems(told)
    assert found.startswith("ledger row 9: ") and said in found


def test_a_forged_list_of_trust_is_found_and_trusts_nobody(told, kit):
    forged = say(Trust(2, (kit.trusted("stranger", roles=("policy",)),)), Subject("organization", kit.BYTES))
    more = [
        sign(forged, kit.key_of("stranger")),
        sign(say(Revocation("x", "y"), Subject("model", kit.BYTES)), kit.key_of("stranger")),
    ]
    rewrite(told, [*bodies(told), *(body_of(each, told.now).decode() for each in more)])
    found = problems(told)
    assert [each[:13] for each in found] == ["ledger row 9:", "ledger row 10"]
    assert all("unknown signer" in each for each in found)


def test_a_signed_act_of_the_registry_and_an_unsigned_statement_are_found(told, kit):
    acts = [
        body_of(sign(told.rows[1].statement, kit.key_of("policy")), told.now),
        body_of(told.rows[5].statement, told.now),
    ]
    rewrite(told, [*bodies(told), *(each.decode() for each in acts)])
    found = problems(told)
    assert "registry's own act" in found[0] and "an unsigned statement" in found[1]


@pytest.mark.parametrize("body", ["", "null", "{}", "[1]", "{", '{"at":"x","statement":"{}"}', "\x00", "9" * 5000])
def test_nonsense_is_a_problem_and_no_crash(told, body):
    run(told, "UPDATE aims_ledger SET body = :body WHERE position = 4", body=body)
    assert any(each.startswith("ledger row 4: ") for each in problems(told))


def test_a_body_that_is_no_text_is_a_problem_and_no_crash(told):
    run(told, "UPDATE aims_ledger SET body = :body WHERE position = 4", body=b"\xff\xfe")
    assert any(each.startswith("ledger row 4: its body is no text") for each in problems(told))


def test_a_body_in_another_form_is_found(told):
    made = bodies(told)
    made[4] = made[4].replace('{"at":', '{ "at":')
    rewrite(told, made)
    [found] = problems(told)
    assert found.startswith("ledger row 4: it is not in canonical form")


def test_text_that_cannot_be_read_is_a_problem_and_no_crash(told):
    run(told, "UPDATE aims_ledger SET body = CAST(x'ff' AS TEXT) WHERE position = 4")
    assert any("the database cannot be read" in each for each in problems(told))


@pytest.mark.parametrize(
    "sql", ["DELETE FROM aims_head", "UPDATE aims_head SET frontier = 'x'", "DROP TABLE aims_head"]
)
def test_a_lost_head_is_a_problem_and_no_crash(told, sql):
    run(told, sql)
    assert problems(told)[0].startswith("the head: ")


@pytest.mark.parametrize("name", ["aims_ledger", "aims_index"])
def test_a_lost_table_is_a_problem_and_no_crash(told, name):
    run(told, f"DROP TABLE {name}")
    assert any("the database cannot be read: no such table" in each for each in problems(told))


def test_a_head_of_another_size_is_found(told):
    frontier = json.dumps(["00" * 32])
    run(told, "UPDATE aims_head SET size = 8, frontier = :frontier", frontier=frontier)
    found = problems(told)
    assert any(each.startswith("the head: size 8 and root") for each in found)
    assert any(each.startswith("ledger row 8: it stands outside") for each in found)


def test_no_more_problems_are_told_than_can_be_read(told):
    run(told, "UPDATE aims_head SET size = 4096, frontier = :frontier", frontier=json.dumps(["00" * 32]))
    found = problems(told)
    assert len(found) == MOST + 1 and found[-1] == f"... and {4096 - 9 + 1 - MOST} more."


# Checkpoints


def test_a_ledger_that_was_cut_fails_against_its_checkpoint(told, checkpoint):
    rewrite(told, bodies(told)[:-1])
    assert problems(told) == ()
    [found] = problems(told, checkpoint)
    assert found.startswith("checkpoint of size 9: the ledger holds 8 rows now: rows were removed")


def test_a_ledger_that_grew_holds_against_its_checkpoint(told, checkpoint):
    told.grant()
    assert problems(told, checkpoint) == ()


def test_a_ledger_whose_past_was_changed_fails_against_its_checkpoint(told, checkpoint):
    made = bodies(told)
    made[3] = made[3].replace("models:/m-1", "models:/m-2")
    rewrite(told, made)
    assert problems(told) == ()
    [found] = problems(told, checkpoint)
    assert found.startswith("checkpoint of size 9: rows before 9 are not those of then")


def test_a_ledger_made_anew_by_others_does_not_know_the_signer(told, checkpoint, new_world, kit):
    other = new_world()
    entries = [kit.trusted(role, key=kit.key_of(f"{role}-2").public) for role in kit.ROLES]
    other.trust(*entries, by="policy-2")
    [found] = problems(other, checkpoint)
    assert "unknown signer" in found


@pytest.mark.parametrize("by", ["risk", "developer", "stranger"])
def test_only_policy_and_ci_sign_checkpoints(told, kit, tmp_path, by):
    with pytest.raises(RefusedError, match="may not sign a checkpoint"):
        write_checkpoint(told.connection, tmp_path / "checkpoint.json", kit.key_of(by), told.now)
    assert list(tmp_path.iterdir()) == []
    size, root = tree_head(told.connection)
    forged = say(Checkpoint(size, root.hex(), said_at=told.now.isoformat()), Subject("organization", kit.BYTES))
    [found] = problems(told, sign(forged, kit.key_of(by)))
    assert "may not sign checkpoints" in found or "unknown signer" in found


@pytest.mark.parametrize("said_at", ["soon", "2026-06-01T12:00:00"])
def test_a_checkpoint_needs_a_time(told, kit, said_at):
    size, root = tree_head(told.connection)
    odd = say(Checkpoint(size, root.hex(), said_at=said_at), Subject("organization", kit.BYTES))
    [found] = problems(told, sign(odd, kit.key_of("ci")))
    assert found == "checkpoint of size 9: it has no time. Make the checkpoint again."


def test_what_is_no_checkpoint_is_refused(told, kit, tmp_path, checkpoint):
    halt = sign(say(Halt("default", "credit", "x"), Subject("model", kit.BYTES)), kit.key_of("ci"))
    none = sign(say(Checkpoint(0, "", said_at="2026"), Subject("model", kit.BYTES)), kit.key_of("ci"))
    for odd in (halt, none):
        (tmp_path / "odd.json").write_text(json.dumps(odd.to_json()))
        with pytest.raises(IntegrityError, match="not a checkpoint") as caught:
            read_checkpoint(tmp_path / "odd.json")
        assert caught.value.where == str(tmp_path / "odd.json")
        [found] = problems(told, odd)
        assert "not a checkpoint" in found
    with pytest.raises(InputError):
        read_checkpoint(tmp_path / "nowhere.json")
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(IntegrityError):
        read_checkpoint(tmp_path / "odd.json")
    assert claimed(checkpoint).size == 9


def test_an_altered_checkpoint_is_found(told, checkpoint):
    altered = replace(checkpoint, payload=checkpoint.payload.replace(b'"size":9', b'"size":8'))
    [found] = problems(told, altered)
    assert "the bytes were altered" in found


def test_an_empty_ledger_has_no_checkpoint(world, kit, tmp_path):
    with pytest.raises(LedgerError, match="the ledger is empty"):
        write_checkpoint(world.connection, tmp_path / "checkpoint.json", kit.key_of("policy"), world.now)


def test_a_checkpoint_that_cannot_be_written_leaves_nothing(told, kit, tmp_path):
    (tmp_path / "place").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        write_checkpoint(told.connection, tmp_path / "place", kit.key_of("ci"), told.now)
    assert list(tmp_path.iterdir()) == [tmp_path / "place"]
    with pytest.raises(InputError, match="cannot be written"):
        write_checkpoint(told.connection, tmp_path / "nowhere" / "checkpoint.json", kit.key_of("ci"), told.now)


# Beginning from a checkpoint


def since(world, checkpoint, *others):
    return verify(world.connection, others, since=checkpoint)


def test_what_came_since_a_checkpoint_is_verified_by_itself(told, checkpoint):
    told.approve("risk")
    told.approve("compliance")
    found = since(told, checkpoint)
    assert found == verify(told.connection) and found.ok and found.size == 11


def test_nothing_since_a_checkpoint_is_fine(told, checkpoint):
    assert since(told, checkpoint).ok and since(told, checkpoint, checkpoint).ok


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE aims_ledger SET body = replace(body, 'a', 'b') WHERE position = 9", "ledger row 9"),
        ("DELETE FROM aims_ledger WHERE position = 9", "ledger row 9: the row is missing"),
        ("DELETE FROM aims_index WHERE position = 9 AND term LIKE 'request%'", "the index does not list it"),
        ("UPDATE aims_head SET size = 9", "not those of"),
        ("UPDATE aims_ledger SET body = 'x' WHERE position = 0", "the trust list"),
    ],
)
def test_damage_since_a_checkpoint_is_found(told, checkpoint, damage, said):
    told.approve("risk")
    run(told, damage)
    assert said in " ".join(since(told, checkpoint).problems)


def test_a_tree_that_was_made_anew_before_the_checkpoint_does_not_lead_to_the_head(told, checkpoint):
    made = bodies(told)
    told.approve("risk")
    rewrite(told, [*made[:4], *made[5:], bodies(told)[-1]])
    assert not since(told, checkpoint).ok


def test_trust_that_changed_since_the_checkpoint_counts_from_its_place_on(told, checkpoint, kit):
    told.say(KeyRevocation(kit.key_of("risk").public, "lost"), "policy")
    told.approve("compliance")
    assert since(told, checkpoint).ok


def test_an_older_checkpoint_asks_for_the_whole(told, checkpoint, kit, tmp_path):
    told.approve("risk")
    write_checkpoint(told.connection, tmp_path / "later.json", kit.key_of("ci"), told.now)
    later = read_checkpoint(tmp_path / "later.json")
    [found] = since(told, later, checkpoint).problems
    assert "older than the one that was begun from" in found
    assert since(told, checkpoint, later).ok


@pytest.mark.parametrize("frontier", [(), ("00" * 32, "00" * 32), ("x", "y")])
def test_a_checkpoint_without_its_tree_cannot_be_begun_from(told, kit, frontier):
    said = Checkpoint(9, verify(told.connection).root, frontier, said_at=told.now.isoformat())
    made = sign(say(said, Subject("organization", f"sha256:{said.root}", "ledger")), kit.key_of("ci"))
    with pytest.raises(InputError, match="does not carry its tree"):
        since(told, made)


def test_a_ledger_from_a_backup_older_than_the_checkpoint_is_found_by_both_ways(told, kit, tmp_path):
    """What was restored is whole by itself: only the checkpoint kept elsewhere knows that there was more."""
    backup = bodies(told)
    told.approve("risk")
    write_checkpoint(told.connection, tmp_path / "kept.json", kit.key_of("ci"), told.now)
    kept = read_checkpoint(tmp_path / "kept.json")
    rewrite(told, backup)
    run(told, "DELETE FROM aims_index WHERE position >= 9")
    assert verify(told.connection).ok
    assert "the ledger holds 9 rows now: rows were removed" in " ".join(problems(told, kept))
    assert not since(told, kept).ok
    told.approve("compliance")
    told.wait(minutes=5)
    assert "rows before 10 are not those of then" in " ".join(problems(told, kept))


# Exports


@pytest.fixture
def exported(told, tmp_path):
    """The told world in a file."""
    assert export(told.connection, tmp_path / "ledger.jsonl") == 9
    assert list(tmp_path.iterdir()) == [tmp_path / "ledger.jsonl"]
    return tmp_path / "ledger.jsonl"


def found_in(path, lines, *checkpoints):
    path.write_bytes(b"".join(lines))
    found = verify_export(path, checkpoints)
    assert not found.ok
    return " ".join(found.problems)


def test_an_export_verifies_without_its_database(told, exported, kit, tmp_path):
    write_checkpoint(told.connection, tmp_path / "checkpoint.json", kit.key_of("ci"), told.now)
    told.connection.close()
    found = verify_export(exported, [read_checkpoint(tmp_path / "checkpoint.json")])
    assert found.ok and found.size == 9 and len(exported.read_bytes().splitlines()) == 10


def test_an_export_of_an_empty_ledger_verifies(world, tmp_path):
    assert export(world.connection, tmp_path / "ledger.jsonl") == 0
    assert verify_export(tmp_path / "ledger.jsonl").ok


def test_an_edited_removed_swapped_or_added_line_is_found(exported):
    lines = exported.read_bytes().splitlines(keepends=True)
    for changed in (
        [*lines[:4], lines[4].replace(b"models:/m-1", b"models:/m-2"), *lines[5:]],
        [*lines[:4], *lines[5:]],
        lines[:-1],
        [*lines, lines[4]],
        [*lines[:4], lines[5], lines[4], *lines[6:]],
        [*lines[:-1], lines[-1][:-1], b" \n"],
    ):
        assert "line 1: size 9 and its root are not those of" in found_in(exported, changed)


def test_an_altered_signature_is_found_in_an_export(exported):
    lines = exported.read_bytes().splitlines(keepends=True)
    place = lines[6].index(b'"sig":"') + 20
    altered = lines[6][:place] + (b"A" if lines[6][place : place + 1] != b"A" else b"B") + lines[6][place + 1 :]
    assert "ledger row 5: the signature of" in found_in(exported, [*lines[:6], altered, *lines[7:]])


@pytest.mark.parametrize(
    "header", [b"", b"\n", b"{}\n", b"[]\n", b"nonsense\n", b'{"export":"aims-gates:export/v1"}\n']
)
def test_what_is_no_export_is_a_problem(exported, header):
    lines = exported.read_bytes().splitlines(keepends=True)
    assert "line 1: not an export of ours" in found_in(exported, [header, *lines[1:]])


def test_lines_that_are_no_rows_are_problems_and_no_crash(exported):
    lines = exported.read_bytes().splitlines(keepends=True)
    said = found_in(exported, [*lines, b"\xff\xfe\n", b"\n", b"x" * 3_000_000])
    assert "ledger row 9: its body is no text" in said and "ledger row 13" in said


def test_a_missing_export_is_named(tmp_path):
    with pytest.raises(InputError, match="cannot be read") as caught:
        verify_export(tmp_path / "nowhere.jsonl")
    assert caught.value.where == str(tmp_path / "nowhere.jsonl")


def test_a_damaged_ledger_is_not_exported(told, tmp_path):
    run(told, "DELETE FROM aims_ledger WHERE position = 8")
    with pytest.raises(LedgerError, match="the head says 9 rows and there are 8"):
        export(told.connection, tmp_path / "ledger.jsonl")
    for odd in ("two\nlines", b"\xff", "one\rline"):
        run(told, "UPDATE aims_ledger SET body = :body WHERE position = 4", body=odd)
        with pytest.raises(LedgerError, match="not a ledger row"):
            export(told.connection, tmp_path / "ledger.jsonl")
    assert list(tmp_path.iterdir()) == []


def test_an_export_that_cannot_be_written_leaves_nothing(told, tmp_path):
    (tmp_path / "place").mkdir()
    with pytest.raises(InputError, match="cannot be written"):
        export(told.connection, tmp_path / "place")
    with pytest.raises(InputError, match="cannot be written"):
        export(told.connection, tmp_path / "nowhere" / "ledger.jsonl")
    assert list(tmp_path.iterdir()) == [tmp_path / "place"]


def test_an_older_export_is_whole_until_a_newer_one_is(told, exported):
    before = exported.read_bytes()
    run(told, "DELETE FROM aims_ledger WHERE position = 8")
    with pytest.raises(LedgerError):
        export(told.connection, exported)
    assert exported.read_bytes() == before
