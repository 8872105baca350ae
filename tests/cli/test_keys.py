"""Keys, the trust list, and bindings."""

import json
import stat
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

REGISTRY = ("--registry", "aims+sqlite:///registry.db")
FIRST = ("keys", "trust", "policy.pub", "--person", "policy", "--role", "policy", "--first", "--key", "policy.key")


@pytest.fixture
def keys(command: Any) -> None:
    for name in ("policy", "ci", "other"):
        assert command("keys", "new", name).code == 0


def test_a_new_key_is_for_its_owner_alone_and_never_replaced(command: Any, tmp_path: Path) -> None:
    said = command("keys", "new", "keys/ci")
    assert said.code == 0 and "public key" in said.out
    secret = tmp_path / "keys" / "ci.key"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600 and secret.with_suffix(".pub").is_file()
    before = secret.read_bytes()
    again = command("keys", "new", "keys/ci")
    assert again.code == 5 and "exists already" in again.err and secret.read_bytes() == before
    assert "PRIVATE" not in said.out


def test_the_first_key_begins_the_list_and_only_once(command: Any, keys: None) -> None:
    early = command("keys", "trust", "ci.pub", "--person", "ci", "--role", "ci", "--key", "policy.key", *REGISTRY)
    assert early.code == 1 and "--first" in early.err
    assert command(*FIRST, *REGISTRY).code == 0
    again = command(*FIRST, *REGISTRY)
    assert again.code == 1 and "Leave out --first" in again.err


@pytest.mark.parametrize(
    ("key", "role"), [("other.key", "policy"), ("policy.key", "ci")], ids=["another's key", "no policy role"]
)
def test_the_first_list_must_be_signed_by_the_policy_key_it_holds(
    command: Any, keys: None, key: str, role: str
) -> None:
    said = command("keys", "trust", "policy.pub", "--person", "p", "--role", role, "--first", "--key", key, *REGISTRY)
    assert said.code == 1 and "policy key, signed by itself" in said.err
    assert command("keys", "list", *REGISTRY, "--json").out in ("", "[]\n")


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("policy.pub", "--person", "somebody", "--role", "risk"), "same key already belongs to 'policy'"),
        (("policy.pub", "--person", "policy", "--role", "risk"), "same key"),
        (("ci.pub", "--person", "Policy", "--role", "risk"), "already spelled 'policy'"),
        (("ci.pub", "--person", " ", "--role", "risk"), "person"),
        (("ci.pub", "--person", "ci", "--role", "ci", "--not-after", "soon"), "not a date"),
        (("ci.key", "--person", "ci", "--role", "ci"), "Pass the .pub file"),
        (("gone.pub", "--person", "ci", "--role", "ci"), "gone.pub"),
    ],
)
def test_a_key_that_cannot_be_trusted_is_refused(command: Any, keys: None, more: tuple[str, ...], said: str) -> None:
    command(*FIRST, *REGISTRY)
    found = command("keys", "trust", *more, "--key", "policy.key", *REGISTRY)
    assert found.code in (1, 5) and said in found.err and "remedy" in found.err
    assert len(json.loads(command("keys", "list", *REGISTRY, "--json").out)) == 1


def test_only_a_policy_key_changes_the_list(command: Any, keys: None) -> None:
    command(*FIRST, *REGISTRY)
    said = command("keys", "trust", "ci.pub", "--person", "ci", "--role", "ci", "--key", "other.key", *REGISTRY)
    assert said.code in (2, 5) and len(json.loads(command("keys", "list", *REGISTRY, "--json").out)) == 1


def test_a_revoked_key_is_listed_as_such_and_an_unknown_one_refused(command: Any, keys: None) -> None:
    command(*FIRST, *REGISTRY)
    trust = ("keys", "trust", "ci.pub", "--person", "ci", "--role", "ci", "--service", "--login", "jenkins")
    assert command(*trust, "--key", "policy.key", *REGISTRY).code == 0
    revoke = ("keys", "revoke", "ci.pub", "--reason", "lost", "--key", "policy.key")
    assert command(*revoke, *REGISTRY).code == 0
    rows = {row["person"]: row for row in json.loads(command("keys", "list", *REGISTRY, "--json").out)}
    assert rows["ci"]["revoked_from"] is not None and rows["policy"]["revoked_from"] is None
    assert rows["ci"]["service"] and rows["ci"]["logins"] == ["jenkins"]
    assert "revoked" in command("keys", "list", *REGISTRY).out
    unknown = command("keys", "revoke", "other.pub", "--reason", "lost", "--key", "policy.key", *REGISTRY)
    assert unknown.code == 1 and "not on the trust list" in unknown.err


@pytest.fixture
def pack(command: Any, shops: ModuleType, tmp_path: Path) -> Path:
    shops.write_pack(tmp_path)
    shops.write_keys(tmp_path)
    return tmp_path


def bind(command: Any, model: str = "loans", key: str = "policy", *more: str) -> Any:
    return command("bind", model, "--system", "loans", "--key", f"keys/{key}.key", *more)


def test_a_binding_says_what_it_binds(command: Any, pack: Path) -> None:
    said = bind(command, "loans", "policy", "--author", "somebody")
    assert said.code == 0
    assert all(words in said.out for words in ("loans is bound to loans", "tier high", "profile shop", "position"))


def test_the_author_of_a_change_may_not_sign_its_binding(command: Any, pack: Path) -> None:
    said = bind(command, "loans", "policy", "--author", "Policy ")
    assert said.code == 1 and "may not sign" in said.err and "another policy owner" in said.err


def test_a_model_that_the_system_does_not_list_is_refused(command: Any, pack: Path) -> None:
    said = bind(command, "cards")
    assert said.code == 1 and "does not list the model 'cards'" in said.err and "system.yaml:" in said.err


def test_only_a_policy_key_binds(command: Any, pack: Path) -> None:
    assert bind(command, "loans", "dev").code in (2, 5)


def test_a_mode_without_a_date_is_refused_with_its_line(command: Any, pack: Path) -> None:
    system = pack / "records" / "systems" / "loans" / "system.yaml"
    system.write_text(system.read_text() + "modes: {observe: soon}\n")
    said = bind(command)
    assert said.code == 1 and "'soon' is not a date" in said.err and "system.yaml:" in said.err


def test_a_prohibited_system_cannot_be_bound(command: Any, pack: Path) -> None:
    system = pack / "records" / "systems" / "loans" / "system.yaml"
    system.write_text(system.read_text().replace("tier: high", "tier: prohibited"))
    said = bind(command)
    assert said.code == 2 and "prohibited" in said.err
