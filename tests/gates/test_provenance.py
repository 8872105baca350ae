"""Provenance: a chain that holds, and each way it breaks with a finding and a control of its own."""

import copy
import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aims_gates import Case, Dataset, Finding
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.packs.gate import Gate

GATE = Gate.read(Path(__file__).resolve().parents[2] / "gates" / "provenance")
TABLE = "age,income,defaulted\n30,1,0\n40,2,1\n"


def digest(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def record() -> dict[str, Any]:
    facts = {
        "source": "own applications", "collected": "2023 to 2024", "selection": "all decided", "licence": "own data",
        "legal_basis": "contract", "purpose": "training", "categories": ["answers"], "retention": "2030-11-02",
    }  # fmt: skip
    step = {"transform": "commit 4f1c2aa", "actor": "data-steward@example.org"}
    return {
        "sources": [
            {"name": "applications", "digest": digest("raw")} | facts,
            {"name": "bureau", "digest": digest("b")} | facts,
        ],
        "steps": [
            {"name": "join", "inputs": [digest("raw"), digest("b")], "output": digest("j"), "at": "2025-08-03"} | step,
            {"name": "split", "inputs": [digest("j")], "output": digest(TABLE), "at": "2025-08-04"} | step,
        ],
    }  # fmt: skip


def judged(tmp_path: Path, given: dict[str, Any] | None, table: str = TABLE) -> list[Finding]:
    (tmp_path / "training.csv").write_text(table)
    data = {"reference": Dataset.open(tmp_path / "training.csv", role="reference")}
    now = datetime(2026, 1, 15, tzinfo=UTC)
    records = {} if given is None else {"provenance": given}
    found = run_gate(GATE, Case("provenance", {}, {}, data, now, records=records))
    return [f for f in found if f.measure not in ("chain", "evaluation_traced", "source_known", "datasheet")]


def test_a_chain_that_ends_at_the_training_set_passes(tmp_path: Path) -> None:
    found = judged(tmp_path, record())
    assert {f.outcome for f in found} == {"pass"}, found
    assert {f.measure for f in found} == {
        "no_step_fact", "no_broken_link", "no_unknown_source", "source_fact", "ends_at_training_set",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("path", "value", "measure", "control"),
    [
        (("steps", 1, "inputs"), [digest("else")], "no_unknown_source", "A.7.3"),
        (("steps", 1, "inputs"), [digest("else")], "no_broken_link", "A.7.5"),
        (("steps", 0, "inputs"), [digest(TABLE)], "no_broken_link", "A.7.5"),
        (("steps", 0, "transform"), "TODO", "no_step_fact", "A.7.5"),
        (("steps", 0, "actor"), None, "no_step_fact", "A.7.5"),
        (("steps", 1, "at"), "2025-08-01", "no_broken_link", "A.7.5"),
        (("steps", 1, "at"), "2027-08-01", "no_broken_link", "A.7.5"),
        (("steps", 1, "output"), "sha256:abc", "no_broken_link", "A.7.5"),
        (("steps", 1, "output"), digest("other"), "ends_at_training_set", "A.7.5"),
        (("sources", 0, "legal_basis"), "", "source_fact", "A.7.3"),
        (("sources", 0, "source"), "unknown", "source_fact", "A.7.3"),
        (("sources", 1, "retention"), None, "source_fact", "A.4.3"),
    ],
)
def test_each_way_it_breaks_has_a_finding_and_a_control(
    tmp_path: Path, path: tuple[Any, ...], value: Any, measure: str, control: str
) -> None:
    changed = copy.deepcopy(record())
    changed[path[0]][path[1]][path[2]] = value
    failed = [f for f in judged(tmp_path, changed) if f.outcome == "fail"]
    assert any(f.measure == measure and f.controls == (control,) and f.remedy for f in failed), failed


def test_other_bytes_than_the_chain_ends_at_fail(tmp_path: Path) -> None:
    failed = [f for f in judged(tmp_path, record(), TABLE + "50,3,0\n") if f.outcome == "fail"]
    assert [f.measure for f in failed] == ["ends_at_training_set"]


def test_a_record_without_steps_is_an_error(tmp_path: Path) -> None:
    found = judged(tmp_path, {"sources": record()["sources"], "steps": []})
    assert any(f.outcome == "error" and "no steps" in str(f.note) for f in found)


@pytest.mark.parametrize(("listed", "outcome"), [(TABLE, "pass"), ("other", "fail")])
def test_without_the_record_the_training_set_must_be_one_of_the_data_sheets(
    tmp_path: Path, listed: str, outcome: str
) -> None:
    (tmp_path / "training.csv").write_text(TABLE)
    data = {"reference": Dataset.open(tmp_path / "training.csv", role="reference")}
    sheets = {"datasets": [{"name": "applications", "digest": digest(listed)}]}
    case = Case("provenance", {}, {}, data, datetime(2026, 1, 15, tzinfo=UTC), records={"datasheets": sheets})
    (found,) = [f for f in run_gate(GATE, case) if f.measure == "ends_at_training_set"]
    assert found.outcome == outcome


def test_a_chain_whose_training_set_is_not_at_hand_is_not_judged_to_the_end() -> None:
    case = Case("provenance", {}, {}, {}, datetime(2026, 1, 15, tzinfo=UTC), records={"provenance": record()})
    (found,) = [f for f in run_gate(GATE, case) if f.measure == "ends_at_training_set"]
    assert found.outcome == "inconclusive" and "data.reference" in str(found.remedy)
