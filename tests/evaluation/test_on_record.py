"""Findings are read from evidence on record only where computing would give them again; whatever differs, computes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aims_gates.attestation.statements.wording import predicate_of, say
from aims_gates.documents.canonical import digest_bytes
from aims_gates.evaluation import on_record, run_plan
from aims_gates.evaluation.on_record import FACT
from aims_gates.evaluation.plan import make_plan
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.evaluation.run_plan import GateInputs
from aims_gates.governance.records.reader import read_system
from aims_gates.model import Evidence, Step, Subject
from aims_gates.packs.case import Case
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate
from aims_gates.profiles import read_profile

GATES = find_gates()
NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SYSTEM = """\
name: loans
purpose: Decide which small loans are granted to applicants.
owner: head-of-lending
tier: minimal
profile: mine
models: [loans]
data: {evaluation: rows.csv}
roles: {target: y}
"""
PROFILE = """\
id: mine
title: Mine
tier: minimal
controls:
  A.7.4: {why: measured, gates: [data_quality]}
gates:
  data_quality: {params: {dataset: evaluation}}
"""


@dataclass
class Bench:
    """A check of one gate of ours; what its parts are may be altered between two."""

    pack: Path
    ran: list[str]
    subject: Subject = field(default_factory=lambda: Subject("model", digest_bytes(b"a model"), "loans/1"))
    environment: str = digest_bytes(b"packages")
    facts: dict[str, Any] = field(default_factory=lambda: {"run_id": "r", "version": "1"})
    now: datetime = NOW
    record: Callable[[Step], Evidence | None] | None = None

    def evidence(self) -> Evidence:
        record = read_system(self.pack, "loans")
        gates = find_gates([self.pack])
        plan = make_plan(record, read_profile("mine", gates, [self.pack]), gates)
        inputs = GateInputs(record, self.subject, facts=self.facts)
        inputs.environment, inputs.on_record = self.environment, self.record
        (evidence,) = run_plan.run_plan(plan, gates, inputs, self.now)
        assert inputs.reused == ({} if self.ran else {"data_quality": evidence})
        return evidence

    def signed(self, change: Callable[[Evidence], Evidence] = lambda evidence: evidence) -> Evidence:
        """Check once; what the ledger holds of it is then on record."""
        evidence = predicate_of(say(change(self.evidence()), self.subject))
        assert isinstance(evidence, Evidence)
        self.ran.clear()
        self.record = lambda step: evidence if step.gate == evidence.gate else None
        return evidence


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    folder = tmp_path / "records" / "systems" / "loans"
    folder.mkdir(parents=True)
    (folder / "system.yaml").write_text(SYSTEM)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(PROFILE)
    (tmp_path / "rows.csv").write_text("x,y\n1,0\n2,1\n3,1\n")
    ran: list[str] = []

    def noted(gate: Gate, *arguments: Any) -> Any:
        ran.append(gate.id)
        return run_gate(gate, *arguments)

    monkeypatch.setattr(run_plan, "run_gate", noted)
    return Bench(tmp_path, ran)


def test_what_is_on_record_of_the_same_is_not_computed_again(bench: Bench) -> None:
    signed = bench.signed()
    assert signed.facts[FACT]
    bench.now += timedelta(days=2)
    assert bench.evidence() is signed and bench.ran == []


def written(name: str, old: str, new: str) -> Callable[[Bench], None]:
    def write(bench: Bench) -> None:
        path = bench.pack / name
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))

    return write


SYSTEM_FILE = "records/systems/loans/system.yaml"
ALTERED: dict[str, Callable[[Bench], Any]] = {
    "another row": written("rows.csv", "3,1", "3,0"),
    "another column role": written(SYSTEM_FILE, "target: y", "target: x"),
    "another parameter": written("profiles/mine.yaml", "dataset: evaluation", "dataset: [evaluation]"),
    "another purpose": written(SYSTEM_FILE, "small", "large"),
    "another model": lambda bench: setattr(bench, "subject", Subject("model", digest_bytes(b"another"), "loans/1")),
    "other packages or code": lambda bench: setattr(bench, "environment", digest_bytes(b"others")),
    "packages that nobody can tell": lambda bench: setattr(bench, "environment", ""),
    "another fact of the run": lambda bench: bench.facts.update(version="2"),
    "an age of a month": lambda bench: setattr(bench, "now", NOW + timedelta(days=31)),
    "a clock before it": lambda bench: setattr(bench, "now", NOW - timedelta(days=1)),
    "nothing that counts": lambda bench: setattr(bench, "record", lambda step: None),
    "nobody who looks": lambda bench: setattr(bench, "record", None),
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_what_differs_is_computed(bench: Bench, alter: Callable[[Bench], Any]) -> None:
    bench.signed()
    alter(bench)
    assert bench.evidence().produced_at == bench.now.isoformat()
    assert bench.ran == ["data_quality"]


def test_another_version_of_a_library_computes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.signed()
    monkeypatch.setattr(run_plan, "library_versions", lambda: {"numpy": "0.1"})
    bench.evidence()
    assert bench.ran == ["data_quality"]


OTHERS = digest_bytes(b"other")
FORGED: dict[str, Callable[[Evidence], Evidence]] = {
    "of no known origin": lambda evidence: replace(evidence, facts={**evidence.facts, FACT: ""}),
    "of another origin": lambda evidence: replace(evidence, facts={**evidence.facts, FACT: OTHERS}),
    "of other libraries": lambda evidence: replace(evidence, facts={**evidence.facts, "libraries": {"numpy": "0.1"}}),
    "of another gate": lambda evidence: replace(evidence, gate_digest=OTHERS),
    "of other data": lambda evidence: replace(evidence, data={"evaluation": OTHERS}),
    "of more rows": lambda evidence: replace(evidence, rows={"evaluation": 4}),
    "of predictions": lambda evidence: replace(evidence, predictions=OTHERS),
    "of other limits": lambda evidence: replace(evidence, params={**evidence.params, "severities": ["low"]}),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_evidence_that_says_otherwise_is_not_used(bench: Bench, forge: Callable[[Evidence], Evidence]) -> None:
    bench.signed(forge)
    bench.evidence()
    assert bench.ran == ["data_quality"]


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Callable[[str], Gate]]:
    def gate(code: str) -> Gate:
        folder = tmp_path / "gates" / "theirs"
        folder.mkdir(parents=True)
        text = "id: theirs\ntitle: Theirs\nsummary: Looks.\ncontrols: [A.7.4]\nphase: development\nkind: computed\n"
        (folder / "gate.yaml").write_text(f"{text}subject: model\nparameters: {{}}\nexpires_days: 1\n")
        (folder / "gate.py").write_text(f"from aims_gates import Finding\ndef run(case):\n    {code}\n")
        return Gate.read(folder)

    yield gate


BEYOND = ("now", "records", "findings", "run", "artifacts", "acts")


def case_of(gate: Gate) -> Case:
    return Case(gate.id, {}, {}, {}, NOW)


@pytest.mark.parametrize(
    ("code", "beyond"),
    [
        ("yield Finding('one', 1.0, over={'subject': str(case.subject), 'roles': len(case.roles)})", set()),
        *(
            (f"yield Finding('one', float(bool(case.{name})))", {name})
            for name in ("now", "records", "findings", "run")
        ),
        *((f"yield Finding('one', float(bool(case.{name})))", {name}) for name in ("artifacts", "acts")),
        ("yield Finding('one', outcome='error')", {"error"}),
        ("raise ValueError", {"error"}),
    ],
)
def test_what_a_gate_looks_at_beside_data_is_noted(theirs: Callable[[str], Gate], code: str, beyond: set[str]) -> None:
    gate, looked_at = theirs(code), set[str]()
    run_gate(gate, case_of(gate), looked_at)
    assert looked_at == beyond


def test_of_a_gate_that_is_not_ours_nobody_knows_what_it_reads(theirs: Callable[[str], Gate]) -> None:
    gate = theirs("yield Finding('one', 1.0)")
    assert on_record.origin(gate, case_of(gate), "x") == ""
    assert on_record.origin(GATES["data_quality"], case_of(GATES["data_quality"]), "x") != ""
    assert on_record.origin(GATES["ai_policy"], case_of(GATES["ai_policy"]), "x") == ""  # facts look at records
