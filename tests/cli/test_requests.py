"""Requests, approvals, rejections, waivers and revocations, as the people who make them type them."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


@pytest.fixture
def shop(shops: ModuleType, shop_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A shop of this test's own, and the current folder."""
    made = shops.open_shop(tmp_path / "shop")
    monkeypatch.chdir(made.folder)
    yield made


@pytest.fixture
def asked(shop: Any, command: Any) -> str:
    """An open request for version 1, in the short form that people read."""
    said = command("request", "open", "loans", "1", "--reason", "better", *shop.sign("dev"))
    assert said.code == 0
    found = re.match(r"request (\w{12}) is open for loans version 1\n", said.out)
    assert found is not None
    return found[1]


def tomorrow(days: int = 1) -> str:
    return (datetime.now(UTC).date() + timedelta(days=days)).isoformat()


def test_a_request_is_opened_listed_and_shown(command: Any, asked: str) -> None:
    (row,) = json.loads(command("request", "list", "--json").out)
    assert (row["name"], row["version"], row["by"], row["reason"]) == ("loans", "1", ["dev"], "better")
    assert row["id"].startswith(f"sha256:{asked}")
    assert asked in command("request", "list").out
    shown = command("request", "show", asked)
    for words in ("is open", "loans version 1", "better", "first promotion of this model", "aims-gates explain"):
        assert words in shown.out
    assert json.loads(command("request", "show", asked, "--json").out)["state"] == "open"


@pytest.mark.parametrize("version", ["01", "+1", " 1", "1.0", "latest", "٣", "9"])
def test_a_version_spelled_strangely_or_not_there_is_refused(shop: Any, command: Any, version: str) -> None:
    said = command("request", "open", "loans", version, *shop.sign("dev"))
    assert said.code == 1 and "remedy" in said.err and command("request", "list", "--json").out == "[]\n"


def test_a_model_bound_to_no_system_cannot_be_asked_for(shop: Any, shops: ModuleType, command: Any) -> None:
    import mlflow

    shops.use(shop.folder)
    client = mlflow.MlflowClient()
    client.create_registered_model("cards")
    client.create_model_version("cards", client.get_model_version("loans", "1").source)
    said = command("request", "open", "cards", "1", *shop.sign("dev"))
    assert said.code == 2 and "aims-gates bind cards" in said.err


@pytest.mark.parametrize("who", ["ci", "policy", "oncall"])
def test_only_those_who_may_ask_ask(shop: Any, command: Any, who: str) -> None:
    assert command("request", "open", "loans", "1", *shop.sign(who)).code in (2, 5)


def test_a_request_that_is_not_there_is_named(shop: Any, command: Any) -> None:
    said = command("request", "show", "abc123")
    assert said.code == 1 and "no request begins with 'abc123'" in said.err and "request list" in said.err


def test_an_approval_needs_the_role(shop: Any, command: Any, asked: str) -> None:
    said = command("approve", asked, "--role", "risk", *shop.sign("risk"))
    assert said.code == 0 and said.out == f"risk approved request {asked} as risk\n"
    refused = command("approve", asked, "--role", "risk", *shop.sign("compliance"))
    assert refused.code == 2 and "does not hold the role 'risk'" in refused.err and "compliance" in refused.err
    stranger = command("approve", asked, "--role", "developer", *shop.sign("dev"))
    assert stranger.code in (2, 5)


def test_a_key_that_nobody_trusts_approves_nothing(shop: Any, command: Any, asked: str) -> None:
    command("keys", "new", "stranger.key")
    assert command("approve", asked, "--role", "risk", "--key", "stranger.key").code == 5


def test_what_was_withdrawn_cannot_be_approved(shop: Any, command: Any, asked: str) -> None:
    assert command("request", "withdraw", asked, "--reason", "too early", *shop.sign("dev")).code == 0
    said = command("approve", asked, "--role", "risk", *shop.sign("risk"))
    assert said.code == 1 and "withdrawn" in said.err and "request open loans 1" in said.err


def test_what_was_replaced_cannot_be_approved(shop: Any, command: Any, asked: str) -> None:
    assert command("request", "open", "loans", "1", *shop.sign("dev")).code == 0
    said = command("approve", asked, "--role", "risk", *shop.sign("risk"))
    assert said.code == 1 and "replaced" in said.err


def test_a_rejection_says_why_and_ends_the_request(shop: Any, command: Any, asked: str) -> None:
    said = command("reject", asked, "--role", "risk", "--reason", "too risky", *shop.sign("risk"))
    assert said.code == 0 and said.out == f"risk rejected request {asked} as risk\n"
    assert command("approve", asked, "--role", "risk", *shop.sign("risk")).code == 1
    assert json.loads(command("request", "show", asked, "--json").out)["state"] == "rejected"
    explained = command("explain", "loans", "1", "--json")
    assert explained.code == 2 and "too risky" in explained.out


WAIVER = {
    "--control": "A.6.2.4", "--role": "risk", "--reason": "no data yet", "--risk": "some bad loans",
    "--compensating-control": "a person reviews each",
}  # fmt: skip
Waive = Callable[..., Any]


@pytest.fixture
def waive(shop: Any, command: Any) -> Waive:
    def run(who: str = "risk", until: str | int = 1, **changes: str) -> Any:
        options = WAIVER | {f"--{name}": value for name, value in changes.items()}
        words = [word for pair in options.items() for word in pair]
        return command(
            "waive",
            "loans",
            "1",
            *words,
            "--until",
            until if isinstance(until, str) else tomorrow(until),
            *shop.sign(who),
        )

    return run


def test_a_waiver_needs_an_open_request(waive: Waive) -> None:
    said = waive()
    assert said.code == 1 and "no open request" in said.err


def test_a_waiver_without_an_end_is_refused(command: Any, shop: Any, asked: str) -> None:
    said = command("waive", "loans", "1", *(word for pair in WAIVER.items() for word in pair), *shop.sign("risk"))
    assert said.code == 1 and "--until" in said.err


def test_a_waiver_is_stated_and_lifts_the_control(command: Any, waive: Waive, asked: str) -> None:
    said = waive()
    assert said.code == 0 and said.out.startswith(f"risk waived A.6.2.4 for loans version 1 until {tomorrow()}")
    states = {
        each["id"]: each["state"] for each in json.loads(command("explain", "loans", "1", "--json").out)["controls"]
    }
    assert states["A.6.2.4"] == "waived" and states["A.6.2.7"] == "missing"


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ({"until": 31}, 1, "the profile allows 30"),
        ({"until": -1}, 1, "has passed"),
        ({"until": "next week"}, 1, "not a date"),
        ({"control": "A.9.4"}, 1, "does not require A.9.4"),
        ({"role": "compliance", "who": "compliance"}, 2, "may not waive"),
        ({"who": "compliance"}, 2, "does not hold the role"),
    ],
)
def test_a_waiver_outside_the_rules_is_refused(
    waive: Waive, asked: str, changes: dict[str, Any], code: int, said: str
) -> None:
    found = waive(**changes)
    assert found.code == code and said in found.err and "remedy" in found.err


def test_a_revoked_waiver_no_longer_counts(shop: Any, command: Any, waive: Waive, asked: str) -> None:
    statement = re.search(r"statement (\w{12})", waive().out)
    assert statement is not None
    said = command("revoke", statement[1], "--reason", "the risk came true", *shop.sign("risk"))
    assert said.code == 0 and f"risk revoked {statement[1]} at ledger position" in said.out
    states = {
        each["id"]: each["state"] for each in json.loads(command("explain", "loans", "1", "--json").out)["controls"]
    }
    assert states["A.6.2.4"] == "missing"


def test_a_statement_that_is_not_there_cannot_be_revoked(shop: Any, command: Any) -> None:
    said = command("revoke", "abc123", "--reason", "x", *shop.sign("risk"))
    assert said.code == 1 and "no statement begins with 'abc123'" in said.err
    assert command("revoke", "", "--reason", "x", *shop.sign("risk")).code == 1


def test_explain_says_what_is_missing_and_its_code_is_the_decisions(shop: Any, command: Any) -> None:
    said = command("explain", "loans", "1", "--to", "production")
    assert said.code == 3 and "aims-gates check --model loans --version 1" in said.out
    value = json.loads(command("explain", "loans", "1", "--json").out)
    assert value["exit"] == 3 and value["allowed"] is False and value["subject"].startswith("sha256:")
    assert set(value) >= {"allowed", "mode", "tier", "system", "subject", "plan", "request", "controls", "approvals"}
    assert command("explain", "loans", "01").code == 1


def test_promoting_without_evidence_is_refused_with_the_controls(shop: Any, command: Any) -> None:
    said = command("promote", "loans", "1")
    assert said.code == 2 and "A.6.2.4" in said.err and "Traceback" not in said.err


def test_halting_and_rolling_back_are_for_those_on_call(shop: Any, command: Any) -> None:
    assert command("halt", "loans", "--reason", "harm", *shop.sign("dev")).code in (2, 5)
    said = command("halt", "loans", "--reason", "harm", *shop.sign("oncall"))
    assert said.code == 0 and "no alias stood" in said.out
    back = command("rollback", "loans", "1", "--reason", "harm", *shop.sign("oncall"))
    assert back.code == 2 and "Traceback" not in back.err


def test_the_ledger_is_verified_exported_and_checkpointed(shop: Any, command: Any, asked: str) -> None:
    value = json.loads(command("ledger", "verify", "--json").out)
    assert set(value) == {"ok", "size", "root", "problems", "rows_by_bytes", "rows_by_statement"}
    assert value["ok"] and value["problems"] == []
    assert (value["rows_by_bytes"], value["rows_by_statement"]) == (value["size"], value["size"])
    assert command("ledger", "export", "l.jsonl").code == 0
    assert command("ledger", "checkpoint", "c.json", *shop.sign("policy")).code == 0
    assert command("ledger", "verify", "--checkpoint", "c.json").code == 0
    said = command("ledger", "verify", "--export", "l.jsonl", "--json")
    assert said.code == 0 and json.loads(said.out)["root"] == value["root"]
    lines = Path("l.jsonl").read_text().splitlines()
    Path("l.jsonl").write_text("\n".join([*lines[:3], *lines[4:]]) + "\n")
    said = command("ledger", "verify", "--export", "l.jsonl")
    assert said.code == 5 and said.out.startswith("x ")
    assert command("ledger", "verify", "--export", "gone.jsonl").code == 1
    assert command("ledger", "verify", "--checkpoint", "gone.json").code == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE aims_ledger SET body = replace(body, 'A', 'B') WHERE position = 4",
        "DELETE FROM aims_ledger WHERE position = 3",
        "UPDATE aims_ledger SET position = -1 WHERE position = 2",
    ],
)
def test_a_ledger_row_edited_or_removed_is_code_5(shop: Any, command: Any, asked: str, damage: str) -> None:
    import sqlite3

    with sqlite3.connect(shop.folder / "registry.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute(damage)
    connection.close()
    said = command("ledger", "verify", "--json")
    assert said.code == 5 and json.loads(said.out)["ok"] is False


def test_an_alias_set_by_hand_with_the_guards_dropped_is_named_by_reconcile(
    shop: Any, command: Any, asked: str
) -> None:
    import sqlite3

    value = json.loads(command("ledger", "reconcile", "--json").out)
    assert value == {"ok": True, "size": value["size"], "root": value["root"], "problems": []}
    said = command("ledger", "reconcile")
    assert said.code == 0 and said.out.startswith("the registry and the ledger agree: ")
    with sqlite3.connect(shop.folder / "registry.db") as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("INSERT INTO registered_model_aliases VALUES ('production', 1, 'loans', 'default')")
    connection.close()
    said = command("ledger", "reconcile")
    assert said.code == 5 and said.out.splitlines()[0].startswith("x loans version 1 (production): the registry points")
    assert "the database is not guarded" in said.out


def test_a_halt_is_ended_by_a_policy_owner_and_not_by_whoever_registered_it(shop: Any, command: Any) -> None:
    said = command("resume", "loans", "--reason", "fixed", *shop.sign("policy"))
    assert said.code == 1 and "was never halted" in said.err
    assert command("halt", "loans", "--reason", "complaints", *shop.sign("oncall")).code == 0
    for by in ("dev", "oncall"):
        said = command("resume", "loans", "--reason", "fixed", *shop.sign(by))
        assert said.code == 2 and "role that resumes" in said.err and "policy or risk" in said.err
    said = command("resume", "loans", "--reason", "fixed", *shop.sign("policy"))
    assert said.code == 0 and "policy resumed loans" in said.out


def test_a_name_is_let_go_once_and_by_a_policy_owner(shop: Any, command: Any) -> None:
    assert command("bind", "loans", *shop.sign("policy")).code == 1
    assert command("bind", "loans", "--free", *shop.sign("policy")).code == 1
    free = ("bind", "loans", "--free", "--reason", "no longer used")
    said = command(*free, *shop.sign("risk"))
    assert said.code == 2 and "may not sign a freed/v1" in said.err
    said = command(*free, *shop.sign("policy"))
    assert said.code == 0 and "loans was let go by policy" in said.out
    assert command("ledger", "reconcile").code == 0, "no alias stands"
    said = command(*free, *shop.sign("policy"))
    assert said.code == 1 and "nothing governs" in said.err


def test_a_revocation_that_would_count_for_nothing_says_who_may(shop: Any, command: Any, asked: str) -> None:
    said = command("revoke", asked, "--reason", "not mine", *shop.sign("risk"))
    assert said.code == 2 and "may not revoke a request" in said.err and "May do it: a policy owner" in said.err
    said = command("request", "withdraw", asked, "--reason", "not mine", *shop.sign("risk"))
    assert said.code == 2 and "may not withdraw a request" in said.err
    assert command("request", "withdraw", asked, "--reason", "mine", *shop.sign("dev")).code == 0


@pytest.fixture
def drifted(shop: Any, shops: ModuleType, command: Any) -> Any:
    """The shop with drift judged too: its production failed, and was replaced by rows of the reference's kind."""
    profile = shop.folder / "profiles" / "shop.yaml"
    drift = "  A.7.4: {why: what the model meets must be what it was trained on, gates: [drift]}\n"
    profile.write_text(profile.read_text().replace("gates:\n", f"{drift}gates:\n", 1))
    data = shop.folder / "data"
    for name, rows in (("reference", shops.frame(5_000, 5)), ("production", shops.frame(5_000, 6))):
        rows.to_csv(data / f"{name}.csv", index=False)
    system = shop.folder / "records" / "systems" / "loans" / "system.yaml"
    places = "{evaluation: data/evaluation.csv, reference: data/reference.csv, production: data/production.csv}"
    system.write_text(system.read_text().replace("{evaluation: data/evaluation.csv}", places))
    needed = system.with_name("requirements.yaml")
    limits = {"psi": 0.2, "missing_increase": 0.05, "unseen_share": 0.05, "row_overlap_share": 0.05, "drift_share": 0.5}
    rows = [f"{{gate: drift, measure: {name}, limit: at most {most}, reason: usual}}" for name, most in limits.items()]
    needed.write_text(needed.read_text().replace("thresholds: [", f"thresholds: [{', '.join(rows)}, "))
    bind = ("bind", "loans", "--system", "loans", "--author", "somebody")
    assert command(*bind, *shop.sign("policy")).code == 0
    production = data / "production.csv"
    good = production.read_text()
    shops.frame(5_000, 7).assign(x=3.0).to_csv(production, index=False)
    assert shop.check(1) == 2
    production.write_text(good)
    return shop


@pytest.mark.long
def test_production_that_drifted_is_not_replaced_without_telling_approvers(drifted: Any, command: Any) -> None:
    assert drifted.check(1) == 3
    explained = command("explain", "loans", "1")
    assert "failed on other production data" in " ".join(explained.out.split())
    assert "request open loans 1 --replaced WHY" in explained.out and "tried before: version 1, drift:" in explained.out
    why = "the export repeated one row"
    shown = command("request", "open", "loans", "1", "--replaced", why, *drifted.sign("dev")).out
    assert f"replaced  {why}" in shown and "tried before: version 1, drift:" in shown
    for role in ("risk", "compliance"):
        request = json.loads(command("request", "list", "--json").out)[0]["id"]
        assert command("approve", request, "--role", role, *drifted.sign(role)).code == 0
    last = command("explain", "loans", "1")
    assert last.code == 0, last.out


def test_a_reason_for_data_that_were_never_replaced_is_refused(shop: Any, command: Any) -> None:
    said = command("request", "open", "loans", "1", "--replaced", "no reason", *shop.sign("dev"))
    assert said.code == 1 and "no failure on other data is on record" in said.err
