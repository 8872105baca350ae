"""Calibration by grade: the gate's exact ends beside the Jeffreys test that banks report."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]
ROLES = {"target": ["default"], "score": ["pd"], "slice": ["grade"]}
#: Debtors, their PD, and defaults by grade.
GRADES = {"A": (500, 0.01, 9), "B": (500, 0.01, 10), "C": (400, 0.05, 20), "D": (1000, 0.01, 25), "E": (60, 0.2, 6)}


@pytest.fixture
def ratios(run: Run) -> dict[str, Finding]:
    """Grade -> its ratio of defaults to what the PD says, with five in a hundred left out at each end."""
    frame = pd.concat(
        pd.DataFrame({"grade": grade, "pd": pd_, "default": (np.arange(debtors) < defaults).astype(int)})
        for grade, (debtors, pd_, defaults) in GRADES.items()
    )
    limit = {"observed_to_expected": {"op": "<=", "value": 1.2}}
    findings = run("performance", {"evaluation": frame}, ROLES, slice_limits=limit, confidence=0.9)
    return {f.by["grade"]: f for f in findings if f.measure == "observed_to_expected" and f.by}


def test_the_interval_of_a_grade_holds_the_jeffreys_interval(ratios: dict[str, Finding]) -> None:
    assert set(ratios) == set(GRADES)
    for grade, (debtors, pd_, defaults) in GRADES.items():
        finding = ratios[grade]
        low, high = stats.beta.ppf([0.05, 0.95], defaults + 0.5, debtors - defaults + 0.5) / pd_
        exact = stats.binomtest(defaults, debtors).proportion_ci(0.9, "exact")
        assert finding.value == pytest.approx(defaults / debtors / pd_, abs=1e-9)
        assert (finding.low, finding.high) == pytest.approx((exact.low / pd_, exact.high / pd_), abs=1e-9)
        assert finding.low is not None and finding.high is not None and finding.low < low < high < finding.high


def test_what_lies_above_1_the_jeffreys_test_rejects_too(ratios: dict[str, Finding]) -> None:
    p_values = {
        grade: float(stats.beta.cdf(pd_, defaults + 0.5, debtors - defaults + 0.5))
        for grade, (debtors, pd_, defaults) in GRADES.items()
    }
    assert {grade for grade, p_value in p_values.items() if p_value < 0.05} == {"A", "B", "D"}
    assert {grade for grade, finding in ratios.items() if (finding.low or 0) > 1} == {"B", "D"}
    assert p_values["A"] == pytest.approx(0.0462, abs=5e-5) and p_values["B"] == pytest.approx(0.0205, abs=5e-5)


def test_a_grade_that_is_not_rejected_does_not_pass_for_that(ratios: dict[str, Finding]) -> None:
    # C has as many defaults as its PD says, and too few debtors to tell; of E even the upper end keeps the limit.
    assert {grade: ratios[grade].outcome for grade in "CDE"} == {"C": "inconclusive", "D": "fail", "E": "pass"}
