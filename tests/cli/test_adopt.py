"""Versions that were registered past aims-gates: told at once, taken in with one command, and looked for."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pytest
from sqlalchemy import Engine, event

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


def looked(command: Any) -> tuple[int, list[tuple[str, str]], str]:
    """The exit code of doctor --registry, what it found wrong in the registry, and every remedy."""
    said = command("doctor", "--registry", "--json")
    rows = [row for row in json.loads(said.out) if row["check"] in KINDS]
    return (
        said.code,
        [(row["check"], row["found"]) for row in rows if not row["ok"]],
        str([row["remedy"] for row in rows]),
    )


KINDS = ("version not taken in", "model not bound", "alias without grant", "bytes gone", "binding differs")


def test_doctor_names_each_version_that_nobody_registered_here_until_it_is_taken_in(shop: Any, command: Any) -> None:
    code, found, remedies = looked(command)
    assert code == 1
    assert found == [("version not taken in", f"loans: version 3 was registered past aims-gates on {TODAY}")]
    assert "aims-gates adopt loans 3 --key YOUR.key" in remedies
    assert shop.run("adopt", "loans", "3", *shop.sign("dev")) == 0
    assert looked(command)[1] == []
    assert "every version, binding and alias is accounted for" in command("doctor", "--registry").out
    assert "version" not in [row["check"] for row in json.loads(command("doctor", "--json").out)]


def test_doctor_names_models_aliases_bindings_and_bytes(shop: Any, command: Any, tmp_path: Path) -> None:
    assert shop.run("detach", "--reason", "to show what is seen then", "--yes", *shop.sign("policy")) == 0
    past(tmp_path, "cards", "1")
    stock = mlflow.MlflowClient(registry_uri=f"sqlite:///{tmp_path / 'registry.db'}")
    stock.set_registered_model_alias("cards", "production", "1")
    stock.set_registered_model_alias("cards", "candidate", "1")
    (tmp_path / "gone").mkdir()
    stock.create_model_version("cards", str(tmp_path / "gone"))
    (tmp_path / "gone").rmdir()
    system = tmp_path / "records" / "systems" / "loans" / "system.yaml"
    system.write_text(system.read_text().replace("tier: high", "tier: high\ntitle: Loans"))
    code, found, remedies = looked(command)
    assert code == 1
    told = dict(found)
    assert [name for name, _ in found] == [KINDS[0]] * 3 + [KINDS[1], KINDS[2], KINDS[3], KINDS[4]]
    assert "cards: is bound to no system" in told["model not bound"]
    assert told["alias without grant"].startswith("cards: alias 'production' points at version 1")
    assert told["bytes gone"] == f"cards: version 2: its bytes are gone from {tmp_path / 'gone'}"
    assert told["binding differs"].startswith("loans: title differs from")
    for command_ in (
        "aims-gates bind --changed",
        "--system SYSTEM --key POLICY.key",
        "aims-gates adopt cards --owner PERSON",
        "client.delete_model_version('cards', '2')",
    ):
        assert command_ in remedies


def test_what_open_mode_leaves_to_itself_is_no_fault(shop: Any, command: Any, tmp_path: Path) -> None:
    assert shop.run("adopt", "loans", "3", *shop.sign("dev")) == 0
    past(tmp_path, "cards", "1")
    assert [name for name, _ in looked(command)[1]] == ["version not taken in", "model not bound"]
    assert shop.run("db", "open-mode", "on", "--reason", "others have not begun", *shop.sign("policy")) == 0
    _, found, remedies = looked(command)
    assert found == [] and "aims-gates adopt cards 1" in remedies


def registry_of(folder: Path, count: int) -> None:
    """So many models, registered through a stock store; every third is in production."""
    ours = mlflow.MlflowClient().get_model_version("loans", "1")
    stock = mlflow.MlflowClient(registry_uri=f"sqlite:///{folder / 'registry.db'}")
    for number in range(count):
        name = f"{('credit', 'churn-bot', 'pump')[number % 3]}-{number}"
        stock.create_registered_model(name)
        stock.create_model_version(name, ours.source)
        if number % 3 == 0:
            stock.set_registered_model_alias(name, "production", "1")


def test_adopt_alone_shows_a_way_in_and_writes_nothing(shop: Any, command: Any, tmp_path: Path) -> None:
    assert shop.run("detach", "--reason", "a registry from before", "--yes", *shop.sign("policy")) == 0
    registry_of(tmp_path, 6)
    before = (tmp_path / "registry.db").read_bytes()
    said = json.loads(command("adopt", "--json").out)
    models = {row["model"]: row for row in said["models"]}
    assert len(models) == 7 and said["note"].startswith("Tiers are proposals")
    assert models["credit-0"]["tier"]["proposed"] == "high" and models["credit-0"]["in_production"] == {"production": 1}
    assert models["churn-bot-1"]["tier"]["proposed"] == "limited"
    assert models["pump-2"]["tier"] == {
        "proposed": "minimal",
        "because": ["nothing in its name, tags and columns speaks of people"],
        "decided": False,
    }
    assert models["loans"]["bound"] and models["loans"]["system"] == "loans"
    assert [stage["day"] for stage in said["plan"]] == [30, 60, 90]
    assert said["plan"][0]["work"]["adopt what is in production"] == 2
    assert said["minutes"] == sum(stage["minutes"] for stage in said["plan"]) > 0
    assert (tmp_path / "registry.db").read_bytes() == before
    text = command("adopt").out
    assert "By day 90: enforce for the tier high" in text and "aims-gates adopt credit-0 --owner PERSON" in text


def test_the_way_in_is_written_as_a_page(shop: Any, command: Any, tmp_path: Path) -> None:
    for name, start in (("plan.md", "# A way in for this registry"), ("plan.html", "<!doctype html>")):
        assert command("adopt", "--output", name).code == 0
        written = (tmp_path / name).read_text()
        assert written.lower().startswith(start.lower()) and "aims-gates adopt loans 3 --key YOUR.key" in written
    said = command("adopt", "--output", "plan.pdf")
    assert said.code == 1 and ".md or .html" in said.err


def test_a_registry_of_150_is_read_at_once_and_no_model_is_loaded(
    shop: Any, command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    assert shop.run("detach", "--reason", "a registry from before", "--yes", *shop.sign("policy")) == 0
    monkeypatch.setattr(mlflow.pyfunc, "load_model", lambda *_, **__: pytest.fail("a model was loaded"))

    def listen(*arguments: Any) -> None:
        asked.append(arguments[2])

    event.listen(Engine, "before_cursor_execute", listen)
    command("adopt", "--json")
    few = len(asked)
    registry_of(tmp_path, 150)
    asked.clear()
    began = time.process_time()
    said = json.loads(command("adopt", "--json").out)
    assert time.process_time() - began < 5
    event.remove(Engine, "before_cursor_execute", listen)
    assert len(said["models"]) == 151 and len(asked) <= few + 4


def test_what_observe_let_through_is_counted_since_a_date(shop: Any, command: Any, tmp_path: Path) -> None:
    system = tmp_path / "records" / "systems" / "loans" / "system.yaml"
    system.write_text(system.read_text() + "modes: {observe: 2020-01-01}\n")
    assert command("bind", "--changed", "--author", "somebody", *shop.sign("policy")).code == 0
    assert command("promote", "loans", "1").code == 0
    row = json.loads(command("status", "--json").out)[0]
    assert (row["state"], row["would_refuse"]) == ("observe", 1)
    assert json.loads(command("status", "--since", "2999-01-01", "--json").out)[0]["would_refuse"] == 0
    assert "WOULD REFUSE" in command("status").out
    assert json.loads(command("adopt", "--json").out)["would_refuse"] == {"since": None, "promotions": 1}
    said = command("adopt", "--since", "2020-01-01").out
    assert "1 promotion that observe or warn let through would have been refused since 2020-01-01" in said
    assert json.loads(command("adopt", "--since", "2999-01-01", "--json").out)["would_refuse"]["promotions"] == 0
