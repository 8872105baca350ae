"""A grant to carry: what verifies where the model is deployed, and all that must not."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from aims_gates.canonical import folder_digest
from aims_gates.cli import main
from aims_gates.errors import AimsGatesError, InputError, IntegrityError, RefusedError
from aims_gates.evidence import Statement, sign
from aims_gates.portable import issue, verify_grant
from aims_gates.predicates import Checkpoint, predicate_of, say


@pytest.fixture
def model(tmp_path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    return folder


@pytest.fixture
def carried(world, kit, model, tmp_path):
    """A portable grant for the model's folder, as a file."""
    about = folder_digest(model)
    world.checked()
    world.grant(about=about)
    path = tmp_path / "credit.grant.json"
    issue(world.connection, "default", "credit", "production", kit.key_of("ci"), world.now, 30, path)
    return path


def trusted(kit, role="ci"):
    return (kit.key_of(role).public,)


def test_a_grant_is_verified_with_the_file_the_folder_and_a_key_alone(carried, model, kit, world):
    found = verify_grant(carried, model, trusted(kit), world.now)
    assert (found.said.name, found.said.version, found.said.system) == ("credit", "1", "credit")
    assert found.said.digest == folder_digest(model) and found.signers == trusted(kit)
    (model / "registered_model_meta").write_text("model_name: credit\nmodel_version: '1'\n")
    verify_grant(carried, model, trusted(kit), world.now)


def test_nobodys_word_counts_without_a_trusted_key(carried, model, kit, world):
    with pytest.raises(InputError, match="no trusted key"):
        verify_grant(carried, model, (), world.now)
    with pytest.raises(IntegrityError, match="unknown signer"):
        verify_grant(carried, model, trusted(kit, "risk"), world.now)


def test_other_bytes_are_refused(carried, model, kit, world):
    (model / "extra.py").write_text("import os\n")
    with pytest.raises(IntegrityError, match="other bytes"):
        verify_grant(carried, model, trusted(kit), world.now)


@pytest.mark.parametrize("days", [31, -1])
def test_it_is_relied_on_between_its_issue_and_its_last_day(carried, model, kit, world, days):
    verify_grant(carried, model, trusted(kit), world.now + timedelta(days=29))
    with pytest.raises(RefusedError):
        verify_grant(carried, model, trusted(kit), world.now + timedelta(days=days))


def test_every_edited_part_of_the_file_is_found(carried, model, kit, world):
    value = json.loads(carried.read_text())
    for key, changed in (
        ("row", value["row"].replace('"version\\":\\"1', '"version\\":\\"2')),
        ("row", "{}"),
        ("path", value["path"][:-1]),
        ("path", ["zz"]),
        ("format", "aims-gates:portable-grant/v9"),
        ("envelope", {**value["envelope"], "payload": value["envelope"]["payload"][:-8]}),
    ):
        assert changed != value[key]
        carried.write_text(json.dumps({**value, key: changed}))
        with pytest.raises(AimsGatesError):
            verify_grant(carried, model, trusted(kit), world.now)
    carried.write_text(json.dumps({**value, "more": 1}))
    with pytest.raises(InputError, match="more"):
        verify_grant(carried, model, trusted(kit), world.now)


def test_a_forged_mode_a_foreign_statement_and_a_bad_time_are_refused(carried, model, kit, world, tmp_path):
    value = json.loads(carried.read_text())
    import base64

    from aims_gates.model import Subject

    said = predicate_of(Statement(base64.b64decode(value["envelope"]["payload"])))
    from dataclasses import replace

    about = Subject("model", said.digest, "credit/1")
    for other in (
        Checkpoint(3, "00" * 32, world.now.isoformat()),
        replace(said, said_at="yesterday"),
        replace(said, until="soon"),
        replace(said, position=0),
        replace(said, version="2"),
        replace(said, mode="observe"),
    ):
        envelope = sign(say(other, about), kit.key_of("ci")).to_json()
        carried.write_text(json.dumps({**value, "envelope": envelope}))
        with pytest.raises(AimsGatesError):
            verify_grant(carried, model, trusted(kit), world.now)


def test_a_grant_in_observe_says_that_nothing_was_enforced(world, kit, model, tmp_path):
    world.checked()
    world.grant(about=folder_digest(model), mode="observe")
    path = tmp_path / "g.json"
    issue(world.connection, "default", "credit", "production", kit.key_of("policy"), world.now, 30, path)
    with pytest.raises(RefusedError, match="observe"):
        verify_grant(path, model, trusted(kit, "policy"), world.now)


def test_only_a_standing_grant_is_issued_by_a_key_that_may(world, kit, tmp_path):
    path = tmp_path / "g.json"

    def ask(role="ci", days=30):
        issue(world.connection, "default", "credit", "production", kit.key_of(role), world.now, days, path)

    world.checked()
    with pytest.raises(RefusedError, match="no grant stands"):
        ask()
    world.grant()
    with pytest.raises(RefusedError, match="may not sign"):
        ask("risk")
    for days in (0, 181):
        with pytest.raises(InputError, match="cannot be meant"):
            ask(days=days)
    assert not path.exists()
    ask()
    assert path.exists()


def test_the_command_needs_no_ledger_and_says_who_signed(carried, model, kit, tmp_path, monkeypatch, capsys):
    import aims_gates.cli.grant as command

    monkeypatch.chdir(tmp_path)
    public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(kit.key_of("ci").public))
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "ci.pub").write_bytes(pem)
    monkeypatch.setattr(
        command, "datetime", type("At", (), {"now": staticmethod(lambda _: datetime(2026, 6, 2, tzinfo=UTC))})
    )
    assert main(["verify-grant", str(carried), str(model), "--trusted-key", "ci.pub"]) == 0
    assert "these are the bytes that were granted" in capsys.readouterr().out
    (tmp_path / "aims.yaml").write_text("trusted_keys: [ci.pub]\n")
    assert main(["verify-grant", str(carried), str(model), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["version"] == "1"
    (model / "MLmodel").write_text("flavors: {python_function: {}}\n")
    assert main(["verify-grant", str(carried), str(model)]) == 5
