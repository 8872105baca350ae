"""Skeletons: they run, their samples and tests hold, they let nothing through, and they overwrite nothing."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from aims_gates.documents.strict_yaml import read
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.evaluation.samples import read_samples
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.packs.find import bundled, find_gates

GATE = ("gates", "new", "rows", "--control", "A.6.2.4", "--pack", ".")
PASS = "data:\n  evaluation: {outcome: [1, 0, 1]}\noutcome: pass\n"


def test_a_gate_that_computes_refuses_until_it_is_written(command: Any) -> None:
    done = command(*GATE)
    assert done.code == 0 and "Next:" in done.out and "gates test rows --pack ." in done.out
    gate = find_gates([Path()])["rows"]
    (sample,) = read_samples(gate)
    findings = run_gate(gate, sample.case())
    assert outcome_of(findings) == "error"
    assert [(finding.controls, finding.remedy) for finding in findings] == [
        (("A.6.2.4",), "Write run() in its gate.py.")
    ]
    tested = command("gates", "test", "rows", "--pack", ".")
    assert tested.code == 0 and "each comes out as it states" in tested.out and "it needs a sample" in tested.out


@pytest.mark.parametrize("record", ["organization/roles", "system/oversight", "oversight"])
def test_a_gate_on_a_record_refuses_a_record_that_is_there(command: Any, record: str) -> None:
    assert command("gates", "new", "on_record", "--control", "5.3", "--record", record, "--pack", ".").code == 0
    gate = find_gates([Path()])["on_record"]
    (sample,) = read_samples(gate)
    assert outcome_of(run_gate(gate, sample.case())) == "fail"
    assert gate.manifest.facts[0].record in SHAPES
    assert command("gates", "test", "on_record", "--pack", ".").code == 0


def test_a_profile_is_clean_passes_its_test_and_requires_what_its_parent_does(command: Any) -> None:
    assert command("profile", "new", "plant", "--extends", "starter-minimal", "--pack", ".").code == 0
    assert command("profile", "lint", "plant", "--pack", ".").out.strip() == "no problems"
    assert command("profile", "test", "plant", "--pack", ".").code == 0
    assert read(Path("profiles/plant.yaml")).value["tier"] == "minimal"


@pytest.mark.parametrize("words", [GATE, ("profile", "new", "plant", "--extends", "limited", "--pack", ".")])
def test_nothing_that_is_there_is_touched(command: Any, words: tuple[str, ...]) -> None:
    assert command(*words).code == 0
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    done = command(*words)
    assert done.code == 1 and "already" in done.err
    assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == before


def test_where_one_file_is_there_none_is_written(command: Any) -> None:
    sample = Path("gates/rows/samples/skeleton.yaml")
    sample.parent.mkdir(parents=True)
    sample.write_text("mine")
    done = command(*GATE)
    assert done.code == 1 and str(sample) in done.err and "nothing was written" in done.err
    assert [path for path in Path("gates").rglob("*") if path.is_file()] == [sample] and sample.read_text() == "mine"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("gates", "new", "Rows", "--control", "A.6.2.4", "--pack", "."), "cannot be a gate's id"),
        (("gates", "new", "../rows", "--control", "A.6.2.4", "--pack", "."), "cannot be a gate's id"),
        (("gates", "new", "fairness", "--control", "A.6.2.4", "--pack", "."), "already"),
        (("gates", "new", "rows", "--control", "A.99.1", "--pack", "."), "no control"),
        (("gates", "new", "rows", "--pack", "."), "--control"),
        (("gates", "new", "rows", "--control", "5.3", "--record", "nothing", "--pack", "."), "no record"),
        (("profile", "new", "a/b", "--extends", "limited", "--pack", "."), "cannot be a profile's id"),
        (("profile", "new", "limited", "--extends", "high", "--pack", "."), "already"),
        (("profile", "new", "plant", "--extends", "nothing", "--pack", "."), "no profile"),
        (("gates", "test", "nothing"), "no gate"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused_and_nothing_is_written(command: Any, words: tuple[str, ...], message: str) -> None:
    done = command(*words)
    assert done.code == 1 and message in done.err
    assert list(Path().iterdir()) == []


def test_a_sample_that_comes_out_otherwise_is_code_2(command: Any) -> None:
    assert command(*GATE).code == 0
    Path("gates/rows/samples/pass.yaml").write_text(PASS)
    done = command("gates", "test", "rows", "--pack", ".")
    assert done.code == 2 and "the outcome is error, not pass" in done.out and "pass.yaml" in done.out


def test_a_gate_without_samples_is_code_2(command: Any) -> None:
    assert command(*GATE).code == 0
    shutil.rmtree("gates/rows/samples")
    assert command("gates", "test", "rows", "--pack", ".").code == 2


@pytest.mark.parametrize("text", ["outcom: pass\n", "outcome: pass\nfinding: []\n", "- 1\n"])
def test_a_sample_with_an_unknown_key_or_no_outcome_is_refused(command: Any, text: str) -> None:
    assert command(*GATE).code == 0
    Path("gates/rows/samples/odd.yaml").write_text(text)
    done = command("gates", "test", "rows", "--pack", ".")
    assert done.code == 1 and "odd.yaml" in done.err and "remedy" in done.err


def test_in_a_checkout_the_next_steps_name_catalogue_and_docs(command: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aims_gates.cli.new.write_skeleton", lambda pack, files: [])
    done = command("gates", "new", "rows", "--control", "A.6.2.4", "--pack", str(bundled()))
    assert done.code == 0 and "catalogue.yaml" in done.out and "make docs" in done.out
