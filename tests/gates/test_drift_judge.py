"""Drift: from statistics to findings, on statistics made up for it: each word of a verdict hangs on one end."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from scipy.special import ndtri

from aims_gates import Case, Finding, InputError, Limit
from aims_gates.evaluation.samples import NOW
from aims_gates.packs.find import find_gates

SIZES = (1000, 900)


def module(name: str) -> ModuleType:
    """A module of the gate."""
    return sys.modules[f"{find_gates()['drift'].load().__module__}.{name}"]


@dataclass(frozen=True)
class Normal:
    """An interval of a statistic that is spread as a normal one with this standard error."""

    value: float
    error: float
    growth: float | None = None

    def ends(self, tail: float) -> tuple[float, float]:
        reach = -float(ndtri(tail)) * self.error
        return self.value - reach, self.value + reach

    def noise(self, tail: float) -> float:
        return -float(ndtri(tail)) * self.error

    def settled_by(self, tail: float) -> float | None:
        return self.growth


def judged(*measured: Mapping[str, Any], **params: Any) -> list[Finding]:
    """The findings of statistics: ``method``, ``value``, and ``error``, ``p`` or ``strict_p``."""
    judge, statistic = module("verdict"), module("methods").Statistic
    case = Case("drift", find_gates()["drift"].params({"confidence": 0.9, **params}), {}, {}, NOW)
    items = []
    for place, given in enumerate(measured):
        parts = dict(given)
        method, value = parts.pop("method"), parts.pop("value")
        error, p, growth = parts.pop("error", None), parts.pop("p", None), parts.pop("growth", None)
        sizes, note = parts.pop("sizes", SIZES), parts.pop("note", "")
        bound = None if error is None else lambda limit, v=value, e=error, g=growth: Normal(v, e, g)
        of = statistic(value, p=None if p is None else lambda p=p: p, bound=bound, **parts)
        items.append(judge.Measured(method, {"column": f"c{place}"}, sizes, of, note))
    findings: list[Finding] = judge.judge(items, module("settings").Settings.of(case))
    return findings


def outcomes(findings: Sequence[Finding]) -> list[str | None]:
    return [finding.outcome for finding in findings]


# Tails of 5 %: 1.645 standard errors; of two together 2.5 %: 1.96.


def test_an_interval_of_one_fails_beyond_passes_within_and_is_open_across() -> None:
    for value, outcome in ((0.36, "inconclusive"), (0.37, "fail"), (0.03, "pass"), (0.04, "inconclusive")):
        (finding,) = judged({"method": "psi", "value": value, "error": 0.1})
        assert finding.outcome == outcome, value
        assert (finding.low, finding.high) == pytest.approx((value - 0.16449, value + 0.16449), abs=1e-4)
        assert finding.n == 900 and finding.limit == Limit("<=", 0.2)
    assert judged({"method": "psi", "value": 0.37, "error": 0.1})[0].note is None


def test_of_two_the_fail_needs_the_corrected_end_and_the_pass_the_plain_one() -> None:
    two = [{"method": "psi", "value": value, "error": 0.1} for value in (0.37, 0.03)]
    alone, within = judged(*two)
    assert outcomes([alone, within]) == ["inconclusive", "pass"]
    assert alone.note == "fails alone; over 2 verdicts together the interval begins at 0.174"
    assert alone.remedy == "Measure on more rows."
    sure, _ = judged({**two[0], "value": 0.4}, two[1])
    assert (sure.outcome, sure.note) == ("fail", "over 2 verdicts together the interval begins at 0.204")
    assert "'c0'" in str(sure.remedy)
    uncorrected, _ = judged(*two, correction="none")
    assert (uncorrected.outcome, uncorrected.note) == ("fail", None)


def test_what_has_no_limit_is_no_part_of_the_family() -> None:
    fails, told = judged(
        {"method": "psi", "value": 0.37, "error": 0.1},
        {"method": "jensenshannon", "value": 0.3, "error": 0.1},
        limits={"jensenshannon": None},
    )
    assert (fails.outcome, fails.note) == ("fail", None)
    assert (told.outcome, told.limit) == (None, None)
    assert (told.low, told.high) == pytest.approx((0.3 - 0.16449, 0.3 + 0.16449), abs=1e-4)


def test_an_end_that_is_not_finite_is_not_told() -> None:
    (told,) = judged({"method": "psi", "value": 0.3, "error": float("inf")}, limits={"psi": None})
    assert told.high is None
    (open_,) = judged({"method": "psi", "value": 0.1, "error": float("inf")})
    assert (open_.outcome, open_.high) == ("inconclusive", None)
    (none,) = judged({"method": "psi", "value": float("inf"), "error": 0.1})
    assert (none.value, none.low, none.high, none.outcome) == (None, None, None, "fail")


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"sizes": (29, 900)}, "too few rows to show that nothing moved: 30 are needed"),
        ({"sizes": (1000, 29)}, "too few rows to show that nothing moved: 30 are needed"),
        ({"blind": "one band holds all"}, "one band holds all"),
        ({"method": "kl_div", "error": 0.01}, "kl_div has none, so it shows drift alone: only methods with an upper"),
    ],
)
def test_what_cannot_show_that_nothing_moved_does_not_pass(more: dict[str, Any], why: str) -> None:
    (finding,) = judged({"method": "psi", "value": 0.03, "error": 0.01, **more})
    assert finding.outcome == "inconclusive" and why in str(finding.note)
    assert "settle" not in str(finding.note)
    (just,) = judged({"method": "psi", "value": 0.03, "error": 0.01, "sizes": (30, 30)})
    assert just.outcome == "pass"


def test_an_open_one_says_how_many_rows_would_settle_it() -> None:
    (finding,) = judged({"method": "psi", "value": 0.1, "error": 0.1, "growth": 2.5})
    expected = "1,000 reference and 900 production rows give up to 0.164 without any shift; "
    assert finding.note == expected + "about 2,500 and 2,250 rows would settle it"
    (near,) = judged({"method": "psi", "value": 0.1, "error": 0.1})
    assert str(near.note).endswith("the shift lies so near the limit that more rows would hardly settle it")


def test_p_values_of_two_are_held_to_half_the_limit() -> None:
    two = [{"method": "chisquare", "value": 9.0, "p": p} for p in (0.03, 0.5)]
    alone, wide = judged(*two)
    assert alone.outcome == "inconclusive"
    assert alone.note == "the limit is on the p-value (0.05, by simultaneous over 2 tests 0.025); fails alone"
    assert alone.limit == Limit(">=", 0.025) and alone.p_value == 0.03
    assert "which shows drift alone" in str(wide.note) and "psi" in str(wide.remedy)
    (single,) = judged(two[0])
    assert (single.outcome, single.note, single.limit) == ("fail", "the limit is on the p-value", Limit(">=", 0.05))
    assert outcomes(judged({**two[0], "p": 0.02}, two[1])) == ["fail", "inconclusive"]
    plain, _ = judged(*two, correction="none")
    assert (plain.outcome, plain.note) == ("fail", "the limit is on the p-value")


def test_benjamini_and_hochberg_hold_each_to_its_rank() -> None:
    """Y. Benjamini and Y. Hochberg, JRSS B 57 (1995): the k-th of m is held to k/m of the limit."""
    found = judged(
        *({"method": "chisquare", "value": 9.0, "p": p} for p in (0.024, 0.02, 0.9, 0.8)),
        correction="benjamini-hochberg",
    )
    assert outcomes(found) == ["fail", "fail", "inconclusive", "inconclusive"]
    assert {finding.limit for finding in found} == {Limit(">=", 0.025)}
    assert "(0.05, by benjamini-hochberg over 4 tests 0.025)" in str(found[0].note)
    none = judged(
        *({"method": "chisquare", "value": 9.0, "p": p} for p in (0.03, 0.9)), correction="benjamini-hochberg"
    )
    assert outcomes(none) == ["inconclusive"] * 2 and none[0].limit == Limit(">=", 0.025)


def test_a_test_that_takes_the_reference_for_exact_fails_only_with_its_noise_counted() -> None:
    statistic = {"method": "chisquare", "value": 9.0, "p": 0.001}
    (open_,) = judged({**statistic, "strict_p": 0.2})
    assert open_.outcome == "inconclusive" and "the p-value is 0.2: a larger reference would settle it" in str(
        open_.note
    )
    assert outcomes(judged({**statistic, "strict_p": 0.01})) == ["fail"]
    assert outcomes(judged({**statistic, "p": 0.2, "strict_p": 0.01})) == ["inconclusive"]


@pytest.mark.parametrize("p", [None, float("nan")])
def test_no_p_value_is_no_verdict(p: float | None) -> None:
    (finding,) = judged({"method": "chisquare", "value": 9.0, "p": p})
    assert finding.outcome == "inconclusive" and finding.p_value is None
    assert "gives no p-value" in str(finding.note) and finding.remedy == "Choose another method."


def test_a_statistic_under_its_own_limit_fails_where_chance_does_not_give_as_much() -> None:
    limits = {"chisquare": 5}
    for value, p, outcome in ((9.0, 0.099, "fail"), (9.0, 0.101, "inconclusive"), (5.0, 0.001, "inconclusive")):
        (finding,) = judged({"method": "chisquare", "value": value, "p": p}, limits=limits)
        assert finding.outcome == outcome, (value, p)
    within, beyond = (
        judged({"method": "chisquare", "value": value, "p": 0.2}, limits=limits)[0] for value in (5.0, 9.0)
    )
    assert "only methods with an upper bound pass" in str(within.note) and "Choose a method" in str(within.remedy)
    assert beyond.note == "beyond the limit, but chance alone gives as much (p-value 0.2)"
    two = judged(*({"method": "chisquare", "value": 9.0, "p": p} for p in (0.049, 0.051)), limits=limits)
    assert outcomes(two) == ["fail", "inconclusive"]


def test_notes_of_the_statistic_and_of_the_column_stand_before_the_verdict_s() -> None:
    (finding,) = judged({"method": "chisquare", "value": 9.0, "p": 0.01, "note": "rare ones together"})
    assert finding.note == "rare ones together; the limit is on the p-value"


def test_each_of_several_looks_leaves_out_an_equal_part() -> None:
    """Of five looks each leaves out 1 % at each end: 2.326 standard errors."""
    for value, outcome in ((0.43, "inconclusive"), (0.44, "fail"), (-0.04, "pass"), (-0.03, "inconclusive")):
        (finding,) = judged({"method": "psi", "value": value, "error": 0.1}, looks=5)
        assert finding.outcome == outcome, value
        assert finding.high == pytest.approx(value + 0.23263, abs=1e-4)
    for p, outcome in ((0.009, "fail"), (0.011, "inconclusive")):
        (finding,) = judged({"method": "chisquare", "value": 9.0, "p": p}, looks=5)
        assert (finding.outcome, finding.limit) == (outcome, Limit(">=", 0.01))
    (exact,) = judged({"method": "chisquare", "value": 9.0, "p": 0.001, "strict_p": 0.011}, looks=5)
    assert exact.outcome == "inconclusive" and "a larger reference" in str(exact.note)
    for p, outcome in ((0.019, "fail"), (0.021, "inconclusive")):
        (finding,) = judged({"method": "chisquare", "value": 9.0, "p": p}, looks=5, limits={"chisquare": 5})
        assert finding.outcome == outcome


@pytest.mark.parametrize("looks", [0, -1, 10_001])
def test_looks_are_a_number_of_windows(looks: int) -> None:
    with pytest.raises(InputError, match="looks"):
        judged({"method": "psi", "value": 0.1, "error": 0.1}, looks=looks)
