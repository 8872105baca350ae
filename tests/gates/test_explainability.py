"""Explainability: coverage counted by hand, wide and long tables alike, overlap, forbidden features."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding, intervals
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"id": ["id"], "prediction": ["d"]}
WIDE = pd.DataFrame({"id": [2, 3, 4], "reason_1": ["a", "b", "a"], "reason_2": ["b", None, " "]})
LONG = pd.DataFrame({"id": [2, 2, 3, 4], "code": ["b", "a", "b", "a"], "place": [2, 1, 1, 1]})
DECIDED = pd.DataFrame({"id": [1, 2, 3, 4], "d": [1, 0, 0, 0]})


def one(findings: tuple[Finding, ...], measure: str, **over: object) -> Finding:
    found = [f for f in findings if f.measure == measure and (not over or f.over == over)]
    assert len(found) == 1, (measure, over, [(f.measure, f.over) for f in findings])
    return found[0]


@pytest.mark.parametrize(("table", "roles"), [(WIDE, {}), (LONG, {"reason": ["code"], "rank": ["place"]})])
def test_a_row_per_decision_and_a_row_per_reason_say_the_same(
    run: Run, table: pd.DataFrame, roles: dict[str, list[str]]
) -> None:
    data = {"evaluation": DECIDED, "explanations": table, "explanations_again": table}
    found = run("explainability", data, ROLES | roles, codes=["a", "b", "c"])
    assert (one(found, "reason_coverage").value, one(found, "reason_coverage").n) == (1, 3)
    shares = {code: one(found, "reason_share", reason=code).value for code in "abc"}
    assert shares == pytest.approx({"a": 2 / 3, "b": 2 / 3, "c": 0})
    assert one(found, "reason_jaccard").value == 1
    assert one(found, "first_reason_agreement").value == 1


def test_only_adverse_decisions_need_reasons_and_only_declared_ones_count(run: Run) -> None:
    data = {"evaluation": DECIDED.assign(d=[0, 0, 0, 1]), "explanations": WIDE}
    found = run("explainability", data, ROLES, codes=["b"])
    coverage = one(found, "reason_coverage")
    assert (coverage.value, coverage.outcome) == (pytest.approx(2 / 3), "fail")
    assert one(found, "undeclared_reason_share").value == pytest.approx(1 / 3)
    assert one(found, "reason_share", reason="a").note == "not declared"


def test_the_adverse_decision_may_be_named(run: Run) -> None:
    data = {"evaluation": DECIDED.assign(d=["no", "yes", "yes", "yes"]), "explanations": WIDE}
    assert one(run("explainability", data, ROLES, adverse="yes"), "reason_coverage").value == 1
    assert one(run("explainability", data, ROLES, positive="no"), "reason_coverage").value == 1
    assert one(run("explainability", data, ROLES, adverse="no"), "reason_coverage").value == 0
    assert outcome_of(run("explainability", data, ROLES)) == "error"


def test_overlap_is_jaccards_and_its_interval_holds_the_mean(run: Run) -> None:
    generator = np.random.default_rng(3)
    sets = [[generator.permutation(list("abcdef"))[:3] for _ in range(300)] for _ in range(2)]
    tables = [
        pd.DataFrame({"id": range(300)} | {f"reason_{p + 1}": [row[p] for row in rows] for p in range(3)})
        for rows in sets
    ]
    data = {
        "evaluation": pd.DataFrame({"id": range(300), "d": 0}),
        "explanations": tables[0],
        "explanations_again": tables[1].sample(frac=1, random_state=1),
    }
    pairs = [(set(x[:2]), set(y[:2])) for x, y in zip(*sets, strict=True)]
    overlaps = [len(x & y) / len(x | y) for x, y in pairs]
    finding = one(run("explainability", data, ROLES, top=2), "reason_jaccard")
    assert finding.value == pytest.approx(np.mean(overlaps))
    assert (finding.low, finding.high) == pytest.approx(intervals.exact_rate(sum(overlaps), 300))
    assert finding.outcome == "fail"
    agreed = one(run("explainability", data, ROLES), "first_reason_agreement")
    assert agreed.value == pytest.approx(np.mean([x[0] == y[0] for x, y in zip(*sets, strict=True)]))


def test_decisions_that_lost_their_reasons_do_not_agree_and_absent_ones_are_counted(run: Run) -> None:
    again = pd.DataFrame({"id": [2, 3], "reason_1": ["a", None], "reason_2": ["b", None]})
    found = run("explainability", {"evaluation": DECIDED, "explanations": WIDE, "explanations_again": again}, ROLES)
    assert (one(found, "reason_jaccard").value, one(found, "reason_jaccard").n) == (0.5, 2)
    assert "1 of 3 decisions were not explained again" in str(one(found, "reason_jaccard").note)


def test_a_forbidden_feature_is_judged_on_its_interval(run: Run) -> None:
    table = pd.DataFrame(
        {
            "feature": ["x", "sex", "age"],
            "importance": [0.97, 0.02, 0.01],
            "low": [0.9, 0.015, 0],
            "high": [1, 0.025, 0.1],
        }
    )
    found = run("explainability", {"importances": table}, forbidden=["sex", "age", "race"])
    assert one(found, "forbidden_importance", feature="sex").outcome == "fail"
    assert one(found, "forbidden_importance", feature="age").outcome == "inconclusive"
    assert one(found, "forbidden_importance", feature="race").outcome == "pass"
    assert one(found, "importance", feature="sex").note == "2 of 3"


def test_a_forbidden_feature_that_only_sounds_absent_is_not_passed(run: Run) -> None:
    table = pd.DataFrame({"feature": ["x", "sex_female"], "importance": [0.9, 0.5]})
    finding = one(run("explainability", {"importances": table}, forbidden=["sex"]), "forbidden_importance")
    assert finding.outcome == "inconclusive"
    assert "sex_female" in str(finding.note)
    assert outcome_of(run("explainability", {"importances": table}, forbidden=["sex_*"])) == "fail"


def test_without_a_forbidden_feature_importances_decide_nothing(run: Run) -> None:
    table = pd.DataFrame({"feature": ["x"], "importance": [0.9]})
    assert outcome_of(run("explainability", {"importances": table})) == "inconclusive"


@pytest.mark.parametrize(
    ("data", "roles", "words"),
    [
        ({}, ROLES, "neither reasons nor importances"),
        ({"explanations": WIDE}, ROLES, "no evaluation data"),
        ({"explanations": WIDE, "evaluation": DECIDED}, {"prediction": ["d"]}, "'id'"),
        ({"explanations": WIDE[["id"]], "evaluation": DECIDED}, ROLES, "no column holds reasons"),
        ({"explanations": pd.concat([WIDE, WIDE]), "evaluation": DECIDED}, ROLES, "is there twice"),
        ({"explanations": WIDE, "evaluation": DECIDED.assign(id=1)}, ROLES, "is there twice"),
        ({"explanations": WIDE, "evaluation": DECIDED, "explanations_again": WIDE.assign(id=[7, 8, 9])}, ROLES, "both"),
        ({"importances": pd.DataFrame({"feature": ["x"], "importance": [np.inf]})}, {}, "finite"),
        ({"importances": pd.DataFrame({"feature": ["x", "x"], "importance": [1, 2]})}, {}, "twice"),
        ({"importances": pd.DataFrame({"name": ["x"], "importance": [1]})}, {}, "'feature'"),
    ],
)
def test_what_cannot_be_judged_is_an_error_that_says_why(
    run: Run, data: dict[str, pd.DataFrame], roles: dict[str, list[str]], words: str
) -> None:
    found = run("explainability", data, roles)
    assert outcome_of(found) == "error"
    assert words in str(found[0].note), found


def test_no_adverse_decision_decides_nothing(run: Run) -> None:
    found = run("explainability", {"evaluation": DECIDED.assign(d=1), "explanations": WIDE}, ROLES)
    assert outcome_of(found) == "inconclusive"
