"""The self-test agrees here, and turns red where a computation is wrong, missing or broken."""

import shutil
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aims_gates.data import intervals
from aims_gates.evaluation.selftest import Book, FigureRow, published, recompute
from aims_gates.evaluation.selftest.book import FigureTable, tolerance
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate


def part(*ids: str, **changes: Any) -> Book:
    """The figures of these examples only."""
    book = published()
    gates = tuple(example.model_copy(update=changes) for example in book.gates if example.id in ids)
    return Book(intervals=tuple(example for example in book.intervals if example.id in ids), gates=gates)


def test_every_published_figure_is_met_within_thirty_seconds_of_work() -> None:
    start = time.process_time()
    rows = recompute(published())
    assert [row for row in rows if not row.ok] == []
    assert len(rows) >= 40
    assert len({row.id for row in rows}) == len(rows)
    assert all(row.source and row.tolerance < abs(float(row.published)) + 1 for row in rows)
    assert time.process_time() - start < 30


def test_an_interval_that_misreckons_turns_its_figures_red(monkeypatch: pytest.MonkeyPatch) -> None:
    right = intervals.wilson

    def too_narrow(successes: float, n: float) -> tuple[float, float]:
        low, high = right(successes, n)
        return low, high - 1e-3

    monkeypatch.setattr(intervals, "wilson", too_narrow)
    verdicts = {row.id: row.ok for row in recompute(part("wilson", "paired_difference"))}
    assert verdicts["wilson/81, 263/low"] and not verdicts["wilson/81, 263/high"]
    assert verdicts["paired_difference/36, 12, 2, 0/low"]


def test_a_gate_that_misreckons_turns_its_figures_red(tmp_path: Path) -> None:
    folder = tmp_path / "performance"
    shutil.copytree(find_gates()["performance"].folder, folder)
    code = (folder / "whole.py").read_text()
    assert "np.square(block - label)" in code
    (folder / "whole.py").write_text(code.replace("np.square(block - label)", "np.abs(block - label)"))
    gates = find_gates() | {"performance": Gate.read(folder)}
    rows = recompute(part("scikit-learn-scores", "scikit-learn-decisions"), gates)
    figures = [row for row in rows if not row.id.endswith("/agreement")]
    assert [(row.recomputed, row.ok) for row in figures] == [(pytest.approx(0.175), False), (0.625, True)]
    beside = {row.id: (row.ok, row.note or row.source) for row in rows if row.id.endswith("/agreement")}
    assert not beside["scikit-learn-scores/agreement"][0]
    assert "brier: 0.175 here, " in beside["scikit-learn-scores/agreement"][1]
    assert beside["scikit-learn-decisions/agreement"][0]
    assert "figures agree with scikit-learn 1." in beside["scikit-learn-decisions/agreement"][1]


def test_a_library_that_is_not_installed_compares_nothing_and_the_figures_stand(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    rows = recompute(part("scikit-learn-scores", "scikit-learn-decisions"))
    assert [row.ok for row in rows] == [True, True]
    assert not [row.id for row in rows if row.id.endswith("/agreement")]


def test_a_function_that_raises_is_a_figure_that_does_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: float) -> tuple[float, float]:
        raise ZeroDivisionError("no rows")

    monkeypatch.setattr(intervals, "wilson", broken)
    assert {(row.ok, row.note) for row in recompute(part("wilson"))} == {(False, "ZeroDivisionError: no rows")}


def test_what_is_missing_does_not_agree_and_says_what() -> None:
    (row,) = recompute(part("scikit-learn-scores"), {})
    assert (row.ok, row.recomputed, row.note) == (False, None, "there is no gate 'performance'")
    (row,) = recompute(part("scikit-learn-scores", params={"strange": 1}))
    assert not row.ok and "strange" in (row.note or "")
    (figure,) = part("scikit-learn-scores").gates[0].figures
    row, _ = recompute(part("scikit-learn-scores", figures=(figure.model_copy(update={"measure": "gone"}),)))
    assert not row.ok and "0 findings" in (row.note or "")
    (row,) = recompute(part("scikit-learn-scores", roles={"target": ("nowhere",), "score": ("s",)}))
    assert not row.ok and "nowhere" in (row.note or "")
    unknown = published().intervals[0].model_copy(update={"id": "critical_"})
    assert {row.note for row in recompute(Book(intervals=(unknown,)))} == {"there is no such function"}


@pytest.mark.parametrize("value", [None, float("nan"), float("inf")])
def test_no_number_never_agrees(value: float | None) -> None:
    row = FigureRow.of("x", "somebody", "0.5", value, 1e9)
    assert (row.ok, row.recomputed) == (False, None)
    assert row.note


def test_the_tolerance_is_half_a_unit_of_the_last_printed_digit() -> None:
    assert tolerance("0.2553") == pytest.approx(5e-5)
    assert tolerance("45") == pytest.approx(0.5)
    assert tolerance("0.181", cut=True) == pytest.approx(1e-3)
    assert tolerance("45222", exact=True) < 1
    assert tolerance("0", exact=True) == pytest.approx(1e-12)


@pytest.mark.parametrize(
    "table", [{}, {"rows": [[1, 2]], "values": {"x": [1]}}, {"columns": ["x"], "rows": [[1]]}], ids=str
)
def test_a_table_that_is_none_is_refused(table: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a table has either|each row"):
        FigureTable.model_validate(table)


def test_a_sheet_of_nothing_proves_nothing() -> None:
    from datetime import UTC, datetime

    from aims_gates.evaluation.selftest import sheet

    empty = sheet((), datetime(2026, 1, 1, tzinfo=UTC), 0)
    assert not empty.ok
    assert replace(empty, agree=1, of=1).ok
