"""Each way in which a gap's verdict could be wired wrongly, on counts that tell it apart."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from aims_gates import Finding, intervals

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"sensitive": ["g"], "prediction": ["d"], "weight": ["w"]}


def gap(run: Run, groups: dict[str, tuple[int, int]], measure: str, limit: float, **params: Any) -> Finding:
    """The finding of groups' hits and rows, under a limit."""
    rows = [(name, d, w) for name, (hits, n) in groups.items() for d, w in ((1, hits), (0, n - hits))]
    op = ">=" if measure.endswith("ratio") else "<="
    params = {"limits": {measure: {"op": op, "value": limit}}, "weight_kind": "frequency"} | params
    frame = pd.DataFrame(rows, columns=["g", "d", "w"])
    found = run("fairness", {"evaluation": frame}, ROLES, **params)
    return next(f for f in found if f.measure == measure and f.over == {"sensitive": ["g"]})


FAR = {"a": (10_000, 20_000), "b": (8_200, 20_000)}


@pytest.mark.parametrize(
    ("measure", "limit", "reference", "outcome", "value"),
    [
        ("selection_rate_difference", 0.06, "max", "fail", 0.09),
        ("selection_rate_difference", 0.06, "overall", "pass", 0.045),
        ("selection_rate_difference", 0.03, "overall", "fail", 0.045),
        ("selection_rate_difference", 0.12, "max", "pass", 0.09),
        ("selection_rate_difference", 0.045, "overall", "inconclusive", 0.045),
        ("selection_rate_difference", 0.09, "max", "inconclusive", 0.09),
        ("selection_rate_ratio", 0.87, "max", "fail", 0.82),
        ("selection_rate_ratio", 0.87, "overall", "pass", 0.41 / 0.455),
        ("selection_rate_ratio", 0.95, "overall", "fail", 0.41 / 0.455),
        ("selection_rate_ratio", 0.79, "max", "pass", 0.82),
        ("selection_rate_ratio", 0.41 / 0.455, "overall", "inconclusive", 0.41 / 0.455),
    ],
)
def test_a_gap_between_groups_is_another_than_one_to_all_rows(
    run: Run, measure: str, limit: float, reference: str, outcome: str, value: float
) -> None:
    finding = gap(run, FAR, measure, limit, reference=reference)
    assert (finding.outcome, finding.value) == (outcome, pytest.approx(value))
    against = "against all rows" if reference == "overall" else "g=a (0.5 of 20000) and g=b (0.41 of 20000)"
    assert against in str(finding.note)
    assert finding.low is not None and finding.high is not None and finding.low < value < finding.high
    assert bool(finding.remedy) is (outcome != "pass")


@pytest.mark.parametrize("reference", ["max", "overall"])
def test_a_group_of_just_the_least_rows_is_judged_and_one_of_fewer_is_not(run: Run, reference: str) -> None:
    groups = {"a": (2000, 4000), "b": (1000, 2000)}
    judged = gap(run, groups, "selection_rate_difference", 0.2, min_group_size=2000, reference=reference)
    assert (judged.outcome, "not judged" in str(judged.note)) == ("pass", False)
    open_ = gap(run, groups, "selection_rate_difference", 0.2, min_group_size=2001, reference=reference)
    assert open_.outcome == "inconclusive"
    assert "fewer than two groups are large enough to judge" in str(open_.note)
    assert "fewer than 2001 rows, not judged: g=b (2000)" in str(open_.note)


@pytest.mark.parametrize("reference", ["max", "overall"])
def test_a_small_group_that_could_miss_the_limit_keeps_it_open_and_one_that_fails_is_told(
    run: Run, reference: str
) -> None:
    groups = {"a": (10_000, 20_000), "b": (10_000, 20_000), "c": (5, 20)}
    finding = gap(run, groups, "selection_rate_difference", 0.1, reference=reference)
    assert finding.outcome == "inconclusive"
    assert "a smaller one could miss it" in str(finding.note)
    failing = gap(run, groups | {"b": (6_000, 20_000)}, "selection_rate_difference", 0.1, reference=reference)
    assert failing.outcome == ("fail" if reference == "max" else "inconclusive")
    assert failing.value is not None and failing.value > 0.1
    sure = gap(run, groups | {"b": (2_000, 20_000)}, "selection_rate_difference", 0.1, reference=reference)
    assert sure.outcome == "fail"


def test_the_pair_that_surely_fails_is_named_where_the_worst_is_too_small(run: Run) -> None:
    groups = {"a": (10_000, 20_000), "b": (6_000, 20_000), "c": (1, 20)}
    finding = gap(run, groups, "selection_rate_difference", 0.1)
    assert finding.outcome == "fail"
    assert "worst pair: g=a (0.5 of 20000) and g=c (0.05 of 20)" in str(finding.note)
    assert "surely outside: g=a and g=b" in str(finding.note)
    alone = gap(run, {"a": (10_000, 20_000), "b": (6_000, 20_000)}, "selection_rate_difference", 0.1)
    assert "surely outside" not in str(alone.note)


def test_a_group_of_just_the_least_share_counts(run: Run) -> None:
    groups = {"a": (4_900, 9_800), "b": (0, 200)}
    assert gap(run, groups, "selection_rate_difference", 0.1, min_group_share=0.02).outcome == "fail"
    left_out = gap(run, groups, "selection_rate_difference", 0.1, min_group_share=0.0201)
    assert (left_out.outcome, left_out.value) == ("inconclusive", None)


@pytest.mark.parametrize("reference", ["max", "overall"])
def test_a_group_left_out_by_its_share_keeps_nothing_open(run: Run, reference: str) -> None:
    groups = {"a": (10_000, 20_000), "b": (10_000, 20_000), "c": (10, 20)}
    finding = gap(run, groups, "selection_rate_difference", 0.1, reference=reference, min_group_share=0.02)
    assert finding.outcome == "pass"


def test_both_rates_of_equalized_odds_have_to_keep_the_limit(run: Run) -> None:
    def odds(false_alarms: int, hits: int) -> Finding:
        rows = [("a", 1, 1, 7_000), ("a", 1, 0, 3_000), ("a", 0, 1, 2_000), ("a", 0, 0, 8_000)]
        rows += [("b", 1, 1, hits), ("b", 1, 0, 10_000 - hits), ("b", 0, 1, false_alarms)]
        rows += [("b", 0, 0, 10_000 - false_alarms)]
        frame = pd.DataFrame(rows, columns=["g", "y", "d", "w"])
        limits = {"equalized_odds_difference": {"op": "<=", "value": 0.1}}
        found = run(
            "fairness", {"evaluation": frame}, ROLES | {"target": ["y"]}, limits=limits, weight_kind="frequency"
        )
        return next(f for f in found if f.measure == "equalized_odds_difference")

    assert odds(2_000, 7_000).outcome == "pass"
    for finding, rate in ((odds(4_000, 7_000), "false_positive_rate"), (odds(2_000, 5_000), "true_positive_rate")):
        assert (finding.outcome, finding.value) == ("fail", pytest.approx(0.2))
        assert f"worst pair in {rate}" in str(finding.note)
        assert "simultaneous interval" in str(finding.note)
    wide = intervals.exact_difference(4_000, 10_000, 2_000, 10_000, 0.95, 2)
    assert intervals.simultaneous(*wide) in str(odds(4_000, 7_000).note)
    assert odds(3_000, 7_000).outcome == "inconclusive"


def test_scores_are_held_to_the_limit_on_decisions_unless_they_have_their_own(run: Run) -> None:
    frame = pd.DataFrame({"g": ["a"] * 4000 + ["b"] * 4000, "s": [*range(4000), *range(2000, 6000)]})
    roles = {"sensitive": ["g"], "score": ["s"]}
    for limits, outcome in (
        ({"demographic_parity_ratio": 0.8}, "fail"),
        ({"demographic_parity_ratio": 0.8, "scoring_rate_ratio": 0.1}, "pass"),
    ):
        floors = {name: {"op": ">=", "value": value} for name, value in limits.items()}
        found = run("fairness", {"evaluation": frame}, roles, limits=floors)
        assert next(f for f in found if f.measure == "scoring_rate_ratio").outcome == outcome
