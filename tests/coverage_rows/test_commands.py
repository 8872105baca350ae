"""Rows whose check is a command: its answer and its exit code."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pytest import CaptureFixture, MonkeyPatch
from sqlalchemy import text

from aims_gates.attestation.statements.registry import Registration
from aims_gates.governance.classification import bundle
from aims_gates.governance.classification.bundles import DEFAULT
from aims_gates.governance.controls import catalogue
from aims_gates.governance.controls.glossary import glossary
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.ledger.verify import verify
from tests.support import command_line

from .rows import EXAMPLE, covers

Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(tmp_path: Path, monkeypatch: MonkeyPatch, capsys: CaptureFixture[str]) -> Command:
    """Runs a command line in an empty folder: exit code, output, errors."""
    for name in ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI", "AIMS_GATES_KEY", "AIMS_GATES_SYSTEM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)

    return command_line(capsys)


def form(folder: Path, *yes: str, **more: Any) -> str:
    """A questionnaire in which everything is no but these."""
    answers: dict[str, Any] = dict.fromkeys(bundle(DEFAULT).questions(), "no")
    answers |= dict.fromkeys(("is_ai_system", *yes), "yes")
    value = {
        "bundle": DEFAULT,
        "system": "trial",
        "purpose": "Something that is said here in a full sentence.",
        "assessor": "model owner",
        "date": "2026-11-01",
        "role": "provider",
        "answers": answers,
    } | more
    (folder / "answers.json").write_text(json.dumps(value))
    return "answers.json"


def attacks(folder: Path, succeeded: int) -> None:
    rows = [f"injection,{int(i < succeeded)}\n" for i in range(100)] + [f"jailbreak,{0}\n" for _ in range(100)]
    (folder / "attacks.csv").write_text("kind,worked\n" + "".join(rows))


@covers("T1")
def test_attacks_are_counted_by_class_and_a_weak_model_fails(command: Command, tmp_path: Path) -> None:
    asked = ("try", "security", "--data", "attacks=attacks.csv", "--role", "attack_class=kind", "--json")
    for worked, exit_code in ((0, 0), (40, 2)):
        attacks(tmp_path, worked)
        code, out, _ = command(*asked, "--role", "succeeded=worked")
        found = {tuple(each["by"].values()): each for each in json.loads(out)["findings"] if each["by"]}
        assert code == exit_code
        assert found[("injection",)]["value"] == worked / 100 and found[("jailbreak",)]["value"] == 0
        assert found[("injection",)]["controls"] == ["A.6.2.4"]


@covers("T3")
def test_planted_bias_fails_and_names_the_groups_and_the_measure(command: Command, tmp_path: Path) -> None:
    rows = [f"{'ab'[i % 2]},{int(i % 10 < (8 if i % 2 == 0 else 4))}\n" for i in range(4000)]
    (tmp_path / "scored.csv").write_text("group,approved\n" + "".join(rows))
    roles = ("--role", "prediction=approved", "--role", "sensitive=group")
    code, out, _ = command("try", "fairness", "--data", "evaluation=scored.csv", *roles, "--json")
    failed = [each for each in json.loads(out)["findings"] if each["outcome"] == "fail"]
    assert code == 2
    assert [each["measure"] for each in failed] == ["demographic_parity_ratio"]
    assert failed[0]["over"] == {"sensitive": ["group"]} and "A.5.4" in failed[0]["controls"]


@covers("A4.2", "A7.3")
def test_an_under_represented_group_is_found_with_shares_test_and_size(command: Command, tmp_path: Path) -> None:
    reference = 'reference={"sex": {"female": 0.5, "male": 0.5}}'
    asked = ("try", "representativeness", "--data", "evaluation=people.csv", "--role", "sensitive=sex", "--json")
    for women, exit_code in ((500, 0), (200, 2)):
        people = ["female\n"] * women + ["male\n"] * (1000 - women)
        (tmp_path / "people.csv").write_text("sex\n" + "".join(people))
        code, out, _ = command(*asked, "--param", reference)
        found = json.loads(out)["findings"]
        assert code == exit_code
        assert {"share_difference", "group_size"} <= {each["measure"] for each in found} | {"group_size"}
        assert any(each["p_value"] is not None for each in found) and all(each["n"] for each in found)


@covers("A7.1")
def test_data_that_are_too_late_fail_currentness(command: Command, tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("at,x\n2020-01-01,1\n2020-01-02,2\n")
    asked = ("try", "data_quality", "--data", "evaluation=d.csv", "--role", "timestamp=at", "--json")
    suite = ("--param", 'suite=[{"type": "expect_column_to_exist", "kwargs": {"column": "x"}}]')
    assert command(*asked, *suite)[0] == 0
    code, out, _ = command(*asked, *suite, "--param", "max_age_days=30")
    assert code == 2
    (late,) = (each for each in json.loads(out)["findings"] if each["outcome"] == "fail")
    assert late["measure"] == "currentness" and late["controls"] == ["A.7.4"]


@covers("A6.2")
def test_a_changed_model_file_has_another_digest(command: Command, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "MLmodel").write_text("flavors: {}\n")
    (tmp_path / "model" / "weights.bin").write_bytes(b"one")
    code, first, err = command("digest", "model")
    assert code == 0 and "sha256:" in first, err
    assert command("digest", "model")[1] == first
    (tmp_path / "model" / "weights.bin").write_bytes(b"two")
    code, second, _ = command("digest", "model")
    assert code == 0 and second != first


@covers("C1.1")
def test_a_provider_and_a_deployer_have_different_duties(command: Command, tmp_path: Path) -> None:
    file = form(tmp_path, "5b")
    found = {}
    for role in ("provider", "deployer"):
        code, out, _ = command("classify", "--file", file, "--role", role, "--json")
        value = json.loads(out)
        assert code == 0 and value["tier"] == "high"
        found[role] = {each["id"] for each in value["obligations"]}
    assert found["provider"] - found["deployer"] and found["deployer"] - found["provider"]


@covers("C1.4")
def test_a_start_in_an_empty_folder_needs_no_server(command: Command, tmp_path: Path) -> None:
    assert command("init", "--system", "pumps")[0] == 0
    assert "sqlite:///" in (tmp_path / "aims.yaml").read_text()
    code, _, err = command("plan", "pumps")
    assert code == 1 and "still to be filled in" in err and "remedy" in err


@covers("C2.1", "C3.3")
def test_the_glossary_defines_terms_of_the_vocabulary_under_stable_ids(command: Command) -> None:
    code, out, _ = command("glossary", "AI system", "--json")
    assert code == 0 and json.loads(out)["id"] == "ai-system" and json.loads(out)["source"] == "22989"
    kept = {"ai-system", "bias", "robustness", "interested-party", "risk", "continual-improvement", "label"}
    assert kept <= set(glossary())


@covers("C2.2")
def test_the_schema_of_an_impact_assessment_requires_the_sections_of_its_guidance(command: Command) -> None:
    code, out, _ = command("schema", "system/impact_assessment")
    required = set(json.loads(out)["required"])
    assert code == 0
    assert {"purpose", "foreseeable_misuse", "benefits", "groups", "dimensions", "societal", "assessor"} <= required


@covers("C2.3", "X.annexes")
def test_a_control_names_what_to_read_and_where_risk_comes_from_without_the_standards_text(command: Command) -> None:
    code, out, _ = command("explain", "A.5.3")
    assert code == 0 and "ISO/IEC 42005" in out and "B.5.3" in out
    code, out, _ = command("explain", "A.7.4", "--json")
    assert code == 0 and json.loads(out)["risk_sources"] == ["machine learning itself"]
    assert "The wording is ours" in command("explain", "A.7.4")[1]


@covers("C2.ex")
def test_what_is_no_ai_system_is_out_of_scope_with_a_signed_reason(command: Command, tmp_path: Path) -> None:
    signed = {"reason": "a fixed table of rates", "signed_by": "general counsel", "signed_on": "2026-11-01"}
    out_of_scope = form(tmp_path, answers={"is_ai_system": "no"}, scope_reason=signed)
    code, out, _ = command("classify", "--file", out_of_scope, "--json")
    assert code == 0 and json.loads(out)["tier"] == "out-of-scope"
    code, out, _ = command("classify", "--file", form(tmp_path, answers={"is_ai_system": "no"}), "--json")
    assert code == 3 and "scope_reason" in {each["id"] for each in json.loads(out)["missing"]}


@covers("C3.1")
def test_the_register_of_systems_says_what_each_gives(command: Command, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "records", tmp_path / "records")
    place = tmp_path / "records" / "systems" / "mortgage" / "system.yaml"
    text_ = "".join(line for line in place.read_text().splitlines(True) if not line.startswith("output:"))
    place.write_text(text_ + "output: decision\n")
    code, out, _ = command("systems", "list", "--pack", ".", "--json")
    assert code == 0 and [(row["id"], row["output"]) for row in json.loads(out)] == [("mortgage", "decision")]
    assert "OUTPUT" in command("systems", "list", "--pack", ".")[1]


@covers("C3.ex")
def test_a_system_of_ones_own_a_bought_service_and_a_recommender_each_get_a_tier(
    command: Command, tmp_path: Path
) -> None:
    kinds = {
        "assistant": ("content", ("50.1", "50.2"), "limited"),
        "fraud-service": ("prediction", ("5b", "5b.exception"), "minimal"),
        "job-recommender": ("recommendation", ("4a",), "high"),
    }
    for name, (output, yes, tier) in kinds.items():
        code, out, _ = command("classify", "--file", form(tmp_path, *yes), "--json")
        assert code == 0 and json.loads(out)["tier"] == tier
        place = tmp_path / "records" / "systems" / name
        place.mkdir(parents=True)
        (place / "system.yaml").write_text(
            f"name: {name}\npurpose: Something that is said here in a full sentence.\nowner: somebody@example.org\n"
            f"tier: {tier}\noutput: {output}\nmodels: [{name}]\n"
        )
    code, out, _ = command("systems", "list", "--pack", ".", "--json")
    assert code == 0
    found = {row["id"]: (row["output"], row["tier"]) for row in json.loads(out)}
    assert found == {name: (output, tier) for name, (output, _, tier) in kinds.items()}


@covers("C3.2")
def test_interested_parties_risks_and_improvements_have_shapes(command: Command) -> None:
    for name, field in (("context", "parties"), ("risk_register", "risks"), ("nonconformities", "improvements")):
        code, out, _ = command("schema", f"organization/{name}")
        assert code == 0 and field in json.loads(out)["properties"]
        assert f"organization/{name}" in SHAPES


@covers("C6.4")
def test_the_statement_of_applicability_gives_each_control_a_reason(command: Command, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "records", tmp_path / "records")
    code, _, err = command("report", "soa", "--pack", ".", "--out", "soa.json")
    rows = json.loads((tmp_path / "soa.json").read_text())["rows"]
    assert code == 0, err
    assert [row["control"] for row in rows] == list(catalogue()) and all(row["reason"] for row in rows)


@covers("C7.5")
def test_one_edited_row_of_the_ledger_is_named(world: Any, kit: Any) -> None:
    world.trust()
    world.create()
    world.say(Registration("default", "credit", "1", "models:/m-1", "run", kit.person("developer"), "test"))
    assert verify(world.connection).ok
    triggers = world.connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
    for name in triggers:  # an owner of the database can take them off
        world.connection.execute(text(f'DROP TRIGGER "{name}"'))
    world.connection.execute(text("UPDATE aims_ledger SET body = replace(body, 'm-1', 'm-2') WHERE position = 2"))
    found = verify(world.connection)
    assert not found.ok and any("row 2" in each for each in found.problems)


@covers("A3.4")
def test_nobody_approves_a_version_of_their_own(kit: Any) -> None:
    for approver, allowed in (("risk", True), ("developer", False)):
        story = kit.Story()
        both = [kit.trusted(role) for role in kit.ROLES if role != "developer"]
        story.trust(*both, kit.trusted("developer", roles=("developer", "risk")))
        story.create(), story.bind(), story.register(), story.predict(), story.check(), story.request()
        story.approve("risk", by=approver), story.approve("compliance")
        decision = story.decide()
        assert decision.allowed is allowed
        assert [state.control for state in decision.controls if state.blocks] == ([] if allowed else ["A.3.2"])


@covers("C10.5")
def test_a_changed_law_is_compared_and_systems_to_classify_again_are_listed(command: Command, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "records", tmp_path / "records")
    code, out, _ = command("rules", "diff", "eu-2026-1744-r2", "eu-2024-1689", "--pack", ".", "--json")
    value = json.loads(out)
    assert code == 0 and value["changes"]
    assert [each["system"] for each in value["systems"]] == ["mortgage"]


@covers("C9.ex")
def test_the_schedule_of_a_day_holds_what_is_due_and_nothing_later(command: Command, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "records", tmp_path / "records")
    code, out, _ = command("schedule", "--as-of", "2026-11-17", "--within", "40", "--pack", ".", "--json")
    rows = json.loads(out)
    assert code == 0 and rows and all(row["days"] <= 40 for row in rows)
    assert any("audit_programme" in row["about"] and row["due"] == "2026-12-04" for row in rows)
    later = json.loads(command("schedule", "--as-of", "2027-07-01", "--pack", ".", "--json")[1])
    overdue = {row["about"] for row in later if row["overdue"]}
    assert any("audit_programme" in each for each in overdue) and not any("ai_policy" in each for each in overdue)


@covers("X.27001")
def test_evidence_is_found_again_in_the_information_security_standard(command: Command) -> None:
    code, out, _ = command("controls", "crosswalk", "--to", "iso-27001", "--control", "A.10.3", "--json")
    assert code == 0
    assert json.loads(out)[0]["iso-27001"] == ["A.5.19", "A.5.20", "A.5.21", "A.5.22", "A.5.23"]


@covers("R.1")
def test_a_prohibited_practice_is_refused_and_no_waiver_lifts_it(command: Command, tmp_path: Path) -> None:
    code, out, _ = command("classify", "--file", form(tmp_path, "5.1.c", "5.1.c.qualifier"), "--json")
    assert code == 2 and json.loads(out)["tier"] == "prohibited"
    shutil.copytree(EXAMPLE / "records", tmp_path / "records")
    place = tmp_path / "records" / "systems" / "mortgage" / "system.yaml"
    place.write_text(place.read_text().replace("tier: high", "tier: prohibited"))
    code, _, err = command("plan", "mortgage", "--pack", ".")
    assert code == 2 and "No waiver lifts this" in err


@covers("R.2")
def test_a_provider_of_a_general_purpose_model_owes_article_53_and_its_overlay(
    command: Command, tmp_path: Path
) -> None:
    code, out, _ = command("classify", "--file", form(tmp_path, "gpai.provider"), "--json")
    value = json.loads(out)
    assert code == 0 and "53" in str(value["articles"])
    assert any(str(each["article"]).startswith("53") for each in value["obligations"])
    code, out, _ = command("profile", "show", "minimal+gpai-provider")
    required = {name for name, rule in json.loads(out)["controls"].items() if rule["enforcement"] == "block"}
    assert code == 0 and {"A.6.2.7", "A.10.4", "A.7.3", "A.8.5"} <= required


@covers("R.3")
def test_the_dates_are_those_of_the_amended_law(command: Command) -> None:
    code, out, _ = command("rules", "dates", "--bundle", "eu-2026-1744", "--json")
    dates = {each["date"]: each["what"] for each in json.loads(out)}
    assert code == 0
    assert "Annex III" in dates["2027-12-02"] and "Annex I" in dates["2028-08-02"]
