"""Bad questionnaires are refused by file, line and remedy; good ones survive being written and read again."""

from datetime import date
from pathlib import Path

import pytest

from aims_gates.documents.strict_yaml import Document, read_yaml
from aims_gates.errors import InputError
from aims_gates.governance.classification import (
    Answers,
    OrganizationRule,
    bundle,
    bundle_names,
    classify,
    purpose_digest,
    read_answers,
    read_rules,
    recheck,
    record,
    record_text,
    template,
)
from aims_gates.governance.records.reader import read_system

from .forms import SYSTEMS, TODAY, all_no, form

HEAD = "bundle: eu-2026-1744\nanswers:\n  is_ai_system: yes\n"


def reading(text: str) -> Document:
    return read_yaml(text.encode(), "answers.yaml")


@pytest.mark.parametrize(
    ("text", "line", "said", "remedy"),
    [
        (HEAD + "  5bb: yes\n", 4, "no such question", "5b"),
        (HEAD + "  5b: maybe\n", 4, "'maybe' is no answer", "yes, no or unknown"),
        (HEAD + "  5b: true\n", 4, "True is no answer", "yes, no or unknown"),
        (HEAD + "  5b: 1\n", 4, "1 is no answer", "yes, no or unknown"),
        (HEAD + "  5b:\n", 4, "nothing is no answer", "yes, no or unknown"),
        (HEAD + "  5b: [yes]\n", 4, "is no answer", "yes, no or unknown"),
        (HEAD + "  5b: YES\n", 4, "'YES' is no answer", "yes, no or unknown"),
        ("answers:\n  is_ai_system: no\n  5b: yes\n", 3, "not an AI system", "answers.yaml:2"),
        ("answers:\n  6e: yes\n  profiling_of_natural_persons: no\n", 2, "profile nobody", "answers.yaml:3"),
        (HEAD + "  gpai.provider: no\n  gpai.systemic_risk: yes\n", 4, "systemic", "answers.yaml:5"),
        (HEAD + "date: 2026-11-24\n", 4, "future", "really done"),
        (HEAD + "scope_reason: {reason: x, signed_by: y, signed_on: 2027-01-01}\n", 4, "future", "really done"),
        (HEAD + "exemption:\n  assessment: {reference: x, signed_by: y, signed_on: 2027-01-01}\n", 5, "future", "day"),
        (HEAD + "date: 2026-02-30\n", 4, "date", ""),
        (HEAD + "purpose: '  '\n", 4, "empty", "Fill it in"),
        (HEAD + "scope_reason: {reason: '', signed_by: y, signed_on: 2026-01-01}\n", 4, "empty", "Fill it in"),
        (HEAD + "scope_reason: {reason: x, signed_by: y}\n", 4, "signed_on", "signed_on"),
        (HEAD + "role: owner\n", 4, "'owner' is no role", "provider"),
        (HEAD + "role: {provider: yes}\n", 4, "role", "provider"),
        (HEAD + "exempt: yes\n", 4, "unknown field", "spelling"),
        (HEAD + "bundle_sha256: sha256:0\n", 4, "another one now", "rules"),
        (HEAD + "organization_rules: [{id: a, to: out-of-scope, reason: x}]\n", 4, "", ""),
        (HEAD + "organization_rules: [{id: a, to: high, reason: x, when: [5bb]}]\n", 4, "no question", "5b"),
        ("bundle: eu-1999\n", 1, "no bundle", "eu-2026-1744"),
        ("bundle: [eu]\n", 1, "id of a bundle", "rules list"),
        ("answers: [5b]\n", 1, "mapping", ""),
        ("- answers\n", 1, "mapping", "--template"),
    ],
)
def test_a_bad_questionnaire_is_refused_by_line_and_remedy(text: str, line: int, said: str, remedy: str) -> None:
    with pytest.raises(InputError) as caught:
        read_answers(reading(text), today=TODAY)
    if "no bundle" not in said:
        assert caught.value.where == f"answers.yaml:{line}"
    assert said in caught.value.message and remedy in (caught.value.remedy or "")


def test_an_answer_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="is there twice"):
        reading(HEAD + "  is_ai_system: no\n")


@pytest.mark.parametrize("text", ["{}", "answers: {}", "answers:", "bundle: neutral"])
def test_an_empty_form_is_undetermined_and_lists_its_questions(text: str) -> None:
    answers, rules = read_answers(reading(text), today=TODAY)
    result = classify(rules, answers, as_of=TODAY)
    assert result.tier == "undetermined" and result.counts_as == "high" and len(result.missing) > 10


@pytest.mark.parametrize("name", bundle_names())
def test_the_template_asks_every_question_and_is_undetermined_as_it_stands(name: str) -> None:
    text = template(bundle(name))
    answers, rules = read_answers(reading(text), today=TODAY)
    assert set(answers.answers) == set(rules.questions()) and set(answers.answers.values()) == {"unknown"}
    comments = " ".join(line.strip("# ") for line in text.splitlines() if line.startswith("  #"))
    assert all(question.ask in comments and question.help in comments for _, question in rules.questions().values())
    assert classify(rules, answers, as_of=TODAY).tier == "undetermined"
    assert max(map(len, text.splitlines())) <= 120


@pytest.mark.parametrize("case", SYSTEMS, ids=lambda case: case["name"])
def test_a_record_is_read_again_with_the_same_result(case: dict[str, object]) -> None:
    answers, rules = read_answers(Document(form({**case, "empty": False}), "case"), today=TODAY)
    result = classify(rules, answers, as_of=TODAY)
    text = record_text(record(answers, result))
    assert recheck(reading(text), today=TODAY) == result
    again, _ = read_answers(reading(text), today=TODAY)
    assert record_text(record(again, classify(rules, again, as_of=TODAY))) == text


def stored(*yes: str) -> str:
    answers, rules = read_answers(Document(form({"name": "credit", "yes": yes}), "case"), today=TODAY)
    return record_text(record(answers, classify(rules, answers, as_of=TODAY)))


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("tier: high", "tier: minimal", "result.tier"),
        ("5b: yes", "5b: no", "result.tier"),
        ("purpose: What", "purpose: Why", "result.purpose_sha256"),
        ("assessor: model owner\ndate", "assessor: somebody\ndate", "result.assessor"),
        ("as_of: '2026-11-23'", "as_of: soon", "result.as_of"),
    ],
)
def test_a_record_changed_by_hand_is_noticed(old: str, new: str, field: str) -> None:
    text = stored("5b")
    assert old in text
    with pytest.raises(InputError, match=field.replace(".", r"\.")) as caught:
        recheck(reading(text.replace(old, new, 1)), today=TODAY)
    assert str(caught.value.where).startswith("answers.yaml:") and "--out" in str(caught.value.remedy)


def test_a_record_without_a_result_or_under_rules_added_since_is_noticed() -> None:
    with pytest.raises(InputError, match="no result"):
        recheck(reading(HEAD), today=TODAY)
    rule = OrganizationRule("children", "high", "children use it")
    with pytest.raises(InputError, match=r"result\.tier"):
        recheck(reading(stored()), today=TODAY, rules=(rule,))


def test_a_record_needs_purpose_assessor_and_date() -> None:
    answers = Answers(answers=all_no(), role=("provider",))
    with pytest.raises(InputError, match="purpose, assessor, date"):
        record(answers, classify(bundle(), answers, as_of=TODAY))


def test_the_organizations_rules_are_read_and_cannot_lower() -> None:
    good = reading("rules:\n- {id: children, to: high, reason: children use it, when: [vulnerable_people]}\n")
    assert read_rules(good, bundle())[0].when == ("vulnerable_people",)
    for bad in ("rules:\n- {id: a, to: undetermined, reason: x}\n", "rules:\n- {id: a, to: high}\n", "raise: []\n"):
        with pytest.raises(InputError):
            read_rules(reading(bad), bundle())


def test_the_purpose_digest_is_that_of_system_yaml(tmp_path: Path) -> None:
    folder = tmp_path / "records" / "systems" / "credit"
    folder.mkdir(parents=True)
    purpose = "Estimates how likely a\n  private applicant is to repay."
    lines = ["name: credit", f"purpose: |-\n  {purpose}", "owner: credit risk", "tier: high", "models: [credit]"]
    (folder / "system.yaml").write_text("\n".join(lines))
    assert read_system(tmp_path, "credit").purpose_digest == purpose_digest(purpose)


def test_dates_of_the_future_are_measured_against_the_day_given() -> None:
    answers, _ = read_answers(reading(HEAD + "date: 2026-11-24\n"), today=date(2026, 11, 24))
    assert answers.date == date(2026, 11, 24)
