"""Where a profile wants schemas, a gate reads no file without one; and a schema changes what evidence rests on."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aims_gates.cli import main
from aims_gates.documents.canonical import canonical_bytes, digest_bytes
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import make_plan
from aims_gates.evaluation.run_plan import GateInputs, run_plan
from aims_gates.governance.records.reader import read_system
from aims_gates.model import Evidence, Subject
from aims_gates.packs.find import find_gates
from aims_gates.profiles import read_profile

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SYSTEM = """\
name: loans
purpose: Decide which small loans are granted to applicants.
owner: head-of-lending
tier: limited
profile: mine
models: [loans]
data: {evaluation: rows.csv, reference: rows.csv}
roles: {target: y, prediction: prediction}
"""
PROFILE = """\
id: mine
title: Mine
tier: limited
controls:
  A.6.2.4: {why: measured, gates: [performance]}
  A.7.4: {why: measured, gates: [data_quality]}
gates:
  performance: {params: {limits: {accuracy: {op: '>=', value: 0.6}}}}
"""
BOTH = "schema: {evaluation: {file: rows.schema.yaml}, reference: {file: rows.schema.yaml}}\n"
GATES = find_gates()


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A pack whose profile wants schemas, and whose system has none."""
    (tmp_path / "records" / "systems" / "loans").mkdir(parents=True)
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.yaml").write_text(PROFILE + "schemas: true\n")
    (tmp_path / "records" / "systems" / "loans" / "system.yaml").write_text(SYSTEM)
    (tmp_path / "rows.csv").write_text("y,prediction\n" + "1,1\n0,0\n" * 400)
    return tmp_path


def declare(pack: Path, text: str) -> None:
    folder = pack / "records" / "systems" / "loans"
    (folder / "system.yaml").write_text(SYSTEM + text)
    schema = folder / "rows.schema.yaml"
    schema.unlink(missing_ok=True)
    assert main(["data", "schema", "propose", str(pack / "rows.csv"), "--output", str(schema)]) == 0


def check(pack: Path, given: Mapping[str, Any] | None = None) -> dict[str, Evidence]:
    record = read_system(pack, "loans")
    plan = make_plan(record, read_profile("mine", GATES, [pack]), GATES)
    inputs = GateInputs(record, Subject("model", digest_bytes(b"m"), "loans/1"), given=given or {}, environment="here")
    return {evidence.gate: evidence for evidence in run_plan(plan, GATES, inputs, NOW)}


def test_a_set_without_a_schema_leaves_its_gates_without_a_verdict_and_says_what_to_write(pack: Path) -> None:
    evidence = check(pack)
    assert {one.outcome for one in evidence.values()} == {"error"}
    (finding,) = evidence["performance"].findings
    assert finding.missing and finding.controls == ("A.6.2.4",)
    assert "your profile requires a declared schema of each set, and evaluation has none" in str(finding.note)
    assert "aims-gates data schema propose rows.csv --output records/systems/loans/evaluation.schema.yaml" in str(
        finding.remedy
    )
    assert "schema: {evaluation: {file: evaluation.schema.yaml}}" in str(finding.remedy)
    assert "evaluation and reference has none" in str(evidence["data_quality"].findings[0].note)


def test_with_schemas_the_gates_compute(pack: Path) -> None:
    declare(pack, BOTH)
    evidence = check(pack)
    assert evidence["performance"].outcome == "pass"
    assert not any(finding.missing for one in evidence.values() for finding in one.findings)


def test_a_profile_that_wants_none_keeps_its_digest_and_its_plan_its_bytes(pack: Path) -> None:
    (pack / "profiles" / "mine.yaml").write_text(PROFILE)
    assert check(pack)["performance"].outcome == "pass"
    profile = read_profile("mine", GATES, [pack])
    plan = make_plan(read_system(pack, "loans"), profile, GATES)
    assert b"schemas" not in canonical_bytes(plan)
    (pack / "profiles" / "mine.yaml").write_text(PROFILE + "schemas: true\n")
    wanted = read_profile("mine", GATES, [pack])
    assert wanted.digest != profile.digest
    assert b'"schemas":true' in canonical_bytes(make_plan(read_system(pack, "loans"), wanted, GATES))


def test_a_file_that_is_handed_in_is_read_as_the_system_declares_its_role(pack: Path) -> None:
    other = pack / "other.csv"
    other.write_text("y,prediction\n" + "1,1\n0,x\n" * 400)
    undeclared = check(pack, {"reference": str(other)})
    assert "evaluation and reference has none" in str(undeclared["data_quality"].findings[0].note)
    declare(pack, BOTH)
    note = str(check(pack, {"reference": other})["data_quality"].findings[0].note)
    assert "other.csv: not as declared: 400 cells of 'prediction' are not whole numbers" in note
    frame = pd.read_csv(other)
    assert not any(one.missing for one in check(pack, {"reference": frame})["data_quality"].findings)


def test_another_schema_is_another_origin_of_evidence(pack: Path) -> None:
    declare(pack, BOTH)
    before = check(pack)["performance"].facts["computed_from"]
    schema = pack / "records" / "systems" / "loans" / "rows.schema.yaml"
    schema.write_text(schema.read_text() + '  missingValues: ["", "9"]\n')
    assert before != check(pack)["performance"].facts["computed_from"] != ""


def test_a_schema_in_which_something_is_to_be_decided_is_refused_with_its_line(pack: Path) -> None:
    (pack / "rows.csv").write_text("y,prediction,day\n1,1,01/02/2026\n0,0,03/04/2026\n")
    declare(pack, BOTH)
    with pytest.raises(InputError, match="still to be filled in") as caught:
        read_system(pack, "loans")
    assert str(caught.value.where).endswith("rows.schema.yaml:10")


@pytest.mark.parametrize("name", ["minimal", "starter", "starter-limited", "starter-minimal", "starter-solo"])
def test_what_is_for_a_beginning_wants_none(name: str) -> None:
    assert not read_profile(name, GATES).profile.schemas


@pytest.mark.parametrize("name", ["limited", "high", "small-organization", "nyc-ll144", "limited+gpai-user"])
def test_tiers_limited_and_high_want_schemas(name: str) -> None:
    assert read_profile(name, GATES).profile.schemas
