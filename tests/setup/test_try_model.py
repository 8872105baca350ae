"""See first: findings of a model that no system, registry or key knows of."""

import ast
import inspect
import json
import subprocess
import sys
from pathlib import Path

import mlflow
import pandas as pd
import pytest
from pydantic import ValidationError

import aims_gates
from aims_gates.cli import main
from aims_gates.errors import AimsGatesError, DataError, InputError
from aims_gates.mlflow_plugin.client.failures import LOG
from aims_gates.mlflow_plugin.client.targets import CheckTarget
from aims_gates.packs.find import find_gates
from aims_gates.packs.manifest import Inputs
from aims_gates.reports import Report, render
from aims_gates.setup.try_model import Wishes, try_model
from tests.setup.kinds import KINDS, people, save, saved_from_code


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, pd.DataFrame]]:
    folder = tmp_path_factory.mktemp("kinds")
    return {kind: save(kind, folder / kind) for kind in KINDS}


def seen(models: dict[str, tuple[Path, pd.DataFrame]], kind: str, **wishes: object) -> Report:
    folder, evaluation = models[kind]
    named = {"target": "vote"} if kind in ("two-columns", "unsigned") else {}
    named |= {"target": "paid"} if kind == "code" else {}
    return try_model(CheckTarget(str(folder)), evaluation, Wishes(**{**named, **wishes, "isolation": "none"}))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["classes", "quantity", "two-columns", "unsigned", "code"])
def test_a_model_of_each_kind_gets_findings_with_intervals(
    models: dict[str, tuple[Path, pd.DataFrame]], kind: str
) -> None:
    report = seen(models, kind)
    outcomes = {run.gate: run.outcome for run in report.gates}
    assert {"fairness", "performance"} <= set(outcomes) and "error" not in outcomes.values(), render("text", report)
    text = render("text", report)
    assert text.startswith("PREVIEW") and "nothing was signed" in text
    assert any(f.low is not None for run in report.gates for f in run.findings)
    assert report.preview is not None and "A.6.2.4" in {control.control for control in report.preview.controls}


def test_missing_values_under_an_integer_signature_are_one_sentence_for_all_columns(
    models: dict[str, tuple[Path, pd.DataFrame]],
) -> None:
    with pytest.raises(DataError, match=r"types as integer or boolean: years \(\d+\)") as refused:
        seen(models, "integers")
    assert "input_example" in str(refused.value)


def test_an_agent_is_told_that_a_table_is_no_conversation(models: dict[str, tuple[Path, pd.DataFrame]]) -> None:
    with pytest.raises(InputError, match="answers conversations") as refused:
        seen(models, "agent")
    assert "'evaluation'" in str(refused.value)


def test_of_several_columns_one_must_be_the_prediction(models: dict[str, tuple[Path, pd.DataFrame]]) -> None:
    with pytest.raises(InputError, match=r"2 columns \(vote, comment\), and none of them is named") as refused:
        seen(models, "two-columns", prediction="answer")
    assert "Traceback" not in str(refused.value)
    assert "roles.prediction in the system's system.yaml" in (refused.value.remedy or "")
    assert "clean environment" not in (refused.value.remedy or "")
    assert seen(models, "two-columns", prediction="vote").gates


def test_a_preview_knows_no_gate_by_name() -> None:
    """What it has to know of a gate stands in its gate.yaml.

    Not looked at is what writes a system's files, where limits and labels stand under the gates that they are for.
    """
    gates = {gate.id for gate in find_gates().values() if gate.manifest.kind == "computed"}
    folder = Path(inspect.getfile(try_model)).parent
    texts = {
        (path.name, node.value)
        for path in folder.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and node.value in gates
    }
    assert {(file, name) for file, name in texts if file not in ("due_records.py", "start.py")} == set()


def test_a_preview_leaves_out_what_gate_yaml_says_it_needs(models: dict[str, tuple[Path, pd.DataFrame]]) -> None:
    preview = seen(models, "code").preview
    assert preview is not None
    absent = {"attacks": "security", "importances": "explainability", "reference": "representativeness"}
    for name, gate in absent.items():
        assert name in find_gates()[gate].manifest.inputs.preview
        assert any(line.startswith(f"{gate}: needs {name} data") for line in preview.not_run)


def test_a_preview_needs_inputs_that_the_gate_has() -> None:
    with pytest.raises(ValidationError, match="preview names 'score', which is under neither data nor roles"):
        Inputs(data={"evaluation": "optional"}, preview=("score",))


def test_an_absent_package_is_one_sentence_and_the_traceback_is_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "model.log"
    monkeypatch.setenv(LOG, str(log))
    saved = saved_from_code(tmp_path / "model", "import mlflow\n" + _PLAIN)
    for source in saved.glob("*.py"):
        source.write_text("import lightgbm_of_nobody\n")
    with pytest.raises(InputError, match="needs the package 'lightgbm_of_nobody'") as refused:
        try_model(CheckTarget(str(saved)), people(3), Wishes(isolation="none"))
    assert "pip install -r" in str(refused.value) and "Traceback" not in str(refused.value)
    assert "Traceback" in log.read_text()


_PLAIN = """
class M(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input["score_a"]

mlflow.models.set_model(M())
"""


def test_a_model_that_fails_says_its_own_last_word_alone(tmp_path: Path) -> None:
    code = "import mlflow\n" + _PLAIN.replace('model_input["score_a"]', 'model_input["nowhere"]')
    saved = saved_from_code(tmp_path / "model", code)
    with pytest.raises(InputError, match=r"could not predict \(exit 1\): KeyError: 'nowhere'") as refused:
        try_model(CheckTarget(str(saved)), people(3), Wishes(isolation="none"))
    assert "Traceback" not in str(refused.value)


def test_the_command_prints_findings_without_registry_key_or_yaml(
    models: dict[str, tuple[Path, pd.DataFrame]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    folder, evaluation = models["code"]
    evaluation.to_csv("test.csv", index=False)
    words = ["try-model", str(folder), "--data", "test.csv", "--target", "paid", "--isolation", "none"]
    code = main([*words, "--output", "page.html"])
    text = capsys.readouterr().out
    assert code in (0, 2, 3) and text.startswith("PREVIEW")
    assert "target: paid (as named)" in text and "positive label: yes (proposed" in text
    assert "sex M" in text or "sex F" in text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "test.csv"]
    assert "What was taken for granted" in Path("page.html").read_text()
    assert main([*words, "--json"]) == code
    value = json.loads(capsys.readouterr().out)
    assert value["preview"]["roles"] and value["preview"]["seen"] and value["preview"]["not_run"]


def test_a_check_without_a_system_finds_run_data_and_target_by_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tracking = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path}/mlflow.db")
    try:
        folder, evaluation = save("quantity", tmp_path / "model")
        evaluation.to_csv("test.csv", index=False)
        people(1)[list(evaluation.columns)].to_csv("train.csv", index=False)
        with mlflow.start_run():
            for name, context in (("train.csv", "training"), ("test.csv", "eval")):
                mlflow.log_input(mlflow.data.from_pandas(pd.read_csv(name), source=name), context=context)
            model = mlflow.sklearn.load_model(str(folder))
            mlflow.sklearn.log_model(
                model, name="model", input_example=evaluation.drop(columns="wage").head(3), pip_requirements=["pandas"]
            )
            report = aims_gates.check()
    finally:
        mlflow.set_tracking_uri(tracking)
    ran = {run.gate for run in report.gates}
    assert {"fairness", "performance", "leakage", "representativeness"} <= ran, capsys.readouterr()
    assert report.preview is not None and report.preview.proposals[0].startswith("target: wage (proposed")


def test_a_check_that_cannot_be_done_is_never_headed_checked(
    models: dict[str, tuple[Path, pd.DataFrame]], capsys: pytest.CaptureFixture[str]
) -> None:
    folder, evaluation = models["agent"]
    report = aims_gates.check(model=str(folder), data=evaluation)
    assert "answers conversations" in report.notes[0]
    assert capsys.readouterr().out.startswith("NOT CHECKED")
    with pytest.raises(AimsGatesError):
        aims_gates.check(model=str(folder), data=evaluation, raise_on="error")


def test_roles_are_for_a_check_without_a_system() -> None:
    with pytest.raises(TypeError, match="without a system"):
        aims_gates.check("loans", target="y")


def test_a_preview_loads_no_database_and_no_key() -> None:
    """Neither is needed to look at a model in a folder, and importing MLflow's stores is half of ``import mlflow``."""
    heavy = ("sqlalchemy", "alembic", "aims_gates.ledger", "aims_gates.governance.record_schemas")
    code = f"import sys, aims_gates; aims_gates.check; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
