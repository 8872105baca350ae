"""A check leaves signed evidence in the ledger, and things for people to see on the run and the version."""

import json
import os
import re
import tempfile
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
import pytest
from markdown_it import MarkdownIt
from mlflow.entities import LoggedModelOutput

from aims_gates import ledger
from aims_gates.attestation.signing.envelope import Envelope, open_envelope, sign
from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.wording import evidence_of, say
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.canonical import digest, digest_bytes, digest_file, folder_digest
from aims_gates.errors import InputError, IntegrityError
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.registry_acts import about
from aims_gates.mlflow_plugin.client.check import CheckContext, check_target
from aims_gates.mlflow_plugin.client.isolation import Isolation, missing_namespaces
from aims_gates.mlflow_plugin.client.predict import PredictionTable, predict_table
from aims_gates.mlflow_plugin.client.prediction_statements import statement_of, write_unsigned
from aims_gates.mlflow_plugin.client.runlog import MOST_METRICS, _metrics, _notice
from aims_gates.mlflow_plugin.client.systems import system_of
from aims_gates.mlflow_plugin.client.targets import CheckTarget, find_target
from aims_gates.mlflow_plugin.store.subjects import local_folder
from aims_gates.model import ControlState, Decision, Evidence, Finding, Limit, Subject
from aims_gates.reports import Report
from aims_gates.reports.card import front_matter
from tests.mlflow_plugin.osv import served

GATES = ("performance", "model_card")


def size(shop: Any) -> int:
    with open_ledger(shop.settings.registry) as connection:
        return ledger.size(connection)


def seen(shop: Any, subject: str | None = None) -> StatementView:
    with open_ledger(shop.settings.registry) as connection:
        return StatementView(about(connection, "default", "loans", subject), "default", "loans")


def states(explained: Any) -> dict[str, str]:
    return {each["id"]: each["state"] for each in explained["controls"]}


def handed_in(shops: Any) -> Any:
    frame = shops.frame()
    return frame.assign(prediction=frame.y, score=frame.y * 0.8 + 0.1)


def test_a_check_prints_the_controls_and_the_shortest_list_of_actions(traded: Any) -> None:
    assert traded.code == 4
    for words in ("A.6.2.4", "roc_auc", "limit at least 0.60", "1 x risk", "aims-gates request open loans 1"):
        assert words in traded.printed
    assert "Preview" not in traded.printed and "\x1b" not in traded.printed


def test_the_evidence_is_signed_pinned_and_counts(traded: Any) -> None:
    ledger_ = seen(traded.shop)
    plan, grant = ledger_.binding().predicate.plan, ledger_.standing("production", datetime.now(UTC)).predicate
    counted = [
        seen(traded.shop, grant.digest).count(plan, step, grant.digest, datetime.now(UTC)) for step in plan.steps
    ]
    assert [each.standing for each in counted] == ["counts", "counts"]
    evidence = counted[0].evidence
    assert evidence is not None and evidence.gate == "performance"
    assert evidence.data["evaluation"] == digest_file(traded.shop.folder / "data" / "evaluation.csv")
    assert evidence.rows == {"evaluation": 400} and evidence.predictions is not None
    assert evidence.facts["run_id"] == traded.shop.runs[0] and evidence.facts["version"] == "1"


def test_the_run_holds_report_card_and_evidence_that_opens(traded: Any, shop: Any) -> None:
    folder = traded.published
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    evidence = {f"evidence/{name}.dsse.json" for name in (*GATES, "predictions")}
    assert found == {"report.html", "report.json", "model_card.md", "model_card.html"} | evidence
    envelope = Envelope.from_json(json.loads((folder / "evidence" / "performance.dsse.json").read_text()))
    made, signers = open_envelope(envelope, [shop.key(name).public for name in ("dev", "ci")])
    assert evidence_of(made).outcome == "pass" and signers == (shop.key("ci").public,)
    assert "## " in (folder / "model_card.md").read_text()
    controls = json.loads((folder / "report.json").read_text())["controls"]
    assert {tuple(item["signers"]) for control in controls for item in control["evidence"]} == {("ci",)}


def test_data_sets_are_inputs_of_the_run_with_the_whole_digest(shop: Any) -> None:
    (found,) = mlflow.get_run(shop.runs[0]).inputs.dataset_inputs
    tags = {tag.key: tag.value for tag in found.tags}
    assert tags["aims_gates.digest"] == digest_file(shop.folder / "data" / "evaluation.csv")
    assert (found.dataset.name, tags["mlflow.data.context"]) == ("evaluation", "evaluation")


def test_metrics_tags_and_description_are_for_people(shop: Any) -> None:
    run = mlflow.get_run(shop.runs[0])
    ours = {name: value for name, value in run.data.metrics.items() if name.startswith("aims_gates.")}
    assert 0 < len(ours) <= MOST_METRICS and ours["aims_gates.performance.roc_auc"] > 0.6
    version = mlflow.MlflowClient().get_model_version("loans", "1")
    assert version.tags["aims_gates.criteria"] == run.data.tags["aims_gates.criteria"] == "unmet"
    assert version.tags["aims_gates.model_card"].endswith("/aims_gates/model_card.md")
    first, following, card = version.description.split("\n\n", 2)
    assert first.startswith("**WAITING** as of 20") and "no request is open for this version" in first
    assert "`aims-gates explain loans 1`" in following and "report.html" in following
    assert card.startswith("# Model Card for loans\n") and len(version.description) <= 5_000


def test_a_description_of_a_refused_version_names_what_is_unmet_and_holds_no_markup_of_others() -> None:
    states = tuple(
        ControlState(f"A.6.2.{number}", "t", "w", "block", "failed", "r", blocks=True) for number in (3, 4, 5)
    )
    decision = Decision(
        False, "enforce", False, "a*b", "3", None, "s", "high", "high", None, None, states, {}, (), (), 2, "2026-01-01"
    )
    target = CheckTarget("runs:/1/model", "a*b", "3", None)
    notice = _notice(target, Report(decision=decision))
    assert notice.startswith("**REFUSED** as of 20") and "unmet: A.6.2.3, A.6.2.4, A.6.2.5." in notice
    hostile = replace(decision, controls=(), problems=("<img src=x> [click](http://evil.example) `x` _y_",))
    shown = MarkdownIt("commonmark").render(_notice(target, Report(decision=hostile)))
    assert "<img" not in shown and "<a " not in shown and "<em>" not in shown


def test_a_description_has_no_front_matter_which_markdown_would_show_as_a_heading(shop: Any) -> None:
    place = mlflow.artifacts.download_artifacts(f"runs:/{shop.runs[0]}/aims_gates/model_card.md")
    card, shown = Path(place).read_text(encoding="utf-8"), _headings(_description())
    assert "model-index" in front_matter(card), "the file has it, for programs"
    assert any("model-index" in heading for heading in _headings(card)), "what MLflow's page made of it"
    assert shown[:2] == ["Model Card for loans", "Model Details"]
    assert not any("model-index" in heading or "license:" in heading for heading in shown)


def _description() -> str:
    return str(mlflow.MlflowClient().get_model_version("loans", "1").description)


def _headings(markdown: str) -> list[str]:
    """The headings that a reader of Markdown finds, as MLflow's page does."""
    parts = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [parts[place + 1].content for place, part in enumerate(parts) if part.type == "heading_open"]


def test_metrics_are_bounded_and_their_names_are_such_as_mlflow_takes() -> None:
    findings = tuple(
        Finding("rate", n / 100, by={"race": f"{n}//é/../"}, limit=Limit("<=", 1), outcome="pass") for n in range(90)
    )
    made = Evidence("fairness", digest_bytes(b"g"), {}, findings, "pass", "2026-01-01T00:00:00+00:00")
    found = _metrics([made])
    assert len(found) == MOST_METRICS and len({each.key for each in found}) == MOST_METRICS
    with mlflow.start_run() as run:
        mlflow.MlflowClient().log_batch(run.info.run_id, metrics=found)


def test_a_description_that_a_person_wrote_stays(shop: Any, shops: Any) -> None:
    client = mlflow.MlflowClient()
    handed = {"evaluation": handed_in(shops)}

    def check() -> str:
        check_target(
            CheckContext(shop.settings),
            system_of(shop.settings, None, "loans"),
            find_target(None, "loans", "1"),
            handed,
        )
        return str(client.get_model_version("loans", "1").description)

    before = client.get_model_version("loans", "1").description
    assert check() != before
    client.update_model_version("loans", "1", "written by hand")
    assert check() == "written by hand"


def test_without_a_key_a_check_is_a_preview_that_records_nothing(shop: Any, shops: Any) -> None:
    before = size(shop)
    record = system_of(shop.settings, "loans", None)
    report = check_target(
        CheckContext(shop.settings), record, find_target(None, "loans", "2"), {"evaluation": handed_in(shops)}
    )
    assert size(shop) == before
    assert any(note.startswith("Preview") for note in report.notes)
    assert [run.gate for run in report.gates] == list(GATES) and report.decision is not None
    assert signers_of(report) == {()}


def signers_of(report: Report) -> set[tuple[str, ...]]:
    """Who signed the evidence that a report shows."""
    assert report.decision is not None
    return {tuple(item["signers"]) for control in report.decision.controls for item in control.evidence}


def test_a_table_that_changed_while_the_gates_ran_is_signed_by_nobody(
    shop: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = size(shop)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def rewrite(gate: str, *_: int) -> None:
        if gate == "model_card":
            (table,) = tmp_path.glob("aims-check-*/predictions.parquet")
            table.write_bytes(table.read_bytes() + b" ")

    context = CheckContext(shop.settings, shop.key("ci"), rewrite)
    with pytest.raises(IntegrityError, match="changed after it was written"):
        check_target(context, system_of(shop.settings, "loans", None), find_target(None, "loans", "2"))
    assert size(shop) == before


def with_isolation(shop: Any, least: str) -> None:
    profile = shop.folder / "profiles" / "shop.yaml"
    profile.write_text(profile.read_text() + f"isolation: {least}\n")
    assert shop.run("bind", "loans", "--system", "loans", "--author", "somebody", *shop.sign("policy")) == 0


def unsigned(shop: Any, out: Path, around: Isolation) -> None:
    """What predict leaves in a container without a key."""
    record, target = system_of(shop.settings, "loans", None), find_target(None, "loans", "2")
    with local_folder(target.address) as folder:
        table = predict_table(folder, record.location("evaluation"), out, isolation=Isolation("none"))
    made = replace(table, isolation=around)
    write_unsigned(
        out, statement_of(made, datetime.now(UTC), {"run_creator": "nobody"}, Subject("model", table.subject))
    )


def subject_of(shop: Any) -> str:
    with local_folder(find_target(None, "loans", "2").address) as folder:
        return folder_digest(folder)


def test_predictions_made_without_a_key_are_signed_elsewhere_and_taken_by_a_check(shop: Any) -> None:
    with_isolation(shop, "container")
    out = shop.folder / "predictions.parquet"
    unsigned(shop, out, Isolation("job", ("no signing key",)))
    about = ["--model", "loans", "--version", "2"]
    assert shop.run("predict", *about, "--sign", str(out), *shop.sign("ci")) == 0
    assert seen(shop, subject_of(shop)).of(Predictions)[-1].predicate.isolation == "none"
    assert shop.run("predict", *about, "--sign", str(out), "--isolation", "job", *shop.sign("ci")) == 0
    said = shop.said("check", *about, "--predictions", str(out), *shop.sign("ci"))
    assert any("disposable job" in note and "no signing key" in note for note in said["notes"])
    row = seen(shop, subject_of(shop)).of(Predictions)[-1]
    assert (row.predicate.isolation, row.predicate.verified) == ("job", ("no signing key",))
    assert row.predicate.facts.get("run_creator") != "nobody"
    assert "isolation" not in json.dumps(said["controls"])


def packages_of(shop: Any, *words: str) -> dict[str, Any]:
    """What a signed check says of the packages that a model saved by MLflow asks for."""
    shop.said("check", "--model", "loans", "--version", "2", *words, *shop.sign("ci"))
    (row,) = [row for row in seen(shop, subject_of(shop)).of(Evidence) if row.predicate.gate == "security"][-1:]
    return {
        f"{finding.measure} {finding.by.get('package', '')}": (finding.outcome, finding.n)
        for finding in row.predicate.findings
        if finding.measure == "known_bad_packages"
    }


def test_a_check_compares_a_models_packages_where_a_service_is_named_and_signs_what_it_finds(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = shop.folder / "profiles" / "shop.yaml"
    said = re.sub("\ngates:\n.*", "", profile.read_text())  # no gate that looks at predictions, so no model has to run
    profile.write_text(said.replace("gates: [performance]", "gates: [security]"))
    system = shop.folder / "records" / "systems" / "loans" / "system.yaml"
    system.write_text(system.read_text() + "facts: {generative: false}\n")
    assert shop.run("bind", "loans", "--system", "loans", "--author", "somebody", *shop.sign("policy")) == 0
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with served() as service:
        assert packages_of(shop) == {"known_bad_packages ": (None, None)}, "nowhere, unless somebody says where"
        clean = packages_of(shop, "--advisories", service.address)
        assert [outcome for outcome, _ in clean.values()] == ["pass"]
        pin = next(
            query for query in service.queries if not query.startswith("jinja2==")
        )  # MLflow's own python_env.yaml
        attack = {"name": pin.partition("==")[0], "ecosystem": "PyPI"}
        span = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}]}
        service.advisories.append({"id": "MAL-2026-1", "affected": [{"package": attack, "ranges": [span]}]})
        monkeypatch.setenv("AIMS_GATES_ADVISORIES", service.address)
        bad = packages_of(shop)
        assert bad[f"known_bad_packages {pin}"][0] == bad["known_bad_packages "][0] == "fail"
        assert packages_of(shop, "--advisories", "off") == {"known_bad_packages ": (None, None)}
    gone = packages_of(shop)
    assert [outcome for outcome, _ in gone.values()] == ["error"], "a service that is gone is no clean bill"


def test_labels_or_tables_that_were_changed_where_the_model_ran_are_not_signed(shop: Any) -> None:
    out, before = shop.folder / "predictions.parquet", size(shop)
    unsigned(shop, out, Isolation("job"))
    frame = pd.read_parquet(out)
    words = ["predict", "--model", "loans", "--version", "2", "--sign", str(out), *shop.sign("ci")]
    assert len(frame) == 400
    frame.assign(y=frame.prediction).to_parquet(out)
    assert shop.run(*words) != 0
    statement = out.with_name(f"{out.name}.statement.json")
    said = json.loads(statement.read_text())
    said["predicate"]["output"] = digest_file(out)
    statement.write_text(json.dumps(said))
    assert shop.run(*words) != 0
    frame.to_parquet(out)
    said["predicate"]["output"] = digest_file(out)
    statement.write_text(json.dumps(said))
    assert shop.run("predict", "--model", "loans", "--version", "1", "--sign", str(out), *shop.sign("ci")) != 0
    assert size(shop) == before
    assert shop.run(*words) == 0 and size(shop) == before + 1


def test_a_key_signs_nothing_of_a_model_that_ran_with_less_isolation_than_the_profile_requires(shop: Any) -> None:
    with_isolation(shop, "container")
    before, record = size(shop), system_of(shop.settings, "loans", None)
    with pytest.raises(InputError, match="requires that models run in isolation") as caught:
        check_target(
            CheckContext(shop.settings, shop.key("ci"), isolation="none"), record, find_target(None, "loans", "1")
        )
    assert all(way in str(caught.value.remedy) for way in ("GitLab", "GitHub", "Kubernetes"))
    assert size(shop) == before
    report = check_target(CheckContext(shop.settings, isolation="none"), record, find_target(None, "loans", "1"))
    assert any("would not count" in note for note in report.notes)
    assert any("ran without isolation" in note for note in report.notes)


def test_handed_in_data_are_advisory_at_tier_high(shop: Any, shops: Any) -> None:
    context = CheckContext(shop.settings, shop.key("ci"))
    record = system_of(shop.settings, "loans", None)
    report = check_target(context, record, find_target(None, "loans", "2"), {"evaluation": handed_in(shops)})
    assert report.decision is not None
    found = {each.control: each for each in report.decision.controls}["A.6.2.4"]
    assert found.blocks and any("handed in" in note for note in report.notes)
    assert {run.gate: run.outcome for run in report.gates}["performance"] == "pass"


def perturbing(shop: Any) -> Any:
    """The system, with an id and perturbations, under a profile that asks for robustness; bound again."""
    pack = shop.folder
    data = pack / "data" / "evaluation.csv"
    frame = pd.read_csv(data)
    frame.assign(k=range(len(frame))).to_csv(data, index=False)
    system = pack / "records" / "systems" / "loans"
    file = system / "requirements.yaml"
    limits = {"flip_rate": 0.2, "accuracy_drop": 0.2, "no_answer_share": 0.2}
    own = [
        f"{{gate: robustness, measure: {name}, limit: at most {most}, reason: usual}}" for name, most in limits.items()
    ]
    text = file.read_text().replace("thresholds: [", f"thresholds: [{', '.join(own)}, ")
    file.write_text(re.sub("sha256:[0-9a-f]+", digest_file(data), text))
    file = system / "system.yaml"
    file.write_text(file.read_text().replace("roles: {target: y}", "roles: {target: y, id: k}\n" + PERTURBATIONS))
    file = pack / "profiles" / "shop.yaml"
    file.write_text(file.read_text().replace("[performance]", "[performance, robustness]"))
    assert shop.run("bind", "loans", "--system", "loans", *shop.sign("policy")) == 0
    return system_of(shop.settings, "loans", None)


PERTURBATIONS = "perturbations: {seed: 3, rows: 100, noise: {x: 0.001}}"


def test_a_check_predicts_the_perturbed_rows_and_only_those_count(shop: Any, tmp_path: Any) -> None:
    record, context = perturbing(shop), CheckContext(shop.settings, shop.key("ci"))
    target = find_target(None, "loans", "2")
    report = check_target(context, record, target)
    assert {run.gate: run.outcome for run in report.gates}["robustness"] == "pass"
    made = seen(shop, report.decision.subject)
    plan = made.binding().predicate.plan
    (step,) = [step for step in plan.steps if step.gate == "robustness"]
    assert step.tables == ("perturbed",)
    assert made.count(plan, step, report.decision.subject, datetime.now(UTC)).standing == "counts"
    frame = shops_frame(record).assign(perturbation="noise")
    frame.to_parquet(tmp_path / "p.parquet")
    given = check_target(context, record, target, {"perturbed": tmp_path / "p.parquet"})
    counted = seen(shop, given.decision.subject).count(plan, step, given.decision.subject, datetime.now(UTC))
    assert (counted.standing, "perturbed" in counted.reason) == ("missing", True)


def shops_frame(record: Any) -> pd.DataFrame:
    """The evaluation rows, with the predictions that somebody would like to see."""
    frame = pd.read_csv(record.location("evaluation"))
    return frame.assign(prediction=frame.y)


def test_perturbations_without_an_id_or_of_no_shape_are_errors_with_their_place(shop: Any) -> None:
    record = perturbing(shop)
    context, target = CheckContext(shop.settings), find_target(None, "loans", "2")
    for changes, said in (
        ({"roles": {"target": "y"}}, "matched by an id"),
        ({"perturbations": {"noise": {"x": -1}}}, "noise"),
        ({"perturbations": {"seed": 1}}, "no perturbation"),
    ):
        changed = replace(record, system=record.system.model_copy(update=changes))
        with pytest.raises(InputError, match=said) as caught:
            check_target(context, changed, target)
        assert "system.yaml" in str(caught.value) and caught.value.remedy


def test_evidence_of_one_version_does_not_serve_another(traded: Any) -> None:
    assert traded.second_before["exit"] == 3
    assert states(traded.second_before)["A.6.2.4"] == states(traded.second_before)["A.6.2.7"] == "missing"


def test_the_version_in_production_is_the_champion_of_the_next(traded: Any) -> None:
    decision = traded.second.get("decision", traded.second)
    found = [each for control in decision["controls"] for each in control["findings"]]
    compared = [each for each in found if each["measure"].endswith("_champion_difference")]
    assert compared and all(each["value"] is not None and each["low"] is not None for each in compared)
    first = [each for each in traded.printed.splitlines() if "champion" in each]
    assert not first


def test_a_forged_tag_or_metric_changes_nothing(shop: Any) -> None:
    before = shop.said("explain", "loans", "2")
    client = mlflow.MlflowClient()
    for name, value in (
        ("aims_gates.criteria", "met"),
        ("aims_gates.model_card", "runs:/x"),
        ("mlflow.user", "nobody"),
    ):
        client.set_model_version_tag("loans", "2", name, value)
        client.set_tag(shop.runs[1], name, value)
    client.log_metric(shop.runs[1], "aims_gates.performance.roc_auc", 1.0)
    after = shop.said("explain", "loans", "2")
    assert states(after) == states(before) and after["exit"] == before["exit"] and after["allowed"] is False


@pytest.mark.parametrize("kind", ["rules", "prompt", "service", "system", "organization"])
def test_evidence_about_other_kinds_of_subjects_can_be_signed_and_counts(shop: Any, kind: Any) -> None:
    binding = seen(shop).binding()
    assert binding is not None
    plan = binding.predicate.plan
    step = next(step for step in plan.steps if step.gate == "model_card")
    subject = Subject(kind, digest_bytes(kind.encode()), "what is on trial")
    good = Finding("complete", 1.0, limit=Limit(">=", 1.0), outcome="pass", controls=("A.6.2.7",))
    now = datetime.now(UTC)
    made = Evidence("model_card", step.digests[0], step.params, (good,), "pass", now.isoformat())
    with open_ledger(shop.settings.registry, write=True) as connection:
        ledger.append(connection, sign(say(made, subject), shop.key("ci")), now)
    counted = seen(shop, subject.digest).count(plan, step, subject.digest, datetime.now(UTC))
    assert (counted.standing, counted.evidence and digest(counted.evidence.params)) == ("counts", digest(step.params))
    other = seen(shop, digest_bytes(b"other")).count(plan, step, digest_bytes(b"other"), datetime.now(UTC))
    assert other.standing == "missing"


def test_a_system_that_differs_from_its_binding_is_said(shop: Any, shops: Any) -> None:
    profile = shop.folder / "profiles" / "shop.yaml"
    profile.write_text(profile.read_text().replace("0.6}", "0.1}"))
    record = system_of(shop.settings, "loans", None)
    report = check_target(
        CheckContext(shop.settings), record, find_target(None, "loans", "2"), {"evaluation": handed_in(shops)}
    )
    assert any("differ from the signed binding" in note for note in report.notes)
    (roc,) = [each for run in report.gates for each in run.findings if each.measure == "roc_auc" and each.limit]
    assert roc.limit == Limit(">=", 0.6)


def test_a_logging_failure_is_said_and_the_evidence_stands(
    shop: Any, shops: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = replace(find_target(None, "loans", "2"), version="99")
    before = size(shop)
    record = system_of(shop.settings, "loans", None)
    context = CheckContext(shop.settings, shop.key("ci"))
    target = replace(gone, address="models:/loans/2")
    report = check_target(context, record, target, {"evaluation": handed_in(shops)})
    assert size(shop) > before and any("logging failed" in note for note in report.notes)


@pytest.mark.parametrize("version", ["01", "+1", " 1", "٣", "latest"])
def test_a_version_spelled_strangely_is_refused(shop: Any, version: str) -> None:
    with pytest.raises(InputError):
        find_target(None, "loans", version)
    with pytest.raises(InputError):
        find_target(None, f"models:/loans/{version}")


@pytest.mark.parametrize("address", ["loans", "models:/loans/9", "models:/m-0", "models:/cards/1", "models:/", "gone/"])
def test_a_model_that_is_not_there_is_an_error_that_names_it(shop: Any, address: str) -> None:
    with pytest.raises(InputError) as caught:
        find_target(None, address)
    assert caught.value.remedy


def test_an_alias_means_the_version_it_points_at(shop: Any) -> None:
    found = find_target(None, "models:/loans@production")
    assert (found.name, found.version, found.address) == ("loans", "1", "models:/loans/1")


def test_a_run_means_the_model_it_logged_last(shop: Any) -> None:
    client = mlflow.MlflowClient()
    mlflow.set_experiment("shop")
    with mlflow.start_run() as run:
        made = [client.create_logged_model(run.info.experiment_id, source_run_id=run.info.run_id) for _ in range(2)]
        for each in made:
            mlflow.MlflowClient().log_outputs(run.info.run_id, [LoggedModelOutput(each.model_id, step=0)])
    newest = max(made, key=lambda each: each.creation_timestamp)
    assert find_target(run.info.run_id).address == f"models:/{newest.model_id}"


def test_a_run_without_a_model_or_that_is_not_there_is_an_error(shop: Any) -> None:
    mlflow.set_experiment("shop")
    with mlflow.start_run() as run:
        pass
    with pytest.raises(InputError, match="logged no model"):
        find_target(run.info.run_id)
    with pytest.raises(InputError, match="no run"):
        find_target("0" * 32)


def test_the_system_is_found_by_its_model(shop: Any) -> None:
    assert system_of(shop.settings, None, "loans").system.name == "loans"
    with pytest.raises(InputError, match="no system lists the model 'cards'") as caught:
        system_of(shop.settings, None, "cards")
    assert "--system" in (caught.value.remedy or "")
    with pytest.raises(InputError, match="no system here"):
        system_of(replace(shop.settings, packs=()), None, "loans")


def test_a_system_edited_after_its_binding_cannot_be_checked_into_evidence(shop: Any) -> None:
    system = shop.folder / "records" / "systems" / "loans" / "system.yaml"
    said = system.read_text()
    for edited in (said.replace("target: y", "target: g"), said.replace("evaluation.csv}", "easier.csv}")):
        assert edited != said
        system.write_text(edited)
        before = shop.said("ledger", "verify")["size"]
        assert shop.check(2) == 1
        assert shop.said("ledger", "verify")["size"] == before


def lie(shop: Any) -> tuple[Any, Any]:
    """Two records that contradict the system, or the calendar; gives their files."""
    folder = shop.folder / "records" / "systems" / "loans"
    card, requirements = folder / "card.yaml", folder / "requirements.yaml"
    card.write_text(card.read_text() + "purpose: Decide who is called by the sales team on a Monday.\n")
    requirements.write_text(requirements.read_text().replace("2026-01-05", "2126-01-05"))
    return card, requirements


def test_evidence_on_records_that_do_not_validate_is_not_signed_and_no_model_runs(
    shop: Any, shops: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    card, requirements = lie(shop)
    before = size(shop)
    nowhere = replace(find_target(None, "loans", "2"), address=str(shop.folder / "nowhere"))
    with pytest.raises(InputError, match="nothing is signed: 2 problems") as error:  # before the model is even read
        check_target(CheckContext(shop.settings, shop.key("ci")), system_of(shop.settings, None, "loans"), nowhere)
    for place in (f"{card}:16: purpose: differs", f"{requirements}:1: decided_on: 2126-01-05 lies in the future"):
        assert place in str(error.value)
    assert shop.check(2) == 1
    assert size(shop) == before
    capsys.readouterr()
    validated = shop.said("records", "validate")
    assert {problem["where"] for problem in validated} == {f"{card}:16", f"{requirements}:1"}


def test_the_preview_of_records_that_do_not_validate_runs_and_says_so(shop: Any, shops: Any) -> None:
    lie(shop)
    before = size(shop)
    system, target = system_of(shop.settings, None, "loans"), find_target(None, "loans", "2")
    report = check_target(CheckContext(shop.settings), system, target, {"evaluation": handed_in(shops)})
    assert size(shop) == before and report.gates
    assert any("With a key this check is refused: 2 problems" in note for note in report.notes)
    assert any("lies in the future" in note for note in report.notes)


def test_a_record_that_the_plan_does_not_read_keeps_nothing_from_being_signed(shop: Any) -> None:
    folder = shop.folder / "records"
    (folder / "organization").mkdir()
    (folder / "organization" / "concerns.yaml").write_text("channel: REPLACE\n")
    (folder / "systems" / "other").mkdir()
    (folder / "systems" / "other" / "system.yaml").write_text("name: another\n")
    assert shop.said("records", "validate")
    command = ("check", "--system", "loans", "--model", "loans", "--version", "2", *shop.sign("ci"))
    before = size(shop)
    assert shop.run(*command) != 1 and size(shop) > before
    (folder / "systems" / "other" / "system.yaml").write_text(
        (folder / "systems" / "loans" / "system.yaml").read_text().replace("name: loans", "name: other")
    )
    before = size(shop)
    assert shop.run(*command) == 1 and size(shop) == before  # the model is one of two systems


def test_nothing_that_a_check_stores_names_a_place_of_this_machine(shop: Any) -> None:
    """On the run and the version: reports, card, evidence, data sets, tags; of a good check and one that failed."""
    (shop.folder / "data" / "evaluation.csv").write_text("x,z\n1,2\n")
    (shop.folder / "records" / "systems" / "loans" / "card.yaml").unlink()
    settings, system = shop.settings, system_of(shop.settings, None, "loans")
    handed = {"evaluation": str(shop.folder / "data" / "evaluation.csv")}
    check_target(CheckContext(settings, shop.key("ci")), system, find_target(None, "loans", "2"), handed)
    client = mlflow.MlflowClient()
    for place, run in enumerate(shop.runs, 1):
        folder = Path(
            mlflow.artifacts.download_artifacts(run_id=run, artifact_path="aims_gates", dst_path=str(shop.folder / run))
        )
        stored = [path.read_text() for path in folder.rglob("*") if path.is_file()]
        for path in (folder / "evidence").iterdir():
            envelope = Envelope.from_json(json.loads(path.read_text()))
            stored.append(envelope.payload.decode())
        seen = mlflow.get_run(run)
        stored += [str(entry.dataset.source) for entry in seen.inputs.dataset_inputs]
        stored += [value for name, value in seen.data.tags.items() if name.startswith("aims_gates")]
        version = client.get_model_version("loans", str(place))
        stored += [str(version.description), *version.tags.values()]
        assert len(stored) > 8
        for text in stored:
            assert not re.search(r"(?<![\w:/.~-])/(?:tmp|home|root|Users|var|work)/\w+", text), text[:3000]


@pytest.mark.skipif(missing_namespaces() is not None or (os.cpu_count() or 1) < 2, reason="no two can run apart")
def test_the_version_in_production_runs_beside_the_one_on_trial(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    both = threading.Barrier(2, timeout=60)

    def met(*args: Any, **named: Any) -> PredictionTable:
        both.wait()  # breaks unless both are here at once
        return predict_table(*args, **named)

    monkeypatch.setattr("aims_gates.mlflow_plugin.client.check_predictions.predict_table", met)
    monkeypatch.setenv("AIMS_GATES_CACHE", "off")
    record, target = system_of(shop.settings, "loans", None), find_target(None, "loans", "2")
    report = check_target(CheckContext(shop.settings), record, target)
    assert not [note for note in report.notes if "was not compared" in note]
    measures = [finding.measure for run in report.gates for finding in run.findings]
    assert any(measure.endswith("_champion_difference") for measure in measures)


@pytest.mark.long
def test_without_namespaces_one_runs_after_the_other(shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    running: list[str] = []

    def alone(*args: Any, **named: Any) -> PredictionTable:
        assert not running
        running.append("a model")
        table = predict_table(*args, **named)
        running.clear()
        return table

    monkeypatch.setattr("aims_gates.mlflow_plugin.client.check_predictions.predict_table", alone)
    monkeypatch.setenv("AIMS_GATES_CACHE", "off")
    record, target = system_of(shop.settings, "loans", None), find_target(None, "loans", "2")
    report = check_target(CheckContext(shop.settings, isolation="none"), record, target)
    measures = [finding.measure for run in report.gates for finding in run.findings]
    assert any(measure.endswith("_champion_difference") for measure in measures)
