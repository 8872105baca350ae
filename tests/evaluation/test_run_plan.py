"""Evidence from a plan: what a gate lacks is an error finding and never a pass."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aims_gates import Dataset
from aims_gates.documents.canonical import digest_bytes, digest_file
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.evaluation.run_plan import GateInputs, library_versions, run_plan
from aims_gates.governance.records.reader import SystemRecord, read_system
from aims_gates.model import DataRule, Evidence, Plan, Subject
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate
from aims_gates.profiles import read_profile

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SUBJECT = Subject("model", digest_bytes(b"a model"), "loans/1")
GATE = """\
id: {name}
title: A gate of this pack
summary: Says what it was given.
controls: [A.6.2.4]
phase: verification
kind: computed
subject: model
inputs:
  data: {{evaluation: required, champion: optional}}
  roles: {{target: required, prediction: optional, score: optional}}
  records: {{card: required}}
expires_days: 30
last: {last}
"""
CODE = """\
from aims_gates import Finding, Limit

def run(case):
    seen = {"roles": {role: list(names) for role, names in case.roles.items()}, "data": sorted(case.data)}
    seen["before"] = sorted(case.findings)
    yield Finding("rows", float(case.data["evaluation"].rows), over=seen, limit=Limit(">=", 1.0), outcome="pass")
"""
PROFILE = """\
id: mine
title: Mine
tier: minimal
controls:
  A.6.2.4: {why: measured, gates: [summing_up, looking]}
"""
SYSTEM = """\
name: loans
purpose: Decide which small loans are granted to applicants.
owner: head-of-lending
tier: minimal
profile: mine
models: [loans]
"""
DATA = "data: {evaluation: rows.csv}\n"
ROLES = "roles: {target: y}\n"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    for name, last in (("summing_up", "true"), ("looking", "false")):
        folder = tmp_path / "gates" / name
        folder.mkdir(parents=True)
        (folder / "gate.yaml").write_text(GATE.format(name=name, last=last))
        (folder / "gate.py").write_text(CODE)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(PROFILE)
    (tmp_path / "records" / "systems" / "loans").mkdir(parents=True)
    (tmp_path / "rows.csv").write_text("x,y\n1,0\n2,1\n3,1\n")
    return tmp_path


def prepared(
    pack: Path, system: str = SYSTEM + DATA + ROLES, card: bool = True
) -> tuple[SystemRecord, Plan, dict[str, Gate]]:
    folder = pack / "records" / "systems" / "loans"
    (folder / "system.yaml").write_text(system)
    if card:
        (folder / "card.yaml").write_text("summary: what it is\n")
    gates = find_gates([pack])
    record = read_system(pack, "loans")
    return record, make_plan(record, read_profile("mine", gates, [pack]), gates), gates


def check(pack: Path, *prepare: Any, bench: Mapping[str, Any] | None = None, **kw: Any) -> list[Evidence]:
    record, plan, gates = prepared(pack, *prepare, **kw)
    return list(run_plan(plan, gates, GateInputs(record, SUBJECT, **(bench or {})), NOW))


def seen(evidence: Evidence) -> Mapping[str, Any]:
    over = evidence.findings[0].over
    assert over is not None
    return over


def test_evidence_pins_gate_parameters_data_rows_and_libraries(pack: Path) -> None:
    found = check(pack, bench={"facts": {"run_id": "r"}})
    gate = find_gates([pack])["looking"]
    made = found[0]
    assert (made.gate, made.gate_digest, made.outcome, dict(made.params)) == ("looking", gate.digest, "pass", {})
    assert made.data == {"evaluation": digest_file(pack / "rows.csv")} and made.rows == {"evaluation": 3}
    assert made.predictions is None and made.produced_at == "2026-06-01T12:00:00+00:00"
    assert made.facts["run_id"] == "r" and made.facts["libraries"] == library_versions()


def test_the_gate_that_reads_the_others_comes_last_and_sees_them(pack: Path) -> None:
    found = check(pack)
    assert [each.gate for each in found] == ["looking", "summing_up"]
    assert (seen(found[0])["before"], seen(found[1])["before"]) == ([], ["looking"])


@pytest.mark.parametrize(
    ("system", "card", "said", "remedy"),
    [
        (SYSTEM + ROLES, True, "names no 'evaluation' data", "Add data.evaluation"),
        (SYSTEM + DATA, True, "no column has the role 'target'", "Add roles.target"),
        (SYSTEM + DATA + ROLES, False, "this record is missing", "gates show"),
        (SYSTEM + ROLES + "data: {evaluation: gone.csv}\n", True, "gone.csv", "Check the path"),
    ],
)
def test_what_a_gate_lacks_is_an_error_that_says_so_and_never_a_pass(
    pack: Path, system: str, card: bool, said: str, remedy: str
) -> None:
    for evidence in check(pack, system, card):
        assert evidence.outcome == "error"
        (finding,) = evidence.findings
        assert said in (finding.note or "") and remedy in (finding.remedy or "")
        assert finding.missing and finding.cause == ("data" if card else "record")
        assert finding.controls == ("A.6.2.4",)


def test_a_gate_whose_digest_differs_from_the_plans_does_not_run(pack: Path) -> None:
    record, plan, gates = prepared(pack)
    (pack / "gates" / "looking" / "gate.py").write_text(CODE + "\n# changed since the plan was made\n")
    changed = find_gates([pack])
    found = list(run_plan(plan, changed, GateInputs(record, SUBJECT), NOW))
    assert found[0].outcome == "error" and "differs from the one the plan names" in (found[0].findings[0].note or "")
    assert found[0].gate_digest == changed["looking"].digest != gates["looking"].digest


def test_a_gate_that_is_not_here_stops_the_check(pack: Path) -> None:
    record, plan, gates = prepared(pack)
    del gates["looking"]
    with pytest.raises(InputError, match="'looking', which is not here"):
        list(run_plan(plan, gates, GateInputs(record, SUBJECT), NOW))


def test_a_step_that_does_not_apply_does_not_run(pack: Path) -> None:
    record, plan, gates = prepared(pack)
    plan = replace(plan, steps=tuple(replace(step, applies=step.last) for step in plan.steps))
    assert [each.gate for each in run_plan(plan, gates, GateInputs(record, SUBJECT), NOW)] == ["summing_up"]


def test_gates_see_the_prediction_table_and_evidence_cites_it_and_the_set_behind_it(pack: Path) -> None:
    table = Dataset.open(
        pd.DataFrame({"y": [0, 1, 1], "prediction": [0, 1, 0], "score": [0.1, 0.9, 0.4]}), role="evaluation"
    )
    cited = digest_bytes(b"the table")
    found = check(pack, bench={"predictions": table, "predictions_digest": cited})
    assert seen(found[0])["roles"] == {"target": ["y"], "prediction": ["prediction"], "score": ["score"]}
    assert found[0].predictions == cited and found[0].data["evaluation"] == digest_file(pack / "rows.csv")


def test_handed_in_data_serve_with_their_own_predictions_and_cite_nothing(pack: Path) -> None:
    rows = pd.DataFrame({"y": [0, 1], "prediction": [0, 1]})
    found = check(pack, bench={"given": {"evaluation": rows}})
    assert seen(found[0])["roles"] == {"target": ["y"], "prediction": ["prediction"]}
    assert found[0].predictions is None and found[0].data["evaluation"] != digest_file(pack / "rows.csv")


def test_a_column_the_system_names_goes_before_one_of_the_same_name(pack: Path) -> None:
    rows = pd.DataFrame({"y": [0, 1], "prediction": [0, 1], "said": [1, 1]})
    system = SYSTEM + DATA + "roles: {target: y, prediction: said}\n"
    found = check(pack, system, bench={"given": {"evaluation": rows}})
    assert seen(found[0])["roles"]["prediction"] == ["said"]


def test_progress_is_told_before_each_gate(pack: Path) -> None:
    record, plan, gates = prepared(pack)
    told: list[tuple[str, int, int]] = []
    list(run_plan(plan, gates, GateInputs(record, SUBJECT), NOW, lambda *said: told.append(said)))
    assert told == [("looking", 0, 2), ("summing_up", 1, 2)]


DATED = "data: {evaluation: rows.csv, production: dated.csv}\nroles: {target: y, timestamp: at}\n"


@pytest.mark.parametrize(
    ("times", "window"),
    [
        (("2026-05-01 08:00:00", "2026-05-30 09:30:00"), ("2026-05-01T08:00:00", "2026-05-30T09:30:00")),
        (("first", "last"), None),
        (("", ""), None),
    ],
)
def test_evidence_says_over_which_time_production_reaches(
    pack: Path, times: tuple[str, str], window: tuple[str, str] | None
) -> None:
    (pack / "dated.csv").write_text(f"at,y\n{times[1]},0\n{times[0]},1\n")
    for gate in (pack / "gates").glob("*/gate.yaml"):
        gate.write_text(gate.read_text().replace("champion: optional", "champion: optional, production: optional"))
    made = check(pack, SYSTEM + DATED)[0]
    ends = window and tuple(f"{time}.000000+00:00" for time in window)
    assert made.windows == ({"production": ends} if ends else {}) and set(made.data) == {"evaluation", "production"}


def test_what_data_have_to_be_is_part_of_the_plan(pack: Path) -> None:
    samples = "samples: {production: {least_rows: 1000, days: 28}}\n"
    record, plan, _ = prepared(pack, SYSTEM + DATA + ROLES + samples)
    assert plan.samples == {"production": DataRule(None, 1000, 28)}
    assert record.system.content()["samples"]["production"]["days"] == 28
    assert "samples" not in prepared(pack)[0].system.content()
    with pytest.raises(InputError, match="least_rows"):
        prepared(pack, SYSTEM + DATA + ROLES + "samples: {production: {least_rows: -1}}\n")
