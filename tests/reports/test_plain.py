"""Findings in words: who, how much, how sure, and how many rows would settle it."""

from dataclasses import replace

import pytest

from aims_gates.model import Finding, Limit
from aims_gates.reports.plain import more_rows, plain_findings

OPEN = Finding("accuracy", 0.82, 0.78, 0.86, n=400, limit=Limit(">=", 0.8), outcome="inconclusive")


def test_rows_that_settle_grow_with_the_square_of_the_width_over_the_distance() -> None:
    # Half width 0.04 towards the limit, distance 0.02: four times the rows, so three times as many more.
    assert more_rows(OPEN) == 1200
    # A value on the failing side is settled when the end beyond the limit comes back over it.
    assert more_rows(replace(OPEN, value=0.79, low=0.75, high=0.83)) == 6000


@pytest.mark.parametrize(
    "finding",
    [
        replace(OPEN, value=0.8),
        replace(OPEN, value=0.8001),
        replace(OPEN, n=None),
        replace(OPEN, low=None, high=None),
        replace(OPEN, outcome="fail"),
        replace(OPEN, limit=None),
        replace(OPEN, low=0.81),
        replace(OPEN, low=float("-inf")),
    ],
)
def test_where_rows_would_not_settle_it_none_are_named(finding: Finding) -> None:
    assert more_rows(finding) is None


def test_a_ratio_over_groups_is_said_of_the_group_that_fares_worst() -> None:
    ratio = Finding(
        "demographic_parity_ratio", 0.71, 0.63, 0.79, n=900, over={"sensitive": ["sex", "age"]},
        limit=Limit(">=", 0.8), outcome="fail", controls=("A.5.4",),
    )  # fmt: skip
    groups = [
        Finding("impact_ratio", value, value - 0.08, value + 0.08, n=300, by={"sex": sex, "age": age})
        for sex, age, value in (("women", "over 50", 0.71), ("men", "over 50", 0.9), ("men", "under 50", 1.0))
    ]
    words = plain_findings("fairness", [*groups, ratio], "approved")
    assert [words.text for words in words] == [
        "sex women, age over 50: they are given 'approved' at 0.71 of the best group's rate, 0.63 to 0.79; "
        "the limit is at least 0.80"
    ]
    assert words[0].controls == ("A.5.4",)


def test_unmet_findings_come_first_and_what_the_gate_itself_counted_is_said() -> None:
    passed = Finding("roc_auc", 0.9, 0.88, 0.92, n=400, limit=Limit(">=", 0.5), outcome="pass")
    counted = replace(OPEN, note="worst pair: a and b; about 900 rows per group would settle it, should they stay")
    texts = [words.text for words in plain_findings("performance", [passed, counted])]
    assert texts[0].endswith("; about 900 rows per group would settle it, should they stay")
    hopeless = replace(OPEN, note="about 3,400,000 rows per group would settle it")
    assert "settle" not in plain_findings("performance", [hopeless])[0].text


def test_what_could_not_be_computed_says_why_and_what_to_do() -> None:
    broken = Finding("fairness", outcome="error", note="no such label.", remedy="Name another.")
    assert plain_findings("fairness", [broken])[0].text == "fairness: no such label. Name another"


def test_small_groups_are_left_out_of_the_words() -> None:
    small = Finding("group_size", 3, n=3, by={"race": "x"}, limit=Limit(">=", 30), outcome="fail")
    assert plain_findings("representativeness", [small], smallest=5) == []
