"""The least and the greatest number that a parameter may be: at the bound it is taken, beyond it refused by name."""

from collections.abc import Callable

import pandas as pd
import pytest

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]
ROWS = pd.DataFrame({"y": [1, 0] * 20, "d": [1, 0] * 20, "s": [0.9, 0.2] * 20, "g": ["a", "b"] * 20})
SETS: dict[str, tuple[list[str], dict[str, list[str]], dict[str, object]]] = {
    "representativeness": (["evaluation"], {"sensitive": ["g"]}, {"reference": {"a": 0.5, "b": 0.5}}),
    "uncertainty": (["evaluation"], {"target": ["y"], "score": ["s"]}, {}),
    "robustness": (["evaluation", "perturbed"], {"prediction": ["d"]}, {}),
    "security": (["attacks"], {"attack_class": ["g"], "succeeded": ["y"]}, {}),
}


@pytest.mark.parametrize(
    ("gate", "name", "least", "most"),
    [
        ("representativeness", "min_group_size", (0, 1), (10**12, 10**12 + 1)),
        ("representativeness", "confidence", (0.49, 0.5), (0.999999, 1.0)),
        ("uncertainty", "coverage", (0.009, 0.01), (1, 1.1)),
        ("uncertainty", "low_confidence", (-0.1, 0), (1, 1.1)),
        ("robustness", "confidence", (0.49, 0.5), (0.999999, 1.0)),
        ("security", "min_attacks", (-1, 0), (10**9, 10**9 + 1)),
        ("security", "confidence", (0.49, 0.5), (0.999999, 1.0)),
    ],
)
def test_a_number_is_taken_at_its_bound_and_refused_beyond(
    run: Run, gate: str, name: str, least: tuple[float, float], most: tuple[float, float]
) -> None:
    sets, roles, params = SETS[gate]
    below, lowest, highest, above = *least, *most
    for value, refused in ((below, True), (lowest, False), (highest, False), (above, True)):
        found = run(gate, dict.fromkeys(sets, ROWS), roles, **{**params, name: value})
        assert (f"{name} cannot be" in str(found[0].note)) is refused, (value, found[0])
        assert (found[0].outcome == "error") is refused
