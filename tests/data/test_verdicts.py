"""One rate against a limit: the verdict, why it is open, and the rows that would settle it."""

import numpy as np
import pytest

from aims_gates import Limit, intervals

TENTH, NINE_TENTHS = Limit("<=", 0.1), Limit(">=", 0.9)


@pytest.mark.parametrize(
    ("limit", "x", "n", "outcome"),
    [
        (TENTH, 20, 1000, "pass"),
        (TENTH, 300, 1000, "fail"),
        (TENTH, 1, 10, "inconclusive"),
        (TENTH, 0, 0, "inconclusive"),
        (NINE_TENTHS, 990, 1000, "pass"),
        (NINE_TENTHS, 500, 1000, "fail"),
        (NINE_TENTHS, 10, 10, "inconclusive"),
    ],
)
def test_a_rate_is_judged_by_its_whole_interval(limit: Limit, x: int, n: int, outcome: str) -> None:
    assert intervals.judge_rate(limit, x, n)[0] == outcome


def test_of_several_rates_one_fails_only_by_the_wider_interval() -> None:
    assert intervals.judge_rate(TENTH, 123, 1000)[0] == "fail"
    assert intervals.judge_rate(TENTH, 123, 1000, comparisons=20)[0] == "inconclusive"
    assert intervals.judge_rate(TENTH, 50, 1000, comparisons=20)[0] == "pass"


@pytest.mark.parametrize(
    ("rate", "limit", "times"),
    [
        (0.05, TENTH, 1),
        (0.09, TENTH, 1),
        (0.12, TENTH, 1),
        (0.12, TENTH, 20),
        (0.2, TENTH, 1),
        (0.001, Limit("<=", 0.01), 1),
        (0.95, NINE_TENTHS, 1),
    ],
)
def test_the_rows_asked_for_settle_a_rate_eight_times_in_ten(rate: float, limit: Limit, times: int) -> None:
    rows = intervals.rows_for_rate(rate, limit, comparisons=times)
    assert rows is not None
    met = limit.met(rate)
    counts = np.random.default_rng(5).binomial(rows, rate, 20_000)
    ends = np.stack(intervals.exact_rate(counts, np.full(20_000, rows), 0.95, 1 if met else times))
    inside = ends <= limit.value if limit.op == "<=" else ends >= limit.value
    settled = float(np.mean(inside.all(axis=0) if met else ~inside.any(axis=0)))
    assert 0.8 <= settled <= 0.92


def test_a_rate_on_its_limit_is_settled_by_no_number_of_rows() -> None:
    assert intervals.rows_for_rate(0.1, TENTH) is None
    assert intervals.judge_rate(TENTH, 10, 100) == (
        "inconclusive",
        "the interval reaches over the limit: no number of rows would settle it",
    )


def test_a_finding_carries_rate_interval_verdict_and_why_it_is_open() -> None:
    found = intervals.rate_finding("error", 1, 10, TENTH, 0.95, by={"sex": "f"}, note="of ten")
    assert (found.value, found.low, found.high) == (0.1, *intervals.exact_rate(1, 10))
    assert (found.outcome, found.by, found.remedy) == ("inconclusive", {"sex": "f"}, "Evaluate on more rows.")
    assert found.note is not None
    assert found.note.startswith("of ten; the interval reaches over the limit")


def test_a_rate_of_no_rows_has_no_value_and_without_a_limit_it_is_information() -> None:
    found = intervals.rate_finding("error", 0, 0, TENTH, 0.95)
    assert (found.value, found.low, found.high, found.outcome) == (None, None, None, "inconclusive")
    assert intervals.rate_finding("error", 1, 10, None, 0.95).outcome is None
    failed = intervals.rate_finding("error", 9, 10, TENTH, 0.95, remedy="Fix it.")
    assert (failed.outcome, failed.remedy) == ("fail", "Fix it.")
