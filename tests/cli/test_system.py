"""``aims-gates system set-tier``: the difference first, the file whole, never below the classification."""

import json
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aims_gates.cli.tier_change import tier_change, with_tier
from aims_gates.documents.canonical import digest_bytes
from aims_gates.documents.strict_yaml import read_yaml
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.records.reader import read_system

TODAY = date(2026, 11, 30)
SYSTEM = """\
# Who may change this: the owner.
name: loans
purpose: Rank applications for loans by the risk that they are not paid back.
owner: head-of-lending  # since spring
tier:   minimal   # by the questionnaire
models: [loans, "loans two"]
"""
REQUIREMENTS = f"""\
decided_on: 2026-01-05
decided_by: head-of-lending
evaluation: {{file: data.parquet, digest: "{digest_bytes(b"rows")}"}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "records" / "systems" / "loans"
    folder.mkdir(parents=True)
    (tmp_path / "aims.yaml").write_text("packs: [.]\nregistry: aims+sqlite:///registry.db\n")
    (folder / "requirements.yaml").write_text(REQUIREMENTS)
    (folder / "system.yaml").write_text(SYSTEM)
    return folder / "system.yaml"


def test_the_difference_is_shown_and_the_file_keeps_its_comments(command: Any, file: Path) -> None:
    said = command("system", "set-tier", "loans", "limited", "--reason", "it now speaks\nto people", "--yes")
    assert said.code == 0, said.err
    reason = "it now speaks to people\ntier:   limited   # by"
    assert reason in file.read_text() and "owner: head-of-lending  # since spring" in file.read_text()
    assert file.read_text().replace("limited  ", "minimal  ").count("\n") == SYSTEM.count("\n") + 1
    for words in (
        "tier minimal -> limited",
        "+ A.8.2",
        "+ security",
        "system/oversight: aims-gates records new oversight",
        "organization/roles: aims-gates records new organization/roles",
        "people, at least: 2 -> 2",
        "signed by a policy owner who did not write this change",
        "aims-gates bind 'loans two' --system loans",
    ):
        assert words in said.out
    assert read_system(file.parents[3], "loans").system.tier == "limited"


def test_a_dry_run_and_nobody_to_ask_write_nothing(command: Any, file: Path) -> None:
    value = json.loads(command("system", "set-tier", "loans", "high", "--dry-run", "--json").out)
    assert value["written"] is False and value["tier"] == {"before": "minimal", "after": "high"}
    assert value["people"] == {"before": 2, "after": 3} and value["profile"]["after"] == "high"
    assert "A.5.5" in value["controls"]["added"] and value["controls"]["taken_away"] == []
    asked = command("system", "set-tier", "loans", "high", "--json")
    assert asked.code == 1 and "--yes" in asked.err and file.read_text() == SYSTEM


def test_those_who_may_sign_the_next_binding_are_named(command: Any, file: Path) -> None:
    command("keys", "new", "policy")
    command("keys", "trust", "policy.pub", "--person", "ann", "--role", "policy", "--first", "--key", "policy.key")
    value = json.loads(command("system", "set-tier", "loans", "high", "--dry-run", "--json").out)
    assert value["signers"] == ["ann"]


def test_a_lower_tier_needs_a_reason_and_takes_the_other_way(command: Any, file: Path) -> None:
    file.write_text(SYSTEM.replace("minimal", "high") + "profile: high+gpai-user\n")
    refused = command("system", "set-tier", "loans", "limited", "--yes")
    assert refused.code == 1 and "--reason" in refused.err and "tier:   high" in file.read_text()
    said = command("system", "set-tier", "loans", "limited", "--yes", "--reason", "fewer people meet it", "--json")
    value = json.loads(said.out)
    assert value["written"] and value["profile"] == {"before": "high+gpai-user", "after": "limited+gpai-user"}
    assert "A.5.5" in value["controls"]["taken_away"] and "profile: limited+gpai-user" in file.read_text()


def test_a_tier_lower_than_the_classification_gives_is_refused_with_the_reason(command: Any, file: Path) -> None:
    example = Path(__file__).parents[2] / "examples" / "pipelines" / "credit_scoring" / "records"
    shutil.copytree(example, file.parents[2], dirs_exist_ok=True)
    text = (file.parents[1] / "mortgage" / "system.yaml").read_text()
    said = command("system", "set-tier", "mortgage", "limited", "--yes", "--reason", "we would rather not")
    assert said.code == 2 and "lower than the classification's 'high'" in said.err and "Nothing was written" in said.err
    assert (file.parents[1] / "mortgage" / "system.yaml").read_text() == text


def test_a_profile_of_another_tier_and_a_system_that_is_not_there_are_refused(command: Any, file: Path) -> None:
    said = command("system", "set-tier", "loans", "limited", "--profile", "high", "--yes")
    assert said.code == 1 and "is for tier high" in said.err and file.read_text() == SYSTEM
    assert command("system", "set-tier", "cards", "limited").code == 1


def test_a_file_that_was_changed_meanwhile_is_left_alone(file: Path) -> None:
    record = read_system(file.parents[3], "loans")
    change = tier_change(record, Planner([file.parents[3]]), "high", None, "", TODAY)
    file.write_text(SYSTEM + "# a word\n")
    with pytest.raises(InputError, match="changed meanwhile"):
        change.write()
    assert file.read_text() == SYSTEM + "# a word\n"


@pytest.mark.parametrize(
    ("text", "after"),
    [
        ("name: a\ntier: minimal\n", "name: a\n# why\ntier: high\nprofile: high\n"),
        ("name: a\r\ntier: 'minimal' # x\r\n", None),
        ("tier: minimal\r\nname: a\r\nprofile: minimal", "# why\r\ntier: high\r\nname: a\r\nprofile: high"),
        ("name: a\nprofile: minimal # y\n", "name: a\n# why\ntier: high\nprofile: high # y\n"),
    ],
)
def test_only_the_values_change(text: str, after: str | None) -> None:
    result = with_tier(text.encode(), "f", {"tier": "high", "profile": "high"}, "# why")
    assert after is None or sorted(result.splitlines()) == sorted(after.splitlines())
    assert read_yaml(result.encode(), "f").value == {"name": "a", "tier": "high", "profile": "high"}


@pytest.mark.parametrize(
    "text", ["{name: a, tier: minimal}\n", "name: a\ntier:\n  minimal\n", "name: a\ntier: >-\n  minimal\n"]
)
def test_what_cannot_be_edited_in_its_line_is_left_to_a_person(text: str) -> None:
    with pytest.raises(InputError, match="does not stand alone") as caught:
        with_tier(text.encode(), "f", {"tier": "high"}, "")
    assert "tier: high" in str(caught.value.remedy)
