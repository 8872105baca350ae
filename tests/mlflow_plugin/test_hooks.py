"""What a data scientist calls: it says what is wrong, and never takes the run down unless asked."""

import os
from typing import Any

import mlflow
import pytest

import aims_gates
from aims_gates import ledger
from aims_gates.errors import AimsGatesError, InputError, RefusedError
from aims_gates.ledger.connect import open_ledger
from aims_gates.mlflow_plugin.client.evaluator import AimsGatesEvaluator


@pytest.fixture(autouse=True)
def no_system_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIMS_GATES_SYSTEM", raising=False)
    monkeypatch.delenv("AIMS_GATES_KEY", raising=False)


def predicted(shops: Any) -> dict[str, Any]:
    frame = shops.frame()
    return {"evaluation": frame.assign(prediction=frame.y, score=frame.y * 0.8 + 0.1)}


def test_a_check_inside_a_run_never_raises_for_our_own_fault(shop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mlflow.set_experiment("shop")
    with mlflow.start_run() as run:
        report = aims_gates.check("nobody")
        mlflow.log_metric("after", 1.0)
    assert mlflow.get_run(run.info.run_id).info.status == "FINISHED"
    assert "no system 'nobody'" in report.notes[0] and report.gates == ()
    assert "your run goes on" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "models:/loans/99"}, "loans version 99"),
        ({"model": "nothing-here"}, "no model's address"),
        ({"run": "0" * 32}, "no run"),
        ({"model": "models:/loans/1", "data": {"evaluation": "gone.csv"}}, ""),
    ],
)
def test_whatever_is_wrong_is_said_and_not_raised(shop: Any, arguments: dict[str, Any], said: str) -> None:
    report = aims_gates.check("loans", **arguments)
    assert said in " ".join(report.notes)
    assert not report.gates or {run.outcome for run in report.gates} >= {"error"}


def test_raise_on_error_raises_what_went_wrong(shop: Any) -> None:
    with pytest.raises(InputError, match="no system 'nobody'"):
        aims_gates.check("nobody", raise_on="error")
    with pytest.raises(ValueError, match="raise_on must be"):
        aims_gates.check("nobody", raise_on="always")


def test_raise_on_unmet_raises_after_the_table(shop: Any, shops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    given = {"model": "models:/loans/2", "data": predicted(shops)}
    with pytest.raises(RefusedError, match="criteria are not met"):
        aims_gates.check("loans", raise_on="unmet", **given)
    assert "A.6.2.4" in capsys.readouterr().out
    report = aims_gates.check("loans", raise_on="error", **given)
    assert report.decision is not None and not report.decision.criteria_met


def test_a_registry_that_is_not_gated_gives_findings_and_no_decision(
    shop: Any, shops: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow.set_registry_uri(mlflow.get_tracking_uri())
    for name in ("MLFLOW_REGISTRY_URI", "MLFLOW_TRACKING_URI"):
        monkeypatch.delenv(name, raising=False)
    (shop.folder / "aims.yaml").write_text("packs: [.]\n")
    report = aims_gates.check("loans", run=shop.runs[0], data=predicted(shops), raise_on="error")
    assert report.decision is None and {run.gate: run.outcome for run in report.gates}["performance"] == "pass"


def test_a_gated_run_is_checked_when_it_ends(shop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mlflow.set_experiment("shop")
    with aims_gates.gated_run("loans", run_name="tuesday") as run:
        mlflow.log_metric("loss", 0.5)
        assert mlflow.active_run() is not None
    ended = mlflow.get_run(run.info.run_id)
    assert (ended.info.status, ended.info.run_name) == ("FINISHED", "tuesday")
    assert "logged no model" in capsys.readouterr().err
    with pytest.raises(InputError, match="logged no model"), aims_gates.gated_run("loans", raise_on="error"):
        pass


def test_a_gated_run_that_fails_fails_as_itself(shop: Any, capsys: pytest.CaptureFixture[str]) -> None:
    mlflow.set_experiment("shop")
    with pytest.raises(ZeroDivisionError), aims_gates.gated_run("loans") as run:
        _ = 1 / 0
    assert mlflow.get_run(run.info.run_id).info.status == "FAILED"
    assert "could not be done" not in capsys.readouterr().err


def test_explain_says_what_the_ledger_has(shop: Any) -> None:
    report = aims_gates.explain("loans", 1)
    assert report.decision is not None and report.decision.subject is not None
    assert [run.gate for run in report.gates] == ["performance", "model_card"]
    with pytest.raises(InputError):
        aims_gates.explain("loans", "01")


def test_the_evaluator_runs_the_plans_gates_where_a_system_is_named(shop: Any, shops: Any) -> None:
    mlflow.set_experiment("shop")
    found = mlflow.models.evaluate(
        model="models:/loans/2",
        data=shops.frame()[["x", "z", "y"]],
        targets="y",
        model_type="classifier",
        evaluators=["default", "aims_gates"],
        evaluator_config={
            "default": {"log_explainer": False, "log_model_explainability": False},
            "aims_gates": {"system": "loans", "raise_on": "error"},
        },
    )
    assert found.metrics["aims_gates.performance.roc_auc"] > 0.6 and "accuracy_score" in found.metrics


def test_the_evaluator_does_nothing_where_no_system_is_named(shop: Any, shops: Any) -> None:
    mlflow.set_experiment("shop")
    rows = shops.frame()[["y"]]
    found = mlflow.models.evaluate(
        data=rows.assign(said=rows.y * 1.0), targets="y", predictions="said", model_type="regressor"
    )
    assert found.metrics and not [name for name in found.metrics if name.startswith("aims_gates")]
    assert AimsGatesEvaluator.can_evaluate(model_type="classifier", evaluator_config={}) is False
    os.environ["AIMS_GATES_SYSTEM"] = "loans"
    assert AimsGatesEvaluator.can_evaluate(model_type="classifier", evaluator_config={}) is True
    del os.environ["AIMS_GATES_SYSTEM"]


def test_predictions_without_a_model_are_said_and_do_not_stop_the_evaluation(
    shop: Any, shops: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("AIMS_GATES_SYSTEM", "loans")
    mlflow.set_experiment("shop")
    rows = shops.frame()[["y"]]
    found = mlflow.models.evaluate(
        data=rows.assign(said=rows.y * 1.0), targets="y", predictions="said", model_type="regressor"
    )
    assert "mean_absolute_error" in found.metrics
    assert "no address" in capsys.readouterr().err
    with pytest.raises(InputError, match="no address"):
        AimsGatesEvaluator().evaluate(
            model_type="regressor", dataset=None, run_id="r", evaluator_config={"system": "loans", "raise_on": "error"}
        )


def test_nobody_signs_evidence_on_records_that_do_not_validate(
    shop: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A function call, a gated run and the evaluator, as the command line."""
    monkeypatch.setenv("AIMS_GATES_KEY", str(shop.folder / "keys" / "ci.key"))
    place = shop.folder / "records" / "systems" / "loans" / "requirements.yaml"
    place.write_text(place.read_text().replace("2026-01-05", "2126-01-05"))
    config = {"system": "loans", "model_uri": "models:/loans/2"}
    with open_ledger(shop.settings.registry) as connection:
        before = ledger.size(connection)
    with pytest.raises(InputError, match="nothing is signed"):
        aims_gates.check("loans", model="models:/loans/2", raise_on="error")
    with pytest.raises(InputError, match="nothing is signed"):
        AimsGatesEvaluator().evaluate(
            model_type="classifier", dataset=None, run_id="", evaluator_config={**config, "raise_on": "error"}
        )
    with pytest.raises(AimsGatesError), aims_gates.gated_run("loans", raise_on="error"):
        mlflow.sklearn.log_model(mlflow.sklearn.load_model("models:/loans/2"), name="model")
    aims_gates.check("loans", model="models:/loans/2")  # and without raise_on the run goes on
    assert capsys.readouterr().err.count("nothing is signed") == 1
    with open_ledger(shop.settings.registry) as connection:
        assert ledger.size(connection) == before
