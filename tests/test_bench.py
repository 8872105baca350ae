"""The benchmark's own code, at a size that takes seconds."""

from pathlib import Path

import pytest

from tests.bench.check import Phases
from tests.bench.check import lines as check_lines
from tests.bench.preview import lines as preview_lines
from tests.bench.table import Row, lines, measure


@pytest.mark.long
def test_the_benchmark_measures_every_gate_and_says_what_is_met(tmp_path: Path) -> None:
    done = [Row(gate, 1_000, 0.01, 100, 1e6, 100) for gate in ("divergence", "quality", "fairness")]
    rows = measure(tmp_path / "data", 10_000, done, 600)
    assert [row.gate for row in rows] == ["fairness", "divergence", "order", "quality", "performance", "plan"]
    assert all(row.cpu > 0 and row.peak > 50 for row in rows)
    assert {row.gate for row in rows if row.note} == {"divergence", "quality", "fairness"}
    assert all(row.library is None for row in rows if row.note)
    assert next(row for row in rows if row.gate == "order").library


@pytest.mark.parametrize(("library", "said"), [(12.0, "12.0 times faster (wanted >= 10: met)"), (5.0, "NOT met")])
def test_the_table_holds_measured_ratios_against_the_targets(library: float, said: str) -> None:
    table = lines([Row("order", 10**6, 1.0, 200, library, 300, 0.1), Row("order", 10**7, 10.0, 200)])
    assert any(said in line and "10.0 scans" in line for line in table)
    assert any("growth 10.0 for 10 times the rows" in line for line in table)


def test_a_phase_costs_what_happens_in_it_without_the_phases_within() -> None:
    times = iter([0.0, 1.0, 3.0, 6.0, 10.0, 10.0])
    phases = Phases(lambda: next(times))
    with phases.phase("outer"), phases.phase("inner"):
        pass
    assert phases.finish() == {"everything else": 1.0, "outer": 2.0 + 4.0, "inner": 3.0}


def test_the_table_of_a_check_names_what_costs_and_adds_up() -> None:
    table = check_lines(2.0, {"gate drift": 4.0, "import scipy": 1.0, "signing": 0.04, "deciding": 0.06})
    assert [line.split()[0] for line in table[1:]] == ["gate", "import", "each", "all"]
    last = check_lines(2.0, {"gate drift": 4.0}, 3.0)[-1]
    assert "the same again" in last and "1.50 x import mlflow" in last
    assert "2.00 x import mlflow" in table[1] and "0.05 x" in table[3] and "2.55 x" in table[4]


@pytest.mark.parametrize(
    ("model", "met"), [(3.0, "2.50 x (wanted <= 2.5: met)"), (3.1, "2.55 x (wanted <= 2.5: NOT met)")]
)
def test_a_preview_costs_the_call_and_the_process_of_the_model(model: float, met: str) -> None:
    assert met in preview_lines(2.0, 2.0, model)[-1]
