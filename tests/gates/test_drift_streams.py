"""Detectors of change in streams: river's own figures, order by time, and what they cannot take."""

import hashlib
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aims_gates import Finding
from aims_gates.cli import main
from aims_gates.evaluation.run_gate import outcome_of

Run = Callable[..., tuple[Finding, ...]]


def stream() -> list[int]:
    """The stream of river's docstrings: a change after 1,000 values."""
    draw = random.Random(12345)
    return draw.choices([0, 1], k=1000) + draw.choices(range(4, 8), k=1000)


def sets(values: list[int]) -> dict[str, pd.DataFrame]:
    return {"reference": pd.DataFrame({"x": values[:1000]}), "production": pd.DataFrame({"x": values[1000:]})}


def detected(found: tuple[Finding, ...], name: str) -> Finding:
    (one,) = [finding for finding in found if finding.measure == name]
    return one


def test_changes_are_where_rivers_documentation_finds_them(run: Run, shared: Path) -> None:
    pytest.importorskip("river")
    figures = json.loads((shared / "published_small" / "river_detectors.json").read_text())
    options = {"ADWIN": {"delta": 0.002}, "KSWIN": {"alpha": 0.0001, "seed": 42}}
    found = run("drift", sets(stream()), method=["ADWIN", "PageHinkley", "KSWIN"], streams=options)
    for name, row in (
        ("ADWIN", figures["ADWIN(delta=0.002)"]),
        ("PageHinkley", figures["PageHinkley()"]),
        ("KSWIN", figures["KSWIN(alpha=0.0001,seed=42)"]),
    ):
        finding = detected(found, name)
        assert f"first change at row {row - 1000} of production" in str(finding.note), name
        assert (finding.outcome, finding.n) == ("fail", 1000)
        assert finding.remedy
    assert outcome_of(found) == "fail"


def test_errors_of_a_model_change_where_rivers_documentation_finds_them(run: Run, shared: Path) -> None:
    pytest.importorskip("river")
    figures = json.loads((shared / "published_small" / "river_detectors.json").read_text())
    draw = random.Random(42)
    errors = draw.choices([0, 1], k=1000) + draw.choices([0, 1], k=1000, weights=[0.3, 0.7])
    for frames in (sets(errors), {role: frame.astype(bool) for role, frame in sets(errors).items()}):
        finding = detected(run("drift", frames, method="DDM"), "DDM")
        assert f"first change at row {figures['DDM()']['change'] - 1000} of" in str(finding.note)
    found = run("drift", sets(stream()), method="DDM")
    assert outcome_of(found) == "error"
    assert "0 and 1" in str(detected(found, "DDM").note)


def test_rows_are_taken_in_order_of_time(run: Run) -> None:
    pytest.importorskip("river")
    values = stream()
    frames = sets(values)
    for place, frame in enumerate(frames.values()):
        frame["t"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(1000) + 1000 * place, unit="min")
    ordered = run("drift", frames, {"timestamp": ["t"]}, method="ADWIN")
    mixed = {role: frame.sample(frac=1, random_state=1) for role, frame in frames.items()}
    again = run("drift", mixed, {"timestamp": ["t"]}, method="ADWIN")
    assert detected(again, "ADWIN") == detected(ordered, "ADWIN")
    assert "in which they stand" not in str(detected(ordered, "ADWIN").note)
    assert "in which they stand" in str(detected(run("drift", sets(values), method="ADWIN"), "ADWIN").note)


def test_a_steady_stream_decides_nothing(run: Run) -> None:
    pytest.importorskip("river")
    steady = random.Random(1).choices([0, 1], k=2000)
    finding = detected(run("drift", sets(steady), method="ADWIN"), "ADWIN")
    assert (finding.value, finding.outcome) == (0, "inconclusive") and "upper bound" in str(finding.note)


@pytest.mark.parametrize(
    ("params", "values", "words"),
    [
        ({"method": "ADWIN"}, ["a", "b"] * 1000, "does not take 'x', which holds categories"),
        ({"method": "ADWIN", "streams": {"ADWIN": {"gamma": 1}}}, [0, 1] * 1000, "does not take"),
        ({"method": "ADWIN", "streams": {"EDDM": {}}}, [0, 1] * 1000, "streams cannot be"),
    ],
)
def test_what_a_detector_cannot_take_is_an_error(
    run: Run, params: dict[str, Any], values: list[Any], words: str
) -> None:
    pytest.importorskip("river")
    found = run("drift", sets(values), **params)
    assert outcome_of(found) == "error"
    (error,) = [f for f in found if f.outcome == "error" and f.measure != "drift_share"]
    assert words in str(error.note)
    assert error.remedy


def test_without_the_extra_a_message_names_it(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "river", None)
    found = run("drift", sets(stream()), method="ADWIN")
    assert outcome_of(found) == "error"
    assert "aims-gates[gates]" in str(found[0].remedy)


def test_evidentlys_page_is_written_beside_and_named_with_its_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for role, frame in sets(stream()).items():
        frame.to_csv(f"{role}.csv", index=False)
    options = ["--data", "reference=reference.csv", "--data", "production=production.csv", "--json"]
    main(["try", "drift", *options, "--param", "html=true"])
    said = capsys.readouterr()
    found = json.loads(said.out)
    (named,) = [f for f in found["findings"] if f["measure"] == "evidently_report"]
    page = (tmp_path / "drift-evidently.html").read_bytes()
    assert hashlib.sha256(page).hexdigest() in named["note"]
    assert b"<html" in page[:2000].lower()
    assert "wrote drift-evidently.html" in said.err


def test_where_evidently_cannot_be_imported_its_page_is_left_out_and_the_verdict_stands(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "evidently", None)
    found = run("drift", sets(stream()), html=True)
    (left_out,) = [each for each in found if each.measure == "evidently_report"]
    assert "cannot be imported" in str(left_out.note) and "aims-gates[gates]" in str(left_out.remedy)
    assert left_out.outcome is None and outcome_of(found) in ("pass", "fail")
