"""A bank's stability indices, with bands that the plan gives: PSI of the score, and CSI of what goes into it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]
#: A system stability report of ten score bands, with the rows of each hundred in the reference and in production, and
#: each band's part of the index, worked out by hand: (production - reference) * ln(production / reference).
ENDS = [170, 180, 190, 200, 210, 220, 230, 240, 250]
EXPECTED = [8, 10, 9, 13, 11, 10, 9, 10, 11, 9]
ACTUAL = [7, 8, 7, 9, 11, 11, 10, 12, 11, 14]
PARTS = [0.0013, 0.0045, 0.0050, 0.0147, 0.0000, 0.0010, 0.0011, 0.0036, 0.0000, 0.0221]


def scores(shares: list[int], times: int = 100) -> np.ndarray[Any, Any]:
    """Scores with so many rows (times 100) in each band, from its lower end to just below its upper one."""
    ends = zip(shares, [100, *ENDS], [*ENDS, 300], strict=True)
    return np.concatenate([np.linspace(low, np.nextafter(top, 0), share * times) for share, low, top in ends])


def sets(reference: Any, production: Any, name: str = "score") -> dict[str, pd.DataFrame]:
    return {"reference": pd.DataFrame({name: reference}), "production": pd.DataFrame({name: production})}


def of(findings: tuple[Finding, ...], measure: str, column: str = "score") -> Finding:
    (finding,) = (f for f in findings if f.measure == measure and (f.over or {}).get("column") == column)
    return finding


def test_the_index_of_given_score_bands_is_the_one_worked_out_by_hand(run: Run) -> None:
    both = sets(scores(EXPECTED), scores(ACTUAL))
    findings = run("drift", both, bands={"score": ENDS}, limits={"psi": 0.1})
    finding = of(findings, "psi")
    assert finding.value == pytest.approx(sum(PARTS), abs=2e-4)
    assert finding.outcome == "pass" and finding.high is not None and finding.high <= 0.1
    assert "population stability index of 'score' over 10 given bands" in str(finding.note)
    assert "stable (up to 0.1)" in str(finding.note)
    shares = {(f.by["bin"], f.by["set"]): f.value for f in findings if f.measure == "bin_share"}
    assert shares["below 170", "reference"] == 0.08 and shares["250 and above", "production"] == 0.14
    assert shares["170 to 180", "production"] == 0.08 and len(shares) == 20


def test_bands_by_quantiles_are_others(run: Run) -> None:
    findings = run("drift", sets(scores(EXPECTED), scores(ACTUAL)))
    assert "given" not in str(of(findings, "psi").note)
    assert of(findings, "psi").value != pytest.approx(sum(PARTS), abs=2e-4)


@pytest.mark.parametrize("shift, custom", [(0.0, "stable"), (0.4, "moved somewhat"), (0.9, "moved much")])
def test_each_characteristic_has_an_index_of_its_own_name_and_limit(run: Run, shift: float, custom: str) -> None:
    draw = np.random.default_rng(3)
    reference = pd.DataFrame({"score": draw.normal(0, 1, 4000), "income": draw.normal(0, 1, 4000)})
    production = pd.DataFrame({"score": draw.normal(0, 1, 4000), "income": draw.normal(shift, 1, 4000)})
    ends = [-1.0, 0.0, 1.0]
    findings = run(
        "drift",
        {"reference": reference, "production": production},
        method={"income": "csi"},
        bands={"score": ends, "income": ends},
        limits={"psi": 0.1, "csi": 0.25},
        crosscheck=10_000,
    )
    score, income = of(findings, "psi"), of(findings, "csi", "income")
    edges = [-np.inf, *ends, np.inf]
    p, q = (np.histogram(frame.income, edges)[0] / 4000 for frame in (reference, production))
    assert income.value == pytest.approx(float(np.sum((p - q) * np.log(p / q))), abs=1e-12)
    assert (score.limit and score.limit.value, income.limit and income.limit.value) == (0.1, 0.25)
    assert score.outcome == "pass" and income.outcome == ("fail" if shift == 0.9 else "pass")
    assert f"characteristic stability index of 'income' over 4 given bands; the value is by custom {custom}" in str(
        income.note
    )
    (agreement,) = (f for f in findings if f.measure == "agreement")
    assert agreement.outcome != "error" and agreement.value is not None


@pytest.mark.parametrize("method", ["psi", "csi", "jensenshannon", "hellinger", "kl_div"])
def test_few_values_are_put_into_the_given_bands_too(run: Run, method: str) -> None:
    draw = np.random.default_rng(4)
    both = sets(draw.integers(0, 6, 1000), draw.integers(0, 6, 1000))
    by_band = of(run("drift", both, bands={"score": [2, 4]}, method=method, limits={method: None}), method)
    grouped = sets(*(frame.score // 2 for frame in both.values()))
    assert by_band.value == pytest.approx(of(run("drift", grouped, method=method, limits={method: None}), method).value)


def test_grades_held_as_text_are_cells_as_they_are(run: Run) -> None:
    grades = ["A", "B", "C", "D"]
    reference, production = np.repeat(grades, [400, 300, 200, 100]), np.repeat(grades, [300, 300, 250, 150])
    finding = of(run("drift", sets(reference, production, "grade"), method="csi"), "csi", "grade")
    # By hand: -.1 ln .75 + 0 + .05 ln 1.25 + .05 ln 1.5.
    assert finding.value == pytest.approx(0.028768 + 0.011157 + 0.020273, abs=1e-6)
    assert "characteristic stability index of 'grade' over 4 cells" in str(finding.note)


def test_a_given_band_that_holds_nearly_all_shows_nothing_but_for_a_single_value(run: Run) -> None:
    draw = np.random.default_rng(5)
    wide = of(run("drift", sets(draw.normal(0, 1, 4000), draw.normal(0, 1, 4000)), bands={"score": [3.0]}), "psi")
    assert wide.outcome == "inconclusive" and "nine tenths" in str(wide.note)
    zeros = [np.where(draw.random(4000) < 0.95, 0.0, draw.random(4000) + 1) for _ in range(2)]
    assert of(run("drift", sets(*zeros), bands={"score": [1.0]}), "psi").outcome == "pass"


def test_the_same_bands_hold_for_every_chunk(run: Run) -> None:
    findings = run("drift", sets(scores(EXPECTED), np.tile(scores(ACTUAL, 20), 2)), bands={"score": ENDS}, chunk=2000)
    values = [f.value for f in findings if f.measure == "psi"]
    assert len(values) == 2 and values == pytest.approx([sum(PARTS)] * 2, abs=2e-4)


@pytest.mark.parametrize(
    "bands, more, words",
    [
        ({"score": [3, 2]}, {}, "which rise"),
        ({"score": []}, {}, "which rise"),
        ({"score": [1, True]}, {}, "which rise"),
        ({"score": 3}, {}, "which rise"),
        ({"score": [1]}, {"bins": "evidently"}, "bins of its own"),
        ({"score": [1]}, {"method": "ks"}, "Only these methods"),
        ({"scores": [1]}, {}, "Choose from: score"),
    ],
)
def test_bands_that_make_no_sense_are_refused(run: Run, bands: Any, more: dict[str, Any], words: str) -> None:
    findings = run("drift", sets([1.0, 2.0] * 50, [1.0, 2.0] * 50), bands=bands, **more)
    assert [f.outcome for f in findings] == ["error"] and words in str(findings[0].remedy)


def test_bands_of_text_are_an_error_of_that_column(run: Run) -> None:
    findings = run("drift", sets(["a", "b"] * 50, ["a", "b"] * 50, "grade"), bands={"grade": [1]})
    assert of(findings, "psi", "grade").outcome == "error"
    assert "holds no numbers" in str(of(findings, "psi", "grade").note)
