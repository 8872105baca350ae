"""Findings of each group: which is the reference, what counts, the corrections, and their words, by hand."""

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import pytest

from aims_gates import Finding, intervals
from aims_gates.evaluation.run_gate import outcome_of
from aims_gates.gatekit import fails_alone

Run = Callable[..., tuple[Finding, ...]]
Counts = Mapping[str, tuple[int, int]]
ROLES = {"sensitive": ["g"], "prediction": ["d"], "weight": ["w"]}
THREE = {"a": (500, 1000), "b": (400, 1000), "c": (450, 1000)}
BY_LABEL = ["g", "y", "d", "w"]


def decided(run: Run, groups: Counts, limits: dict[str, float] | None = None, **params: Any) -> tuple[Finding, ...]:
    """The findings of groups' selected and all rows, each under a floor."""
    rows = [(name, d, w) for name, (hits, n) in groups.items() for d, w in ((1, hits), (0, n - hits))]
    frame = pd.DataFrame(rows, columns=["g", "d", "w"]).query("w > 0")
    floors = {name: {"op": ">=", "value": value} for name, value in (limits or {}).items()}
    return run("fairness", {"evaluation": frame}, ROLES, limits=floors, **{"weight_kind": "frequency"} | params)


def of(findings: tuple[Finding, ...], measure: str) -> dict[str, Finding]:
    """Group -> its finding."""
    return {f.by["g"]: f for f in findings if f.measure == measure and "g" in f.by}


def words(findings: tuple[Finding, ...], measure: str) -> dict[str, tuple[str | None, str | None]]:
    return {group: (f.outcome, f.note) for group, f in of(findings, measure).items()}


def near(pair: tuple[float, float]) -> Any:
    return pytest.approx(pair, rel=1e-12, abs=1e-15)


# Rates --------------------------------------------------------------------------------------------


def test_a_rate_passes_by_its_own_interval_and_fails_by_that_of_all_groups(run: Run) -> None:
    found = decided(run, THREE, {"selection_rate": 0.434})
    for group, (hits, n) in THREE.items():
        rate = of(found, "selection_rate")[group]
        assert (rate.value, rate.low, rate.high) == near((hits / n, *intervals.exact_rate(hits, n)))
        assert rate.n == n
    wide = {group: intervals.simultaneous(*intervals.exact_rate(*counts, 0.95, 3)) for group, counts in THREE.items()}
    assert words(found, "selection_rate") == {
        "a": ("pass", None),
        "b": ("inconclusive", fails_alone(wide["b"])),
        "c": ("inconclusive", f"the interval reaches over the limit: more rows are needed; {wide['c']}"),
    }
    assert words(decided(run, THREE, {"selection_rate": 0.44}), "selection_rate")["b"] == ("fail", wide["b"])
    assert words(decided(run, THREE), "selection_rate") == dict.fromkeys("abc", (None, None))


def test_a_rate_without_a_denominator_is_unknown(run: Run) -> None:
    rows = [("a", 1, 1, 60), ("a", 1, 0, 40), ("a", 0, 0, 100), ("b", 0, 0, 100), ("b", 0, 1, 50)]
    rows += [("c", 1, 1, 30), ("c", 1, 0, 70)]
    frame, roles = pd.DataFrame(rows, columns=BY_LABEL), ROLES | {"target": ["y"]}
    limits = {name: {"op": ">=", "value": 0.1} for name in ("true_positive_rate", "true_positive_rate_disparity")}
    found = run("fairness", {"evaluation": frame}, roles, limits=limits, weight_kind="frequency")
    rates = of(found, "true_positive_rate")
    assert [(rate.value, rate.outcome) for rate in rates.values()] == [
        (0.6, "pass"),
        (None, "inconclusive"),
        (0.3, "pass"),
    ]
    assert rates["b"].note == "no row in the denominator, so the rate is unknown (not 0)"
    assert (rates["b"].n, rates["b"].limit) == (0, rates["a"].limit)
    against = of(found, "true_positive_rate_disparity")
    assert against["b"].note == "unknown: the group or g=a, the highest has no such rate, or a rate of 0"
    assert (against["b"].value, against["b"].outcome, against["b"].n) == (None, "inconclusive", 0)
    assert (against["c"].value, against["c"].outcome, against["c"].n) == (pytest.approx(0.5), "pass", 100)
    free = of(run("fairness", {"evaluation": frame}, roles, limits={}, weight_kind="frequency"), "true_positive_rate")
    assert free["b"].outcome is None


def test_a_count_is_held_to_its_limit_as_it_is(run: Run) -> None:
    found = of(decided(run, {"a": (5, 100), "b": (5, 99)}, {"count": 100}), "count")
    assert [(f.value, f.outcome, f.n) for f in found.values()] == [(100, "pass", 2), (99, "fail", 2)]
    assert of(decided(run, {"a": (5, 100)}), "count")["a"].outcome is None


# The reference ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reference", "times", "word"),
    [("max", 3, "g=a, the highest"), ({"g": "a"}, 2, "g=a"), ({"g": "b"}, 2, "g=b")],
)
def test_ratios_to_a_group_are_corrected_for_what_the_data_choose(
    run: Run, reference: Any, times: int, word: str
) -> None:
    base = "b" if reference == {"g": "b"} else "a"
    found = decided(run, THREE, {"impact_ratio": 1.4}, reference=reference)
    ratios = of(found, "impact_ratio")
    same = ratios.pop(base)
    assert (same.value, same.low, same.high, same.n, same.outcome, same.note) == (
        1,
        None,
        None,
        1000,
        None,
        "the reference",
    )
    assert same.limit is None
    for group, ratio in ratios.items():
        both = (*THREE[group], *THREE[base])
        assert ratio.value == pytest.approx(THREE[group][0] / THREE[base][0])
        assert (ratio.low, ratio.high, ratio.n) == near((*intervals.exact_ratio(*both), 1000))
        wide = intervals.simultaneous(*intervals.exact_ratio(*both, 0.95, times))
        fails = intervals.exact_ratio(*both, 0.95, times)[1] < 1.4
        assert (ratio.outcome == "fail") is fails
        assert ratio.note == (f"{wide}; against {word}" if fails else ratio.note)
    disparities = of(found, "selection_rate_disparity")
    assert disparities[base].note == "the reference"
    assert {f.outcome for f in disparities.values()} == {None}


def test_one_named_reference_beside_one_group_is_corrected_for_nothing(run: Run) -> None:
    found = decided(run, {"a": (500, 1000), "b": (300, 1000)}, {"impact_ratio": 0.8}, reference={"g": "a"})
    assert words(found, "impact_ratio")["b"] == ("fail", "against g=a")
    found = decided(run, {"a": (500, 1000), "b": (300, 1000)}, {"impact_ratio": 0.8})
    assert words(found, "impact_ratio")["b"] == ("fail", "against g=a, the highest")


def test_ratios_to_all_rows_are_corrected_for_the_groups(run: Run) -> None:
    found = decided(run, THREE, {"impact_ratio": 1.2}, reference="overall")
    for group, (hits, n) in THREE.items():
        ratio = of(found, "impact_ratio")[group]
        plain, wide = (
            [r / (r / 3 + 2 / 3) for r in intervals.exact_ratio(hits, n, 1350 - hits, 2000, 0.95, times)]
            for times in (1, 3)
        )
        assert (ratio.value, ratio.low, ratio.high) == near((hits / 450, *plain))
        reaches = "the interval reaches over the limit: more rows are needed; "
        assert (ratio.outcome, ratio.note) == (
            "fail" if wide[1] < 1.2 else "inconclusive",
            f"{'' if wide[1] < 1.2 else reaches}{intervals.simultaneous(*wide)}; against all rows",
        )


def test_a_group_that_has_all_the_hits_stands_at_most_at_the_whole_over_it(run: Run) -> None:
    found = of(
        decided(run, {"a": (50, 100), "b": (0, 300)}, {"impact_ratio": 0.8}, reference="overall"), "impact_ratio"
    )
    low = intervals.exact_ratio(50, 100, 0, 300)[0]
    assert (found["a"].value, found["a"].low, found["a"].high) == near((4.0, low / (low / 4 + 3 / 4), 4.0))
    assert (found["b"].value, found["b"].low, found["b"].outcome) == (0, 0, "fail")


def test_a_group_that_is_all_rows_is_compared_with_nothing(run: Run) -> None:
    found = of(decided(run, {"a": (50, 100)}, {"impact_ratio": 0.8}, reference="overall"), "impact_ratio")["a"]
    assert (found.value, found.low, found.high, found.outcome) == (1, 0, 1, "inconclusive")
    assert "nan" not in str(found.note)


def test_where_nobody_has_the_rate_all_rows_are_the_reference_and_it_is_unknown(run: Run) -> None:
    rows = [(g, 0, d, 100) for g in "ab" for d in (0, 1)]
    found = run(
        "fairness",
        {"evaluation": pd.DataFrame(rows, columns=BY_LABEL)},
        ROLES | {"target": ["y"]},
        limits={},
        weight_kind="frequency",
    )
    note = "unknown: the group or all rows has no such rate, or a rate of 0"
    assert words(found, "true_positive_rate_disparity") == dict.fromkeys("ab", (None, note))
    assert words(found, "selection_rate_disparity")["a"] == (None, "the reference")


def test_a_reference_of_another_column_leaves_the_highest_and_one_that_is_not_there_lists_what_is(run: Run) -> None:
    groups = {chr(97 + place): (40 + place, 100) for place in range(13)}
    (error,) = decided(run, groups, reference={"g": "z"})
    assert outcome_of((error,)) == "error"
    assert "the reference group 'z' is not in the data" in str(error.note)
    assert str(error.remedy) == "Choose from: a; b; c; d; e; f; g; h; i; j; k; l."
    rows = [(g, h, d, w) for g, h, d, w in zip("aabb", "xyxy", (1, 0, 0, 1), (60, 40, 70, 30), strict=True)]
    rows += [("a", "x", 0, 40), ("a", "y", 1, 10), ("b", "x", 1, 30), ("b", "y", 0, 70)]
    frame = pd.DataFrame(rows, columns=["g", "h", "d", "w"])
    roles = ROLES | {"sensitive": ["g", "h"]}
    found = run("fairness", {"evaluation": frame}, roles, reference={"g": "b"}, limits={}, weight_kind="frequency")
    chosen = {tuple(f.by.values()) for f in found if f.measure == "impact_ratio" and f.note == "the reference"}
    assert chosen == {("b",), ("x",), ("a", "x")}
    both = {"h": "y", "g": "b"}
    found = run("fairness", {"evaluation": frame}, roles, reference=both, limits={}, weight_kind="frequency")
    chosen = {tuple(f.by.values()) for f in found if f.measure == "impact_ratio" and f.note == "the reference"}
    assert chosen == {("a",), ("x",), ("b", "y")}


def test_a_stratum_without_the_reference_group_takes_its_highest(run: Run) -> None:
    rows = [("a", "n", 1, 60), ("a", "n", 0, 40), ("b", "n", 1, 30), ("b", "n", 0, 70)]
    rows += [("b", "s", 1, 50), ("b", "s", 0, 50), ("c", "s", 1, 20), ("c", "s", 0, 80)]
    frame = pd.DataFrame(rows, columns=["g", "k", "d", "w"])
    found = run(
        "fairness",
        {"evaluation": frame},
        ROLES,
        reference={"g": "a"},
        control=["k"],
        limits={"impact_ratio": {"op": ">=", "value": 0.9}},
        weight_kind="frequency",
    )
    ratios = {(f.by.get("k"), f.by["g"]): f for f in found if f.measure == "impact_ratio"}
    assert [place for place, f in ratios.items() if f.note == "the reference"] == [(None, "a"), ("n", "a"), ("s", "b")]
    # Half of the error is for all rows, half for the two strata.
    for place, both, times in (
        ((None, "c"), (20, 100, 60, 100), 2 * 2),
        (("n", "b"), (30, 100, 60, 100), 4),
        (("s", "c"), (20, 100, 50, 100), 4),
    ):
        wide = intervals.simultaneous(*intervals.exact_ratio(*both, 0.95, times))
        assert ratios[place].outcome == "fail" and str(ratios[place].note).startswith(f"{wide}; against ")


# What counts --------------------------------------------------------------------------------------


def test_a_small_reference_leaves_every_ratio_open(run: Run) -> None:
    found = decided(
        run, {"a": (25, 29), "b": (300, 1000), "c": (290, 1000)}, {"impact_ratio": 0.8, "selection_rate": 0.1}
    )
    few = "not judged: fewer than 30 rows"
    assert words(found, "impact_ratio") == {
        "a": (None, "the reference"),
        "b": ("inconclusive", f"{few}; against g=a, the highest"),
        "c": ("inconclusive", f"{few}; against g=a, the highest"),
    }
    assert words(found, "selection_rate") == {"a": ("inconclusive", few), "b": ("pass", None), "c": ("pass", None)}
    just = decided(run, {"a": (25, 30), "b": (300, 1000)}, {"impact_ratio": 0.8})
    assert words(just, "impact_ratio")["b"][0] == "fail"
    free = decided(run, {"a": (25, 29), "b": (300, 1000)})
    assert words(free, "selection_rate")["a"] == (None, few)
    assert words(free, "impact_ratio")["b"] == (None, f"{few}; against g=a, the highest")


def test_a_group_left_out_is_no_reference_and_is_held_to_nothing(run: Run) -> None:
    groups = {"a": (500, 1000), "b": (400, 960), "c": (40, 40)}
    found = decided(run, groups, {"impact_ratio": 0.7, "selection_rate": 0.1}, min_group_share=0.021)
    out = "left out: its share of the rows is too small"
    assert words(found, "impact_ratio")["c"] == (None, f"{out}; against g=a, the highest")
    assert of(found, "impact_ratio")["c"].value == 2
    assert words(found, "selection_rate")["c"] == (None, out)
    assert of(found, "impact_ratio")["c"].limit is None
    assert words(found, "impact_ratio")["b"] == ("pass", "against g=a, the highest")
    just = decided(run, groups, {"impact_ratio": 0.7}, min_group_share=0.02)
    assert words(just, "impact_ratio")["c"] == (None, "the reference")
    nobody = decided(run, groups, {"impact_ratio": 0.7}, min_group_share=0.9)
    assert words(nobody, "impact_ratio")["c"] == (None, "the reference")
    assert words(nobody, "impact_ratio")["a"] == (None, f"{out}; against g=c, the highest")


def test_at_most_eight_groups_that_do_not_count_are_named(run: Run) -> None:
    few = {f"s{place}": (5, 10 + place) for place in range(9)}
    rows = {"a": (5000, 10_000), "b": (5000, 10_000)} | few

    def note(**params: Any) -> str:
        found = decided(run, rows, {}, **params)
        return str(next(f for f in found if f.measure == "selection_rate_ratio").note)

    eight = ", ".join(f"g=s{place} ({10 + place})" for place in range(8))
    assert note().endswith(f"; fewer than 30 rows, not judged: {eight}")
    assert note(min_group_share=0.01).endswith(f"; under 0.01 of the rows, left out: {eight}")
    some = note(min_group_share=14.5 / 20_126)
    small = ", ".join(f"g=s{place} ({10 + place})" for place in range(5, 9))
    out = ", ".join(f"g=s{place} ({10 + place})" for place in range(5))
    assert some.endswith(f"; fewer than 30 rows, not judged: {small}; under 0.00072 of the rows, left out: {out}")
    assert "not judged" not in note(min_group_size=0)
