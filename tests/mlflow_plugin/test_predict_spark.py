"""A model on Spark says what it says on one machine; its table comes in signed parts, whole or not at all."""

import base64
import json
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from aims_gates.attestation.signing.envelope import Statement
from aims_gates.data import Dataset
from aims_gates.data._spark.engine import session
from aims_gates.documents.canonical import digest_file, manifest
from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.client import spark_model
from aims_gates.mlflow_plugin.client.isolation import Isolation
from aims_gates.mlflow_plugin.client.predict import PredictionTable, predict_table
from aims_gates.mlflow_plugin.client.predict_spark import predict_on_spark
from aims_gates.mlflow_plugin.client.prediction_folders import changed_parts, other_rows, parts_of
from aims_gates.mlflow_plugin.client.prediction_statements import confirmed, statement_of
from aims_gates.model import Subject
from tests.support import Printed, command_line, load, python_model

ROWS = 700
ODD = 'a `debt.x"'


@pytest.fixture(scope="module", autouse=True)
def _light(request: pytest.FixtureRequest) -> Iterator[None]:
    """A Spark that starts fast."""
    ours = [item for item in request.session.items if item.path == request.path]
    if shutil.which("java") is None or not any(item.get_closest_marker("spark") for item in ours):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JAVA_TOOL_OPTIONS", "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC")
        spark = session()
    spark.conf.set("spark.sql.codegen.wholeStage", "false")
    spark.conf.set("spark.sql.codegen.factoryMode", "NO_CODEGEN")
    spark.conf.set("spark.sql.shuffle.partitions", "3")
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "150")
    yield
    spark.stop()


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Rows with what reaches a model in more than one way: holes in whole numbers and fractions, odd names, times."""
    draw = np.random.default_rng(7)
    rows = pd.DataFrame({"income": draw.normal(size=ROWS), ODD: draw.normal(size=ROWS)})
    rows["years"] = pd.array(draw.integers(0, 40, ROWS), "Int64")
    rows["race"] = draw.choice(["a", "b", "ü 'c'"], ROWS)
    rows["approved"] = np.where(rows.income > rows[ODD], "yes", "no")
    rows.loc[500:, "income"] = np.where(draw.random(ROWS - 500) < 0.2, np.nan, rows.income[500:])
    rows.loc[rows.index[600:650], "years"] = pd.NA
    rows["day"] = [pd.Timestamp("2024-01-01").date()] * ROWS
    rows["at"] = pd.Timestamp("2024-01-01 09:00:00.000123")
    rows["zoned"] = pd.Timestamp("2024-06-01 09:00", tz="Asia/Tokyo")
    rows["flag"] = draw.random(ROWS) < 0.5
    rows["small"] = draw.integers(0, 9, ROWS).astype("int8")
    return rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> Path:
    """The rows in three files, whose sizes and names are not in the order of the rows that Spark would take them in."""
    place = tmp_path_factory.mktemp("evaluation set")
    for name, first, last in (("0", 0, 100), ("1 a+b%20", 100, 600), ("2", 600, ROWS)):
        frame.iloc[first:last].to_parquet(place / f"{name}.parquet", index=False)
    return place


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> Path:
    place = tmp_path_factory.mktemp("sk") / "model"
    features = frame[["income", ODD, "years", "race"]].astype({"years": "float64"})
    numbers = ["income", ODD, "years"]
    columns = make_column_transformer((SimpleImputer(), numbers), (OneHotEncoder(), ["race"]))
    fitted = make_pipeline(columns, LogisticRegression()).fit(features, frame.approved)
    signature = infer_signature(features, fitted.predict(features))
    mlflow.sklearn.save_model(
        fitted, place, signature=signature, pip_requirements=["scikit-learn"], serialization_format="cloudpickle"
    )
    return place


@pytest.fixture(scope="module")
def table(classifier: Path, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> PredictionTable:
    return predict_on_spark(classifier, folder, tmp_path_factory.mktemp("out") / "new" / "predictions", positive="no")


def read(path: Path) -> pd.DataFrame:
    """A table as DuckDB has it, in the order of its rows."""
    data = Dataset.open(path, role="evaluation")
    return data.pandas(data.columns)


def said_of(table: PredictionTable) -> Statement:
    return statement_of(table, datetime.now(UTC), {}, Subject("model", table.subject, "loans/1"))


def copied(table: PredictionTable, place: Path) -> Path:
    return Path(shutil.copytree(table.path, place / "predictions"))


# The numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.spark
def test_the_numbers_are_those_of_one_machine_and_rows_keep_their_place(
    classifier: Path, folder: Path, frame: pd.DataFrame, table: PredictionTable, tmp_path: Path
) -> None:
    alone = predict_table(classifier, folder, tmp_path / "alone.parquet", positive="no")
    one, parts = read(alone.path), read(table.path)
    assert list(parts.columns) == [*frame.columns, "row", "prediction", "score"]
    assert parts.pop("row").tolist() == list(range(ROWS))
    np.testing.assert_allclose(parts.pop("score"), one.pop("score"), rtol=0, atol=1e-9)
    pd.testing.assert_frame_equal(parts, one)
    assert (table.rows, table.score, table.positive) == (ROWS, True, "no") == (alone.rows, alone.score, alone.positive)
    assert (table.subject, table.data) == (alone.subject, alone.data)


@pytest.mark.spark
def test_a_model_meets_the_same_types_as_on_one_machine(folder: Path, tmp_path: Path) -> None:
    model = python_model(
        tmp_path / "types",
        """
        kinds = " ".join(f"{name}:{kind}" for name, kind in model_input.dtypes.items())
        return [kinds + repr(list(row)) for row in model_input.itertuples(index=False)]
        """,
    )
    alone = predict_table(model, folder, tmp_path / "alone.parquet")
    parts = predict_on_spark(model, folder, tmp_path / "parts")
    assert read(parts.path).prediction.tolist() == read(alone.path).prediction.tolist()
    assert not parts.score and parts.positive is None


@pytest.mark.spark
@pytest.mark.parametrize(
    ("values", "kind"),
    [("model_input.small * 3", "TINYINT"), ("model_input.income * 2", "DOUBLE"), ("model_input.flag", "BOOLEAN")],
)
def test_predictions_keep_their_kind(folder: Path, tmp_path: Path, values: str, kind: str) -> None:
    model = python_model(tmp_path / "kind", f"return ({values}).to_numpy()")
    alone = read(predict_table(model, folder, tmp_path / "alone.parquet").path).prediction
    parts = Dataset.open(predict_on_spark(model, folder, tmp_path / "parts").path, role="evaluation")
    assert parts.type("prediction") == {"TINYINT": "INTEGER"}.get(kind, kind)
    here = parts.pandas(["prediction"]).prediction
    pd.testing.assert_series_equal(here, alone, check_dtype=False, rtol=1e-9, atol=1e-9)


# The folder -----------------------------------------------------------------------------------------------------------


@pytest.mark.spark
def test_the_statement_has_a_digest_of_each_part_and_of_the_whole(table: PredictionTable) -> None:
    files = sorted(path.name for path in table.path.iterdir())
    assert len(files) == 3 and all(name.startswith(f"part-0000{place}-") for place, name in enumerate(files))
    assert table.parts == {name: digest_file(table.path / name) for name in files}
    assert table.output == Dataset.open(table.path, role="evaluation").digest
    predicate = said_of(table).predicate
    assert predicate["parts"] == table.parts and predicate["output"] == table.output
    assert predicate["isolation"] == "spark"
    assert [path.name for path in table.path.parent.iterdir()] == ["predictions"]


@pytest.mark.spark
def test_an_untouched_folder_is_confirmed_where_it_is(
    table: PredictionTable, classifier: Path, folder: Path, tmp_path: Path
) -> None:
    again = confirmed(table.path, said_of(table), classifier, folder, into=tmp_path)
    assert (again.path, again.output, again.parts) == (table.path, table.output, table.parts)
    assert again.isolation.kind == "spark" and again.score
    again.unchanged()


@pytest.mark.spark
def test_a_part_that_changed_is_gone_or_is_new_is_refused_by_its_name(
    table: PredictionTable, classifier: Path, folder: Path, tmp_path: Path
) -> None:
    place = copied(table, tmp_path)
    first, part, gone = sorted(place.iterdir())
    pd.read_parquet(part).assign(prediction="yes").to_parquet(part, index=False)
    gone.unlink()
    shutil.copyfile(first, place / "part-00003.parquet")
    with pytest.raises(IntegrityError, match="predictions is not the table that it names") as caught:
        confirmed(place, said_of(table), classifier, folder)
    for text in (
        f"{part.name} is not the part that was signed",
        f"{gone.name} is missing",
        "part-00003.parquet is no part that was signed",
    ):
        assert text in caught.value.message


@pytest.mark.spark
def test_a_table_that_changes_while_gates_run_is_refused(table: PredictionTable, tmp_path: Path) -> None:
    place = copied(table, tmp_path)
    output = parts_of(place)[1]
    moved = PredictionTable(place, table.subject, table.data, output, ROWS, True, "no", parts=table.parts)
    moved.unchanged()
    next(place.iterdir()).write_bytes(b"other")
    with pytest.raises(IntegrityError, match="changed after it was written"):
        moved.unchanged()


@pytest.mark.spark
def test_signed_labels_that_are_not_those_of_the_set_are_refused(
    table: PredictionTable, classifier: Path, folder: Path, tmp_path: Path
) -> None:
    place = copied(table, tmp_path)
    part = next(place.iterdir())
    pd.read_parquet(part).assign(approved="yes").to_parquet(part, index=False)
    parts, output = parts_of(place)
    forged = PredictionTable(place, table.subject, table.data, output, ROWS, True, "no", parts=parts)
    with pytest.raises(IntegrityError, match="has another approved"):
        confirmed(place, said_of(forged), classifier, folder)


def test_rows_in_another_order_are_other_rows(tmp_path: Path) -> None:
    rows = pd.DataFrame({"y": [5.0, float("nan"), 7.0, 8.0]})
    rows.to_parquet(tmp_path / "set.parquet", index=False)
    here = Dataset.open(tmp_path / "set.parquet", role="evaluation")

    def problems(order: list[int], numbers: list[int]) -> list[str]:
        (tmp_path / "parts").mkdir(exist_ok=True)
        mixed = rows.iloc[order].assign(row=numbers)
        mixed.iloc[:2].to_parquet(tmp_path / "parts" / "0.parquet", index=False)
        mixed.iloc[2:].to_parquet(tmp_path / "parts" / "1.parquet", index=False)
        return other_rows(Dataset.open(tmp_path / "parts", role="evaluation"), here, ["y"])

    assert problems([0, 1, 2, 3], [0, 1, 2, 3]) == []
    assert problems([0, 2, 1, 3], [0, 2, 1, 3]) == ["parts has another row", "parts has another y"]
    assert problems([0, 2, 1, 3], [0, 1, 2, 3]) == ["parts has another y"]
    assert problems([0, 1, 2, 2], [0, 1, 2, 3]) == ["parts has another y"]
    assert problems([0, 1, 2], [0, 1, 2]) == ["parts has other rows or columns than the evaluation set"]
    assert changed_parts(tmp_path / "parts", parts_of(tmp_path / "parts")[0]) == []


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.spark
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("if len(model_input) < 100: raise ValueError('no good')\nreturn [1] * len(model_input)", "no good"),
        ("return [1] * min(len(model_input), 120)", "one value for each row"),
        ("return [1.5 if len(model_input) > 100 else 1] * len(model_input)", "truncated|1.5"),
        ("return [None if len(model_input) > 100 else 'a'] * len(model_input)", "no value for some rows"),
    ],
)
def test_a_model_that_fails_in_the_workers_leaves_nothing(
    folder: Path, tmp_path: Path, body: str, message: str
) -> None:
    model = python_model(tmp_path / "bad", body)
    with pytest.raises(InputError, match=message) as caught:
        predict_on_spark(model, folder, tmp_path / "out" / "parts")
    assert caught.value.remedy and list((tmp_path / "out").iterdir()) == []


@pytest.mark.spark
def test_a_model_that_says_other_things_there_than_here_is_refused(folder: Path, tmp_path: Path) -> None:
    model = python_model(tmp_path / "counts", "return [float(len(model_input))] * len(model_input)")
    with pytest.raises(IntegrityError, match=r"prediction of row 0 are 150.0 there and 100.0 here") as caught:
        predict_on_spark(model, folder, tmp_path / "parts")
    assert "versions" in str(caught.value.remedy) and not (tmp_path / "parts").exists()


@pytest.mark.spark
def test_a_model_that_writes_into_the_folder_it_came_from_is_caught(folder: Path, tmp_path: Path) -> None:
    model = tmp_path / "writer"
    body = f"if len(model_input) > 100: open({str(model / 'extra')!r}, 'w').close()\nreturn [1] * len(model_input)"
    python_model(model, body)
    with pytest.raises(IntegrityError, match="changed while it ran"):
        predict_on_spark(model, folder, tmp_path / "parts")
    assert not (tmp_path / "parts").exists() and not list(tmp_path.glob(".*"))


@pytest.mark.spark
@pytest.mark.parametrize(
    ("values", "body", "message"),
    [
        ({"x": [1.0, 2.0], "Row": [1, 2]}, "return [1] * 2", "'Row'"),
        ({"x": [True, None]}, "return [1] * 2", r"x \(BOOLEAN with missing values\)"),
        ({"x": [b"1", b"2"]}, "return [1] * 2", r"x \(BLOB\)"),
        ({"x": [1, 2]}, "import datetime\nreturn [datetime.date(2024, 1, 1)] * 2", "date32"),
    ],
)
def test_what_spark_cannot_hold_is_refused_with_a_remedy(
    tmp_path: Path, values: dict[str, Any], body: str, message: str
) -> None:
    pd.DataFrame(values).to_parquet(tmp_path / "set.parquet", index=False)
    with pytest.raises(InputError, match=message) as caught:
        predict_on_spark(python_model(tmp_path / "model", body), tmp_path / "set.parquet", tmp_path / "parts")
    assert caught.value.remedy and not (tmp_path / "parts").exists()


@pytest.mark.spark
def test_more_parts_than_a_statement_names_are_refused_before_spark_writes(folder: Path, tmp_path: Path) -> None:
    spark = session()
    spark.conf.set("spark.sql.shuffle.partitions", "5000")
    try:
        with pytest.raises(InputError, match="5,000 parts"):
            predict_on_spark(python_model(tmp_path / "one", "return [1] * len(model_input)"), folder, tmp_path / "p")
    finally:
        spark.conf.set("spark.sql.shuffle.partitions", "3")


def test_an_address_and_a_place_that_is_taken_are_refused_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no number by which") as caught:
        predict_on_spark(tmp_path, "s3a://bucket/set", tmp_path / "parts")
    assert "mount" in str(caught.value.remedy)
    (tmp_path / "parts").mkdir()
    with pytest.raises(InputError, match="something already"):
        predict_on_spark(tmp_path, tmp_path, tmp_path / "parts")


def test_without_pyspark_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(InputError) as caught:
        predict_on_spark(tmp_path, tmp_path / "set.parquet", tmp_path / "parts")
    assert "aims-gates[spark]" in str(caught.value.remedy)


def test_a_worker_refuses_other_bytes_than_those_that_were_hashed(tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "MLmodel").write_text("a")
    (tmp_path / "code" / "one.py").write_text("b")
    files = manifest(tmp_path)
    spark_model._check_bytes(tmp_path, files)
    (tmp_path / "code" / "one.py").write_text("c")
    with pytest.raises(RuntimeError, match="not those that were to be run"):
        spark_model._check_bytes(tmp_path, files)


def test_that_it_ran_on_spark_is_said_and_counts_as_no_isolation() -> None:
    from aims_gates.mlflow_plugin.client.isolation import weaker

    assert "without isolation" in Isolation("spark").said() and "Spark" in Isolation("spark").said()
    assert weaker("spark", "container") and weaker("spark", "bwrap") and not weaker("spark", "none")


# The command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def shops() -> ModuleType:
    return load("aims_gates_shop", "shop.py")


@pytest.fixture
def shop(shops: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shops.open_shop(tmp_path / "shop")
    return tmp_path / "shop"


def predicted(shops: ModuleType, shop: Path, run: Any, *more: str) -> Printed:
    words = ["--model", "loans", "--version", "1", *more, *shops.where_flags(shop)]
    code, out, err = run("predict", *words)
    return code, out, err


@pytest.mark.spark
def test_the_command_signs_the_parts_and_a_check_takes_the_folder(
    shops: ModuleType, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out, key = command_line(capsys), shop / "parts", ["--key", str(shop / "keys" / "ci.key")]
    code, _, err = predicted(shops, shop, run, "--engine", "spark", "--out", str(out), *key)
    assert code == 0 and "without isolation of ours" in err, err
    envelope = json.loads((shop / "parts.dsse.json").read_text())
    predicate = json.loads(base64.b64decode(envelope["payload"]))["predicate"]
    assert predicate["parts"] == parts_of(out)[0] and predicate["output"] == parts_of(out)[1]
    assert (predicate["isolation"], predicate["rows"]) == ("spark", 400)
    about = ["--model", "loans", "--version", "1", "--predictions", str(out), *key, *shops.where_flags(shop)]
    code, text, err = run("check", *about, "--json")
    report = json.loads(text)
    assert any("Spark's Python workers" in note for note in report["notes"]), err
    auc = next(row for gate in report["gates"] for row in gate["findings"] if row["measure"] == "roc_auc")
    assert auc["outcome"] == "pass" and auc["n"] == 400
    part = next(out.iterdir())
    pd.read_parquet(part).assign(score=0.5).to_parquet(part, index=False)
    code, _, err = run("check", *about)
    assert code != 0 and f"{part.name} is not the part that was signed" in err


@pytest.mark.spark
def test_without_a_key_the_folder_is_signed_elsewhere_and_stays_what_it_was(
    shops: ModuleType, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out = command_line(capsys), shop / "parts"
    code, _, err = predicted(shops, shop, run, "--engine", "spark", "--out", str(out))
    assert code == 0 and "--sign parts" in err and "--isolation" not in err, err
    assert json.loads((shop / "parts.statement.json").read_text())["predicate"]["isolation"] == "spark"
    code, _, err = predicted(shops, shop, run, "--sign", str(out), "--key", str(shop / "keys" / "ci.key"))
    assert code == 0, err
    payload = base64.b64decode(json.loads((shop / "parts.dsse.json").read_text())["payload"])
    assert json.loads(payload)["predicate"]["isolation"] == "spark"


def test_a_profile_that_asks_for_isolation_and_options_of_one_machine_are_refused(
    shops: ModuleType, shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, out, key = command_line(capsys), shop / "parts", ["--key", str(shop / "keys" / "ci.key")]
    profile = shop / "profiles" / "shop.yaml"
    profile.write_text(profile.read_text() + "isolation: container\n")
    flags = ["--engine", "spark", "--out", str(out), *key]
    code, _, err = predicted(shops, shop, run, *flags)
    assert code == 1 and "at least container, and Spark's workers give none" in err
    code, _, err = predicted(shops, shop, run, *flags, "--isolation", "bwrap")
    assert code == 1 and "not kept apart as bwrap says" in err
    code, _, err = predicted(shops, shop, run, *flags, "--perturb", str(profile))
    assert code == 1 and "perturbed copies are not predicted on Spark" in err
    assert not out.exists() and not list(shop.glob("parts*"))
