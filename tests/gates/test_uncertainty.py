"""Uncertainty: risk at coverage by sorting, calibration as scikit-learn bins it, ties, and scores that are none."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta
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


def ten(hits: int, rows: int, score: float) -> pd.DataFrame:
    return pd.DataFrame({"s": score, "y": np.arange(rows) < hits})


def overconfident() -> pd.DataFrame:
    """Half of the rows say 0.95 and half 0.55; of each, fewer come true."""
    return pd.concat([ten(370, 500, 0.95), ten(230, 500, 0.55)], ignore_index=True).astype({"y": int})


def test_bands_have_clopper_and_pearsons_interval_around_the_gap_and_the_share(run: Run) -> None:
    limits = {"expected_calibration_error": {"op": "<=", "value": 0.5}}
    found = run("uncertainty", {"evaluation": overconfident()}, ROLES, bands=[0.6, 0.9], limits=limits)
    cells = ((230, 0.55, "0 to 0.6"), (370, 0.95, "0.9 to 1"))
    ends = [(float(beta.ppf(0.025, x, 501 - x)), float(beta.ppf(0.975, x + 1, 500 - x))) for x, _, _ in cells]
    for (x, said, name), (low, high) in zip(cells, ends, strict=True):
        gap = one(found, "calibration_gap", bin=name)
        assert (gap.value, gap.low, gap.high) == pytest.approx((x / 500 - said, low - said, high - said))
        share = next(f for f in found if f.measure == "calibration_share" and (f.over or {})["bin"] == name)
        assert (share.value, share.low, share.high, share.n) == pytest.approx((x / 500, low, high, 500))
        assert (share.over or {})["mean_score"] == pytest.approx(said)
        assert gap.note == f"{x / 500:.3f} came true where {said:.3f} was said"
    error = one(found, "expected_calibration_error")
    # Two bands: Bonferroni's intervals at 97.5 %, whose distances from what was said are added up by their rows.
    wide = [(float(beta.ppf(0.0125, x, 501 - x)), float(beta.ppf(0.9875, x + 1, 500 - x))) for x, _, _ in cells]
    low, high = (
        sum(abs(end[place] - said) for end, (_, said, _) in zip(wide, cells, strict=True)) / 2 for place in (1, 0)
    )
    assert (error.value, error.low, error.high) == pytest.approx(((0.09 + 0.21) / 2, low, high))
    assert (error.outcome, error.remedy, error.n) == ("pass", None, 1000)
    assert error.note == "2 bands; interval: sum of the bands' intervals"


def test_nearly_all_rows_in_one_band_leave_calibration_open(run: Run) -> None:
    frame = pd.concat([ten(240, 480, 0.4), ten(250, 500, 0.6), ten(20, 20, 0.95)], ignore_index=True)
    for limits in ({}, {"expected_calibration_error": {"op": "<=", "value": 0.9}}):
        found = run("uncertainty", {"evaluation": frame.astype({"y": int})}, ROLES, bands=[0.9], limits=limits)
        error = one(found, "expected_calibration_error")
        assert error.outcome == ("inconclusive" if limits else None)
        assert "98% of the rows lie in one band" in str(error.note)
        assert (error.remedy == "Evaluate on more rows.") is bool(limits)


def test_the_histogram_has_the_shares_of_numpys(run: Run) -> None:
    frame = drawn(500).assign(w=np.arange(500) % 3 + 0.5)
    found = run("uncertainty", {"evaluation": frame}, {**ROLES, "weight": ["w"]}, bins=4)
    counts, _ = np.histogram(np.maximum(frame.s, 1 - frame.s), bins=4, range=(0, 1), weights=frame.w)
    bars = [f for f in found if f.measure == "confidence_share"]
    assert [f.value for f in bars] == pytest.approx(list(counts[2:] / frame.w.sum()))
    assert [f.over for f in bars] == [{"bin": "0.5 to 0.75"}, {"bin": "0.75 to 1"}]
    assert [f.n for f in bars] == pytest.approx([frame.w.sum() ** 2 / (frame.w**2).sum()] * 2)


@pytest.mark.parametrize(
    ("measure", "op"),
    [
        ("selective_error", "<="),
        ("low_confidence_share", "<="),
        ("expected_calibration_error", "<="),
        ("abstention_gain", ">="),
    ],
)
def test_a_value_passes_by_its_own_interval_and_fails_by_the_one_for_all_limits(
    run: Run, measure: str, op: str
) -> None:
    data, bands = {"evaluation": overconfident()}, [0.6, 0.9]
    none = {"selective_error": None}
    plain, wide = (
        one(run("uncertainty", data, ROLES, limits=none, confidence=level, bands=bands), measure)
        for level in (0.95, 0.975)
    )
    assert plain.outcome is None and plain.limit is None
    assert plain.value and plain.low and plain.high and wide.low and wide.high
    assert wide.low < plain.low < plain.value < plain.high < wide.high
    outside, beyond = (plain.low, wide.low) if op == "<=" else (plain.high, wide.high)
    inside = (plain.high + wide.high) / 2 if op == "<=" else (plain.low + wide.low) / 2
    other = "selective_error" if measure != "selective_error" else "low_confidence_share"
    loose = {other: {"op": "<=", "value": 0.99}}
    for value, more, outcome, words in (
        ((outside + beyond) / 2, {**none}, "fail", ""),
        ((outside + beyond) / 2, loose, "inconclusive", "fails alone"),
        (beyond + (-0.001 if op == "<=" else 0.001), loose, "fail", ""),
        (inside, loose, "pass", ""),
        (plain.value, loose, "inconclusive", "reaches over the limit"),
    ):
        limits = {**more, measure: {"op": op, "value": value}}
        found = one(run("uncertainty", data, ROLES, limits=limits, bands=bands), measure)
        assert found.outcome == outcome and words in str(found.note), (value, found)
        assert (found.low, found.high, found.value) == (plain.low, plain.high, plain.value)
        assert (found.remedy is None) is (outcome == "pass")


def test_the_curve_is_of_six_shares_and_nothing_is_left_to_people_at_the_last(run: Run) -> None:
    for limits, outcome in (({}, None), ({"abstention_gain": {"op": ">=", "value": 0.1}}, "inconclusive")):
        found = run("uncertainty", {"evaluation": drawn(200)}, ROLES, coverage=1, limits=limits)
        gain = one(found, "abstention_gain")
        assert (gain.value, gain.n, gain.outcome) == (None, 0, outcome)
        assert gain.note == "the model decides every row"
    curve = [(f.over or {})["coverage"] for f in found if f.measure == "risk_at_coverage"]
    assert curve == [0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert {f.outcome for f in found if f.measure == "risk_at_coverage"} == {None}


def test_what_abstaining_is_worth_says_how_often_people_were_spared_an_error(run: Run) -> None:
    gain = one(run("uncertainty", {"evaluation": overconfident()}, ROLES, coverage=0.5), "abstention_gain")
    assert gain.value == pytest.approx(270 / 500 - 130 / 500)
    assert (gain.low, gain.high) == pytest.approx(intervals.exact_difference(270, 500, 130, 500))
    assert (gain.over, gain.n, gain.remedy) == ({"coverage": 0.5}, 1000, None)
    assert gain.note == "54.0% of the rows left to people would have been wrong"


@pytest.mark.parametrize(
    ("s", "d", "flat"),
    [
        ([0.9, 0.1], [1, 0], True),  # equally sure of every decision
        ([0.4, 0.4], [1, 0], True),  # the same score, and more or less sure by the decision
        ([0.9, 0.2], [1, 0], False),
    ],
)
def test_where_scores_tell_no_row_from_another_nothing_passes(
    run: Run, s: list[float], d: list[int], flat: bool
) -> None:
    frame = pd.DataFrame({"s": s * 100, "d": d * 100, "y": [1, 0] * 100})
    found = run("uncertainty", {"evaluation": frame}, ROLES | {"prediction": ["d"]})
    error = one(found, "selective_error")
    assert error.value == 0
    assert error.outcome == ("inconclusive" if flat else "pass")
    assert ("every row has the same score" in str(error.note)) is flat
    assert str(error.note).startswith("error of the most confident 80%, which are at least")
    assert (error.remedy == "Use scores that tell rows apart.") is flat
    assert not [f for f in found if f.measure == "labels"]


def test_labels_that_differ_in_capital_letters_only_are_named(run: Run) -> None:
    frame = pd.DataFrame({"s": [0.9, 0.8] * 50, "d": ["a", "b"] * 50, "y": ["A", "b"] * 50})
    found = run("uncertainty", {"evaluation": frame}, ROLES | {"prediction": ["d"]}, score_is="prediction")
    assert one(found, "labels").note
    assert one(found, "selective_error").outcome == "fail"
