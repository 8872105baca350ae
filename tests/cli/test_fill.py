"""``records new --due`` and ``records fill``: all at once, then one question at a time."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from aims_gates.cli.fill import interview
from aims_gates.governance.records.placeholders import placeholders
from aims_gates.governance.records.reader import read_record

TODAY = date(2026, 11, 30)
SYSTEM = """\
name: loans
purpose: Decide which applications for a loan an underwriter looks at first.
owner: owner@example.org
tier: minimal
models: [loans]
facts: {affects_people: true, has_suppliers: false, has_external_parties: false, has_customers: false}
"""
ROLES = "records/organization/roles.yaml"


@pytest.fixture
def pack(tmp_path: Path, command: Any) -> Path:
    folder = tmp_path / "records" / "systems" / "loans"
    folder.mkdir(parents=True)
    (folder / "system.yaml").write_text(SYSTEM)
    return tmp_path


def test_new_due_writes_what_is_required_and_says_the_next_command(command: Any, pack: Path) -> None:
    said = command("records", "new", "--due", "--pack", ".")
    assert said.code == 0 and "Next: aims-gates records fill" in said.out
    (line,) = (row for row in said.out.splitlines() if ROLES in row)
    assert line.split()[1:3] == ["aims_manager", "written"] and int(line.split()[-1]) > 10
    assert (pack / ROLES).is_file()
    again = json.loads(command("records", "new", "--due", "loans", "--pack", ".", "--json").out)
    assert not any(row["written"] for row in again["records"])
    (row,) = (row for row in again["records"] if row["record"] == "organization/roles")
    assert row["open"] == int(line.split()[-1]) and row["gates"]
    assert again["open"]["typed"] > 0 and again["open"]["proposed"] > 0


def test_new_due_at_another_tier_and_in_a_named_folder(command: Any, pack: Path) -> None:
    said = command("records", "new", "--due", "--folder", str(pack), "--tier", "high", "--json")
    assert {row["record"] for row in json.loads(said.out)["records"]} >= {"system/impact_assessment", "system/card"}
    refused = command("records", "new", "concerns", "--tier", "high", "--pack", ".")
    assert refused.code == 1 and "--due" in refused.err
    assert "--due" in command("records", "new", "--pack", ".").err


def test_fill_lists_what_is_open_by_owner_and_file(command: Any, pack: Path) -> None:
    command("records", "new", "--due", "--pack", ".")
    rows = json.loads(command("records", "fill", "--list", "--json", "--pack", ".").out)
    assert {row["owner"] for row in rows} >= {"aims_manager", "system_owner"}
    (mode,) = (row for row in rows if row["key"] == "organization/concerns:response_days")
    assert mode["example"] == "10" and mode["proposal"] == "14"
    assert all(row["meaning"] and row["kind"] and row["places"] for row in rows)
    one = command("records", "fill", ROLES, "--list", "--owner", "aims_manager", "--pack", ".").out
    assert "model_validator" in one and "oversight:" not in one and "to confirm" in one
    (pack / ROLES).unlink()
    assert "nothing is open" in command("records", "fill", "--list", "--owner", "nobody", "--pack", ".").out
    assert "--pack" in command("records", "fill", "--list").err


def test_fill_takes_a_file_of_answers_and_tells_what_it_refuses(command: Any, pack: Path) -> None:
    command("records", "new", "--due", "--pack", ".")
    (pack / "answers.yaml").write_text("champion: c@example.org\nno.such: x\n")
    said = command("records", "fill", "--answers", "answers.yaml", "--pack", ".")
    assert said.code == 1 and "no open question has this key" in said.out and "1 answered, 1 refused" in said.out
    assert "c@example.org" in (pack / ROLES).read_text()
    (pack / "answers.yaml").write_text("ethics_lead: e@example.org\n")
    assert command("records", "fill", "--answers", "answers.yaml", "--pack", ".", "--json").code == 0
    (pack / "answers.yaml").write_text("- 1\n")
    assert "not a mapping" in command("records", "fill", "--answers", "answers.yaml", "--pack", ".").err


def test_fill_asks_nothing_where_there_is_no_terminal(
    command: Any, pack: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    said = command("records", "fill", "--pack", ".")
    assert said.code == 1 and "--list" in said.err and "--answers" in said.err


@pytest.fixture
def talk(command: Any, pack: Path) -> Callable[..., str]:
    """Answers an interview about the roles, line by line; what was shown."""
    command("records", "new", "--due", "--pack", ".")

    def run(*lines: str) -> str:
        with CliRunner().isolation(input="\n".join([*lines, "q", ""])) as (out, *_):
            interview(pack, TODAY, [pack / ROLES])
            return bytes(out.getvalue()).decode()

    return run


def test_the_interview_explains_refuses_writes_at_once_and_goes_on(pack: Path, talk: Callable[..., str]) -> None:
    first = talk("", "?", "none", "aims@example.org")
    assert f"== aims_manager: {ROLES}" in first
    assert "In the worked example: aims-manager@example.org" in first and "roles.yaml:3 owner" in first
    assert "'none' says nothing" in first
    assert read_record(pack / ROLES).value["owner"] == "aims@example.org"
    second = talk("boss@example.org")
    assert "Who runs the AI management system" not in second and "== aims@example.org" in second


def test_the_interview_takes_the_proposals_of_a_file_together(pack: Path, talk: Callable[..., str]) -> None:
    shown = talk("y")
    assert "body.may_halt: true" in shown and "Take these" in shown
    assert read_record(pack / ROLES).value["body"]["may_halt"] is True
    assert not any(
        question.proposal for question in placeholders(pack) if question.key.startswith("organization/roles:")
    )


def test_what_is_left_open_stays_a_placeholder_and_is_not_asked_again(pack: Path, talk: Callable[..., str]) -> None:
    shown = talk("-", *[""] * 60)
    assert shown.count("Who runs the AI management system") == 1
    assert shown.count("To which role.") == 1  # among the proposals, and not once more
    assert "REPLACE <aims_manager>" in (pack / ROLES).read_text()
    assert read_record(pack / ROLES).value["body"]["may_halt"] == "REPLACE, proposed: true"


def test_an_interview_answered_to_its_end_says_how_to_check(pack: Path, talk: Callable[..., str]) -> None:
    shown = talk("y", *(["who@example.org"] * 20))
    assert "records validate" in shown and "open:" in shown
