"""Perturbed copies: predicted where the model runs, alike for the same seed, within bounds, and read by the gates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from mlflow.models import infer_signature
from sklearn.linear_model import LogisticRegression

from aims_gates import Case, Dataset, Finding
from aims_gates.documents.canonical import digest_file
from aims_gates.errors import DataError, InputError
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.mlflow_plugin.client.perturb import Perturbations, copies, read_perturbations, run_search, sample
from aims_gates.mlflow_plugin.client.predict import PredictionTable, predict_table
from aims_gates.packs.find import find_gates

ASKED = Perturbations.model_validate(
    {
        "seed": 3,
        "permute": ["income", "debt", "noise"],
        "repeats": 3,
        "missing": ["debt"],
        "noise": {"income": 0.05, "debt": 0.05},
        "search": {"bounds": {"income": 0.3, "debt": 0.3}, "tries": 4, "rounds": 1},
    }
)


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    draw = np.random.default_rng(7)
    made = pd.DataFrame({name: draw.normal(size=400) for name in ("income", "debt", "noise")})
    made["approved"] = (3 * made.income - made.debt + draw.normal(size=400) / 5 > 0).astype(int)
    return made


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, frame: pd.DataFrame) -> PredictionTable:
    place = tmp_path_factory.mktemp("perturb")
    features = frame[["income", "debt", "noise"]]
    fitted = LogisticRegression().fit(features, frame.approved)
    signature = infer_signature(features, fitted.predict(features))
    mlflow.sklearn.save_model(fitted, place / "model", signature=signature, pip_requirements=["scikit-learn"])
    frame.to_parquet(place / "evaluation.parquet")
    return predict_table(place / "model", place / "evaluation.parquet", place / "out.parquet", perturbations=ASKED)


def gate(name: str, data: Mapping[str, Any], roles: Mapping[str, str], **params: Any) -> tuple[Finding, ...]:
    found = find_gates()[name]
    sets = {role: Dataset.open(str(path), role=role) for role, path in data.items()}
    columns = {role: (column,) for role, column in roles.items()}
    return run_gate(found, Case(name, found.params(params), columns, sets, datetime(2026, 1, 1, tzinfo=UTC)))


def test_every_row_says_how_it_was_perturbed_and_the_rest_is_as_it_was(
    made: PredictionTable, frame: pd.DataFrame
) -> None:
    assert {role: digest_file(path) for role, (path, _) in made.tables.items()} == {
        role: digest for role, (_, digest) in made.tables.items()
    }
    table = pd.read_parquet(made.tables["perturbed"][0])
    names = {f"permute:{name}:{repeat}" for name in ("income", "debt", "noise") for repeat in (1, 2, 3)}
    assert set(table.perturbation) == {*names, "missing:debt", "noise", "search"}
    base = pd.read_parquet(made.path)
    assert (base.row == base.index).all()
    for name, part in table.groupby("perturbation"):
        assert (part.row.to_numpy() == base.row.to_numpy()).all()
        assert (part.approved.to_numpy() == frame.approved.to_numpy()).all()
        changed = {c for c in ("income", "debt", "noise") if not np.array_equal(part[c], frame[c], equal_nan=True)}
        both = {"income", "debt"}
        assert changed == (both if str(name) in ("noise", "search") else {str(name).split(":")[1]}), name
    shuffled = table[table.perturbation == "permute:income:1"]
    assert sorted(shuffled.income) == sorted(frame.income)
    search = table[table.perturbation == "search"].set_index("row")
    for column in ("income", "debt"):
        assert (abs(search[column] - frame[column]) <= 0.3 + 1e-12).all()


def test_a_copy_that_the_model_cannot_take_has_no_prediction_and_counts_as_flipped(made: PredictionTable) -> None:
    table = pd.read_parquet(made.tables["perturbed"][0])
    assert table[table.perturbation == "missing:debt"].prediction.isna().all()
    assert table[table.perturbation == "noise"].prediction.notna().all()
    roles = {"prediction": "prediction", "target": "approved", "id": "row", "perturbation": "perturbation"}
    found = gate("robustness", {"evaluation": made.path, "perturbed": made.tables["perturbed"][0]}, roles)
    flips = {f.by["perturbation"]: f for f in found if f.measure == "flip_rate"}
    assert set(flips) == {"missing:debt", "noise", "search"}
    assert (flips["missing:debt"].value, flips["missing:debt"].outcome) == (1.0, "fail")
    silent = {f.by["perturbation"]: f.value for f in found if f.measure == "no_answer_share"}
    assert silent["missing:debt"] == 1.0
    assert (flips["noise"].value or 0) < 0.1 < (flips["search"].value or 0)


def test_importance_is_the_accuracy_lost_when_a_column_is_shuffled(made: PredictionTable) -> None:
    roles = {"prediction": "prediction", "target": "approved", "id": "row", "perturbation": "perturbation"}
    data = {"evaluation": made.path, "perturbed": made.tables["perturbed"][0]}
    limits = {"reason_coverage": None}
    found = gate("explainability", data, roles, forbidden=["noise"], limits=limits)
    importance = {str((f.over or {})["feature"]): f for f in found if f.measure == "importance"}
    assert list(importance) == ["income", "debt", "noise"]
    base, table = pd.read_parquet(made.path), pd.read_parquet(made.tables["perturbed"][0])
    right = (base.prediction == base.approved).mean()
    parts = table[table.perturbation.str.startswith("permute:income")]
    assert importance["income"].value == pytest.approx(right - (parts.prediction == parts.approved).mean())
    low, high = importance["income"].low, importance["income"].high
    assert low is not None and high is not None and low < (importance["income"].value or 0) < high
    (share,) = [f for f in found if f.measure == "forbidden_importance"]
    assert (share.value or 0) < 0.05
    assert outcome_of(gate("explainability", data, roles, forbidden=["income"], limits=limits)) == "fail"


def test_attacks_of_the_search_are_counted_by_the_security_gate(made: PredictionTable) -> None:
    attacks = pd.read_parquet(made.tables["attacks"][0])
    table = pd.read_parquet(made.tables["perturbed"][0])
    search = table[table.perturbation == "search"]
    base = pd.read_parquet(made.path)
    assert (attacks.succeeded.to_numpy() == (search.prediction.to_numpy() != base.prediction.to_numpy())).all()
    roles = {"attack_class": "attack_class", "succeeded": "succeeded", "prompt": "prompt"}
    found = gate("security", {"attacks": made.tables["attacks"][0]}, roles)
    (rate,) = [f for f in found if f.by]
    assert rate.value == pytest.approx(attacks.succeeded.mean())


def test_a_search_keeps_the_candidate_nearest_to_flipping_and_the_bounds_of_every_type() -> None:
    features = pa.table({"a": pa.array([0, 5, 9], pa.int64()), "job": ["clerk", "cook", "clerk"], "b": [0.0, 1.0, 2.0]})
    asked = Perturbations.model_validate(
        {"search": {"bounds": {"a": 2.5, "job": ["clerk", "cook"]}, "tries": 5, "rounds": 4}}
    )
    seen: list[pa.Table] = []

    def ask(parts: Mapping[str, pa.Table]) -> dict[str, pa.Table | None]:
        seen.extend(parts.values())
        return {name: score(each) for name, each in parts.items()}

    def score(table: pa.Table) -> pa.Table:
        value = np.clip(np.asarray(table.column("a")) / 10.0, 0, 1)
        return pa.table({"prediction": (value >= 0.65).astype(int), "score": value})

    best, said = run_search(features, score(features), asked, ask)
    for table in seen:
        assert (np.abs(np.asarray(table.column("a")) - np.array([0, 5, 9])) <= 2).all()
        assert set(table.column("job").to_pylist()) <= {"clerk", "cook"}
        assert table.column("b").to_pylist() == [0.0, 1.0, 2.0]
        assert table.schema.field("a").type == pa.int64()
    assert said.column("prediction").to_pylist() == [0, 1, 1]
    assert best.column("a").to_pylist() == [2, 7, 7]


def test_the_same_seed_gives_the_same_copies(frame: pd.DataFrame) -> None:
    features = pa.Table.from_pandas(frame[["income", "debt", "noise"]], preserve_index=False)
    once, again = (dict(copies(features, ASKED)) for _ in range(2))
    assert all(once[name].equals(again[name]) for name in once)
    other = dict(copies(features, ASKED.model_copy(update={"seed": 4})))
    assert not other["noise"].equals(once["noise"])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("seed: 1\n", "no perturbation"),
        ("permutate: [a]\n", "permutate"),
        ("noise: {a: -1}\n", "noise"),
        ("search: {bounds: {}}\n", "bounds"),
        ("search: {bounds: {a: []}}\n", "bounds"),
    ],
)
def test_a_file_that_makes_no_sense_is_an_error_with_a_remedy(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "perturb.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words) as caught:
        read_perturbations(path)
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"permute": ["colour"]}, "no column 'colour'"),
        ({"noise": {"job": 1.0}}, "holds no numbers"),
    ],
)
def test_a_column_that_cannot_be_perturbed_is_named(asked: dict[str, Any], words: str) -> None:
    features = pa.table({"job": ["a", "b"], "n": [1, 2]})
    with pytest.raises(DataError, match=words):
        list(copies(features, Perturbations.model_validate(asked)))


def test_of_many_rows_a_sample_is_perturbed() -> None:
    asked = Perturbations(rows=50, permute=("income",))
    places = sample(400, asked)
    assert len(set(places)) == 50
    assert (places == sample(400, asked)).all()
    assert (np.diff(places) > 0).all()
    assert (sample(20, asked) == np.arange(20)).all()


def test_quantities_are_explained_by_their_error(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    y = draw.normal(size=200)
    base = pd.DataFrame({"row": range(200), "y": y, "p": y + 0.1})
    parts = [base.assign(p=draw.permutation(base.p), how=f"permute:x:{repeat}") for repeat in (1, 2)]
    base.to_parquet(tmp_path / "e.parquet")
    pd.concat(parts).to_parquet(tmp_path / "p.parquet")
    roles = {"prediction": "p", "target": "y", "id": "row", "perturbation": "how"}
    data = {"evaluation": tmp_path / "e.parquet", "perturbed": tmp_path / "p.parquet"}
    (found,) = [f for f in gate("explainability", data, roles, limits={"reason_coverage": None}) if f.value is not None]
    expected = np.mean([np.abs(part.p - part.y).mean() for part in parts]) - 0.1
    assert found.value == pytest.approx(expected)
    assert "absolute error" in str(found.note)
