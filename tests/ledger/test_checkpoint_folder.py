"""Checkpoints kept in a folder: one follows the other, and the ledger is held against all of them."""

import json
from datetime import timedelta

import pytest
from sqlalchemy import text

from aims_gates import database
from aims_gates.errors import InputError, IntegrityError, LedgerError, RefusedError
from aims_gates.ledger.checkpoint_folder import hold, hold_against, keep, read_kept
from aims_gates.ledger.verify import verify


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "kept"
    made.mkdir()
    return made


@pytest.fixture
def told(world):
    """A ledger of 12 rows."""
    world.approved()
    world.grant()
    return world


def write(world, folder, kit, by="ci", **every):
    return keep(world.connection, folder, kit.key_of(by), world.now, timedelta(**every))


def run(world, statement, **said):
    database.drop(world.connection)
    world.connection.execute(text(statement), said)


def test_checkpoints_follow_each_other_and_all_hold(told, folder, kit):
    first = write(told, folder, kit)
    told.grant()
    second = write(told, folder, kit, by="policy")
    assert [each.name for each in sorted(folder.glob("*.json"))] == [first.name, second.name]
    assert first.name == f"checkpoint-{len(told.rows) - 1:012}.json"
    assert hold(told.connection, folder) == 2
    assert verify(told.connection, read_kept(folder)).ok


def test_nothing_is_written_where_nothing_was_appended(told, folder, kit):
    write(told, folder, kit)
    told.wait(hours=2)
    assert write(told, folder, kit) is None and len(list(folder.glob("*.json"))) == 1


def test_one_that_is_young_waits_and_a_clock_turned_back_does_not_stop_them(told, folder, kit):
    write(told, folder, kit)
    told.grant()
    assert write(told, folder, kit, hours=1) is None
    told.wait(hours=-5)
    assert write(told, folder, kit, hours=1) is not None


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        ("UPDATE aims_head SET size = 4, frontier = :four", "rows were removed"),
        ("UPDATE aims_ledger SET leaf = :leaf WHERE position = 10", "not those of the tree"),
        ("UPDATE aims_ledger SET leaf = 'no hash' WHERE position = 3", "not those of the tree"),
    ],
)
def test_a_ledger_that_lost_rows_or_was_changed_does_not_hold(told, folder, kit, damage, said):
    write(told, folder, kit)
    told.grant()
    four = json.dumps(["00" * 32])
    run(
        told,
        damage,
        **{name: value for name, value in {"four": four, "leaf": "00" * 32}.items() if f":{name}" in damage},
    )
    assert any(said in each for each in hold_against(told.connection, read_kept(folder)))
    with pytest.raises(IntegrityError, match="does not hold"):
        hold(told.connection, folder)


def test_no_checkpoint_is_written_of_a_ledger_that_was_restored_or_made_anew(told, folder, kit, new_world):
    write(told, folder, kit)
    shorter = new_world()
    shorter.checked()
    with pytest.raises(IntegrityError, match="rows were removed"):
        write(shorter, folder, kit)
    longer = new_world()
    longer.approved()
    for _ in range(5):
        longer.request(reason="another story")
    with pytest.raises(IntegrityError, match="are not those of then"):
        write(longer, folder, kit)
    assert len(list(folder.glob("checkpoint-*"))) == 1


def test_a_checkpoint_that_lost_its_tree_is_not_followed(told, folder, kit):
    path = write(told, folder, kit)
    told.grant()
    from aims_gates.attestation.signing.envelope import sign
    from aims_gates.attestation.statements.evidence import Checkpoint
    from aims_gates.attestation.statements.wording import say
    from aims_gates.model import Subject

    bare = say(Checkpoint(len(told.rows) - 1, "00" * 32), Subject("organization", f"sha256:{'0' * 64}"))
    path.write_text(json.dumps(sign(bare, kit.key_of("ci")).to_json()))
    with pytest.raises(IntegrityError, match="does not carry its tree"):
        write(told, folder, kit)


@pytest.mark.parametrize("said_at", ["soon", "2026-06-01T12:00:00"])
def test_a_checkpoint_without_a_time_keeps_nobody_from_the_next(told, folder, kit, said_at):
    from dataclasses import replace

    from aims_gates.attestation.signing.envelope import sign
    from aims_gates.attestation.statements.wording import say
    from aims_gates.ledger.attest import signed_checkpoint
    from aims_gates.ledger.checkpoint import claimed
    from aims_gates.model import Subject

    made = claimed(signed_checkpoint(told.connection, kit.key_of("ci"), told.now))
    odd = say(replace(made, said_at=said_at), Subject("organization", f"sha256:{made.root}"))
    (folder / "checkpoint-000000000001.json").write_text(json.dumps(sign(odd, kit.key_of("ci")).to_json()))
    told.wait(days=1)
    told.grant()
    assert write(told, folder, kit, hours=1) is not None


def test_a_forged_checkpoint_is_found_at_the_next_start(told, folder, kit):
    path = write(told, folder, kit)
    said = json.loads(path.read_text())
    said["signatures"][0]["sig"] = said["signatures"][0]["sig"][:-4] + "AAA="
    path.write_text(json.dumps(said))
    with pytest.raises(IntegrityError):
        hold(told.connection, folder)


def test_who_may_not_sign_leaves_nothing(told, folder, kit, new_world):
    with pytest.raises(RefusedError, match="may not sign"):
        write(told, folder, kit, by="risk")
    with pytest.raises(LedgerError, match="is empty"):
        write(new_world(), folder, kit)
    assert not list(folder.glob("checkpoint-*"))


def test_what_is_no_checkpoint_is_named(told, folder, kit):
    (folder / "checkpoint-000000000003.json").write_text("{}")
    with pytest.raises(IntegrityError, match="not a DSSE envelope"):
        write(told, folder, kit)


def test_a_place_that_is_not_there_is_named(told, tmp_path, kit):
    with pytest.raises(InputError, match="cannot be written"):
        write(told, tmp_path / "gone", kit)
    with pytest.raises(InputError, match="gone"):
        read_kept(tmp_path / "gone")


def test_an_empty_folder_holds_nothing_against_a_ledger(told, folder):
    assert hold(told.connection, folder) == 0


def test_a_file_stands_for_itself(told, folder, kit):
    assert len(read_kept(write(told, folder, kit))) == 1
