"""The kit that gates share: weights, verdicts on intervals, yes or no, bins of scores."""

import math

import pandas as pd
import pytest

from aims_gates import DataError, Dataset, InputError, Limit
from aims_gates.gatekit import calibration_bins, calibration_error, holds, judge_interval, read_bands, weight_sql

AT_MOST = Limit("<=", 0.1)


def frame(**columns: list[object]) -> Dataset:
    return Dataset.open(pd.DataFrame(columns), role="evaluation")


@pytest.mark.parametrize(
    ("weights", "problem"),
    [
        ([1.0, None, 2.0], "1 rows have no weight"),
        ([1.0, -1.0, 2.0], "a weight in 'w' is negative"),
        ([1.0, math.inf, 2.0], "a weight in 'w' is infinite"),
        (["1", "inf", "2"], "a weight in 'w' is infinite"),
        ([0.0, 0.0, 0.0], "all weights in 'w' are 0"),
        ([1e200, 1e200, 1.0], "too large or too small to add up"),
        (["a", "b", "c"], "no numbers"),
    ],
)
def test_weights_that_cannot_be_used_are_refused_alike_by_every_gate(weights: list[object], problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        weight_sql(frame(w=weights), "w")


def test_without_a_column_every_row_counts_once() -> None:
    assert weight_sql(frame(w=[1.0]), None) == "1"


@pytest.mark.parametrize(
    ("value", "plain", "corrected", "outcome"),
    [
        (0.30, (0.20, 0.40), (0.15, 0.45), "fail"),
        (0.30, (0.20, 0.40), (0.05, 0.55), "inconclusive"),
        (0.05, (0.02, 0.08), (0.01, 0.15), "pass"),
        (0.05, (0.02, 0.12), None, "inconclusive"),
        (0.30, (0.20, 0.40), None, "fail"),
    ],
)
def test_a_value_fails_on_the_corrected_interval_and_passes_on_the_plain_one(
    value: float, plain: tuple[float, float], corrected: tuple[float, float] | None, outcome: str
) -> None:
    assert judge_interval(AT_MOST, value, plain, corrected)[0] == outcome


def test_an_open_verdict_says_whether_it_was_corrected() -> None:
    alone = judge_interval(AT_MOST, 0.05, (0.02, 0.12))[1]
    among_others = judge_interval(AT_MOST, 0.3, (0.2, 0.4), (0.05, 0.55))[1]
    assert alone is not None and "simultaneous" not in alone
    assert among_others == "fails alone, but not beside the values judged with it: simultaneous interval 0.05 to 0.55"
    assert judge_interval(AT_MOST, 0.3, (0.2, 0.4), (0.15, 0.45))[1] == "simultaneous interval 0.15 to 0.45"


def test_yes_passes_and_no_fails_with_its_remedy() -> None:
    yes, no = holds("listed", True, remedy="List it."), holds("listed", False, remedy="List it.")
    assert (yes.value, yes.outcome, yes.remedy) == (1.0, "pass", None)
    assert (no.value, no.outcome, no.remedy) == (0.0, "fail", "List it.")


def test_a_bin_whose_rows_all_weigh_nothing_is_no_bin() -> None:
    data = frame(s=[0.05, 0.15, 0.15, 1.0], y=[1, 0, 1, 1], w=[0.0, 1.0, 3.0, 1.0])
    rows = "SELECT s, y, w FROM data"
    bins = calibration_bins(data, rows, read_bands(data, rows, "equal", 10), sampling=False)[None]
    assert [(one.place, one.n, one.share) for one in bins] == [(1, 4.0, 0.75), (9, 1.0, 1.0)]


def test_the_calibration_error_is_the_mean_distance_over_the_bins() -> None:
    data = frame(s=[0.25] * 4 + [0.75] * 4, y=[0, 0, 0, 1, 1, 1, 1, 1], w=[1.0] * 8)
    rows = "SELECT s, y, w FROM data"
    bins = calibration_bins(data, rows, read_bands(data, rows, "equal", 10))[None]
    value, low, high = calibration_error(bins, 0.95)
    assert value == pytest.approx(0.125) and low <= value <= high


@pytest.mark.parametrize("bands", [[0.0, 0.5], [0.5, 1.0], [0.5, 0.5], [0.5, 0.2], [], [True], "deciles"])
def test_bands_rise_between_0_and_1(bands: object) -> None:
    with pytest.raises(InputError, match="bands cannot be"):
        read_bands(frame(s=[0.1], w=[1.0]), "SELECT s, w FROM data", bands, 10)


def test_given_bands_are_named_from_0_to_1() -> None:
    bands = read_bands(frame(s=[0.1], w=[1.0]), "SELECT s, w FROM data", [0.05, 0.2], 10)
    assert bands.names == ("0 to 0.05", "0.05 to 0.2", "0.2 to 1")


def test_quantile_bands_of_scores_that_begin_above_0_hold_as_many_rows_each() -> None:
    scores: list[object] = [0.5 + place / 400 for place in range(100)]
    data = frame(s=scores, y=[0] * 50 + [1] * 50, w=[1.0] * 100)
    rows = "SELECT s, y, w FROM data"
    bins = calibration_bins(data, rows, read_bands(data, rows, "quantile", 4))[None]
    assert [one.weight for one in bins] == [25, 25, 25, 25]
    assert [one.share for one in bins] == [0, 0, 1, 1]


def test_the_interval_of_the_calibration_error_is_made_of_the_bands_intervals() -> None:
    data = frame(s=[0.2] * 40 + [0.9] * 60, y=[0] * 10 + [1] * 30 + [0] * 6 + [1] * 54, w=[1.0] * 100)
    rows = "SELECT s, y, w FROM data"
    bins = calibration_bins(data, rows, read_bands(data, rows, "equal", 10))[None]
    (low_0, high_0), (low_1, high_1) = (one.rate.interval(0.95, 2) for one in bins)
    value, low, high = calibration_error(bins, 0.95)
    assert value == pytest.approx(0.4 * (0.75 - 0.2) + 0.6 * (0.9 - 0.9))
    assert low == pytest.approx(0.4 * (low_0 - 0.2))
    assert high == pytest.approx(0.4 * (high_0 - 0.2) + 0.6 * max(0.9 - low_1, high_1 - 0.9))
    assert high < 1
    assert calibration_error(bins, 0.95, 2)[2] > high
