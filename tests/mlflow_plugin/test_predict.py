"""Models run in a process of their own, see no labels and no credentials, and leave whole tables or none."""

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from aims_gates.documents.canonical import digest_file, folder_digest
from aims_gates.errors import DataError, InputError, IntegrityError
from aims_gates.mlflow_plugin.client import predict_worker
from aims_gates.mlflow_plugin.client.isolation import Isolation
from aims_gates.mlflow_plugin.client.predict import predict_table
from tests.support import python_model


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(7)
    made = pd.DataFrame({"income": draw.normal(size=120), "debt": draw.normal(size=120)})
    made["race"] = draw.choice(["a", "b"], 120)
    made["approved"] = np.where(made.income > made.debt, "yes", "no")
    return made


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> Path:
    folder = tmp_path_factory.mktemp("sk") / "model"
    features = frame[["income", "debt"]]
    fitted = LogisticRegression().fit(features, frame.approved)
    signature = infer_signature(features, fitted.predict(features))
    mlflow.sklearn.save_model(fitted, folder, signature=signature, pip_requirements=["scikit-learn"])
    return folder


def test_the_table_holds_the_evaluation_set_and_what_the_model_says(
    classifier: Path, frame: pd.DataFrame, tmp_path: Path
) -> None:
    evaluation = tmp_path / "evaluation.csv"
    frame.to_csv(evaluation, index=False)
    made = predict_table(classifier, evaluation, tmp_path / "out" / "predictions.parquet")
    table = pd.read_parquet(made.path)
    assert list(table.columns) == [*frame.columns, "prediction", "score"]
    pd.testing.assert_frame_equal(table[list(frame.columns)], frame, check_dtype=False)
    model: Any = mlflow.sklearn.load_model(str(classifier))
    features = table[["income", "debt"]]
    assert (table.prediction == model.predict(features)).all()
    np.testing.assert_allclose(table.score, model.predict_proba(features)[:, 1])
    assert (made.rows, made.score, made.positive) == (120, True, "yes")
    assert made.subject == folder_digest(classifier) and made.output == digest_file(made.path)


def test_the_score_is_about_the_positive_class() -> None:
    assert predict_worker._place_of(np.array(["no", "yes"]), None) == 1
    assert predict_worker._place_of(np.array(["no", "yes"]), "no") == 0
    assert predict_worker._place_of(np.array([0, 1]), "1") == 1
    with pytest.raises(SystemExit, match="knows the classes"):
        predict_worker._place_of(np.array([0, 1]), "yes")


@pytest.mark.parametrize("values", [[1, 2], [[1, 2], [3, 4], [5, 6]]])
def test_what_is_not_one_value_for_each_row_is_refused(values: Any) -> None:
    with pytest.raises(SystemExit, match="need one"):
        predict_worker._columns(values, 3)


def test_of_several_columns_the_one_that_is_named_is_the_prediction() -> None:
    values = pd.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
    assert list(predict_worker._columns(values, 3, ("c", "b"))) == [4, 5, 6]
    with pytest.raises(SystemExit, match=r"returned 2 columns \(a, b\), and none of them is named"):
        predict_worker._columns(values, 3, ("c",))


@pytest.mark.parametrize("values", [[1, 2, 3], np.array([[1], [2], [3]]), pd.DataFrame({"a": [1, 2, 3]})])
def test_one_value_for_each_row_is_taken_in_any_shape(values: Any) -> None:
    assert list(predict_worker._columns(values, 3)) == [1, 2, 3]


def test_the_model_sees_no_labels_no_credentials_and_no_home(
    frame: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AIMS_GATES_KEY", "secret")
    model = python_model(
        tmp_path / "spy",
        """
        said = repr(sorted(model_input.columns)) + repr("secret" in repr(dict(os.environ))) + os.environ["HOME"]
        return [said] * len(model_input)
        """,
    )
    evaluation = tmp_path / "evaluation.parquet"
    frame.head(3).drop(columns=["approved"]).to_parquet(evaluation)
    said = pd.read_parquet(predict_table(model, evaluation, tmp_path / "out.parquet").path).prediction[0]
    assert "False" in said and str(Path.home()) not in said


def test_a_model_that_writes_into_its_folder_is_caught_and_leaves_no_table(frame: pd.DataFrame, tmp_path: Path) -> None:
    model = tmp_path / "writer"
    python_model(model, f"open({str(model / 'extra')!r}, 'w').close()\nreturn [1] * len(model_input)")
    evaluation = tmp_path / "evaluation.parquet"
    frame.to_parquet(evaluation)
    with pytest.raises(IntegrityError, match="changed while it ran"):
        predict_table(model, evaluation, tmp_path / "out.parquet", isolation=Isolation("none"))
    assert not (tmp_path / "out.parquet").exists()


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no good')", "no good"),
        ("return [1] * (len(model_input) - 1)", "one value for each row"),
        ("time.sleep(60)", "longer than"),
    ],
)
def test_a_model_that_fails_leaves_no_table_and_an_older_one_untouched(
    frame: pd.DataFrame, tmp_path: Path, body: str, said: str
) -> None:
    model = python_model(tmp_path / "bad", body)
    evaluation, out = tmp_path / "evaluation.parquet", tmp_path / "out" / "predictions.parquet"
    frame.to_parquet(evaluation)
    out.parent.mkdir()
    out.write_bytes(b"older")
    with pytest.raises(InputError, match=said) as caught:
        predict_table(model, evaluation, out, timeout=1 if "sleep" in body else 120)
    assert caught.value.remedy and out.read_bytes() == b"older"
    assert [each.name for each in out.parent.iterdir()] == ["predictions.parquet"]


def test_a_missing_column_is_named_before_anything_runs(classifier: Path, frame: pd.DataFrame, tmp_path: Path) -> None:
    evaluation = tmp_path / "evaluation.parquet"
    frame.drop(columns=["debt"]).to_parquet(evaluation)
    with pytest.raises(DataError, match="debt"):
        predict_table(classifier, evaluation, tmp_path / "out.parquet")


def test_a_column_of_our_name_in_the_evaluation_set_is_refused(
    classifier: Path, frame: pd.DataFrame, tmp_path: Path
) -> None:
    evaluation = tmp_path / "evaluation.parquet"
    frame.assign(score=1.0).to_parquet(evaluation)
    with pytest.raises(DataError, match="'score'"):
        predict_table(classifier, evaluation, tmp_path / "out.parquet")


def test_a_folder_that_is_no_model_is_an_error_with_a_remedy(frame: pd.DataFrame, tmp_path: Path) -> None:
    evaluation = tmp_path / "evaluation.parquet"
    frame.to_parquet(evaluation)
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "file").write_text("")
    with pytest.raises(InputError, match="not an MLflow model"):
        predict_table(tmp_path / "none", evaluation, tmp_path / "out.parquet")
