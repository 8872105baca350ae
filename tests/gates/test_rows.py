"""What a row is: weights and their unit, clusters, labels as values, families, and scores that lie close together."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding, intervals
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]
FAIR = {"sensitive": ["g"], "prediction": ["d"]}


def one(findings: tuple[Finding, ...], measure: str, **by: str) -> Finding:
    chosen = [f for f in findings if f.measure == measure and dict(f.by) == by]
    assert len(chosen) == 1, (measure, by, [(f.measure, f.by) for f in findings][:40])
    return chosen[0]


def weighted(unit: float, n: int = 600) -> pd.DataFrame:
    draw = np.random.default_rng(4)
    frame = pd.DataFrame({"g": draw.choice(["a", "b"], n), "y": draw.integers(0, 2, n)})
    frame["s"] = np.clip(0.5 * frame.y + 0.5 * draw.random(n), 0, 1)
    frame["d"] = (frame.s > 0.5).astype(int)
    frame["w"] = (draw.gamma(2, 0.5, n) + 0.01) * unit
    return frame


GATES: dict[str, tuple[dict[str, list[str]], dict[str, Any]]] = {
    "fairness": ({"target": ["y"], "prediction": ["d"], "sensitive": ["g"], "weight": ["w"]}, {}),
    "performance": (
        {"target": ["y"], "prediction": ["d"], "score": ["s"], "slice": ["g"], "weight": ["w"]},
        {"slice_limits": {"accuracy": {"op": ">=", "value": 0.6}, "roc_auc": {"op": ">=", "value": 0.7}}},
    ),
    "uncertainty": ({"target": ["y"], "prediction": ["d"], "score": ["s"], "weight": ["w"]}, {}),
    "representativeness": (
        {"sensitive": ["g"], "weight": ["w"]},
        {"reference": {"g": {"a": 0.5, "b": 0.5}}},
    ),
}


@pytest.mark.parametrize("gate", GATES)
def test_the_unit_of_a_weight_changes_nothing(run: Run, gate: str) -> None:
    roles, params = GATES[gate]
    plain = run(gate, {"evaluation": weighted(1.0)}, roles, **params)
    assert outcome_of(plain) != "error"
    for unit in (33.0, 1000.0, 1e-3):
        scaled = run(gate, {"evaluation": weighted(unit)}, roles, **params)
        assert [(f.measure, f.by, f.outcome) for f in scaled] == [(f.measure, f.by, f.outcome) for f in plain]
        for ours, theirs in zip(scaled, plain, strict=True):
            for mine, its in ((ours.value, theirs.value), (ours.low, theirs.low), (ours.n, theirs.n)):
                assert mine == (its if its is None else pytest.approx(its, rel=1e-9, abs=1e-9)), ours


def test_sizes_and_n_are_effective_and_rows_are_told(run: Run) -> None:
    frame = weighted(33.0)
    found = run("fairness", {"evaluation": frame}, FAIR | {"weight": ["w"]})
    part = frame[frame.g == "a"]
    kish = part.w.sum() ** 2 / (part.w**2).sum()
    count = one(found, "count", g="a")
    assert count.value == pytest.approx(kish, abs=1e-6)
    assert count.n == len(part)
    assert one(found, "selection_rate", g="a").n == pytest.approx(kish, abs=1e-6)
    small = run("fairness", {"evaluation": frame}, FAIR | {"weight": ["w"]}, min_group_size=int(kish) + 5)
    assert "not judged" in str(one(small, "selection_rate", g="a").note) or outcome_of(small) == "inconclusive"


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (0.0, "all weights in 'w' are 0"),
        (np.inf, "a weight in 'w' is infinite"),
        ("inf", "a weight in 'w' is infinite"),
        (-1.0, "a weight in 'w' is negative"),
        (np.nan, "600 rows have no weight"),
        ("many", "no numbers"),
    ],
)
def test_weights_that_are_none_are_one_sentence_everywhere(run: Run, gate: str, weights: Any, words: str) -> None:
    roles, params = GATES[gate]
    frame = weighted(1.0).assign(w=weights)
    if weights is np.nan:
        frame["w"] = frame["w"].astype(float)
        words = "no value"
    found = run(gate, {"evaluation": frame}, roles, **params)
    assert outcome_of(found) == "error"
    assert words in str(found[-1].note)
    assert found[-1].remedy


@pytest.mark.parametrize("gate", GATES)
def test_weights_that_count_rows_are_whole(run: Run, gate: str) -> None:
    roles, params = GATES[gate]
    found = run(gate, {"evaluation": weighted(1.0)}, roles, **params, weight_kind="frequency")
    assert "no whole number" in str(found[-1].note)
    found = run(gate, {"evaluation": weighted(1.0)}, roles, **params, weight_kind="both")
    assert "weight_kind cannot be 'both'" in str(found[-1].note)


# Labels ------------------------------------------------------------------------------------------------


def test_one_is_one_point_nought(run: Run) -> None:
    frame = pd.DataFrame({"y": [1, 2, 3] * 40, "d": [1.0, 2.0, 3.0] * 40})
    found = run("performance", {"evaluation": frame}, {"target": ["y"], "prediction": ["d"]}, task="classification")
    assert (one(found, "accuracy").value, one(found, "balanced_accuracy").value) == (1.0, 1.0)


def test_yes_is_not_another_spelling_of_it(run: Run) -> None:
    frame = pd.DataFrame({"y": ["Yes", "No"] * 60, "d": ["yes", "no"] * 60})
    roles = {"target": ["y"], "prediction": ["d"]}
    accuracy = one(run("performance", {"evaluation": frame}, roles, positive="Yes"), "accuracy")
    assert accuracy.value == 0
    assert "'No' is not 'no'" in str(accuracy.note) and "'Yes' is not 'yes'" in str(accuracy.note)
    scored = frame.assign(s=[0.9, 0.8] * 60, g=["a", "b"] * 60, k=range(120))
    roles |= {"score": ["s"]}
    for gate, more, params in (
        ("uncertainty", {}, {"score_is": "prediction"}),
        ("fairness", {"sensitive": ["g"]}, {"positive": "Yes"}),
    ):
        found = run(gate, {"evaluation": scored}, roles | more, **params)
        assert "'Yes' is not 'yes'" in str(one(found, "labels").note)
        assert outcome_of(found) != "pass"
    error = one(run("uncertainty", {"evaluation": scored}, roles, score_is="prediction"), "selective_error")
    assert error.value == 1
    moved = scored.assign(d=scored.d.str.upper())
    found = run("robustness", {"evaluation": scored, "perturbed": moved}, {"prediction": ["d"], "id": ["k"]})
    assert one(found, "flip_rate").value == 1


def test_whole_numbers_beyond_doubles_are_told_apart(run: Run) -> None:
    big = 2**53
    frame = pd.DataFrame({"y": [big, big + 1, 5] * 40, "d": [big + 1, big, 5] * 40})
    roles = {"target": ["y"], "prediction": ["d"]}
    found = run("performance", {"evaluation": frame}, roles, task="classification")
    assert one(found, "accuracy").value == pytest.approx(1 / 3)
    found = run("performance", {"evaluation": frame}, roles, positive=big + 1)
    assert one(found, "recall").value == 0
    found = run("performance", {"evaluation": frame.assign(d=frame.d.astype(float))}, roles, task="classification")
    assert one(found, "accuracy").value == pytest.approx(2 / 3)  # As a double, big + 1 is big: that meets big alone.
    mixed = frame.assign(k=range(120))
    perturbed = mixed.assign(d=mixed.d.astype(float))
    found = run("robustness", {"evaluation": mixed, "perturbed": perturbed}, {"prediction": ["d"], "id": ["k"]})
    assert one(found, "flip_rate").value == pytest.approx(1 / 3)


def test_counts_are_a_regression_where_a_limit_or_the_task_says_so(run: Run) -> None:
    draw = np.random.default_rng(1)
    y = draw.integers(8, 14, 200)
    roles = {"target": ["y"], "prediction": ["d"]}
    frame = pd.DataFrame({"y": y, "d": y + draw.integers(-1, 2, 200)})
    assert one(run("performance", {"evaluation": frame}, roles), "accuracy").value is not None
    limits = {"r2": {"op": ">=", "value": 0.2}}
    for params in ({"limits": limits}, {"task": "regression"}, {"task": "forecast"}):
        measured = one(run("performance", {"evaluation": frame}, roles, **params), "r2")
        assert measured.value == pytest.approx(1 - ((frame.y - frame.d) ** 2).sum() / ((y - y.mean()) ** 2).sum())
    fractions = run("performance", {"evaluation": frame.assign(d=frame.d + 0.25)}, roles)
    assert one(fractions, "mean_absolute_error").value is not None
    text = run("performance", {"evaluation": frame.assign(d="many")}, roles, limits=limits)
    assert "holds no numbers" in str(text[0].note)
    assert "task cannot be" in str(run("performance", {"evaluation": frame}, roles, task="guess")[0].note)


def test_of_a_ranking_only_the_order_counts(run: Run) -> None:
    frame = pd.DataFrame({"y": [0, 1] * 100, "s": np.linspace(-5, 5, 200)})
    found = run("performance", {"evaluation": frame}, {"target": ["y"], "score": ["s"]}, task="ranking")
    assert {f.measure for f in found} == {"roc_auc"}


# Calibration ---------------------------------------------------------------------------------------------


def loans() -> pd.DataFrame:
    draw = np.random.default_rng(9)
    s = draw.uniform(0.001, 0.04, 20_000)
    return pd.DataFrame({"s": s, "y": (draw.random(20_000) < 0.041 - s).astype(int)})


@pytest.mark.parametrize("gate", ["performance", "uncertainty"])
def test_small_scores_upside_down_do_not_pass_for_calibrated(run: Run, gate: str) -> None:
    limits = {"expected_calibration_error": {"op": "<=", "value": 0.005}}
    roles = {"target": ["y"], "score": ["s"]}
    quantile = one(run(gate, {"evaluation": loans()}, roles, limits=limits), "expected_calibration_error")
    assert quantile.outcome == "fail"
    equal = one(run(gate, {"evaluation": loans()}, roles, limits=limits, bands="equal"), "expected_calibration_error")
    assert equal.outcome == "inconclusive"
    assert "100% of the rows lie in one band" in str(equal.note)
    bands = [0.01, 0.02, 0.03]
    own = one(run(gate, {"evaluation": loans()}, roles, limits=limits, bands=bands), "expected_calibration_error")
    assert own.outcome == "fail"
    assert "bands cannot be" in str(run(gate, {"evaluation": loans()}, roles, bands=[0.5, 0.2])[0].note)


def test_slope_intercept_and_observed_to_expected_are_those_of_a_logistic_recalibration(run: Run) -> None:
    draw = np.random.default_rng(2)
    odds = draw.normal(size=4000)
    s = 1 / (1 + np.exp(-odds))
    frame = pd.DataFrame({"s": s, "y": (draw.random(4000) < 1 / (1 + np.exp(-(0.3 + 0.6 * odds)))).astype(int)})
    limits = {"calibration_slope": {"op": ">=", "value": 0.8}, "observed_to_expected": {"op": "<=", "value": 1.2}}
    roles = {"target": ["y"], "score": ["s"]}
    found = run("performance", {"evaluation": frame}, roles, limits=limits)
    slope, intercept = one(found, "calibration_slope"), one(found, "calibration_intercept")
    from sklearn.linear_model import LogisticRegression

    fitted = LogisticRegression(C=np.inf, tol=1e-10).fit(odds[:, None], frame.y)
    assert slope.value == pytest.approx(fitted.coef_[0, 0], abs=1e-5)
    assert slope.low is not None and slope.high is not None and slope.low < 0.6 < slope.high
    assert slope.outcome == "fail"
    assert intercept.value is not None and intercept.value > 0
    ratio = one(found, "observed_to_expected")
    assert ratio.value == pytest.approx(frame.y.mean() / s.mean())


# Clusters ------------------------------------------------------------------------------------------------


def visits(persons: int, rows: int, rates: tuple[float, ...], seed: int, correlation: float = 0.4) -> pd.DataFrame:
    """Persons of as many groups as there are rates, so many rows of each."""
    draw = np.random.default_rng(seed)
    group = np.arange(persons) % len(rates)
    rate, spread = np.array(rates)[group], (1 - correlation) / correlation
    own = draw.beta(rate * spread, (1 - rate) * spread)
    person = np.repeat(np.arange(persons), rows)
    d = (draw.random(persons * rows) < own[person]).astype(int)
    return pd.DataFrame({"person": person, "g": group[person].astype(str), "d": d})


def test_rows_of_one_person_are_worth_less_than_as_many_persons(run: Run) -> None:
    frame = visits(400, 10, (0.5, 0.5), 3)
    frame["y"], frame["s"] = 1 - frame.d % 2, 0.2 + 0.6 * frame.d
    frame.loc[::3, "y"] = 1 - frame.y
    roles: dict[str, dict[str, list[str]]] = {
        "fairness": FAIR | {"target": ["y"]},
        "performance": {"target": ["y"], "prediction": ["d"], "score": ["s"], "slice": ["g"]},
        "uncertainty": {"target": ["y"], "prediction": ["d"], "score": ["s"]},
        "robustness": {"prediction": ["d"], "target": ["y"]},
    }
    for gate, named in roles.items():
        sets = {"evaluation": frame}
        if gate == "robustness":
            sets["perturbed"] = frame.assign(d=np.where(frame.person % 9 == 0, 1 - frame.d, frame.d))
        plain = run(gate, sets, named)
        linked = run(gate, sets, named | {"cluster": ["person"]})
        assert outcome_of(linked) != "error", linked
        assert [(f.measure, f.by, f.value) for f in linked if f.measure != "count"] == [
            (f.measure, f.by, f.value if f.value is None else pytest.approx(f.value))
            for f in plain
            if f.measure != "count"
        ]
        narrower = [
            (ours.measure, ours.low, theirs.low)
            for ours, theirs in zip(linked, plain, strict=True)
            if ours.low is not None and theirs.low is not None and ours.low > theirs.low + 1e-9
        ]
        assert not narrower
    wide = one(run("fairness", {"evaluation": frame}, FAIR | {"cluster": ["person"]}), "selection_rate", g="0")
    assert wide.n == pytest.approx(2000 / 4.6, rel=0.2)


@pytest.mark.parametrize("rows", [381, 387])
def test_a_cluster_with_most_of_the_rows_is_compared_with_the_champion(run: Run, rows: int) -> None:
    """One over the rows of either label has 17 digits or more, which DuckDB would add up as decimals."""
    random = np.random.default_rng(3)
    frame = pd.DataFrame({"y": random.integers(0, 2, rows), "c": np.arange(rows) % 4 > 0})
    sets = {
        who: frame.assign(s=frame.y + random.normal(0, spread, rows))
        for who, spread in (("evaluation", 1), ("champion", 3))
    }
    roles = {"target": ["y"], "score": ["s"], "cluster": ["c"]}
    gap = one(run("performance", sets, roles, task="ranking"), "roc_auc_champion_difference")
    assert gap.value is not None and gap.value > 0.1 and gap.low is not None


def test_a_row_without_a_cluster_is_an_error(run: Run) -> None:
    frame = visits(40, 5, (0.5, 0.5), 3)
    frame["person"] = frame.person.where(frame.index > 3)
    found = run("fairness", {"evaluation": frame}, FAIR | {"cluster": ["person"]})
    assert "4 rows have no value in 'person'" in str(found[0].note)


def test_a_cluster_is_no_feature(run: Run) -> None:
    frame = visits(60, 5, (0.5, 0.5), 3)
    later = frame.assign(person=frame.person + 1000)
    found = run("drift", {"reference": frame, "production": later}, {"cluster": ["person"]}, shares_rows=True)
    assert {(f.over or {}).get("column") for f in found} >= {"g", "d"}
    assert "person" not in {(f.over or {}).get("column") for f in found}


# Families ------------------------------------------------------------------------------------------------


def test_what_fails_alone_is_open_beside_others_and_says_so(run: Run) -> None:
    draw = np.random.default_rng(6)
    n = 1000
    frame = pd.DataFrame({f"g{place}": draw.choice(["a", "b"], n) for place in range(8)})
    chance = np.where(frame.g0 == "a", 0.5, 0.35)
    frame["d"] = (draw.random(n) < chance).astype(int)
    alone = run("fairness", {"evaluation": frame}, {"sensitive": ["g0"], "prediction": ["d"]})
    gap = next(f for f in alone if f.measure == "demographic_parity_ratio")
    assert gap.outcome == "fail"
    roles = {"sensitive": [f"g{place}" for place in range(8)], "prediction": ["d"]}
    limits = {name: {"op": ">=", "value": 0.8} for name in ("demographic_parity_ratio", "selection_rate_ratio")}
    many = run("fairness", {"evaluation": frame}, roles, limits=limits)
    gap = next(f for f in many if f.measure == "demographic_parity_ratio" and f.over == {"sensitive": ["g0"]})
    assert gap.outcome == "inconclusive"
    assert "fails alone (g0=a and g0=b)" in str(gap.note)
    hits, sizes = frame.groupby("g0").d.sum(), frame.groupby("g0").d.size()
    # Nine sets of columns times two limits, one pair.
    wide = intervals.exact_ratio(hits["b"], sizes["b"], hits["a"], sizes["a"], 0.95, 18)
    assert intervals.simultaneous(*wide) in str(gap.note)
    assert gap.high is not None and gap.high < 0.8


def test_the_most_selected_group_is_the_reference_however_small(run: Run) -> None:
    frame = pd.DataFrame(
        [("a", 1)] * 500 + [("a", 0)] * 500 + [("b", 1)] * 450 + [("b", 0)] * 550 + [("c", 1)] * 9 + [("c", 0)],
        columns=["g", "d"],
    )
    found = run("fairness", {"evaluation": frame}, FAIR, limits={"impact_ratio": {"op": ">=", "value": 0.8}})
    assert one(found, "impact_ratio", g="c").value == 1
    a = one(found, "impact_ratio", g="a")
    assert a.value == pytest.approx(0.5 / 0.9)
    assert a.outcome == "inconclusive"
    assert "fewer than 30" in str(a.note)
    left_out = run("fairness", {"evaluation": frame}, FAIR, min_group_share=0.02)
    assert one(left_out, "impact_ratio", g="a").value == 1
