"""What the one query counts: labels of every kind, weights, strata, clusters and rows without a group, by pandas."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding
from aims_gates.data.intervals.clusters import clustered_n
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"sensitive": ["g"], "target": ["y"], "prediction": ["d"]}


def drawn(n: int = 300) -> pd.DataFrame:
    draw = np.random.default_rng(8)
    frame = pd.DataFrame({"g": draw.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]), "y": draw.integers(0, 2, n)})
    frame["d"] = (draw.random(n) < 0.3 + 0.3 * frame.y).astype(int)
    frame["k"] = draw.choice(["n", "s"], n)
    frame["w"] = draw.choice([0.5, 1.0, 3.25], n)
    frame["person"] = np.arange(n) // 3
    return frame


def numbers(findings: tuple[Finding, ...], **by: str) -> dict[Any, tuple[Any, ...]]:
    """(measure, group, over) -> value, ends, n of the findings of this stratum."""
    chosen = [f for f in findings if by.items() <= f.by.items() and not (f.by.keys() - by.keys() - {"g"})]
    return {(f.measure, f.by.get("g"), str(f.over)): (f.value, f.low, f.high, f.n) for f in chosen if not adjusted(f)}


def adjusted(finding: Finding) -> bool:
    return finding.measure.endswith("_adjusted")


def alike(ours: dict[Any, tuple[Any, ...]], theirs: dict[Any, tuple[Any, ...]]) -> None:
    assert ours.keys() == theirs.keys()
    for key, numbers in ours.items():
        for mine, other in zip(numbers, theirs[key], strict=True):
            assert mine == (other if other is None else pytest.approx(other, rel=1e-9, abs=1e-12)), key


@pytest.mark.parametrize("weighted", [False, True])
def test_labels_of_every_kind_are_counted_alike(run: Run, weighted: bool) -> None:
    frame, roles = drawn(), ROLES | ({"weight": ["w"]} if weighted else {})
    plain = numbers(run("fairness", {"evaluation": frame}, roles, limits={}))
    assert len(plain) > 60
    yes = {1: "yes", 0: "no"}
    text = frame.assign(y=frame.y.map(yes), d=frame.d.map(yes))
    alike(numbers(run("fairness", {"evaluation": text}, roles, positive="yes", limits={})), plain)
    alike(numbers(run("fairness", {"evaluation": frame.assign(y=frame.y.astype(float))}, roles, limits={})), plain)
    truth = frame.assign(y=frame.y.astype(bool), d=frame.d.astype(bool))
    alike(numbers(run("fairness", {"evaluation": truth}, roles, limits={})), plain)
    ruled = roles | {"prediction": [], "score": ["s"]}
    scored = frame.assign(s=frame.d * 0.4 + 0.3).drop(columns="d")
    found = run("fairness", {"evaluation": scored}, ruled, decision={"op": ">=", "value": 0.5}, limits={})
    alike(numbers(found), plain)


def test_sampling_weights_have_the_size_of_each_denominator(run: Run) -> None:
    frame = drawn()
    found = numbers(run("fairness", {"evaluation": frame}, ROLES | {"weight": ["w"]}, control=["k"], limits={}), k="s")
    for group, part in frame[frame.k == "s"].groupby("g"):
        value, _, _, rows = found["count", group, "None"]
        assert value == pytest.approx(part.w.sum() ** 2 / (part.w**2).sum())
        assert rows == len(part)
        for measure, base, hits in (
            ("true_positive_rate", part.y == 1, part.d == 1),
            ("false_discovery_rate", part.d == 1, part.y == 0),
            ("accuracy", part.y == part.y, part.y == part.d),
        ):
            w = part.w[base]
            value, _, _, n = found[measure, group, "None"]
            assert value == pytest.approx(part.w[base & hits].sum() / w.sum())
            assert n == pytest.approx(w.sum() ** 2 / (w**2).sum())


def test_a_stratum_is_judged_by_its_own_rows_and_clusters(run: Run) -> None:
    frame = drawn()
    roles = ROLES | {"cluster": ["person"]}
    whole = run("fairness", {"evaluation": frame}, roles, control=["k"], limits={})
    for stratum in ("n", "s"):
        part = frame[frame.k == stratum]
        alike(numbers(whole, k=stratum), numbers(run("fairness", {"evaluation": part}, roles, limits={})))
    alike(numbers(whole), numbers(run("fairness", {"evaluation": frame}, roles, limits={})))


@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_shrink_each_rate_by_its_own_rows(run: Run, weighted: bool) -> None:
    frame = drawn()
    frame["g"] = np.where(frame.person % 2 == 0, "a", "b")
    frame["d"] = np.where(frame.person % 5 < 2, 1, frame.d)
    roles = ROLES | {"cluster": ["person"]} | ({"weight": ["w"]} if weighted else {})
    found = numbers(run("fairness", {"evaluation": frame}, roles, limits={}))
    for group, rows in frame.groupby("g"):
        for measure, base, hits in (
            ("true_positive_rate", rows.y == 1, rows.d == 1),
            ("false_omission_rate", rows.d == 0, rows.y == 1),
            ("selection_rate", rows.y >= 0, rows.d == 1),
        ):
            part = rows[base].assign(hit=hits[base].astype(float), w=rows.w if weighted else 1.0)
            rate = np.average(part.hit, weights=part.w)
            residual = part.w * (part.hit - rate)
            n = clustered_n(
                part.w.sum(),
                (part.groupby("person").w.sum() ** 2).sum(),
                (part.w * (part.hit - rate) ** 2).sum(),
                (residual.groupby(part.person).sum() ** 2).sum(),
                part.person.nunique(),
                (-rate, 1 - rate),
                part.w.sum() ** 2 / (part.w**2).sum(),
            )
            assert found[measure, group, "None"][0] == pytest.approx(rate)
            assert found[measure, group, "None"][3] == pytest.approx(n)


def test_rows_without_a_group_or_a_stratum_are_counted_where_they_belong(run: Run) -> None:
    frame = drawn()
    frame.loc[:29, "g"], frame.loc[20:69, "k"] = None, None
    found = run("fairness", {"evaluation": frame}, ROLES, control=["k"])
    counts = {(f.by.get("k"), f.by["g"]): f.value for f in found if f.measure == "count"}
    named = frame.fillna({"g": "missing", "k": "missing"})
    expected = {(k, g): len(part) for (k, g), part in named.groupby(["k", "g"])}
    expected |= {(None, g): len(part) for g, part in named.groupby("g")}
    assert counts == expected
    dropped = run("fairness", {"evaluation": frame}, ROLES, control=["k"], missing="drop")
    sizes = {f.by.get("k"): f.value for f in dropped if f.measure == "rows_dropped"}
    lost = named[named.g == "missing"].groupby("k").size().to_dict()
    assert sizes == {None: 30, **{k: lost.get(k, 0) for k in ("missing", "n", "s")}}
    note = next(f.note for f in dropped if f.measure == "accuracy_ratio" and not f.by)
    assert str(note).endswith("; 30 rows without a sensitive value were dropped")


def test_weights_and_labels_that_cannot_be_counted_are_refused(run: Run) -> None:
    frame = drawn().assign(y=lambda f: f.y.map({1: "yes", 0: "no"}), d=lambda f: f.d.map({1: "yes", 0: "no"}))
    for changed, roles, words in (
        (frame.assign(w=0.0), ROLES | {"weight": ["w"]}, "weight"),
        (frame.assign(w=frame.w.where(frame.index != 7, -0.5)), ROLES | {"weight": ["w"]}, "negative"),
        (frame.assign(w=frame.w.where(frame.index != 7, np.nan)), ROLES | {"weight": ["w"]}, "1 "),
        (frame.assign(y="no"), ROLES, "the favourable label never occurs in 'y', which holds: "),
        (frame.assign(d=frame.d.where(frame.index > 2)), ROLES, "3 rows have no value in 'd'"),
        (frame.assign(y=frame.y.where(frame.index > 3)), ROLES, "4 rows have no value in 'y'"),
    ):
        found = run("fairness", {"evaluation": changed}, roles, positive="yes")
        assert outcome_of(found) == "error", words
        assert words in str(found[-1].note)
    alone = run("fairness", {"evaluation": frame.assign(d="no")}, ROLES | {"target": []}, positive="yes")
    assert "the favourable label never occurs in 'd'" in str(alone[-1].note)
    nobody = run("fairness", {"evaluation": frame.assign(d="no")}, ROLES, positive="yes")
    assert outcome_of(nobody) == "inconclusive"
    zero = run("fairness", {"evaluation": frame.assign(w=frame.w.where(frame.index != 7, 0.0))}, ROLES, positive="yes")
    assert outcome_of(zero) != "error"


def test_a_score_without_a_value_is_named_and_a_rule_needs_no_label(run: Run) -> None:
    frame = drawn().assign(s=lambda f: (f.d * 0.4 + 0.3).where(f.index > 1))
    roles, rule = ROLES | {"score": ["s"]}, {"op": ">=", "value": 0.5}
    found = run("fairness", {"evaluation": frame}, roles, decision=rule)
    assert "2 rows have no value in 's'" in str(found[-1].note)
    found = run("fairness", {"evaluation": frame.fillna({"s": 0.1}).assign(d=7)}, roles, decision=rule)
    assert outcome_of(found) != "error"


def test_more_groups_than_can_be_compared_are_told_by_their_number(run: Run) -> None:
    frame = pd.DataFrame({"g": np.arange(2002) % 1001, "h": "x", "d": np.arange(2002) // 1001})
    found = run("fairness", {"evaluation": frame}, {"sensitive": ["g"], "prediction": ["d"]})
    assert "'g' make 1,001 groups, more than can be compared" in str(found[-1].note)
    frame = pd.DataFrame({"g": np.arange(40_002) % 20_001, "d": np.arange(40_002) // 20_001})
    found = run("fairness", {"evaluation": frame}, {"sensitive": ["g"], "prediction": ["d"]})
    assert "'g' make too many groups to compare" in str(found[-1].note)
    found = run("fairness", {"evaluation": frame.query("g < 20000")}, {"sensitive": ["g"], "prediction": ["d"]})
    assert "'g' make 20,000 groups, more than can be compared" in str(found[-1].note)
