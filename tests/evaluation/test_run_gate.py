"""A gate that breaks its contract is a finding with outcome error, whatever it did."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.model import Finding, Outcome
from aims_gates.packs.case import Case
from aims_gates.packs.gate import Gate

MANIFEST = """\
id: on_trial
title: A gate on trial
summary: It counts.
controls: [A.6.2.4, A.5.4]
phase: verification
kind: computed
subject: model
expires_days: 30
"""
HEAD = "from aims_gates import DataError, Finding, Limit\nimport numpy, types\nNAN = float('nan')\ndef run(case):\n    "


def trial(folder: Path, body: str, gate_of_case: str = "on_trial", manifest: str = MANIFEST) -> tuple[Finding, ...]:
    place = folder / "on_trial"
    place.mkdir()
    (place / "gate.yaml").write_text(manifest)
    (place / "gate.py").write_text(HEAD + body)
    return run_gate(Gate.read(place), Case(gate_of_case, {}, {}, {}, datetime.now(UTC)))


BROKEN = {
    "raises": ("raise ZeroDivisionError('boom')", "ZeroDivisionError: boom"),
    "leaves": ("raise SystemExit(0)", "SystemExit"),
    "raises midway": ("yield Finding('a', 1)\n    raise KeyError('late')", "KeyError"),
    "recurses": ("return run(case)", "RecursionError"),
    "returns nothing": ("return None", "returned nothing"),
    "returns an empty list": ("return []", "returned nothing"),
    "returns a bare finding": ("return Finding('a', 1)", "TypeError"),
    "returns a number": ("return 5", "TypeError"),
    "returns text": ("return 'pass'", "returned str, not a Finding"),
    "returns a dict": ("return [{'measure': 'a', 'outcome': 'pass'}]", "returned dict, not a Finding"),
    "returns None among findings": ("return [None]", "returned NoneType, not a Finding"),
    "names an unknown control": ("return [Finding('a', 1, controls=('A.9.9',))]", "A.9.9, which gate.yaml does not"),
    "names a control of another gate": ("return [Finding('a', 1, controls=('A.5.4', 'A.7.4'))]", "A.7.4, which"),
    "names controls as text": ("return [Finding('a', 1, controls='A.5.4')]", "controls"),
    "gives an outcome of its own": ("return [Finding('a', 1, limit=Limit('<=', 2), outcome='passed')]", "outcome"),
    "gives a limit of its own": ("return [Finding('a', 1, limit=('<=', 2), outcome='pass')]", "limit"),
    "gives an operator of its own": ("return [Finding('a', 1, limit=Limit('==', 1), outcome='pass')]", "limit.op"),
    "limits by NaN": ("return [Finding('a', 1, limit=Limit('<=', NAN), outcome='pass')]", "finding that is not one"),
    "gives no name": ("return [Finding(None, 1)]", "measure"),
    "groups by a number": ("return [Finding('a', 1, by={'age': 30})]", "by.age"),
    "is about no JSON": ("return [Finding('a', 1, over={'chunk': numpy.int64(3)})]", "finding that is not one"),
    "is about what cannot be copied": (
        "return [Finding('a', 1, by=types.MappingProxyType({}))]",
        "finding that is not one",
    ),
    "notes a number": ("return [Finding('a', 1, note=5)]", "note"),
}
NOT_FINITE = {
    "NaN": "return [Finding('a', NAN, limit=Limit('<=', 1), outcome='pass', note='why')]",
    "NaN without a limit": "return [Finding('a', NAN)]",
    "infinity": "return [Finding('a', -numpy.inf, limit=Limit('<=', 1), outcome='pass')]",
    "text": "return [Finding('a', 'much', limit=Limit('<=', 1), outcome='pass')]",
    "a list": "return [Finding('a', [1], limit=Limit('<=', 1), outcome='pass')]",
    "beyond floats": "return [Finding('a', 10**400, limit=Limit('<=', 1), outcome='pass')]",
}


@pytest.mark.parametrize(("body", "said"), BROKEN.values(), ids=BROKEN)
def test_a_gate_that_breaks_its_contract_is_an_error_that_bears_on_all_its_controls(
    tmp_path: Path, body: str, said: str
) -> None:
    findings = trial(tmp_path, body)
    assert outcome_of(findings) == "error"
    last = findings[-1]
    assert (last.outcome, last.measure, last.controls) == ("error", "on_trial", ("A.6.2.4", "A.5.4"))
    assert said in str(last.note)
    assert last.remedy


@pytest.mark.parametrize("body", NOT_FINITE.values(), ids=NOT_FINITE)
def test_a_value_that_is_no_finite_number_is_an_error_and_never_signed(tmp_path: Path, body: str) -> None:
    (finding,) = trial(tmp_path, body)
    assert (finding.outcome, finding.value) == ("error", None)
    assert "not a finite number" in str(finding.note)
    assert finding.remedy


@pytest.mark.parametrize(
    "body",
    [
        "return [Finding('a', limit=Limit('<=', 1), outcome='pass')]",
        "return [Finding('a', 2, limit=Limit('<=', 1), outcome='pass')]",
        "return [Finding('a', 0.02, p_value=0.01, limit=Limit('>=', 0.05), outcome='pass')]",
        "return [Finding('a', 1, limit=Limit('<=', 1))]",
    ],
    ids=["no value", "beyond the limit", "p-value beyond the limit", "no outcome"],
)
def test_a_pass_that_its_numbers_deny_is_an_error(tmp_path: Path, body: str) -> None:
    (finding,) = trial(tmp_path, body)
    assert finding.outcome == "error"


def test_the_gates_own_error_keeps_its_words(tmp_path: Path) -> None:
    body = "raise DataError('no column age', where='data.csv', remedy='Name it.')"
    (finding,) = trial(tmp_path, body)
    assert (finding.outcome, finding.note, finding.remedy) == ("error", "data.csv: no column age", "Name it.")
    (tmp_path / "two").mkdir()
    (finding,) = trial(tmp_path / "two", "raise DataError('odd')")
    assert (finding.note, finding.remedy) == ("odd", "Fix the input.")


def test_a_gate_that_does_not_import_is_an_error(tmp_path: Path) -> None:
    (finding,) = trial(tmp_path, "return [\n")
    assert finding.outcome == "error"
    assert "does not import" in str(finding.note)


def test_a_case_for_another_gate_is_an_error(tmp_path: Path) -> None:
    (finding,) = trial(tmp_path, "return [Finding('a', 1)]", gate_of_case="fairness")
    assert "'fairness'" in str(finding.note)
    assert finding.outcome == "error"


def test_sound_findings_come_back_plain_and_with_their_controls(tmp_path: Path) -> None:
    body = (
        "numbers = dict(value=numpy.float64(0.5), low=numpy.float32(0.25), high=1, n=numpy.int64(40))\n"
        "    yield Finding('a', **numbers, limit=Limit('<=', 1), outcome='pass')\n"
        "    yield Finding('b', 3, by={'sex': 'f'}, over={'column': 'age'}, controls=('A.5.4',))\n"
        "    yield Finding('c', 2, high=float('inf'), p_value=0.5, limit=Limit('>=', 0.05), outcome='pass')\n"
        "    yield Finding('d', outcome='fail', limit=Limit('<=', 1), note='absent')"
    )
    first, second, third, fourth = trial(tmp_path, body)
    assert [type(number) for number in (first.value, first.low, first.high, first.n)] == [float] * 4
    assert (first.value, first.controls) == (0.5, ("A.6.2.4", "A.5.4"))
    assert (second.outcome, second.controls, second.by) == (None, ("A.5.4",), {"sex": "f"})
    assert (third.outcome, third.high) == ("pass", None)
    assert (fourth.outcome, fourth.value) == ("fail", None)


@pytest.mark.parametrize(
    ("outcomes", "whole"),
    [
        ([], "inconclusive"),
        ([None, None], "inconclusive"),
        (["pass", None], "pass"),
        (["pass", "inconclusive"], "inconclusive"),
        (["inconclusive", "fail", "pass"], "fail"),
        (["fail", "error"], "error"),
    ],
)
def test_a_gates_outcome_is_its_worst_and_nothing_is_never_a_pass(
    outcomes: list[Outcome | None], whole: Outcome
) -> None:
    assert outcome_of(Finding("a", outcome=outcome) for outcome in outcomes) == whole


@pytest.mark.parametrize(
    ("body", "controls"),
    [
        ("return [Finding('gap', 1)]", ("A.5.4",)),
        ("return [Finding('other', 1)]", ("A.6.2.4", "A.5.4")),
        ("return [Finding('other', 1, controls=('people',))]", ("A.5.4",)),
        ("return [Finding('gap', 1, controls=('A.6.2.4',))]", ("A.6.2.4",)),
    ],
)
def test_a_finding_bears_on_what_gate_yaml_says_of_its_measure_or_topic(
    tmp_path: Path, body: str, controls: tuple[str, ...]
) -> None:
    [found] = trial(tmp_path, body, manifest=f"{MANIFEST}findings: {{gap: [A.5.4], people: [A.5.4]}}\n")
    assert found.controls == controls


@pytest.mark.parametrize(
    ("finding", "cause"),
    [
        ("'a', 2, limit=Limit('<=', 1), outcome='fail'", "training-data"),
        ("'b', 2, limit=Limit('<=', 1), outcome='fail'", "data"),
        ("'a', 1, 0, 2, limit=Limit('<=', 1), outcome='inconclusive'", "people"),
        ("'a', outcome='error'", "data"),
        ("'a', 0, over={'record': 'x'}, limit=Limit('>=', 1), outcome='fail'", "record"),
        ("'a', 1, limit=Limit('<=', 1), outcome='pass'", None),
        ("'a', 1", None),
    ],
)
def test_a_finding_says_what_has_to_change_as_gate_yaml_does(tmp_path: Path, finding: str, cause: str | None) -> None:
    causes = "causes: {fail: training-data, inconclusive: people, measures: {b*: data}}\n"
    (made,) = trial(tmp_path, f"yield Finding({finding})", manifest=MANIFEST + causes)
    assert made.cause == cause


def test_a_data_set_that_a_gate_does_not_have_is_missing(tmp_path: Path) -> None:
    (made,) = trial(
        tmp_path, "from aims_gates import MissingDataError\n    raise MissingDataError('no reference data')"
    )
    assert (made.outcome, made.missing, made.cause) == ("error", True, "data")
