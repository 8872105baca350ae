"""What a case answers a gate: one column, one number, one data set, or an error that names the gate and the remedy."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from aims_gates import Case, DataError, Dataset, InputError

NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)


def case(**changes: Any) -> Case:
    parts: dict[str, Any] = {"params": {}, "roles": {}, "data": {}} | changes
    return Case("audit", parts["params"], parts["roles"], parts["data"], NOW)


def test_a_role_has_one_column_or_none() -> None:
    given = case(roles={"target": ("y",), "id": ()})
    assert (given.column("target"), given.column("id"), given.column("score")) == ("y", None, None)
    assert given.needed_column("target") == "y"


def test_several_columns_in_one_role_are_an_error_that_names_the_role() -> None:
    with pytest.raises(InputError, match=r"several columns have the role 'target'") as caught:
        case(roles={"target": ("y", "z")}).column("target")
    assert (caught.value.where, caught.value.remedy) == ("audit", "Name one.")


def test_a_needed_column_that_is_not_there_is_an_error_with_the_flag() -> None:
    with pytest.raises(InputError, match="no column has the role 'score'") as caught:
        case().needed_column("score")
    assert caught.value.remedy == "Name one: --role score=COLUMN."


def test_a_number_lies_between_its_bounds() -> None:
    assert case(params={"bins": 10}).number("bins", 2, 10) == 10.0


@pytest.mark.parametrize("value", [1, 11, True, "10", None, float("nan")])
def test_what_is_no_number_between_the_bounds_is_an_error(value: Any) -> None:
    with pytest.raises(InputError, match="bins cannot be") as caught:
        case(params={"bins": value}).number("bins", 2, 10)
    assert caught.value.remedy == "Choose a number from 2 to 10."


def test_a_data_set_that_is_not_there_is_an_error_with_the_flag() -> None:
    data = Dataset.open(pd.DataFrame({"y": [1]}), role="evaluation")
    assert case(data={"evaluation": data}).dataset("evaluation") is data
    with pytest.raises(DataError, match="there is no reference data") as caught:
        case().dataset("reference")
    assert caught.value.remedy == "Give --data reference=FILE."
