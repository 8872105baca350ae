"""Performance: each end of the intervals of stated points and of decisions, by hand."""

import sys
from math import hypot, inf, log, sqrt
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aims_gates import Case, DataError, Dataset
from aims_gates.evaluation.samples import NOW
from aims_gates.gatekit import SampleRate
from aims_gates.packs.find import find_gates

SCORED = {"target": ("y",), "score": ("s",)}
DECIDED = {"target": ("y",), "prediction": ("d",)}


def module(name: str) -> ModuleType:
    """A module of the gate."""
    return sys.modules[f"{find_gates()['performance'].load().__module__}.{name}"]


def rows_of(frame: pd.DataFrame, roles: Any, **params: Any) -> Any:
    """What the gate reads of a set."""
    case = Case(
        "performance",
        find_gates()["performance"].params(params),
        roles,
        {"evaluation": Dataset.open(frame, role="evaluation")},
        NOW,
    )
    return module("rows").read_rows(case)


def exact(hits: float, n: float, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's interval by SciPy's beta distribution."""
    tail = (1 - confidence) / 2
    low = stats.beta.ppf(tail, hits, n - hits + 1) if hits > 0 else 0.0
    return float(low), float(stats.beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0


def scored(n: int = 60) -> pd.DataFrame:
    """Distinct scores of 60 rows: forty with the label."""
    draw = np.random.default_rng(2)
    y = np.repeat([1, 0], [n * 2 // 3, n - n * 2 // 3])
    return pd.DataFrame({"y": y, "s": np.round(draw.beta(2 + y, 2), 4)}).drop_duplicates("s")


# Points of scores ----------------------------------------------------------------------------------------------------


def test_gini_maps_each_end_of_the_area() -> None:
    measured = module("measured").Measured
    gini = module("points").gini_of(measured(0.75, 0.7, 0.85, 9.0, "how", (0.6, 0.9)))
    assert (gini.value, gini.low, gini.high, gini.n, gini.note) == pytest.approx((0.5, 0.4, 0.7, 9.0, "how"))
    assert gini.sure == pytest.approx((0.2, 0.8))
    bare = module("points").gini_of(measured(0.75))
    assert (bare.value, bare.low, bare.high, bare.sure) == (0.5, None, None, None)
    assert module("points").gini_of(measured(None, note="why")).note == "why"


@pytest.mark.parametrize("comparisons", [1, 5])
def test_the_distance_of_two_distributions_has_massarts_bands(comparisons: int) -> None:
    frame = scored()
    rows = rows_of(frame, SCORED, limits={"score_ks": {"op": ">=", "value": 0.0}})
    (measures,) = module("points").score_points(rows, None, comparisons).values()
    ks, sizes = measures["score_ks"], frame.y.value_counts()
    figure = float(stats.ks_2samp(frame.s[frame.y == 1], frame.s[frame.y == 0]).statistic)
    reach = [
        sum(sqrt(log(2 / (0.05 / times / 2)) / (2 * int(size))) for size in sizes.values) for times in (1, comparisons)
    ]
    assert (ks.value, ks.n) == (pytest.approx(figure), len(frame))
    assert (ks.low, ks.high) == pytest.approx((max(0.0, figure - reach[0]), min(1.0, figure + reach[0])))
    assert ks.sure == pytest.approx((max(0.0, figure - reach[1]), min(1.0, figure + reach[1])))


def test_the_ends_of_a_distance_lie_within_0_and_1_and_reach_there_alone() -> None:
    frame = pd.DataFrame({"y": np.repeat([1, 0], 400), "s": [*np.linspace(0.4, 1, 400), *np.linspace(0, 0.6, 400)]})
    rows = rows_of(frame, SCORED, limits={"score_ks": {"op": ">=", "value": 0.0}})
    ks = module("points").score_points(rows, None, 1)[None]["score_ks"]
    reach = 2 * sqrt(log(2 / 0.025) / 800)
    assert (ks.low, ks.high) == pytest.approx((ks.value - reach, ks.value + reach))
    assert 0 < ks.low < ks.high < 1


@pytest.mark.parametrize("comparisons", [1, 4])
@pytest.mark.parametrize("point", [0.5, 0.8])
def test_a_sensitivity_has_exact_ends_of_the_cut_and_of_the_share(point: float, comparisons: int) -> None:
    frame = scored(300)
    rows = rows_of(frame, SCORED, specificity=point, sensitivity=point)
    measures = module("points").score_points(rows, None, comparisons)[None]
    hits, rest = (np.sort(frame.s[frame.y == y].to_numpy()) for y in (1, 0))
    for name, fixing, free in (
        ("sensitivity_at_specificity", rest, hits),
        ("specificity_at_sensitivity", np.sort(-hits), np.sort(-rest)),
    ):
        one, n = measures[name], len(free)
        for ends, times in (((one.low, one.high), 1), (one.sure, comparisons)):
            tail = 0.025 / times / 2
            low, high = (
                stats.binom.ppf(tail, len(fixing), point),
                stats.binom.ppf(1 - tail, len(fixing), point) + 1,
            )
            least, most = (int((free > fixing[int(place) - 1]).sum()) for place in (high, low))
            level = 1 - 0.025 / times
            assert ends == pytest.approx((exact(least, n, level)[0], exact(most, n, level)[1]), rel=1e-7), name
        assert one.n == n
    assert set(measures) == {"sensitivity_at_specificity", "specificity_at_sensitivity"}


def test_a_cut_beyond_all_scores_leaves_none_and_before_all_leaves_all() -> None:
    score, scores = module("points")._score, np.array([0.1, 0.5, 0.5, 0.9])
    assert (score(scores, 0), score(scores, -1), score(scores, 5)) == (-inf, -inf, inf)
    assert [score(scores, place) for place in (1, 2, 3, 4)] == [
        float(np.nextafter(scores[place - 1], inf)) for place in (1, 2, 3, 4)
    ]
    labels = module("points")._Labels(scores[::-1].copy(), np.ones(4))
    assert [labels.share_from(cut) for cut in (0.0, 0.1, 0.5, 0.6, 1.0)] == [1.0, 1.0, 0.75, 0.25, 0.0]
    assert [labels.negated().share_from(-cut) for cut in (0.0, 0.1, 0.5, 1.0)] == [0.0, 0.25, 0.75, 1.0]


def test_one_label_has_no_point_and_each_is_named() -> None:
    frame = scored().assign(g=lambda rows: np.where(rows.y == 1, "a", np.arange(len(rows)) % 2))
    limits = {"score_ks": {"op": ">=", "value": 0.0}}
    for asked in ({"specificity": 0.8}, {"sensitivity": 0.8}, {"specificity": 0.8, "slice_limits": limits}):
        rows = rows_of(frame, {**SCORED, "slice": ("g",)}, **asked)
        names = {f"{name}_at_{of}" for name, of in (("sensitivity", "specificity"), ("specificity", "sensitivity"))}
        names = {name for name in names if name.rpartition("_")[2] in asked}
        for measures in module("points").score_points(rows, "g", 1).values():
            assert set(measures) == names | ({"score_ks"} if "slice_limits" in asked else set())
            assert {(one.value, one.n) for one in measures.values()} == {(None, 0.0)}


# Net benefit ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("comparisons", [1, 3])
def test_net_benefit_has_exact_ends_of_both_shares(comparisons: int) -> None:
    cells = [(1, 0.3, 20), (0, 0.3, 30), (0, 0.1, 140), (1, 0.1, 10)]  # acted on: those at .3 itself
    frame = pd.DataFrame([(y, s) for y, s, n in cells for _ in range(n)], columns=["y", "s"])
    rows = rows_of(frame, SCORED, threshold_probability=0.3)
    (measures,) = module("points").score_points(rows, None, comparisons).values()
    odds, n = 0.3 / 0.7, 200
    hits, false, spared, missed = 20, 30, 140, 10

    def ends(won: tuple[int, float], lost: tuple[int, float], times: float) -> tuple[float, float]:
        (low, high), (least, most) = (exact(part[0], n, 1 - 0.05 / (2 * times)) for part in (won, lost))
        return low * won[1] - most * lost[1], high * won[1] - least * lost[1]

    benefit, gain = measures["net_benefit"], measures["net_benefit_gain"]
    assert (benefit.value, benefit.n, gain.n) == (pytest.approx((hits - false * odds) / n), n, n)
    assert (benefit.low, benefit.high) == pytest.approx(ends((hits, 1), (false, odds), 1))
    assert benefit.sure == pytest.approx(ends((hits, 1), (false, odds), comparisons))
    none, everybody = (hits - false * odds) / n, (spared * odds - missed) / n
    assert gain.value == pytest.approx(min(none, everybody)) and "acting on none" in gain.note
    for told, times in (((gain.low, gain.high), 2), (gain.sure, 2 * comparisons)):
        both = ends((hits, 1), (false, odds), times), ends((spared, odds), (missed, 1), times)
        assert told == pytest.approx((min(both[0][0], both[1][0]), min(both[0][1], both[1][1])))
    assert f"acting on all would be worth {none - everybody:.4g}" in benefit.note


def test_weights_and_clusters_have_the_value_alone() -> None:
    frame = scored().assign(w=2.0, who=range(len(scored())))
    plain = module("points").score_points(rows_of(frame, SCORED, threshold_probability=0.5), None, 1)[None]
    for role, column in (("weight", "w"), ("cluster", "who")):
        rows = rows_of(frame, {**SCORED, role: (column,)}, threshold_probability=0.5)
        for name, one in module("points").score_points(rows, None, 1)[None].items():
            assert one.value == pytest.approx(plain[name].value) and (one.low, one.sure) == (None, None)
            assert "no sound interval" in one.note


# Predictive values ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("comparisons", [1, 4])
def test_predictive_values_have_ends_by_bayes_rule(comparisons: int) -> None:
    recall, specificity, share = SampleRate(0.8, 100.0), SampleRate(0.9, 50.0), 0.2
    values = module("points").decision_values(recall, specificity, share, 0.95, comparisons)

    def positive(r: float, s: float) -> float:
        return r * share / (r * share + (1 - s) * (1 - share))

    def negative(r: float, s: float) -> float:
        return s * (1 - share) / (s * (1 - share) + (1 - r) * share)

    for name, of in (("positive_predictive_value", positive), ("negative_predictive_value", negative)):
        one = values[name]
        assert (one.value, one.n) == (pytest.approx(of(0.8, 0.9)), 150)
        for told, times in (((one.low, one.high), 1), (one.sure, comparisons)):
            sides = [exact(80, 100, 1 - 0.05 / (2 * times)), exact(45, 50, 1 - 0.05 / (2 * times))]
            assert told == pytest.approx(tuple(of(sides[0][end], sides[1][end]) for end in (0, 1)))


def test_predictive_values_that_nothing_tells_are_open() -> None:
    of = module("points").decision_values
    for pair in ((None, 0.9), (0.9, None)):
        values = of(*(SampleRate(value, 10.0) for value in pair), 0.2, 0.95, 1)
        assert {(one.value, one.n) for one in values.values()} == {(None, 0.0)}
    never = of(SampleRate(0.0, 10.0), SampleRate(1.0, 10.0), 0.2, 0.95, 1)
    assert never["positive_predictive_value"].value is None and never["positive_predictive_value"].n == 0.0
    assert never["negative_predictive_value"].value == pytest.approx(0.8)
    always = of(SampleRate(1.0, 10.0), SampleRate(0.0, 10.0), 0.2, 0.95, 1)
    assert always["negative_predictive_value"].value is None
    assert always["positive_predictive_value"].value == pytest.approx(0.2)
    sure = of(SampleRate(1.0, 10.0), SampleRate(1.0, 10.0), 0.2, 0.95, 1)["positive_predictive_value"]
    assert (sure.value, sure.high) == (1.0, 1.0) and 0 < sure.low < 1


# Decisions -----------------------------------------------------------------------------------------------------------

CELLS = {(1, 1): 30, (1, 0): 10, (0, 1): 15, (0, 0): 45}


def decided() -> pd.DataFrame:
    return pd.DataFrame([cell for cell, rows in CELLS.items() for _ in range(rows)], columns=["y", "d"])


def mover(rates: list[tuple[int, int]], times: float) -> tuple[float, float]:
    """Zou and Donner's interval of the mean of independent rates."""
    value = sum(hits / n for hits, n in rates) / len(rates)
    ends = [exact(hits, n, 1 - 0.05 / times) for hits, n in rates]
    below, above = (hypot(*(one[end] - hits / n for one, (hits, n) in zip(ends, rates, strict=True))) for end in (0, 1))
    return value - below / len(rates), value + above / len(rates)


@pytest.mark.parametrize("comparisons", [1, 6])
def test_decisions_have_the_exact_ends_of_their_cells(comparisons: int) -> None:
    rows = rows_of(decided(), DECIDED)
    (measures,) = module("binary").binary_measures(rows, None, comparisons).values()
    rates = {"accuracy": (75, 100), "precision": (30, 45), "recall": (30, 40)}
    for name, (hits, n) in rates.items():
        one = measures[name]
        assert (one.value, one.n) == (hits / n, n)
        assert (one.low, one.high) == pytest.approx(exact(hits, n, 0.95))
        assert one.sure == pytest.approx(exact(hits, n, 1 - 0.05 / comparisons))
    f1 = measures["f1"]
    assert (f1.value, f1.n) == (pytest.approx(60 / 85), 55)
    for told, times in (((f1.low, f1.high), 1), (f1.sure, comparisons)):
        assert told == pytest.approx(tuple(2 * end / (1 + end) for end in exact(30, 55, 1 - 0.05 / times)))
    balanced = measures["balanced_accuracy"]
    assert (balanced.value, balanced.n) == (pytest.approx(0.75), 100)
    assert (balanced.low, balanced.high) == pytest.approx(mover([(30, 40), (45, 60)], 1))
    assert balanced.sure == pytest.approx(mover([(30, 40), (45, 60)], comparisons))
    assert "positive_predictive_value" not in measures


def test_linked_rates_are_added_as_if_they_went_together() -> None:
    measured = module("measured").Measured
    rates = [measured(0.8, 0.7, 0.85, 10.0, None, (0.6, 0.9)), measured(0.6, 0.5, 0.8, 20.0, None, (0.4, 0.9))]
    apart, linked = (module("binary")._mean_of(rates, "how", together) for together in (False, True))
    assert (linked.value, linked.n, apart.n) == (pytest.approx(0.7), 30, 30)
    assert (linked.low, linked.high) == pytest.approx((0.6, 0.825))
    assert linked.sure == pytest.approx((0.5, 0.9))
    assert (apart.low, apart.high) == pytest.approx((0.7 - hypot(0.1, 0.1) / 2, 0.7 + hypot(0.05, 0.2) / 2))
    assert apart.sure == pytest.approx((0.7 - hypot(0.2, 0.2) / 2, 0.7 + hypot(0.1, 0.3) / 2))
    none = module("binary")._mean_of([rates[0], measured(None)], "how", False)
    assert (none.value, none.n) == (None, 0.0)
    bare = module("binary")._mean_of([measured(0.9, 0.1, 1.0, 1.0), measured(0.9, 0.1, 1.0, 1.0)], "how", True)
    assert (bare.low, bare.high, bare.sure) == (pytest.approx(0.1), 1.0, (0.0, 1.0))


def test_labels_of_another_spelling_are_neither_decision() -> None:
    """A decision "YES" is neither "yes" nor "no": it is wrong for either label."""
    frame = pd.DataFrame({"y": ["yes"] * 10 + ["no"] * 10, "d": ["yes"] * 6 + ["YES"] * 4 + ["no"] * 7 + ["YES"] * 3})
    rows = rows_of(frame, DECIDED, positive="yes", prevalence=0.5)
    measures = module("binary").binary_measures(rows, None, 1)[None]
    values = {name: (measures[name].value, measures[name].n) for name in ("accuracy", "precision", "recall")}
    assert values == {"accuracy": (0.65, 20), "precision": (1.0, 6), "recall": (0.6, 10)}
    assert measures["f1"].n == 10 and measures["balanced_accuracy"].value == pytest.approx(0.65)
    assert measures["negative_predictive_value"].value == pytest.approx(0.7 / 1.1)


@pytest.mark.parametrize("linked", [False, True])
def test_several_classes_have_movers_interval_of_their_recalls(linked: bool) -> None:
    cells = {("a", "a"): 20, ("a", "b"): 5, ("b", "b"): 12, ("b", "c"): 8, ("c", "c"): 9, ("c", "a"): 1}
    frame = pd.DataFrame([cell for cell, rows in cells.items() for _ in range(rows)], columns=["y", "d"])
    frame["who"] = range(len(frame))
    rows = rows_of(frame, {**DECIDED, **({"cluster": ("who",)} if linked else {})})
    (measures,) = module("binary").class_measures(rows, None, 3).values()
    accuracy, balanced = measures["accuracy"], measures["balanced_accuracy"]
    assert (accuracy.value, accuracy.n) == (pytest.approx(41 / 55), pytest.approx(55))
    assert balanced.value == pytest.approx((0.8 + 0.6 + 0.9) / 3)
    if not linked:
        assert accuracy.sure == pytest.approx(exact(41, 55, 1 - 0.05 / 3))
        assert (balanced.low, balanced.high) == pytest.approx(mover([(20, 25), (12, 20), (9, 10)], 1))
        assert balanced.sure == pytest.approx(mover([(20, 25), (12, 20), (9, 10)], 3))
    else:
        assert balanced.low < mover([(20, 25), (12, 20), (9, 10)], 1)[0]


def test_a_thousand_classes_are_the_most() -> None:
    names = np.arange(1001).astype(str)
    frame = pd.DataFrame({"y": np.char.add("c", names), "d": np.char.add("c", names)})
    measures = module("binary").class_measures(rows_of(frame.iloc[:1000], DECIDED), None)[None]
    assert measures["balanced_accuracy"].value == pytest.approx(1.0)
    with pytest.raises(DataError, match="more than 1000 classes"):
        module("binary").class_measures(rows_of(frame, DECIDED), None)


# Scores --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [False, True])
def test_scores_have_students_ends_of_their_losses(weight: bool) -> None:
    frame = scored().assign(w=1)
    roles = {**SCORED, **({"weight": ("w",)} if weight else {})}
    rows = rows_of(frame, roles, weight_kind="frequency", bands=[0.5])
    (measures,) = module("binary").score_measures(rows, None, 4).values()
    terms = {
        "brier": np.square(frame.s - frame.y),
        "log_loss": -np.log(np.where(frame.y == 1, frame.s, 1 - frame.s)),
    }
    for name, values in terms.items():
        one, size = measures[name], len(frame)
        assert (one.value, one.n) == (pytest.approx(values.mean()), size)
        for told, level in (((one.low, one.high), 0.95), (one.sure, 0.9875)):
            ends = stats.t.interval(level, size - 1, values.mean(), stats.sem(values))
            assert told == pytest.approx((max(0.0, float(ends[0])), float(ends[1]))), name
    hits, mean = int(frame.y.sum()), float(frame.s.mean())
    ratio = measures["observed_to_expected"]
    assert (ratio.value, ratio.n) == (pytest.approx(frame.y.mean() / mean), len(frame))
    for told, level in (((ratio.low, ratio.high), 0.95), (ratio.sure, 0.9875)):
        assert told == pytest.approx(tuple(end / mean for end in exact(hits, len(frame), level)))
    error, low, high = measures["expected_calibration_error"], 0.0, 0.0
    for part in (frame[frame.s < 0.5], frame[frame.s >= 0.5]):
        ends, at, share = exact(int(part.y.sum()), len(part), 0.975), float(part.s.mean()), len(part) / len(frame)
        low += max(0.0, ends[0] - at, at - ends[1]) * share
        high += max(abs(ends[0] - at), abs(ends[1] - at)) * share
    assert (error.low, error.high) == pytest.approx((low, min(1.0, high)), abs=1e-12)
    assert error.sure is not None and error.sure[1] > error.high and "gini" not in measures


def test_scores_at_0_and_1_are_probabilities_and_beyond_are_none() -> None:
    frame = pd.DataFrame({"y": [0, 1] * 20, "s": [0.0, 1.0, 0.25, 0.75] * 10})
    for low, high, known in ((0.0, 1.0, True), (-0.01, 1.0, False), (0.0, 1.01, False)):
        changed = frame.assign(s=frame.s.replace({0.0: low, 1.0: high}))
        measures = module("binary").score_measures(rows_of(changed, SCORED), None)[None]
        for name in ("brier", "log_loss", "expected_calibration_error"):
            assert (measures[name].value is not None) is known and measures[name].n == pytest.approx(40)


def test_scores_of_0_have_no_ratio() -> None:
    rows = rows_of(pd.DataFrame({"y": [0, 1] * 20, "s": [0.0, 0.0] * 20}), SCORED)
    ratio = module("binary")._ratio(rows, SampleRate(0.5, 40.0), 0.0, 1)
    assert (ratio.value, ratio.n) == (None, 40.0)
    assert module("binary")._ratio(rows, SampleRate(None, 0.0), 0.5, 1).value is None
