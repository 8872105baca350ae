"""Limits of the system's own: in the plan wherever they are stricter, and at tier high the only ones that will do."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aims_gates.documents.canonical import digest_bytes
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.evaluation.run_plan import GateInputs, run_plan
from aims_gates.governance.records.reader import read_system
from aims_gates.model import Evidence, Finding, Plan, Subject
from aims_gates.packs.find import find_gates
from aims_gates.profiles import read_profile

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SYSTEM = """\
name: loans
purpose: Decide which small loans are granted to applicants.
owner: head-of-lending
tier: {tier}
profile: mine
models: [loans]
data: {{evaluation: rows.csv}}
roles: {{target: y, prediction: prediction}}
"""
PROFILE = """\
id: mine
title: Mine
tier: {tier}
controls:
  A.6.2.4: {{why: measured, gates: [performance]}}
gates:
  performance: {{params: {{limits: {limits}}}}}
"""
FLOOR = "{accuracy: {op: '>=', value: 0.6}}"
REQUIREMENTS = """\
decided_on: "2026-01-05"
decided_by: head-of-lending
evaluation: {{file: rows.csv, digest: "sha256:{digest}"}}
thresholds: [{rows}]
"""
GATES = find_gates()
REASONED = "{gate: performance, measure: accuracy, limit: at least 0.7, reason: Below it people do it better.}"


def prepared(folder: Path, rows: str, tier: str, limits: str) -> tuple[Any, Plan]:
    system = folder / "records" / "systems" / "loans"
    system.mkdir(parents=True)
    (folder / "profiles").mkdir()
    (folder / "profiles" / "mine.yaml").write_text(PROFILE.format(tier=tier, limits=limits))
    (system / "system.yaml").write_text(SYSTEM.format(tier=tier))
    (system / "requirements.yaml").write_text(REQUIREMENTS.format(digest="a" * 64, rows=rows))
    (folder / "rows.csv").write_text("y,prediction\n" + "1,1\n0,0\n" * 400)
    record = read_system(folder, "loans")
    return record, make_plan(record, read_profile("mine", GATES, [folder]), GATES)


def limits(folder: Path, rows: str, limits: str = FLOOR) -> Any:
    return prepared(folder, rows, "limited", limits)[1].steps[0].params["limits"]


def check(folder: Path, rows: str, tier: str = "high", limits: str = FLOOR) -> Evidence:
    record, plan = prepared(folder, rows, tier, limits)
    return next(run_plan(plan, GATES, GateInputs(record, Subject("model", digest_bytes(b"m"), "loans/1")), NOW))


def lacking(evidence: Evidence) -> Finding:
    return next(finding for finding in evidence.findings if finding.missing)


def test_a_stricter_limit_of_the_system_is_the_plans(tmp_path: Path) -> None:
    assert limits(tmp_path, REASONED) == {"accuracy": {"op": ">=", "value": 0.7}}


@pytest.mark.parametrize("limit", ["at least 0.5", "at least 0.6"])
def test_a_system_never_asks_less_than_its_profile(tmp_path: Path, limit: str) -> None:
    row = f"{{gate: performance, measure: accuracy, limit: {limit}}}"
    assert limits(tmp_path, row) == {"accuracy": {"op": ">=", "value": 0.6}}


def test_more_than_the_same_number_is_stricter(tmp_path: Path) -> None:
    row = "{gate: performance, measure: accuracy, limit: above 0.6}"
    assert limits(tmp_path, row) == {"accuracy": {"op": ">", "value": 0.6}}


def test_a_measure_that_the_profile_leaves_free_is_limited_too(tmp_path: Path) -> None:
    row = "{gate: performance, measure: precision, limit: at least 80 %}"
    assert limits(tmp_path, row, "{}") == {"precision": {"op": ">=", "value": 0.8}}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("{gate: performance, measure: acuracy, limit: at least 0.7}", "no measure 'acuracy'"),
        ("{gate: performance, measure: accuracy, limit: at most 0.7}", "the wrong way round"),
    ],
)
def test_a_row_that_cannot_be_a_limit_stops_the_plan(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        limits(tmp_path, row)
    assert message in caught.value.message and caught.value.where == "requirements.yaml: thresholds[0]"


def test_at_high_a_limit_of_the_profile_alone_reaches_no_verdict(tmp_path: Path) -> None:
    evidence = check(tmp_path, "")
    assert evidence.outcome == "error"
    finding = lacking(evidence)
    assert finding.note == "accuracy: a limit that nobody set for this system"
    assert "records/systems/loans/requirements.yaml" in (finding.remedy or "")
    assert "{gate: performance, measure: accuracy, limit: at least 0.6, reason: WHY}" in (finding.remedy or "")


def test_at_high_a_convention_of_the_gate_reaches_none(tmp_path: Path) -> None:
    assert (
        lacking(check(tmp_path, "", limits="null")).note == "balanced_accuracy: a limit that nobody set for this system"
    )


def test_at_high_a_limit_needs_a_reason(tmp_path: Path) -> None:
    evidence = check(tmp_path, "{gate: performance, measure: accuracy, limit: at least 0.7}")
    assert evidence.outcome == "error" and lacking(evidence).note == "accuracy: a limit without a reason"


def test_at_high_a_limit_with_its_reason_is_judged(tmp_path: Path) -> None:
    evidence = check(tmp_path, REASONED)
    assert evidence.outcome == "pass" and not any(finding.missing for finding in evidence.findings)


def test_below_high_the_profiles_limit_will_do(tmp_path: Path) -> None:
    assert check(tmp_path, "", tier="limited").outcome == "pass"
