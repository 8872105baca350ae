"""The gate privacy: published tables, what is withheld, and the attack on the model."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]


def one(findings: tuple[Finding, ...], measure: str, **over: Any) -> Finding:
    """The one finding of a measure."""
    (finding,) = (f for f in findings if f.measure == measure and over.items() <= (f.over or {}).items())
    return finding


def test_sweeney_s_table_is_2_anonymous(run: Run) -> None:
    """L. Sweeney (2002), Figure 2: k = 2 over race, birth, gender and ZIP."""
    people = [
        *[("Black", 1965, "m", "0214*", problem) for problem in ("short breath", "chest pain")],
        *[("Black", 1965, "f", "0213*", problem) for problem in ("hypertension", "hypertension")],
        *[("Black", 1964, "f", "0213*", problem) for problem in ("obesity", "chest pain")],
        *[("White", 1964, "m", "0213*", problem) for problem in ("chest pain", "obesity", "short breath")],
        *[("White", 1967, "m", "0213*", problem) for problem in ("chest pain", "chest pain")],
    ]
    frame = pd.DataFrame(people, columns=["race", "birth", "gender", "zip", "problem"])
    asked = {"quasi_identifiers": ["race", "birth", "gender", "zip"], "confidential": ["problem"]}
    findings = run("privacy", {"evaluation": frame}, **asked, withhold_below=1)
    assert (one(findings, "k_anonymity").value, one(findings, "k_anonymity").outcome) == (2, "fail")
    assert "in some group all people have the same value" in str(one(findings, "l_diversity").note)
    for limit, outcome in ((2, "pass"), (3, "fail")):
        limits = {"k_anonymity": {"op": ">=", "value": limit}}
        finding = run("privacy", {"evaluation": frame}, **asked, limits=limits)[0]
        assert finding.outcome == outcome, finding.note


@pytest.mark.parametrize(
    ("blocks", "diversity"),
    [
        (["heart heart viral viral", "cancer heart viral viral", "cancer cancer cancer cancer"], 1),
        (["heart viral cancer cancer", "cancer heart viral viral", "heart viral cancer cancer"], 3),
    ],
)
def test_the_inpatients_of_machanavajjhala_are_4_anonymous_and_then_3_diverse(
    run: Run, blocks: list[str], diversity: int
) -> None:
    """A. Machanavajjhala and others (2007), Figures 2 and 3."""
    rows = [(place, condition) for place, block in enumerate(blocks) for condition in block.split()]
    frame = pd.DataFrame(rows, columns=["block", "condition"])
    asked = {"quasi_identifiers": ["block"], "confidential": ["condition"], "withhold_below": 4}
    findings = run("privacy", {"evaluation": frame}, **asked)
    assert one(findings, "k_anonymity").value == 4
    assert one(findings, "l_diversity").value == diversity


def test_rows_of_one_person_are_no_crowd(run: Run) -> None:
    frame = pd.DataFrame({"town": ["A"] * 8 + ["B"] * 8, "who": [1] * 8 + [*range(2, 10)]})
    asked = {"quasi_identifiers": ["town"], "withhold_below": 1}
    findings = run("privacy", {"evaluation": frame}, {"cluster": ["who"]}, **asked)
    assert (one(findings, "k_anonymity").value, one(findings, "k_anonymity").n) == (1, 9)


def test_a_missing_value_makes_a_group_and_counts_as_a_value(run: Run) -> None:
    frame = pd.DataFrame({"town": ["A"] * 5 + [None] * 5, "ill": ["flu"] * 4 + [None] + [None] * 5})
    findings = run("privacy", {"evaluation": frame}, quasi_identifiers=["town"], confidential=["ill"])
    assert one(findings, "k_anonymity").value == 5
    assert one(findings, "l_diversity").value == 1
    assert "in some group all" in str(one(findings, "l_diversity").note)


def told(finding: Finding) -> set[float]:
    """Every number that a finding gives away, its limit aside."""
    text = " ".join(filter(None, (finding.note, finding.remedy)))
    numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", text)}
    return numbers | {float(value) for value in (finding.value, finding.low, finding.high) if value is not None}


@pytest.mark.parametrize("small", [["Smallville"] * 3, ["Smallville"] * 2 + ["Midway"] * 2, ["Smallville"]])
def test_neither_a_group_nor_a_count_of_few_people_comes_out(run: Run, small: list[str]) -> None:
    frame = pd.DataFrame({"town": ["Metropolis"] * 20 + small, "ill": "flu"})
    findings = run("privacy", {"evaluation": frame}, quasi_identifiers=["town"], confidential=["ill"])
    share, smallest = one(findings, "small_cell_share"), one(findings, "k_anonymity")
    assert share.value is None and "withheld" in str(share.note)
    assert (smallest.value, smallest.outcome) == (None, "fail") and "withheld" in str(smallest.note)
    assert not any(town in str(finding) for finding in findings for town in ("Smallville", "Midway"))
    assert set().union(*map(told, (share, smallest))) == {5}


def test_enough_people_in_small_groups_are_a_share(run: Run) -> None:
    towns = ["Metropolis"] * 20 + ["Smallville"] * 3 + ["Midway"] * 2
    findings = run("privacy", {"evaluation": pd.DataFrame({"town": towns})}, quasi_identifiers=["town"])
    assert one(findings, "small_cell_share").value == 0.2
    assert told(one(findings, "k_anonymity")) == {5}


ROLES = {"target": ["y"], "score": ["s"]}


def asked(**limits: Any) -> dict[str, Any]:
    """Parameters with a limit on membership inference."""
    return {"quasi_identifiers": ["town"], "limits": {"membership_auc": {"op": "<=", "value": 0.6}, **limits}}


def predicted(rows: int, spread: float, seed: int = 1) -> pd.DataFrame:
    """Rows whose score lies as far from the label as ``spread`` says."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 2, rows)
    error = np.clip(np.abs(random.normal(0, spread, rows)), 0, 1)
    return pd.DataFrame({"y": y, "s": np.abs(y - error), "town": "A", "x": random.normal(size=rows)})


def test_a_model_that_knows_its_training_rows_by_heart_tells_who_they_are(run: Run) -> None:
    sets = {"evaluation": predicted(2000, 0.4), "members": predicted(2000, 0.05, 2)}
    finding = one(run("privacy", sets, ROLES, **asked()), "membership_auc")
    errors = {role: (frame.y - frame.s).abs().to_numpy() for role, frame in sets.items()}
    pairs = errors["members"][:, None] - errors["evaluation"]
    assert finding.value == pytest.approx((pairs < 0).mean() + (pairs == 0).mean() / 2, abs=1e-12)
    assert finding.outcome == "fail" and finding.low is not None and finding.low > 0.6


def test_a_model_that_does_as_well_on_others_tells_nothing(run: Run) -> None:
    sets = {"evaluation": predicted(2000, 0.3), "members": predicted(2000, 0.3, 2)}
    finding = one(run("privacy", sets, ROLES, **asked()), "membership_auc")
    assert finding.outcome == "pass" and finding.value == pytest.approx(0.5, abs=0.03)
    few = {role: frame.head(20) for role, frame in sets.items()}
    assert one(run("privacy", few, ROLES, **asked()), "membership_auc").outcome == "inconclusive"


def test_a_pass_needs_rows_that_are_known_to_stand_on_one_side_only(run: Run) -> None:
    members, evaluation = predicted(2000, 0.3, 2), predicted(2000, 0.3)
    mixed = pd.concat([evaluation.head(1500), members.head(500)])
    finding = one(run("privacy", {"evaluation": mixed, "members": members}, ROLES, **asked()), "membership_auc")
    assert finding.outcome == "inconclusive" and "25% of the evaluation rows stand among the members" in str(
        finding.note
    )
    # Equal rows of other people are told apart by an id; without any column but the answers nothing is.
    numbered = {
        "evaluation": evaluation.assign(x=1, i=range(2000)),
        "members": members.assign(x=1, i=range(2000, 4000)),
    }
    assert one(run("privacy", numbered, ROLES | {"id": ["i"]}, **asked()), "membership_auc").outcome == "pass"
    bare = {"evaluation": evaluation, "members": members.drop(columns=["town", "x"])}
    finding = one(run("privacy", bare, ROLES, **asked()), "membership_auc")
    assert finding.outcome == "inconclusive" and "no column in common" in str(finding.note)
    same = {"evaluation": predicted(2000, 0.05), "members": predicted(2000, 0.05)}
    assert one(run("privacy", same, ROLES, **asked()), "membership_auc").outcome == "inconclusive"
    known = {"evaluation": predicted(2000, 0.4).assign(x=1), "members": predicted(2000, 0.05, 2).assign(x=1)}
    assert one(run("privacy", known, ROLES, **asked()), "membership_auc").outcome == "fail"


def test_predictions_without_scores_will_do(run: Run) -> None:
    right, wrong = pd.DataFrame({"y": [0, 1] * 100, "town": "A"}), pd.DataFrame({"y": [0, 1] * 100, "town": "A"})
    right["d"], wrong["d"] = right.y, [0, 0] * 100
    sets = {"evaluation": wrong, "members": right}
    finding = one(run("privacy", sets, {"target": ["y"], "prediction": ["d"]}, **asked()), "membership_auc")
    assert finding.value == 0.75


def test_without_answers_for_the_training_rows_the_attack_is_open(run: Run) -> None:
    finding = one(run("privacy", {"evaluation": predicted(50, 0.3)}, ROLES, **asked()), "membership_auc")
    assert finding.outcome == "inconclusive" and finding.missing and "aims-gates predict" in str(finding.remedy)


def test_the_attack_is_not_tried_where_no_limit_asks_for_it(run: Run) -> None:
    findings = run("privacy", {"evaluation": predicted(50, 0.3)}, ROLES, quasi_identifiers=["town"])
    assert [finding.measure for finding in findings] == ["k_anonymity", "small_cell_share"]


def test_a_confidential_column_identifies_nobody(run: Run) -> None:
    frame = pd.DataFrame({"town": ["A"] * 5})
    (finding,) = run("privacy", {"evaluation": frame}, quasi_identifiers=["town"], confidential=["town"])
    assert finding.outcome == "error" and "both" in str(finding.note)


def test_rows_of_one_person_leave_the_attack_open(run: Run) -> None:
    sets = {role: predicted(2000, 0.3).assign(who=range(2000)) for role in ("evaluation", "members")}
    finding = one(run("privacy", sets, ROLES | {"cluster": ["who"]}, **asked()), "membership_auc")
    assert finding.outcome == "inconclusive" and finding.low is None and finding.remedy


def test_labels_that_nobody_declared_are_refused_and_not_measured(run: Run) -> None:
    sets = {role: predicted(100, 0.3).assign(y=["paid", "not"] * 50) for role in ("evaluation", "members")}
    found = run("privacy", sets, ROLES, **asked())
    assert [finding.outcome for finding in found] == ["error"] and "positive" in str(found[0].remedy)
    assert one(run("privacy", sets, ROLES, **asked(), positive="paid"), "membership_auc").value is not None


@pytest.mark.parametrize(
    ("limit", "outcome", "value"), [(0.2, "pass", 4 / 23), (0.15, "inconclusive", None), (0.1, "fail", None)]
)
def test_a_share_that_is_withheld_is_judged_by_the_most_that_it_can_be(
    run: Run, limit: float, outcome: str, value: float | None
) -> None:
    frame = pd.DataFrame({"town": ["Metropolis"] * 20 + ["Smallville"] * 3})
    limits = {"small_cell_share": {"op": "<=", "value": limit}}
    share = one(run("privacy", {"evaluation": frame}, quasi_identifiers=["town"], limits=limits), "small_cell_share")
    assert (share.outcome, share.value) == (outcome, value)
    assert bool(share.remedy) is (outcome != "pass")
