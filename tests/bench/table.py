"""``make bench``: our gates against the libraries by hand, and a governed alias against a stock one.

Both sides read the same Parquet file, each in a process of its own after its imports, on one thread where the library
allows it. AIMS_GATES_BENCH_ROWS sets the rows (default 1,000,000). Results are printed and written to bench.json.
"""

import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from tests.bench import aliases

ROWS = int(float(os.environ.get("AIMS_GATES_BENCH_ROWS", "1e6")))
COLUMNS = [f"x{index}" for index in range(10)]
SUITE = [
    *({"type": "expect_column_values_to_not_be_null", "kwargs": {"column": name}} for name in COLUMNS[:4]),
    *(
        {"type": "expect_column_values_to_be_between", "kwargs": {"column": name, "min_value": -50, "max_value": 50}}
        for name in COLUMNS[:4]
    ),
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "group", "value_set": ["a", "b", "c", "d"]}},
    {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}},
]


@dataclass(frozen=True)
class Cost:
    """CPU seconds and peak memory (MiB) of one side."""

    cpu: float
    peak: float


def write(folder: Path) -> None:
    """The two sets: a reference and a slightly moved production set, which is the evaluation set too."""
    random = np.random.default_rng(0)
    for name, moved in (("reference", 0.0), ("production", 0.02)):
        frame = pd.DataFrame({column: random.normal(moved, 1, ROWS) for column in COLUMNS})
        frame["group"] = random.choice(["a", "b", "c", "d"], ROWS)
        frame["target"] = (random.random(ROWS) < 0.3).astype("int8")
        frame["prediction"] = (random.random(ROWS) < 0.3).astype("int8")
        frame.to_parquet(folder / f"{name}.parquet")


def _gate(
    name: str, params: dict[str, Any], roles: dict[str, tuple[str, ...]], data: dict[str, str]
) -> Callable[[Path], None]:
    from aims_gates.measure import Dataset
    from aims_gates.model import Case
    from aims_gates.packs import find_gates
    from aims_gates.run import run_gate

    gate = find_gates()[name]
    gate.load()
    filled = gate.params(params)

    def run(folder: Path) -> None:
        opened = {role: Dataset.open(folder / f"{file}.parquet", role=role) for role, file in data.items()}
        found = run_gate(gate, Case(name, filled, roles, opened, datetime.now(UTC)))
        assert all(finding.outcome != "error" for finding in found), found[0]

    return run


def ours_fairness() -> Callable[[Path], None]:
    roles = {"target": ("target",), "prediction": ("prediction",), "sensitive": ("group",)}
    return _gate("fairness", {}, roles, {"evaluation": "production"})


def library_fairness() -> Callable[[Path], None]:
    from fairlearn import metrics

    measures = {
        name: getattr(metrics, name)
        for name in (
            "selection_rate",
            "true_positive_rate",
            "true_negative_rate",
            "false_positive_rate",
            "false_negative_rate",
        )
    }

    def run(folder: Path) -> None:
        frame = pd.read_parquet(folder / "production.parquet", columns=["target", "prediction", "group"])
        found = metrics.MetricFrame(
            metrics=measures, y_true=frame.target, y_pred=frame.prediction, sensitive_features=frame.group
        )
        assert len(found.by_group) == 4 and found.difference() is not None and found.ratio() is not None

    return run


def ours_drift() -> Callable[[Path], None]:
    params = {"method": "psi", "columns": COLUMNS}
    return _gate("drift", params, {}, {"reference": "reference", "production": "production"})


def library_drift() -> Callable[[Path], None]:
    from evidently import Report
    from evidently.presets import DataDriftPreset

    def run(folder: Path) -> None:
        before, after = (
            pd.read_parquet(folder / f"{name}.parquet", columns=COLUMNS) for name in ("reference", "production")
        )
        Report([DataDriftPreset(method="psi")]).run(after, before).dict()

    return run


def ours_quality() -> Callable[[Path], None]:
    import great_expectations  # noqa: F401 - both sides are measured after their imports

    return _gate("data_quality", {"suite": {"name": "bench", "expectations": SUITE}}, {}, {"evaluation": "production"})


def library_quality() -> Callable[[Path], None]:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("d").add_batch_definition_whole_dataframe("b")
    suite = gx.ExpectationSuite(name="bench", expectations=SUITE)

    def run(folder: Path) -> None:
        frame = pd.read_parquet(folder / "production.parquet", columns=[*COLUMNS[:4], "group"])
        assert len(batch.get_batch({"dataframe": frame}).validate(suite).results) == len(SUITE)

    return run


def _measure(make: Callable[[], Callable[[Path], None]], folder: Path, answer: Any) -> None:
    run = make()
    started = time.process_time()
    run(folder)
    spent = time.process_time() - started
    answer.put(Cost(spent, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024))


def cost(make: Callable[[], Callable[[Path], None]], folder: Path) -> Cost:
    """Run one side in a process of its own."""
    spawned = multiprocessing.get_context("spawn")
    answer = spawned.Queue()
    process = spawned.Process(target=_measure, args=(make, folder, answer))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{make.__name__} failed")
    found: Cost = answer.get()
    return found


def main() -> None:
    """Measure, print, write bench.json."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"):
        os.environ.setdefault(name, "1")
    rows: list[dict[str, Any]] = []
    pairs = (
        ("fairness with intervals / fairlearn without", ours_fairness, library_fairness),
        ("drift psi, 10 columns / evidently preset", ours_drift, library_drift),
        ("data quality, 10 expectations / great-expectations", ours_quality, library_quality),
    )
    with tempfile.TemporaryDirectory() as place:
        write(Path(place))
        for what, ours, library in pairs:
            mine, theirs = cost(ours, Path(place)), cost(library, Path(place))
            rows.append(
                {
                    "what": what,
                    "rows": ROWS,
                    "ratio": theirs.cpu / mine.cpu,
                    "ours": asdict(mine),
                    "theirs": asdict(theirs),
                }
            )
            print(f"{what:<52} {ROWS:>11,} rows   {theirs.cpu / mine.cpu:8.1f} times faster   ", end="")
            print(f"{mine.cpu:.2f} s, {mine.peak:.0f} MiB against {theirs.cpu:.2f} s, {theirs.peak:.0f} MiB")
    governed, stock = aliases.costs()
    rows.append({"what": "governed alias / stock alias", "ratio": governed / stock, "ours": governed, "theirs": stock})
    print(f"{'governed alias set / stock alias set':<52} {'':>16}   {governed / stock:8.1f} times the cost   ", end="")
    print(f"{1000 * governed:.1f} ms against {1000 * stock:.1f} ms")
    Path("bench.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
