"""No criterion without a check: each line of the catalogue names what looks at it, and each check passes and fails."""

import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from aims_gates.evaluation.run_gate import run_gate
from aims_gates.evaluation.samples import read_samples
from aims_gates.governance.controls import DECISION_STEPS, catalogue, left_out
from aims_gates.packs import facts
from aims_gates.packs.case import Case
from aims_gates.packs.find import find_gates

GATES = find_gates()
TESTS = Path(__file__).resolve().parents[2] / "gates"
ROWS = [(entry.id, row) for entry in catalogue().values() for row in entry.evidence]
CHECKS = sorted({check for _, row in ROWS for check in row.checks if check not in DECISION_STEPS})
#: What a value of a record is replaced by.
OTHERS = ("REPLACE", "2019-01-01", "2031-01-01", "nothing of the kind", [], {}, False, True, 0, -1, 1_000_000, None)


def test_every_criterion_names_what_checks_it() -> None:
    assert [(control, row.says) for control, row in ROWS if not row.checks or not row.says] == []


@pytest.mark.parametrize(("control", "row"), ROWS, ids=[f"{name}-{row.checks[0]}" for name, row in ROWS])
def test_what_checks_a_criterion_bears_on_its_control(control: str, row: Any) -> None:
    """At least one of its checks is of a gate, or a step, that the control names."""
    assert any(check.partition(".")[0] in catalogue()[control].gates for check in row.checks) or control in BESIDE


#: Controls with a criterion that another control's gate, or the decision, looks at.
BESIDE = {"A.6.2.3", "A.6.2.4", "A.7.4"}


@cache
def shown(gate: str) -> Mapping[str, set[str]]:
    """The outcomes of each measure in a gate's samples, and by edits of one value of a sample's records.

    Of the system's own file the purpose alone is edited.
    """
    outcomes: dict[str, set[str]] = {}
    cases = [sample.case() for sample in read_samples(GATES[gate])]
    for case in cases:
        for finding in run_gate(GATES[gate], case):
            outcomes.setdefault(finding.measure, set()).add(finding.outcome or "")
    open_ = {fact.id for fact in GATES[gate].manifest.facts if "fail" not in outcomes.get(fact.id, ())}
    for case in cases:
        for edit in edits(case, read_by(gate, open_)) if open_ else ():
            for measure in failing(gate, edit, open_):
                outcomes[measure].add("fail")
                open_.discard(measure)
            if not open_:
                break
    return outcomes


def read_by(gate: str, measures: set[str]) -> set[str]:
    """The records of which these facts require something."""
    names = {fact.record for fact in GATES[gate].manifest.facts if fact.id in measures}
    return {name.removeprefix("system/") for name in names} | {"system"}


def edits(case: Case, names: set[str]) -> Iterator[Case]:
    """The case with one value of one of these records taken out or replaced; the record stays."""
    for value in (..., *OTHERS):
        for name in sorted(names & set(case.records)):
            record = case.records[name]
            for path in places(record) if name != "system" else [("purpose",)]:
                records = {**case.records, name: edited(record, path, value)}
                yield Case(case.gate, case.params, case.roles, {}, case.now, case.subject, records, run=case.run)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    parts = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield (*path, key)
        yield from places(part, (*path, key))


def edited(record: Any, path: tuple[Any, ...], value: Any) -> Any:
    result = deepcopy(record)
    parent = result
    for key in path[:-1]:
        parent = parent[key]
    if value is ...:
        del parent[path[-1]]
    else:
        parent[path[-1]] = value
    return result


def failing(gate: str, case: Case, measures: set[str]) -> Iterator[str]:
    names = facts._names(case)
    for fact in GATES[gate].manifest.facts:
        if fact.id in measures and facts._applies(fact, names)[0] and facts._answer(fact, names)[0] == "fail":
            yield fact.id


def named_in_tests(gate: str, measure: str) -> bool:
    """Whether the gate's own tests look at the measure by name."""
    path = TESTS / f"test_{gate}.py"
    return path.is_file() and re.search(rf"[\"']{measure}[\"']", path.read_text("utf-8")) is not None


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_is_there_and_both_passes_and_fails(check: str) -> None:
    gate, _, measure = check.partition(".")
    assert gate in GATES, "there is no such gate"
    outcomes = shown(gate).get(measure, set())
    assert {"pass", "fail"} <= outcomes or named_in_tests(gate, measure), outcomes


def test_steps_of_the_decision_are_the_only_checks_without_a_gate() -> None:
    steps = {check for _, row in ROWS for check in row.checks if "." not in check}
    assert steps <= DECISION_STEPS


def test_parts_that_nothing_shows_are_left_out() -> None:
    every = ["performance.accuracy_champion_difference", "robustness.flip_rate", "security.attack_success_rate"]
    assert left_out("A.6.2.4", every) == ()
    assert left_out("A.6.2.4", ["performance.accuracy", "security.looked_through"]) == tuple(
        catalogue()["A.6.2.4"].parts
    )
    assert left_out("A.2.2", []) == () and left_out("9.3", []) == ()


def test_each_part_is_of_a_gate_of_its_control() -> None:
    parts = [(entry, pattern) for entry in catalogue().values() for pattern in entry.parts.values()]
    assert parts and all(pattern.partition(".")[0] in entry.gates for entry, pattern in parts)
