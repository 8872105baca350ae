"""Facts as expressions: what passes, what fails, and that nothing unknown is ever a pass."""

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aims_gates import Case, Finding, Subject
from aims_gates.errors import DataError, PackError
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.packs.facts import MAX_EXPRESSION, Fact, judge
from aims_gates.packs.find import find_gates

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
RECORD = {
    "owner": "desk@example.org",
    "approver": "director@example.org",
    "version": "1",
    "approved_on": "2025-06-01",
    "next_review": "2026-06-01",
    "address": "here",
    "days": 10,
    "share": 0.5,
    "empty": "",
    "later": "2026-01-16",
    "open": True,
    "entries": [{"id": "a", "date": "2025-01-01"}, {"id": "b", "date": "2025-12-31"}],
    "chain": [{"input": "x", "output": "y"}, {"input": "y", "output": "z"}],
}
ROLES = {
    "people": [
        {"id": "director@example.org", "active": True},
        {"id": "desk@example.org", "active": True},
        {"id": "gone@example.org", "active": False},
    ],
    "roles": [{"role": "top_management", "holders": ["director@example.org", "gone@example.org"]}],
}
SYSTEM = {"name": "loans", "purpose": "Help  people\ndecide.", "tier": "high", "facts": {"affects_people": False}}


def fact(require: Any, **changes: Any) -> Fact:
    made = {
        "id": "it",
        "controls": ["A.3.3"],
        "record": "organization/concerns",
        "require": require,
        "says": "it is so",
        "remedy": "Make it so.",
    }
    return Fact.model_validate(made | changes)


def case(**changes: Any) -> Case:
    given: dict[str, Any] = {
        "gate": "concerns",
        "params": {"most": 30, "rate": 0.05},
        "roles": {},
        "data": {},
        "now": NOW,
        "records": {"system": SYSTEM, "organization/concerns": RECORD, "organization/roles": ROLES, "card": {"a": 1}},
    }
    return Case(**{**given, **changes})


def one(require: Any, **changes: Any) -> Finding:
    (found,) = judge([fact(require, **changes)], case())
    return found


@pytest.mark.parametrize(
    "require",
    [
        "true",
        "record.days <= params.most",
        "double(record.share) > double(params.rate)",
        'current(record) && holds(record.approver, "top_management")',
        'size(holders("top_management")) == 1',
        'stated(record, ["address", "owner"]) && every(record, "entries", ["id", "date"])',
        'latest(record.entries, "date").id == "b"',
        "within('2026-01-01', '2026-01-01', 0) && within('2026-01-01', '2026-01-06', 5)",
        "by('2026-01-01', '2026-01-01') && by('2025-12-31', '2026-01-01')",
        "days_since(record.approved_on) == 228 && days_until(record.next_review) == 137",
        "unbroken(record.chain)",
        'digest_of(system.purpose) == digest_of("Help people decide.")',
        '"system/card" in records && records["system/card"].a == 1 && records["card"].a == 1',
        'today == "2026-01-15" && now > timestamp("2026-01-15T00:00:00Z") && subject == ""',
        "!first_release && !has(record.nothing) && facts.affects_people == false",
        ["record.open", "record.open == true"],
    ],
)
def test_what_is_stated_passes_with_value_1(require: Any) -> None:
    found = one(require)
    assert (found.outcome, found.value, found.note) == ("pass", 1.0, "it is so")
    assert found.controls == ("A.3.3",)
    assert found.limit is not None
    assert found.limit.met(1.0)
    assert found.remedy is None


@pytest.mark.parametrize(
    ("require", "note"),
    [
        ("false", "not so: it is so"),
        ("record.nothing == 1", "the field 'nothing' is missing"),
        ("record.nothing == 1 && record.open", "the field 'nothing' is missing"),
        ("filled([record.address, record.nothing])", "the field 'nothing' is missing"),
        ('stated(record, ["address", "empty"])', "the field 'empty' is empty or a placeholder"),
        ('stated(record, ["a.b"])', "the field 'a.b' is missing"),
        ('every(record, "entries", ["id", "who"])', "entries[0]: the field 'who' is missing"),
        ('every(record, "empty", ["id"])', "'empty' has no entries"),
        ("record.entries.all(e, days_since(e.day) > 1)", "the field 'day' is missing"),
        ("days_since(record.later) <= 100", "2026-01-16 lies in the future"),
        ("days_since(record.address) <= 100", "'here' is no date"),
        (
            "within('2025-03-01', '2026-01-01', 15)",
            "2026-01-01 is 306 days after 2025-03-01, and at most 15 are allowed",
        ),
        ("within('2026-01-01', '2025-12-31', 15)", "2025-12-31 lies before 2026-01-01"),
        ("within('2026-01-10', record.later, 15)", "2026-01-16 lies in the future"),
        ("by('2026-01-02', '2026-01-01')", "2026-01-02 comes 1 day(s) after 2026-01-01"),
        ("by(record.later, '2026-12-31')", "2026-01-16 lies in the future"),
        ("by('yesterday', '2026-12-31')", "'yesterday' is no date"),
        ('latest(record.none, "date").id == "b"', "the field 'none' is missing"),
        ('holds(record.owner, "top_management")', "not so: it is so"),
        ('size(holders("nobody")) > 0', "not so: it is so"),
        ("unbroken([])", "the chain has no steps"),
        ("reclassified(record)", "a questionnaire is a mapping"),
        (["record.open", "record.empty != ''", "true"], "not so: it is so"),
    ],
)
def test_what_is_lacking_fails_with_value_0_and_says_what(require: Any, note: str) -> None:
    found = one(require)
    assert (found.outcome, found.value, found.remedy) == ("fail", 0.0, "Make it so.")
    assert note in (found.note or "")


@pytest.mark.parametrize(
    "require",
    ["1", "'yes'", "record.address > 3", "nothing", "nothing.known", "unknown_function(1)", "1 / 0 == 1", "(((", "a b",
     "record.days == record.entries[7]", "open('/etc/passwd')", "record.__class__ == 1", "[1].map(x, x)"],
)  # fmt: skip
def test_an_expression_without_an_answer_is_an_error_and_never_a_pass(require: str) -> None:
    found = one(require)
    assert found.outcome in ("error", "fail")
    assert found.outcome == "error" or "missing" in (found.note or "")
    assert found.remedy == "Make it so."


@pytest.mark.parametrize(
    ("require", "until"),
    [
        ("current(record)", "2026-06-01"),
        ("days_since(record.approved_on) <= 300", "2026-03-28"),
        ("days_until(record.next_review) >= 10", "2026-05-22"),
        ('today < "2026-02-01"', "2026-01-31"),
        ('now < timestamp("2026-02-01T00:00:00Z")', "2026-01-31"),
        ("days_since(record.approved_on) <= 5000", None),
        ("record.days == 10", None),
        (["record.open", "current(record)", "days_since(record.approved_on) <= 300"], "2026-03-28"),
    ],
)
def test_what_holds_by_a_date_says_until_when(require: Any, until: str | None) -> None:
    found = one(require)
    assert (found.outcome, found.until, found.stale) == ("pass", until, False)


@pytest.mark.parametrize(
    ("require", "until"),
    [
        ("days_since(record.approved_on) <= 30", "2025-07-01"),
        ('days_since(latest(record.entries, "date").date) <= 10', "2026-01-10"),
        ("days_until(record.approved_on) >= 0", "2025-06-01"),
        ("record.entries.all(e, days_since(e.date) <= 100)", "2025-04-11"),
    ],
)
def test_what_held_on_an_earlier_day_has_aged_and_says_when(require: Any, until: str) -> None:
    found = one(require)
    assert (found.outcome, found.value, found.until, found.stale) == ("fail", 0.0, until, True)


@pytest.mark.parametrize(
    "require",
    [
        "days_since(record.later) >= 0",  # the future does not age
        "record.days == 9",
        "record.days == 9 && current(record)",
        "days_since(record.nothing) <= 3",
        "current(record) && days_since(record.approved_on) < 0",
    ],
)
def test_what_never_held_is_no_matter_of_age(require: Any) -> None:
    found = one(require)
    assert (found.outcome, found.until, found.stale) == ("fail", None, False)


def test_a_fact_that_lapses_is_stale_when_it_is_not_so_and_failed_when_it_cannot_be_told() -> None:
    assert one("record.days == 9", lapses=True).stale
    assert not one("record.days == 9").stale
    assert not one("record.days == 10", lapses=True).stale
    assert not one("record.nothing == 9", lapses=True).stale
    assert not one("1 / 0 == 1", lapses=True).stale
    assert not one("true", record="organization/nothing", lapses=True).stale


def test_a_missing_record_fails_and_says_how_to_start_it() -> None:
    found = one("true", record="organization/suppliers")
    assert found.outcome == "fail"
    assert found.note == "the record organization/suppliers is missing"
    assert found.remedy == "Write it: aims-gates records new organization/suppliers"
    assert (found.missing, found.value, found.cause) == (True, None, "record")


def test_a_fact_that_is_not_so_names_what_has_to_change() -> None:
    assert one("record.days == 10").cause is None
    assert (one("record.days == 9").cause, one("record.days == 9").missing) == ("record", False)
    assert one("record.days == 9", cause="people").cause == "people"
    assert one("record.nothing == 9", cause="people").cause == "record"


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ('system.tier != "high"', "system.tier is high"),
        ("facts.affects_people == true", "facts.affects_people is False"),
        ('first_release && system.tier == "high"', "first_release is False"),
    ],
)
def test_a_fact_that_does_not_apply_is_information_that_names_what_decided(when: str, why: str) -> None:
    found = one("false", when=when)
    assert (found.outcome, found.limit, found.value) == (None, None, None)
    assert why in (found.note or "")


@pytest.mark.parametrize("when", ["facts.generative == true", "nothing", "(((", "1"])
def test_a_condition_that_cannot_be_answered_means_that_the_fact_applies(when: str) -> None:
    assert one("false", when=when).outcome == "fail"


@pytest.mark.parametrize(
    ("run", "facts", "first"),
    [({}, {}, False), ({}, {"first_release": True}, True), ({"first_release": False}, {"first_release": True}, False),
     ({"first_release": True}, {}, True), ({"first_release": "yes"}, {}, False)],
)  # fmt: skip
def test_what_the_run_says_of_a_first_release_goes_before_what_the_system_says(
    run: dict[str, Any], facts: dict[str, Any], first: bool
) -> None:
    records = {"system": {**SYSTEM, "facts": facts}, "organization/concerns": RECORD}
    (found,) = judge([fact("first_release")], case(run=run, records=records))
    assert (found.outcome == "pass") is first


def test_the_subject_is_the_digest_of_the_model_on_trial() -> None:
    (found,) = judge([fact('subject == "sha256:1"')], case(subject=Subject("model", "sha256:1")))
    assert found.outcome == "pass"


def test_a_number_that_expressions_have_no_room_for_is_an_error_of_the_record() -> None:
    with pytest.raises(DataError, match="no expression can look at"):
        list(judge([fact("true")], case(records={"organization/concerns": {"n": 2**70}})))


def test_an_expression_is_bounded_in_length() -> None:
    with pytest.raises(ValueError, match=str(MAX_EXPRESSION)):
        fact("true || " * MAX_EXPRESSION + "true")


def test_patterns_run_in_linear_time() -> None:
    assert one('!"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!".matches("^(a+)+$")').outcome == "pass"


@given(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=5), lambda inner: (
    st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)), max_leaves=8))  # fmt: skip
def test_no_record_whatever_makes_a_missing_field_pass(value: Any) -> None:
    records = {"organization/concerns": {"value": value}}
    (found,) = judge(
        [fact(["record.value == record.value || true", 'stated(record, ["absent"])'])], case(records=records)
    )
    assert found.outcome in ("fail", "error")


GATE = """\
id: channel
title: Channel
summary: A channel is there.
controls: [A.3.3, A.2.2]
phase: operation
kind: record
subject: organization
expires_days: 30
facts:
  - {id: there, controls: [CONTROL], record: organization/concerns, require: filled(record.address), says: s, remedy: r}
  - {id: SECOND, controls: [A.2.2], record: organization/concerns, require: 'record.days < 5', says: s, remedy: r}
"""


@pytest.fixture
def pack(tmp_path: Path) -> Callable[..., Path]:
    def write(control: str = "A.3.3", second: str = "quick", code: str = "") -> Path:
        folder = tmp_path / "gates" / "channel"
        folder.mkdir(parents=True)
        (folder / "gate.yaml").write_text(GATE.replace("CONTROL", control).replace("SECOND", second))
        if code:
            (folder / "gate.py").write_text(code)
        return tmp_path

    return write


def test_a_gate_with_facts_needs_no_code_and_names_the_controls_of_each(pack: Callable[..., Path]) -> None:
    gate = find_gates([pack()])["channel"]
    found = run_gate(gate, case(gate="channel"))
    assert [(each.measure, each.outcome, each.controls) for each in found] == [
        ("there", "pass", ("A.3.3",)),
        ("quick", "fail", ("A.2.2",)),
    ]
    assert outcome_of(found) == "fail"


def test_a_gate_with_facts_and_code_runs_both(pack: Callable[..., Path]) -> None:
    code = "from aims_gates import Finding\n\ndef run(case):\n    yield Finding('own', 1.0)\n"
    found = run_gate(find_gates([pack(code=code)])["channel"], case(gate="channel"))
    assert [each.measure for each in found] == ["there", "quick", "own"]


def test_the_digest_of_a_gate_covers_its_facts(pack: Callable[..., Path]) -> None:
    place = pack()
    before = find_gates([place])["channel"].digest
    file = place / "gates" / "channel" / "gate.yaml"
    file.write_text(file.read_text().replace("record.days < 5", "record.days < 50"))
    assert find_gates([place])["channel"].digest != before


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"control": "A.9.2"}, "names A.9.2, which the gate does not"),
        ({"second": "there"}, "two facts are called 'there'"),
    ],
)
def test_a_fact_that_does_not_fit_its_gate_is_refused_with_its_line(
    pack: Callable[..., Path], changes: dict[str, str], message: str
) -> None:
    gate = find_gates([pack(**changes)])["channel"]
    with pytest.raises(PackError, match=message) as caught:
        _ = gate.manifest
    assert "gate.yaml:1" in str(caught.value.where)


@pytest.mark.parametrize(
    "gate", [gate for gate in find_gates().values() if gate.manifest.facts], ids=lambda gate: gate.id
)
def test_every_expression_of_a_shipped_gate_can_be_read(gate: Any) -> None:
    from aims_gates.packs.full_cel import _tree

    for each in gate.manifest.facts:
        for expression in (each.require,) if isinstance(each.require, str) else each.require:
            _tree(expression)
        if each.when:
            _tree(each.when)


def test_an_expression_is_parsed_once_per_process(monkeypatch: pytest.MonkeyPatch) -> None:
    from celpy import Environment

    parse, texts = Environment.compile, []

    def counted(self: Environment, text: str) -> Any:
        texts.append(text)
        return parse(self, text)

    monkeypatch.setattr(Environment, "compile", counted)
    require = "days_since(record.approved_on) / 1 < 9753"
    for rate in (0.05, 0.1):
        assert [finding.outcome for finding in judge([fact(require)], case(params={"rate": rate}))] == ["pass"]
    assert texts == [require]


def test_finding_and_planning_gates_does_not_load_the_expression_language() -> None:
    code = (
        "from aims_gates.packs.find import find_gates; [gate.manifest for gate in find_gates().values()]; import sys;"
        "print('celpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
