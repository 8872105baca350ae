"""The bill of materials: one that holds, and each control failing with a finding of its own."""

import copy
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aims_gates import Case, Dataset, Finding, Subject
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.model import Evidence
from aims_gates.packs.gate import Gate
from aims_gates.reports.bom import Parts, bill

GATE = Gate.read(Path(__file__).resolve().parents[2] / "gates" / "resources")
TABLE = "age,defaulted\n30,0\n40,1\n"
MODEL = hashlib.sha256(b"a model").hexdigest()


def sha(content: str) -> list[dict[str, str]]:
    return [{"alg": "SHA-256", "content": content}]


def bom() -> dict[str, Any]:
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": "urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79",
        "version": 1,
        "metadata": {"timestamp": "2025-12-01T10:00:00+00:00"},
        "components": [
            {"type": "machine-learning-model", "bom-ref": "model", "name": "credit", "hashes": sha(MODEL)},
            {"type": "data", "bom-ref": "t", "name": "t", "hashes": sha(hashlib.sha256(TABLE.encode()).hexdigest())},
            {"type": "library", "bom-ref": "lib", "name": "scikit-learn", "version": "1.9.1"},
            {"type": "platform", "bom-ref": "vm", "name": "8 cores, 32 GB"},
        ],
    }


def judged(tmp_path: Path, record: Any, required: bool = True, digest: str = MODEL) -> list[Finding]:
    (tmp_path / "training.csv").write_text(TABLE)
    data = {"reference": Dataset.open(tmp_path / "training.csv", role="reference")}
    records = {} if record is None else {"bom": record}
    params = GATE.params({"bom_required": required})
    subject = Subject("model", f"sha256:{digest}")
    case = Case("resources", params, {}, data, datetime(2026, 1, 15, tzinfo=UTC), subject, records=records)
    return [f for f in run_gate(GATE, case) if f.measure.startswith("bom") or f.outcome == "error"]


def test_a_bill_of_this_model_passes(tmp_path: Path) -> None:
    found = judged(tmp_path, bom())
    assert {f.outcome for f in found} == {"pass"}, found
    assert {f.controls[0] for f in found} == {"A.4.2", "A.4.3", "A.4.4", "A.4.5"}


def gone(kind: str) -> Callable[[dict[str, Any]], None]:
    return lambda b: b.update(components=[c for c in b["components"] if c["type"] != kind])


@pytest.mark.parametrize(
    ("change", "measure", "control"),
    [
        (gone("machine-learning-model"), "bom_of_this_model", "A.4.2"),
        (gone("data"), "bom_data", "A.4.3"),
        (gone("library"), "bom_libraries", "A.4.4"),
        (gone("platform"), "bom_hardware", "A.4.5"),
        (lambda b: b["components"][0].update(hashes=sha("0" * 64)), "bom_of_this_model", "A.4.2"),
        (lambda b: b["components"][1].update(hashes=sha("0" * 64)), "bom_training_set", "A.4.3"),
        (lambda b: b["components"][1].pop("hashes"), "bom_data_digest", "A.4.3"),
        (lambda b: b["components"][2].pop("version"), "bom_library_version", "A.4.4"),
        (lambda b: b["components"][2].update(type="widget"), "bom_shape", "A.4.2"),
        (lambda b: b["components"][2].update({"bom-ref": "vm"}), "bom_shape", "A.4.2"),
        (lambda b: b["components"][0].update(hashes=sha("xyz")), "bom_shape", "A.4.2"),
        (lambda b: b["metadata"].update(timestamp="yesterday"), "bom_shape", "A.4.2"),
        (lambda b: b.update(serialNumber="12"), "bom_shape", "A.4.2"),
        (lambda b: b.update(version=0), "bom_shape", "A.4.2"),
    ],
)
def test_each_lack_has_a_finding_and_a_control(
    tmp_path: Path, change: Callable[[dict[str, Any]], None], measure: str, control: str
) -> None:
    changed = copy.deepcopy(bom())
    change(changed)
    failed = [f for f in judged(tmp_path, changed) if f.outcome == "fail"]
    assert any(f.measure == measure and f.controls == (control,) and f.remedy for f in failed), failed


def test_the_model_may_be_named_by_a_property(tmp_path: Path) -> None:
    changed = bom()
    changed["components"][0].pop("hashes")
    changed["metadata"]["properties"] = [{"name": "aims-gates:subject", "value": f"sha256:{MODEL}"}]
    assert {f.outcome for f in judged(tmp_path, changed)} == {"pass"}


def test_an_old_or_other_format_is_an_error(tmp_path: Path) -> None:
    for change in ({"specVersion": "1.4"}, {"bomFormat": "SPDX"}):
        assert any(f.outcome == "error" for f in judged(tmp_path, bom() | change))


def test_no_bill_fails_where_one_is_required(tmp_path: Path) -> None:
    assert judged(tmp_path, None)[0].outcome == "fail"
    assert judged(tmp_path, None, required=False)[0].outcome is None


def test_the_bill_that_the_tool_itself_writes_passes(tmp_path: Path) -> None:
    pytest.importorskip("cyclonedx")
    training = f"sha256:{hashlib.sha256(TABLE.encode()).hexdigest()}"
    evidence = Evidence(
        "drift", f"sha256:{'1' * 64}", {}, (), "pass", "2026-01-14T00:00:00+00:00",
        {"reference": training}, facts={"libraries": {"scikit-learn": "1.9.1"}},
    )  # fmt: skip
    records = {"resources": {"hardware": ["8 cores, 32 GB"]}}
    parts = Parts("credit", "1", f"sha256:{MODEL}", evidence={"sha256:2": evidence}, records=records)
    text = bill(parts)
    found = judged(tmp_path, json.loads(text))
    assert {f.outcome for f in found} == {"pass"}, found
    assert bill(replace(parts, records={**records, "bom": json.loads(text)})) == text
