"""Roles are proposed from names, types and signatures, and each says so."""

from typing import Any

import pandas as pd
import pytest

from aims_gates.data import Dataset
from aims_gates.errors import DataError, InputError
from aims_gates.setup.proposals import positive_of, sensitive_of, target_of, with_bands


def dataset(**columns: list[Any]) -> Dataset:
    return Dataset.open(pd.DataFrame(columns), role="evaluation")


PEOPLE = dataset(income=[1.0, 2.0], sex=["f", "m"], customerAge=[20, 60], usage=[1, 2], approved=["no", "yes"])


def test_the_one_column_that_the_model_does_not_ask_for_is_the_target() -> None:
    proposal = target_of(PEOPLE, ("income", "sex", "customerAge", "usage"), None)
    assert (proposal.value, proposal.source) == (("approved",), "proposed")
    assert "change it with --target" in proposal.sentence()


def test_of_several_columns_none_is_guessed_but_by_its_name() -> None:
    assert target_of(PEOPLE, ("income",), None).value == ()
    assert "it may be any of sex" in target_of(PEOPLE, ("income",), None).sentence()
    assert target_of(dataset(a=[1], Label=[1]), None, None).value == ("Label",)
    assert target_of(PEOPLE, ("income",), None, returned=("approved",)).value == ("approved",)


def test_what_the_run_recorded_goes_before_a_guess_and_what_is_named_before_both() -> None:
    data = dataset(a=[1], y=[1], truth=[1])
    assert target_of(data, ("a",), None, recorded=("truth",)).value == ("truth",)
    assert target_of(data, ("a",), "y", recorded=("truth",)).source == "named"
    with pytest.raises(DataError, match="no column 'z'"):
        target_of(data, ("a",), "z")


def test_sensitive_columns_are_known_by_whole_words_of_their_names() -> None:
    assert sensitive_of(PEOPLE, "approved", ()).value == ("sex", "customerAge")
    assert sensitive_of(PEOPLE, "sex", ()).value == ("customerAge",)
    assert sensitive_of(PEOPLE, "approved", ("none",)).value == ()
    assert sensitive_of(PEOPLE, "approved", ("income",)).source == "named"


@pytest.mark.parametrize(
    ("labels", "favourable"),
    [
        (["no", "yes"], ("yes",)),
        ([0, 1], (1,)),
        (["good", "bad"], ("good",)),
        (["a", "b"], ("b",)),
        (["a", "b", "c"], ()),
    ],
)
def test_the_favourable_label_is_known_by_its_name(labels: list[Any], favourable: tuple[Any, ...]) -> None:
    assert positive_of(dataset(y=labels), "y", None).value == favourable


def test_a_label_that_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(InputError, match="no label 'maybe'") as refused:
        positive_of(PEOPLE, "approved", "maybe")
    assert "no, yes" in str(refused.value)


def test_a_quantity_has_no_favourable_label() -> None:
    proposal = positive_of(dataset(y=[float(value) for value in range(50)]), "y", None)
    assert proposal.value == () and "quantity" in proposal.why


def test_quantities_are_grouped_in_bands_and_missing_values_stay_missing() -> None:
    data = dataset(age=[*range(20, 60), None], sex=["f"] * 41, code=[1, 2] * 20 + [1])
    bands = with_bands(data, ("age", "sex", "code"))
    assert list(bands) == ["age"]
    counts = dict(data.query(f"SELECT {bands['age']} AS band, count(*) FROM data GROUP BY 1"))
    assert counts == {"under 30": 10, "30 to under 50": 20, "50 and over": 10, None: 1}


def test_quantities_other_than_ages_are_cut_at_their_terciles() -> None:
    data = dataset(income=[float(value) for value in range(30)])
    bands = with_bands(data, ("income",))
    counts = [count for _, count in data.query(f"SELECT {bands['income']} AS band, count(*) FROM data GROUP BY 1")]
    assert len(counts) == 3 and max(counts) <= 11


def test_ages_that_all_lie_beyond_the_usual_cuts_are_cut_at_their_terciles() -> None:
    assert list(bands_of([20, 40, 60])) == ["under 30", "30 to under 50", "50 and over"]
    assert list(bands_of([40, 60, 70])) == ["under 50", "50 and over"]
    assert list(bands_of(list(range(60, 90)))) == ["under 69.19", "69.19 to under 79.19", "79.19 and over"]


def bands_of(ages: list[int]) -> dict[str, None]:
    """The bands that these ages fall into, each many times over, in order of age."""
    data = dataset(age=[age + step / 100 for age in ages for step in range(20)])
    (sql,) = with_bands(data, ("age",)).values()
    return dict.fromkeys(band for (band,) in data.query(f"SELECT {sql} FROM data ORDER BY age"))


def test_a_column_that_pandas_added_for_its_index_is_no_target() -> None:
    data = dataset(age=[1], died=[0], __index_level_0__=[7])
    assert target_of(data, ("age",), None).value == ("died",)
