"""Uncertainty: risk at coverage by sorting, calibration as scikit-learn bins it, ties, and scores that are none."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import calibration_curve

from aims_gates import Finding, intervals
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"target": ["y"], "score": ["s"]}


def one(findings: tuple[Finding, ...], measure: str, **over: object) -> Finding:
    found = [f for f in findings if f.measure == measure and (not over or f.over == over)]
    assert len(found) == 1, (measure, over, [(f.measure, f.over) for f in findings])
    return found[0]


def drawn(n: int = 2000, seed: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    s = generator.uniform(size=n)
    return pd.DataFrame({"s": s, "y": (generator.uniform(size=n) < s).astype(int)})


def test_the_curve_is_the_error_of_the_most_confident_rows(run: Run) -> None:
    frame = drawn()
    found = run("uncertainty", {"evaluation": frame}, ROLES)
    sure = np.maximum(frame.s, 1 - frame.s)
    wrong = (frame.s >= 0.5).astype(int) != frame.y
    for coverage in (0.5, 0.8, 1.0):
        kept = wrong.iloc[np.argsort(-sure)[: round(coverage * len(frame))]]
        finding = one(found, "risk_at_coverage", coverage=coverage)
        assert finding.value == pytest.approx(kept.mean())
        assert (finding.low, finding.high) == pytest.approx(intervals.exact_rate(kept.sum(), len(kept)))
    kept = wrong.iloc[np.argsort(-sure)[:1600]]
    rest = wrong.sum() - kept.sum()
    assert one(found, "abstention_gain").value == pytest.approx(rest / 400 - kept.mean())
    assert one(found, "low_confidence_share").value == pytest.approx((sure < 0.6).mean())
    assert outcome_of(found) == "inconclusive"


def test_calibration_is_scikit_learns_bin_by_bin(run: Run) -> None:
    frame = drawn()
    found = run("uncertainty", {"evaluation": frame}, ROLES, bands="equal")
    true, said = calibration_curve(frame.y, frame.s, n_bins=10)
    gaps = [f for f in found if f.measure == "calibration_gap"]
    assert [f.value for f in gaps] == pytest.approx(list(true - said))
    error = sum(abs(gap) * (f.n or 0) for gap, f in zip(true - said, gaps, strict=True)) / len(frame)
    whole = one(found, "expected_calibration_error")
    assert whole.value == pytest.approx(error)
    assert whole.low is not None and whole.high is not None
    assert whole.low <= error <= whole.high
    assert sum(f.value or 0 for f in found if f.measure == "confidence_share") == pytest.approx(1)


def test_rows_that_are_equally_sure_share_their_errors(run: Run) -> None:
    frame = pd.DataFrame({"s": [0.9] * 60 + [0.7] * 40, "y": [1] * 57 + [0] * 3 + [1] * 30 + [0] * 10})
    finding = one(run("uncertainty", {"evaluation": frame}, ROLES), "selective_error")
    assert finding.value == pytest.approx((3 + 20 * 10 / 40) / 80)
    assert finding.n == 80


@pytest.mark.parametrize("rows", [1499, 30011])
def test_rows_that_share_a_place_and_go_together_are_added_up(run: Run, rows: int) -> None:
    """The part of the equally sure that stays has many digits, which DuckDB would add up as decimals."""
    frame = drawn(rows).assign(s=lambda table: table.s.round(1), c=np.arange(rows) % 7 > 0)
    sure, together = (
        [f for f in run("uncertainty", {"evaluation": frame}, roles) if f.measure == "risk_at_coverage"]
        for roles in (ROLES, {**ROLES, "cluster": ["c"]})
    )
    assert [f.value for f in together] == pytest.approx([f.value for f in sure]) and sure


def test_confidence_is_in_the_decision_that_was_made(run: Run) -> None:
    frame = pd.DataFrame({"s": [0.4, 0.4, 0.1, 0.1], "d": [1, 1, 0, 0], "y": [1, 0, 0, 0]})
    found = run("uncertainty", {"evaluation": frame}, ROLES | {"prediction": ["d"]}, coverage=0.5)
    assert one(found, "selective_error").value == 0
    assert one(found, "low_confidence_share").value == 0.5


def test_several_classes_are_judged_by_the_probability_of_the_predicted_one(run: Run) -> None:
    frame = pd.DataFrame({"s": [0.9] * 100 + [0.4] * 100, "d": ["a"] * 200, "y": ["a"] * 100 + ["b", "c"] * 50})
    found = run(
        "uncertainty", {"evaluation": frame}, ROLES | {"prediction": ["d"]}, score_is="prediction", coverage=0.5
    )
    assert one(found, "selective_error").value == 0
    assert outcome_of(found) == "pass"
    assert one(found, "abstention_gain").value == 1


def test_an_open_verdict_says_how_many_rows_would_settle_it(run: Run) -> None:
    frame = pd.DataFrame({"s": [0.9] * 40, "y": [1] * 36 + [0] * 4})
    finding = one(run("uncertainty", {"evaluation": frame}, ROLES, coverage=1), "selective_error")
    assert finding.outcome == "inconclusive"
    rows = int(str(finding.note).split("about ")[1].split(" rows")[0])
    errors = np.random.default_rng(1).binomial(rows, 0.1, 10_000)
    assert 0.8 <= float(np.mean(np.asarray(intervals.exact_rate(errors, np.full(10_000, rows))[1]) <= 0.2)) <= 0.9


def test_random_confidence_is_worth_nothing(run: Run) -> None:
    generator = np.random.default_rng(2)
    frame = pd.DataFrame({"s": generator.uniform(0.5, 1, 4000), "y": (generator.uniform(size=4000) < 0.7) * 1})
    limits = {"abstention_gain": {"op": ">=", "value": 0.1}, "expected_calibration_error": {"op": "<=", "value": 0.02}}
    found = run("uncertainty", {"evaluation": frame}, ROLES, limits=limits)
    assert one(found, "abstention_gain").outcome == "fail"
    assert one(found, "expected_calibration_error").outcome == "fail"


@pytest.mark.parametrize(
    ("change", "params", "words"),
    [
        ({"s": [1.5, 0.2]}, {}, "no probabilities"),
        ({"s": ["high", "low"]}, {}, "no probabilities"),
        ({"s": [0.5, None]}, {}, "no value in 's'"),
        ({"y": ["good", "bad"]}, {}, "neither 0/1"),
        ({}, {"coverage": 0}, "coverage"),
        ({}, {"score_is": "margin"}, "score_is"),
        ({}, {"score_is": "prediction"}, "'prediction'"),
        ({}, {"limits": {"error": {"op": "<=", "value": 1}}}, "'error'"),
    ],
)
def test_what_cannot_be_judged_is_an_error_that_says_why(
    run: Run, change: dict[str, list[object]], params: dict[str, object], words: str
) -> None:
    frame = pd.DataFrame({"s": [0.2, 0.8], "y": [0, 1]}).assign(**change)
    found = run("uncertainty", {"evaluation": frame}, ROLES, **params)
    assert outcome_of(found) == "error"
    assert words in str(found[0].note), found
