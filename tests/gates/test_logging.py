"""The event log: what is read of it, and what of it is refused."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aims_gates import Case, Dataset, Finding
from aims_gates.documents.canonical import canonical_bytes
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.packs.find import find_gates

NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
RECORD = {
    "fields": ["time", "output"],
    "retention_days": 200,
    "tests": [{"date": "2026-11-01", "receipt": "read back"}],
}


def line(days: float = 1.0, **fields: Any) -> dict[str, Any]:
    moment = (NOW - timedelta(days=days)).isoformat()
    plain = {"time": moment, "model_version": "4", "input_reference": "app-1", "output": "yes", "confidence": 0.9}
    return {**plain, "operator": "desk", "override": False, **fields}


def look(
    folder: Path,
    lines: list[dict[str, Any]],
    record: Mapping[str, Any] = RECORD,
    known: tuple[str, ...] | None = ("4",),
) -> dict[str, Finding]:
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    gate = find_gates()["logging"]
    run = {} if known is None else {"registered_versions": known}
    data = {"logs": Dataset.open(path, role="logs")}
    case = Case("logging", gate.params({}), {}, data, NOW, records={"logging": record}, run=run)
    return {finding.measure: finding for finding in run_gate(gate, case)}


def chained(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for fields in lines:
        row = {**fields, **({"previous_hash": rows[-1]["line_hash"]} if rows else {})}
        rows.append({**row, "line_hash": hashlib.sha256(canonical_bytes(row)).hexdigest()})
    return rows


def test_a_log_in_order_passes_and_what_is_in_it_rests_on_the_log_alone(tmp_path: Path) -> None:
    findings = look(tmp_path, [line(16), line()])
    outcomes = {measure: finding.outcome for measure, finding in findings.items() if measure.startswith("log_")}
    assert set(outcomes.values()) == {"pass"}
    assert set(outcomes) >= {"log_fields", "log_filled", "log_newest_days", "log_versions", "log_retention"}
    assert all(findings[name].rests_on == ("data:logs",) for name in ("log_fields", "log_newest_days", "log_versions"))
    assert findings["log_newest_days"].value == 1.0


@pytest.mark.parametrize(
    ("lines", "measure", "note"),
    [
        ([{"time": "2026-11-16T09:00:00Z", "output": "yes"}], "log_fields", "model_version"),
        ([line(output=None), line()], "log_filled", "output"),
        ([line(40)], "log_newest_days", "2026-10-08"),
        ([line(-2), line()], "log_newest_days", "future"),
        ([line(time="yesterday"), line()], "log_newest_days", "no date and time"),
        ([line(model_version="5"), line()], "log_versions", "5"),
        ([line(model_version=50), line(model_version=4)], "log_versions", "50"),
        ([line(300), line()], "log_retention", "300 days old"),
    ],
)
def test_what_a_log_lacks_is_named(tmp_path: Path, lines: list[dict[str, Any]], measure: str, note: str) -> None:
    finding = look(tmp_path, lines)[measure]
    assert finding.outcome == "fail"
    assert note in (finding.note or "")


def test_lines_that_a_write_test_left_and_that_are_gone_are_missed(tmp_path: Path) -> None:
    record = {**RECORD, "tests": [{"date": "2026-06-01", "receipt": "read back"}]}
    assert look(tmp_path, [line(169), line()], record)["log_retention"].outcome == "pass"
    assert look(tmp_path, [line(100), line()], record)["log_retention"].outcome == "fail"


def test_a_field_of_the_record_that_the_log_lacks_is_named(tmp_path: Path) -> None:
    finding = look(tmp_path, [line()], {**RECORD, "fields": ["time", "branch"]})["log_as_recorded"]
    assert (finding.outcome, "branch" in (finding.note or "")) == ("fail", True)


def test_where_no_registry_is_at_hand_no_version_is_known(tmp_path: Path) -> None:
    assert look(tmp_path, [line()], known=None)["log_versions"].outcome == "fail"


def test_a_chain_is_followed_and_a_changed_or_removed_line_breaks_it(tmp_path: Path) -> None:
    rows = chained([line(3), line(2, confidence=1.0, override=True), line(1)])
    assert look(tmp_path, rows)["log_chain"].outcome == "pass"
    assert look(tmp_path, rows[1:])["log_chain"].outcome == "pass", "older lines were cleared"
    for broken in ([rows[0], {**rows[1], "output": "no"}, rows[2]], [rows[0], rows[2]], [{**rows[0], "output": "no"}]):
        assert look(tmp_path, broken)["log_chain"].outcome == "fail"
    assert "log_chain" not in look(tmp_path, [line()])
