"""A gap's interval, correction, size and words, each against what counts by hand and ``aims_gates.intervals`` make."""

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

from aims_gates import Finding, Limit, intervals

Run = Callable[..., tuple[Finding, ...]]
#: Of a group: hits and rows among the positive rows, then among the negative ones.
Counts = tuple[int, int, int, int]
ROLES = {"sensitive": ["g"], "prediction": ["d"], "weight": ["w"]}
A, B, EVEN = (500, 1000), (400, 1000), (450, 1000)


def gaps(run: Run, groups: dict[str, tuple[int, int]], limits: dict[str, float], **params: Any) -> dict[str, Finding]:
    """Measure -> the finding over groups, of groups' selected and all rows."""
    rows = [(name, 1, d, w) for name, (hits, n) in groups.items() for d, w in ((1, hits), (0, n - hits))]
    return judged(run, rows, ROLES, limits, **params)


def odds(run: Run, groups: dict[str, Counts], limits: dict[str, float], **params: Any) -> dict[str, Finding]:
    """As :func:`gaps`, of groups' counts by label."""
    rows = [
        (name, y, d, w)
        for name, (hits, positives, alarms, negatives) in groups.items()
        for y, d, w in ((1, 1, hits), (1, 0, positives - hits), (0, 1, alarms), (0, 0, negatives - alarms))
    ]
    return judged(run, rows, ROLES | {"target": ["y"]}, limits, **params)


def judged(
    run: Run, rows: list[tuple[Any, ...]], roles: dict[str, list[str]], limits: dict[str, float], **params: Any
) -> dict[str, Finding]:
    bounds = {name: {"op": ">=" if "ratio" in name else "<=", "value": value} for name, value in limits.items()}
    frame = pd.DataFrame(rows, columns=["g", "y", "d", "w"]).query("w > 0")
    found = run("fairness", {"evaluation": frame}, roles, limits=bounds, weight_kind="frequency", **params)
    return {finding.measure: finding for finding in found if finding.over == {"sensitive": ["g"]}}


def ends(finding: Finding) -> tuple[float | None, float | None]:
    return finding.low, finding.high


def near(pair: tuple[float, float]) -> Any:
    return pytest.approx(pair, rel=1e-12, abs=1e-15)


def rest(several: int, a: tuple[int, int] = A, others: tuple[int, int] = (800, 2000)) -> tuple[float, float]:
    """The difference of a group's rate to that of all rows, from the one to the rest: the rest's share of it."""
    low, high = intervals.exact_difference(*a, *others, 0.95, several)
    share = others[1] / (a[1] + others[1])
    return share * low, share * high


def to_all(several: int, a: tuple[int, int] = A, others: tuple[int, int] = (800, 2000)) -> tuple[float, float]:
    """The ratio of a group's rate to that of all rows, from the one to the rest."""
    share = a[1] / (a[1] + others[1])
    low, high = (r / (share * r + 1 - share) for r in intervals.exact_ratio(*a, *others, 0.95, several))
    return low, high


# Intervals ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("confidence", [0.95, 0.8])
def test_the_interval_is_that_of_the_worst_pair_alone(run: Run, confidence: float) -> None:
    groups = {"a": (820, 2000), "b": (1500, 3000), "c": (450, 1000)}
    found = gaps(run, groups, {}, confidence=confidence)
    difference, ratio = found["selection_rate_difference"], found["selection_rate_ratio"]
    assert difference.value == pytest.approx(0.09) and ratio.value == pytest.approx(0.82)
    assert ends(difference) == near(intervals.exact_difference(1500, 3000, 820, 2000, confidence))
    assert ends(ratio) == near(intervals.exact_ratio(820, 2000, 1500, 3000, confidence))
    assert difference.n == ratio.n == 6000
    assert (difference.outcome, difference.remedy, ratio.outcome, ratio.remedy) == (None, None, None, None)
    assert difference.note == "worst pair: g=b (0.5 of 3000) and g=a (0.41 of 2000)"


def test_the_interval_to_all_rows_is_mapped_from_that_to_the_rest(run: Run) -> None:
    found = gaps(run, {"a": A, "b": B, "c": B}, {}, reference="overall")
    difference, ratio = found["selection_rate_difference"], found["selection_rate_ratio"]
    assert difference.value == pytest.approx(0.5 - 1300 / 3000)
    assert ends(difference) == near(rest(1))
    assert ratio.value == pytest.approx(1300 / 3000 / 0.5)
    low, high = to_all(1)
    assert ends(ratio) == near((1 / high, 1 / low))
    assert difference.note == "worst: g=a (0.5 of 1000) against all rows (0.4333)"


def test_a_group_below_all_rows_is_as_far_as_one_above(run: Run) -> None:
    found = gaps(run, {"a": A, "b": A, "c": B}, {}, reference="overall")
    difference, ratio = found["selection_rate_difference"], found["selection_rate_ratio"]
    low, high = rest(1, B, (1000, 2000))
    assert difference.value == pytest.approx(1400 / 3000 - 0.4)
    assert ends(difference) == near((-high, -low))
    assert ratio.value == pytest.approx(0.4 / (1400 / 3000))
    assert ends(ratio) == near(to_all(1, B, (1000, 2000)))


def test_a_group_that_may_lie_on_either_side_of_all_rows_may_lie_at_no_distance(run: Run) -> None:
    found = gaps(run, {"a": (52, 100), "b": (98, 200)}, {}, reference="overall")
    low, high = rest(1, (52, 100), (98, 200))
    assert low < 0 < high
    assert ends(found["selection_rate_difference"]) == near((0.0, max(-low, high)))
    low, high = to_all(1, (52, 100), (98, 200))
    assert ends(found["selection_rate_ratio"]) == near((min(low, 1 / high), 1.0))


def test_a_rate_that_one_group_alone_has_is_compared_with_nothing(run: Run) -> None:
    groups = {"a": (300, 500, 100, 500), "b": (0, 0, 200, 1000)}
    for reference in ("max", "overall"):
        found = odds(run, groups, {"equalized_odds_difference": 0.1}, reference=reference)
        limited, free = found["equalized_odds_difference"], found["true_positive_rate_difference"]
        assert limited.note == free.note == "fewer than two groups have a rate at all"
        assert (limited.value, limited.outcome) == (None, "inconclusive")
        assert limited.remedy is not None and limited.remedy.startswith("Evaluate on more rows")
        assert (free.value, free.outcome, free.remedy) == (None, None, None)
        assert found["false_positive_rate_difference"].value == 0


def test_where_nobody_has_any_the_ratio_is_undefined_and_the_difference_is_none(run: Run) -> None:
    groups = {"a": (0, 500, 100, 500), "b": (0, 500, 50, 500)}
    found = odds(run, groups, {"true_positive_rate_ratio": 0.8})
    ratio = found["true_positive_rate_ratio"]
    assert ratio.note == "no group has any, so a ratio is undefined"
    assert (ratio.value, ratio.outcome, ratio.limit) == (None, "inconclusive", Limit(">=", 0.8))
    assert found["true_positive_rate_difference"].value == 0


def test_one_group_has_nothing_to_be_compared_with(run: Run) -> None:
    found = gaps(run, {"a": A}, {"selection_rate_ratio": 0.8}, min_group_size=1001)
    note = "fewer than two groups, so there is nothing to compare; fewer than 1001 rows, not judged: g=a (1000)"
    assert found["selection_rate_ratio"].note == note


# Corrections --------------------------------------------------------------------------------------


def test_a_pair_is_corrected_for_the_pairs_that_count_and_for_the_limits(run: Run) -> None:
    three, name = {"a": A, "b": (300, 1000), "c": B}, "selection_rate_difference"
    pair = (500, 1000, 300, 1000, 0.95)
    named = "worst pair: g=a (0.5 of 1000) and g=b (0.3 of 1000)"
    few = gaps(run, {"a": A, "b": (300, 1000)}, {name: 0.1})[name]
    assert (few.outcome, few.note) == ("fail", named)
    all_ = gaps(run, three, {name: 0.1})[name]
    assert all_.note == f"{named}; {intervals.simultaneous(*intervals.exact_difference(*pair, 3))}"
    two = gaps(run, three, {name: 0.1, "selection_rate": 0.9})[name]
    assert two.note == f"{named}; {intervals.simultaneous(*intervals.exact_difference(*pair, 6))}"
    small = gaps(run, three | {"c": (8, 20)}, {name: 0.1})[name]
    assert (small.outcome, small.note) == ("fail", f"{named}; fewer than 30 rows, not judged: g=c (20)")
    floor = gaps(run, three, {"selection_rate_ratio": 0.8})["selection_rate_ratio"]
    wide = intervals.exact_ratio(300, 1000, 500, 1000, 0.95, 3)
    assert (floor.outcome, floor.note) == ("fail", f"{named}; {intervals.simultaneous(*wide)}")


def test_a_group_without_the_rate_is_no_pair(run: Run) -> None:
    groups = {"a": (500, 1000, 0, 100), "b": (300, 1000, 0, 100), "c": (0, 0, 50, 1000)}
    name = "equal_opportunity_difference"
    finding = odds(run, groups, {name: 0.1})[name]
    assert (finding.outcome, finding.n) == ("fail", 2000)
    assert finding.note == "worst pair: g=a (0.5 of 1000) and g=b (0.3 of 1000)"
    apart = odds(run, groups, {name: 0.1}, reference="overall")[name]
    assert apart.value == pytest.approx(0.1)
    low, high = intervals.exact_difference(500, 1000, 300, 1000)  # each has half of the rows: the rest is the other
    assert ends(apart) == near((low / 2, high / 2))
    assert str(apart.note).startswith("worst: g=b (0.3 of 1000) against all rows (0.4)")


@pytest.mark.parametrize("side", ["above", "below"])
def test_a_distance_to_all_rows_is_corrected_for_the_groups_that_count(run: Run, side: str) -> None:
    x, others, word = ((900, 1000), (800, 2000), "0.9") if side == "above" else ((100, 1000), (1200, 2000), "0.1")
    half = (others[0] // 2, 1000)
    groups = {"a": x, "b": half, "c": half}
    limits = {"selection_rate_difference": 0.2}
    finding = gaps(run, groups, limits, reference="overall")["selection_rate_difference"]
    assert finding.outcome == "fail"
    low, high = sorted(abs(end) for end in rest(3, x, others))
    assert str(finding.note).startswith(f"worst: g=a ({word} of 1000) against all rows (")
    assert str(finding.note).endswith(f"); {intervals.simultaneous(low, high)}")
    few = gaps(run, groups | {"c": (10, 20)}, limits, reference="overall")["selection_rate_difference"]
    low, high = sorted(abs(end) for end in rest(2, x, (half[0] + 10, 1020)))
    assert intervals.simultaneous(low, high) in str(few.note)


def test_what_fails_alone_says_so_with_the_interval_that_does_not(run: Run) -> None:
    groups, name = {"a": A, "b": B, "c": EVEN}, "selection_rate_difference"
    plain, wide = (intervals.exact_difference(*A, *B, 0.95, times) for times in (1, 3))
    assert wide[0] < 0.05 < plain[0]
    open_ = gaps(run, groups, {name: 0.05})[name]
    assert open_.outcome == "inconclusive"
    assert f"fails alone (g=a and g=b), but not beside the values judged with it: {intervals.simultaneous(*wide)}" in (
        str(open_.note)
    )
    assert gaps(run, {"a": A, "b": B}, {name: 0.05})[name].outcome == "fail"
    ratio = gaps(run, groups, {"selection_rate_ratio": 0.9})["selection_rate_ratio"]
    wide = intervals.exact_ratio(*B, *A, 0.95, 3)
    assert ratio.outcome == "inconclusive" and wide[1] > 0.9 > intervals.exact_ratio(*B, *A)[1]
    assert intervals.simultaneous(*wide) in str(ratio.note) and "fails alone" in str(ratio.note)


def test_what_fails_alone_to_all_rows_says_so_too(run: Run) -> None:
    groups = {"b": B, "a": A, "c": B}
    assert rest(3)[0] < 0.038 < rest(1)[0]
    open_ = gaps(run, groups, {"selection_rate_difference": 0.038}, reference="overall")["selection_rate_difference"]
    assert open_.outcome == "inconclusive"
    assert f"fails alone (g=a), but not beside the values judged with it: {intervals.simultaneous(*rest(3))}" in (
        str(open_.note)
    )
    sure = gaps(run, groups, {"selection_rate_difference": 0.035}, reference="overall")["selection_rate_difference"]
    assert sure.outcome == "fail"
    low, high = to_all(3)
    assert 1 / low > 0.92 > 1 / to_all(1)[0]
    ratio = gaps(run, groups, {"selection_rate_ratio": 0.92}, reference="overall")["selection_rate_ratio"]
    assert ratio.outcome == "inconclusive"
    assert (
        f"fails alone (g=a), but not beside the values judged with it: {intervals.simultaneous(1 / high, 1 / low)}"
        in (str(ratio.note))
    )
    small = gaps(run, groups | {"d": (0, 20)}, {"selection_rate_difference": 0.3}, reference="overall")
    assert small["selection_rate_difference"].outcome == "inconclusive"
    assert "fails alone" not in str(small["selection_rate_difference"].note)


def test_a_pair_of_the_other_rate_that_surely_fails_is_named(run: Run) -> None:
    """True positive rates lie further apart, but on few rows; the false positive rates surely miss the limit."""
    groups = {"a": (30, 50, 6_000, 20_000), "b": (20, 50, 3_000, 20_000)}
    finding = odds(run, groups, {"equalized_odds_difference": 0.1})["equalized_odds_difference"]
    wide = intervals.exact_difference(6_000, 20_000, 3_000, 20_000, 0.95, 2)
    assert (finding.value, finding.outcome, finding.n) == (pytest.approx(0.2), "fail", 40_100)
    assert ends(finding) == near(intervals.exact_difference(30, 50, 20, 50))
    assert finding.note == (
        "worst pair in true_positive_rate: g=a (0.6 of 50) and g=b (0.4 of 50); "
        f"surely outside: g=a and g=b; {intervals.simultaneous(*wide)}"
    )
    assert finding.remedy is not None and finding.remedy.startswith("Compare the two groups'")
    all_ = odds(run, groups, {"equalized_odds_difference": 0.05}, reference="overall")["equalized_odds_difference"]
    low, high = (end / 2 for end in wide)
    assert all_.outcome == "fail"
    assert all_.note == (
        "worst in true_positive_rate: g=a (0.6 of 50) against all rows (0.5); surely outside: g=a; "
        + intervals.simultaneous(
            *(end / 2 for end in intervals.exact_difference(6_000, 20_000, 3_000, 20_000, 0.95, 4))
        )
    )
    assert (low, high) != ends(all_)


# Words --------------------------------------------------------------------------------------------


def test_rows_that_would_settle_it_are_rows_of_the_whole_group(run: Run) -> None:
    limit = Limit("<=", 0.1)
    keeps = intervals.rows_for_difference(0.5, 0.45, limit)
    assert keeps == 1700
    name = "selection_rate_difference"
    finding = gaps(run, {"a": (50, 100), "b": (45, 100)}, {name: 0.1})[name]
    assert finding.outcome == "inconclusive"
    assert str(finding.note).endswith("; about 1,700 rows per group would settle it, should the rates stay as they are")
    assert "chance alone" not in str(finding.note)
    # Of group a every second row is positive, of group b every third: b needs three rows for one.
    groups = {"a": (50, 100, 50, 100), "b": (45, 100, 100, 200)}
    finding = odds(run, groups, {"equal_opportunity_difference": 0.1})["equal_opportunity_difference"]
    assert "about 5,100 rows per group" in str(finding.note)
    groups = {"a": (50, 100, 50, 100), "b": (35, 100, 50, 100)}
    finding = odds(run, groups, {"equalized_odds_difference": 0.1})["equalized_odds_difference"]
    misses = intervals.rows_for_difference(0.5, 0.35, limit, 0.95, 2)
    assert misses is not None
    assert finding.note == (
        "worst pair in true_positive_rate: g=a (0.5 of 100) and g=b (0.35 of 100); "
        "the value misses the limit, but with so few rows chance alone could do that; "
        f"about {2 * misses:,} rows per group would settle it, should the rates stay as they are"
    )
    assert len(str(misses).rstrip("0")) <= 2
    ratio = gaps(run, {"a": (50, 100), "b": (45, 100)}, {"selection_rate_ratio": 0.8})["selection_rate_ratio"]
    assert "about 1,400 rows per group" in str(ratio.note)


def test_rows_are_rounded_up_to_two_digits(run: Run) -> None:
    groups = {"a": (50, 100, 50, 100), "b": (45, 100, 100, 233)}
    finding = odds(run, groups, {"equal_opportunity_difference": 0.1})["equal_opportunity_difference"]
    assert "about 5,700 rows per group" in str(finding.note)


def test_a_rate_at_the_limit_is_settled_by_no_number_of_rows(run: Run) -> None:
    name = "selection_rate_difference"
    finding = gaps(run, {"a": (50, 100), "b": (25, 100)}, {name: 0.25})[name]
    assert str(finding.note).endswith(
        "the rates lie so near the limit that no practical number of rows would settle it"
    )
    all_ = gaps(run, {"a": (50, 100), "b": (25, 100)}, {name: 0.12}, reference="overall")[name]
    assert all_.note == (
        "worst: g=a (0.5 of 100) against all rows (0.375); the value misses the limit, but with so few rows chance "
        "alone could do that; more rows per group are needed"
    )


@pytest.mark.parametrize("reference", ["max", "overall"])
def test_a_small_group_is_blamed_only_where_the_others_keep_the_limit(run: Run, reference: str) -> None:
    name, blamed = "selection_rate_difference", "the groups that can be judged keep the limit, a smaller one could miss"
    few = gaps(run, {"a": (5000, 10_000), "b": (5000, 10_000), "c": (12, 20)}, {name: 0.05}, reference=reference)[name]
    assert few.outcome == "inconclusive" and blamed in str(few.note)
    both = gaps(run, {"a": (50, 100), "b": (50, 100), "c": (12, 20)}, {name: 0.05}, reference=reference)[name]
    assert both.outcome == "inconclusive" and blamed not in str(both.note)
    plain = gaps(run, {"a": (50, 100), "b": (50, 100)}, {name: 0.05}, reference=reference)[name]
    assert plain.outcome == "inconclusive" and blamed not in str(plain.note)


def test_what_strata_make_of_a_gap_is_said_of_all_rows_alone(run: Run) -> None:
    """Inside the departments nobody is ahead; one sex applies more to the one that takes few."""
    rows = [
        (sex, department, d, w)
        for sex, department, hits, n in (
            ("f", "x", 80, 400),
            ("m", "x", 20, 100),
            ("f", "y", 70, 100),
            ("m", "y", 280, 400),
        )
        for d, w in ((1, hits), (0, n - hits))
    ]
    frame = pd.DataFrame(rows, columns=["g", "k", "d", "w"])
    found = run("fairness", {"evaluation": frame}, ROLES, limits={}, weight_kind="frequency", control=["k"])
    for measure in ("selection_rate_difference", "selection_rate_ratio", "demographic_parity_difference"):
        notes = {f.by.get("k"): str(f.note) for f in found if f.measure == measure}
        assert notes.keys() == {None, "x", "y"}
        assert {k: "vanishes" in note for k, note in notes.items()} == {None: True, "x": False, "y": False}
