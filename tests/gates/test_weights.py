"""Weights that count rows give what the repeated rows give; where rows are facts, the gate says that it uses none."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]


def drawn(n: int = 300) -> pd.DataFrame:
    draw = np.random.default_rng(2)
    frame = pd.DataFrame({"race": draw.choice(["a", "b"], n), "y": draw.integers(0, 2, n), "w": draw.integers(0, 4, n)})
    frame["s"] = np.clip(0.5 * frame.y + 0.5 * draw.random(n), 0, 1).round(2)
    frame["d"] = (frame.s > 0.5).astype(int)
    return frame


CASES: dict[str, tuple[dict[str, list[str]], dict[str, Any]]] = {
    "uncertainty": ({"target": ["y"], "score": ["s"], "prediction": ["d"]}, {}),
    "performance": ({"target": ["y"], "score": ["s"], "prediction": ["d"]}, {}),
    "fairness": ({"target": ["y"], "prediction": ["d"], "sensitive": ["race"]}, {}),
    "representativeness": ({"sensitive": ["race"]}, {"reference": {"race": {"a": 0.5, "b": 0.5}}}),
}


@pytest.mark.parametrize("gate", CASES)
def test_a_weight_is_as_good_as_so_many_rows(run: Run, gate: str) -> None:
    roles, params = CASES[gate]
    frame = drawn()
    longer = frame.loc[frame.index.repeat(frame.w)].drop(columns="w").reset_index(drop=True)
    found = run(gate, {"evaluation": frame}, roles | {"weight": ["w"]}, **params, weight_kind="frequency")
    again = run(gate, {"evaluation": longer}, roles, **params)
    assert outcome_of(found) != "error"
    assert [(f.measure, dict(f.by)) for f in found] == [(f.measure, dict(f.by)) for f in again]
    for ours, theirs in zip(found, again, strict=True):
        assert ours.outcome == theirs.outcome
        for mine, its in ((ours.value, theirs.value), (ours.low, theirs.low), (ours.high, theirs.high)):
            assert mine == (its if its is None else pytest.approx(its, rel=1e-9, abs=1e-9)), ours


@pytest.mark.parametrize("gate", CASES)
@pytest.mark.parametrize("weight", [-1.0, np.inf, np.nan, "many"])
def test_weights_that_are_none_are_an_error(run: Run, gate: str, weight: Any) -> None:
    roles, params = CASES[gate]
    frame = drawn().assign(w=lambda f: f.w.astype(object).where(f.index > 0, weight))
    frame["w"] = frame.w.astype(str if isinstance(weight, str) else float)
    found = run(gate, {"evaluation": frame}, roles | {"weight": ["w"]}, **params)
    assert outcome_of(found) == "error"
    assert found[-1].remedy


@pytest.mark.parametrize("gate", ["robustness", "leakage", "explainability", "security"])
def test_gates_that_count_rows_as_facts_say_that_they_use_no_weight(run: Run, gate: str) -> None:
    frame = drawn().assign(k=lambda f: f.index, reason="x", attack="a", won=0)
    sets = {
        "robustness": ({"evaluation": frame, "perturbed": frame}, {"prediction": ["d"], "id": ["k"]}),
        "leakage": ({"evaluation": frame, "reference": frame}, {"target": ["y"]}),
        "explainability": ({"evaluation": frame, "explanations": frame}, {"prediction": ["d"], "id": ["k"]}),
        "security": ({"attacks": frame}, {"attack_class": ["attack"], "succeeded": ["won"]}),
    }
    data, roles = sets[gate]
    found = run(gate, data, roles | {"weight": ["w"]})
    (said,) = [f for f in found if f.measure == "weight"]
    assert "not used" in str(said.note)
    assert said.outcome is None
