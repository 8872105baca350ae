"""Placeholders are found as questions, and answers written where they belong or refused with the reason."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from aims_gates.errors import InputError
from aims_gates.governance.records.filling import fill, fill_all
from aims_gates.governance.records.placeholders import Placeholder, counts, placeholders
from aims_gates.governance.records.reader import read_record
from aims_gates.governance.records.skeleton import KINDS, blank, parsed, skeleton

TODAY = date(2026, 11, 30)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    organization = tmp_path / "records" / "organization"
    organization.mkdir(parents=True)
    for name in ("roles", "concerns", "ai_policy"):
        text = skeleton(f"organization/{name}", {}, TODAY)
        (organization / f"{name}{'.md' if text.startswith('---') else '.yaml'}").write_text(text)
    system = tmp_path / "records" / "systems" / "loans"
    system.mkdir(parents=True)
    (system / "system.yaml").write_text(
        "name: loans\npurpose: REPLACE <loans.purpose>\nfacts: {has_suppliers: REPLACE}\n"
    )
    (system / "oversight.yaml").write_text(skeleton("system/oversight", {"system": "loans"}, TODAY))
    return tmp_path


def question(pack: Path, key: str) -> Placeholder:
    return next(each for each in placeholders(pack) if each.key == key)


def organization(pack: Path, name: str) -> Any:
    return read_record(pack / "records" / "organization" / name).value


@pytest.mark.parametrize(
    ("text", "key", "proposal"),
    [
        ("REPLACE", "", ""),
        ("REPLACE <loans.fallback>", "loans.fallback", ""),
        ("REPLACE, proposed: a: b, c", "", "a: b, c"),
        ("REPLACE <next_review>, proposed: 2027-11-29", "next_review", "2027-11-29"),
        ("REPLACE with the text that is approved.", "", ""),
        ("REPLACE <loans.purpose>: say in a sentence", "loans.purpose", ""),
        ("REPLACED", "", ""),
    ],
)
def test_a_placeholder_says_its_key_and_its_proposal(text: str, key: str, proposal: str) -> None:
    assert parsed(text) == (key, proposal)
    if key and proposal:
        assert blank(key, proposal) == text


@pytest.mark.parametrize("name", KINDS)
def test_every_placeholder_of_a_new_record_has_words_and_a_kind(tmp_path: Path, name: str) -> None:
    group, stem = name.split("/")
    folder = tmp_path / "records" / ("organization" if group == "organization" else "systems/loans")
    folder.mkdir(parents=True)
    (folder / "system.yaml").write_text("name: loans\n")
    text = skeleton(name, {"system": "loans"}, TODAY)
    (folder / f"{stem}{'.md' if text.startswith('---') else '.yaml'}").write_text(text)
    questions = placeholders(tmp_path)
    assert questions
    for each in questions:
        assert each.meaning and each.kind and each.owner and (each.spots[0].line or each.spots[0].place == ("text",))
        assert each.choices or each.kind != "one of these words"


def test_a_fact_of_several_records_is_asked_once_and_written_in_each(pack: Path) -> None:
    manager = question(pack, "aims_manager")
    assert len(manager.spots) == 4 and manager.owner == "aims_manager" and "management system" in manager.meaning
    files = fill(manager, "aims@example.org", TODAY)
    assert [file.name for file in files] == ["roles.yaml", "ai_policy.md"]
    assert organization(pack, "ai_policy.md")["owner"] == "aims@example.org"
    assert "aims_manager" not in {each.key for each in placeholders(pack)}
    assert question(pack, "top_management").person == "aims@example.org"  # who keeps the record is known by now


def test_one_person_of_two_roles_stands_once_among_the_people(pack: Path) -> None:
    done, errors = fill_all(pack, {"data_steward": "one@example.org", "champion": "one@example.org"}, TODAY)
    assert done == ["data_steward", "champion"] and not errors
    people = [person["id"] for person in organization(pack, "roles.yaml")["people"]]
    assert people.count("one@example.org") == 1 and len(people) == 9


def test_comments_and_every_other_byte_stay(pack: Path) -> None:
    file = pack / "records" / "organization" / "concerns.yaml"
    text = "# mine\n" + file.read_text().replace("response_days:", "response_days:  ")
    file.write_bytes(text.replace("\n", "\r\n").encode())
    fill(question(pack, "organization/concerns:response_days"), "7", TODAY)
    expected = text.replace('"REPLACE, proposed: 14"', "7").replace("\n", "\r\n").encode()
    assert file.read_bytes() == expected


@pytest.mark.parametrize(
    ("key", "answer", "message"),
    [
        ("organization/concerns:response_days", "soon", "not a whole number"),
        ("organization/concerns:response_days", "0", "greater than 0"),
        ("organization/concerns:response_days", True, "not a whole number"),
        ("organization/concerns:anonymous", "n/a", "says nothing"),
        ("organization/concerns:anonymous", "REPLACE it", "says nothing"),
        ("organization/concerns:anonymous", "  ", "empty"),
        ("systems/loans/oversight:mode", "sometimes", "one of"),
        ("systems/loans/oversight:sampling_rate", "1.5", "less than or equal to 1"),
        ("systems/loans/oversight:sampling_rate", "nan", "number"),
        ("policies_checked_on", "2026-12-01", "lies in the future"),
        ("policies_checked_on", "yesterday", "not a date"),
        ("organization/ai_policy:commitments.compliance", "perhaps", "not yes or no"),
    ],
)
def test_an_answer_that_its_field_does_not_take_is_refused_and_nothing_is_written(
    pack: Path, key: str, answer: Any, message: str
) -> None:
    before = {file: file.read_bytes() for file in pack.rglob("*.*") if file.is_file()}
    with pytest.raises(InputError, match=message) as caught:
        fill(question(pack, key), answer, TODAY)
    assert caught.value.remedy
    assert {file: file.read_bytes() for file in before} == before


def test_where_one_of_several_files_refuses_none_is_written(pack: Path) -> None:
    file = pack / "records" / "organization" / "concerns.yaml"
    file.write_text(file.read_text().replace("address: REPLACE <concerns_address>", "address: REPLACE <loans.days>"))
    file.write_text(file.read_text().replace('"REPLACE, proposed: 14"', "REPLACE <loans.days>"))
    before = file.read_bytes()
    with pytest.raises(InputError, match="not a whole number"):
        fill(question(pack, "loans.days"), "desk@example.org", TODAY)
    assert file.read_bytes() == before


def test_an_approval_waits_for_the_rest_of_its_record(pack: Path) -> None:
    assert question(pack, "approved_on").waits
    with pytest.raises(InputError, match="not filled in"):
        fill(question(pack, "approved_on"), "2026-11-30", TODAY)
    concerns = {
        "ethics_lead": "ethics@example.org",
        "top_management": "boss@example.org",
        "next_review": "2027-11-01",
        "concerns_address": "desk@example.org",
        "organization/concerns:anonymous": "A paper form in each branch.",
        "organization/concerns:non_retaliation": "Nobody is put at a disadvantage.",
        "organization/concerns:response_days": 14,
        "approved_on": "2026-11-30",
    }
    done, errors = fill_all(pack, concerns, TODAY)
    assert not errors and done[-1] == "approved_on"
    assert organization(pack, "concerns.yaml")["approved_on"] == "2026-11-30"
    assert organization(pack, "roles.yaml")["approved_on"] == "REPLACE <approved_on>"
    assert question(pack, "approved_on").waits


def test_a_review_before_the_approval_is_refused(pack: Path) -> None:
    test_an_approval_waits_for_the_rest_of_its_record(pack)
    file = pack / "records" / "organization" / "concerns.yaml"
    file.write_text(file.read_text().replace("next_review: 2027-11-01", "next_review: REPLACE"))
    with pytest.raises(InputError, match="must lie after"):
        fill(question(pack, "organization/concerns:next_review"), "2026-11-30", TODAY)


def test_the_text_of_the_policy_is_approved_by_its_digest(pack: Path) -> None:
    assert question(pack, "policy_text_approved").waits
    policy = {each.key: each.proposal or "2026-11-30" for each in placeholders(pack) if "ai_policy" in str(each.spots)}
    policy |= {"aims_manager": "aims@example.org", "top_management": "boss@example.org"}
    asked = {key: value for key, value in policy.items() if key not in ("approved_on", "policy_text_approved")}
    assert not fill_all(pack, asked, TODAY)[1]
    ready = question(pack, "policy_text_approved")
    assert not ready.waits and ready.proposal.startswith("sha256:")
    with pytest.raises(InputError, match="not the digest of the text"):
        fill(ready, f"sha256:{'0' * 64}", TODAY)
    fill(ready, "yes", TODAY)
    record = organization(pack, "ai_policy.md")
    assert record["sha256"] == ready.proposal and record["text"].startswith("We use AI responsibly")


def test_answers_that_no_question_has_are_told_and_the_others_written(pack: Path) -> None:
    answers = {"champion": "c@example.org", "no.such": "x", "approved_on": "2026-11-30", "ethics_lead": "none"}
    done, errors = fill_all(pack, answers, TODAY)
    assert done == ["champion"]
    assert sorted(error.where.split(",")[0] for error in errors if error.where) == [
        "approved_on",
        "ethics_lead",
        "no.such",
    ]


def test_a_system_s_own_file_is_asked_about_too(pack: Path) -> None:
    fact = question(pack, "systems/loans/system:facts.has_suppliers")
    assert fact.kind == "yes or no"
    fill(fact, "no", TODAY)
    text = (pack / "records" / "systems" / "loans" / "system.yaml").read_text()
    assert "has_suppliers: false" in text
    assert counts(placeholders(pack))["typed"] > 0


def test_an_answer_to_a_question_that_the_file_no_longer_has_is_refused(pack: Path) -> None:
    stale = question(pack, "organization/concerns:anonymous")
    fill(stale, "A paper form.", TODAY)
    with pytest.raises(InputError, match="has changed since"):
        fill(stale, "Another way.", TODAY)
    assert organization(pack, "concerns.yaml")["anonymous"] == "A paper form."


def test_nobody_keeps_a_record_and_approves_it_alone(pack: Path) -> None:
    fill(question(pack, "aims_manager"), "one@example.org", TODAY)
    with pytest.raises(InputError, match="approve it alone"):
        fill(question(pack, "top_management"), "one@example.org", TODAY)
    assert organization(pack, "roles.yaml")["approver"] == "REPLACE <top_management>"
