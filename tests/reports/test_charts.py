"""Charts: drawn from findings, named from data and so escaped, small cells withheld, the page small."""

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aims_gates.model import Finding, Limit
from aims_gates.reports import GateRun, Report, render
from aims_gates.reports.charts import charts

from .test_html import EVIL, Page

HEAT = tuple(
    Finding("selection_rate", rate, n=n, by={"race": race, "sex": sex})
    for race, sex, rate, n in (("a", "f", 0.2, 90), ("a", "m", 0.4, 80), ("b", "f", 0.6, 70), ("b", "m", 0.9, 3))
)
LINES = tuple(
    Finding(
        "psi", value, over={"column": column, "chunk": chunk}, limit=Limit("<=", 0.2),
        outcome="fail" if value > 0.2 else "pass",
    )
    for column, values in {"age": (0.01, 0.02, 0.3), EVIL: (0.1, 0.1, 0.1)}.items()
    for chunk, value in enumerate(values)
)  # fmt: skip
BINS = tuple(
    Finding("bin_share", share, n=1000, by={"column": "age", "bin": name, "set": which})
    for which, shares in {"reference": (0.5, 0.497, 0.003), "production": (0.2, 0.7, 0.1)}.items()
    for name, share in zip(("below 30", "30 to 60", "60 and above"), shares, strict=True)
)
CURVE = tuple(
    Finding("calibration_share", share, share - 0.05, share + 0.05, n=n, over={"bin": name, "mean_score": mean})
    for name, mean, share, n in (("0 to 0.5", 0.3, 0.2, 90), ("0.5 to 1", 0.7, 0.9, 80), ("1 to 1", 1.0, 1.0, 2))
)
DUEL = (
    Finding("accuracy", 0.9, 0.88, 0.92, n=900),
    Finding("accuracy_champion_difference", 0.02, 0.0, 0.04, n=900, limit=Limit(">=", 0.0), outcome="pass"),
)


def test_each_kind_is_drawn_with_words_and_a_table() -> None:
    made = charts([*HEAT, *LINES, *BINS, *CURVE, *DUEL])
    assert [chart.title for chart in made] == [
        "selection_rate by race and sex",
        "psi per column over chunks",
        "age: reference against production",
        "Calibration",
        "Champion against challenger",
    ]
    for chart in made:
        assert chart.text and chart.rows and len(chart.headings) == len(chart.rows[0])
        assert all(len(row) == len(chart.headings) for row in chart.rows)
    assert "1 of 3 chunks fail" in made[1].text
    assert made[4].rows == (("accuracy", "0.8800", "0.9000", "0.02 (0.00 to 0.04)", "pass"),)


def test_cells_bins_and_points_of_few_rows_are_withheld() -> None:
    heat, bins, curve = charts([*HEAT, *BINS, *CURVE])
    assert "0.90" not in heat.text and "< 5 rows" in {shape.text for shape in heat.shapes}
    assert "0.3 %" not in bins.text and "< 5 rows" in bins.text
    assert len(curve.rows) == 2 and "fewer than 5 rows" in curve.note
    text = render("html", Report(gates=(GateRun("g", "G", "pass", (*HEAT, *BINS, *CURVE)),)))
    assert "0.003" not in text


def test_every_shape_lies_on_its_chart() -> None:
    for chart in charts([*HEAT, *LINES, *BINS, *CURVE, *DUEL]):
        for shape in chart.shapes:
            for name, value in shape.at.items():
                if name in ("x", "x1", "x2", "cx"):
                    assert 0 <= float(str(value)) <= chart.width, (chart.title, shape)
                if name in ("y", "y1", "y2", "cy"):
                    assert 0 <= float(str(value)) <= chart.height, (chart.title, shape)


def test_the_page_with_charts_is_sound_escaped_and_needs_no_network() -> None:
    found = (*HEAT, *LINES, *BINS, *CURVE, *DUEL, *(replace(f, by={EVIL: EVIL, "sex": "m"}) for f in HEAT[:1]))
    text = render("html", Report(gates=(GateRun("g", "G", "fail", found),)))
    page = Page(text)
    assert len(page.ids) == len(set(page.ids))
    assert "<script" not in text
    assert not re.search(r"https?://|url\(|@import", text)
    assert len(page.all("svg")) == len(page.all("desc"))
    assert len(page.all("details")) == 5


def test_many_columns_groups_and_chunks_still_make_a_page_under_a_megabyte() -> None:
    lines = [
        Finding(measure, 0.1 + column / 1e4, over={"column": f"c{column}", "chunk": chunk}, limit=Limit("<=", 0.2),
                outcome="fail")
        for measure in ("psi", "jensenshannon", "hellinger") for column in range(40) for chunk in range(300)
    ]  # fmt: skip
    heat = [
        Finding(measure, 0.5, n=50.0, by={"a": f"group {i}", "b": f"group {j}"})
        for measure in ("selection_rate", "impact_ratio", "accuracy") for i in range(60) for j in range(60)
    ]  # fmt: skip
    bins = [
        Finding("bin_share", 0.1, n=1000, by={"column": f"c{c}", "bin": f"{b} to {b + 1}", "set": s})
        for c in range(100) for b in range(10) for s in ("reference", "production")
    ]  # fmt: skip
    run = GateRun("g", "G", "pass", (*lines, *heat, *bins))
    text = render("html", Report(gates=(run, replace_gate(run, "h"), replace_gate(run, "i"))))
    assert len(text.encode()) < 1_000_000
    assert "more columns are not drawn" in text


def replace_gate(run: GateRun, name: str) -> GateRun:
    return run._replace(gate=name)


@pytest.mark.parametrize("method", ["ks", "psi", None])
def test_the_drift_gate_gives_bins_that_add_up_and_tell_nobodys_value(method: str | None) -> None:
    from datetime import UTC, datetime

    from aims_gates import Case, Dataset
    from aims_gates.evaluation.run_gate import run_gate
    from aims_gates.packs.find import find_gates

    draw = np.random.default_rng(0)
    sets = {
        role: pd.DataFrame(
            {
                "x": np.append(draw.normal(size=999), 1234.5),
                "c": ["a"] * 600 + ["b"] * 397 + ["who", "is", "it"],
                "day": pd.Timestamp("2024-01-01") + pd.to_timedelta(draw.integers(0, 90, 1000), unit="D"),
            }
        )
        for role in ("reference", "production")
    }
    gate = find_gates()["drift"]
    params = {"method": {"x": method, "day": method}} if method else {}
    data = {role: Dataset.open(frame, role=role) for role, frame in sets.items()}
    found = run_gate(gate, Case("drift", gate.params(params), {}, data, datetime(2026, 1, 1, tzinfo=UTC)))
    bins = [f for f in found if f.measure == "bin_share"]
    for column in ("x", "c", "day"):
        for which in ("reference", "production"):
            some = [f for f in bins if (f.by["column"], f.by["set"]) == (column, which)]
            assert 2 <= len(some) <= 11
            assert sum(f.value or 0 for f in some) == pytest.approx(1)
            assert all(f.outcome is None for f in some)
    said = " ".join(f.by["bin"] for f in bins)
    assert "who" not in said and "1,234" not in said and "1234" not in said and "1,235" not in said
    assert "all others" in said and re.search(r"below 2024-\d\d-\d\d", said)
