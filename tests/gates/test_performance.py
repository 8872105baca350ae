"""Performance: scikit-learn's own numbers, intervals that cover, champions on the same rows."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as sk

from aims_gates import Finding
from aims_gates.evaluation.run_gate import outcome_of
from tests.support import assert_error

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"target": ["y"], "prediction": ["d"], "score": ["s"]}
DRAWS = int(os.environ.get("AIMS_GATES_SIMULATIONS", "1000"))


def drawn(n: int = 1000, seed: int = 1, strength: float = 1.5) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    y = np.random.default_rng(99).integers(0, 2, n)
    s = 1 / (1 + np.exp(-(strength * (y - 0.5) + generator.normal(size=n))))
    frame = pd.DataFrame({"y": y, "s": s.round(2), "w": generator.integers(1, 4, n)})
    return frame.assign(d=(frame.s >= 0.5).astype(int), g=generator.choice(["north", "south"], n), id=range(n))


def one(findings: tuple[Finding, ...], measure: str, **by: str) -> Finding:
    found = [f for f in findings if f.measure == measure and dict(f.by) == by]
    assert len(found) == 1, (measure, by, [(f.measure, f.by) for f in findings])
    return found[0]


def library(frame: pd.DataFrame, weights: Any = None) -> dict[str, float]:
    y, d, s, w = frame.y, frame.d, frame.s, weights
    return {
        "accuracy": sk.accuracy_score(y, d, sample_weight=w),
        "balanced_accuracy": sk.balanced_accuracy_score(y, d, sample_weight=w),
        "precision": sk.precision_score(y, d, sample_weight=w),
        "recall": sk.recall_score(y, d, sample_weight=w),
        "f1": sk.f1_score(y, d, sample_weight=w),
        "roc_auc": sk.roc_auc_score(y, s, sample_weight=w),
        "log_loss": sk.log_loss(y, s, sample_weight=w),
        "brier": sk.brier_score_loss(y, s, sample_weight=w),
    }


def test_every_measure_is_scikit_learns_overall_and_in_slices(run: Run) -> None:
    frame = drawn()
    found = run("performance", {"evaluation": frame}, ROLES | {"slice": ["g"]})
    for name, figure in library(frame).items():
        finding = one(found, name)
        assert finding.value == pytest.approx(figure, abs=1e-12), name
        assert finding.low is not None and finding.high is not None
        assert finding.low <= figure <= finding.high
    for side in ("north", "south"):
        for name, figure in library(frame[frame.g == side]).items():
            assert one(found, name, g=side).value == pytest.approx(figure, abs=1e-12), name
    assert outcome_of(found) == "pass"


def test_weights_count_rows(run: Run) -> None:
    frame = drawn()
    found = run("performance", {"evaluation": frame}, ROLES | {"weight": ["w"]}, weight_kind="frequency", bands="equal")
    for name, figure in library(frame, frame.w).items():
        assert one(found, name).value == pytest.approx(figure, abs=1e-12), name
    repeated = run("performance", {"evaluation": frame.loc[frame.index.repeat(frame.w)]}, ROLES, bands="equal")
    for name in library(frame):
        a, b = one(found, name), one(repeated, name)
        assert (a.low, a.high, a.n) == pytest.approx((b.low, b.high, b.n), abs=1e-9), name


def test_quantities_are_measured_as_scikit_learn_does(run: Run) -> None:
    generator = np.random.default_rng(3)
    y = generator.normal(size=500) * 3
    frame = pd.DataFrame({"y": y, "d": y + generator.normal(size=500)})
    found = run("performance", {"evaluation": frame}, {"target": ["y"], "prediction": ["d"]})
    figures = {
        "r2": sk.r2_score(frame.y, frame.d),
        "mean_absolute_error": sk.mean_absolute_error(frame.y, frame.d),
        "mean_squared_error": sk.mean_squared_error(frame.y, frame.d),
        "root_mean_squared_error": sk.root_mean_squared_error(frame.y, frame.d),
    }
    for name, figure in figures.items():
        finding = one(found, name)
        assert finding.value == pytest.approx(figure, rel=1e-10)
        assert finding.low is not None and finding.high is not None
        assert finding.low < figure < finding.high
    assert outcome_of(found) == "pass"


def test_several_classes_have_accuracy_and_balanced_accuracy(run: Run) -> None:
    generator = np.random.default_rng(4)
    y = generator.choice(["a", "b", "c"], 600)
    d = np.where(generator.uniform(size=600) < 0.7, y, "a")
    found = run("performance", {"evaluation": pd.DataFrame({"y": y, "d": d})}, {"target": ["y"], "prediction": ["d"]})
    assert one(found, "accuracy").value == pytest.approx(sk.accuracy_score(y, d))
    balanced = one(found, "balanced_accuracy")
    assert balanced.value == pytest.approx(sk.balanced_accuracy_score(y, d))
    assert balanced.limit is not None
    assert balanced.limit.value == pytest.approx(1 / 3)


def test_a_perfectly_calibrated_score_has_no_calibration_error_and_a_wild_one_has(run: Run) -> None:
    frame = pd.DataFrame({"y": [1, 0, 0, 0] * 100 + [1, 1, 1, 0] * 100, "s": [0.25] * 400 + [0.75] * 400})
    found = run("performance", {"evaluation": frame}, {"target": ["y"], "score": ["s"]})
    assert one(found, "expected_calibration_error").value == 0
    limit = {"expected_calibration_error": {"op": "<=", "value": 0.05}}
    turned = frame.assign(s=1 - frame.s)
    found = run("performance", {"evaluation": turned}, {"target": ["y"], "score": ["s"]}, limits=limit)
    finding = one(found, "expected_calibration_error")
    assert (finding.value, finding.outcome) == (0.5, "fail")


def test_the_champion_is_compared_on_the_same_rows(run: Run) -> None:
    ours, theirs = drawn(seed=1, strength=1.5), drawn(seed=2, strength=1.2)
    found = run("performance", {"evaluation": ours, "champion": theirs}, ROLES)
    ours_figures, their_figures = library(ours), library(theirs)
    for name, figure in ours_figures.items():
        finding = one(found, f"{name}_champion_difference")
        assert finding.value == pytest.approx(figure - their_figures[name], abs=1e-12), name
        assert finding.low is not None and finding.high is not None
        assert finding.low < figure - their_figures[name] < finding.high
    shuffled = theirs.sample(frac=1, random_state=0)
    matched = run("performance", {"evaluation": ours, "champion": shuffled}, ROLES | {"id": ["id"]})
    for name in ours_figures:
        a, b = (one(f, f"{name}_champion_difference") for f in (found, matched))
        assert (a.value, a.low, a.high) == pytest.approx((b.value, b.low, b.high), abs=1e-12)


def test_a_champion_on_other_rows_is_refused(run: Run) -> None:
    ours = drawn()
    for theirs, words in ((drawn().iloc[:999], "999 rows"), (drawn().sample(frac=1, random_state=1), "differ")):
        found = run("performance", {"evaluation": ours, "champion": theirs}, ROLES)
        assert outcome_of(found) == "error"
        assert words in str(found[0].note)


def test_non_inferiority_needs_rows_to_be_shown(run: Run) -> None:
    limits = {"accuracy_champion_difference": {"op": ">=", "value": -0.02}}
    few, many = drawn(100), drawn(20_000)
    for frame, other, outcome in (
        (few, drawn(100, seed=2), "inconclusive"),
        (many, many, "pass"),
        (drawn(20_000, strength=0.5), many, "fail"),
    ):
        found = run("performance", {"evaluation": frame, "champion": other}, ROLES, limits=limits)
        assert outcome_of(found) == outcome
    identical = one(run("performance", {"evaluation": many, "champion": many}, ROLES), "roc_auc_champion_difference")
    assert identical.low is not None and identical.high is not None
    assert identical.low < 0 < identical.high


def test_delongs_interval_is_the_published_algorithms(run: Run) -> None:
    ours, theirs = drawn(300, seed=1), drawn(300, seed=2, strength=1.0)
    found = one(run("performance", {"evaluation": ours, "champion": theirs}, ROLES), "roc_auc_champion_difference")
    y = ours.y.to_numpy()

    def placements(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        wins = (s[y == 1][:, None] > s[y == 0]) + 0.5 * (s[y == 1][:, None] == s[y == 0])
        return wins.mean(axis=1), wins.mean(axis=0)

    (v1, w1), (v2, w2) = placements(ours.s.to_numpy()), placements(theirs.s.to_numpy())
    variance = np.var(v1 - v2, ddof=1) / len(v1) + np.var(w1 - w2, ddof=1) / len(w1)
    assert found.value is not None and found.low is not None
    assert found.value - found.low == pytest.approx(1.959963984540054 * np.sqrt(variance), rel=1e-9)


def test_slices_have_limits_of_their_own(run: Run) -> None:
    frame = drawn(4000)
    frame["d"] = np.where((frame.g == "south") & (frame.index % 2 == 0), 1 - frame.y, frame.y)
    roles, limit = ROLES | {"slice": ["g"]}, {"accuracy": {"op": ">=", "value": 0.7}}
    found = run("performance", {"evaluation": frame}, roles, limits=limit, slice_limits=limit)
    assert one(found, "accuracy").outcome == "pass"
    assert one(found, "accuracy", g="north").outcome == "pass"
    assert one(found, "accuracy", g="south").outcome == "fail"
    found = run("performance", {"evaluation": frame}, roles, slice_limits=limit, min_slice_size=5000)
    assert one(found, "accuracy", g="south").outcome == "inconclusive"


def test_a_model_that_guesses_does_not_pass_by_default(run: Run) -> None:
    frame = drawn(2000, strength=0.0)
    assert outcome_of(run("performance", {"evaluation": frame}, ROLES)) in ("inconclusive", "fail")
    assert outcome_of(run("performance", {"evaluation": frame.assign(d=1 - frame.y)}, ROLES)) == "fail"


def test_a_limit_that_cannot_be_measured_is_inconclusive_not_absent(run: Run) -> None:
    limits = {"roc_auc": {"op": ">=", "value": 0.6}}
    found = run("performance", {"evaluation": drawn()}, {"target": ["y"], "prediction": ["d"]}, limits=limits)
    assert outcome_of(found) == "inconclusive"


def test_the_intervals_cover_what_they_should(run: Run) -> None:
    """Areas and F1 of small samples, against their true values: at least 93 times in 100."""
    from aims_gates import intervals

    generator, area_hits, f1_hits = np.random.default_rng(11), 0, 0
    truth = 0.7602499389065233  # P(x > y) of two normals one standard deviation apart
    for _ in range(DRAWS):
        a, b = generator.normal(1, 1, 40), generator.normal(0, 1, 60)
        low, high = intervals.auc_interval(float((a[:, None] > b).mean()), 40, 60)
        area_hits += low <= truth <= high
        tp, wrong, _rest = generator.multinomial(100, [0.3, 0.2, 0.5])
        ends = [2 * v / (1 + v) for v in intervals.exact_rate(tp, tp + wrong)]
        f1_hits += ends[0] <= 0.75 <= ends[1]
    assert area_hits / DRAWS >= 0.93
    assert f1_hits / DRAWS >= 0.93


BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "no target": ({"target": []}, {}, "no column has the role 'target'"),
    "nothing predicted": ({"prediction": [], "score": []}, {}, "neither a prediction nor a score"),
    "two targets": ({"target": ["y", "d"]}, {}, "several columns"),
    "no such column": ({"slice": ["region"]}, {}, "no column 'region'"),
    "text as a score": ({"score": ["g"]}, {}, "no number"),
    "a ceiling on accuracy": ({}, {"limits": {"accuracy": {"op": "<=", "value": 0.9}}}, "wrong way round"),
    "a floor on a loss": ({}, {"limits": {"log_loss": {"op": ">=", "value": 0.9}}}, "wrong way round"),
    "unknown": ({}, {"limits": {"auc": {"op": ">=", "value": 0.9}}}, "no measure"),
    "one bin": ({}, {"bins": 1}, "bins cannot be"),
    "labels": ({"target": ["g"], "prediction": ["h"], "score": []}, {}, "neither 0/1"),
    "a label that is not there": ({"target": ["g"], "prediction": ["h"]}, {"positive": "east"}, "never occurs"),
}


@pytest.mark.parametrize("size", [-1e308, -3.0, 1e308])
def test_scores_of_any_size_are_ranked_and_no_more(run: Run, size: float) -> None:
    frame = drawn(200).assign(s=lambda f: f.s * size)
    found = run("performance", {"evaluation": frame}, ROLES)
    assert outcome_of(found) != "error"
    assert one(found, "roc_auc").value is not None
    assert {one(found, name).value for name in ("brier", "log_loss")} == {None}


def test_times_are_no_labels(run: Run) -> None:
    frame = pd.DataFrame({"y": pd.date_range("2024-01-01", periods=60, freq="h", tz="Europe/Vienna")})
    found = run("performance", {"evaluation": frame.assign(d=frame.y)}, {"target": ["y"], "prediction": ["d"]})
    assert [(f.outcome, "holds times" in str(f.note)) for f in found] == [("error", True)]


@pytest.mark.parametrize("name", BAD)
def test_bad_questions_are_errors_with_a_remedy(run: Run, name: str) -> None:
    roles, params, words = BAD[name]
    found = run("performance", {"evaluation": drawn(200).assign(h=lambda f: f.g)}, ROLES | roles, **params)
    assert_error(found, words)


def test_bad_rows_are_errors_and_odd_ones_are_said(run: Run) -> None:
    frame = drawn(200)
    for changed, words in (
        (frame.assign(s=frame.s.where(frame.index > 2)), "3 rows have no value in 's'"),
        (frame.assign(s=frame.s.where(frame.index > 2, np.inf)), "infinite"),
        (frame.assign(w=-1), "negative"),
        (frame.assign(d=2), "neither 0/1"),
    ):
        found = run("performance", {"evaluation": changed}, ROLES | {"weight": ["w"]})
        assert outcome_of(found) == "error", words
        assert words in str(found[0].note)
    found = run("performance", {"evaluation": frame.assign(s=frame.s * 10)}, ROLES)
    assert one(found, "log_loss").value is None
    assert "no probabilities" in str(one(found, "brier").note)
    found = run("performance", {"evaluation": frame.assign(y=1, d=1)}, ROLES)
    assert one(found, "roc_auc").value is None
    assert outcome_of(found) == "inconclusive"
    found = run("performance", {"evaluation": frame.iloc[:1]}, ROLES)
    assert outcome_of(found) == "inconclusive"


@pytest.mark.parametrize("bands", ["quantile", "equal", [0.2, 0.45, 0.8]])
@pytest.mark.parametrize("spelled", ["known", "another label"])
def test_rows_read_once_measure_as_rows_counted_in_the_engine(run: Run, bands: Any, spelled: str) -> None:
    frame = drawn(3000).assign(w=1)
    if spelled == "another label":
        frame = frame.assign(y=frame.y.map({0: "no", 1: "yes"}), d=frame.d.map({0: "no", 1: "Yes"}))
    asked = {"bands": bands, "prevalence": 0.1, "positive": "yes" if spelled == "another label" else None}
    once = run("performance", {"evaluation": frame.drop(columns="w")}, ROLES, **asked)
    counted = run("performance", {"evaluation": frame}, ROLES | {"weight": ["w"]}, weight_kind="frequency", **asked)
    assert [finding.measure for finding in once] == [finding.measure for finding in counted]
    for mine, theirs in zip(once, counted, strict=True):
        bands_of, notes = [(f.over or {}).get("bin") for f in (mine, theirs)], [f.note for f in (mine, theirs)]
        assert bands_of[0] == bands_of[1] and notes[0] == notes[1]
        numbers, expected = ([f.value, f.low, f.high, f.n, (f.over or {}).get("mean_score")] for f in (mine, theirs))
        known = [place for place, number in enumerate(expected) if number is not None]
        assert [place for place, number in enumerate(numbers) if number is not None] == known
        assert [numbers[i] for i in known] == pytest.approx([expected[i] for i in known], rel=1e-9, abs=1e-12), mine
