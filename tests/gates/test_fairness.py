"""Fairness: published figures, fairlearn's own numbers, and what must never pass."""

import json
import os
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding
from aims_gates.evaluation.run_gate import outcome_of
from tests.support import assert_error

Run = Callable[..., tuple[Finding, ...]]
RATES = {
    "selection_rate": "selection_rate",
    "true_positive_rate": "true_positive_rate",
    "true_negative_rate": "true_negative_rate",
    "false_positive_rate": "false_positive_rate",
    "false_negative_rate": "false_negative_rate",
}


def one(findings: tuple[Finding, ...], measure: str, **wanted: Any) -> Finding:
    """The only finding of this measure with this ``by``, or this ``over`` (as ``sensitive=[...]``)."""
    over = {"sensitive": wanted.pop("sensitive")} if "sensitive" in wanted else None
    found = [f for f in findings if f.measure == measure and dict(f.by) == wanted and f.over == over]
    assert len(found) == 1, (measure, wanted, [(f.measure, f.by, f.over) for f in findings][:40])
    return found[0]


def value(findings: tuple[Finding, ...], measure: str, **wanted: Any) -> float:
    found = one(findings, measure, **wanted).value
    assert found is not None
    return found


def drawn(n: int = 4000, seed: int = 5) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    race, sex = generator.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]), generator.choice(["f", "m"], n)
    y = generator.integers(0, 2, n)
    d = (generator.uniform(size=n) < 0.3 + 0.3 * y + 0.05 * (race == "a")).astype(int)
    return pd.DataFrame({"race": race, "sex": sex, "y": y, "d": d, "w": generator.integers(1, 5, n)})


def tally(rows: list[tuple[Any, ...]], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(w=frame.w.round()) if "w" in columns else frame


#: Weights that count rows.
COUNTS = {"weight_kind": "frequency"}


ROLES = {"sensitive": ["race"], "target": ["y"], "prediction": ["d"]}


# Published figures --------------------------------------------------------------------------------


def test_compas_gives_the_published_error_rates(run: Run, shared: Path) -> None:
    found = run(
        "fairness",
        {"evaluation": shared / "compas" / "compas-scores-two-years.csv.gz"},
        {"sensitive": ["race"], "target": ["two_year_recid"], "score": ["score_text"]},
        decision={"op": "!=", "value": "Low"},
    )
    for race, alarm, missed in (("African-American", 44.85, 27.99), ("Caucasian", 23.45, 47.72)):
        assert round(100 * value(found, "false_positive_rate", race=race), 2) == alarm
        assert round(100 * value(found, "false_negative_rate", race=race), 2) == missed
    assert one(found, "false_positive_rate", race="African-American").n == 1795
    gap = one(found, "demographic_parity_ratio", sensitive=["race"])
    assert gap.outcome == "fail"
    assert gap.note is not None
    assert "Native American" in gap.note
    assert outcome_of(found) == "fail"


def test_the_eighteen_rows_of_fairlearns_guide_give_its_figures(run: Run, shared: Path) -> None:
    case = json.loads((shared / "published_small" / "fairlearn_18rows.json").read_text())
    frame = pd.DataFrame({"y": case["y_true"], "d": case["y_pred"], "g": case["group"]})
    roles = {"sensitive": ["g"], "target": ["y"], "prediction": ["d"]}
    names = {"tpr": "true_positive_rate", "fpr": "false_positive_rate", "sel": "selection_rate", "count": "count"}
    found = run("fairness", {"evaluation": frame}, roles)
    for group, figures in case["by_group"].items():
        for short, figure in figures.items():
            assert value(found, names[short], g=group) == pytest.approx(figure, abs=1e-6)
    for kind in ("difference", "ratio"):
        for short, figure in case[kind].items():
            assert value(found, f"{names[short]}_{kind}", sensitive=["g"]) == pytest.approx(figure, abs=1e-6)
    for name in ("demographic_parity_difference", "demographic_parity_ratio"):
        assert value(found, name, sensitive=["g"]) == pytest.approx(case[name], abs=1e-5)
    overall = run("fairness", {"evaluation": frame}, roles, reference="overall")
    for kind in ("difference", "ratio"):
        for short, figure in case[f"{kind}_to_overall"].items():
            assert value(overall, f"{names[short]}_{kind}", sensitive=["g"]) == pytest.approx(figure, abs=1e-6)
    assert outcome_of(found) == "inconclusive"


def test_the_four_fifths_examples_of_the_agencies(run: Run, shared: Path) -> None:
    case = json.loads((shared / "published_small" / "eeoc_four_fifths.json").read_text())
    rows = [
        (race, decision, round(10_000 * (rate if decision else 1 - rate)))
        for race, rate in case["selection_rates"].items()
        for decision in (0, 1)
    ]
    found = run(
        "fairness",
        {"evaluation": tally(rows, ["race", "d", "w"])},
        {"sensitive": ["race"], "prediction": ["d"], "weight": ["w"]},
        **COUNTS,
        limits={"impact_ratio": {"op": ">=", "value": 0.8}},
    )
    for race, ratio in case["impact_ratios"].items():
        finding = one(found, "impact_ratio", race=race)
        assert finding.value == pytest.approx(ratio, abs=1e-12)
        assert finding.limit is not None
        assert finding.value is not None
        assert finding.limit.met(finding.value) == (race not in case["adverse_impact_indicated"])
        assert (finding.outcome == "fail") == (race in case["adverse_impact_indicated"])


# fairlearn ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("weighted", [False, True])
def test_every_number_is_fairlearns(run: Run, weighted: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from fairlearn import metrics as fl
        from sklearn import metrics as sk
    frame = drawn()
    roles = ROLES | {"sensitive": ["race", "sex"]} | ({"weight": ["w"]} if weighted else {})
    found = run("fairness", {"evaluation": frame}, roles)
    functions: dict[str, Any] = {name: getattr(fl, name) for name in RATES}
    functions |= {"accuracy": sk.accuracy_score, "precision": sk.precision_score}
    weights = {"sample_weight": frame.w} if weighted else {}
    for columns in (["race"], ["sex"], ["race", "sex"]):
        made = fl.MetricFrame(
            metrics=functions,
            y_true=frame.y,
            y_pred=frame.d,
            sensitive_features=frame[columns],
            sample_params=dict.fromkeys(functions, weights),
        )
        for group, figures in made.by_group.iterrows():
            by = dict(zip(columns, group if isinstance(group, tuple) else (group,), strict=True))
            for name in functions:
                assert value(found, name, **by) == pytest.approx(figures[name], abs=1e-12)
        for kind, table in (("difference", made.difference()), ("ratio", made.ratio())):
            for name in functions:
                assert value(found, f"{name}_{kind}", sensitive=columns) == pytest.approx(table[name], abs=1e-12)
        for name in NAMED:
            figure = getattr(fl, name)(frame.y, frame.d, sensitive_features=frame[columns], **weights)
            assert value(found, name, sensitive=columns) == pytest.approx(figure, abs=1e-12)


NAMED = (
    "demographic_parity_difference",
    "demographic_parity_ratio",
    "equalized_odds_difference",
    "equalized_odds_ratio",
    "equal_opportunity_difference",
    "equal_opportunity_ratio",
)


# Verdicts -----------------------------------------------------------------------------------------


def test_the_pair_that_makes_the_worst_value_is_named(run: Run) -> None:
    frame = tally(
        [("a", 1, 600), ("a", 0, 400), ("b", 1, 300), ("b", 0, 700), ("c", 1, 500), ("c", 0, 500)], ["race", "d", "w"]
    )
    gap = one(
        run("fairness", {"evaluation": frame}, {"sensitive": ["race"], "prediction": ["d"], "weight": ["w"]}, **COUNTS),
        "demographic_parity_ratio",
        sensitive=["race"],
    )
    assert gap.note is not None
    assert "race=a (0.6 of 1000) and race=b (0.3 of 1000)" in gap.note
    assert gap.value == 0.5
    assert gap.low is not None
    assert gap.high is not None
    assert gap.low < 0.5 < gap.high < 0.8


def test_an_open_verdict_says_how_many_rows_would_settle_it(run: Run) -> None:
    frame = tally([("a", 1, 30), ("a", 0, 70), ("b", 1, 30), ("b", 0, 70)], ["race", "d", "w"])
    roles = {"sensitive": ["race"], "prediction": ["d"], "weight": ["w"]}
    gap = one(run("fairness", {"evaluation": frame}, roles, **COUNTS), "demographic_parity_ratio", sensitive=["race"])
    assert gap.outcome == "inconclusive"
    assert gap.note is not None
    assert "about 1,100 rows per group" in gap.note


def test_a_group_too_small_is_reported_and_keeps_the_verdict_open(run: Run) -> None:
    rows = [("a", 1, 6000), ("a", 0, 4000), ("b", 1, 6000), ("b", 0, 4000), ("c", 1, 2), ("c", 0, 8)]
    frame, roles = tally(rows, ["race", "d", "w"]), {"sensitive": ["race"], "prediction": ["d"], "weight": ["w"]}
    gap = one(run("fairness", {"evaluation": frame}, roles, **COUNTS), "demographic_parity_ratio", sensitive=["race"])
    assert gap.outcome == "inconclusive"
    assert gap.note is not None
    assert "not judged: race=c (10)" in gap.note
    found = run("fairness", {"evaluation": frame}, roles, **COUNTS, min_group_share=0.02)
    gap = one(found, "demographic_parity_ratio", sensitive=["race"])
    assert (gap.outcome, gap.value) == ("pass", 1.0)
    assert gap.note is not None
    assert "left out: race=c (10)" in gap.note
    assert value(found, "selection_rate", race="c") == 0.2


def test_a_group_without_positives_has_no_true_positive_rate_and_cannot_pass(run: Run) -> None:
    rows = [
        ("a", 1, 1, 900),
        ("a", 1, 0, 100),
        ("a", 0, 0, 1000),
        ("b", 0, 0, 2000),
        ("c", 1, 1, 900),
        ("c", 1, 0, 100),
    ]
    limits = {"equal_opportunity_difference": {"op": "<=", "value": 0.1}}
    found = run(
        "fairness",
        {"evaluation": tally(rows, ["race", "y", "d", "w"])},
        ROLES | {"weight": ["w"]},
        **COUNTS,
        limits=limits,
    )
    rate = one(found, "true_positive_rate", race="b")
    assert rate.value is None
    assert rate.n == 0
    gap = one(found, "equal_opportunity_difference", sensitive=["race"])
    assert (gap.value, gap.outcome) == (0.0, "inconclusive")


def test_one_group_is_inconclusive(run: Run) -> None:
    frame = tally([("a", 1)] * 50 + [("a", 0)] * 50, ["race", "d"])
    found = run("fairness", {"evaluation": frame}, {"sensitive": ["race"], "prediction": ["d"]})
    assert outcome_of(found) == "inconclusive"


def test_nobody_selected_is_inconclusive(run: Run) -> None:
    frame = tally([("a", 0, 5000), ("b", 0, 5000)], ["race", "d", "w"])
    roles = {"sensitive": ["race"], "prediction": ["d"], "weight": ["w"]}
    gap = one(run("fairness", {"evaluation": frame}, roles, **COUNTS), "demographic_parity_ratio", sensitive=["race"])
    assert (gap.value, gap.outcome) == (None, "inconclusive")


def test_a_limit_that_cannot_be_measured_is_inconclusive_not_absent(run: Run) -> None:
    limits = {"equalized_odds_difference": {"op": "<=", "value": 0.1}}
    found = run("fairness", {"evaluation": drawn()}, {"sensitive": ["race"], "prediction": ["d"]}, limits=limits)
    assert outcome_of(found) == "inconclusive"
    assert one(found, "equalized_odds_difference").note == (
        "not measured: the roles given (target, prediction, score) do not allow it"
    )


def test_limits_on_each_group_and_to_all_rows_are_judged(run: Run) -> None:
    frame = drawn(20_000)
    limits = {"false_positive_rate": {"op": "<=", "value": 0.33}}
    found = run("fairness", {"evaluation": frame}, ROLES, limits=limits)
    assert {f.outcome for f in found if f.measure == "false_positive_rate"} <= {"pass", "fail", "inconclusive"}
    limits = {
        "selection_rate_difference": {"op": "<=", "value": 0.1},
        "selection_rate_ratio": {"op": ">=", "value": 0.8},
    }
    assert outcome_of(run("fairness", {"evaluation": frame}, ROLES, limits=limits, reference="overall")) == "pass"
    limits = {"selection_rate_difference": {"op": "<=", "value": 0.001}}
    assert outcome_of(run("fairness", {"evaluation": frame}, ROLES, limits=limits, reference="overall")) == "fail"


# Choices ------------------------------------------------------------------------------------------


def test_rows_without_a_sensitive_value_are_a_group_or_are_dropped_and_counted(run: Run) -> None:
    frame = drawn(1000)
    frame.loc[:99, "race"] = None
    found = run("fairness", {"evaluation": frame}, ROLES)
    assert value(found, "count", race="missing") == 100
    found = run("fairness", {"evaluation": frame}, ROLES, missing="drop")
    assert not [f for f in found if f.by.get("race") == "missing"]
    assert value(found, "rows_dropped", sensitive=["race"]) == 100
    weighted = ({"evaluation": frame.assign(w=3)}, ROLES | {"weight": ["w"]})
    for kind, rows in (("sampling", 100), ("frequency", 300)):
        again = run("fairness", *weighted, missing="drop", weight_kind=kind)
        assert value(again, "rows_dropped", sensitive=["race"]) == rows
    assert "100 rows without a sensitive value were dropped" in str(
        one(found, "accuracy_ratio", sensitive=["race"]).note
    )


def test_a_group_that_is_called_missing_is_not_mixed_with_rows_without_a_value(run: Run) -> None:
    frame = drawn(400)
    frame.loc[:99, "race"], frame.loc[100:149, "race"] = None, "missing"
    found = run("fairness", {"evaluation": frame}, ROLES)
    assert value(found, "count", race="missing") == 50
    assert value(found, "count", race="missing (no value)") == 100


def test_strata_show_a_gap_that_is_only_a_mixture(run: Run) -> None:
    rows = [
        ("f", "arts", 1, 200), ("f", "arts", 0, 1800), ("m", "arts", 1, 50), ("m", "arts", 0, 450),
        ("f", "science", 1, 400), ("f", "science", 0, 100), ("m", "science", 1, 1600), ("m", "science", 0, 400),
    ]  # fmt: skip
    frame = tally(rows, ["sex", "department", "d", "w"])
    roles = {"sensitive": ["sex"], "prediction": ["d"], "weight": ["w"]}
    found = run("fairness", {"evaluation": frame}, roles, **COUNTS, control=["department"])
    assert one(found, "demographic_parity_ratio", sensitive=["sex"]).outcome == "fail"
    for department in ("arts", "science"):
        assert value(found, "demographic_parity_ratio", department=department, sensitive=["sex"]) == pytest.approx(1)
        assert value(found, "selection_rate", sex="f", department=department) == (0.1 if department == "arts" else 0.8)


def test_sampling_weights_are_judged_by_their_effective_size(run: Run) -> None:
    frame = drawn(2000).assign(w=lambda f: np.where(f.index % 10 == 0, 10.0, 0.1))
    plain = one(run("fairness", {"evaluation": frame}, ROLES), "selection_rate", race="a")
    sampled = run("fairness", {"evaluation": frame}, ROLES | {"weight": ["w"]})
    wide = one(sampled, "selection_rate", race="a")
    part = frame[frame.race == "a"]
    assert wide.value == pytest.approx(np.average(part.d, weights=part.w))
    assert wide.n == pytest.approx(part.w.sum() ** 2 / (part.w**2).sum(), abs=1e-6)
    assert wide.high is not None and wide.low is not None and plain.high is not None and plain.low is not None
    assert wide.high - wide.low > 2 * (plain.high - plain.low)


def test_the_reference_may_be_named_and_ratios_above_one_are_normal(run: Run) -> None:
    frame = tally([("a", 1, 300), ("a", 0, 700), ("b", 1, 450), ("b", 0, 550)], ["race", "d", "w"])
    roles = {"sensitive": ["race"], "prediction": ["d"], "weight": ["w"]}
    found = run("fairness", {"evaluation": frame}, roles, **COUNTS, reference={"race": "a"})
    assert value(found, "impact_ratio", race="b") == pytest.approx(1.5)
    assert value(found, "impact_ratio", race="a") == 1
    found = run("fairness", {"evaluation": frame}, roles, **COUNTS, reference={"race": "nobody"})
    assert outcome_of(found) == "error"
    assert "Choose from: a; b" in str(found[0].remedy)


def test_scores_without_decisions_give_scoring_rates(run: Run) -> None:
    frame = pd.DataFrame({"race": ["a"] * 4 + ["b"] * 4, "s": [1.0, 2, 3, 4, 3, 4, 5, 6]})
    found = run("fairness", {"evaluation": frame}, {"sensitive": ["race"], "score": ["s"]})
    assert value(found, "scoring_rate", race="a") == 0.25
    assert value(found, "scoring_rate", race="b") == 0.75
    assert value(found, "impact_ratio", race="a") == pytest.approx(1 / 3)
    assert one(found, "scoring_rate_ratio", sensitive=["race"]).outcome == "inconclusive"


def test_text_labels_need_a_favourable_one(run: Run) -> None:
    frame = drawn(500).assign(y=lambda f: f.y.map({1: "yes", 0: "no"}), d=lambda f: f.d.map({1: "yes", 0: "no"}))
    found = run("fairness", {"evaluation": frame}, ROLES)
    assert outcome_of(found) == "error"
    assert "positive" in str(found[0].remedy)
    given = run("fairness", {"evaluation": frame}, ROLES, positive="yes")
    assert value(given, "true_positive_rate", race="a") == value(
        run("fairness", {"evaluation": drawn(500)}, ROLES), "true_positive_rate", race="a"
    )
    assert outcome_of(run("fairness", {"evaluation": frame}, ROLES, positive="Yes")) == "error"


def test_each_class_is_judged_against_the_rest(run: Run) -> None:
    frame = drawn(600).assign(d=lambda f: np.where(f.index % 3 == 0, "x", np.where(f.d == 1, "y", "z")))
    found = run("fairness", {"evaluation": frame}, {"sensitive": ["race"], "prediction": ["d"]}, positive=["x", "y"])
    assert {f.over["class"] for f in found if f.over} == {"x", "y"}


def test_quantities_are_compared_by_their_means(run: Run) -> None:
    generator = np.random.default_rng(0)
    y = generator.normal(size=900)
    frame = pd.DataFrame({"race": np.repeat(["a", "b", "c"], 300), "y": y, "d": y + np.repeat([0.0, 0.0, 1.0], 300)})
    limits = {"mean_error_difference": {"op": "<=", "value": 0.5}}
    found = run("fairness", {"evaluation": frame}, ROLES, limits=limits)
    assert value(found, "mean_error", race="c") == pytest.approx(1)
    assert one(found, "mean_error_difference", sensitive=["race"]).outcome == "fail"


def test_odd_column_names_and_numbers_as_groups_work(run: Run) -> None:
    frame = drawn(500).rename(columns={"race": 'sensitive "x".y 🙂', "y": "chunk", "d": "value"})
    roles = {"sensitive": ['sensitive "x".y 🙂'], "target": ["chunk"], "prediction": ["value"]}
    assert value(run("fairness", {"evaluation": frame}, roles), "count", **{'sensitive "x".y 🙂': "a"}) > 100
    numbers = drawn(500).assign(race=lambda f: f.index % 3)
    assert value(run("fairness", {"evaluation": numbers}, ROLES), "count", race="0") == 167


def admissions(outside: float) -> pd.DataFrame:
    """Women mostly apply to the department that takes few; inside the departments the gap is ``outside``."""
    rows = []
    for sex, department, n, share in (
        ("f", "arts", 4000, 0.2 + outside), ("m", "arts", 1000, 0.2),
        ("f", "science", 1000, 0.7 + outside), ("m", "science", 4000, 0.7),
    ):  # fmt: skip
        rows += [(sex, department, 1, n * share), (sex, department, 0, n * (1 - share))]
    return tally(rows, ["sex", "department", "d", "w"])


@pytest.mark.parametrize(("outside", "word"), [(0.0, "vanishes"), (0.1, "turns round"), (-0.1, None)])
def test_an_aggregate_gap_says_what_the_strata_make_of_it(run: Run, outside: float, word: str | None) -> None:
    roles = {"sensitive": ["sex"], "prediction": ["d"], "weight": ["w"]}
    found = run("fairness", {"evaluation": admissions(outside)}, roles, **COUNTS, control=["department"])
    gap = one(found, "demographic_parity_difference", sensitive=["sex"])
    (adjusted,) = [f for f in found if f.measure == "selection_rate_difference_adjusted"]
    assert adjusted.value == pytest.approx(-outside, abs=1e-9)
    assert adjusted.over == {"sensitive": ["sex"], "control": ["department"]}
    if word is None:
        assert "inside" not in str(gap.note)
    else:
        assert word in str(gap.note)
        assert word in str(adjusted.note)


def test_a_gap_that_the_mixture_hides_is_told(run: Run) -> None:
    rows = []
    for sex, department, n, share in (
        ("f", "arts", 1000, 0.1), ("m", "arts", 4000, 0.3), ("f", "science", 4000, 0.5), ("m", "science", 1000, 0.7),
    ):  # fmt: skip
        rows += [(sex, department, 1, n * share), (sex, department, 0, n * (1 - share))]
    roles = {"sensitive": ["sex"], "prediction": ["d"], "weight": ["w"]}
    frame = tally(rows, ["sex", "department", "d", "w"])
    found = run("fairness", {"evaluation": frame}, roles, **COUNTS, control=["department"])
    assert "inside them" in str(one(found, "demographic_parity_difference", sensitive=["sex"]).note)


def test_the_interval_of_the_gap_inside_strata_covers_the_true_one(run: Run) -> None:
    draw = np.random.default_rng(3)
    covered = 0
    for _ in range(30):
        department = draw.integers(0, 5, 800)
        sex = (draw.random(800) < 0.2 + 0.12 * department).astype(int)
        d = (draw.random(800) < 0.1 + 0.12 * department + 0.15 * sex).astype(int)
        frame = pd.DataFrame({"sex": sex, "department": department, "d": d})
        found = run(
            "fairness", {"evaluation": frame}, {"sensitive": ["sex"], "prediction": ["d"]}, control=["department"]
        )
        (adjusted,) = [f for f in found if f.measure == "selection_rate_difference_adjusted"]
        assert adjusted.low is not None and adjusted.high is not None and adjusted.value is not None
        sign = 1 if "sex=1 and sex=0" in str(adjusted.note) else -1
        covered += adjusted.low <= sign * 0.15 <= adjusted.high
    assert covered >= 25


def test_several_classes_have_one_accuracy_and_are_corrected_for_their_number(run: Run) -> None:
    draw = np.random.default_rng(1)
    y, race = draw.choice(["x", "y", "z"], 900), draw.choice(["a", "b"], 900)
    d = np.where(draw.random(900) < 0.7, y, draw.choice(["x", "y", "z"], 900))
    frame = pd.DataFrame({"race": race, "y": y, "d": d})
    found = run("fairness", {"evaluation": frame}, ROLES, positive=["x", "y", "z"])
    for name, part in frame.groupby("race"):
        (whole,) = [f for f in found if f.measure == "accuracy" and f.by == {"race": name} and f.over is None]
        assert whole.value == pytest.approx((part.y == part.d).mean(), abs=1e-12)
        for label in "xyz":
            (recall,) = [
                f
                for f in found
                if f.measure == "true_positive_rate" and f.by == {"race": name} and f.over == {"class": label}
            ]
            assert recall.value == pytest.approx((part.d[part.y == label] == label).mean(), abs=1e-12)
    assert one(found, "accuracy_difference", sensitive=["race"]).note


def test_quantities_honour_weights_strata_and_missing_groups(run: Run) -> None:
    draw = np.random.default_rng(0)
    n = 1200
    frame = pd.DataFrame({"race": draw.choice(["a", "b"], n), "branch": draw.choice(["n", "s"], n)})
    frame["y"] = 1e6 + draw.normal(size=n)
    frame["d"] = frame.y + np.where(frame.race == "b", 0.5, 0.0) + draw.normal(size=n) / 10
    frame["w"] = draw.integers(1, 4, n)
    frame.loc[:49, "race"] = None
    roles = ROLES | {"weight": ["w"]}
    found = run("fairness", {"evaluation": frame}, roles, **COUNTS, control=["branch"])
    longer = frame.loc[frame.index.repeat(frame.w)].drop(columns="w")
    again = run("fairness", {"evaluation": longer}, ROLES, control=["branch"])
    assert [(f.measure, f.by) for f in found] == [(f.measure, f.by) for f in again]
    for ours, theirs in zip(found, again, strict=True):
        for mine, its in ((ours.value, theirs.value), (ours.low, theirs.low), (ours.high, theirs.high)):
            assert mine == (its if its is None else pytest.approx(its, rel=1e-7, abs=1e-9)), ours
    part = frame[(frame.race == "b") & (frame.branch == "n")]
    expected = np.average(part.d - part.y, weights=part.w)
    assert value(found, "mean_error", race="b", branch="n") == pytest.approx(expected, abs=1e-7)
    assert "missing" in {f.by["race"] for f in found if f.by.get("race")}
    dropped = run("fairness", {"evaluation": frame}, roles, missing="drop")
    assert value(dropped, "rows_dropped", sensitive=["race"]) == 50
    counted = run("fairness", {"evaluation": frame}, roles, **COUNTS, missing="drop")
    assert value(counted, "rows_dropped", sensitive=["race"]) == frame.w[:50].sum() > 50
    sampled = run("fairness", {"evaluation": frame}, roles, weight_kind="sampling")
    wide, plain = (one(each, "mean_error", race="b") for each in (sampled, found))
    assert wide.value == pytest.approx(plain.value, abs=1e-12)
    assert wide.n is not None and wide.n < (frame.race == "b").sum() < (plain.n or 0)


@pytest.mark.parametrize(("column", "hole", "words"), [("y", np.nan, "no value"), ("d", np.inf, "infinite value")])
def test_quantities_that_are_missing_or_infinite_are_errors(run: Run, column: str, hole: float, words: str) -> None:
    draw = np.random.default_rng(0)
    frame = pd.DataFrame({"race": ["a", "b"] * 50, "y": draw.normal(size=100), "d": draw.normal(size=100)})
    frame.loc[3, column] = hole
    found = run("fairness", {"evaluation": frame}, ROLES)
    assert outcome_of(found) == "error"
    assert words in str(found[0].note)


def test_a_bias_audit_as_new_york_wants_it(run: Run) -> None:
    """Local Law 144: sex, race/ethnicity, intersections; categories under 2 % left out with their counts shown."""
    rows = []
    for sex, race, n, share in (
        ("male", "white", 4000, 0.5), ("female", "white", 3800, 0.45), ("male", "black", 2000, 0.4),
        ("female", "black", 1900, 0.3), ("male", "pacific", 60, 0.9), ("female", "pacific", 40, 0.8),
    ):  # fmt: skip
        rows += [(sex, race, 1, round(n * share)), (sex, race, 0, n - round(n * share))]
    roles = {"sensitive": ["sex", "race"], "prediction": ["d"], "weight": ["w"]}
    found = run(
        "fairness", {"evaluation": tally(rows, ["sex", "race", "d", "w"])}, roles, **COUNTS, min_group_share=0.02
    )
    male, female = (4000 * 0.5 + 2000 * 0.4 + 54) / 6060, (3800 * 0.45 + 1900 * 0.3 + 32) / 5740
    assert value(found, "impact_ratio", sex="female") == pytest.approx(female / male)
    # The most selected of the categories that count is the reference, not a tiny one above it.
    assert value(found, "impact_ratio", race="white") == 1
    assert value(found, "impact_ratio", sex="female", race="black") == pytest.approx(0.6)
    small = one(found, "impact_ratio", sex="male", race="pacific")
    assert small.outcome is None
    assert small.value == pytest.approx(1.8)
    assert value(found, "count", sex="male", race="pacific") == 60
    assert "pacific (100)" in str(one(found, "demographic_parity_ratio", sensitive=["race"]).note)


# Bad input ----------------------------------------------------------------------------------------

BAD: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "a limit the wrong way round": (
        {},
        {"limits": {"accuracy_difference": {"op": ">=", "value": 0.1}}},
        "wrong way round",
    ),
    "a ceiling on a ratio": (
        {},
        {"limits": {"demographic_parity_ratio": {"op": "<=", "value": 0.8}}},
        "wrong way round",
    ),
    "an unknown measure": ({}, {"limits": {"selectoin_rate": {"op": ">=", "value": 0.8}}}, "no measure"),
    "a limit that is no number": ({}, {"limits": {"accuracy": {"op": ">=", "value": "0.8"}}}, "no finite number"),
    "no such column": ({"sensitive": ["colour"]}, {}, "no column 'colour'"),
    "no sensitive column": ({"sensitive": []}, {}, "no column has the role"),
    "nothing decided": ({"prediction": []}, {}, "neither a prediction nor a score"),
    "a rule that cannot be read": ({"score": ["w"]}, {"decision": {"op": "~", "value": 1}}, "decision rule"),
    "a text rule on numbers": (
        {"score": ["w"]},
        {"decision": {"op": "==", "value": "Low"}},
        "compared with the numbers",
    ),
    "confidence of 95": ({}, {"confidence": 95}, "confidence cannot be 95"),
    "a strange reference": ({}, {"reference": "best"}, "reference cannot be"),
    "sensitive and control": ({}, {"control": ["race"]}, "both sensitive and a control"),
    "missing misspelt": ({}, {"missing": "ignore"}, "missing cannot be"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_questions_are_errors_with_a_remedy(run: Run, name: str) -> None:
    roles, params, words = BAD[name]
    found = run("fairness", {"evaluation": drawn(200)}, ROLES | roles, **params)
    assert_error(found, words)


def test_bad_rows_are_errors_with_a_remedy(run: Run) -> None:
    frame = drawn(300)
    for changed, words in (
        (frame.assign(y=frame.y.where(frame.index > 9)), "10 rows have no value in 'y'"),
        (frame.assign(d=frame.d.where(frame.index > 4)), "5 rows have no value in 'd'"),
        (frame.assign(y=frame.y.where(frame.index > 0, 7)), "neither 0/1"),
        (frame.assign(w=-1.0), "negative"),
        (frame.assign(w=frame.w.where(frame.index > 0, np.inf)), "infinite"),
        (frame.assign(race=None), "no value at all"),
        (frame.assign(race=[f"id{i}" for i in frame.index]).iloc[:0], "no rows"),
        (drawn(30_000).assign(race=range(30_000)), "too many groups"),
        (drawn(3000).assign(race=range(3000)), "groups, more than can be compared"),
    ):
        found = run("fairness", {"evaluation": changed}, ROLES | {"weight": ["w"]})
        assert outcome_of(found) == "error", words
        assert words in str(found[-1].note)


# Chance ---------------------------------------------------------------------------------------------

#: AIMS_GATES_SIMULATIONS sets how many data sets each simulation of tests/data/test_pairs.py draws; here a whole
#: gate runs on each, so a two-hundredth of that.
DRAWS = max(5, int(os.environ.get("AIMS_GATES_SIMULATIONS", "1000")) // 200)
SPANS = (
    *(f"{rate}_{kind}" for rate in (*RATES, "accuracy", "false_discovery_rate", "false_omission_rate", "precision")
      for kind in ("difference", "ratio")),
    "demographic_parity_difference", "demographic_parity_ratio", "equalized_odds_difference", "equalized_odds_ratio",
    "equal_opportunity_difference",
)  # fmt: skip


@pytest.mark.parametrize("reference", ["max", "overall"])
def test_twenty_equal_groups_seldom_fail_under_any_limit_on_the_worst_pair(run: Run, reference: str) -> None:
    """A hundred rows a group, half of them positive; error rates 0.4 and 0.3 in every group."""
    generator, failed = np.random.default_rng(11), Counter[str]()
    limits = {
        name: {"op": ">=", "value": 0.8} if name.endswith("ratio") else {"op": "<=", "value": 0.1} for name in SPANS
    }
    for _ in range(DRAWS):
        y = generator.integers(0, 2, 2000)
        d = (generator.random(2000) < 0.3 + 0.3 * y).astype(int)
        frame = pd.DataFrame({"race": np.arange(2000) % 20, "y": y, "d": d})
        found = run("fairness", {"evaluation": frame}, ROLES, limits=limits, reference=reference)
        judged = [f for f in found if f.limit and f.over]
        assert {f.measure for f in judged} == set(SPANS)
        failed.update(f.measure for f in judged if f.outcome == "fail")
    assert max(failed.values(), default=0) <= 0.025 * DRAWS + 3 * (0.025 * 0.975 * DRAWS) ** 0.5, failed
