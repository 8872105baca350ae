"""Whose signature under a record does not count, and whom records name that nobody knows: file, person, remedy."""

import json
import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from .conftest import Command, trusted_example

MONITORING = "records/systems/mortgage/monitoring.yaml"
ORGANIZATION = "records/organization"
POLICY, ROLES, TRAINING = (f"{ORGANIZATION}/{name}" for name in ("ai_policy.md", "roles.yaml", "training.yaml"))
COURSE = "- {person: managing-director@example.org, course: ai-governance-basics, date: "
#: Key -> person and role. Somebody who is gone has a key whose days are over.
PEOPLE = {
    "dee": ("model-developer@example.org", "developer"),
    "rita": ("rita@example.org", "risk"),
    "val": ("model-validator@example.org", "risk"),
    "gone": ("gone@example.org", "risk"),
    "top": ("managing-director@example.org", "top-management"),
    "next": ("newcomer@example.org", "top-management"),
}
Edit = Callable[[str, str, str], None]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ended = {"gone": ("--not-after", f"{date.today() - timedelta(days=2)}")}
    return trusted_example(tmp_path_factory.mktemp("example"), PEOPLE, ended)


@pytest.fixture
def pack(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pack"
    shutil.copytree(example, folder)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def edit(pack: Path) -> Edit:
    def change(file: str, old: str, new: str) -> None:
        text = (pack / file).read_text("utf-8")
        assert old in text
        (pack / file).write_text(text.replace(old, new), "utf-8")

    return change


def refused(said: Any, *words: str) -> None:
    """Nothing was signed, and the message holds these words."""
    assert said.code != 0
    assert [word for word in words if word not in said.err] == []


def submit(command: Command, *files: str) -> None:
    said = command("records", "submit", *files, "--key", "dee.key")
    assert said.code == 0, said.err


def approve(command: Command, file: str, name: str) -> Any:
    return command("records", "approve", file, "--yes", "--key", f"{name}.key")


def test_whoever_may_not_approve_a_text_is_told_the_file_the_person_and_the_remedy(
    pack: Path, command: Command, edit: Edit
) -> None:
    submit(command, MONITORING)
    refused(approve(command, MONITORING, "dee"), MONITORING, "model-developer@example.org", "Ask another person")
    refused(approve(command, MONITORING, "top"), "managing-director@example.org", "role 'risk'", "keys list")
    refused(approve(command, MONITORING, "gone"), MONITORING, "the key of gone@example.org signs", "keys trust")
    assert approve(command, MONITORING, "rita").code == 0
    refused(approve(command, MONITORING, "rita"), MONITORING, "rita@example.org has approved", "Nothing is to be done")
    edit(MONITORING, "cadence_days: 30", "cadence_days: 29")
    refused(approve(command, MONITORING, "rita"), MONITORING, "as it now reads", "records submit")


@pytest.mark.parametrize("workspace", ["", "workspace: elsewhere\n"])
def test_a_record_of_another_system_of_the_same_name_is_not_approved(
    pack: Path, command: Command, workspace: str
) -> None:
    other = pack / "other"
    shutil.copytree(pack / "records", other / "records")
    own = other / "records" / "systems" / "mortgage" / "system.yaml"
    own.write_text(f"{workspace}{own.read_text()}")
    packs = ("--pack", ".", "--pack", "other")
    for verb, key in (("submit", "dee"), ("approve", "rita")):
        said = command("records", verb, MONITORING, "--key", f"{key}.key", *packs)
        refused(said, MONITORING, f"other/{MONITORING}", "mortgage", "Rename one")


def test_an_approver_of_whom_a_course_is_asked_has_finished_it(pack: Path, command: Command, edit: Edit) -> None:
    submit(command, POLICY, MONITORING)
    typed = approve(command, POLICY, "top")  # the course is noted, and nobody has signed that
    refused(typed, POLICY, "nobody has signed that managing-director@example.org", "ai-governance-basics")
    submit(command, TRAINING)
    missing = approve(command, POLICY, "next")
    refused(missing, POLICY, "newcomer@example.org has not finished", f"top_management at {pack / ROLES}:", TRAINING)
    assert approve(command, POLICY, "top").code == 0
    edit(ROLES, "competence: [model-validation]", "competence: [model-validation, statistics]")
    holder = approve(command, MONITORING, "val")  # the trust list's role has no course; the role that is held has
    refused(holder, MONITORING, "model-validator@example.org has not finished the course statistics")
    assert approve(command, MONITORING, "rita").code == 0


@pytest.mark.parametrize(("own", "days"), [(True, 100), (False, 365)])
def test_a_course_lapses_after_as_many_days_as_the_plan_counts_it(
    pack: Path, command: Command, edit: Edit, own: bool, days: int
) -> None:
    if own:
        (pack / "profiles").mkdir()
        text = "id: own\ntitle: Own\ntier: high\nextends: high\ngates:\n  training: {params: {max_days: 100}}\n"
        (pack / "profiles" / "own.yaml").write_text(text)
        edit("records/systems/mortgage/system.yaml", "profile: high", "profile: own")
    file = pack / TRAINING
    lines = file.read_text().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if COURSE in line)
    for ago, code in ((days + 1, 2), (days, 0)):
        lines[place] = f"  {COURSE}{date.today() - timedelta(days=ago)}}}\n"
        file.write_text("".join(lines))
        reason = ["--because", "noted anew", "--key", "top.key"]
        assert command("records", "submit", TRAINING, *reason).code == 0
        submit(command, POLICY)
        said = approve(command, POLICY, "top")
        assert said.code == code
        assert code == 0 or f"more than {days} days ago" in said.err


def test_how_long_a_course_counts_is_not_guessed_where_the_plan_cannot_be_made(
    pack: Path, command: Command, edit: Edit
) -> None:
    edit("records/systems/mortgage/system.yaml", "profile: high", "profile: limited")
    submit(command, TRAINING, POLICY)
    refused(approve(command, POLICY, "top"), "the profile 'limited' is for tier limited")


def test_top_management_begins_with_roles_and_training_and_later_needs_the_course(
    pack: Path, command: Command, edit: Edit
) -> None:
    submit(command, ROLES, TRAINING)
    for file in (ROLES, TRAINING):
        assert approve(command, file, "next").code == 0
    edit(ROLES, "duty: Approves policy and resources.", "duty: Approves policy.")
    submit(command, ROLES)
    refused(approve(command, ROLES, "next"), ROLES, "newcomer@example.org has not finished")
    assert approve(command, ROLES, "top").code == 0


def test_without_a_training_record_nobody_has_finished_what_is_asked(pack: Path, command: Command) -> None:
    submit(command, POLICY)
    (pack / TRAINING).unlink()
    refused(approve(command, POLICY, "top"), "managing-director@example.org has not finished", TRAINING)


def test_people_in_records_are_on_the_trust_list(pack: Path, command: Command, edit: Edit) -> None:
    edit(MONITORING, "owner: ", "owner: nobody@example.org # ")
    said = command("records", "validate", "--json")
    problems = {problem["message"].split()[1]: problem for problem in json.loads(said.out)}
    assert said.code == 1 and "p" not in problems and "continuous" not in problems
    stranger = problems["nobody@example.org"]
    assert stranger["where"] == f"{pack / MONITORING}:1" and "keys trust" in stranger["remedy"]
    assert "model-developer@example.org" not in problems and "data-steward@example.org" in problems
    outside = command("records", "validate", "--pack", ".", "--registry", "aims+sqlite:///nowhere.db")
    assert outside.code == 0 and "warning" in outside.err and "no problems" in outside.out
