"""What is measured: each gate, the library called by hand for the same answer, and one scan of the same columns.

``python -m tests.bench.sides NAME FOLDER ROWS`` runs one of them in a process of its own and prints its cost.
"""

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from tests.bench.sets import columns_of, touch, write_all

__all__ = ["SIDES", "main"]

Run = Callable[[Path], None]
_LABELS: dict[str, tuple[str, ...]] = {"target": ("target",), "prediction": ("prediction",), "score": ("score",)}


def suite() -> list[dict[str, Any]]:
    """Ten common expectations."""

    def expect(name: str, **kwargs: Any) -> dict[str, Any]:
        return {"type": f"expect_{name}", "kwargs": kwargs}

    return [
        expect("table_row_count_to_be_between", min_value=1),
        expect("column_values_to_not_be_null", column="x0"),
        expect("column_values_to_not_be_null", column="c0"),
        expect("column_values_to_be_between", column="x0", min_value=-50, max_value=50),
        expect("column_values_to_be_between", column="score", min_value=0, max_value=1),
        expect("column_values_to_be_in_set", column="c0", value_set=[f"v{place}" for place in range(6)]),
        expect("column_value_lengths_to_be_between", column="c0", min_value=1, max_value=3),
        expect("column_mean_to_be_between", column="x1", min_value=-1, max_value=1),
        expect("column_max_to_be_between", column="x1", max_value=50),
        expect("column_stdev_to_be_between", column="x1", min_value=0.5, max_value=2),
    ]


def _one_thread() -> None:
    from aims_gates.data._duckdb.engine import THREADS

    os.environ[THREADS] = "1"


@cache
def _opened(path: Path, role: str) -> Any:
    """Each set is opened once, as for a plan."""
    from aims_gates.data import Dataset

    return Dataset.open(path, role=role)


def _gate(name: str, params: dict[str, Any], roles: dict[str, tuple[str, ...]], data: dict[str, str]) -> Run:
    import scipy.special  # noqa: F401 - both sides are measured after their imports

    from aims_gates.evaluation.run_gate import run_gate
    from aims_gates.packs.case import Case
    from aims_gates.packs.find import find_gates

    gate = find_gates()[name]
    gate.load()
    _one_thread()

    def run(folder: Path) -> None:
        opened = {role: _opened(folder / f"{file}.parquet", role) for role, file in data.items()}
        found = run_gate(gate, Case(name, gate.params(params), roles, opened, datetime.now(UTC)))
        assert all(finding.outcome != "error" for finding in found), found

    return run


_BOTH = {"reference": "reference", "production": "production"}
_ONE = {"evaluation": "production"}


def _ours_fairness(rows: int) -> Run:
    roles: dict[str, tuple[str, ...]] = {"sensitive": ("group",), "target": ("target",), "prediction": ("prediction",)}
    return _gate("fairness", {}, roles, _ONE)


def _library_fairness(rows: int) -> Run:
    import pandas as pd
    from fairlearn import metrics

    named = ("selection_rate", "true_positive_rate", "true_negative_rate", "false_positive_rate", "false_negative_rate")
    measures = {name: getattr(metrics, name) for name in named}

    def run(folder: Path) -> None:
        frame = pd.read_parquet(folder / "production.parquet", columns=["target", "prediction", "group"])
        found = metrics.MetricFrame(
            metrics=measures, y_true=frame.target, y_pred=frame.prediction, sensitive_features=frame.group
        )
        assert len(found.by_group) == 4 and found.difference() is not None and found.ratio() is not None

    return run


def _ours_divergence(rows: int) -> Run:
    columns = [name for group in columns_of(rows) for name in group]
    return _gate("drift", {"method": ["psi", "jensenshannon"], "columns": columns}, {}, _BOTH)


def _library_divergence(rows: int) -> Run:
    import pandas as pd
    from evidently import Report
    from evidently.presets import DataDriftPreset

    columns = [name for group in columns_of(rows) for name in group]

    def run(folder: Path) -> None:
        sets = [pd.read_parquet(folder / f"{name}.parquet", columns=columns) for name in _BOTH]
        Report([DataDriftPreset(method="psi")]).run(sets[1], sets[0]).dict()

    return run


def _ours_order(rows: int) -> Run:
    import scipy.stats  # noqa: F401 - both sides are measured after their imports

    return _gate("drift", {"method": ["ks", "wasserstein"], "columns": columns_of(rows)[0][:12]}, {}, _BOTH)


def _library_order(rows: int) -> Run:
    import pandas as pd
    from scipy import stats

    columns = columns_of(rows)[0][:12]

    def run(folder: Path) -> None:
        before, after = (pd.read_parquet(folder / f"{name}.parquet", columns=columns) for name in _BOTH)
        for name in columns:
            one, other = before[name].to_numpy(), after[name].to_numpy()
            assert stats.ks_2samp(one, other).statistic > 0 and stats.wasserstein_distance(one, other) > 0

    return run


def _ours_quality(rows: int) -> Run:
    ours = _gate("data_quality", {"suite": {"name": "bench", "expectations": suite()}}, {}, _ONE)
    return lambda folder: ours(folder / "quality")


def _library_quality(rows: int) -> Run:
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False, metric_calculations=False)
    batch = context.data_sources.add_pandas("p").add_dataframe_asset("d").add_batch_definition_whole_dataframe("b")
    expected = gx.ExpectationSuite(name="bench", expectations=suite())

    def run(folder: Path) -> None:
        frame = pd.read_parquet(folder / "quality" / "production.parquet")
        found = batch.get_batch({"dataframe": frame}).validate(expected)
        assert len(found.results) == len(suite()) and found.success

    return run


def _ours_performance(rows: int) -> Run:
    return _gate("performance", {}, _LABELS, _ONE)


def _library_performance(rows: int) -> Run:
    import pandas as pd
    from sklearn import metrics

    def run(folder: Path) -> None:
        frame = pd.read_parquet(folder / "production.parquet", columns=["target", "prediction", "score"])
        named = ("accuracy_score", "balanced_accuracy_score", "precision_score", "recall_score", "f1_score")
        for name in named:
            getattr(metrics, name)(frame.target, frame.prediction)
        for name in ("roc_auc_score", "log_loss", "brier_score_loss"):
            getattr(metrics, name)(frame.target, frame.score)

    return run


def _ours_plan(rows: int) -> Run:
    """All of the gates, one after the other in one process, as a plan runs them."""
    made = [make(rows) for make in (_ours_fairness, _ours_divergence, _ours_order, _ours_quality, _ours_performance)]

    def run(folder: Path) -> None:
        for each in made:
            each(folder)

    return run


def _scan(names: tuple[str, ...], columns: Callable[[int], list[str]], inside: str = ".") -> Callable[[int], Run]:
    def make(rows: int) -> Run:
        def run(folder: Path) -> None:
            for name in names:
                touch(folder / inside, name, columns(rows))

        return run

    return make


QUALITY = ["x0", "x1", "score", "c0"]
SIDES: dict[str, Callable[[int], Run]] = {
    "fairness": _ours_fairness,
    "fairness-library": _library_fairness,
    "fairness-scan": _scan(("production",), lambda rows: ["target", "prediction", '"group"']),
    "divergence": _ours_divergence,
    "divergence-library": _library_divergence,
    "divergence-scan": _scan(
        ("reference", "production"), lambda rows: [c for group in columns_of(rows) for c in group]
    ),
    "order": _ours_order,
    "order-library": _library_order,
    "order-scan": _scan(("reference", "production"), lambda rows: columns_of(rows)[0][:12]),
    "quality": _ours_quality,
    "quality-library": _library_quality,
    "quality-scan": _scan(("production",), lambda rows: QUALITY, "quality"),
    "performance": _ours_performance,
    "performance-library": _library_performance,
    "performance-scan": _scan(("production",), lambda rows: ["target", "prediction", "score"]),
    "plan": _ours_plan,
    "plan-scan": _scan(
        ("reference", "production"),
        lambda rows: [*(c for group in columns_of(rows) for c in group), "target", "prediction", "score", '"group"'],
    ),
}


def main(name: str, folder: str, rows: str) -> None:
    """Run one side after its imports, and print its CPU seconds and the process's peak memory in MiB.

    Either side runs on a thousand rows first, so that what it imports when it is used is there.
    """
    import pyarrow as pa

    pa.set_cpu_count(1)
    run = SIDES[name](int(rows))
    with tempfile.TemporaryDirectory(dir=folder) as small:
        write_all(Path(small), 1000, QUALITY)
        run(Path(small))
    started = time.process_time()
    run(Path(folder))
    spent = time.process_time() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.__stdout__.write(json.dumps({"cpu": spent, "peak": peak}) + os.linesep)  # type: ignore[union-attr]


if __name__ == "__main__":
    main(*sys.argv[1:])
