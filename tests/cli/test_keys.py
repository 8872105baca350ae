"""Keys, the trust list, and bindings."""

import json
import stat
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from aims_gates.documents.strict_yaml import Document, read, read_yaml
from aims_gates.governance.classification import classify, read_answers, record, record_text

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pipelines" / "credit_scoring"
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


def test_a_profile_is_activated_by_somebody_who_did_not_write_it(command: Any, pack: Path) -> None:
    by = ("profile", "activate", "shop", "--key", "keys/policy.key")
    unknown = command(*by)
    assert unknown.code == 1 and "who wrote this profile" in unknown.err and "--author NAME" in unknown.err
    own = command(*by, "--author", "policy")
    assert own.code == 1 and "may not activate it" in own.err
    assert command("profile", "activate", "shop", "--author", "somebody", "--key", "keys/dev.key").code == 2
    assert (
        "there is no profile" in command("profile", "activate", "shap", "--author", "x", "--key", "keys/policy.key").err
    )


def test_from_the_first_activation_on_only_active_profiles_bind(command: Any, pack: Path) -> None:
    author = ("--author", "somebody")
    assert bind(command, "loans", "policy", *author).code == 0
    said = command("profile", "activate", "shop", *author, "--key", "keys/policy.key")
    assert said.code == 0 and "shop is active" in said.out
    assert bind(command, "loans", "policy", *author).code == 0
    profile = pack / "profiles" / "shop.yaml"
    profile.write_text(profile.read_text() + "approval_days: 7\n")
    refused = bind(command, "loans", "policy", *author)
    assert refused.code == 2 and "is not active" in refused.err and "profile activate shop" in refused.err
    assert command("profile", "activate", "shop", *author, "--key", "keys/policy.key").code == 0
    assert bind(command, "loans", "policy", *author).code == 0


def test_a_system_whose_answers_give_another_tier_is_neither_planned_nor_bound(command: Any, pack: Path) -> None:
    folder = pack / "records" / "systems" / "loans"
    example = EXAMPLE / "records" / "systems" / "mortgage" / "classification.yaml"
    text = example.read_text()
    purpose = read(folder / "system.yaml").value["purpose"]
    document = Document({**read_yaml(text.encode(), "form").value, "system": "loans", "purpose": purpose}, "form")

    def answered(**changes: str) -> None:
        given = {**document.value, "answers": {**document.value["answers"], **changes}}
        given.pop("result")
        answers, rules = read_answers(Document(given, "form"), today=answers_day)
        result = classify(rules, answers, as_of=answers_day)
        (folder / "classification.yaml").write_text(record_text(record(answers, result)))

    answers_day = date.fromisoformat(document.value["date"])
    answered()
    assert command("plan", "loans").code == 0
    answered(**{"5.1.c": "yes", "5.1.c.qualifier": "yes"})
    for arguments in (("plan", "loans"), ("bind", "loans", "--system", "loans", "--key", "keys/policy.key")):
        said = command(*arguments)
        assert said.code == 2 and "prohibited practice" in said.err and "classification.yaml:" in said.err
    answered(**{"5b": "unknown"})
    assert "questions are open" in command("plan", "loans").err
    answered()
    system = folder / "system.yaml"
    system.write_text(system.read_text().replace("tier: high", "tier: limited"))
    said = command("plan", "loans")
    assert said.code == 2 and "system.yaml:" in said.err and "Write high; a tier is lowered only" in said.err
    classified = folder / "classification.yaml"
    classified.write_text(classified.read_text().replace("  tier: high", "  tier: limited"))
    assert "differs from what the answers give" in command("plan", "loans").err


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
