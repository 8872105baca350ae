"""``aims-gates acknowledge``: one's own word, for a text as it reads or a course."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aims_gates import Case, Finding
from aims_gates.decision.acts import acts_of
from aims_gates.decision.statements import Statements
from aims_gates.errors import RefusedError
from aims_gates.governance.records.reader import read_system
from aims_gates.ledger import rows
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.row import ACTS
from aims_gates.packs.facts import judge
from aims_gates.packs.find import find_gates
from aims_gates.workflow.acknowledge import acknowledge

from .conftest import Command

PEOPLE = {"pol": "policy", "dee": "developer"}
COURSE = "data-protection"


@pytest.fixture
def pack(command: Command, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The worked example's files; two people on the trust list, one of whom needs a course."""
    assert command("init", "--example", "credit-scoring", "--no-start", ".").code == 0
    for name in (*PEOPLE, "stranger"):
        assert command("keys", "new", f"{name}.key").code == 0
    for name, role in PEOPLE.items():
        first = ["--first"] if name == "pol" else []
        who = ["--person", name, "--role", role, *first, "--key", "pol.key"]
        assert command("keys", "trust", f"{name}.pub", *who).code == 0
    return Path.cwd()


def listed(command: Command, *what: str) -> dict[str, Any]:
    return {row["what"]: row for row in json.loads(command("acknowledge", *what, "--list", "--json").out)}


def test_everybody_signs_for_themselves_and_whoever_is_missing_is_listed(pack: Path, command: Command) -> None:
    policy = "organization/ai_policy"
    assert listed(command)[policy]["missing"] == ["dee", "pol"]
    done = json.loads(command("acknowledge", "ai_policy", "--key", "dee.key", "--json").out)
    assert (done["what"], done["by"]) == (policy, "dee")
    row = listed(command)[policy]
    assert (row["missing"], row["share"], row["digest"]) == (["pol"], 0.5, done["digest"])
    again = json.loads(command("acknowledge", policy, "--key", "dee.key", "--json").out)
    assert again["statement"] is None and again["on"] == row["acknowledged"][0]["on"]
    text = command("acknowledge", "--list").out
    assert "ai_policy" in text and "1 of 2" in text and COURSE in text

    file = Path(row["file"])
    content = file.read_text(encoding="utf-8")
    assert "version:" in content
    file.write_text(content.replace("version:", "version: '99' #", 1), encoding="utf-8")
    assert listed(command, "ai_policy")[policy]["missing"] == ["dee", "pol"]
    assert json.loads(command("acknowledge", "ai_policy", "--key", "dee.key", "--json").out)["statement"]

    assert command("acknowledge", COURSE, "--key", "dee.key").code == 0
    course = listed(command, COURSE)[f"course {COURSE}"]
    assert [entry["by"] for entry in course["acknowledged"]] == ["dee"]
    assert course["missing"] and "dee" not in course["missing"]


def test_what_people_signed_is_what_the_gates_count(pack: Path, command: Command) -> None:
    (told,) = [fact for fact in find_gates()["ai_policy"].manifest.facts if fact.id == "communicated"]

    def finding() -> Finding:
        with open_ledger(f"aims+sqlite:///{pack / 'registry.db'}") as ledger:
            acts = acts_of(Statements(rows(ledger, [ACTS, "trust", "revocation"]), "default", "loans"), "mortgage")
        records = read_system(pack, "mortgage").records
        (result,) = judge([told], Case("ai_policy", {}, {}, {}, datetime.now(UTC), records=records, acts=acts))
        return result

    assert finding().outcome == "pass" and finding().rests_on == ("record:organization/ai_policy",)
    assert command("acknowledge", "organization/ai_policy", "--key", "dee.key").code == 0
    assert "missing: pol" in str(finding().note)
    assert command("acknowledge", "organization/ai_policy", "--key", "pol.key").code == 0
    assert finding().outcome == "pass" and len(finding().rests_on) == 4


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((COURSE, "--person", "pol", "--key", "dee.key"), "dee cannot acknowledge course data-protection for pol"),
        (("ai_policy", "--key", "stranger.key"), "the key is on no trust list"),
        (("ai_policy", "--person", "dee", "--key", "stranger.key"), "the key is on no trust list"),
        (("juggling", "--key", "dee.key"), "there is no policy or course 'juggling'"),
        (("--key", "dee.key"), "no policy or course is named"),
    ],
)
def test_bad_input_signs_nothing(pack: Path, command: Command, arguments: Any, problem: str) -> None:
    refused = command("acknowledge", *arguments)
    assert refused.code != 0 and problem in refused.err
    assert all(not row["acknowledged"] for row in listed(command).values())


def test_nobody_acknowledges_for_another() -> None:
    assert acknowledge("course x", "sha256:1", "Ann", "ann").predicate.person == "ann"
    with pytest.raises(RefusedError, match="ann cannot acknowledge course x for bo"):
        acknowledge("course x", "sha256:1", "bo", "ann")
