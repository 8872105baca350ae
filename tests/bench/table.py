"""``make bench``: each gate against the library by hand, against one scan of its columns, and as the rows grow.

Both sides read the same Parquet files, each in a process of its own after its imports, on one thread, with a warm file
cache; the cheaper of two runs counts, where one takes no more than 20 s. BENCH_ROWS chooses sizes (default
``1e5,1e6,1e7``; ``1e8`` needs some 15 GB), BENCH_DIR where the data are made, BENCH_LIBRARY_SECONDS how long a library
may take (default 600). The ledger comes last (:mod:`tests.bench.ledgers`): ``BENCH_ROWS=`` leaves all else out,
``BENCH_LEDGER=0`` that, and ``BENCH_CHECK=0`` the check of the demo by phase (:mod:`tests.bench.check`) and the
preview in a notebook (:mod:`tests.bench.preview`).
Results go to bench-results/.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.bench.sets import write_all
from tests.bench.sides import QUALITY

__all__ = ["Row", "lines", "main", "measure"]

#: Gate -> what is compared, how many times as fast as the library it shall be, and at most how many scans, by rows.
_GATES: Mapping[str, tuple[str, Mapping[int, float], Mapping[int, float]]] = {
    "fairness": ("fairness with intervals / fairlearn MetricFrame without", {10**7: 300}, {10**7: 5, 10**8: 3}),
    "divergence": (
        "drift psi + jensenshannon, 20 columns / evidently preset psi",
        {10**6: 35},
        {10**6: 3, 10**7: 3, 10**8: 4},
    ),
    "order": (
        "drift ks + wasserstein exact, 12 columns / scipy",
        {10**5: 2, 10**6: 10, 10**7: 15},
        {10**5: 8, 10**6: 8, 10**7: 8},
    ),
    "quality": ("data_quality, 10 expectations / great-expectations on pandas", {10**7: 10}, {10**7: 3}),
    "performance": (
        "performance with intervals / scikit-learn without",
        {10**6: 5, 10**7: 15},
        {10**6: 6, 10**7: 8},
    ),
}
_PLAN: tuple[str, Mapping[int, float], Mapping[int, float]] = ("whole plan: all of the above", {}, {10**7: 15})
_PLAN_PEAK = 3 * 1024
#: CPU seconds.
_LONG = 20


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        gate: ``fairness`` ... or ``plan``.
        rows: Rows of each set.
        cpu, peak: CPU seconds and MiB of the gate.
        library, library_peak: The same of the library by hand; None where it was not run.
        scan: CPU seconds of reading the gate's columns once; of a plan, all columns.
        note: Why something was not run.
    """

    gate: str
    rows: int
    cpu: float
    peak: float
    library: float | None = None
    library_peak: float | None = None
    scan: float | None = None
    note: str = ""


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _cost(name: str, folder: Path, rows: int) -> dict[str, float]:
    """The cheaper of two runs, of each side alike; of one that took long there is no second."""
    first = _run(name, folder, rows)
    return first if first["cpu"] > _LONG else min(first, _run(name, folder, rows), key=lambda cost: cost["cpu"])


def _run(name: str, folder: Path, rows: int) -> dict[str, float]:
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS", "MKL_NUM_THREADS"), "1")
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.sides", name, str(folder), str(rows)]
    done = subprocess.run(command, env={**os.environ, **one}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name} failed at {rows:,} rows:\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(folder: Path, rows: int, before: Sequence[Row], patience: float) -> list[Row]:
    """All rows of one size. A library that would take too long or too much, by the size before, is left out."""
    _say(f"{rows:,} rows: making the data ...")
    write_all(folder, rows, QUALITY)
    found = []
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**20
    for gate in _GATES:
        _say(f"{rows:,} rows: {gate} ...")
        scan = _cost(f"{gate}-scan", folder, rows)["cpu"]
        mine = _cost(gate, folder, rows)
        last = max((row for row in before if row.gate == gate and row.library), key=lambda row: row.rows, default=None)
        theirs: Mapping[str, float | None] = {"cpu": None, "peak": None}
        note = ""
        if last and last.library and last.library_peak:
            factor = rows / last.rows
            if last.library * factor > patience:
                note = f"library not run: it would take about {last.library * factor:,.0f} s"
            elif last.library_peak * factor > memory / 2:
                note = f"library not run: it would take about {last.library_peak * factor / 1024:,.0f} GiB"
        elif rows > 10**7:
            note = "library not run at this size"
        if not note:
            theirs = _cost(f"{gate}-library", folder, rows)
        found.append(Row(gate, rows, mine["cpu"], mine["peak"], theirs["cpu"], theirs["peak"], scan, note))
        _say(lines(found[-1:])[1 + list(_GATES).index(gate)])
    _say(f"{rows:,} rows: the whole plan ...")
    scan, plan = (_cost(name, folder, rows) for name in ("plan-scan", "plan"))
    return [*found, Row("plan", rows, plan["cpu"], plan["peak"], scan=scan["cpu"])]


def _met(value: float, target: float | None, least: bool) -> str:
    if target is None:
        return ""
    return f" (wanted {'>=' if least else '<='} {target:g}: {'met' if (value >= target) == least else 'NOT met'})"


def lines(rows: Sequence[Row]) -> list[str]:
    """The table: for each measurement its cost, both ratios, and how cost grew from the size before."""
    said = []
    for gate in [*_GATES, "plan"]:
        mine = sorted((row for row in rows if row.gate == gate), key=lambda row: row.rows)
        title, faster, scans = _GATES.get(gate, _PLAN)
        said.append(title)
        last: Row | None = None
        for row in mine:
            text = f"  {row.rows:>11,} rows  {row.cpu:8.2f} s {row.peak:7.0f} MiB"
            if row.library is not None:
                text += f"  library {row.library:8.2f} s {row.library_peak:7.0f} MiB"
                times = row.library / row.cpu
                text += f"  {times:7.1f} times faster{_met(times, faster.get(row.rows), True)}"
            if row.scan:
                text += f"  {row.cpu / row.scan:5.1f} scans{_met(row.cpu / row.scan, scans.get(row.rows), False)}"
            if last is not None:
                text += f"  growth {row.cpu / last.cpu:.1f} for {row.rows / last.rows:g} times the rows"
            if gate == "plan" and row is mine[-1]:
                text += _met(row.peak, _PLAN_PEAK, False)
            said.append(text + (f"  [{row.note}]" if row.note else ""))
            last = row
    return said


def _draw(rows: Sequence[Row], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(9, 6))
    for place, gate in enumerate([*_GATES, "plan"]):
        mine = sorted((row for row in rows if row.gate == gate), key=lambda row: row.rows)
        axes.plot([row.rows for row in mine], [row.cpu for row in mine], "o-", color=f"C{place}", label=gate)
        theirs = [row for row in mine if row.library is not None]
        axes.plot([r.rows for r in theirs], [r.library or 0.0 for r in theirs], "x--", color=f"C{place}", alpha=0.6)
    axes.set(xscale="log", yscale="log", xlabel="rows of each set", ylabel="CPU seconds (dashed: the library by hand)")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    figure.savefig(path)
    pyplot.close(figure)


def _check() -> dict[str, object]:
    """CPU of a check by phase, on a demo that is made for it."""
    from tests.bench import check

    _say("a check of the demo, which is made first ...")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR"), prefix="aims-gates-bench-") as place:
        check.demo(Path(place) / "demo")
        mlflow, phases, again = check.costs(Path(place) / "demo")
    print("\n".join(check.lines(mlflow, phases, again)))
    return {"import mlflow": mlflow, "phases": phases, "again": again}


def _preview() -> dict[str, float]:
    """CPU of a preview in a notebook."""
    from tests.bench import preview

    _say("a preview in a notebook ...")
    mlflow, own, model = preview.costs()
    print("\n".join(preview.lines(mlflow, own, model)))
    return {"import mlflow": mlflow, "own": own, "model": model}


def main() -> None:
    """Measure, print, and write bench-results/bench.json (after each size) and bench.svg."""
    folder = Path("bench-results")
    folder.mkdir(exist_ok=True)
    sizes = sorted(int(float(size)) for size in os.environ.get("BENCH_ROWS", "1e5,1e6,1e7").split(",") if size)
    patience = float(os.environ.get("BENCH_LIBRARY_SECONDS", "600"))
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR"), prefix="aims-gates-bench-") as place:
        for size in sizes:
            rows += measure(Path(place) / "data", size, rows, patience)
            (folder / "bench.json").write_text(json.dumps({"rows": [asdict(row) for row in rows]}, indent=1), "utf-8")
    if sizes:
        print(f"sizes measured: {', '.join(f'{size:,}' for size in sizes)} rows")
    print("\n".join(lines(rows) if rows else ()))
    results: dict[str, object] = {"rows": [asdict(row) for row in rows]}
    if os.environ.get("BENCH_CHECK", "1") == "1":
        results |= {"check": _check(), "preview": _preview()}
    if os.environ.get("BENCH_LEDGER", "1") == "1":
        from tests.bench import ledgers

        for where, uri in {"SQLite": None, "PostgreSQL": os.environ.get("BENCH_POSTGRESQL")}.items():
            if where == "SQLite" or uri:
                _say(f"the ledger on {where} ...")
                costs = ledgers.costs(uri)
                results[f"ledger_{where}"] = [asdict(each) for each in costs]
                print("\n".join(ledgers.lines(costs, where)))
    (folder / "bench.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    if rows:
        _draw(rows, folder / "bench.svg")
    print(f"written to {folder}")
