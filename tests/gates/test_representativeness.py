"""Representativeness: Mendel's peas, scipy's tests, groups that are missing and groups that nobody stated."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, chi2_contingency, chisquare

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


def test_an_interval_on_one_side_of_the_share_ends_where_clopper_and_pearsons_does(run: Run) -> None:
    found = run("representativeness", {"evaluation": people(f=300, m=700)}, ROLES, reference={"f": 0.5, "m": 0.5})
    for group, low, high in (("f", *beta_ends(300, 1000)), ("m", *beta_ends(700, 1000))):
        near, far = sorted((abs(low - 0.5), abs(high - 0.5)))
        share = one(found, "share_difference", sex=group)
        assert (share.value, share.low, share.high) == pytest.approx((0.2, near, far))
        ratio = one(found, "share_ratio", sex=group)
        assert (ratio.low, ratio.high, ratio.outcome) == (pytest.approx(2 * low), pytest.approx(2 * high), None)
    share = one(found, "share_difference", sex="f")
    assert share.note == "30.00% of the rows, 50.00% in the stated population"
    assert str(share.remedy).startswith("Collect or sample")


def beta_ends(x: int, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Clopper and Pearson's interval (Biometrika 26 (1934) 404-413) by scipy's beta distribution."""
    tail = (1 - confidence) / 2
    return float(beta.ppf(tail, x, n - x + 1)), float(beta.ppf(1 - tail, x + 1, n - x))


def test_a_ratio_to_a_reference_set_counts_the_rows_of_both(run: Run) -> None:
    data = {"evaluation": people(f=300, m=690, x=10), "reference": people(f=250, m=250)}
    found = run("representativeness", data, ROLES, limits={"share_ratio": {"op": ">=", "value": 0.8}})
    ratio = one(found, "share_ratio", sex="f")
    assert (ratio.value, ratio.low, ratio.high) == pytest.approx((0.6, *intervals.exact_ratio(300, 1000, 250, 500)))
    assert (ratio.outcome, one(found, "share_ratio", sex="m").outcome) == ("fail", "pass")
    strange = one(found, "share_difference", sex="x")
    assert (strange.low, strange.high) == pytest.approx(intervals.exact_difference(10, 1000, 0, 500))
    assert str(strange.note).endswith("a group that the population does not have")
    assert not [f for f in found if f.measure in ("share_ratio", "group_size") and f.by == {"sex": "x"}]


def test_a_share_passes_by_its_own_interval_and_fails_by_the_one_for_all_groups(run: Run) -> None:
    frame, shares = people(f=600, m=400), {"f": 0.5, "m": 0.5}
    # Two groups: Bonferroni's interval for a confidence of 95 % is the one at 97.5 %.
    (low, high), (lower, higher) = beta_ends(600, 1000), beta_ends(600, 1000, 0.975)
    for limit, outcome, words in (
        ((low + lower) / 2, "inconclusive", "fails alone, and not among 2 groups"),
        (lower - 0.001, "fail", None),
        ((high + higher) / 2, "pass", None),
        (0.6, "inconclusive", "; the interval reaches over the limit"),
    ):
        limits = {"share_difference": {"op": "<=", "value": limit - 0.5}}
        found = run("representativeness", {"evaluation": frame}, ROLES, reference=shares, limits=limits)
        share = one(found, "share_difference", sex="f")
        assert share.outcome == outcome and (words or "") in str(share.note)
        assert (share.remedy == "Use more rows.") is (outcome == "inconclusive")
        assert (share.remedy is None) is (outcome == "pass")


def test_each_data_set_is_named_where_there_are_several_and_counts_among_the_comparisons(run: Run) -> None:
    frame, shares = people(f=588, m=412), {"f": 0.5, "m": 0.5}
    data = {"evaluation": frame, "reference": frame}
    single = run("representativeness", data, ROLES, reference=shares)
    assert not [f for f in single if "dataset" in (f.over or {})]
    assert one(single, "share_difference", sex="f").outcome == "fail"
    both = run("representativeness", data, ROLES, reference=shares, dataset=["evaluation", "reference"] * 2)
    assert len(both) == 2 * len(single)
    assert [(f.over or {})["dataset"] for f in both if f.measure == "group_size"] == [
        *["evaluation"] * 2,
        *["reference"] * 2,
    ]
    tests = [f.over for f in both if f.measure == "chisquare"]
    assert tests == [{"sensitive": ["sex"], "dataset": name} for name in ("evaluation", "reference")]
    judged = [f for f in both if f.measure == "share_difference" and f.by == {"sex": "f"}]
    assert all(f.outcome == "inconclusive" and "among 4 groups" in str(f.note) for f in judged)


@pytest.mark.parametrize("shares", [{"f": 1.0}, {"f": 1.0, "m": 0.0}])
def test_of_one_group_alone_no_share_passes(run: Run, shares: dict[str, float]) -> None:
    limits = {"share_ratio": {"op": ">=", "value": 0.8}}
    found = run("representativeness", {"evaluation": people(f=500)}, ROLES, reference=shares, limits=limits)
    assert one(found, "group_size", sex="f").outcome == "pass"
    for measure in ("share_difference", "share_ratio"):
        alone = one(found, measure, sex="f")
        assert (alone.outcome, alone.note) == ("inconclusive", "there is one group only") and alone.remedy
    strange = run("representativeness", {"evaluation": people(f=400, m=100)}, ROLES, reference=shares)
    assert one(strange, "share_difference", sex="m").outcome == "fail"
    assert not [f for f in strange if f.measure in ("share_ratio", "group_size") and f.by == {"sex": "m"}]


def test_a_group_has_its_least_rows_from_that_number_on(run: Run) -> None:
    reference = {"f": 0.6, "m": 0.3, "d": 0.1}
    found = run("representativeness", {"evaluation": people(f=30, m=25)}, ROLES, reference=reference, min_group_size=30)
    full, some, none = (one(found, "group_size", sex=group) for group in "fmd")
    assert (full.value, full.n, full.outcome, full.note, full.remedy) == (30, 30, "pass", None, None)
    assert full.limit is not None and (full.limit.op, full.limit.value) == (">=", 30)
    assert (some.outcome, some.note, some.remedy) == ("fail", None, "Collect at least 5 more rows of this group.")
    assert (none.value, none.note) == (0, "the population has this group and the data have no row of it")
    assert one(found, "share_difference", sex="d").value == pytest.approx(0.1)


def test_a_ratio_whose_interval_reaches_over_the_limit_does_not_fail_alone(run: Run) -> None:
    limits, shares = {"share_ratio": {"op": ">=", "value": 0.8}}, {"f": 0.5, "m": 0.5}
    found = run("representativeness", {"evaluation": people(f=600, m=400)}, ROLES, reference=shares, limits=limits)
    ratio = one(found, "share_ratio", sex="m")
    assert (ratio.value, ratio.outcome, ratio.note) == (0.8, "inconclusive", "the interval reaches over the limit")
