"""The ledger's one way of growing, and what it refuses."""

import json
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from sqlalchemy import create_engine, text

from aims_gates import database
from aims_gates.attestation.signing.envelope import Envelope, Statement, sign
from aims_gates.attestation.statements.people import (
    Approval,
    Halt,
    Rejection,
    Revocation,
    RollbackOrder,
    Withdrawal,
)
from aims_gates.attestation.statements.policy import KeyRevocation
from aims_gates.attestation.statements.registry import Creation, Recorded
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import canonical_bytes
from aims_gates.errors import InputError, IntegrityError, LedgerError, RefusedError
from aims_gates.ledger import append, history, install, lock, merkle, rows, size, table, tree_head
from aims_gates.ledger.row import read_body
from aims_gates.model import Subject


def run(world, sql, **values):
    """As somebody who owns the database, and takes its guards away before writing."""
    if not sql.startswith("SELECT"):
        database.drop(world.connection)
    return world.connection.execute(text(sql), values)


def body(world, position):
    return run(world, "SELECT body FROM aims_ledger WHERE position = :at", at=position).scalar_one()


def edit(world, position, old, new, leaf=False):
    changed = body(world, position).replace(old, new)
    run(world, "UPDATE aims_ledger SET body = :body WHERE position = :at", body=changed, at=position)
    if leaf:
        hashed = merkle.leaf_hash(changed.encode()).hex()
        run(world, "UPDATE aims_ledger SET leaf = :leaf WHERE position = :at", leaf=hashed, at=position)


def test_an_empty_ledger_has_the_empty_root(world):
    assert tree_head(world.connection) == (0, merkle.EMPTY)
    assert history(world.connection).lists == []
    install(world.connection)
    assert size(world.connection) == 0


def test_what_is_appended_comes_back_in_order(world, kit):
    world.approved()
    assert size(world.connection) == len(world.rows) == 9
    keys = history(world.connection).keys()
    asked = ["model default/credit", "version default/credit/1", "trust", f"subject {kit.BYTES}"]
    found = list(rows(world.connection, asked, keys))
    assert found == world.rows
    assert [row.position for row in found] == list(range(9))
    assert found[0].at == kit.START and found[1].signers == ()


def test_the_root_is_that_of_the_bodies(world):
    world.approved()
    leaves = [merkle.leaf_hash(each.encode()) for each in run(world, "SELECT body FROM aims_ledger").scalars()]
    assert tree_head(world.connection) == (9, merkle.root(leaves))


def test_a_body_is_canonical_and_in_utc(world):
    world.now = datetime(2026, 6, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    world.trust()
    value = json.loads(body(world, 0))
    assert value["at"] == "2026-06-01T12:00:00.000000+00:00" and set(value) == {"at", "envelope"}
    assert canonical_bytes(value).decode() == body(world, 0)
    world.create()
    assert set(json.loads(body(world, 1))) == {"at", "statement"}


def test_rows_are_found_by_what_they_are_about(world, kit):
    world.approved()
    asked = world.rows[6]
    world.say(Recorded({"id": "test"}, "2026", (), {"workspace": "default", "name": "credit"}))
    world.say(Halt("a", "b", "c"), "on-call")
    world.say(Revocation(asked.digest, "wrong"), "policy")
    keys = history(world.connection).keys()

    def positions(*terms):
        return [row.position for row in rows(world.connection, terms, keys)]

    assert positions("trust") == [0]
    assert positions("model default/credit") == [1, 2, 6]
    assert positions("versions default/credit") == positions("version default/credit/1") == [3]
    assert positions(f"request {asked.digest}") == [7, 8]
    assert positions(f"statement {asked.digest}") == [6]
    assert positions("decision default/credit") == [9]
    assert positions("model a/b") == [10]
    assert positions("revocation") == [11]
    assert positions("model default/credit", "trust", "trust") == [0, 1, 2, 6]
    assert positions("model default/another") == [] == positions()
    world.check(facts={"name": "credit", "version": "1"})
    world.check(facts={"name": "credit", "version": "1", "workspace": "elsewhere"})
    assert positions("version default/credit/1") == [3, 12] and positions("version elsewhere/credit/1") == [13]
    assert "request " + asked.digest in table.all_terms(world.connection, "request ")


def test_the_first_statement_must_be_a_trust_list(world):
    with pytest.raises(IntegrityError, match="there is no trust list yet") as caught:
        world.say(Halt("default", "credit", "stop"), "on-call")
    assert "keys trust --first" in str(caught.value.remedy)
    with pytest.raises(RefusedError, match="must be signed by a policy key"):
        world.trust(by="risk")
    with pytest.raises(IntegrityError):
        world.trust(by="stranger")
    assert size(world.connection) == 0


@pytest.mark.parametrize(("by", "error"), [("risk", RefusedError), ("stranger", IntegrityError), ("ci", RefusedError)])
def test_who_may_not_say_it_is_refused_and_nothing_is_written(world, by, error):
    world.trust()
    with pytest.raises(error) as caught:
        world.bind(by=by)
    assert caught.value.remedy and (error is IntegrityError or "may not sign a binding/v1" in caught.value.message)
    assert size(world.connection) == 1 and run(world, "SELECT count(*) FROM aims_ledger").scalar() == 1


def test_the_registrys_acts_are_never_signed_and_nothing_else_is_unsigned(world, kit):
    world.trust()
    made = say(Creation("default", "credit", "model", "a", "test"), Subject("model", kit.BYTES))
    with pytest.raises(InputError, match="the registry's own act"):
        append(world.connection, sign(made, kit.key_of("policy")), world.now)
    with pytest.raises(IntegrityError, match="an unsigned statement of type aims-gates:halt/v1"):
        append(world.connection, say(Halt("default", "credit", "x"), Subject("model", kit.BYTES)), world.now)
    with pytest.raises(InputError):
        append(world.connection, Statement(b"{}"), world.now)


def test_a_predicate_of_the_wrong_shape_is_refused(world, kit):
    world.trust()
    value = dict(say(Withdrawal("r", "no"), Subject("model", kit.BYTES)).value)
    odd = Statement(canonical_bytes(value | {"predicate": {"request": "r"}}))
    with pytest.raises(InputError, match="missing"):
        append(world.connection, sign(odd, kit.key_of("risk")), world.now)
    later = Statement(canonical_bytes(value | {"predicateType": "aims-gates:later/v9"}))
    with pytest.raises(InputError, match="unknown predicate type"):
        append(world.connection, sign(later, kit.key_of("risk")), world.now)
    assert size(world.connection) == 1


def test_the_same_statement_from_the_same_signer_is_not_appended_again(world, kit):
    world.checked()
    old = world.rows[5]
    world.check(kit.finding("fail"))
    envelope = sign(old.statement, kit.key_of("ci"))
    assert append(world.connection, envelope, world.now) == old
    assert append(world.connection, sign(old.statement, kit.key_of("ci"), kit.key_of("risk")), world.now) == old
    assert append(world.connection, sign(old.statement, kit.key_of("risk")), world.now) == old
    assert size(world.connection) == len(world.rows)


def test_the_same_statement_from_another_signer_who_may_say_it_is(world, kit):
    world.trust(*map(kit.trusted, kit.ROLES), kit.trusted("risk-2", roles=("risk",)))
    said = say(Approval("sha256:" + "1" * 64, "risk", said_at="2026"), Subject("model", kit.BYTES))
    first, second = (append(world.connection, sign(said, kit.key_of(who)), world.now) for who in ("risk", "risk-2"))
    assert (first.position, second.position) == (1, 2) and first.digest == second.digest
    assert append(world.connection, sign(said, kit.key_of("risk-2")), world.now) == first


def test_an_order_said_again_is_a_new_order(world):
    world.trust()
    for _ in range(2):
        world.say(RollbackOrder("default", "credit", "1", "back"), "on-call")
    assert size(world.connection) == 3


def test_an_untrusted_key_appends_nothing(world, kit):
    world.trust()
    world.say(KeyRevocation(kit.key_of("risk").public, "lost"), "policy")
    with pytest.raises(RefusedError):
        world.say(Withdrawal("r", "no"), "risk")
    world.trust(version=2)
    with pytest.raises(RefusedError):
        world.say(Withdrawal("r", "no"), "risk")
    with pytest.raises(RefusedError, match="not newer"):
        world.trust(kit.trusted("policy"), version=2)


def test_a_statement_that_is_too_large_is_refused(world):
    world.trust()
    with pytest.raises(InputError, match="larger than"):
        world.say(Withdrawal("r", "x" * 2**20), "risk")
    assert size(world.connection) == 1


def test_an_edited_row_stops_every_decision_on_it(world, kit):
    world.checked()
    edit(world, 3, '"actor', '"actr')
    with pytest.raises(IntegrityError, match="the row was edited") as caught:
        list(rows(world.connection, ["versions default/credit"], history(world.connection).keys()))
    assert caught.value.where == "ledger row 3" and "ledger verify" in str(caught.value.remedy)
    assert list(rows(world.connection, [f"subject {kit.OUTPUT}"], history(world.connection).keys())) == []


def test_an_edited_trust_list_stops_everything(world):
    world.checked()
    edit(world, 0, '"keyid"', '"keyed"')
    with pytest.raises(IntegrityError, match="the row was edited"):
        history(world.connection)
    with pytest.raises(IntegrityError):
        world.register()


def test_an_edit_that_hides_its_leaf_breaks_the_signature(world):
    world.checked()
    edit(world, 2, '"payload":"e', '"payload":"f', leaf=True)
    with pytest.raises((IntegrityError, InputError)):
        list(rows(world.connection, ["model default/credit"], history(world.connection).keys()))


@pytest.mark.parametrize(
    "odd",
    [
        "null",
        "[]",
        '"text"',
        "{}",
        '{"at":"2026-06-01T12:00:00.000000+00:00"}',
        '{"at":"2026-06-01T12:00:00.000000","statement":"{}"}',
        '{"at":"2026-06-01T12:00:00.000000+02:00","statement":"{}"}',
        '{"at":"soon","statement":"{}"}',
        '{"at":7,"statement":"{}"}',
        '{"at":"2026-06-01T12:00:00.000000+00:00","statement":7}',
        '{"at":"2026-06-01T12:00:00.000000+00:00","envelope":7}',
    ],
)
def test_what_is_no_row_is_refused(odd):
    with pytest.raises(IntegrityError):
        read_body(odd, 4, set())


@pytest.mark.parametrize("odd", ["", "{", '{"at":1,"at":2}'])
def test_what_is_no_json_is_refused(odd):
    with pytest.raises(InputError) as caught:
        read_body(odd, 4, set())
    assert "ledger row 4" in str(caught.value.where)


@pytest.mark.parametrize(
    "odd",
    [
        "null",
        "{",
        '"text"',
        "[" * 5000,
        '{"at":"2026-06-01T12:00:00.000000","statement":"{}"}',
        '{"at":"2026-06-01T12:00:00.000000+00:00","statement":"{}"}',
        '{"at":"2026-06-01T12:00:00.000000+00:00","statement":"[7]"}',
        '{"at":"2026-06-01T12:00:00.000000+00:00","statement":"{"}',
        '{"at":"2026-06-01T12:00:00.000000+00:00","statement":7}',
        '{"at":"2026-06-01T12:00:00.000000+00:00","envelope":7}',
    ],
)
def test_what_is_no_row_is_not_passed_over_where_only_some_types_are_wanted(world, odd):
    world.checked()
    asked, wanted = ["model default/credit", "versions default/credit"], {type_of(Creation)}
    assert [row.type for row in rows(world.connection, asked, types=wanted)] == list(wanted)
    run(world, "UPDATE aims_ledger SET body = :body WHERE position = 3", body=odd)
    run(world, "UPDATE aims_ledger SET leaf = :leaf WHERE position = 3", leaf=merkle.leaf_hash(odd.encode()).hex())
    with pytest.raises(IntegrityError, match="not a "):
        rows(world.connection, asked, types=wanted)


def test_a_removed_row_stops_every_decision_on_it(world):
    world.checked()
    run(world, "DELETE FROM aims_ledger WHERE position = 3")
    with pytest.raises(IntegrityError, match="the index names a row that is not there") as caught:
        list(rows(world.connection, ["version default/credit/1"], history(world.connection).keys()))
    assert caught.value.where == "ledger row 3"


def test_a_row_planted_outside_the_tree_is_not_read_and_not_built_upon(world):
    world.checked()
    planted = {"at": 6, "leaf": merkle.leaf_hash(body(world, 1).encode()).hex(), "body": body(world, 1)}
    run(world, "INSERT INTO aims_ledger (position, leaf, body) VALUES (:at, :leaf, :body)", **planted)
    run(world, "INSERT INTO aims_index (term, position) VALUES ('model default/credit', 6)")
    with pytest.raises(IntegrityError, match="not there"):
        list(rows(world.connection, ["model default/credit"], history(world.connection).keys()))
    with pytest.raises(LedgerError, match="outside the tree"):
        world.register("2")


@pytest.mark.parametrize(
    ("size_", "frontier"),
    [(2, "[]"), (1, "[]"), (1, '["00"]'), (1, "nonsense"), (1, "7"), (-1, "[]"), (1, '["zz"]'), ("x", "[]")],
)
def test_a_malformed_head_is_refused(world, size_, frontier):
    run(world, "UPDATE aims_head SET size = :size, frontier = :frontier", size=size_, frontier=frontier)
    with pytest.raises(LedgerError, match="the ledger's head is malformed") as caught:
        tree_head(world.connection)
    assert "ledger verify" in str(caught.value.remedy)
    with pytest.raises(LedgerError):
        world.trust()


def test_a_missing_head_is_refused(world):
    run(world, "DELETE FROM aims_head")
    for act in (lock, size, tree_head):
        with pytest.raises(LedgerError, match="the ledger's head is missing"):
            act(world.connection)


def test_the_lock_keeps_others_out_until_the_transaction_ends(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.db", connect_args={"timeout": 0.05})
    with engine.begin() as first:
        install(first)
    with engine.connect() as first, engine.connect() as second:
        lock(first)
        with pytest.raises(Exception, match="database is locked"):
            lock(second)
        first.rollback()
        lock(second)
    engine.dispose()


def test_what_is_rolled_back_was_never_said(tmp_path, kit):
    engine = create_engine(f"sqlite:///{tmp_path}/ledger.db")
    with engine.begin() as connection:
        install(connection)
    with engine.connect() as connection:
        lock(connection)
        kit.World(connection).trust()
        assert size(connection) == 1
        connection.rollback()
        assert tree_head(connection) == (0, merkle.EMPTY) and history(connection).lists == []
    engine.dispose()


def test_a_story_told_twice_has_the_same_root(new_world):
    first, second = new_world(), new_world()
    first.approved()
    second.approved()
    assert tree_head(first.connection) == tree_head(second.connection)
    assert first.decide() == second.decide()


def test_a_story_decides_as_its_ledger_does(story, world, kit):
    assert story.approved().decide() == world.approved().decide()
    assert replace(story.decide(about=kit.OTHER), at="") == replace(world.decide(about=kit.OTHER), at="")


def test_an_envelope_keeps_only_the_signatures_that_hold(world, kit):
    world.trust()
    made = say(Rejection("r", "risk", "no"), Subject("model", kit.BYTES))
    good, bad = (sign(made, kit.key_of(who)).signatures[0] for who in ("risk", "stranger"))
    row = append(world.connection, Envelope(made.payload, (bad, good, (good[0], bad[1]))), world.now)
    assert row.signers == (kit.key_of("risk").public,)
