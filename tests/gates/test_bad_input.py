"""Bad input, gate by gate: a finding or an error with its remedy, never a traceback, never a pass."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Case, Dataset, Finding
from aims_gates.errors import AimsGatesError
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.packs.find import find_gates

from .conftest import NOW

Run = Callable[..., tuple[Finding, ...]]
Sets = dict[str, pd.DataFrame]
Roles = dict[str, list[str]]


def good(n: int = 3000) -> pd.DataFrame:
    draw = np.random.default_rng(4)
    frame = pd.DataFrame({"k": range(n), "race": draw.choice(["a", "b"], n), "y": draw.integers(0, 2, n)})
    frame["s"] = np.clip(0.5 * frame.y + 0.5 * draw.random(n), 0, 1)
    frame["d"] = (frame.s > 0.5).astype(int)
    frame["x"] = draw.normal(size=n)
    frame["how"], frame["won"], frame["reason"] = "noise", 0, "income"
    return frame


#: Gate -> data sets, roles, parameters of a case that can be judged.
GATES: dict[str, tuple[Callable[[], Sets], Roles, dict[str, Any]]] = {
    "fairness": (
        lambda: {"evaluation": good()},
        {"sensitive": ["race"], "target": ["y"], "prediction": ["d"]},
        {},
    ),
    "performance": (
        lambda: {"evaluation": good()},
        {"target": ["y"], "prediction": ["d"], "score": ["s"], "slice": ["race"]},
        {},
    ),
    "data_quality": (
        lambda: {"evaluation": good()},
        {"target": ["y"]},
        {
            "suite": {
                "expectations": [
                    {"type": f"expect_column_values_to_{name}", "kwargs": {"column": column, **kwargs}}
                    for column in ("y", "d")
                    for name, kwargs in (("not_be_null", {}), ("be_in_set", {"value_set": [0, 1]}))
                ]
            },
            "limits": {"label_conflict_share": 0.5},
        },
    ),
    "uncertainty": (lambda: {"evaluation": good()}, {"target": ["y"], "score": ["s"], "prediction": ["d"]}, {}),
    "representativeness": (
        lambda: {"evaluation": good(), "reference": good()},
        {"sensitive": ["race"]},
        {},
    ),
    "leakage": (
        lambda: {"evaluation": good().assign(x=lambda f: f.x + 9), "reference": good()},
        {"target": ["y"], "prediction": ["d"], "score": ["s"], "id": ["k"]},
        {},
    ),
    "privacy": (
        lambda: {"evaluation": good(), "members": good().assign(x=lambda frame: frame.x + 9)},
        {"target": ["y"], "score": ["s"]},
        {"quasi_identifiers": ["race"], "limits": {"membership_auc": {"op": "<=", "value": 0.6}}},
    ),
    "drift": (lambda: {"reference": good(), "production": good()}, {"target": ["y"]}, {"columns": ["race", "x", "y"]}),
    "robustness": (
        lambda: {"evaluation": good(), "perturbed": good()},
        {"prediction": ["d"], "target": ["y"], "id": ["k"], "perturbation": ["how"]},
        {},
    ),
    "security": (lambda: {"attacks": good()}, {"attack_class": ["race"], "succeeded": ["won"]}, {}),
    "explainability": (
        lambda: {"evaluation": good(), "explanations": good()},
        {"id": ["k"], "prediction": ["d"], "reason": ["reason"]},
        {},
    ),
}
ALL = sorted(GATES)


def run_bad(run: Run, gate: str, data: Sets, roles: Roles, **params: Any) -> tuple[Finding, ...]:
    """Run, and check what holds for any input: no traceback, every error with a remedy, no pass without a number."""
    found = run(gate, data, roles, **(GATES[gate][2] | params))
    for finding in found:
        assert "the gate raised" not in str(finding.note), finding
        if finding.outcome == "error":
            assert finding.note and finding.remedy, finding
    return found


def columns(gate: str) -> Iterator[tuple[str, str]]:
    """Role and column of a gate's case."""
    return ((role, names[0]) for role, names in GATES[gate][1].items())


ROLES = [(gate, role) for gate in ALL for role, _ in columns(gate)]
PLACES = [(gate, column) for gate in ALL for column in dict.fromkeys(name for _, name in columns(gate))]


@pytest.mark.parametrize("gate", ALL)
def test_the_case_itself_can_be_judged(run: Run, gate: str) -> None:
    data, roles, _ = GATES[gate]
    assert outcome_of(run_bad(run, gate, data(), roles)) in ("pass", "fail")


@pytest.mark.parametrize(("gate", "role"), ROLES)
def test_a_column_that_is_not_there_is_named(run: Run, gate: str, role: str) -> None:
    data, roles, _ = GATES[gate]
    if (gate, role) in {("leakage", "prediction"), ("leakage", "score"), ("leakage", "id"), ("drift", "target")}:
        pytest.skip("a role that only leaves columns out")
    found = run_bad(run, gate, data(), roles | {role: ["no such column"]})
    assert outcome_of(found) == "error"
    assert any("no such column" in str(f.note) for f in found)


@pytest.mark.parametrize(("gate", "column"), PLACES)
@pytest.mark.parametrize("what", ["null", "constant", "infinite", "mixed"])
def test_a_column_of_no_use_never_passes_silently(run: Run, gate: str, column: str, what: str) -> None:
    data, roles, _ = GATES[gate]
    sets = {role: frame.copy() for role, frame in data().items()}
    values: dict[str, Any] = {"null": None, "constant": 1, "infinite": np.inf, "mixed": None}
    for frame in sets.values():
        if what == "mixed":
            frame[column] = [str(value) if place % 2 else "?" for place, value in enumerate(frame[column])]
        elif what == "infinite":
            frame[column] = frame[column].astype(float) if column not in ("race", "how", "reason") else 0.0
            frame.loc[3, column] = np.inf
        else:
            frame[column] = values[what]
    found = run_bad(run, gate, sets, roles)
    if (gate, column, what) in _NOTHING:
        assert outcome_of(found) != "pass", [f for f in found if f.outcome]
    if what == "null" and (gate, column) != ("leakage", "k") and (gate, column) not in _HARMLESS:
        assert outcome_of(found) in ("error", "inconclusive", "fail"), [f for f in found if f.outcome]


#: What shows nothing, or cannot be: everybody gets the same, an infinite label, numbers among words.
_NOTHING = {
    *((gate, column, "constant") for gate, column in (("fairness", "d"), ("robustness", "d"), ("uncertainty", "s"))),
    *((gate, "y", "infinite") for gate in ("fairness", "performance", "uncertainty", "robustness", "leakage")),
    *((gate, "d", "infinite") for gate in ("fairness", "performance", "uncertainty", "robustness")),
    *((gate, "s", what) for gate in ("performance", "uncertainty") for what in ("infinite", "mixed")),
    *((gate, "y", "mixed") for gate in ("fairness", "performance", "uncertainty", "robustness")),
    *((gate, "d", "mixed") for gate in ("fairness", "performance", "uncertainty")),
    ("drift", "x", "infinite"),
    ("representativeness", "race", "constant"),
    ("security", "won", "constant"),
    ("security", "won", "infinite"),
    ("security", "won", "mixed"),
}
#: Roles that leakage only leaves out of the features, and what explainability does not need.
_HARMLESS = {("leakage", "d"), ("leakage", "s")}


@pytest.mark.parametrize(
    ("gate", "column"),
    [("fairness", "y"), ("fairness", "d"), ("performance", "y"), ("uncertainty", "y"), ("uncertainty", "d"),
     ("explainability", "d"), ("security", "won")],
)  # fmt: skip
def test_labels_outside_the_declared_set_are_refused(run: Run, gate: str, column: str) -> None:
    data, roles, _ = GATES[gate]
    sets = data()
    for frame in sets.values():
        frame[column] = frame[column].astype(object)
        frame.loc[5, column] = 7
        frame[column] = frame[column].astype(int)
    found = run_bad(run, gate, sets, roles)
    if gate == "performance":  # three whole numbers are three classes
        assert {"balanced_accuracy"} <= {f.measure for f in found}
    else:
        assert outcome_of(found) == "error"
        assert "7" in str([f.note for f in found])


@pytest.mark.parametrize("gate", ALL)
@pytest.mark.parametrize("rows", [0, 1])
def test_no_row_and_one_row_never_pass(run: Run, gate: str, rows: int) -> None:
    data, roles, _ = GATES[gate]
    found = run_bad(run, gate, {role: frame.head(rows) for role, frame in data().items()}, roles)
    if (gate, rows) == ("leakage", 1):
        assert outcome_of(found) != "pass" or {f.measure for f in found if f.outcome} <= {"row_overlap_share"}
    elif (gate, rows) != ("data_quality", 1):  # expectations are facts about the rows there are, not estimates
        assert outcome_of(found) in ("error", "inconclusive", "fail")


@pytest.mark.parametrize("gate", ["fairness", "representativeness"])
def test_one_group_does_not_pass(run: Run, gate: str) -> None:
    data, roles, _ = GATES[gate]
    found = run_bad(run, gate, {role: frame.assign(race="a") for role, frame in data().items()}, roles)
    assert outcome_of(found) == "inconclusive"


def test_a_group_without_positives_does_not_pass(run: Run) -> None:
    frame = good().assign(y=lambda f: f.y.where(f.race == "a", 0))
    limits = {"equal_opportunity_difference": {"op": "<=", "value": 0.1}}
    found = run_bad(run, "fairness", {"evaluation": frame}, GATES["fairness"][1], limits=limits)
    assert outcome_of(found) == "inconclusive"


@pytest.mark.parametrize("gate", ["fairness", "performance", "representativeness", "security", "robustness", "drift"])
def test_ten_thousand_groups_are_refused_or_measured(run: Run, gate: str) -> None:
    data, roles, _ = GATES[gate]
    n = 10_000
    sets = {
        role: pd.concat([frame] * 4, ignore_index=True)
        .head(n)
        .assign(k=range(n), race=[f"g{place}" for place in range(n)], how=[f"p{place}" for place in range(n)])
        for role, frame in data().items()
    }
    found = run_bad(run, gate, sets, roles)
    if gate == "drift":
        assert any(f.over and f.over.get("column") == "race" for f in found)
    else:
        assert outcome_of(found) == "error"


ODD = [
    'with "quotes"',
    "it's",
    "dotted.name",
    "🐍",
    "sensitive",
    "chunk",
    "value",
    "data",
    "s",
    "w",
    "k",
    "y",
    "a b;--",
]


@pytest.mark.parametrize("gate", ALL)
def test_odd_column_names_change_nothing(run: Run, gate: str) -> None:
    data, roles, params = GATES[gate]
    plain = run_bad(run, gate, data(), roles)
    used = list(dict.fromkeys(name for _, name in columns(gate)))
    for turn in range(0, len(ODD), 3):
        names = dict(zip(used, (ODD[turn:] + ODD)[: len(used)], strict=True))
        taken = set(names.values())
        others = {name: f"other {name}" for name in good().columns if name not in names and name in taken}
        sets = {role: frame.rename(columns=names | others) for role, frame in data().items()}
        renamed = {role: [names[column] for column in given] for role, given in roles.items()}
        asked: dict[str, Any] = {"columns": [names.get(c, c) for c in params["columns"]]} if "columns" in params else {}
        if "suite" in params:
            text = json.dumps(params["suite"])
            for column, name in names.items():
                text = text.replace(f'"column": {json.dumps(column)}', f'"column": {json.dumps(name)}')
            asked = {"suite": json.loads(text)}
        found = run_bad(run, gate, sets, renamed, **asked)
        assert [(f.measure, f.value, f.outcome) for f in found] == [(f.measure, f.value, f.outcome) for f in plain]


@pytest.mark.parametrize("gate", ["drift", "leakage", "representativeness", "robustness", "explainability"])
def test_sets_with_different_schemas_are_an_error_that_names_the_column(run: Run, gate: str) -> None:
    data, roles, _ = GATES[gate]
    sets = data()
    column = {"drift": "x", "leakage": "y", "representativeness": "race", "robustness": "d", "explainability": "k"}[
        gate
    ]
    last = list(sets)[-1]
    sets[last] = sets[last].drop(columns=[column])
    found = run_bad(run, gate, sets, roles)
    assert outcome_of(found) == "error"
    assert any(column in str(f.note) or column in str(f.over) for f in found if f.outcome == "error")


def test_predictions_of_another_length_are_refused(run: Run) -> None:
    sets = {"evaluation": good(), "perturbed": good().head(2999)}
    by_place = {"prediction": ["d"], "target": ["y"]}
    assert outcome_of(run_bad(run, "robustness", sets, by_place)) == "error"
    champion = {"evaluation": good(), "champion": good().head(2999)}
    assert outcome_of(run_bad(run, "performance", champion, {"target": ["y"], "prediction": ["d"]})) == "error"


@pytest.mark.parametrize("gate", ["fairness", "performance", "robustness", "uncertainty"])
@pytest.mark.parametrize("role", ["prediction", "score"])
def test_the_truth_is_not_what_the_model_says(run: Run, gate: str, role: str) -> None:
    data, roles, _ = GATES[gate]
    (finding,) = run_bad(run, gate, data(), roles | {role: ["y"]})
    assert (finding.outcome, "'y' is named as the truth" in str(finding.note)) == ("error", True)


def test_labels_of_another_order_are_refused(run: Run) -> None:
    champion = {"evaluation": good(), "champion": good().iloc[::-1]}
    assert outcome_of(run_bad(run, "performance", champion, {"target": ["y"], "prediction": ["d"]})) == "error"


FILES: dict[str, tuple[str, bytes]] = {
    "cut short": ("f.parquet", b"PAR1 and then nothing"),
    "of no columns": ("f.csv", b""),
    "of another delimiter": ("f.csv", b"race|y|d\na|1|1\nb|0|0\n" * 3),
    "of another encoding": ("f.csv", "race,y,d\nä,1,1\nö,0,1\n".encode("utf-16")),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_an_error_with_a_remedy(tmp_path: Path, name: str) -> None:
    file, content = FILES[name]
    (tmp_path / file).write_bytes(content)
    roles = {"sensitive": ("race",), "target": ("y",), "prediction": ("d",)}
    gate = find_gates()["fairness"]
    try:
        data = {"evaluation": Dataset.open(tmp_path / file, role="evaluation")}
    except AimsGatesError as error:
        assert error.remedy
        return
    found = run_gate(gate, Case("fairness", gate.params({}), roles, data, NOW))
    assert outcome_of(found) == "error"
    assert found[0].remedy
    assert "the gate raised" not in str(found[0].note)


def test_a_glob_that_matches_nothing_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(AimsGatesError) as caught:
        Dataset.open(str(tmp_path / "*.parquet"), role="evaluation")
    assert caught.value.remedy
