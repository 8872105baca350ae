"""The long runs: ``make soak``, or some of them, ``make soak PARTS=kill,race``; a table of what each came to.

``SOAK_SCALE=0.01`` makes all of them shorter; ``SOAK_SEED`` repeats what a run found, whose seed is printed. Each part
is a test of the usual suite with its size set by an environment variable, in a process of its own; its row is printed
and added to soak-results.md as soon as it ends.
"""

import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[2]
RESULTS = ROOT / "soak-results.md"
HEADER = "| what | came to | CPU s | s |\n|---|---|---|---|"


@dataclass(frozen=True)
class Part:
    """One long run.

    Attributes:
        what: What is shown, with ``{n}`` for the size.
        tests: pytest's arguments.
        size: How many at scale 1; 0 for what has one size.
        variable: What tells the test.
        each: How many of them one unit of the variable makes.
        flags: Variables that are set to 1.
    """

    what: str
    tests: tuple[str, ...]
    size: int = 0
    variable: str = ""
    each: int = 1
    flags: tuple[str, ...] = ()


PARTS = {
    "attacks": Part(
        "attack corpus, signed statements, daily work; the chain on 1 and 2 workers, 3 ways; both databases",
        ("tests/attacks/test_corpus.py", "tests/attacks/test_statements.py", "tests/attacks/test_chain.py"),
        flags=("AIMS_GATES_CHAIN_EVERYWHERE",),
    ),
    "workspace": Part(
        "the same, in one workspace of several",
        ("tests/attacks/test_corpus.py", "tests/attacks/test_statements.py"),
        variable="AIMS_GATES_ATTACKED_WORKSPACE",
    ),
    "laws": Part(
        "{n} drawn histories: what takes trust away turns no no into a yes",
        ("tests/decision/test_laws.py",),
        20_000,
        "AIMS_GATES_SOAK_LAWS",
    ),
    "kill": Part(
        "kill -9 at every statement and {n} times at random, per database",
        ("tests/faults/test_kill.py",),
        1000,
        "AIMS_GATES_SOAK_KILLS",
    ),
    "race": Part(
        "{n} operations by 8 processes, per database",
        ("tests/faults/test_race.py",),
        20_000,
        "AIMS_GATES_SOAK_RACES",
        8,
    ),
    "stateful": Part(
        "{n} stateful steps against a model of the rules",
        ("tests/faults/test_stateful.py",),
        20_000,
        "AIMS_GATES_SOAK_STEPS",
    ),
    "fuzz": Part("{n} examples for each parser", ("tests/fuzz",), 100_000, "AIMS_GATES_FUZZ_EXAMPLES"),
    "schemathesis": Part(
        "schemathesis, {n} examples an operation",
        ("tests/mlflow_plugin/server/test_openapi.py",),
        300,
        "AIMS_GATES_SCHEMATHESIS_EXAMPLES",
    ),
    "drop-in": Part(
        "{n} series of calls on MLflow's own store and on ours, per database, workspaces off and on",
        ("tests/mlflow_plugin/test_drop_in.py",),
        300,
        "AIMS_GATES_DROP_IN_EXAMPLES",
    ),
    "tampering": Part(
        "every row changed, and each of its bits (at most {n}), per database",
        ("tests/ledger/test_tampering.py",),
        1_000_000,
        "AIMS_GATES_TAMPER_BITS",
    ),
    "simulations": Part(
        "{n} draws of each simulation",
        (
            "tests/data/test_exact.py",
            "tests/data/test_pairs.py",
            "tests/gates/test_error_rates.py",
            "tests/gates/test_fairness.py",
            "tests/gates/test_drift.py",
            "tests/gates/test_drift_errors.py",
            "tests/gates/test_drift_clusters.py",
            "tests/gates/test_performance.py",
        ),
        10_000,
        "AIMS_GATES_SIMULATIONS",
    ),
    "controls": Part(
        "evidence of each control removed and aged, at most {n} cases",
        ("tests/examples/test_start.py",),
        1000,
        "AIMS_GATES_CONTROL_CASES",
    ),
}


def figures(report: Path) -> str:
    """What the tests of a JUnit report recorded, per database: whole numbers added up, of others the largest."""
    found: dict[str, dict[str, float]] = {}
    passed, words = 0, list[str]()
    for case in ElementTree.parse(report).iter("testcase"):
        passed += all(case.find(how) is None for how in ("failure", "error", "skipped"))
        name = case.get("name", "")
        where = next((each for each in ("sqlite", "postgresql") if each in name.partition("[")[2]), "")
        for each in case.iter("property"):
            kept, (what, value) = found.setdefault(where, {}), (each.attrib["name"], each.attrib["value"])
            if not value.replace(".", "", 1).isdigit():
                words.append(f"{what}: {value}")
            elif value.isdigit():
                kept[what] = kept.get(what, 0) + int(value)
            else:
                kept[what] = max(kept.get(what, 0.0), float(value))
    said = [
        f"{where}: " * bool(where) + ", ".join(f"{what} {_shown(value)}" for what, value in kept.items())
        for where, kept in found.items()
    ]
    return "; ".join([*said, *words, f"{passed:,} tests passed"])


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.3f}"


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(name: str, scale: float, seed: int) -> tuple[str, bool]:
    """Do one; gives its row of the table, and whether it held."""
    part = PARTS[name]
    size = max(1, round(part.size * scale)) if part.size else 0
    environment = dict(os.environ, AIMS_GATES_SOAK_SEED=str(seed))
    environment |= dict.fromkeys(part.flags, "1")
    if part.variable:
        environment[part.variable] = str(max(1, size // part.each))
    begun, before = time.monotonic(), _cpu()
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0"),
                *(f"--hypothesis-seed={seed}", "-o", "junit_family=xunit1", f"--junitxml={report}", *part.tests),
            ],
            cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        said = figures(report) if report.exists() else "no report was written"
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-6000:] + done.stderr[-2000:])
        last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "")
        said = f"FAILED: {last}; again: make soak PARTS={name} SOAK_SEED={seed} SOAK_SCALE={scale:g}; {said}"
    took = f"{_cpu() - before:,.0f} | {time.monotonic() - begun:,.0f}"
    return f"| {part.what.format(n=f'{size:,}')} | {said} | {took} |", done.returncode == 0


def main() -> int:
    """Do those that are named, or all; 0 when all hold."""
    scale = float(os.environ.get("SOAK_SCALE", "1"))
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(2**31))
    names = [name for name in os.environ.get("PARTS", "").replace(",", " ").split() if name] or list(PARTS)
    unknown = [name for name in names if name not in PARTS]
    if unknown:
        print(f"PARTS: there is no {', '.join(unknown)}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 1
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    at = datetime.now(UTC).isoformat(timespec="minutes")
    heading = f"{at}, {os.cpu_count()} cores, load {load} at the beginning, scale {scale:g}, seed {seed}\n\n{HEADER}"
    held = True
    with RESULTS.open("a") as kept:
        for line in (heading, *names):
            if line in PARTS:
                line, good = run(line, scale, seed)
                held = held and good
            print(line, flush=True)
            print(line, file=kept, flush=True)
        print(file=kept)
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
