"""The walks of CONTRIBUTING.md, walked: what stands there makes a gate, a profile and a report that work."""

import re
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent

import pandas as pd
import pytest

from aims_gates.data import Dataset
from aims_gates.documents.strict_yaml import read
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.packs.case import Case
from aims_gates.packs.find import find_gates
from aims_gates.profiles import read_profile
from aims_gates.reports import Report

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
#: A path in backquotes, the rest of its paragraph, and the fenced block below it.
PATH = r"`((?:gates|profiles|aims_gates/reports)/[\w./]+\.(?:yaml|py))`"
BLOCK = re.compile(PATH + r"(?:(?!\n\n).)*\n\n *```\w+\n(.*?)\n *```", re.DOTALL)


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    for name, body in BLOCK.findall(TEXT):
        place = tmp_path / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(dedent(body) + "\n")
    return tmp_path


def test_the_walks_write_the_files_that_they_name(pack: Path) -> None:
    files = {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()}
    gate = "gates/minimum_rows"
    assert files == {
        f"{gate}/gate.yaml",
        f"{gate}/gate.py",
        f"{gate}/samples/pass.yaml",
        f"{gate}/samples/fail.yaml",
        "profiles/house.yaml",
        "aims_gates/reports/line.py",
    }


@pytest.mark.parametrize("sample", ["pass", "fail"])
def test_the_gate_of_the_walk_passes_and_fails_as_its_samples_say(pack: Path, sample: str) -> None:
    gate = find_gates([pack])["minimum_rows"]
    wanted = read(gate.folder / "samples" / f"{sample}.yaml").value
    data = {role: Dataset.open(pd.DataFrame(columns), role=role) for role, columns in wanted["data"].items()}
    findings = run_gate(gate, Case(gate.id, gate.params(wanted["params"]), {}, data, datetime.now(UTC)))
    assert outcome_of(findings) == wanted["outcome"] == sample
    for finding, expected in zip(findings, wanted["findings"], strict=True):
        assert {key: getattr(finding, key) for key in expected} == expected


def test_the_profile_of_the_walk_is_clean(pack: Path) -> None:
    assert read_profile("house", find_gates([pack]), [pack]).profile.tier == "minimal"


def test_the_report_of_the_walk_renders(pack: Path) -> None:
    scope: dict[str, object] = {}
    exec(compile((pack / "aims_gates/reports/line.py").read_text(), "line.py", "exec"), scope)
    render = scope["render"]
    assert callable(render)
    text = render(Report())
    assert text.startswith("CHECKED")
    assert text.endswith("\n")
    assert text.count("\n") == 1
