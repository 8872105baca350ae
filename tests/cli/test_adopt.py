"""Versions that were registered past aims-gates: told at once, taken in with one command, and looked for."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pytest

TODAY = datetime.now(UTC).date().isoformat()


@pytest.fixture
def shop(shops: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A bound model with two registered versions, and a third that a stock store registered beside us."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    made = shops.open_shop(tmp_path)
    shops.use(tmp_path)
    past(tmp_path, "loans", "2")
    yield made
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


def past(folder: Path, name: str, like: str) -> Any:
    """Register what is known as a version of loans once more, through MLflow's own store."""
    ours = mlflow.MlflowClient().get_model_version("loans", like)
    stock = mlflow.MlflowClient(registry_uri=f"sqlite:///{folder / 'registry.db'}")
    if name != "loans":
        stock.create_registered_model(name)
    return stock.create_model_version(name, ours.source, run_id=ours.run_id, tags={"team": "lending"})


def test_a_version_registered_past_us_is_told_first_and_refused_before_anything_is_staged(shop: Any) -> None:
    said = shop.said("explain", "loans", "3")
    assert said["actions"][0] == "aims-gates adopt loans 3 --key YOUR.key"
    assert shop.said("check", "--model", "loans", "--version", "3", "--preview")["actions"][0] == said["actions"][0]
    assert shop.run("request", "open", "loans", "3", *shop.sign("dev")) == 2
    assert not (shop.folder / "aims-released").exists()


def test_the_refusal_names_the_one_command(shop: Any, command: Any) -> None:
    said = command("request", "open", "loans", "3", *shop.sign("dev"))
    assert said.code == 2 and "nobody is on record as its registrar" in said.err
    assert "aims-gates adopt loans 3 --key YOUR.key" in said.err


def test_taken_in_it_keeps_run_and_lineage_and_is_granted_like_any_other(shop: Any) -> None:
    before = dict(mlflow.MlflowClient().get_model_version("loans", "3"))
    row = shop.said("adopt", "loans", "3", *shop.sign("dev"))[0]
    assert row["run_id"] == shop.runs[1] and row["tags"] == {"team": "lending"} and row["creator"]
    assert row["source"].startswith("models:/m-") and row["model_id"] == row["source"].removeprefix("models:/")
    assert row["created"].startswith(TODAY)
    assert dict(mlflow.MlflowClient().get_model_version("loans", "3")) == before
    said = shop.said("explain", "loans", "3")
    assert said["subject"] == row["digest"]
    assert not any("adopt" in action for action in said["actions"])
    assert f"Version 3 was taken in on {TODAY}, not registered here, by dev." in said["notes"]
    shop.promote(3)
    assert mlflow.MlflowClient().get_model_version_by_alias("loans", "production").version in (3, "3")


def test_whoever_took_it_in_cannot_approve_it(shop: Any, command: Any) -> None:
    assert command("keys", "new", "keys/risk-2").code == 0
    roles = ("--person", "risk", "--role", "developer")
    assert command("keys", "trust", "keys/risk-2.pub", *roles, *shop.sign("policy")).code == 0
    assert shop.run("adopt", "loans", "3", *shop.sign("risk-2")) == 0
    assert shop.check(3) == 4
    shop.approve(3)
    missing = shop.said("explain", "loans", "3")["approvals"]["missing"]
    assert [item["role"] for item in missing] == ["risk"]


def test_it_is_taken_in_once_and_only_where_nobody_registered_it(shop: Any, command: Any) -> None:
    said = command("adopt", "loans", "1", *shop.sign("dev"))
    assert said.code == 1 and "registered through aims-gates" in said.err
    assert command("adopt", "loans", "9", *shop.sign("dev")).code == 1
    assert command("adopt", "loans", "3", *shop.sign("risk")).code == 2
    assert command("adopt", "loans", "3", *shop.sign("dev")).code == 0
    again = command("adopt", "loans", "3", *shop.sign("dev"))
    assert again.code == 1 and f"taken in on {TODAY}, not registered here" in again.err


def test_other_bytes_than_those_taken_in_are_refused(shop: Any, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "MLmodel").write_text("flavors: {}\n")
    stock = mlflow.MlflowClient(registry_uri=f"sqlite:///{tmp_path / 'registry.db'}")
    assert stock.create_model_version("loans", str(folder)).version in (4, "4")
    assert shop.run("adopt", "loans", "4", *shop.sign("dev")) == 0
    (folder / "more.bin").write_text("changed since")
    assert shop.run("request", "open", "loans", "4", *shop.sign("dev")) == 0
    said = shop.said("explain", "loans", "4")
    assert said["exit"] == 5
    assert any(f"differ from those that were taken in on {TODAY}" in problem for problem in said["problems"])


def test_a_revoked_intake_counts_no_longer_and_a_halt_reaches_what_was_taken_in_after_it(shop: Any) -> None:
    statement = shop.said("adopt", "loans", "3", *shop.sign("dev"))[0]["statement"]
    assert shop.run("revoke", statement, "--reason", "another's", *shop.sign("policy")) == 0
    assert "adopt loans 3" in shop.said("explain", "loans", "3")["actions"][0]
    assert shop.run("halt", "loans", "--reason", "harm", *shop.sign("oncall")) == 0
    assert shop.run("adopt", "loans", "3", *shop.sign("dev")) == 0
    assert any("halted" in problem for problem in shop.said("explain", "loans", "3")["problems"])


def test_the_ledger_and_the_registry_agree_once_it_is_taken_in(shop: Any, command: Any) -> None:
    told = "loans version 3: it stands in the registry, and the ledger has no record"
    assert told in json.dumps(json.loads(command("ledger", "verify", "--json").out))
    assert shop.run("adopt", "loans", "3", *shop.sign("dev")) == 0
    assert command("ledger", "verify", "--json").code == 0
