"""``aims-gates explain --what-if-tier``: another tier tried on a version; nothing is signed or written."""

import json
from pathlib import Path
from typing import Any

import pytest

from aims_gates.governance.records.reader import read_system


@pytest.fixture
def folder(shops: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shops.open_shop(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_says_what_is_met_what_is_lacking_and_the_shortest_path(command: Any, folder: Path) -> None:
    before = contents(folder)
    said = command("explain", "loans", "1", "--what-if-tier", "limited", "--json")
    value = json.loads(said.out)
    assert said.code == value["exit"] == 3 and contents(folder) == before
    assert value["tier"] == {"now": "high", "what_if": "limited"} and value["profile"] == "limited"
    assert value["path"][0] == "aims-gates system set-tier loans limited"
    assert value["path"][1] == "aims-gates records new --due --system loans"
    assert value["path"][-1] == "aims-gates promote loans 1"
    assert "system/oversight" in value["needs_records"]["missing"]
    assert {"role": "risk", "what": "1 approval of the request", "holders": ["risk"]} in value["needs_signatures"]
    assert value["people"] == 2
    text = command("explain", "loans", "1", "--what-if-tier", "limited").out
    for words in ("Needs data", "the column sensitive is not named", "Needs signatures", "The shortest path:\n  1. "):
        assert words in text
    assert len(text.splitlines()) <= 40


def test_the_first_steps_of_the_path_do_what_they_say(command: Any, folder: Path) -> None:
    value = json.loads(command("explain", "loans", "1", "--what-if-tier", "limited", "--json").out)
    set_tier, new_due = (step.split()[1:] for step in value["path"][:2])
    assert command(*set_tier, "--yes", "--reason", "we decide less").code == 0
    assert command(*new_due).code == 0
    after = json.loads(command("explain", "loans", "1", "--what-if-tier", "limited", "--json").out)
    assert set(after["needs_records"]["missing"]) <= {"system/classification"}
    assert after["tier"]["now"] == "limited" and not after["path"][0].startswith("aims-gates system")


def test_explain_estimates_what_it_takes_to_close_what_is_open(command: Any, folder: Path) -> None:
    said = command("explain", "loans", "1", "--json")
    effort = json.loads(said.out)["effort"]
    assert effort["estimate"] is True and effort["minutes"] > 0 and "developer" in effort["people"]
    roles = f"{effort['minutes']} minutes of people in {len(effort['people'])} roles"
    assert f"To close what is open: about {roles}" in " ".join(command("explain", "loans", "1").out.split())


def test_a_tier_needs_a_version_and_takes_no_reports(command: Any, folder: Path) -> None:
    said = command("explain", "loans", "--what-if-tier", "high")
    assert said.code == 1 and "tried on a version" in said.err
    reports = command("explain", "loans", "1", "--what-if-tier", "high", "--report", "html:out.html")
    assert reports.code == 1 and not (folder / "out.html").exists()
    assert read_system(folder, "loans").system.tier == "high"
