"""Binding anew what changed: one difference over all systems, whose signature it wants, all of it or nothing."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pytest

OWNER = "head-of-lending"
BY = ("--author", "somebody")


@pytest.fixture
def shop(shops: ModuleType, tmp_path: Path, command: Any) -> Iterator[Any]:
    """Two systems that are bound; the owner of both has a key."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    made = shops.open_shop(tmp_path)
    shops.use(tmp_path)
    loans = tmp_path / "records" / "systems" / "loans"
    cards = tmp_path / "records" / "systems" / "cards"
    cards.mkdir()
    for path in loans.iterdir():
        text = path.read_text()
        (cards / path.name).write_text(text.replace("name: loans", "name: cards").replace("[loans]", "[cards, more]"))
    assert command("keys", "new", "keys/owner").code == 0
    policy = made.sign("policy")
    assert command("keys", "trust", "keys/owner.pub", "--person", OWNER, "--role", "owner", *policy).code == 0
    for model in ("cards", "more"):
        assert command("bind", model, "--system", "cards", *BY, *policy).code == 0
    yield made
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


def edit(shop: Any, old: str, new: str, *systems: str) -> None:
    for system in systems or ("loans", "cards"):
        path = shop.folder / "records" / "systems" / system / "system.yaml"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))


def size(shop: Any) -> int:
    return int(shop.said("ledger", "verify")["size"])


def test_nothing_changed_is_said_and_nothing_signed(shop: Any, command: Any) -> None:
    before = size(shop)
    said = command("bind", "--changed", *BY, *shop.sign("policy"))
    assert said.code == 0 and said.out == "no binding differs from the files\n"
    assert size(shop) == before


def test_one_difference_over_all_systems_is_signed_at_once(shop: Any, command: Any) -> None:
    edit(shop, "roles: {target: y}", "roles: {target: y, sensitive: [g]}")
    edit(shop, "tier: high", "tier: high\nfacts: {automated: true}", "loans")
    before = size(shop)
    said = command("bind", "--changed", "--dry-run")
    assert said.code == 0 and size(shop) == before
    assert "cards: cards, more (" in said.out and "3 bindings differ from the files of 2 systems" in said.out
    assert "facts.automated" in said.out and "roles.sensitive.g" in said.out
    listed = json.loads(command("bind", "--changed", "--dry-run", "--json").out)["changed"]
    assert {(item["model"], item["signer"]) for item in listed} == {
        ("cards", "owner"),
        ("more", "owner"),
        ("loans", "policy"),
    }
    fields = {change["field"]: change["signer"] for change in listed[-1]["fields"]}
    assert fields == {"facts.automated": "policy", "roles.sensitive.g": "owner"}
    assert command("bind", "--changed", *BY, *shop.sign("policy")).code == 0
    assert size(shop) == before + 3
    assert command("bind", "--changed", "--dry-run").out == "no binding differs from the files\n"


def test_what_a_policy_owner_has_to_sign_is_refused_to_the_owner_alone(shop: Any, command: Any) -> None:
    edit(shop, "profile: shop", "profile: shop\nmodes: {observe: 2026-01-01}", "cards")
    before = size(shop)
    said = command("bind", "--changed", *BY, *shop.sign("owner"))
    assert said.code == 1 and size(shop) == before
    assert f"cards: modes.observe wants a policy owner, and {OWNER} is none" in said.err and "more: " in said.err
    said = command("bind", "cards", "--system", "cards", *BY, *shop.sign("owner"))
    assert said.code == 2 and "wants a policy owner" in said.err and "modes.observe" in said.err
    assert size(shop) == before


def test_paths_are_the_owners_to_sign_and_the_check_goes_by_them(shop: Any, command: Any) -> None:
    (shop.folder / "data" / "evaluation.csv").rename(shop.folder / "data" / "held-out.csv")
    edit(shop, "data/evaluation.csv", "data/held-out.csv", "loans")
    refused = command("check", "--model", "loans", "--version", "1", *shop.sign("ci"))
    assert refused.code == 1 and "differs from the one" in refused.err
    assert command("bind", "--changed", *BY, *shop.sign("risk")).code == 1
    assert command("bind", "--changed", *BY, *shop.sign("owner")).code == 0
    assert shop.check(1) == 4
    shop.approve(1)
    assert shop.run("promote", "loans", "1") == 0


def test_with_one_invalid_system_nothing_is_signed_and_every_problem_is_told(shop: Any, command: Any) -> None:
    edit(shop, "roles: {target: y}", "roles: {target: y, sensitive: [g]}", "loans")
    edit(shop, "tier: high", "tier: medium", "cards")
    other = shop.folder / "records" / "systems" / "other"
    other.mkdir()
    (other / "system.yaml").write_text("name: other\n")
    before = size(shop)
    said = command("bind", "--changed", "--author", "policy", *shop.sign("policy"))
    assert said.code == 1 and size(shop) == before
    for told in ("cards/system.yaml", "other/system.yaml", "loans: policy wrote this change"):
        assert told in said.err


def test_an_inactive_profile_stops_it(shop: Any, command: Any) -> None:
    assert command("profile", "activate", "shop", *BY, *shop.sign("policy")).code == 0
    profile = shop.folder / "profiles" / "shop.yaml"
    profile.write_text(profile.read_text().replace("value: 0.6", "value: 0.7"))
    said = command("bind", "--changed", *BY, *shop.sign("policy"))
    assert said.code == 1 and "is not active" in said.err
    assert "plan: gates otherwise: performance (params)" in said.out


def test_a_field_that_the_signer_leaves_out_of_the_record_stops_the_signed_check(shop: Any) -> None:
    """Fields are claimed by who signs; a check that would be signed compares them with the file."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from aims_gates.attestation.signing.envelope import sign
    from aims_gates.attestation.statements.wording import say
    from aims_gates.ledger import append
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.ledger.registry_acts import bound
    from aims_gates.model import Subject

    registry = shop.settings.need_registry()
    with open_ledger(registry, write=True) as connection:
        row = bound(connection, "default", "loans")
        assert row is not None
        forged = replace(row.predicate, fields={**row.predicate.fields, "title": "sha256:" + "0" * 64}, said_at="")
        append(
            connection, sign(say(forged, Subject("system", forged.system_digest)), shop.key("owner")), datetime.now(UTC)
        )
    assert shop.check(1) == 1
