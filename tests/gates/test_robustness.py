"""Robustness: paired counts by hand, McNemar's exact test as scipy has it, rows that do not belong together."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from aims_gates import Finding, intervals
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"target": ["y"], "prediction": ["d"]}


def one(findings: tuple[Finding, ...], measure: str, **by: str) -> Finding:
    found = [f for f in findings if f.measure == measure and dict(f.by) == by]
    assert len(found) == 1, (measure, by, [(f.measure, f.by) for f in findings])
    return found[0]


def table(both: int, lost: int, gained: int, neither: int) -> dict[str, pd.DataFrame]:
    """Rows right before and after, before only, after only, never."""
    before = [1] * (both + lost) + [0] * (gained + neither)
    after = [1] * both + [0] * lost + [1] * gained + [0] * neither
    y = [1] * len(before)
    return {"evaluation": pd.DataFrame({"y": y, "d": before}), "perturbed": pd.DataFrame({"y": y, "d": after})}


def test_the_presidents_approval_falls_as_agresti_counted_it(run: Run) -> None:
    # A. Agresti, Categorical Data Analysis, table 10.1: 944 and 880 of 1,600 approve; 150 and 86 changed their minds.
    found = run("robustness", table(794, 150, 86, 570), ROLES)
    drop = one(found, "accuracy_drop")
    assert drop.value == pytest.approx(0.04)
    assert drop.p_value == pytest.approx(binomtest(86, 236).pvalue)
    assert (drop.low, drop.high) == pytest.approx((0.021, 0.059), abs=1e-3)  # Wald's in the book.
    assert one(found, "flip_rate").value == pytest.approx(236 / 1600)
    assert one(found, "flip_rate").outcome == "fail"


def test_mcnemar_by_hand(run: Run) -> None:
    drop = one(run("robustness", table(50, 12, 2, 30), ROLES), "accuracy_drop")
    assert drop.p_value == pytest.approx(2 * (1 + 14 + 91) / 2**14)
    assert one(run("robustness", table(50, 0, 0, 30), ROLES), "accuracy_drop").p_value == 1


def test_non_inferiority_needs_the_whole_interval_below_the_margin(run: Run) -> None:
    for times, outcome in ((1, "inconclusive"), (20, "pass")):
        counts = [times * x for x in (80, 3, 1, 16)]
        drop = one(run("robustness", table(*counts), ROLES), "accuracy_drop")
        assert (drop.value, drop.outcome) == (pytest.approx(0.02), outcome)
        assert (drop.low, drop.high) == pytest.approx(intervals.exact_paired(*counts))


def test_rows_are_matched_by_id_in_any_order_and_by_perturbation(run: Run) -> None:
    generator = np.random.default_rng(4)
    base = pd.DataFrame({"id": range(300), "y": generator.integers(0, 2, 300), "d": generator.integers(0, 2, 300)})
    noise = base.assign(kind="noise", d=np.where(base.id < 6, 1 - base.d, base.d))
    partly = base[:100].assign(kind="attack", d=np.where(base[:100].id < 40, 1 - base[:100].d, base[:100].d))
    both = pd.concat([noise, partly]).sample(frac=1, random_state=1)
    roles = ROLES | {"id": ["id"], "perturbation": ["kind"]}
    found = run("robustness", {"evaluation": base, "perturbed": both}, roles)
    assert (one(found, "flip_rate", kind="noise").value, one(found, "flip_rate", kind="noise").n) == (0.02, 300)
    attack = one(found, "flip_rate", kind="attack")
    assert (attack.value, attack.n, attack.outcome) == (0.4, 100, "fail")
    assert "300 rows in all" in str(attack.note)


def test_a_model_that_gives_no_answer_has_flipped(run: Run) -> None:
    base = pd.DataFrame({"y": [1, 0] * 50, "d": [1, 0] * 50})
    gone = base.assign(d=base.d.astype(float).where(base.index < 80))
    found = run("robustness", {"evaluation": base, "perturbed": gone}, ROLES)
    assert one(found, "flip_rate").value == pytest.approx(0.2)
    assert one(found, "no_answer_share").value == pytest.approx(0.2)
    assert one(found, "accuracy_drop").value == pytest.approx(0.2)


def test_quantities_flip_when_they_move_beyond_the_tolerance(run: Run) -> None:
    base = pd.DataFrame({"d": np.linspace(0, 1, 200)})
    data = {"evaluation": base, "perturbed": base + np.where(np.arange(200) < 20, 0.3, 0.1)[:, None]}
    assert one(run("robustness", data, {"prediction": ["d"]}, tolerance=0.2), "flip_rate").value == pytest.approx(0.1)
    found = run("robustness", data, {"prediction": ["d"]})
    assert outcome_of(found) == "error"
    assert "quantities" in str(found[0].note)


def test_text_labels_and_scores_are_compared(run: Run) -> None:
    base = pd.DataFrame({"d": ["yes", "no"] * 100, "s": [0.9, 0.1] * 100})
    found = run(
        "robustness", {"evaluation": base, "perturbed": base.assign(s=[0.8, 0.1] * 100)},
        {"prediction": ["d"], "score": ["s"]},
    )  # fmt: skip
    assert outcome_of(found) == "pass"
    assert one(found, "mean_score_change").value == pytest.approx(0.05)


BASE = pd.DataFrame({"i": [1, 2, 3], "y": [1, 0, 1], "d": [1, 0, 1]})


@pytest.mark.parametrize(
    ("perturbed", "roles", "params", "words"),
    [
        (BASE[:2], {}, {}, "2 rows and the evaluation data 3"),
        (BASE.assign(y=[1, 1, 1]), {}, {}, "another target"),
        (BASE.assign(i=[1, 2, 9]), {"id": ["i"]}, {}, "1 perturbed rows are not"),
        (BASE.assign(i=[1, 2, 2]), {"id": ["i"]}, {}, "is there twice"),
        (BASE.assign(p="noise"), {"perturbation": ["p"]}, {}, "only be matched by an id"),
        (BASE.drop(columns="d"), {}, {}, "'d'"),
        (BASE, {}, {"limits": {"flips": {"op": "<=", "value": 0.1}}}, "'flips'"),
        (BASE, {}, {"tolerance": -1}, "tolerance"),
        (BASE.assign(d=["a", "b", "a"]), {}, {}, "some are text ('d' of evaluation: 1, 0; 'd' of perturbed: a, b"),
        (BASE.assign(i=["a", "b", "c"]), {"id": ["i"]}, {}, "3 perturbed rows are not"),
        (BASE, {}, {"required_perturbations": ["noise"]}, "'noise' was not tried"),
    ],
)
def test_what_cannot_be_compared_is_an_error_that_says_why(
    run: Run, perturbed: pd.DataFrame, roles: dict[str, list[str]], params: dict[str, object], words: str
) -> None:
    found = run("robustness", {"evaluation": BASE, "perturbed": perturbed}, ROLES | roles, **params)
    assert outcome_of(found) == "error"
    assert any(words in str(f.note) for f in found), found


def test_an_id_is_the_same_as_number_and_as_text(run: Run) -> None:
    perturbed = BASE.assign(i=["3", "2", "1"])
    found = run("robustness", {"evaluation": BASE.astype({"i": float}), "perturbed": perturbed}, ROLES | {"id": ["i"]})
    assert one(found, "flip_rate").value == 0


def test_a_drop_under_a_limit_needs_a_target(run: Run) -> None:
    limit = {"accuracy_drop": {"op": "<=", "value": 0.1}}
    found = run("robustness", {"evaluation": BASE, "perturbed": BASE}, {"prediction": ["d"]}, limits=limit)
    assert one(found, "accuracy_drop").outcome == "inconclusive"
