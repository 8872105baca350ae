"""Drift: shares of missing, unseen and copied rows, each end and each verdict by hand."""

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aims_gates import Case, Dataset, Finding, intervals
from aims_gates.evaluation.samples import NOW
from aims_gates.packs.find import find_gates


def module(name: str) -> ModuleType:
    """A module of the gate."""
    return sys.modules[f"{find_gates()['drift'].load().__module__}.{name}"]


def opened(**frames: pd.DataFrame) -> dict[str, Dataset]:
    return {role: Dataset.open(frame, role=role) for role, frame in frames.items()}


def settings_of(**params: Any) -> Any:
    return module("settings").Settings.of(Case("drift", find_gates()["drift"].params(params), {}, {}, NOW))


def shares(
    reference: Sequence[Any], production: Sequence[Any], family: int = 1, text: bool = False, **params: Any
) -> dict[str, Finding]:
    """The findings on column ``x`` by measure."""
    frames = (pd.DataFrame({"x": list(values)}) for values in (reference, production))
    sets = opened(**dict(zip(("reference", "production"), frames, strict=True)))
    columns = module("columns")
    reading = columns.reading_of("x", sets["reference"], sets["production"], text)
    parts = (columns.profile(columns.Part(data), {"x": reading})["x"] for data in sets.values())
    pair = module("pair").Pair(*parts)
    result = module("unseen").shares(pair, {"column": "x"}, settings_of(**params), family)
    return {finding.measure: finding for finding in result}


def exact(hits: float, n: float, confidence: float) -> tuple[float, float]:
    """Clopper and Pearson's interval by SciPy's beta distribution."""
    tail = (1 - confidence) / 2
    low = stats.beta.ppf(tail, hits, n - hits + 1) if hits > 0 else 0.0
    return float(low), float(stats.beta.ppf(1 - tail, hits + 1, n - hits)) if hits < n else 1.0


def apart(hits: int, n: int, other: int, m: int, confidence: float) -> tuple[float, float]:
    """Newcombe's interval of a difference, which tests/data/test_exact.py holds."""
    low, high = intervals.exact_difference(hits, n, other, m, confidence)
    return float(low), float(high)


# Missing values ------------------------------------------------------------------------------------------------------


def test_missing_values_have_exact_ends_and_what_the_reference_has() -> None:
    result = shares(["a"] * 90 + [None] * 10, ["a"] * 60 + [None] * 20, 4, limits={"missing_share": 0.3})
    share, more = result["missing_share"], result["missing_increase"]
    assert (share.value, share.n, share.over) == (0.25, 80, {"column": "x"})
    assert (share.low, share.high) == pytest.approx(exact(20, 80, 0.95))
    assert (share.outcome, share.note) == ("inconclusive", "in the reference 0.1")
    assert (more.value, more.n) == (pytest.approx(0.15), 80)
    assert (more.low, more.high) == pytest.approx(apart(20, 80, 10, 100, 0.95))
    assert str(more.note).startswith("0.25 of production's rows hold no value, 0.1 of the reference's")
    assert more.limit is not None and more.limit.value == 0.05


@pytest.mark.parametrize(
    ("gone", "outcome"), [(0, "pass"), (2, "pass"), (3, "inconclusive"), (14, "inconclusive"), (15, "fail")]
)
def test_a_missing_share_passes_and_fails_by_its_ends(gone: int, outcome: str) -> None:
    finding = shares(["a"] * 100, ["a"] * (100 - gone) + [None] * gone, limits={"missing_share": 0.08})["missing_share"]
    low, high = exact(gone, 100, 0.95)
    assert outcome == ("pass" if high <= 0.08 else "fail" if low > 0.08 else "inconclusive")
    assert finding.outcome == outcome
    assert (finding.remedy is None) is (outcome == "pass")


def test_an_increase_fails_by_the_corrected_interval_and_passes_by_the_plain_one() -> None:
    reference = ["a"] * 1000
    outcomes = {}
    for gone in range(40):
        ends, sure = (apart(gone, 200, 0, 1000, 1 - 0.05 / times) for times in (1, 50))
        expected = "pass" if ends[1] <= 0.05 else "fail" if sure[0] > 0.05 else "inconclusive"
        outcomes[gone] = (expected, ends[0] > 0.05 >= sure[0])
    firsts = {outcome: min(gone for gone, one in outcomes.items() if one == outcome) for outcome in outcomes.values()}
    assert len(firsts) == 4
    for (outcome, alone), gone in firsts.items():
        finding = shares(reference, ["a"] * (200 - gone) + [None] * gone, 50)["missing_increase"]
        assert finding.outcome == outcome
        assert ("fails alone" in str(finding.note)) is alone
    (last,) = [gone for (outcome, _), gone in firsts.items() if outcome == "fail"]
    free = shares(reference, ["a"] * (200 - last) + [None] * last, 50, limits={"missing_increase": None})
    assert (free["missing_increase"].outcome, free["missing_increase"].limit) == (None, None)


def test_no_correction_is_none() -> None:
    gone = next(gone for gone in range(40) if apart(gone, 200, 0, 1000, 0.95)[0] > 0.05)
    finding = shares(["a"] * 1000, ["a"] * (200 - gone) + [None] * gone, 50, correction="none")["missing_increase"]
    assert finding.outcome == "fail"


# Unseen values -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [False, True])
def test_new_values_are_a_share_with_exact_ends(text: bool) -> None:
    reference = ["a", "b", "c"] * 100 + ["once"] + [None] * 20
    production = ["a"] * 60 + ["new"] * 5 + ["rare"] * 4 + ["z"] * 6 + [None] * 25
    finding = shares(reference, production, 3, text)["unseen_share"]
    assert (finding.value, finding.n) == (0.15, 100)
    assert (finding.low, finding.high) == pytest.approx(exact(15, 100, 0.95))
    note = str(finding.note)
    assert note.startswith(
        "3 texts the reference does not have" if text else "3 categories the reference does not have, among them new, z"
    )
    assert "rare" not in note and "column is filled" in str(finding.remedy)


def test_five_new_values_are_named_and_no_more() -> None:
    finding = shares(["a"] * 50, [f"n{place}" for place in range(7) for _ in range(5)])["unseen_share"]
    assert str(finding.note).endswith("among them n0, n1, n2, n3, n4")
    few = shares(["a"] * 50, [f"n{place}" for place in range(7) for _ in range(4)])["unseen_share"]
    assert few.note == "7 categories the reference does not have"


@pytest.mark.parametrize("text", [False, True])
def test_nothing_new_passes_without_a_note(text: bool) -> None:
    finding = shares(["a", "b"] * 100, ["a"] * 200, text=text)["unseen_share"]
    assert (finding.value, finding.low, finding.outcome, finding.note, finding.remedy) == (0.0, 0.0, "pass", None, None)
    assert finding.high == pytest.approx(exact(0, 200, 0.95)[1])


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("correction", [1, 20])
def test_new_values_fail_only_beyond_what_stands_once_in_the_reference(text: bool, correction: int) -> None:
    """Of 100 reference rows ten stand once: new ones are expected in a tenth of the rows."""
    reference = ["a"] * 90 + [f"once{place}" for place in range(10)]
    outcomes = {}
    for new in range(3, 60):
        sure = exact(new, 100, 1 - 0.05 / correction)[0] > 0.05
        more = all(apart(new, 100, 10, 100, 1 - 0.05 / times)[0] > 0 for times in (1, correction))
        outcomes[new] = "fail" if sure and more else "inconclusive"
    first = min(new for new, outcome in outcomes.items() if outcome == "fail")
    for new in (3, first - 1, first):
        finding = shares(reference, ["a"] * (100 - new) + ["z"] * new, correction, text)["unseen_share"]
        assert finding.outcome == outcomes[new], new
        if finding.outcome != "fail":
            assert "0.1 stand there once" in str(finding.note) and "the role id" in str(finding.remedy)


def test_as_many_single_values_as_the_limit_allows_are_no_excuse() -> None:
    reference = ["a"] * 95 + [f"once{place}" for place in range(5)]
    finding = shares(reference, ["a"] * 85 + ["z"] * 15)["unseen_share"]
    assert finding.outcome == "fail" and "stand there once" not in str(finding.note)
    free = shares(["a"] * 80 + list(map(str, range(20))), ["z"] * 100, limits={"unseen_share": None})["unseen_share"]
    assert (free.outcome, free.limit) == (None, None) and "once" not in str(free.note)


def test_numbers_and_empty_columns_have_no_unseen_values() -> None:
    assert set(shares([1.0, 2.0], [3.0, 4.0])) == {"missing_share", "missing_increase"}
    assert "unseen_share" not in shares(["a", "b"], pd.Series([None, None], dtype="string"))
    assert "unseen_share" not in shares(pd.Series([None, None], dtype="string"), ["a", "b"])


# Rows of other sets --------------------------------------------------------------------------------------------------


def copied(
    frames: dict[str, pd.DataFrame], roles: dict[str, tuple[str, ...]] | None = None, **params: Any
) -> dict[str, Finding]:
    """Data set -> row_overlap_share."""
    sets, columns = opened(**frames), module("columns")
    case = Case("drift", find_gates()["drift"].params(params), roles or {}, sets, NOW)
    readings = {
        name: columns.reading_of(name, sets["reference"], sets["reference"], False)
        for name in sets["reference"].columns
    }
    base = columns.profile(columns.Part(sets["reference"]), readings)
    result = module("overlap").overlaps(case, settings_of(**params), sets["production"], base)
    return {finding.by["dataset"]: finding for finding in result}


def table(first: int, rows: int) -> pd.DataFrame:
    """Rows of their own from a number on."""
    at = np.arange(first, first + rows)
    return pd.DataFrame({"k": at % 3, "x": at * 0.5, "z": at.astype(str)})


def joined(*frames: pd.DataFrame) -> pd.DataFrame:
    return pd.concat(frames, ignore_index=True)


@pytest.mark.parametrize("size", [7, 1_000_000])
@pytest.mark.parametrize(("rows", "outcome"), [(0, "pass"), (5, "pass"), (6, "fail")])
def test_copied_rows_pass_up_to_the_limit(monkeypatch: pytest.MonkeyPatch, size: int, rows: int, outcome: str) -> None:
    monkeypatch.setattr(module("overlap"), "_PASS_ROWS", size)
    production = joined(table(0, rows), table(1000, 100 - rows))
    finding = copied({"reference": table(0, 200), "production": production})["reference"]
    assert (finding.value, finding.n, finding.outcome) == (rows / 100, 100, outcome)
    assert f"{rows} of 100 rows stand in the reference data too, compared by k, x, z" in str(finding.note)
    assert (finding.remedy is None) is (outcome == "pass") and finding.limit is not None


@pytest.mark.parametrize("size", [11, 1_000_000])
@pytest.mark.parametrize(("rows", "outcome"), [(4, "pass"), (26, None), (27, "fail")])
def test_rows_that_repeat_by_nature_are_expected(
    monkeypatch: pytest.MonkeyPatch, size: int, rows: int, outcome: str | None
) -> None:
    """A tenth of 200 rows repeats: .05 + .1 + 3 sqrt(.1 * .9 * (1/100 + 1/200)) = .260."""
    monkeypatch.setattr(module("overlap"), "_PASS_ROWS", size)
    reference = joined(table(0, 190), table(0, 10))
    production = joined(table(20, rows), table(1000, 100 - rows))
    finding = copied({"reference": reference, "production": production})["reference"]
    assert (finding.value, finding.outcome) == (rows / 100, outcome)
    if outcome is None:
        assert finding.limit is None and "0.1 of its own rows are repeated" in str(finding.note)


def test_one_column_is_open_and_two_tell() -> None:
    frames = {"reference": table(0, 100), "production": table(0, 100)}
    assert copied(frames)["reference"].outcome == "fail"
    two = copied({role: frame[["x", "z"]] for role, frame in frames.items()})["reference"]
    assert (two.value, two.outcome) == (1.0, "fail")
    one = copied({role: frame[["x"]] for role, frame in frames.items()})["reference"]
    assert (one.value, one.outcome) == (1.0, "inconclusive") and one.remedy


@pytest.mark.parametrize("role", ["target", "prediction", "score", "weight", "timestamp", "id"])
def test_what_came_out_is_not_compared(role: str) -> None:
    frames = {"reference": table(0, 100), "production": table(0, 100).assign(z="other")}
    assert copied(frames)["reference"].value == 0.0
    assert copied(frames, {role: ("z",)})["reference"].value == 1.0
    assert copied(frames, {role: ("k", "x", "z")}) == {}


def test_each_set_is_compared_by_the_columns_it_has() -> None:
    frames = {"reference": table(0, 100), "evaluation": table(500, 50)[["x", "k"]], "production": table(500, 100)}
    result = copied(frames)
    assert list(result) == ["reference", "evaluation"]
    assert (result["reference"].value, result["evaluation"].value) == (0.0, 0.5)
    assert "compared by k, x" in str(result["evaluation"].note) and "evaluation" in str(result["evaluation"].remedy)
    assert list(copied({**frames, "evaluation": pd.DataFrame({"other": [1]})})) == ["reference"]
    assert copied(frames, shares_rows=True) == {}
    assert copied(frames, limits={"row_overlap_share": None}) == {}
