"""What validators ask of scores: Gini, KS, stated points, predictive values, net benefit."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score, roc_curve

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]
SCORED = {"target": ["y"], "score": ["s"]}


def scored(rows: int = 400, seed: int = 3) -> pd.DataFrame:
    """Labels, scores with ties, a slice."""
    random = np.random.default_rng(seed)
    y = (random.random(rows) < 0.4).astype(int)
    s = np.round(random.beta(2 + 2 * y, 3, rows), 2)
    return pd.DataFrame(
        {"y": y, "s": s, "d": (s >= 0.5).astype(int), "site": np.where(random.random(rows) < 0.5, "A", "B")}
    )


def of(findings: tuple[Finding, ...], measure: str, **by: str) -> Finding:
    """The one finding of a measure, overall or of a slice."""
    (finding,) = (finding for finding in findings if finding.measure == measure and dict(finding.by) == by)
    return finding


def at_most(*names: str, value: float = 0.0) -> dict[str, Any]:
    """A limit on each."""
    return {name: {"op": ">=", "value": value} for name in names}


@pytest.mark.parametrize("by", [{}, {"site": "A"}])
def test_gini_and_ks_are_those_of_the_libraries(run: Run, by: dict[str, str]) -> None:
    frame = scored()
    limits = at_most("gini", "score_ks")
    roles = {**SCORED, "slice": ["site"]}
    findings = run("performance", {"evaluation": frame}, roles, limits=limits, slice_limits=limits)
    part = frame if not by else frame[frame.site == "A"]
    area = of(findings, "roc_auc", **by)
    gini, ks = of(findings, "gini", **by), of(findings, "score_ks", **by)
    assert gini.value == pytest.approx(2 * roc_auc_score(part.y, part.s) - 1, abs=1e-12)
    assert area.low is not None and gini.low == pytest.approx(2 * area.low - 1)
    assert area.high is not None and gini.high == pytest.approx(2 * area.high - 1)
    assert ks.value == pytest.approx(ks_2samp(part.s[part.y == 1], part.s[part.y == 0]).statistic, abs=1e-12)
    assert gini.outcome == "pass" and ks.low is not None and ks.low < float(ks.value or 0)


@pytest.mark.parametrize("point", [0.5, 0.8, 0.9, 0.999])
def test_the_share_at_a_point_is_read_off_the_roc_curve(run: Run, point: float) -> None:
    frame = scored()
    findings = run("performance", {"evaluation": frame}, SCORED, specificity=point, sensitivity=point)
    false, true, _ = roc_curve(frame.y, frame.s, drop_intermediate=False)
    assert of(findings, "sensitivity_at_specificity").value == pytest.approx(true[false <= 1 - point + 1e-12].max())
    assert of(findings, "specificity_at_sensitivity").value == pytest.approx(1 - false[true >= point - 1e-12].min())


def test_a_point_too_near_1_for_so_few_rows_has_a_wide_interval_and_never_passes(run: Run) -> None:
    limits = at_most("sensitivity_at_specificity", value=0.1)
    (few,) = (
        of(run("performance", {"evaluation": scored(40)}, SCORED, specificity=0.999, limits=limits), name)
        for name in limits
    )
    assert few.outcome == "inconclusive" and few.low == 0


@pytest.mark.parametrize(("role", "column"), [("weight", "w"), ("cluster", "who")])
def test_weights_and_clusters_leave_a_point_open(run: Run, role: str, column: str) -> None:
    frame = scored().assign(w=2.0, who=range(400))
    limits = at_most("score_ks", "sensitivity_at_specificity")
    findings = run("performance", {"evaluation": frame}, {**SCORED, role: [column]}, specificity=0.8, limits=limits)
    plain = run("performance", {"evaluation": frame}, SCORED, specificity=0.8, limits=limits)
    for name in limits:
        assert of(findings, name).value == pytest.approx(of(plain, name).value)
        assert (of(findings, name).outcome, of(findings, name).low) == ("inconclusive", None)


def test_predictive_values_are_those_of_the_mammography_example(run: Run) -> None:
    """D. M. Eddy (1982): one woman in 100 is ill, 79.2 % and 90.4 % are told rightly, and 7.7 % of those told are."""
    cells = [(1, 1, 792), (1, 0, 208), (0, 0, 904), (0, 1, 96)]
    frame = pd.DataFrame([(y, d) for y, d, rows in cells for _ in range(rows)], columns=["y", "d"])
    findings = run("performance", {"evaluation": frame}, {"target": ["y"], "prediction": ["d"]}, prevalence=0.01)
    positive, negative = of(findings, "positive_predictive_value"), of(findings, "negative_predictive_value")
    assert positive.value == pytest.approx(0.077, abs=5e-4)
    assert negative.value == pytest.approx(0.904 * 0.99 / (0.904 * 0.99 + 0.208 * 0.01))
    assert positive.low is not None and positive.high is not None and 0.06 < positive.low < 0.077 < positive.high < 0.1
    assert "prevalence of 0.01" in str(positive.note)
    half = run("performance", {"evaluation": frame}, {"target": ["y"], "prediction": ["d"]}, prevalence=0.5)
    assert of(half, "positive_predictive_value").value == pytest.approx(792 / (792 + 96))


def test_net_benefit_is_that_of_vickers_and_elkin(run: Run) -> None:
    frame, act = scored(), 0.3
    acted, odds = frame.s >= act, act / (1 - act)
    hits, false = (acted & (frame.y == 1)).mean(), (acted & (frame.y == 0)).mean()
    everybody = frame.y.mean() - (1 - frame.y.mean()) * odds
    findings = run("performance", {"evaluation": frame}, SCORED, threshold_probability=act)
    benefit, gain = of(findings, "net_benefit"), of(findings, "net_benefit_gain")
    assert benefit.value == pytest.approx(hits - false * odds)
    assert gain.value == pytest.approx(benefit.value - max(0.0, everybody))
    assert f"acting on all would be worth {everybody:.4g}" in str(benefit.note)
    assert gain.low is not None and gain.high is not None and gain.low < gain.value < gain.high
    assert benefit.low is not None and gain.low < benefit.low
    weighted = run(
        "performance", {"evaluation": frame.assign(w=2.0)}, {**SCORED, "weight": ["w"]}, threshold_probability=act
    )
    same = of(weighted, "net_benefit")
    assert (same.value, same.low) == (pytest.approx(benefit.value), None)


def test_acting_on_nobody_is_no_proof_of_worth(run: Run) -> None:
    frame = pd.DataFrame({"y": [1] * 5 + [0] * 35, "s": [0.1] * 40})
    limits = at_most("net_benefit", "net_benefit_gain")
    findings = run("performance", {"evaluation": frame}, SCORED, threshold_probability=0.5, limits=limits)
    for name in limits:
        assert of(findings, name).outcome == "inconclusive" and float(of(findings, name).low or 0) < 0


@pytest.mark.long
@pytest.mark.parametrize("measure", ["net_benefit", "net_benefit_gain"])
def test_the_worth_of_acting_on_a_rare_label_without_skill_is_seldom_missed(run: Run, measure: str) -> None:
    """Of 100 rows three have the label, and three in ten are acted on by chance."""
    random, rare, act, acted = np.random.default_rng(4), 0.03, 0.02, 0.3
    worth = rare - (1 - rare) * act / (1 - act)
    truth = {"net_benefit": acted * worth, "net_benefit_gain": min(acted * worth, (acted - 1) * worth)}[measure]
    low = high = 0
    draws = 400
    for _ in range(draws):
        frame = pd.DataFrame({"y": random.random(100) < rare, "s": np.where(random.random(100) < acted, 0.03, 0.01)})
        frame["y"] = frame.y.astype(int)
        if frame.y.nunique() < 2:
            continue
        findings = run("performance", {"evaluation": frame}, SCORED, threshold_probability=act)
        finding = of(findings, measure)
        assert finding.low is not None and finding.high is not None
        low, high = low + (finding.low > truth), high + (finding.high < truth)
    assert max(low, high) <= draws * 0.025 + 3 * np.sqrt(draws * 0.025 * 0.975)


def test_one_label_alone_gives_no_point(run: Run) -> None:
    frame = scored().assign(y=1)
    limits = at_most("gini", "score_ks", "sensitivity_at_specificity")
    findings = run("performance", {"evaluation": frame}, SCORED, limits=limits, specificity=0.8)
    assert {of(findings, name).outcome for name in limits} == {"inconclusive"}


@pytest.mark.parametrize("point", ["specificity", "sensitivity", "prevalence", "threshold_probability"])
@pytest.mark.parametrize("value", [0, 1, -0.1])
def test_a_point_lies_between_0_and_1(run: Run, point: str, value: float) -> None:
    (finding,) = run("performance", {"evaluation": scored(50)}, SCORED, **{point: value})
    assert finding.outcome == "error" and point in str(finding.note)


@pytest.mark.long
@pytest.mark.parametrize("rows", [100, 1000])
def test_intervals_of_points_miss_the_truth_seldom(run: Run, rows: int) -> None:
    """Two normal scores a deviation apart: sensitivity at specificity .8 is 1 - F(.8416 - 1), KS 2 F(.5) - 1."""
    random = np.random.default_rng(11)
    misses = dict.fromkeys(("sensitivity_at_specificity", "score_ks"), 0)
    truth = {"sensitivity_at_specificity": 0.562942, "score_ks": 0.382925}
    draws = 400
    for _ in range(draws):
        y = np.repeat([0, 1], rows // 2)
        frame = pd.DataFrame({"y": y, "s": random.normal(size=rows) + y})
        findings = run("performance", {"evaluation": frame}, SCORED, specificity=0.8, limits=at_most("score_ks"))
        for name, value in truth.items():
            finding = of(findings, name)
            assert finding.low is not None and finding.high is not None
            misses[name] += not finding.low <= value <= finding.high
    assert max(misses.values()) <= draws * 0.05 + 3 * np.sqrt(draws * 0.05 * 0.95)


def test_a_slice_whose_rows_weigh_nothing_has_no_point_and_stops_nothing(run: Run) -> None:
    frame = scored().assign(w=lambda rows: np.where(rows.site == "A", 1.0, 0.0))
    roles = {**SCORED, "weight": ["w"], "slice": ["site"]}
    more = {"specificity": 0.8, "threshold_probability": 0.3}
    findings = run("performance", {"evaluation": frame}, roles, limits=at_most("net_benefit"), **more)
    assert not [finding for finding in findings if "the gate raised" in str(finding.note)]
    assert of(findings, "net_benefit", site="A").value is not None
