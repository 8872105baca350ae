"""Drift of rows in clusters, such as ten of one person: what they are worth, and how often a verdict is wrong."""

import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, stats

from aims_gates import Finding, intervals
from aims_gates.evaluation.run_gate import outcome_of
from tests.support import note_rates

Run = Callable[..., tuple[Finding, ...]]
ASKED = int(os.environ.get("AIMS_GATES_SIMULATIONS", "0"))
PERSON = {"cluster": ["person"]}
NUMBER = ("psi", "jensenshannon", "hellinger", "kl_div", "ks", "wasserstein", "ed", "anderson", "mannw")
CATEGORY = ("psi", "jensenshannon", "hellinger", "TVD", "chisquare")


def sets(n: int, seed: int = 5) -> dict[str, pd.DataFrame]:
    """A number with missing values and a category, moved a little."""
    draw = np.random.default_rng(seed)
    result = {}
    for role, moved in (("reference", 0.0), ("production", 0.15)):
        frame = pd.DataFrame({"x": draw.normal(moved, 1, n), "k": draw.choice(list("abcd"), n, p=[0.4, 0.3, 0.2, 0.1])})
        frame.loc[draw.random(n) < 0.03, "x"] = np.nan
        result[role] = frame.assign(person=np.arange(n))
    return result


def people(draw: Any, persons: int, moved: float, rows: int = 10, correlation: float = 0.4) -> pd.DataFrame:
    """Persons with so many rows each, whose values go together."""
    own = np.repeat(draw.normal(size=persons), rows)
    x = math.sqrt(correlation) * own + math.sqrt(1 - correlation) * draw.normal(size=persons * rows) + moved
    return pd.DataFrame({"x": x, "person": np.repeat(np.arange(persons), rows)})


def methods(findings: Sequence[Finding], column: str) -> dict[str, Finding]:
    return {f.measure: f for f in findings if (f.over or {}).get("column") == column}


ASK: dict[str, Any] = {"method": {"x": NUMBER, "k": CATEGORY}, "shares_rows": True, "histograms": 0}


@pytest.mark.parametrize("more", [{}, {"bins": "evidently"}, {"chunk": 300}])
def test_clusters_of_one_row_change_nothing(run: Run, more: dict[str, Any]) -> None:
    data = sets(600)
    linked = run("drift", data, PERSON, **ASK, **more)
    plain = run("drift", data, {"id": ["person"]}, **ASK, **more)
    assert outcome_of(linked) != "error"
    assert [(f.measure, f.over, f.outcome, f.note) for f in linked] == [
        (f.measure, f.over, f.outcome, f.note) for f in plain
    ]
    for ours, theirs in zip(linked, plain, strict=True):
        for part in ("value", "low", "high", "n", "p_value"):
            mine, its = getattr(ours, part), getattr(theirs, part)
            assert mine == (its if its is None else pytest.approx(its, rel=1e-12, abs=1e-12)), (part, ours)


def test_rows_repeated_ten_times_are_worth_what_they_were_once(run: Run) -> None:
    data = sets(600)
    repeated = {role: frame.loc[frame.index.repeat(10)] for role, frame in data.items()}
    ten, once = run("drift", repeated, PERSON, **ASK), run("drift", data, PERSON, **ASK)
    compared = 0
    for column in ("x", "k"):
        mine, its = methods(ten, column), methods(once, column)
        for measure in mine.keys() - {"anderson", "mannw", "chisquare"}:
            ours, theirs = mine[measure], its[measure]
            assert ours.n == pytest.approx(theirs.n, rel=1e-9), measure
            # 200 points of the pooled order carry the draws of wasserstein and ed, and those lie elsewhere.
            near = 0.02 if measure in ("wasserstein", "ed") else 2e-3
            for part in ("value", "low", "high"):
                end = getattr(theirs, part)
                assert getattr(ours, part) == (end if end is None else pytest.approx(end, rel=0.02, abs=near)), measure
            compared += 1
    assert compared == 16


def test_a_category_of_two_values_has_the_size_of_a_rate(run: Run) -> None:
    """Every slope over two cells is the rate's: gatekit's size of it, by pandas."""
    draw = np.random.default_rng(8)
    data = {}
    for role, rate in (("reference", 0.4), ("production", 0.5)):
        own = draw.beta(rate * 1.5, (1 - rate) * 1.5, 80)
        person = np.sort(draw.integers(0, 80, 700))
        hits = draw.random(700) < own[person]
        data[role] = pd.DataFrame({"k": np.where(hits, "yes", "no"), "person": person})
    frame = data["production"].assign(hit=data["production"].k == "yes")
    rate = frame.hit.mean()
    totals = (frame.hit - rate).groupby(frame.person).sum()
    rows = frame.groupby("person").size()
    size = intervals.clustered_n(
        700, (rows**2).sum(), 700 * rate * (1 - rate), (totals**2).sum(), len(rows), (-rate, 1 - rate), 700
    )
    linked = methods(run("drift", data, PERSON, method=["psi", "TVD", "hellinger"], histograms=0), "k")
    assert size < 350
    for measure in ("psi", "TVD", "hellinger"):
        assert linked[measure].n == pytest.approx(size, rel=1e-6)
        assert f"and {size:,.0f} independent rows" in str(linked[measure].note)


def test_persons_alike_widen_every_interval_and_move_no_value(run: Run) -> None:
    draw = np.random.default_rng(3)
    data = {"reference": people(draw, 100, 0), "production": people(draw, 100, 0.3)}
    ask: dict[str, Any] = {"method": ["psi", "ks", "wasserstein", "ed"], "histograms": 0, "shares_rows": True}
    linked, plain = methods(run("drift", data, PERSON, **ASK | ask), "x"), methods(run("drift", data, **ask), "x")
    for measure in ask["method"]:
        ours, theirs = linked[measure], plain[measure]
        assert ours.value == theirs.value and ours.n is not None and ours.low is not None and theirs.low is not None
        assert ours.low < theirs.low
        assert ours.high is None or (theirs.high is not None and ours.high > theirs.high)
        assert 150 < ours.n < 400
    # A mean has 1 + 9 * 0.4; ranks go together less than values, and a share less than ranks.
    assert linked["wasserstein"].n == pytest.approx(1000 / 4.6, rel=0.3)


def test_a_p_value_settles_nothing_where_rows_go_together(run: Run) -> None:
    draw = np.random.default_rng(3)
    data = {"reference": people(draw, 100, 0), "production": people(draw, 100, 2)}
    asked = ["anderson", "mannw", "t_test", "ks"]
    found = methods(run("drift", data, PERSON, method=asked, limits={"ks": None, "t_test": 1}, histograms=0), "x")
    for measure in asked:
        assert (found[measure].outcome, found[measure].p_value) == ("inconclusive", None), found[measure]
        assert f"the p-value of {measure} takes them as independent" in str(found[measure].note)
        assert "psi" in str(found[measure].remedy)


@pytest.mark.parametrize(("persons", "outcome"), [(19, "inconclusive"), (20, "fail")])
def test_fewer_than_twenty_clusters_settle_nothing(run: Run, persons: int, outcome: str) -> None:
    draw = np.random.default_rng(3)
    data = {"reference": people(draw, 400, 0), "production": people(draw, persons, 4)}
    finding = methods(run("drift", data, PERSON, histograms=0), "x")["psi"]
    assert finding.outcome == outcome
    assert (f"{persons} clusters are too few" in str(finding.note)) == (outcome == "inconclusive")


def test_a_set_without_the_clusters_is_named_with_the_column(run: Run, tmp_path: Path) -> None:
    data = sets(60)
    files = {}
    for role, frame in data.items():
        files[role] = tmp_path / f"{role}.csv"
        frame.drop(columns="person" if role == "production" else []).to_csv(files[role], index=False)
    found = run("drift", files, PERSON)
    assert outcome_of(found) == "error"
    assert "'person'" in str(found[0].note) and "production.csv" in str(found[0].note)


def test_missing_and_unseen_shares_count_persons(run: Run) -> None:
    """Ten rows of a person with the same words: half of the persons have none, all of them words of their own."""
    data = {}
    for role, first in (("reference", 0), ("production", 1000)):
        person = np.repeat(np.arange(60) + first, 10)
        words = pd.Series([f"word{number}" for number in person]).where(pd.Series(person % 2 == 0))
        data[role] = pd.DataFrame({"k": words, "person": person})
    linked = methods(run("drift", data, PERSON, histograms=0), "k")
    plain = methods(run("drift", data, {"id": ["person"]}, histograms=0), "k")
    for measure in ("missing_share", "missing_increase", "unseen_share"):
        ours, theirs = linked[measure], plain[measure]
        assert ours.value == theirs.value and ours.n == pytest.approx(60) and theirs.n == 600
    size = float(intervals.at_level(60, 59, 0.95))
    assert (linked["missing_share"].low, linked["missing_share"].high) == pytest.approx(
        tuple(map(float, intervals.exact_rate(size / 2, size, 0.95))), rel=1e-9
    )
    assert (plain["missing_increase"].outcome, linked["missing_increase"].outcome) == ("inconclusive", "inconclusive")
    # Each word of the reference is one person's, so new persons bring new words.
    assert (plain["unseen_share"].outcome, linked["unseen_share"].outcome) == ("fail", "inconclusive")


def at_limit(method: str) -> float:
    """By how much a normal column moves until the statistic is at its limit."""
    if method == "ks":
        return float(2 * stats.norm.ppf(0.55))
    if method == "wasserstein":
        return 0.1
    cuts = stats.norm.ppf(np.linspace(0.1, 0.9, 9))

    def over(moved: float) -> float:
        shares = np.diff(np.concatenate([[0], stats.norm.cdf(cuts - moved), [1]]))
        return float(np.sum((shares - 0.1) * np.log(shares / 0.1))) - 0.2

    return float(optimize.brentq(over, 0.01, 3))


@pytest.mark.long
@pytest.mark.parametrize("persons", [100, 1000])
@pytest.mark.parametrize("method", ["psi", "ks", "wasserstein"])
def test_ten_rows_a_person_at_the_limit_seldom_pass_and_seldom_fail(run: Run, method: str, persons: int) -> None:
    draws, draw, moved = max(600, ASKED // 10), np.random.default_rng(persons), at_limit(method)
    outcomes = []
    for _ in range(draws):
        data = {"reference": people(draw, persons, 0), "production": people(draw, persons, moved)}
        found = run("drift", data, PERSON, method=method, histograms=0, shares_rows=True)
        outcomes.append(methods(found, "x")[method].outcome)
    passes, fails = outcomes.count("pass"), outcomes.count("fail")
    note_rates(passes, fails, draws)
    assert set(outcomes) <= {"pass", "fail", "inconclusive"}
    assert max(passes, fails) / draws <= 0.025 + 3 * math.sqrt(0.025 * 0.975 / draws)
