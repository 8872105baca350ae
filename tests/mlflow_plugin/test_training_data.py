"""Data before training: what is refused, what is signed, and what a run tells of it."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

import aims_gates
from aims_gates.attestation.signing.keys import new_key
from aims_gates.decision.training_data import judged_sets, last_accepted
from aims_gates.documents.canonical import digest_file
from aims_gates.errors import AimsGatesError, InputError, IntegrityError, RefusedError, TrainingDataRefusedError
from aims_gates.mlflow_plugin.client.systems import local_plan, system_of
from aims_gates.mlflow_plugin.client.training import judgements, refused_sets, trained_on

SUITE = [
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "x"}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "y", "value_set": [0, 1]}},
]


def sheet(name: str, digest: str, **changes: Any) -> dict[str, Any]:
    step = {"input": digest, "transform": "read as it is", "output": digest, "actor": "steward", "at": "2026-01-02"}
    return {
        "name": name, "version": "1", "digest": digest, "purpose": "Training", "categories": ["answers"],
        "licence": "ours", "retention_until": "2099-01-01", "review_by": "2099-01-01", "source": "the branches",
        "collection": "forms", "period": "2025", "selection": "all", "legal_basis": "contract",
        "consent_until": "2099-01-01", "withdrawn": False, "subjects": "applicants", "prior_uses": "nowhere else",
        "known_gaps": "nobody under 18", "chain": [step], **changes,
    }  # fmt: skip


def rows(shops: Any, seed: int) -> pd.DataFrame:
    """Enough of both groups for a share to be judged."""
    made: pd.DataFrame = shops.frame(2000, seed)
    return made.assign(g=["a", "b"] * 1000)


def write_sheets(shop: Any, *sheets: dict[str, Any]) -> None:
    fixed = sheet("evaluation", digest_file(shop.folder / "data" / "evaluation.csv"))
    record = {
        "owner": "head-of-lending", "approver": "ethics-lead", "approved_on": "2026-01-02", "next_review": "2099-01-01",
        "version": "1", "datasets": [*sheets, fixed],
    }  # fmt: skip
    (shop.folder / "records/systems/loans/datasheets.yaml").write_text(json.dumps(record))


@pytest.fixture
def data(shop: Any, shops: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A training set with a data sheet, in a shop whose system names a suite and groups; the key of ci signs."""
    place = shop.folder / "data" / "training.csv"
    rows(shops, seed=1).to_csv(place, index=False)
    system = shop.folder / "records/systems/loans/system.yaml"
    settings = {"data_quality": {"suite": SUITE}, "representativeness": {"reference": {"g": {"a": 0.5, "b": 0.5}}}}
    text = system.read_text().replace("{target: y}", "{target: y, sensitive: g}")
    system.write_text(f"{text}gates: {json.dumps(settings)}\n")
    needed = system.with_name("requirements.yaml")
    limit = "{gate: representativeness, measure: share_difference, limit: at most 0.1, reason: as in the branches}"
    needed.write_text(needed.read_text().replace("thresholds: [", f"thresholds: [{limit}, "))
    assert shop.run("bind", "loans", "--system", "loans", "--author", "somebody", *shop.sign("policy")) == 0
    write_sheets(shop, sheet("training", digest_file(place)))
    monkeypatch.setenv("AIMS_GATES_KEY", str(shop.folder / "keys" / "ci.key"))
    return place


def ledger(shop: Any) -> Any:
    return judgements(shop.settings, system_of(shop.settings, "loans", None))


def refused(source: Any, **arguments: Any) -> TrainingDataRefusedError:
    with pytest.raises(TrainingDataRefusedError) as caught:
        aims_gates.training_data("loans", source, **arguments)
    return caught.value


def test_an_accepted_set_is_signed_with_what_each_gate_said(shop: Any, data: Path) -> None:
    aims_gates.training_data("loans", str(data))
    accepted = last_accepted(ledger(shop), "loans")
    assert accepted is not None and accepted.data == digest_file(data)
    statement = accepted.row.predicate
    assert (statement.rows, statement.place, statement.outcome) == (2000, "data/training.csv", "pass")
    outcomes = {verdict.gate: verdict.outcome for verdict in statement.gates}
    judging = {"data_governance", "data_quality", "leakage", "provenance", "representativeness"}
    assert outcomes == dict.fromkeys(judging, "pass"), "what judged nothing is not named"
    assert statement.groups == {"g": {"a": 1000, "b": 1000}}


def test_everything_that_is_not_met_is_told_at_once_and_the_refusal_is_recorded(
    shop: Any, shops: Any, data: Path
) -> None:
    frame = rows(shops, seed=2)
    frame.loc[:50, "x"] = None
    frame.loc[60:70, "y"] = 7
    frame[frame.g == "a"].to_csv(data, index=False)
    write_sheets(shop, sheet("training", digest_file(data), consent_until="2026-01-01", source=""))
    error = refused(data)
    text = str(error)
    for told in (
        "x data_governance:",
        "x data_quality:",
        "x provenance:",
        "x representativeness:",
        "or renew the basis",
    ):
        assert told in text, told
    assert {gate for gate, _ in error.findings} >= {"data_governance", "data_quality", "representativeness"}
    judged = judged_sets(ledger(shop), "loans")[digest_file(data)]
    assert not judged.accepted and judged.row.predicate.problems and last_accepted(ledger(shop), "loans") is None


def test_a_set_without_a_data_sheet_is_unknown_and_refused(shop: Any, shops: Any, data: Path) -> None:
    rows(shops, seed=3).to_csv(data, index=False)
    assert f"the training set is {digest_file(data)}" in str(refused(data))


def test_another_sets_data_sheet_does_not_stop_this_one(shop: Any, data: Path) -> None:
    other = sheet("old", "sha256:" + "0" * 64, consent_until="2020-01-01", withdrawn=True)
    write_sheets(shop, sheet("training", digest_file(data)), other)
    aims_gates.training_data("loans", data)


def test_the_next_set_is_compared_with_the_one_accepted_before(shop: Any, shops: Any, data: Path) -> None:
    aims_gates.training_data("loans", data)
    frame = rows(shops, seed=4)
    moved = shop.folder / "data" / "moved.csv"
    frame.assign(x=frame.x + 3, z=frame.z - 3).to_csv(moved, index=False)
    write_sheets(shop, sheet("training", digest_file(data)), sheet("moved", digest_file(moved)))
    error = refused(moved)
    assert {gate for gate, _ in error.findings} == {"drift"}
    data.rename(data.with_name("elsewhere.csv"))
    assert "is not there to compare with" in str(refused(moved))
    assert {finding.measure for _, finding in refused(moved, accepted=frame).findings} == {"accepted_before"}
    assert "psi (column x)" in str(refused(moved, accepted=data.with_name("elsewhere.csv")))
    data.with_name("elsewhere.csv").rename(data)
    meant = sheet("moved", digest_file(moved), meant_change="A new branch opened, whose applicants earn more.")
    write_sheets(shop, sheet("training", digest_file(data)), meant)
    assert any("A new branch opened" in note for note in aims_gates.training_data("loans", moved).notes)


def test_a_set_whose_retention_ended_need_not_be_there_to_compare_with(shop: Any, shops: Any, data: Path) -> None:
    aims_gates.training_data("loans", data)
    before = digest_file(data)
    later = shop.folder / "data" / "later.csv"
    rows(shops, seed=5).to_csv(later, index=False)
    data.unlink()
    write_sheets(shop, sheet("training", before, retention_until="2026-01-01"), sheet("later", digest_file(later)))
    assert any("retention" in note for note in aims_gates.training_data("loans", later).notes)


def test_a_run_begins_only_with_a_set_that_was_accepted(shop: Any, shops: Any, data: Path) -> None:
    bad = rows(shops, seed=6)
    trained = []
    with pytest.raises(TrainingDataRefusedError), aims_gates.gated_run("loans", training=bad) as run:
        trained.append(run)
    assert trained == []
    failed = mlflow.search_runs(order_by=["start_time DESC"], max_results=1).iloc[0]
    assert (failed.status, failed["tags.aims_gates.training_data"]) == ("FAILED", "refused")
    with mlflow.start_run() as run:
        aims_gates.training_data("loans", data)
    noted = mlflow.get_run(run.info.run_id)
    (shown,) = noted.inputs.dataset_inputs
    tags = {tag.key: tag.value for tag in shown.tags}
    assert tags == {"mlflow.data.context": "training", "aims_gates.digest": digest_file(data)}
    assert last_accepted(ledger(shop), "loans").row.predicate.run == run.info.run_id


def test_without_a_key_it_is_a_preview_that_refuses_all_the_same(
    shop: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AIMS_GATES_KEY")
    assert any(note.startswith("Preview") for note in aims_gates.training_data("loans", data).notes)
    write_sheets(shop)
    refused(data)
    assert judged_sets(ledger(shop), "loans") == {}


@pytest.mark.parametrize(
    ("key", "kind", "told"), [("dev", RefusedError, "does not have the role ci"), ("new", IntegrityError, "trust list")]
)
def test_a_key_that_does_not_count_is_refused_before_anything_is_judged(
    shop: Any, data: Path, monkeypatch: pytest.MonkeyPatch, key: str, kind: type[AimsGatesError], told: str
) -> None:
    if key == "new":
        new_key(shop.folder / "keys" / "new.key")
    monkeypatch.setenv("AIMS_GATES_KEY", str(shop.folder / "keys" / f"{key}.key"))
    with pytest.raises(kind, match=told):
        aims_gates.training_data("loans", data)


def test_all_that_keeps_it_from_being_judged_is_told_at_once(
    shop: Any, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIMS_GATES_KEY", str(shop.folder / "keys" / "dev.key"))
    system = shop.folder / "records/systems/loans/system.yaml"
    system.write_text(system.read_text().replace('"value_set": [0, 1]', '"value_set": [0, 1, 7]'))
    with pytest.raises(AimsGatesError) as caught:
        aims_gates.training_data("loans", "nowhere.csv")
    for told in ("3 problems", "role ci", "differs from what was bound", "nowhere.csv"):
        assert told in str(caught.value), told


def test_an_empty_set_and_no_set_are_no_input(shop: Any, data: Path) -> None:
    with pytest.raises(AimsGatesError):
        aims_gates.training_data("loans", pd.DataFrame({"x": []}))
    with pytest.raises(InputError, match="no training set is named"):
        aims_gates.training_data("loans")


def listed(shop: Any, *options: str) -> dict[str, Any]:
    return {item["name"]: item for item in shop.said("datasets", "list", *options)}


def registered(frame: pd.DataFrame) -> None:
    """A version trained in the active run."""
    fitted = LogisticRegression().fit(frame[["x", "z"]], frame.y)
    mlflow.sklearn.log_model(
        fitted, name="model", input_example=frame[["x", "z"]].head(3), registered_model_name="loans",
        pip_requirements=["scikit-learn"],
    )  # fmt: skip


def test_the_registry_joins_sheets_judgements_and_models(shop: Any, shops: Any, data: Path) -> None:
    with mlflow.start_run():
        aims_gates.training_data("loans", data)
        registered(pd.read_csv(data))
    late = sheet("late", "sha256:" + "0" * 64, retention_until="2026-01-01", consent_until="2026-01-02", withdrawn=True)
    write_sheets(shop, sheet("training", digest_file(data)), late)
    stranger = rows(shops, seed=7)
    refused(stranger)
    sets = listed(shop)
    training = sets["training"]
    assert (training["state"], training["models"], training["rows"]) == ("accepted", ["loans/3"], 2000)
    assert (training["source"], training["groups"]) == ("the branches", {"g": {"a": 1000, "b": 1000}})
    assert training["due"] == [] and sets["late"]["state"] == "not judged"
    assert [clause.partition(":")[0] for clause in sets["late"]["due"]] == ["disposal", "disposal", "a legal basis"]
    assert sets[""]["state"] == "refused" and sets[""]["due"] == ["a data sheet"] and sets[""]["problems"]
    assert set(listed(shop, "--due")) == {"late", ""}
    assert shop.run("datasets", "list", "--due") == 3
    (shown,) = shop.said("datasets", "show", digest_file(data)[7:19])
    assert shown == training
    assert shop.run("datasets", "show", "nothing") == 1


def test_the_report_withholds_small_groups_and_names_what_is_due(shop: Any, data: Path, capsys: Any) -> None:
    frame = pd.read_csv(data)
    frame.loc[:2, "g"] = "c"
    frame.to_csv(data, index=False)
    write_sheets(shop, sheet("training", digest_file(data), retention_until="2026-01-01"))
    refused(data)
    where = shop.folder / "datasets.html"
    assert shop.run("report", "datasets", "--format", "html", "--out", str(where)) == 0
    text = where.read_text()
    assert "disposal: it may be kept until 2026-01-01" in text and "a 998" in text.replace("a 999", "a 998")
    assert "c 3" not in text


def test_the_command_judges_signs_and_refuses_as_python_does(shop: Any, data: Path) -> None:
    assert shop.run("datasets", "accept", "loans", str(data), "--preview") == 0
    assert judged_sets(ledger(shop), "loans") == {}
    told = shop.said("datasets", "accept", "loans", str(data), *shop.sign("ci"))
    assert told["outcome"] == "pass" and told["recorded"] and listed(shop)["training"]["state"] == "accepted"
    write_sheets(shop)
    assert shop.run("datasets", "accept", "loans", str(data), *shop.sign("ci")) == 2
    assert listed(shop)[""]["state"] == "refused"


def control(report: dict[str, Any]) -> dict[str, Any]:
    """What a check says of the quality of data."""
    (state,) = [state for state in report["controls"] if state["id"] == "A.7.4"]
    return dict(state)


@pytest.mark.long
def test_check_sees_a_model_of_a_set_that_was_refused_or_that_nobody_judged(shop: Any, shops: Any, data: Path) -> None:
    system = shop.folder / "records/systems/loans/system.yaml"
    system.write_text(system.read_text().replace("profile: shop", "profile: shop+training-data"))
    assert shop.run("bind", "loans", "--system", "loans", "--author", "somebody", *shop.sign("policy")) == 0
    unknown = control(shop.said("check", "--model", "loans", "--version", "1", *shop.sign("ci")))
    assert unknown["state"] == "missing" and "no training set was judged" in unknown["findings"][0]["note"]
    with mlflow.start_run():
        aims_gates.training_data("loans", data)
        registered(pd.read_csv(data))
    accepted = control(shop.said("check", "--model", "loans", "--version", "3", *shop.sign("ci")))
    assert (accepted["state"], accepted["basis"]) == ("met", "performed")
    write_sheets(shop)
    refused(data)
    told = shop.said("check", "--model", "loans", "--version", "3", *shop.sign("ci"))
    assert control(told)["state"] == "failed"
    assert control(told)["findings"][0]["cause"] == "training-data"


def test_a_profile_that_does_not_ask_is_told_of_a_refused_set(shop: Any, data: Path) -> None:
    write_sheets(shop)
    with mlflow.start_run() as run:
        refused(data)
    record = system_of(shop.settings, "loans", None)
    plan, _ = local_plan(shop.settings, record)
    acts = trained_on(shop.settings, record, run.info.run_id)
    (note,) = refused_sets(acts, plan)
    assert "was refused on" in note and note.endswith("your profile does not ask for that.")
    asked_for = replace(plan, steps=(*plan.steps, replace(plan.steps[0], gate="training_data")))
    assert refused_sets(acts, asked_for) == [] == refused_sets((), plan)
