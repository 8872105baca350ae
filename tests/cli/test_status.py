"""Commands over all models: status, schedule, report soa, coverage and pages, bom."""

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import create_engine

from aims_gates import database
from aims_gates.attestation.statements.policy import Scheduled
from aims_gates.cli.plan import plan_of
from aims_gates.governance.controls import catalogue
from aims_gates.ledger import install, lock
from aims_gates.settings import load

ORGANIZATION = "records/organization"
ROLES = """\
owner: aims-manager
approver: managing-director
approved_on: 2026-01-05
next_review: 2026-03-01
version: "1.0"
roles:
  - {role: model_validator, holders: [validator@example.org]}
"""


@pytest.fixture
def pack(tmp_path: Path, shops: ModuleType) -> Path:
    """A pack with one system, and no ledger yet."""
    shops.write_pack(tmp_path)
    (tmp_path / ORGANIZATION).mkdir(parents=True)
    (tmp_path / ORGANIZATION / "roles.yaml").write_text(ROLES)
    return tmp_path


@pytest.fixture
def told(pack: Path, kit: Any) -> Iterator[Any]:
    """The pack with a ledger in which version 1 of 'loans' is checked, approved and granted, today."""
    yield from tell(pack, kit)


def tell(pack: Path, kit: Any, **binding: Any) -> Iterator[Any]:
    from datetime import UTC, datetime

    plan = plan_of(load(pack / "aims.yaml"), "loans")
    engine = create_engine(f"sqlite:///{pack / 'registry.db'}")
    with engine.begin() as connection:
        install(connection)
        lock(connection)
        story = kit.World(connection)
        story.now = datetime.now(UTC) - timedelta(hours=2)
        real = story.say

        def say(predicate: Any, *roles: str, about: str = kit.BYTES) -> Any:
            named = getattr(predicate, "name", None) == "credit"
            return real(replace(predicate, name="loans") if named else predicate, *roles, about=about)

        story.say = say
        story.trust(), story.create(), story.bind(plan, **binding), story.register()
        story.predict(data=plan.evaluation_digest)
        facts = {"run_creator": "developer", "libraries": {"scikit-learn": "1.5.2", "numpy": "2.1.0"}}
        for step in plan.steps:
            story.check(
                *(kit.finding(controls=(control,)) for control in step.controls),
                gate=step.gate,
                gate_digest=step.digests[0],
                params=step.params,
                data={"evaluation": plan.evaluation_digest},
                facts=facts,
            )
        from aims_gates.decision.in_force import StatementView
        from aims_gates.decision.rules import frozen
        from aims_gates.documents.canonical import digest

        ledger = StatementView(story.rows, "default", "loans")
        counted = [ledger.count(plan, step, kit.BYTES, story.now) for step in plan.steps]
        asked = story.request(plan=digest(plan), evidence=frozen(counted))
        story.approve("risk"), story.approve("compliance")
        story.grant(request=asked.digest)
    engine.dispose()
    yield story


def test_status_shows_a_model_of_a_pack_before_there_is_a_ledger(pack: Path, command: Any) -> None:
    said = command("status", "--json")
    [row] = json.loads(said.out)
    assert (row["model"], row["system"], row["state"], row["version"], row["missing"]) == (
        "loans",
        "loans",
        "unbound",
        "",
        3,
    )
    assert said.code == 0


def test_status_of_an_empty_folder_says_how_to_begin(command: Any) -> None:
    assert "aims-gates init" in command("status").out


def test_status_shows_what_is_in_production_in_one_line(told: Any, command: Any) -> None:
    said = command("status")
    assert said.code == 0, said.err
    line = next(each for each in said.out.splitlines() if each.startswith("loans"))
    assert " met " in line and " enforce " in line
    assert "1 model: 1 met" in said.out


def test_an_edited_ledger_gives_no_table(pack: Path, told: Any, command: Any) -> None:
    engine = create_engine(f"sqlite:///{pack / 'registry.db'}")
    with engine.begin() as connection:
        database.drop(connection)
        connection.exec_driver_sql("UPDATE aims_ledger SET body = replace(body, '1.5.2', '1.5.3')")
        connection.exec_driver_sql("UPDATE aims_ledger SET body = body || ' ' WHERE position = 2")
    engine.dispose()
    said = command("status")
    assert (said.code, said.out) == (5, "")


def test_status_says_observe_where_nothing_is_enforced(pack: Path, kit: Any, command: Any) -> None:
    list(tell(pack, kit, modes=(Scheduled("observe", "2020-01-01"),)))
    assert json.loads(command("status", "--json").out)[0]["state"] == "observe"


@pytest.mark.parametrize("column", ["model", "state", "missing", "version", "next_expiry", "since", "request", "tier"])
def test_status_sorts_by_each_column(told: Any, command: Any, column: str) -> None:
    system = Path("records/systems/pumps")
    system.mkdir()
    text = Path("records/systems/loans/system.yaml").read_text()
    (system / "system.yaml").write_text(text.replace("name: loans", "name: pumps").replace("[loans]", "[a-pump]"))
    found = [row["model"] for row in json.loads(command("status", "--sort", column, "--json").out)]
    pump_first = column in ("model", "state", "missing", "tier", "request")
    assert found == (["a-pump", "loans"] if pump_first else ["loans", "a-pump"])


def test_schedule_lists_what_is_overdue_first(told: Any, command: Any) -> None:
    rows = json.loads(command("schedule", "--as-of", "2026-03-02", "--json").out)
    assert (rows[0]["about"], rows[0]["kind"], rows[0]["days"], rows[0]["overdue"]) == (
        "records/organization/roles.yaml", "review", -1, True,
    )  # fmt: skip


def test_schedule_looks_ahead_from_any_day(told: Any, command: Any) -> None:
    rows = json.loads(command("schedule", "--as-of", "2035-01-01", "--json").out)
    assert {"evidence", "approval", "review"} <= {row["kind"] for row in rows}
    assert all(row["overdue"] for row in rows)
    assert [row["due"] for row in rows] == sorted(row["due"] for row in rows)
    assert json.loads(command("schedule", "--within", "0", "--as-of", "2020-01-01", "--json").out) == []
    assert "overdue" in command("schedule", "--as-of", "2035-01-01").out


def test_schedule_refuses_a_date_that_is_none(told: Any, command: Any) -> None:
    said = command("schedule", "--as-of", "tomorrow")
    assert said.code == 1
    assert "YYYY-MM-DD" in said.err


def soa_record(pack: Path, *left_out: str, **changed: str) -> None:
    rows = "".join(
        f"  - {{control: {control}, applicable: {changed.get(control.replace('.', '_'), 'true')}, "
        f'reason: "Models decide here, so {control} bears on us.", state: planned, '
        f"risks: [R-1]}}\n"
        for control in catalogue()
        if control not in left_out
    )
    head = ROLES.partition("roles:")[0]
    (pack / ORGANIZATION / "statement_of_applicability.yaml").write_text(f"{head}rows:\n{rows}")


def test_the_statement_of_applicability_gives_each_control_a_reason(pack: Path, told: Any, command: Any) -> None:
    soa_record(pack)
    said = command("report", "soa", "--format", "json")
    value = json.loads(said.out)
    assert said.code == 0, said.err
    assert [row["control"] for row in value["rows"]] == list(catalogue())
    assert all(row["reason"] and not row["problem"] for row in value["rows"])
    assert (value["approver"], value["version"]) == ("managing-director", "1.0")
    [row] = [each for each in value["rows"] if each["control"] == "A.6.2.4"]
    assert (row["recorded"], row["source"]) == ("planned", "record")
    assert row["implementation"].startswith("evidence criteria met without comparison with the champion")
    assert row["statements"][0].startswith("sha256:")


def test_a_row_without_a_reason_is_named_and_gives_exit_code_3(pack: Path, told: Any, command: Any) -> None:
    soa_record(pack, "A.9.4")
    said = command("report", "soa", "--format", "csv")
    rows = list(csv.reader(StringIO(said.out)))
    assert said.code == 3
    assert [row[0] for row in rows[1:]] == list(catalogue())
    assert "A.9.4" in said.err
    assert any("no reason recorded" in row for row in rows)


def test_a_control_declared_not_applicable_that_a_profile_requires_is_named(
    pack: Path, told: Any, command: Any
) -> None:
    soa_record(pack, A_6_2_4="false", A_10_4="false")
    said = command("report", "soa", "--format", "json")
    assert said.code == 3
    assert "A.6.2.4: the record says not applicable" in said.err
    assert "A.10.4" not in said.err


def test_two_rows_for_a_control_and_a_row_for_none_are_named(pack: Path, told: Any, command: Any) -> None:
    soa_record(pack)
    path = pack / ORGANIZATION / "statement_of_applicability.yaml"
    row = "  - {control: %s, applicable: true, reason: A second opinion., state: planned}\n"
    path.write_text(path.read_text() + row % "A.2.2" + row % "A.99.1")
    said = command("report", "soa", "--format", "json")
    assert said.code == 3
    assert "A.2.2: the record has more than one row for it" in said.err
    assert "no control: A.99.1" in said.err
    assert [row["control"] for row in json.loads(said.out)["rows"]] == list(catalogue())


@pytest.mark.parametrize("suffix", ["csv", "md", "html", "json"])
def test_the_statement_is_written_to_a_file_in_the_format_of_its_suffix(
    pack: Path, told: Any, command: Any, suffix: str
) -> None:
    soa_record(pack)
    said = command("report", "soa", "--out", f"soa.{suffix}")
    text = (pack / f"soa.{suffix}").read_text()
    assert (said.code, said.out) == (0, "")
    assert text.count("A.6.2.4") >= 1
    assert "Statement of Applicability" in text or suffix in ("csv", "json")
    assert "<script" not in text


def test_a_cell_that_a_spreadsheet_would_run_is_disarmed(pack: Path, command: Any) -> None:
    soa_record(pack)
    path = pack / ORGANIZATION / "statement_of_applicability.yaml"
    path.write_text(path.read_text().replace("Models decide here, so A.2.2 bears on us.", "=HYPERLINK(1)"))
    assert "'=HYPERLINK(1)" in command("report", "soa", "--format", "csv").out


def test_two_statements_of_applicability_are_refused(pack: Path, command: Any, tmp_path_factory: Any) -> None:
    soa_record(pack)
    other = tmp_path_factory.mktemp("other")
    (other / ORGANIZATION).mkdir(parents=True)
    soa_record(other)
    said = command("report", "soa", "--pack", str(pack), "--pack", str(other))
    assert said.code == 1
    assert "one statement of applicability" in said.err


def test_coverage_names_owner_and_next_command(pack: Path, told: Any, command: Any) -> None:
    said = command("report", "coverage", "loans", "1")
    assert said.code == 0, said.out
    assert "0 of 3 required controls missing" in said.out
    assert "model_validator (validator@example.org)" in said.out
    rows = json.loads(command("report", "coverage", "loans", "2", "--json").out)
    assert {row["control"] for row in rows if row["missing"]} == {"A.3.2", "A.6.2.4", "A.6.2.7"}
    assert all(row["next"] for row in rows if row["missing"])
    assert command("report", "coverage", "loans", "2").code == 3


def test_coverage_of_an_unbound_model_says_how_to_bind_it(told: Any, command: Any) -> None:
    said = command("report", "coverage", "stray", "1")
    assert said.code == 1
    assert "aims-gates bind stray" in said.err


def test_a_bill_of_materials_keeps_the_schema_and_is_the_same_twice(
    pack: Path, told: Any, command: Any, kit: Any
) -> None:
    pytest.importorskip("cyclonedx")
    assert command("bom", "loans", "1", "--out", "a.json").code == 0
    assert command("bom", "loans", "1", "--out", "b.json").code == 0
    assert (pack / "a.json").read_bytes() == (pack / "b.json").read_bytes()
    value = json.loads((pack / "a.json").read_text())
    assert (value["bomFormat"], value["specVersion"]) == ("CycloneDX", "1.6")
    model = value["metadata"]["component"]
    assert (model["type"], model["name"], model["version"]) == ("machine-learning-model", "loans", "1")
    assert model["hashes"] == [{"alg": "SHA-256", "content": kit.BYTES.removeprefix("sha256:")}]
    parts = {each["name"]: each for each in value["components"]}
    assert parts["scikit-learn"]["version"] == "1.5.2"
    assert parts["evaluation data"]["type"] == "data"


def test_a_bill_holds_tools_data_sheets_and_suppliers_of_the_records(pack: Path, told: Any, command: Any) -> None:
    pytest.importorskip("cyclonedx")
    system, head = pack / "records/systems/loans", ROLES.partition("roles:")[0]
    (system / "components.yaml").write_text(
        f"{head}components:\n  - {{name: Payment history, kind: data, supplier: A bureau, version: '4'}}\n"
    )
    said = command("bom", "loans", "1")
    assert said.code == 1
    assert "components.yaml:7" in said.err and "'A bureau'" in said.err
    (pack / ORGANIZATION / "suppliers.yaml").write_text(f"{head}suppliers:\n  - {{supplier: A bureau}}\n")
    (system / "resources.yaml").write_text(
        f"{head}tools:\n  - {{use: registry, tool: MLflow, version: '3.17'}}\n"
        "compute: {training: {hardware: 8 cores, hours: 1.5}}\n"
    )
    found = json.loads(command("bom", "loans", "1").out)
    parts = {each["name"]: each for each in found["components"]}
    assert parts["Payment history"]["supplier"] == {"name": "A bureau"}
    assert parts["MLflow"]["version"] == "3.17"
    facts = {each["name"]: each["value"] for each in found["metadata"]["properties"]}
    assert facts["aims-gates:compute:training:hardware"] == "8 cores"
    assert facts["aims-gates:organization-role:model_validator"] == "validator@example.org"


def test_a_bill_of_a_version_that_nobody_checked_says_what_to_run(told: Any, command: Any) -> None:
    said = command("bom", "loans", "7")
    assert said.code == 1
    assert "aims-gates check --model loans --version 7" in said.err


def test_a_page_that_lacks_facts_is_refused_and_leaves_an_older_one_whole(told: Any, pack: Path, command: Any) -> None:
    (pack / "notice.html").write_text("the one before")
    said = command("report", "notice", "loans", "1", "--out", "notice.html")
    assert said.code == 1 and "remedy" in said.err
    assert "records/systems/loans/user_information.yaml: notice.factors" in said.err
    assert (pack / "notice.html").read_text() == "the one before"
    assert "no signed evidence about loans 9" in command("report", "notice", "loans", "9").err
    assert "organization/ai_policy" in command("report", "policy-summary").err


def test_status_of_one_model_shows_the_six_phases_of_its_life(told: Any, pack: Path, command: Any) -> None:
    history = pack / "records" / "systems" / "loans" / "history.yaml"
    history.write_text("history: [{phase: design, done_on: 2026-01-02}, {phase: development, done_on: 2026-02-03}]\n")
    found = json.loads(command("status", "loans", "--json").out)
    assert found["model"] == "loans" and found["version"] == "1"
    assert [(each["phase"], each["state"]) for each in found["phases"]] == [
        ("design", "done"),
        ("development", "done"),
        ("testing", "now"),
        ("deployment", "done"),
        ("monitoring", "to come"),
        ("retirement", "to come"),
    ], "a phase that no record shows is not done, whatever came after it"
    history.write_text(history.read_text().replace("]", ", {phase: testing, done_on: 2026-03-04}]"))
    found = {each["phase"]: each for each in json.loads(command("status", "loans", "--json").out)["phases"]}
    assert found["deployment"]["source"].startswith("ledger, row") and found["monitoring"]["state"] == "now"
    assert found["monitoring"]["on"] == found["deployment"]["on"], "it lasts since the grant"
    assert "retirement" in command("status", "loans").out
    assert "It knows: loans" in command("status", "loan").err
