"""The libraries' own figures beside the gates', in the same run."""

import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding


def frame(rows: int = 600, weighted: bool = False) -> pd.DataFrame:
    draw = np.random.default_rng(4)
    made = pd.DataFrame({"sex": draw.choice(["f", "m"], rows), "age": draw.choice(["old", "young", None], rows)})
    made["score"] = draw.random(rows)
    made["y"] = (made.score + draw.normal(scale=0.4, size=rows) > 0.5).astype(int)
    made["d"] = (made.score > 0.5).astype(int)
    made["q"] = made.score * 10 + draw.normal(size=rows)
    made["w"] = draw.integers(1, 9, rows) / 2 if weighted else 1.0
    return made


def agreement(findings: Any) -> Finding:
    [finding] = [one for one in findings if one.measure == "agreement"]
    return finding


FAIR = {"sensitive": ["sex", "age"], "target": ["y"], "prediction": ["d"]}


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("most", [10_000, 300])
@pytest.mark.parametrize("missing", ["group", "drop"])
def test_rates_and_gaps_are_fairlearns(run: Any, weighted: bool, most: int, missing: str) -> None:
    roles = {**FAIR, "weight": ["w"]} if weighted else FAIR
    finding = agreement(run("fairness", {"evaluation": frame(600, weighted)}, roles, crosscheck=most, missing=missing))
    assert finding.outcome == "pass" and "agree with fairlearn 0." in str(finding.note)
    assert ("a seeded sample" in str(finding.note)) == (most == 300)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("most", [10_000, 300])
@pytest.mark.parametrize(
    "roles",
    [{"target": ["y"], "prediction": ["d"], "score": ["score"]}, {"target": ["q"], "prediction": ["score"]},
     {"target": ["age_named"], "prediction": ["guess"]}],
)  # fmt: skip
def test_measures_are_those_of_scikit_learn(run: Any, roles: Any, most: int, weighted: bool) -> None:
    rows = frame(600, weighted)
    rows["age_named"] = rows.age.fillna("middle")
    rows["guess"] = np.where(rows.score > 0.3, rows.age_named, "old")
    named = {**roles, "weight": ["w"]} if weighted else roles
    finding = agreement(run("performance", {"evaluation": rows}, named, crosscheck=most))
    assert finding.outcome == "pass" and "agree with scikit-learn 1." in str(finding.note)


def test_another_definition_is_an_error_that_names_both_values(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import fairlearn.metrics
    import sklearn.metrics

    def other(*_: Any, **__: Any) -> float:
        return 0.123

    monkeypatch.setattr(fairlearn.metrics, "demographic_parity_ratio", other)
    finding = agreement(run("fairness", {"evaluation": frame()}, FAIR, crosscheck=10_000))
    assert finding.outcome == "error" and "here, 0.123 by fairlearn 0." in str(finding.note)
    monkeypatch.setattr(sklearn.metrics, "recall_score", other)
    roles = {"target": ["y"], "prediction": ["d"]}
    finding = agreement(run("performance", {"evaluation": frame()}, roles, crosscheck=10_000))
    assert finding.outcome == "error" and "recall: " in str(finding.note)


def test_it_is_off_unless_asked_for(run: Any) -> None:
    assert not [one for one in run("fairness", {"evaluation": frame()}, FAIR) if one.measure == "agreement"]


def test_large_figures_agree_as_far_as_a_double_does(run: Any) -> None:
    rows = frame()
    rows = rows.assign(q=rows.q * 1e9 + 1e10, score=rows.score * 1e10)
    finding = agreement(
        run("performance", {"evaluation": rows}, {"target": ["q"], "prediction": ["score"]}, crosscheck=9_999)
    )
    assert finding.outcome == "pass", finding.note


@pytest.mark.parametrize("most", [10_000, 300])
@pytest.mark.parametrize(("bins", "library"), [("quantile", "scipy 1."), ("evidently", "evidently 0.")])
def test_distances_are_those_of_scipy_and_evidently(run: Any, bins: str, library: str, most: int) -> None:
    methods = ["psi", "jensenshannon", "hellinger", "kl_div", "ks", "wasserstein"]
    rows = frame(800)[["age", "sex", "score", "q", "d", "y"]]
    rows["few"] = np.where(np.arange(800) < 6, 1.5, rows.y.astype(float))
    sets = {"reference": rows[:500], "production": rows[300:].assign(q=rows.q * 1.1)}
    named = {"age": [*methods[:4], "TVD"], "sex": methods[:4]}
    method = {**dict.fromkeys(("score", "q", "few"), methods), **named}
    found = run("drift", sets, columns=list(method), method=method, bins=bins, crosscheck=most, shares_rows=True)
    finding = agreement(found)
    assert finding.outcome == "pass", finding.note
    assert str(finding.note).startswith("27 figures agree with") and library in str(finding.note)
    assert ("a seeded sample" in str(finding.note)) == (most == 300)


def test_a_library_that_measures_otherwise_is_an_error_of_drift(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import scipy.stats

    monkeypatch.setattr(scipy.stats, "wasserstein_distance", lambda *_: 0.5)
    sets = {"reference": frame()[["q"]], "production": frame()[["q"]]}
    finding = agreement(run("drift", sets, method="wasserstein", crosscheck=10_000, shares_rows=True))
    assert finding.outcome == "error" and "wasserstein of q: 0 here, " in str(finding.note)


@pytest.mark.parametrize(
    ("gate", "sets", "roles", "module"),
    [("fairness", ("evaluation",), FAIR, "fairlearn.metrics"),
     ("performance", ("evaluation",), {"target": ["y"], "prediction": ["d"]}, "sklearn.metrics"),
     ("drift", ("reference", "production"), {}, "evidently.legacy.core")],
)  # fmt: skip
def test_a_library_that_is_not_there_is_an_error_and_the_other_findings_stay(
    run: Any, monkeypatch: pytest.MonkeyPatch, gate: str, sets: Any, roles: Any, module: str
) -> None:
    pytest.importorskip("evidently.legacy.calculations.stattests")  # whole, before a part of it goes
    monkeypatch.setitem(sys.modules, module, None)
    rows = frame()[["sex", "age", "y", "d"]]
    more = {"bins": "evidently", "shares_rows": True} if gate == "drift" else {}
    found = run(gate, dict.fromkeys(sets, rows), roles, crosscheck=10_000, **more)
    finding = agreement(found)
    assert finding.outcome == "error" and "pip install 'aims-gates[gates]'" in str(finding.remedy)
    assert finding.missing
    assert len(found) > 3
