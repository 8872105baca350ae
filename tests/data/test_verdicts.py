"""One rate against a limit: the verdict, why it is open, and the rows that would settle it."""

from itertools import pairwise

import numpy as np
import pytest

from aims_gates import Limit, intervals
from aims_gates.data.intervals.clusters import at_level
from aims_gates.data.intervals.verdicts import MOST_ROWS, least_rows, outcomes, with_power

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


# Words and ends -----------------------------------------------------------------------------------


def test_what_is_judged_beside_others_shows_the_interval_that_decides() -> None:
    wide = intervals.simultaneous(*intervals.exact_rate(123, 1000, 0.95, 20))
    assert intervals.judge_rate(TENTH, 123, 1000) == ("fail", None)
    assert intervals.judge_rate(TENTH, 123, 1000, comparisons=20) == (
        "inconclusive",
        f"fails alone, but not beside the rates judged with it: {wide}",
    )
    two = intervals.simultaneous(*intervals.exact_rate(130, 1000, 0.95, 2))
    assert intervals.judge_rate(TENTH, 130, 1000, comparisons=2) == ("fail", two)
    assert intervals.judge_rate(TENTH, 50, 1000, comparisons=2) == ("pass", None)
    wide = intervals.simultaneous(*intervals.exact_rate(95, 1000, 0.95, 3))
    rows = intervals.rows_for_rate(0.095, TENTH, comparisons=3)
    assert intervals.judge_rate(TENTH, 95, 1000, comparisons=3) == (
        "inconclusive",
        f"the interval reaches over the limit: at this rate about {rows:,} rows in all would settle it; {wide}",
    )
    assert intervals.judge_rate(TENTH, 0, 0) == ("inconclusive", "there are no rows to judge by")
    assert "no rows" not in str(intervals.judge_rate(TENTH, 1, 1)[1])
    assert "no rows" not in str(intervals.judge_rate(TENTH, 0.2, 0.5)[1])


def test_a_size_that_rests_on_few_clusters_is_judged_by_students_quantile() -> None:
    size = float(at_level(1000, 4, 0.95))
    assert size < 1000 * (1.96 / 2.77) ** 2
    plain = intervals.exact_rate(0.08 * size, size)
    found = intervals.rate_finding("error", 80, 1000, TENTH, 0.95, df=4, over={"part": "x"})
    assert (found.value, found.low, found.high, found.n) == (0.08, *plain, 1000)
    assert (found.outcome, found.over) == ("inconclusive", {"part": "x"})
    assert intervals.rate_finding("error", 80, 1000, TENTH, 0.95).outcome == "pass"
    assert intervals.judge_rate(TENTH, 123, 1000)[0] == "fail"
    assert intervals.judge_rate(TENTH, 123, 1000, df=4)[0] == "inconclusive"
    several = intervals.rate_finding("error", 123, 1000, TENTH, 0.95, comparisons=20)
    assert (several.outcome, several.remedy) == ("inconclusive", "Evaluate on more rows.")
    assert (several.low, several.high) == intervals.exact_rate(123, 1000)


def test_a_finding_of_one_row_has_a_value_and_one_that_passes_needs_nothing() -> None:
    found = intervals.rate_finding("error", 1, 1, None, 0.95)
    assert (found.value, found.low, found.high, found.n) == (1, *intervals.exact_rate(1, 1), 1)
    assert (found.note, found.remedy, found.limit) == (None, None, None)
    passed = intervals.rate_finding("error", 0, 1000, TENTH, 0.95)
    assert (passed.outcome, passed.note, passed.remedy, passed.value, passed.low) == ("pass", None, None, 0, 0)


# Rows ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.02, 0.5, 0.93])
def test_outcomes_are_the_middles_of_sixty_equal_shares_of_chance(rate: float) -> None:
    from scipy.stats import binom

    middles = (np.arange(60) + 0.5) / 60
    assert np.array_equal(outcomes(rate, 400), binom.ppf(middles, 400, rate))


def test_a_rate_of_nought_or_one_has_one_outcome() -> None:
    assert np.array_equal(outcomes(0.0, 50), np.zeros(60))
    assert np.array_equal(outcomes(1.0, 50), np.full(60, 50.0))
    assert set(outcomes(0.001, 50)) == {0.0, 1.0}  # 0.95 of nought, and the counts are whole and not negative


def test_either_side_of_a_limit_asks_for_as_many_rows() -> None:
    assert intervals.rows_for_rate(0.05, Limit("<", 0.1)) == intervals.rows_for_rate(0.05, TENTH)
    assert intervals.rows_for_rate(0.95, Limit(">", 0.9)) == intervals.rows_for_rate(0.95, NINE_TENTHS)
    assert intervals.rows_for_rate(0.95, NINE_TENTHS) == intervals.rows_for_rate(0.05, TENTH)
    assert intervals.rows_for_rate(0.15, NINE_TENTHS) == intervals.rows_for_rate(0.85, TENTH)
    assert intervals.rows_for_rate(0.05, TENTH, comparisons=9) == intervals.rows_for_rate(0.05, TENTH)


def test_a_clear_rate_asks_for_the_least_rows_that_always_settle() -> None:
    none = intervals.rows_for_rate(0.0, TENTH)
    assert none is not None
    assert 1 - 0.025 ** (1 / none) <= 0.1 < 1 - 0.025 ** (1 / (none - 1))  # Clopper and Pearson's end of 0 hits
    assert intervals.rows_for_rate(1.0, NINE_TENTHS) == none


@pytest.mark.parametrize("start", [1, 2, 5])
def test_the_least_rows_are_found_to_the_row(start: int) -> None:
    for least in (5, 6, 7, 8, 31, 32, 33, 1000, 4097):
        assert least_rows(lambda n, least=least: n >= least, start) == least  # type: ignore[misc]


def test_the_least_rows_may_be_too_many_by_one_part_in_so_many() -> None:
    tried = []

    def settled(n: int) -> bool:
        tried.append(n)
        return n >= 100_000

    rows = least_rows(settled, 2, near=50)
    assert rows is not None and 100_000 <= rows <= 102_000
    assert len(tried) < 25
    assert rows - max(n for n in tried if n < 100_000) > 1_000  # no further than that is looked


def test_nobody_is_asked_for_more_than_ten_million_rows() -> None:
    assert MOST_ROWS == 10_000_000
    assert least_rows(lambda n: n >= MOST_ROWS, MOST_ROWS // 2) == MOST_ROWS
    assert least_rows(lambda n: n >= MOST_ROWS, MOST_ROWS // 2 + 1) is None
    assert with_power(MOST_ROWS, lambda n: 1.0) == MOST_ROWS
    assert with_power(MOST_ROWS + 1, lambda n: 1.0) is None
    assert with_power(1, lambda n: 0.0) is None
    assert with_power(None, lambda n: 1.0) is None


def test_rows_are_asked_for_to_two_digits_and_grow_by_a_twentieth() -> None:
    for least, rows in ((1, 1), (7, 7), (99, 99), (100, 100), (101, 110), (1234, 1300), (1300, 1300), (12_001, 13_000)):
        assert with_power(least, lambda n: 1.0) == rows
    tried: list[int] = []

    def share(n: int) -> float:
        tried.append(n)
        return 0.82 if n >= 2000 else 0.8199

    assert with_power(1950, share) == 2000
    assert with_power(17, share) == 2000
    assert tried[:1] == [2000]
    steps = tried[1:]
    assert steps[:8] == [17, 18, 19, 20, 21, 22, 23, 24]
    grown = [(int(before * 1.05), after) for before, after in pairwise(steps) if 200 <= before < 900]
    assert grown and all(after == -(-least // 10) * 10 for least, after in grown)
