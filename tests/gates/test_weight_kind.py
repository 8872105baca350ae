"""Weights that look like counts of rows, where nobody says that they are: each gate that takes weights says so."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]
GATES: dict[str, dict[str, Any]] = {
    "fairness": {},
    "performance": {},
    "uncertainty": {},
    "representativeness": {"reference": {"g": {"a": 0.5, "b": 0.5}}},
}
ROLES = {"sensitive": ["g"], "target": ["y"], "prediction": ["d"], "score": ["s"], "weight": ["w"]}


def frame(weights: Any) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    rows = pd.DataFrame({"g": ["a", "b"] * 100, "s": draw.random(200)})
    return rows.assign(y=(rows.s + draw.normal(0, 0.2, 200) > 0.5).astype(int), d=(rows.s > 0.5).astype(int), w=weights)


def notes(findings: tuple[Finding, ...]) -> list[Finding]:
    return [finding for finding in findings if finding.measure == "weight"]


@pytest.mark.parametrize("gate", GATES)
def test_whole_weights_of_a_large_mean_are_told(run: Run, gate: str) -> None:
    (note,) = notes(run(gate, {"evaluation": frame([20, 46] * 100)}, ROLES, **GATES[gate]))
    assert note.outcome is None
    assert "the weights in 'w' are whole numbers, 33 on average" in str(note.note)
    assert "weight_kind: frequency" in str(note.remedy)


@pytest.mark.parametrize("weights", [[1, 2] * 100, [20.5, 46] * 100])
def test_small_weights_and_fractions_are_not(run: Run, weights: Any) -> None:
    assert notes(run("fairness", {"evaluation": frame(weights)}, ROLES)) == []


def test_weights_that_are_said_to_count_rows_are_not(run: Run) -> None:
    rows = {"evaluation": frame([20, 46] * 100)}
    assert notes(run("fairness", rows, ROLES, weight_kind="frequency")) == []
