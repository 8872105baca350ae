"""Representativeness: Mendel's peas, scipy's tests, groups that are missing and groups that nobody stated."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2_contingency, chisquare

from aims_gates import Finding, intervals
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"sensitive": ["sex"]}


def one(findings: tuple[Finding, ...], measure: str, **by: str) -> Finding:
    found = [f for f in findings if f.measure == measure and dict(f.by) == by]
    assert len(found) == 1, (measure, by, [(f.measure, f.by) for f in findings])
    return found[0]


def people(**groups: int) -> pd.DataFrame:
    return pd.DataFrame({"sex": np.repeat(list(groups), list(groups.values()))})


def test_a_stated_population_is_tested_as_scipy_does(run: Run) -> None:
    frame, reference = people(f=480, m=500, d=20), {"sex": {"f": 0.5, "m": 0.48, "d": 0.02}}
    found = run("representativeness", {"evaluation": frame}, ROLES, reference=reference, min_group_size=10)
    expected = chisquare([480, 500, 20], [500, 480, 20])
    assert one(found, "chisquare").value == pytest.approx(expected.statistic)
    assert one(found, "chisquare").p_value == pytest.approx(expected.pvalue)
    low, high = intervals.exact_rate(480, 1000)
    share = one(found, "share_difference", sex="f")
    assert (share.value, share.low, share.high) == pytest.approx((0.02, 0, max(0.5 - low, high - 0.5)))
    assert one(found, "share_ratio", sex="f").value == pytest.approx(0.96)


def test_a_reference_set_is_a_sample_with_an_interval_of_its_own(run: Run) -> None:
    data = {"evaluation": people(f=300, m=700), "reference": people(f=500, m=500)}
    found = run("representativeness", data, ROLES)
    expected = chi2_contingency([[300, 700], [500, 500]], correction=False)
    assert one(found, "chisquare").value == pytest.approx(expected.statistic)
    assert one(found, "chisquare").p_value == pytest.approx(expected.pvalue)
    ends = intervals.exact_difference(500, 1000, 300, 1000)
    share = one(found, "share_difference", sex="f")
    assert (share.value, share.low, share.high) == pytest.approx((0.2, *ends))
    assert share.outcome == "fail"


def test_a_missing_group_fails_by_name_however_small_its_share(run: Run) -> None:
    reference = {"f": 0.5, "m": 0.499, "d": 0.001}
    found = run("representativeness", {"evaluation": people(f=5000, m=5000)}, ROLES, reference=reference)
    missing = one(found, "group_size", sex="d")
    assert (missing.value, missing.outcome) == (0, "fail")
    assert "30 more rows" in str(missing.remedy)
    assert outcome_of(found) == "fail"


def test_rows_of_groups_that_nobody_stated_are_shown_and_judged(run: Run) -> None:
    frame = people(f=400, m=400, x=200)
    frame.loc[:99, "sex"] = None
    found = run("representativeness", {"evaluation": frame}, ROLES, reference={"f": 0.5, "m": 0.5})
    assert one(found, "share_difference", sex="x").outcome == "fail"
    assert one(found, "share_difference", sex="missing").value == pytest.approx(0.1)
    assert "300 rows of other groups" in str(one(found, "chisquare").note)


def test_whole_numbers_with_gaps_and_truth_values_meet_their_names(run: Run) -> None:
    frame = pd.DataFrame({"sex": [1.0, 2.0] * 500, "young": [True, False] * 500})
    shares = {"sex": {"1": 0.5, "2": 0.5}, "young": {"true": 0.5, "false": 0.5}}
    found = run("representativeness", {"evaluation": frame}, {}, reference=shares)
    assert outcome_of(found) == "pass"


def test_equal_shares_seldom_fail_whatever_the_number_of_groups(run: Run) -> None:
    generator, fails = np.random.default_rng(7), 0
    reference = {f"g{place}": 0.1 for place in range(10)}
    for _ in range(60):
        frame = pd.DataFrame({"sex": generator.choice(list(reference), 300)})
        limits = {"share_difference": {"op": "<=", "value": 0.0}}
        found = run("representativeness", {"evaluation": frame}, ROLES, reference=reference, limits=limits)
        fails += any(f.outcome == "fail" for f in found if f.measure == "share_difference")
    assert fails <= 8  # 5 % of 60 is 3; more than 8 has a chance below 0.5 %.


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "nothing says"),
        ({"reference": {"sex": {"f": 0.5, "m": 0.6}}}, "add up to 1.1"),
        ({"reference": {"sex": {"f": "half", "m": 0.5}}}, "cannot be"),
        ({"reference": {"age": {"old": 1.0}}}, "no shares are stated for 'sex'"),
        ({"reference": {"f": 0.5, "m": 0.5}, "dataset": "production"}, "there is no production data"),
        ({"reference": {"f": 0.5, "m": 0.5}, "limits": {"share_gap": {"op": "<=", "value": 1}}}, "no measure"),
        ({"reference": {"f": 0.5, "m": 0.5}, "limits": {"p_value": {"op": "<=", "value": 0.1}}}, "wrong way round"),
        ({"reference": {"f": 0.5, "m": 0.5}, "confidence": 95}, "confidence"),
    ],
)
def test_what_cannot_be_compared_is_an_error_that_says_why(run: Run, params: dict[str, object], words: str) -> None:
    found = run("representativeness", {"evaluation": people(f=5, m=5)}, ROLES, **params)
    assert outcome_of(found) == "error"
    assert words in str(found[0].note)
    assert found[0].remedy


def test_a_column_that_is_not_there_or_empty_is_an_error_that_names_it(run: Run) -> None:
    for frame in (pd.DataFrame({"age": [1, 2]}), pd.DataFrame({"sex": pd.Series([None, None], dtype="object")})):
        found = run("representativeness", {"evaluation": frame}, ROLES, reference={"f": 0.5, "m": 0.5})
        assert outcome_of(found) == "error"
        assert "'sex'" in str(found[0].note)


def test_a_p_value_fails_or_decides_nothing_and_never_passes(run: Run) -> None:
    limits = {"p_value": {"op": ">=", "value": 0.05}, "share_difference": None}
    even_shares = {"f": 0.5, "m": 0.5}
    even = run(
        "representativeness", {"evaluation": people(f=5000, m=5000)}, ROLES, reference=even_shares, limits=limits
    )
    test = one(even, "chisquare")
    assert (test.p_value, test.outcome) == (1, "inconclusive") and "does not pass" in str(test.note) and test.remedy
    odd = run("representativeness", {"evaluation": people(f=6000, m=4000)}, ROLES, reference=even_shares, limits=limits)
    assert one(odd, "chisquare").outcome == "fail"


def test_a_group_that_fails_alone_and_not_among_several_columns_is_open_and_says_so(run: Run) -> None:
    names = [f"c{place}" for place in range(8)]
    frame = pd.DataFrame({name: np.repeat(["f", "m"], [500, 500]) for name in names})
    frame["c0"] = np.repeat(["f", "m"], [588, 412])
    shares = {"f": 0.5, "m": 0.5}
    alone = run("representativeness", {"evaluation": frame}, {}, reference={"c0": shares})
    beside = run("representativeness", {"evaluation": frame}, {}, reference=dict.fromkeys(names, shares))
    assert one(alone, "share_difference", c0="f").outcome == "fail"
    finding = one(beside, "share_difference", c0="f")
    assert finding.outcome == "inconclusive" and "fails alone, and not among 16 groups" in str(finding.note)


@pytest.mark.parametrize(("columns", "outcome"), [("abcd", "inconclusive"), ("a", "fail")])
def test_of_several_p_values_each_must_fail_at_the_limit_over_their_number(
    run: Run, columns: str, outcome: str
) -> None:
    frame = pd.DataFrame({name: np.repeat(["f", "m"], [535, 465]) for name in columns})
    limits = {"p_value": {"op": ">=", "value": 0.05}, "share_difference": None}
    reference = {name: {"f": 0.5, "m": 0.5} for name in columns}
    found = run("representativeness", {"evaluation": frame}, {}, reference=reference, limits=limits)
    tests = [f for f in found if f.measure == "chisquare"]
    assert 0.0125 < (tests[0].p_value or 0) < 0.05
    assert tests[0].outcome == outcome
    assert tests[0].limit is not None and tests[0].limit.value == pytest.approx(0.05 / len(tests))
