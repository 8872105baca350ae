"""Robustness: paired counts by hand, McNemar's exact test as scipy has it, rows that do not belong together."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, binomtest, norm
from scipy.stats import t as student

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


def perturbed(**moved: int) -> dict[str, pd.DataFrame]:
    """A hundred rows, of which each perturbation moves so many."""
    base = pd.DataFrame({"id": range(100), "y": [1, 0] * 50, "d": [1, 0] * 50})
    tables = [base.assign(kind=name, d=base.d.where(base.id >= rows, 1 - base.d)) for name, rows in moved.items()]
    return {"evaluation": base, "perturbed": pd.concat(tables, ignore_index=True)}


BY = {"prediction": ["d"], "id": ["id"], "perturbation": ["kind"]}


@pytest.mark.parametrize("measure", ["flip_rate", "no_answer_share", "accuracy_drop"])
@pytest.mark.parametrize("kinds", [1, 2])
def test_a_value_passes_by_its_own_interval_and_fails_by_the_one_for_all(run: Run, measure: str, kinds: int) -> None:
    data = perturbed(**dict.fromkeys("ab"[:kinds], 30))
    if measure == "no_answer_share":
        data["perturbed"] = data["perturbed"].astype({"d": float})
        data["perturbed"].loc[data["perturbed"].id < 30, "d"] = None
    roles = BY if measure != "accuracy_drop" else BY | {"target": ["y"]}
    off = {"flip_rate": None, "accuracy_drop": None}
    loose = "flip_rate" if measure != "flip_rate" else "no_answer_share"
    plain = one(run("robustness", data, roles, limits={**off, measure: None}), "flip_rate", kind="a")
    for others in (off, {**off, loose: {"op": "<=", "value": 0.99}}):
        family = kinds * (1 if others is off else 2)
        own, wide = (
            one(run("robustness", data, roles, limits={**off, loose: None}, confidence=level), measure, kind="a")
            for level in (0.95, 1 - 0.05 / family)
        )
        assert own.low and own.high and wide.low and wide.high and own.value == plain.value == 0.3
        assert own.outcome is None
        asked = [(wide.low - 1e-6, "fail", ""), (wide.low + 1e-6, "inconclusive", ""), (own.high + 1e-6, "pass", "")]
        if family > 1:
            asked[1] = ((own.low + wide.low) / 2, "inconclusive", "fails alone")
            asked.append((own.value, "inconclusive", "reaches over the limit"))
        for value, outcome, words in asked:
            limits = {**others, measure: {"op": "<=", "value": value}}
            drop = one(run("robustness", data, roles, limits=limits), measure, kind="a")
            assert (drop.outcome, drop.low, drop.high) == (outcome, own.low, own.high), (value, family)
            assert words in str(drop.note)
            assert (drop.remedy is None) is (outcome == "pass")


def test_without_a_truth_the_drop_in_accuracy_counts_among_no_comparisons(run: Run) -> None:
    # By default two measures are under a limit; without a target only the flips are judged.
    low = float(beta.ppf(0.025, 30, 71))
    lower = float(beta.ppf(0.0125, 30, 71))
    limits = {"flip_rate": {"op": "<=", "value": (low + lower) / 2}}
    data = perturbed(a=30)
    found = run("robustness", data, BY, limits=limits)
    assert one(found, "flip_rate", kind="a").outcome == "fail"
    assert {f.measure for f in found} == {"flip_rate"}
    judged = run("robustness", data, BY | {"target": ["y"]}, limits=limits)
    assert one(judged, "flip_rate", kind="a").outcome == "inconclusive"
    moved = run("robustness", data, BY | {"target": ["y"]}, limits=limits, tolerance=0.5)
    assert one(moved, "flip_rate", kind="a").outcome == "fail"
    assert {f.measure for f in moved} == {"flip_rate"}


def test_a_drop_is_asked_for_only_by_a_limit_of_ones_own_and_without_a_target(run: Run) -> None:
    data, limit = perturbed(a=0), {"accuracy_drop": {"op": "<=", "value": 0.1}}
    for limits, target, drops in (({}, {}, 0), ({"accuracy_drop": None}, {}, 0), (limit, {}, 1), (limit, ROLES, 1)):
        found = run("robustness", data, BY | target, limits=limits)
        assert len([f for f in found if f.measure == "accuracy_drop"]) == drops
        assert not [f for f in found if f.measure in ("labels", "mean_score_change", "no_answer_share")]


def test_what_is_left_out_is_no_test_and_what_is_required_must_be_there(run: Run) -> None:
    data = perturbed(**{"permute:age": 50, "shuffle": 50, "noise": 0})
    for left_out, names in (
        (["permute:*"], {"shuffle", "noise"}),
        (["permute:*", "shuf*"], {"noise"}),
        ([], {"permute:age", "shuffle", "noise"}),
    ):
        found = run("robustness", data, BY, left_out=left_out, required_perturbations=["noise", "noise"])
        assert {f.by["kind"] for f in found} == names
        assert {f.outcome for f in found} <= {"pass", "fail"}
    everything = run("robustness", data, BY, left_out=["*"])
    assert everything[0].outcome == "error" and "every perturbation is left out" in str(everything[0].note)
    missing = run("robustness", data, BY, required_perturbations=["typos", "noise"])
    assert [f.over for f in missing if f.outcome == "error"] == [{"perturbation": "typos"}]


@pytest.mark.parametrize("values", [[1, 1], [1, 0]])
def test_a_model_that_always_says_the_same_does_not_pass(run: Run, values: list[int]) -> None:
    base = pd.DataFrame({"y": [1, 0] * 100, "d": values * 100})
    found = run("robustness", {"evaluation": base, "perturbed": base}, ROLES)
    for measure in ("flip_rate", "accuracy_drop"):
        finding = one(found, measure)
        assert finding.value == 0
        assert finding.outcome == ("inconclusive" if values == [1, 1] else "pass")
        assert ("every prediction on the rows themselves is the same" in str(finding.note)) is (values == [1, 1])
    flipped = run("robustness", {"evaluation": base, "perturbed": base.assign(d=1 - base.d)}, ROLES)
    assert one(flipped, "flip_rate").outcome == "fail"
    assert str(one(flipped, "flip_rate").note).startswith("200 of 200 predictions moved; ")


def test_no_answer_to_a_row_that_was_wrong_already_loses_nothing(run: Run) -> None:
    base = pd.DataFrame({"y": [1] * 200, "d": [0] * 40 + [1] * 160})
    gone = base.assign(d=base.d.astype(float).where(base.index >= 60))
    found = run("robustness", {"evaluation": base, "perturbed": gone}, ROLES)
    assert one(found, "flip_rate").value == one(found, "no_answer_share").value == pytest.approx(0.3)
    drop = one(found, "accuracy_drop")
    assert (drop.value, drop.p_value) == pytest.approx((0.1, 2 * 0.5**20))
    assert (drop.low, drop.high, drop.n) == pytest.approx((*intervals.exact_paired(140, 20, 0, 40), 200))
    assert str(drop.note).startswith("20 rows right before and wrong after, 0 the other way round")


def test_rows_of_one_person_are_judged_by_what_they_are_worth_together(run: Run) -> None:
    generator = np.random.default_rng(3)
    person = np.repeat(np.arange(80), 5)
    y, d = np.ones(400, int), (generator.uniform(size=400) < 0.8).astype(int)
    moved = np.where(np.isin(person, [1, 2, 3, 4, 5, 6]) | (generator.uniform(size=400) < 0.05), 1 - d, d)
    data = {"evaluation": pd.DataFrame({"y": y, "d": d, "c": person}), "perturbed": pd.DataFrame({"y": y, "d": moved})}
    drop = one(run("robustness", data, ROLES | {"cluster": ["c"]}), "accuracy_drop")
    change = d - moved
    value = change.mean()
    totals = np.bincount(person, weights=change - value)
    # The linearized variance of 80 clusters of 5 rows, and half a cluster at either end.
    variance = (totals**2).sum() * 80 / 79 + 0.5 * 25 * ((1 - value) ** 2 + (-1 - value) ** 2)
    n = 400 * ((change - value) ** 2).sum() / variance
    assert 80 < n < 400
    assert (drop.value, drop.n) == pytest.approx((value, n))
    size = n * (norm.ppf(0.975) / student.ppf(0.975, 79)) ** 2
    cells = [((d == before) & (moved == after)).mean() * size for before, after in ((1, 1), (1, 0), (0, 1), (0, 0))]
    assert (drop.low, drop.high) == pytest.approx(intervals.exact_paired(*cells))


@pytest.mark.parametrize(("lost", "gained"), [(1, 1), (3, 4), (0, 1), (9, 2)])
def test_mcnemar_is_scipys_binomial_test_and_never_above_one(run: Run, lost: int, gained: int) -> None:
    drop = one(run("robustness", table(30, lost, gained, 30), ROLES), "accuracy_drop")
    assert drop.p_value == pytest.approx(binomtest(lost, lost + gained).pvalue)


def test_scores_are_compared_by_perturbation(run: Run) -> None:
    data = perturbed(a=0, b=0)
    data["evaluation"]["s"] = 0.5
    data["perturbed"]["s"] = [0.6, 0.5] * 50 + [0.1, 0.5] * 50
    found = run("robustness", data, BY | {"score": ["s"]})
    for name, mean, most in (("a", 0.05, "0.1"), ("b", 0.2, "0.4")):
        change = one(found, "mean_score_change", kind=name)
        assert (change.value, change.n) == pytest.approx((mean, 100))
        assert change.note == f"without its sign; the largest is {most}"
