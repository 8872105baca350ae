"""Records are texts that people sign: submitted by their author, approved by another person in the proper role."""

import json
import re
import shutil
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aims_gates.attestation.signing.keys import read_private
from aims_gates.attestation.statements.records import RecordApproval
from aims_gates.decision.records import EntriesSigned
from aims_gates.ledger.connect import open_ledger
from aims_gates.model import Subject
from aims_gates.portfolio.record_texts import record_texts, statuses
from aims_gates.workflow.record_texts import sign_entries
from aims_gates.workflow.requests import Draft, sign_and_append

from .conftest import trusted_example

PEOPLE = {"dee": "developer", "rita": "risk", "bo": "top-management", "cora": "compliance"}
NAMES = {"bo": "managing-director@example.org"}  # of whom organization/roles asks a course
ABOUT = ("system/monitoring", "mortgage", "records/systems/mortgage/monitoring.yaml")
ASSESSMENT = "records/systems/mortgage/impact_assessment.yaml"
MONITORING = "records/systems/mortgage/monitoring.yaml"


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    people = {name: (NAMES.get(name, name), role) for name, role in PEOPLE.items()}
    board = dict.fromkeys(("rita", "cora", "dee"), ("--role", "board"))
    return trusted_example(tmp_path_factory.mktemp("example"), people, board)


@pytest.fixture
def pack(example: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "pack"
    shutil.copytree(example, folder)
    monkeypatch.chdir(folder)
    return folder


def states(command: Any) -> dict[str, Any]:
    return {row["file"]: row for row in json.loads(command("records", "status", "--json").out)}


def test_a_text_is_approved_by_another_person_in_the_proper_role(pack: Path, command: Any) -> None:
    before = states(command)[MONITORING]
    assert (before["state"], before["needs"]) == ("unsigned", ["submit", "approve as risk"])
    early = command("records", "approve", MONITORING, "--key", "rita.key")
    assert early.code == 2 and "nobody has submitted" in early.err
    assert command("records", "submit", MONITORING, "--key", "dee.key").code == 0
    wrong = command("records", "approve", MONITORING, "--role", "compliance", "--key", "cora.key")
    assert wrong.code == 2 and "in the role risk" in wrong.err
    assert command("records", "approve", MONITORING, "--key", "dee.key").code == 2
    assert command("records", "approve", MONITORING, "--key", "rita.key").code == 0
    row = states(command)[MONITORING]
    assert (row["state"], row["needs"], row["submitted"]) == ("approved", [], {"by": ["dee"]})
    assert (row["approved"]["by"], row["approved"]["role"], row["approved"]["digest"]) == (
        ["rita"],
        "risk",
        row["digest"],
    )


def test_one_altered_word_has_to_be_approved_again_and_layout_has_not(pack: Path, command: Any) -> None:
    assert command("records", "submit", MONITORING, "--key", "dee.key").code == 0
    assert command("records", "approve", MONITORING, "--key", "rita.key").code == 0
    file = pack / MONITORING
    file.write_text(f"# a comment, and empty lines\n\n{file.read_text()}\n")
    assert states(command)[MONITORING]["state"] == "approved"
    file.write_text(file.read_text().replace("owner: ", "owner: another-", 1))
    row = states(command)[MONITORING]
    assert (row["state"], row["approved"], row["needs"]) == ("changed", None, ["submit", "approve as risk"])


def test_whoever_submitted_a_text_cannot_approve_it(pack: Path, command: Any) -> None:
    assert command("records", "submit", MONITORING, "--key", "rita.key").code == 0
    refused = command("records", "approve", MONITORING, "--key", "rita.key")
    assert refused.code == 2 and "rita submitted this text" in refused.err
    none_due = command("records", "approve", "--all-due", "--role", "risk", "--key", "rita.key")
    assert none_due.code == 1 and "nothing is due" in none_due.err


def test_all_that_waits_for_a_role_is_signed_at_once(pack: Path, command: Any) -> None:
    assert command("records", "submit", "--all-due", "--key", "dee.key").code == 0
    for person, role in list(PEOPLE.items())[1:]:
        assert command("records", "approve", "--all-due", "--role", role, "--key", f"{person}.key").code == 0
    rows = states(command)
    assert [file for file, row in rows.items() if row["state"] != "approved"] == [ASSESSMENT] and len(rows) > 20


def test_a_board_approves_once_its_quorum_has_signed(pack: Path, command: Any) -> None:
    assert states(command)[ASSESSMENT]["needs"] == ["submit", "approve as board, quorum 2"]
    assert command("records", "submit", ASSESSMENT, "--key", "dee.key").code == 0
    assert states(command)[ASSESSMENT]["needs"] == ["approve as board: 0 of 3 members signed, quorum 2"]
    due = ("records", "approve", "--all-due", "--role", "board", "--key")
    alone = command("records", "approve", ASSESSMENT, "--role", "risk", "--key", "rita.key")
    assert alone.code == 2 and "in the role board" in alone.err
    author = command("records", "approve", ASSESSMENT, "--key", "dee.key")
    assert author.code == 2 and "dee submitted this text" in author.err
    assert command(*due, "rita.key").code == 0
    row = states(command)[ASSESSMENT]
    assert (row["state"], row["needs"]) == ("unsigned", ["approve as board: 1 of 3 members signed, quorum 2"])
    assert row["board"] == {"quorum": 2, "members": ["cora", "dee", "rita"], "signed": ["rita"]}
    assert command(*due, "rita.key").code == 1  # nothing waits for whoever has signed
    twice = command("records", "approve", ASSESSMENT, "--key", "rita.key")
    assert twice.code == 2 and "counts once" in twice.err
    assert command(*due, "cora.key").code == 0
    row = states(command)[ASSESSMENT]
    assert (row["state"], row["needs"], row["approved"]["by"]) == ("approved", [], ["cora", "rita"])
    people = json.loads(command("plan", "mortgage", "--people", "--json").out)
    assert sum(does.startswith("signs as the board") for person in people["people"] for does in person["does"]) == 2


def test_what_cannot_be_approved_is_said_all_at_once_and_nothing_is_signed(pack: Path, command: Any) -> None:
    assert command("records", "submit", MONITORING, "--key", "dee.key").code == 0
    oversight = "records/systems/mortgage/oversight.yaml"
    refused = command(
        "records", "approve", MONITORING, oversight, "records/organization/roles.yaml", "--key", "rita.key"
    )
    assert refused.code == 2 and oversight in refused.err and "roles.yaml" in refused.err
    assert states(command)[MONITORING]["approved"] is None


def test_a_record_that_is_not_valid_is_not_signed(pack: Path, command: Any) -> None:
    file = pack / MONITORING
    file.write_text(file.read_text().replace("owner: ", "owner: REPLACE ", 1))
    refused = command("records", "submit", MONITORING, "--key", "dee.key")
    assert refused.code == 1 and "Nothing was signed" in refused.err and MONITORING in refused.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("README.md",), "no record that is approved"),
        ((), "no file is named"),
        (("records/systems/mortgage/system.yaml",), "no record that is approved"),
    ],
)
def test_only_records_of_the_packs_are_signed(pack: Path, command: Any, arguments: tuple[str, ...], words: str) -> None:
    refused = command("records", "submit", *arguments, "--key", "dee.key")
    assert refused.code == 1 and words in refused.err


@pytest.mark.parametrize(
    ("days", "grace", "state"),
    [
        *((0, {}, "approved"), (1, {}, "grace"), (30, {}, "grace"), (31, {}, "expired"), (1, {"": 0}, "expired")),
        *((31, {"mortgage": 60}, "grace"), (31, {"": 60}, "grace"), (31, {"other": 60}, "expired")),
    ],
)
def test_a_review_that_is_due_is_seen(pack: Path, command: Any, days: int, grace: dict[str, int], state: str) -> None:
    assert command("records", "submit", MONITORING, "--key", "dee.key").code == 0
    assert command("records", "approve", MONITORING, "--key", "rita.key").code == 0
    record = next(record for record in record_texts([pack]) if record.text.record == "system/monitoring")
    assert record.next_review is not None
    with open_ledger("aims+sqlite:///registry.db") as ledger:
        (status,) = statuses(ledger, [record], record.next_review + timedelta(days=days), grace)
    assert status.state == state and (status.needs[:1] == ("review",)) == (state != "approved")


def test_an_overdue_review_is_told_with_the_grace_of_the_profile(pack: Path, command: Any) -> None:
    file = pack / MONITORING
    day, last = date.today() - timedelta(days=5), date.today() + timedelta(days=25)
    text = re.sub(r"next_review: \S+", f"next_review: {day}", file.read_text())
    file.write_text(re.sub(r"approved_on: \S+", f"approved_on: {day - timedelta(days=90)}", text))
    record = next(record for record in record_texts([pack]) if record.text.record == "system/monitoring")
    subject, approval = Subject("system", record.text.digest), RecordApproval(*ABOUT, record.text.digest, role="risk")
    with open_ledger("aims+sqlite:///registry.db", write=True) as ledger:  # as it was signed before it was due
        entries = sign_entries(record.text, record.entries, EntriesSigned())
        for draft, key in ((Draft(record.text, subject), "dee.key"), (Draft(approval, subject), "rita.key")):
            sign_and_append(ledger, draft, read_private(pack / key), datetime.now(UTC))
        sign_and_append(ledger, entries, read_private(pack / "dee.key"), datetime.now(UTC))
    row = states(command)[MONITORING]
    assert (row["state"], row["renewal"]) == ("grace", {"due": f"{day}", "grace_until": f"{last}"})
    assert f"renewal due since {day}, grace until {last}" in command("records", "status").out


def window(days: int, within_limits: str) -> str:
    """A monitoring window that ended so many days ago."""
    return f"\n  - {{ended_on: {date.today() - timedelta(days)}, within_limits: {within_limits}}}"


def added(pack: Path, *windows: str) -> None:
    file = pack / MONITORING
    file.write_text(file.read_text().replace("\nbreaches:", "".join(windows) + "\nbreaches:"))


def approved(command: Any) -> str:
    assert command("records", "submit", MONITORING, "--key", "dee.key").code == 0
    assert command("records", "approve", MONITORING, "--key", "rita.key").code == 0
    row = states(command)[MONITORING]
    assert row["state"] == "approved" and row["entries"]["unsigned"] == 0 < row["entries"]["there"]
    return str(row["digest"])


def test_entries_are_signed_as_they_are_added_and_the_text_stays_approved(pack: Path, command: Any) -> None:
    text = approved(command)
    added(pack, window(3, "true"), window(4, "true"))
    row = states(command)[MONITORING]
    assert (row["state"], row["digest"], row["needs"]) == ("unsigned", text, ["submit: 2 entries unsigned"])
    said = command("records", "submit", "--all-due", "--key", "dee.key")
    assert said.code == 0 and "entries of" in said.out and said.out.count(MONITORING) == 1
    row = states(command)[MONITORING]
    assert (row["state"], row["submitted"], row["approved"]["by"]) == ("approved", {"by": ["dee"]}, ["rita"])


def test_a_signed_entry_that_is_gone_is_seen_until_the_proper_role_says_why(pack: Path, command: Any) -> None:
    added(pack, bad := window(3, "false"))
    approved(command)
    file = pack / MONITORING
    file.write_text(file.read_text().replace(bad, ""))
    row = states(command)[MONITORING]
    assert row["state"] == "changed" and row["needs"] == ["put back 1 entry signed before, or submit --because as risk"]
    silent = command("records", "submit", MONITORING, "--key", "dee.key")
    assert silent.code == 2 and "no longer in the record" in silent.err and "--because" in silent.err
    reason = ("records", "submit", MONITORING, "--because", "counted twice", "--key")
    assert command(*reason, "dee.key").code == 2
    assert command(*reason, "rita.key").code == 0
    assert states(command)[MONITORING]["state"] == "approved"


def test_the_very_text_that_was_approved_is_shown_when_its_file_has_moved_on(pack: Path, command: Any) -> None:
    text = approved(command)
    file = pack / MONITORING
    file.write_text(file.read_text().replace("cadence_days: 30", "cadence_days: 300"))
    shown = json.loads(command("records", "show", text).out)
    assert (shown["record"], shown["file"], shown["text"]["cadence_days"]) == ("system/monitoring", MONITORING, 30)
    assert "windows" not in shown["text"]
    nothing = command("records", "show", text[:-1] + "x")
    assert nothing.code == 1 and "is kept" in nothing.err


def test_a_changed_data_set_is_written_anew_where_it_is_a_fact_and_voids_no_approval(pack: Path, command: Any) -> None:
    folder, data = pack / "records" / "systems" / "mortgage", pack / "data"
    data.mkdir()
    requirements, system = (folder / "requirements.yaml").read_text(), folder / "system.yaml"
    system.write_text(re.sub(r"^schema:\n(  .*\n)+", "", system.read_text(), flags=re.MULTILINE))
    for role in ("reference", "evaluation", "production"):
        (data / f"{role}.csv").write_text(f"income,race\n1,a\n2,{role}\n")
    sheets = "records/systems/mortgage/datasheets.yaml"
    assert command("records", "submit", sheets, "--key", "dee.key").code == 0
    assert command("records", "approve", sheets, "--key", "rita.key").code == 0
    said = json.loads(command("records", "refresh", "mortgage", "--json").out)
    assert {Path(file).stem for file in said["files"]} == {"datasheets", "data_plan", "design_record"}
    (before, now), *others = said["digests"].items()
    assert others == []  # the evaluation set stays the one that was fixed
    assert before not in "".join(path.read_text() for path in folder.glob("*.yaml"))
    assert command("digest", "data/reference.csv").out.strip() == now
    assert (folder / "requirements.yaml").read_text() == requirements and "# The applications" in (
        pack / sheets
    ).read_text()
    assert states(command)[sheets]["state"] == "approved"
    assert "every data set is the one" in command("records", "refresh", "mortgage").out


def test_an_approver_sees_what_differs_from_the_text_before_and_signs_nothing_on_a_dry_run(
    command: Any, pack: Path
) -> None:
    for verb, name in (("submit", "dee"), ("approve", "rita")):
        assert command("records", verb, MONITORING, "--key", f"{name}.key").code == 0
    place = pack / MONITORING
    route = re.search(r"^alert_route: (.*)$", place.read_text("utf-8"), re.MULTILINE)
    assert route is not None
    place.write_text(place.read_text("utf-8").replace(route[0], "alert_route: aims-manager@example.org", 1), "utf-8")
    assert command("records", "submit", MONITORING, "--key", "dee.key").code == 0
    due = ("records", "approve", "--all-due", "--role", "risk", "--key", "rita.key")
    said = command(*due, "--dry-run")
    assert said.code == 0 and not said.out
    assert f"-{route[0]}\n" in said.err and "+alert_route: aims-manager@example.org\n" in said.err
    assert "-next_review" not in said.err
    assert states(command)[MONITORING]["state"] == "changed"
    said = command(*due, "--yes")
    assert said.code == 0 and "+alert_route" in said.err
    assert states(command)[MONITORING]["state"] == "approved"
