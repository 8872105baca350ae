"""Fairness against the version in production: the interval covers what is true; what cannot be paired refuses."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Case, Dataset, Finding
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.packs.find import find_gates

GATE = find_gates()["fairness"]
PARITY = "demographic_parity_difference_champion_difference"
OPPORTUNITY = "equal_opportunity_difference_champion_difference"


def findings(ours: pd.DataFrame, theirs: pd.DataFrame, limits: dict[str, Any], **roles: Any) -> tuple[Finding, ...]:
    data = {"evaluation": Dataset.open(ours, role="evaluation"), "champion": Dataset.open(theirs, role="champion")}
    named = {"target": ("y",), "prediction": ("d",), "sensitive": ("g",), **roles}
    limits = {name: {"op": "<=", "value": limit} for name, limit in limits.items()}
    return run_gate(
        GATE, Case("fairness", GATE.params({"limits": limits, "positive": 1}), named, data, datetime.now(UTC))
    )


def people(seed: int, rows: int, ours: tuple[float, float], theirs: tuple[float, float]) -> tuple[pd.DataFrame, ...]:
    """Two groups with these true rates of decisions 1; whom the champion approves the candidate approves the more."""
    draw = np.random.default_rng(seed)
    group, luck, label = draw.integers(0, 2, rows), draw.random(rows), draw.integers(0, 2, rows)
    frames = []
    for rates in (ours, theirs):
        frames.append(
            pd.DataFrame({"g": np.where(group, "b", "a"), "y": label, "d": (luck < np.take(rates, group)) * 1})
        )
    return tuple(frames)


@pytest.mark.parametrize(
    ("ours", "theirs"), [((0.5, 0.3), (0.5, 0.4)), ((0.4, 0.4), (0.4, 0.4)), ((0.3, 0.5), (0.5, 0.3))]
)
def test_the_interval_covers_the_truth(ours: tuple[float, float], theirs: tuple[float, float]) -> None:
    truth = abs(ours[0] - ours[1]) - abs(theirs[0] - theirs[1])
    covered = 0
    for seed in range(20):
        (finding,) = (f for f in findings(*people(seed, 600, ours, theirs), {PARITY: 0.0}) if f.measure == PARITY)
        assert finding.low is not None and finding.high is not None
        covered += finding.low <= truth <= finding.high
    assert covered >= 18


def test_labels_that_deserve_it_are_compared_too_and_rows_are_matched_by_id() -> None:
    ours, theirs = people(1, 4000, (0.6, 0.3), (0.5, 0.5))
    ours["id"] = theirs["id"] = range(len(ours))
    result = findings(ours, theirs.sample(frac=1, random_state=1), {OPPORTUNITY: 0.1}, id=("id",))
    (finding,) = (f for f in result if f.measure == OPPORTUNITY)
    assert finding.outcome == "fail" and finding.value == pytest.approx(0.3, abs=0.08)


def test_without_a_limit_or_a_champion_nothing_is_compared() -> None:
    ours, theirs = people(1, 400, (0.5, 0.5), (0.5, 0.5))
    assert PARITY not in {f.measure for f in findings(ours, theirs.drop(columns="g"), {})}
    data = {"evaluation": Dataset.open(ours, role="evaluation")}
    roles = {"target": ("y",), "prediction": ("d",), "sensitive": ("g",)}
    case = Case(
        "fairness",
        GATE.params({"limits": {PARITY: {"op": "<=", "value": 0.0}}, "positive": 1}),
        roles,
        data,
        datetime.now(UTC),
    )
    assert [f.outcome for f in run_gate(GATE, case) if f.measure == PARITY] == ["inconclusive"]


def test_what_cannot_be_paired_or_is_too_small_does_not_pass() -> None:
    ours, theirs = people(1, 400, (0.5, 0.5), (0.5, 0.5))
    short, other = theirs.head(399), theirs.assign(y=1 - theirs.y)
    for champion in (short, other, theirs.assign(d=None), theirs.drop(columns="g")):
        assert [f.outcome for f in findings(ours, champion, {PARITY: 1.0})] == ["error"]
    third = ours.assign(g=np.where(np.arange(len(ours)) < 5, "c", ours.g))
    (open_,) = (f for f in findings(third, third, {PARITY: 0.5}) if f.measure == PARITY)
    assert open_.outcome == "inconclusive" and "1 groups are too small" in str(open_.note)
