"""Rotating a key, and the day on which one fell into other hands."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import create_engine, text

from aims_gates import database
from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.statements.people import Approval
from aims_gates.attestation.statements.policy import Trust, TrustedUser
from aims_gates.attestation.statements.wording import say
from aims_gates.decision.in_force import StatementView
from aims_gates.ledger import append, history, install, lock
from aims_gates.ledger.connect import open_database
from aims_gates.model import Subject

REGISTRY = ("--registry", "aims+sqlite:///ledger.db")


@pytest.fixture
def told(tmp_path, kit):
    """A ledger in which version 1 was checked, approved and granted, and everybody's key in a file."""
    for name in (*kit.ROLES, "second", "server", "fresh"):
        key, path = kit.key_of(name), tmp_path / f"{name}.key"
        path.write_bytes(key.private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        path.chmod(0o600)
    with written(tmp_path) as connection:
        world = kit.World(connection)
        world.now = datetime.now(UTC) - timedelta(hours=2)
        world.trust(*map(kit.trusted, kit.ROLES), kit.trusted("second", roles=("policy",)))
        world.create()
        world.bind()
        world.register()
        world.predict()
        world.check()
        asked = world.request()
        for role in ("risk", "compliance"):
            world.approve(role)
        world.grant(request=asked.digest)
    return world


class written:
    """A transaction on the ledger in this folder, committed at the end."""

    def __init__(self, folder):
        self.engine = create_engine(f"sqlite:///{folder / 'ledger.db'}")

    def __enter__(self):
        self.connection = self.engine.connect()
        install(self.connection)
        lock(self.connection)
        return self.connection

    def __exit__(self, *_):
        self.connection.commit()
        self.connection.close()
        self.engine.dispose()


def compromised(command, key, since, *more, by="policy"):
    said = command(
        "keys", "compromised", key, "--from", str(since), "--reason", "a laptop was stolen", "--key", f"{by}.key",
        *REGISTRY, "--json", *more,
    )  # fmt: skip
    return said, json.loads(said.out) if said.out else {}


def position(world, what):
    return next(row.position for row in world.rows if what in row.type)


def test_a_compromised_key_is_revoked_and_all_that_rests_on_it_is_listed(command, told, kit):
    since = position(told, "predictions")
    said, found = compromised(command, kit.key_of("ci").public, since)
    assert said.code == 2 and found["revoked"]
    assert [each["what"] for each in found["said"]] == ["predictions", "evidence"]
    (grant,) = found["grants"]
    assert grant["stands"] and grant["rests_on"] == [f"predictions {since}", f"evidence {since + 1}"]
    commands = "\n".join(found["next"])
    for part in ("halt credit", f"revoke {grant['statement'][7:19]}", "check --model credit", "keys trust NEW.pub"):
        assert part in commands
    with open_database(REGISTRY[1]) as connection:
        assert history(connection).revoked == {kit.key_of("ci").public: since}
    assert not decided(kit, told).allowed


def decided(kit, world):
    """The decision on the ledger as it is now."""
    from aims_gates.decision.rules import Ask, decide
    from aims_gates.ledger.registry_acts import about

    with open_database(REGISTRY[1]) as connection:
        rows = about(connection, "default", "credit", kit.BYTES, "1")
    return decide(Ask("default", "credit", "1", kit.BYTES, "production", datetime.now(UTC)), rows)


@pytest.mark.parametrize(
    ("role", "what"),
    [("risk", ["approval"]), ("developer", ["request"]), ("policy", ["binding"]), ("compliance", ["approval"])],
)
def test_a_grant_rests_on_request_approvals_and_binding_too(command, told, kit, role, what):
    said, found = compromised(command, kit.key_of(role).public, 1, by="second")
    assert said.code == 2 and [each.split()[0] for each in found["grants"][0]["rests_on"]] == what


def test_a_dry_run_revokes_nothing_and_needs_no_key(command, told, kit):
    said = command("keys", "compromised", kit.key_of("ci").public, "--from", "0", "--dry-run", *REGISTRY)
    assert said.code == 2 and "not revoked yet" in said.out and "credit" in said.out and "--from 0 --reason" in said.out
    with open_database(REGISTRY[1]) as connection:
        assert not history(connection).revoked
    assert decided(kit, told).allowed


def test_the_commands_that_it_names_end_the_grant(command, told, kit):
    _, found = compromised(command, kit.key_of("ci").public, 1)
    revoke = next(each for each in found["next"] if " revoke " in each).partition("#")[0].split()[1:]
    words = [each.replace("...", "stolen").replace("POLICY.key", "policy.key") for each in revoke]
    assert command(*words, *REGISTRY).code == 0
    said = command("keys", "compromised", kit.key_of("ci").public, "--from", "1", "--dry-run", *REGISTRY)
    assert said.code == 0 and "ended" in said.out and "halt" not in said.out


def test_what_was_said_before_the_position_is_believed(command, told, kit):
    said, found = compromised(command, kit.key_of("ci").public, len(told.rows))
    assert said.code == 0 and not found["said"] and not found["grants"] and decided(kit, told).allowed


def test_a_return_to_a_version_rests_on_what_its_first_grant_rested_on(command, told, kit, tmp_path):
    with written(tmp_path) as connection:
        world = kit.World(connection)
        world.now = datetime.now(UTC) - timedelta(hours=1)
        world.grant(version="2", about=kit.OTHER)
        world.grant(transition="rollback")
    _, found = compromised(command, kit.key_of("ci").public, 1)
    assert [(each["version"], each["stands"]) for each in found["grants"]] == [("1", False), ("1", True)]
    assert found["grants"][1]["rests_on"][-1] == f"grant {len(told.rows) - 1}"


def test_a_login_that_was_taken_over_is_found_by_what_the_server_said_for_it(command, told, kit, tmp_path):
    with written(tmp_path) as connection:
        people = (*map(kit.trusted, kit.ROLES), kit.trusted("second", roles=("policy",)))
        server = kit.trusted("server", roles=("server",), service=True)
        listed = Trust(2, (*people, server), (TrustedUser("rita", "Rita", ("risk",)),))
        now = datetime.now(UTC) - timedelta(minutes=30)
        append(connection, sign(say(listed, Subject("organization", kit.BYTES)), kit.key_of("policy")), now)
        asked = next(row for row in told.rows if "request" in row.type)
        word = say(Approval(asked.digest, "risk", "seen", user="rita"), Subject("model", kit.BYTES))
        append(connection, sign(word, kit.key_of("server")), now)
    said, found = compromised(command, "user:rita", 0)
    assert [each["what"] for each in found["said"]] == ["approval"] and said.code == 0
    assert not any("keys new" in each for each in found["next"])
    with open_database(REGISTRY[1]) as connection:
        assert "user:rita" in history(connection).revoked


@pytest.mark.parametrize(
    ("key", "by", "said"),
    [("policy", "policy", "no other policy key"), ("fresh", "policy", "no trust list ever held it")],
)
def test_a_key_does_not_revoke_itself_and_a_stranger_needs_no_revoking(command, told, kit, key, by, said):
    found, _ = compromised(command, kit.key_of(key).public, 0, by=by)
    assert found.code in (1, 2) and said in found.err
    with open_database(REGISTRY[1]) as connection:
        assert not history(connection).revoked


def test_the_last_policy_key_is_not_revoked(command, told, kit):
    assert compromised(command, kit.key_of("policy").public, 1, by="second")[0].code == 2
    said, _ = compromised(command, kit.key_of("second").public, 1, by="policy")
    assert said.code == 2 and "no other policy key" in said.err


def test_without_a_reason_nothing_is_revoked(command, told, kit):
    said = command("keys", "compromised", kit.key_of("ci").public, "--from", "1", "--key", "policy.key", *REGISTRY)
    assert said.code == 1 and "--reason" in said.err


def test_an_edited_row_on_the_way_is_an_integrity_failure_and_revokes_nothing(command, told, kit, tmp_path):
    with written(tmp_path) as connection:
        database.drop(connection)
        changed = "UPDATE aims_ledger SET body = replace(body, 'file:///store', 'file:///other')"
        connection.execute(text(changed))
    said, _ = compromised(command, kit.key_of("ci").public, 1)
    assert said.code == 5 and "the row was edited" in said.err
    with open_database(REGISTRY[1]) as connection:
        assert not history(connection).revoked


def rotate(command, *more, old="ci", new="fresh", by="policy", kit=None):
    return command(
        "keys", "rotate", kit.key_of(old).public, kit.key_of(new).public, *more, "--key", f"{by}.key", *REGISTRY
    )


def test_a_new_key_takes_the_old_ones_place_and_the_old_one_signs_for_a_while(command, told, kit):
    said = rotate(command, "--overlap", "3", kit=kit)
    last = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    assert said.code == 0 and last in said.out
    with open_database(REGISTRY[1]) as connection:
        listed = {each.key: each for each in history(connection).current().keys}
    before, after = listed[kit.key_of("ci").public], listed[kit.key_of("fresh").public]
    assert (after.person, after.roles, after.service, after.not_after) == (before.person, ("ci",), True, None)
    assert before.not_after == last and decided(kit, told).allowed


def test_after_its_last_day_the_old_key_signs_nothing_and_the_new_one_does(command, told, kit, tmp_path):
    assert rotate(command, "--overlap", "0", kit=kit).code == 0
    from dataclasses import replace

    from aims_gates.errors import RefusedError

    old = next(row for row in told.rows if "test-result" in row.type)
    later = datetime.now(UTC) + timedelta(days=1)
    with written(tmp_path) as connection:
        again = say(replace(old.predicate, produced_at=later.isoformat()), Subject("model", kit.BYTES))
        with pytest.raises(RefusedError, match="may not sign"):
            append(connection, sign(again, kit.key_of("ci")), later)
        row = append(connection, sign(again, kit.key_of("fresh")), later)
        seen = StatementView([*told.rows, row], "default", "credit")
    assert seen.trust.people_of("ci")


def test_an_earlier_end_of_the_old_key_stays(command, told, kit):
    assert rotate(command, "--overlap", "2", kit=kit).code == 0
    assert rotate(command, "--overlap", "30", new="server", kit=kit).code == 0
    with open_database(REGISTRY[1]) as connection:
        listed = {each.key: each for each in history(connection).current().keys}
    assert listed[kit.key_of("ci").public].not_after == (datetime.now(UTC) + timedelta(days=2)).date().isoformat()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"old": "fresh", "new": "server"}, "not on the trust list"),
        ({"new": "risk"}, "same key"),
        ({"new": "ci"}, "same key"),
        ({"by": "risk"}, "may change the trust list"),
    ],
)
def test_a_rotation_that_cannot_be_meant_is_refused(command, told, kit, changes, said):
    found = rotate(command, kit=kit, **changes)
    assert found.code in (1, 2) and said in found.err
    with open_database(REGISTRY[1]) as connection:
        assert history(connection).current().version == 1


def test_nothing_takes_the_place_of_a_revoked_key(command, told, kit):
    compromised(command, kit.key_of("ci").public, 1)
    said = rotate(command, kit=kit)
    assert said.code == 2 and "was revoked" in said.err


def test_checkpoints_that_a_compromised_key_signed_hold_nothing_and_it_says_so(command, told, kit, tmp_path):
    (tmp_path / "kept").mkdir()
    assert command("ledger", "checkpoint", "--into", "kept", "--key", "ci.key", *REGISTRY).code == 0
    verify = ("ledger", "verify", "--checkpoint", "kept", *REGISTRY)
    since = len(told.rows) - 1
    _, found = compromised(command, kit.key_of("ci").public, since)
    assert any("move away the checkpoints" in each and str(since) in each for each in found["next"])
    assert command(*verify).code == 5
    next((tmp_path / "kept").glob("*.json")).unlink()
    assert command("ledger", "checkpoint", "--into", "kept", "--key", "policy.key", *REGISTRY).code == 0
