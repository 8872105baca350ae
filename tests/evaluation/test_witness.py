"""What a finding rests on is noted by whoever runs the gate, whatever the gate writes."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from aims_gates.evaluation.run_gate import run_gate
from aims_gates.evaluation.witness import Witness
from aims_gates.model import Act, Artifacts, Finding
from aims_gates.packs.case import Case
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate
from aims_gates.reports.json import finding_json

GATES = find_gates()
DAY = datetime(2026, 10, 2, tzinfo=UTC)
ACTS: dict[str, tuple[Act, ...]] = {
    "halts": tuple(Act("halts", DAY, ("a",), "default/loans", f"sha256:{place}") for place in (1, 2)),
    "approvals": (Act("approvals", DAY, ("b",), "default/loans", "sha256:3"),),
    "resumes": (),
}
GATE = """
id: nosy
title: Nosy
summary: Looks at what a test tells it to.
controls: [A.7.4]
phase: development
kind: computed
subject: model
parameters: {}
expires_days: 1
"""
CODE = """
from aims_gates import Finding

def run(case):
    yield Finding("first", 1.0, rests_on=("data:evaluation", "model"))
    case.records["card"]
    yield Finding("second", 1.0, rests_on=())
    list(case.findings.values())
    yield Finding("third", 1.0)
"""


@pytest.fixture
def case() -> Case:
    records = {"card": {"name": "x"}, "organization/roles": {}, "system": {}}
    earlier = {"fairness": (Finding("gap", rests_on=("data:evaluation",)),)}
    return Case("nosy", {}, {}, {}, datetime.now(UTC), records=records, findings=earlier, run={"commit": "abc"})


@pytest.fixture
def nosy(tmp_path: Path) -> Iterator[Gate]:
    folder = tmp_path / "gates" / "nosy"
    folder.mkdir(parents=True)
    (folder / "gate.yaml").write_text(GATE)
    (folder / "gate.py").write_text(CODE)
    yield Gate.read(folder)


def test_what_a_gate_says_that_it_rests_on_is_overwritten(nosy: Gate, case: Case) -> None:
    findings = run_gate(nosy, case)
    assert [finding.rests_on for finding in findings] == [
        (),
        ("record:card",),
        ("data:evaluation", "record:card"),
    ]


def test_to_look_at_a_whole_mapping_is_to_read_all_of_it(case: Case) -> None:
    witness = Witness(case)
    assert "card" in witness.case.records and len(witness.case.records) == 3
    assert witness.rests_on() == ()
    dict(witness.case.records)
    assert witness.rests_on() == ("record:card", "record:organization/roles", "record:system")


def test_facts_of_the_run_and_the_scan_of_the_model_are_noted(case: Case) -> None:
    witness = Witness(case)
    assert witness.case.artifacts is None and witness.rests_on() == ()
    assert witness.case.run["commit"] == "abc"
    assert witness.rests_on() == ("run",)
    scanned = Witness(
        Case("nosy", {}, {}, {}, datetime.now(UTC), artifacts=Artifacts("sha256:" + "0" * 64, "a scanner 1.0", 0))
    )
    assert scanned.case.artifacts is not None and scanned.rests_on() == ("model",)


def test_the_acts_that_a_gate_looks_at_are_noted_one_by_one(case: Case) -> None:
    witness = Witness(replace(case, acts=ACTS))
    assert "halts" in witness.case.acts and witness.rests_on() == ()
    assert len(witness.case.acts["halts"]) == 2 and witness.case.acts["resumes"] == ()
    assert witness.rests_on() == ("act:sha256:1", "act:sha256:2")


@pytest.mark.parametrize("gate", [gate for gate in GATES.values() if gate.manifest.facts], ids=lambda gate: gate.id)
def test_a_fact_rests_on_its_record_whatever_it_finds(gate: Gate) -> None:
    for finding in run_gate(gate, Case(gate.id, gate.params({}), {}, {}, datetime.now(UTC))):
        facts = {fact.id: fact for fact in gate.manifest.facts}
        if finding.measure in facts:
            assert f"record:{facts[finding.measure].record.removeprefix('system/')}" in finding.rests_on
            assert finding_json(finding)["basis"] == "declared"


@pytest.mark.parametrize(
    ("require", "rests_on"),
    [
        ("record.a == 1", ("record:card",)),
        ('records["organization/roles"].a == 1', ("record:card", "record:organization/roles")),
        ('records["system/monitoring"].a == 1', ("record:card", "record:monitoring")),
        ('has(record.a) && system.tier == "high"', ("record:card", "record:system")),
        ("facts.affects_people == true", ("record:card", "record:system")),
        ('"organization/roles" in records && record.a == 1', ("record:card",)),
        ('holds(record.owner, "risk")', ("record:card", "record:organization/roles")),
        ("run.commit == record.commit", ("record:card", "run")),
        ("!has(run.nowhere) || record.a == 1", ("record:card",)),
        ("!has(run.released_on) || run.released_on != record.commit", ("record:card",)),
        ("run.released_on != record.commit", ("ledger", "record:card")),
        ("run.released_on != run.commit", ("record:card", "run")),
        ("run.passes == true || record.a == 1", ("record:card", "run")),
        (
            '["system/card", "system/system"].all(n, !(n in records) || records[n].name == "x")',
            ("record:card", "record:system"),
        ),
        ('["a", "b"].all(n, record.name != n)', ("record:card",)),
        (
            '["a"].all(n, records[n + "b"].a == 1)',
            ("record:card", "record:organization/roles", "record:system"),
        ),
        (
            "records.all(n, records[n].a == 1)",
            ("record:card", "record:organization/roles", "record:system"),
        ),
    ],
)
def test_a_fact_rests_on_every_record_that_it_looks_at(
    tmp_path: Path, case: Case, require: str, rests_on: tuple[str, ...]
) -> None:
    folder = tmp_path / "gates" / "nosy"
    folder.mkdir(parents=True)
    fact = f"""
facts:
  - id: stated
    controls: [A.7.4]
    record: system/card
    require: '{require}'
    says: it is so
    remedy: Make it so.
"""
    (folder / "gate.yaml").write_text(GATE.replace("kind: computed", "kind: record") + fact)
    (finding,) = run_gate(Gate.read(folder), case)
    assert finding.rests_on == rests_on
