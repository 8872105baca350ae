"""Figures that others published about data sets that anybody can get, met by the gates.

The data are not part of this project: without them these tests are skipped. The source of each is named in the
test's docstring; the small worked examples of fairlearn and of the US agencies stand in test_fairness.py.
"""

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aims_gates import Finding

Run = Callable[..., tuple[Finding, ...]]


def read(shared: Path, *parts: str) -> Path:
    path = shared.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"{path.name} is not here")
    return path


def values(found: tuple[Finding, ...], measure: str, column: str) -> list[float | None]:
    """The values of a measure of one column, chunk by chunk."""
    return [f.value for f in found if f.measure == measure and f.over and f.over.get("column") == column]


def counts(found: tuple[Finding, ...], column: str) -> dict[str, float | None]:
    return {f.by[column]: f.value for f in found if f.measure == "count" and set(f.by) == {column}}


def rate(found: tuple[Finding, ...], measure: str, **by: str) -> Finding:
    (one,) = [f for f in found if f.measure == measure and dict(f.by) == by and not f.over]
    return one


# evidently ----------------------------------------------------------------------------------------------------------


def stat_tests(shared: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads(read(shared, "published_small", "evidently_stattests.json").read_text())[
        "cases"
    ]
    return cases


def p_values(run: Run, sides: Sequence[list[Any]], *methods: str) -> dict[str, Finding]:
    sets = {"reference": pd.DataFrame({"x": sides[0]}), "production": pd.DataFrame({"x": sides[1]})}
    return {f.measure: f for f in run("drift", sets, method=list(methods), correction="none", limits={"TVD": None})}


def test_evidentlys_own_test_cases_give_its_figures(run: Run, shared: Path) -> None:
    """evidentlyai/evidently, tests/stattests/test_stattests.py; its tolerances are those of its tests."""
    counted, letters, measured, *pairs = stat_tests(shared)
    sides = [
        [value for value, times in zip(counted["ref_values"], counted[name], strict=True) for _ in range(times)]
        for name in ("ref_counts", "cur_counts")
    ]
    found = p_values(run, sides, "chisquare", "mannw", "TVD")
    assert found["chisquare"].p_value == pytest.approx(counted["chi2_p"], abs=1e-5)
    assert found["mannw"].p_value == pytest.approx(counted["mann_whitney_p"], abs=1e-3)
    # evidently draws 100 permutations without a seed of ours: two such p-values differ by chance.
    assert found["TVD"].p_value == pytest.approx(counted["tvd_permutation_p"], abs=0.1)
    # The published distance is of categories; as numbers the same values would be binned.
    words = p_values(run, [[f"v{value}" for value in side] for side in sides], "hellinger")
    assert words["hellinger"].value == pytest.approx(counted["hellinger"], abs=1e-5)

    sides = [
        [value for value, times in zip(letters["ref_values"], letters[name], strict=True) for _ in range(times)]
        for name in ("ref_counts", "cur_counts")
    ]
    assert p_values(run, sides, "g_test")["g_test"].p_value == pytest.approx(letters["g_test_p"], abs=1e-4)

    found = p_values(run, [measured["ref"], measured["cur"]], "anderson", "t_test")
    assert found["anderson"].p_value == pytest.approx(measured["anderson_darling_p"], abs=1e-3)
    assert found["t_test"].p_value == pytest.approx(measured["t_test_p"], abs=1e-3)

    for pair in pairs:
        times = pair["repeat"]
        found = p_values(run, [pair["ref"] * times, pair["cur"] * times], "fisher_exact")
        assert found["fisher_exact"].p_value == pytest.approx(pair["fisher_p"], abs=1e-3)


# aequitas -----------------------------------------------------------------------------------------------------------

AEQUITAS = {
    "fpr": "false_positive_rate", "fnr": "false_negative_rate", "fdr": "false_discovery_rate",
    "for": "false_omission_rate", "pprev": "selection_rate", "tpr": "true_positive_rate",
    "tnr": "true_negative_rate", "precision": "precision",
}  # fmt: skip
CASES = {f"expected_output_test_{number}.csv": f"test_{number}.csv" for number in (1, 2, 3, 4, 5, 6, 7, 8, 10)} | {
    f"expected_output_{kind}_test_1.csv": "test_1.csv" for kind in ("group", "bias", "fairness")
}
CASES["test_1_aequitas_20180501-114554.csv"] = "test_1.csv"


@pytest.mark.parametrize("expected", CASES)
def test_aequitas_reports_the_same_groups_and_disparities(run: Run, shared: Path, expected: str) -> None:
    """dssg/aequitas, tests/test_artifacts/test_bias_report: inputs and what its command line printed for them.

    What it leaves empty is unknown here too, and so is a disparity against a reference whose rate is 0.
    """
    folder = read(shared, "aequitas", "test_bias_report")
    table = pd.read_csv(folder / expected)
    for column, part in table.groupby("attribute_name"):
        # In these files "High" is the reference, but "Low" of not_class.
        reference = {column: "Low" if column == "not_class" else "High"}
        roles = {"sensitive": [column], "target": ["label_value"], "prediction": ["score"]}
        found = run("fairness", {"evaluation": folder / CASES[expected]}, roles, reference=reference)
        for _, row in part.iterrows():
            group = {str(column): row["attribute_value"]}
            assert rate(found, "count", **group).value == row["group_size"]
            for short, measure in AEQUITAS.items():
                if short in row:
                    assert_same(rate(found, measure, **group), row[short])
                if f"{short}_disparity" in row:
                    assert_same(rate(found, f"{measure}_disparity", **group), row[f"{short}_disparity"])


def assert_same(finding: Finding, figure: float) -> None:
    """Undefined there is undefined here."""
    if pd.isna(figure):
        assert finding.value is None, finding
    else:
        assert finding.value == pytest.approx(figure, abs=1e-12), finding


# NannyML ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def titanic(shared: Path) -> dict[str, Path]:
    folder = read(shared, "nannyml_titanic")
    return {"reference": folder / "titanic_reference.csv", "production": folder / "titanic_analysis.csv"}


def test_missing_values_by_chunk_are_those_of_nannyml(run: Run, titanic: dict[str, Path]) -> None:
    """NannyML's tutorial on missing values: ten chunks and a rest, alerts beyond the mean and three deviations."""
    reference = run("drift", {**titanic, "production": titanic["reference"]}, chunk=89, columns=["Age"])
    before = pd.Series(values(reference, "missing_share", "Age"), dtype=float)
    threshold = before.mean() + 3 * before.std(ddof=0)
    assert threshold == pytest.approx(0.374409, abs=1e-6)
    found = run("drift", titanic, chunk=41, columns=["Age", "Fare", "Cabin"])
    ages = values(found, "missing_share", "Age")
    assert [chunk for chunk, share in enumerate(ages) if share is not None and share > threshold] == [10]
    fares = values(found, "missing_share", "Fare")
    assert fares[3] == pytest.approx(0.0243902, abs=1e-7)
    assert sum(fare or 0 for fare in fares) == fares[3]


def test_unseen_values_by_chunk_are_those_of_nannyml(run: Run, titanic: dict[str, Path]) -> None:
    """NannyML's tutorial on unseen values: shares of all rows of a chunk, free text looked up word for word."""
    found = run("drift", titanic, chunk=41, columns=["Cabin", "Sex", "Embarked", "Ticket"])
    cabin = [0.073171, 0.219512, 0.146341, 0.073171, 0.097561, 0.073171, 0.073171, 0.097561, 0.04878, 0.195122, 0.125]
    assert values(found, "unseen_share", "Cabin") == pytest.approx(cabin, abs=1e-6)
    assert values(found, "unseen_share", "Ticket")[0] == pytest.approx(0.609756, abs=1e-6)
    assert set(values(found, "unseen_share", "Sex") + values(found, "unseen_share", "Embarked")) == {0.0}


# COMPAS -------------------------------------------------------------------------------------------------------------


def test_compas_gives_every_cell_that_propublica_printed(run: Run, shared: Path) -> None:
    """propublica/compas-analysis, cells 71 to 77 of the notebook: all, African-American, Caucasian defendants."""
    path = read(shared, "compas", "compas-scores-two-years.csv.gz")
    frame = pd.read_csv(path, usecols=["race", "score_text", "two_year_recid"]).assign(everybody="all")
    roles = {"target": ["two_year_recid"], "score": ["score_text"]}
    rule = {"op": "!=", "value": "Low"}
    whole = run("fairness", {"evaluation": frame}, {**roles, "sensitive": ["everybody"]}, decision=rule)
    races = run("fairness", {"evaluation": path}, {**roles, "sensitive": ["race"]}, decision=rule)
    for found, by, cells, alarm, missed in (
        (whole, {"everybody": "all"}, (2681, 1282, 1216, 2035), 32.35, 37.40),
        (races, {"race": "African-American"}, (990, 805, 532, 1369), 44.85, 27.99),
        (races, {"race": "Caucasian"}, (1139, 349, 461, 505), 23.45, 47.72),
    ):
        tn, fp, fn, tp = cells
        wrong, lost = (rate(found, f"false_{side}_rate", **by) for side in ("positive", "negative"))
        assert (wrong.n, lost.n) == (tn + fp, fn + tp)
        assert wrong.value == pytest.approx(fp / (tn + fp), abs=1e-12)
        assert lost.value == pytest.approx(fn / (fn + tp), abs=1e-12)
        assert [round(100 * (f.value or 0), 2) for f in (wrong, lost)] == [alarm, missed]


# Adult --------------------------------------------------------------------------------------------------------------


def adult(shared: Path, folder: Path) -> Path:
    """Both files as one CSV with a header; the test file starts with a comment, and its labels end in a dot."""
    names = [f"c{place}" for place in range(15)]
    names[8], names[9], names[14] = "race", "sex", "income"
    lines = [",".join(names)]
    for part in ("adult.data.gz", "adult.test.gz"):
        with gzip.open(read(shared, "adult", part), "rt") as file:
            rows = (line.strip().rstrip(".").replace(", ", ",") for line in file if not line.startswith("|"))
            lines += [row for row in rows if row]
    made = folder / "adult.csv"
    made.write_text("\n".join(lines) + "\n")
    return made


def test_adult_has_the_published_rows_and_shares(run: Run, shared: Path, tmp_path: Path) -> None:
    """UCI's adult.names and AIF360's tests: 48,842 rows, 45,222 without '?', of these 24.78 % above 50K."""
    path = adult(shared, tmp_path)
    frame = pd.read_csv(path).assign(everybody="all")
    known = frame[(frame != "?").all(axis=1)]
    roles = {"prediction": ["income"], "sensitive": ["everybody"]}
    every = run("fairness", {"evaluation": frame}, roles, positive=">50K")
    complete = run("fairness", {"evaluation": known}, roles, positive=">50K")
    assert counts(every, "everybody") == {"all": 48_842}
    assert counts(complete, "everybody") == {"all": 45_222}
    assert rate(complete, "selection_rate", everybody="all").value == pytest.approx(0.2478, abs=5e-5)
    by_sex = run("fairness", {"evaluation": path}, {"prediction": ["income"], "sensitive": ["sex"]}, positive=">50K")
    # Measured, and the usual figures of this data set: 10.93 % of women, 30.38 % of men.
    assert rate(by_sex, "selection_rate", sex="Female").value == pytest.approx(0.1093, abs=5e-5)
    assert rate(by_sex, "selection_rate", sex="Male").value == pytest.approx(0.3038, abs=5e-5)
    (gap,) = [f for f in by_sex if f.measure == "demographic_parity_ratio"]
    assert gap.value == pytest.approx(0.10925 / 0.30377, abs=1e-3)
    assert gap.outcome == "fail"


# Diabetes -----------------------------------------------------------------------------------------------------------


def test_diabetes_has_the_groups_that_fairlearn_counts(run: Run, shared: Path) -> None:
    """fairlearn's quickstart: rows by race; '?' is a group of its own, as it is a value in the file."""
    path = read(shared, "diabetes130", "diabetic_data_22cols.csv.gz")
    groups = {
        "Caucasian": 76_099, "AfricanAmerican": 19_210, "?": 2_273, "Hispanic": 2_037, "Other": 1_506, "Asian": 641,
    }  # fmt: skip
    roles = {"sensitive": ["race"], "prediction": ["readmitted"]}
    found = run("fairness", {"evaluation": path}, roles, positive="<30")
    assert counts(found, "race") == groups
    shares = {race: rows / 101_766 for race, rows in groups.items()}
    same = run("representativeness", {"evaluation": path}, {"sensitive": ["race"]}, reference={"race": shares})
    (test,) = [f for f in same if f.measure == "chisquare"]
    assert test.value == pytest.approx(0, abs=1e-9)
    assert test.n == 101_766
