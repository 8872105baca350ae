"""Limits: read strictly, and refused when they stand the wrong way round."""

import math
from typing import Any

import pytest

from aims_gates import InputError, Limit, read_limits, with_conventions
from aims_gates.packs.limits import better, read_limit


def test_limits_are_read_by_measure() -> None:
    given = {"accuracy": {"op": ">=", "value": 1}, "selection_rate": {"op": "<", "value": 0.5}}
    assert read_limits(given) == {"accuracy": Limit(">=", 1.0), "selection_rate": Limit("<", 0.5)}
    assert read_limits(None) == {}


@pytest.mark.parametrize(
    ("measure", "way"),
    [
        ("equalized_odds_difference", "less"),
        ("demographic_parity_ratio", "more"),
        ("impact_ratio", "more"),
        ("log_loss", "less"),
        ("roc_auc", "more"),
        ("roc_auc_champion_difference", "more"),
        ("log_loss_champion_difference", "less"),
        ("selection_rate", None),
        ("selection_rate_disparity", None),
    ],
)
def test_a_measure_improves_one_way_or_none(measure: str, way: str | None) -> None:
    assert better(measure) == way


@pytest.mark.parametrize(
    ("measure", "op"),
    [
        ("accuracy_difference", ">="),
        ("selection_rate_ratio", "<="),
        ("accuracy", "<"),
        ("accuracy_champion_difference", "<="),
    ],
)
def test_a_limit_the_wrong_way_round_is_refused_with_the_right_one(measure: str, op: str) -> None:
    with pytest.raises(InputError, match="wrong way round") as caught:
        read_limit(measure, {"op": op, "value": 0.1})
    assert caught.value.remedy is not None
    assert "use" in caught.value.remedy


@pytest.mark.parametrize(
    "given",
    [
        None,
        0.8,
        {"op": "=", "value": 1},
        {"op": "<="},
        {"op": "<=", "value": 1, "why": ""},
        {"op": "<=", "value": True},
        {"op": "<=", "value": math.nan},
        {"op": "<=", "value": math.inf},
        {"op": "<=", "value": "1"},
    ],
)
def test_anything_else_is_refused(given: Any) -> None:
    with pytest.raises(InputError):
        read_limit("count", given)


def test_a_measure_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="no measure 'acuracy'") as caught:
        read_limits({"acuracy": {"op": ">=", "value": 1}}, ["accuracy"])
    assert caught.value.remedy == "Choose from: accuracy."
    with pytest.raises(InputError, match="must be an object"):
        read_limits([1])


def test_conventions_hold_where_nothing_is_given_and_null_takes_one_away() -> None:
    conventions = {"error": Limit("<=", 0.1), "flip_rate": Limit("<=", 0.05)}
    known = (*conventions, "gain")
    assert with_conventions(None, conventions, known) == conventions
    given = {"error": None, "gain": {"op": ">=", "value": 0}}
    assert with_conventions(given, conventions, known) == {"flip_rate": Limit("<=", 0.05), "gain": Limit(">=", 0.0)}


@pytest.mark.parametrize("given", [{"eror": {"op": "<=", "value": 0.1}}, [1], "error", {"error": 0.1}])
def test_limits_over_conventions_are_read_as_strictly(given: Any) -> None:
    with pytest.raises(InputError):
        with_conventions(given, {"error": Limit("<=", 0.1)}, ("error",))
