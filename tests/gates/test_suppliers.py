"""Components of records against the packages that the model's own files ask for."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from aims_gates import Case, Finding
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.mlflow_plugin.client.file_scan import look_through
from aims_gates.model import Artifacts, Subject
from aims_gates.packs.find import find_gates

GATE = find_gates()["suppliers"]
MODEL = "sha256:" + "a" * 64


def findings(artifacts: Artifacts | None, *components: dict[str, Any], **params: Any) -> list[Finding]:
    case = Case(
        "suppliers", GATE.params(params), {}, {}, datetime.now(UTC), Subject("model", MODEL, "loans/1"),
        {"components": {"components": list(components)}}, artifacts=artifacts,
    )  # fmt: skip
    return [finding for finding in run_gate(GATE, case) if finding.measure.startswith("packages_")]


def software(name: str, version: str) -> dict[str, Any]:
    return {"name": name, "kind": "software", "supplier": "Vendor", "version": version}


def asks(*pins: str, subject: str = MODEL) -> Artifacts:
    return Artifacts(subject, "scanner", 1, required=pins)


def test_a_listed_package_has_the_version_that_the_model_asks_for() -> None:
    same, others = findings(asks("fast-scorer==1.2", "pandas==2.2"), software("Fast_Scorer", "1.2"))
    assert (same.measure, same.outcome) == ("packages_as_recorded", "pass")
    assert {"model", "record:components"} <= set(same.rests_on)
    assert (others.measure, others.value, others.outcome) == ("packages_listed", 1.0, None)
    other, _ = findings(asks("fast-scorer==1.3"), software("fast-scorer", "1.2"))
    assert other.outcome == "fail" and "asks for fast-scorer 1.3, components.yaml says 1.2" in str(other.note)


def test_a_supplier_of_what_the_model_does_not_have_is_a_note() -> None:
    note, _ = findings(asks("pandas==2.2"), software("fast-scorer", "1.2"))
    assert note.outcome is None and note.limit is None and "does not ask for" in str(note.note)


def test_a_profile_can_ask_that_each_package_is_a_component() -> None:
    listed = software("pandas", "2.2")
    assert findings(asks("pandas==2.2"), listed, package_suppliers=True)[-1].outcome == "pass"
    (_, missing) = findings(asks("pandas==2.2", "xgboost==3.0"), listed, package_suppliers=True)
    assert (missing.outcome, missing.note) == ("fail", "no component of components.yaml: xgboost")


@pytest.mark.parametrize(
    "artifacts", [None, Artifacts(MODEL, "scanner", 1), asks("pandas==2.2", subject="sha256:" + "b" * 64)]
)
def test_files_that_nobody_read_show_nothing(artifacts: Artifacts | None) -> None:
    (open_,) = findings(artifacts, software("pandas", "2.2"))
    assert (open_.measure, open_.outcome) == ("packages_as_recorded", "inconclusive")
    assert findings(artifacts, package_suppliers=True)[0].outcome == "inconclusive"
    assert findings(artifacts)[0].outcome is None  # nothing is listed that could differ


def test_the_packages_are_read_from_the_models_own_files(tmp_path: Path) -> None:
    (tmp_path / "MLmodel").write_text("flavors: {python_function: {env: {conda: conda.yaml}}}\n")
    (tmp_path / "conda.yaml").write_text("dependencies: [python=3.11, pip, {pip: [Fast_Scorer==1.2, pandas==2.2]}]\n")
    assert look_through(tmp_path, MODEL).required == ("fast-scorer==1.2", "pandas==2.2")
    (tmp_path / "conda.yaml").write_text("dependencies: {: [\n")
    assert look_through(tmp_path, MODEL).required is None
