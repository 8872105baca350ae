"""Leakage: overlap as pandas counts it, columns that tell the label, row numbers that hide an overlap, time order."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from aims_gates import Finding
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]


def one(findings: tuple[Finding, ...], measure: str, column: str | None = None) -> Finding:
    found = [f for f in findings if f.measure == measure and (column is None or (f.over or {}).get("column") == column)]
    assert len(found) == 1, (measure, column, [(f.measure, f.over) for f in findings])
    return found[0]


def drawn(n: int, seed: int) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    y = generator.integers(0, 2, n)
    x = generator.normal(size=n) + y
    return pd.DataFrame({"x": x, "g": generator.choice(["a", "b", "c"], n), "y": y})


def test_overlap_and_duplicates_are_counted_as_pandas_does(run: Run) -> None:
    generator = np.random.default_rng(5)
    training = pd.DataFrame({"a": generator.integers(0, 60, 500), "b": generator.choice(["u", "v", None], 500)})
    evaluation = pd.DataFrame({"a": generator.integers(0, 90, 400), "b": generator.choice(["u", "v", None], 400)})
    found = run("leakage", {"reference": training, "evaluation": evaluation})
    keys = {tuple(row) for row in training.fillna("-").to_numpy()}
    both = sum(tuple(row) in keys for row in evaluation.fillna("-").to_numpy())
    assert one(found, "row_overlap_share").value == pytest.approx(both / 400)
    assert one(found, "duplicate_share").value == pytest.approx(evaluation.duplicated().sum() / 400)
    assert outcome_of(found) == "fail"


def test_a_row_is_found_again_whatever_its_type_label_and_prediction(run: Run) -> None:
    training = pd.DataFrame({"a": [1, 2, 3], "b": ["2024-01-01"] * 3, "y": [0, 1, 0]})
    evaluation = pd.DataFrame(
        {"a": [1.0, 2.5], "b": pd.to_datetime(["2024-01-01"] * 2).date, "y": [1, 1], "prediction": [0, 0]}
    )
    found = run("leakage", {"reference": training, "evaluation": evaluation}, {"target": ["y"]})
    assert one(found, "row_overlap_share").value == 0.5


def test_numbered_rows_do_not_hide_an_overlap(run: Run) -> None:
    training, evaluation = drawn(200, 1), drawn(100, 2)
    evaluation.loc[:9] = training.loc[:9]
    training["row"], evaluation["row"] = range(200), range(200, 300)
    found = run("leakage", {"reference": training, "evaluation": evaluation}, {"target": ["y"]})
    assert one(found, "row_overlap_share").value == pytest.approx(0.1)
    assert "number the rows: row" in str(one(found, "row_overlap_share").note)


def test_the_probe_is_the_area_under_the_curve(run: Run) -> None:
    training, evaluation = drawn(2000, 1), drawn(1000, 2)
    found = run("leakage", {"reference": training, "evaluation": evaluation}, {"target": ["y"]})
    finding = one(found, "single_feature_auc", "x")
    assert finding.value == pytest.approx(roc_auc_score(evaluation.y, evaluation.x))
    rates = training.groupby("g").y.mean()
    learned = roc_auc_score(evaluation.y, evaluation.g.map(rates))
    assert one(found, "single_feature_auc", "g").value == pytest.approx(learned)
    assert outcome_of(found) == "pass"


def test_a_column_that_tells_the_label_is_named_in_whatever_form(run: Run) -> None:
    for seed, told in enumerate((lambda y: -y * 3.5, lambda y: y.map({0: "no", 1: "yes"}), lambda y: 1 + y % 2)):
        training, evaluation = (frame.assign(told=told(frame.y)) for frame in (drawn(500, seed), drawn(400, seed + 9)))
        found = run("leakage", {"reference": training, "evaluation": evaluation}, {"target": ["y"]})
        assert one(found, "single_feature_auc", "told").outcome == "fail"
        assert one(found, "single_feature_auc", "x").outcome == "pass"
    code = {0: [1, 3], 1: [2, 2]}
    training, evaluation = (
        frame.assign(told=[code[y][place % 2] for place, y in enumerate(frame.y)]) for frame in (training, evaluation)
    )
    found = run("leakage", {"reference": training, "evaluation": evaluation}, {"target": ["y"]})
    assert one(found, "single_feature_auc", "told").value == 1


def test_a_text_that_is_different_in_every_row_is_no_leak(run: Run) -> None:
    training, evaluation = (
        frame.assign(name=[f"{seed}-{i}" for i in range(len(frame))])
        for seed, frame in enumerate((drawn(400, 1), drawn(400, 2)))
    )
    found = run("leakage", {"reference": training, "evaluation": evaluation}, {"target": ["y"]})
    assert one(found, "single_feature_auc", "name").value == 0.5


def test_several_classes_and_quantities_are_probed(run: Run) -> None:
    generator = np.random.default_rng(3)
    y = generator.choice(["a", "b", "c"], 900)
    frame = pd.DataFrame({"y": y, "told": (y == "b") * 1.0, "x": generator.normal(size=900)})
    found = run("leakage", {"reference": frame[:500], "evaluation": frame[500:]}, {"target": ["y"]})
    assert one(found, "single_feature_auc", "told").value == 1
    price = generator.normal(size=900) * 9
    frame = pd.DataFrame({"y": price, "told": 2 * price + 1, "x": generator.normal(size=900)})
    found = run("leakage", {"reference": frame[:500], "evaluation": frame[500:]}, {"target": ["y"]})
    assert one(found, "single_feature_r2", "told").outcome == "fail"
    assert one(found, "single_feature_r2", "x").outcome == "pass"


def test_odd_columns_are_compared_and_probed_without_a_traceback(run: Run) -> None:
    odd = drawn(100, 1).assign(**{'we"ird. 🚲': 1.5, "inf": np.inf, "list": [[1, 2]] * 100})
    found = run("leakage", {"reference": odd, "evaluation": odd}, {"target": ["y"]})
    assert one(found, "row_overlap_share").value == 1
    found = run("leakage", {"reference": odd, "evaluation": odd}, {"target": ["x"]})
    assert outcome_of(found) == "fail"


def test_time_order_is_asked_where_a_column_says_when(run: Run) -> None:
    training, evaluation = drawn(50, 1), drawn(50, 2)
    training["t"], evaluation["t"] = pd.Timestamp("2025-03-01"), pd.Timestamp("2025-03-11 12:00")
    data, roles = {"reference": training, "evaluation": evaluation}, {"timestamp": ["t"]}
    assert one(run("leakage", data, roles), "time_gap_days").value == 10.5
    turned = {"reference": evaluation, "evaluation": training}
    assert one(run("leakage", turned, roles), "time_gap_days").outcome == "fail"
    assert outcome_of(run("leakage", turned, roles, limits={"time_gap_days": None})) == "pass"


@pytest.mark.parametrize(
    ("change", "roles", "params", "words"),
    [
        ({"x": "z"}, {}, {"columns": ["x"]}, "'x'"),
        ({"x": "u", "g": "v", "y": "w"}, {}, {}, "share no feature"),
        ({}, {}, {"exclude": ["nowhere"]}, "'nowhere'"),
        ({}, {}, {"limits": {"overlap": {"op": "<=", "value": 0}}}, "'overlap'"),
        ({}, {"timestamp": ["g"]}, {}, "are no times"),
        ({"y": "w"}, {"target": ["y"]}, {}, "'y'"),
    ],
)
def test_what_cannot_be_asked_is_an_error_that_says_why(
    run: Run, change: dict[str, str], roles: dict[str, list[str]], params: dict[str, object], words: str
) -> None:
    data = {"reference": drawn(50, 1), "evaluation": drawn(50, 2).rename(columns=change)}
    found = run("leakage", data, roles, **params)
    assert outcome_of(found) == "error"
    assert any(words in str(f.note) for f in found), found


def test_labels_of_another_kind_in_each_set_are_an_error_that_names_both(run: Run) -> None:
    evaluation = drawn(50, 2).assign(y=lambda frame: frame.y.map({0: "no", 1: "yes"}))
    found = run("leakage", {"reference": drawn(50, 1), "evaluation": evaluation}, {"target": ["y"]})
    assert outcome_of(found) == "error"
    assert "the target 'y' is numeric there and categorical here" in str(found[0].note)
