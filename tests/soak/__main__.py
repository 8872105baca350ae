"""The long runs: ``make soak`` (SOAK_SCALE=0.01 for a taste). Prints a table of figures; writes it to soak-results.md.

Each part is a test of the usual suite with its size set by an environment variable, in a process of its own.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Part:
    """One long run.

    Attributes:
        what: What is shown, with ``{n}`` for the size.
        tests: pytest's arguments.
        size: How many at scale 1; 0 for what has one size.
        variable: What tells the test.
        each: How many of them one unit of the variable makes.
    """

    what: str
    tests: tuple[str, ...]
    size: int = 0
    variable: str = ""
    each: int = 1


PARTS = (
    Part("attack corpus, signed statements and daily work, both databases",
         ("tests/attacks/test_corpus.py", "tests/attacks/test_statements.py")),
    Part("kill -9 at every statement and {n} times at random, per database", ("tests/faults/test_kill.py",), 1000,
         "AIMS_GATES_SOAK_KILLS"),
    Part("{n} operations by 8 processes, per database", ("tests/faults/test_race.py",), 20_000,
         "AIMS_GATES_SOAK_RACES", 8),
    Part("{n} stateful steps against a model of the rules", ("tests/faults/test_stateful.py",), 20_000,
         "AIMS_GATES_SOAK_STEPS"),
    Part("{n} examples for each of the parsers", ("tests/fuzz",), 100_000, "AIMS_GATES_FUZZ_EXAMPLES"),
    Part("schemathesis, {n} examples an operation", ("tests/registry/server", "-k", "schemathesis or openapi"), 300,
         "AIMS_GATES_SCHEMATHESIS_EXAMPLES"),
    Part("every row changed, and up to {n} bits of each, is found", ("tests/ledger/test_verify.py",
         "tests/ledger/test_tampering.py"), 1_000_000, "AIMS_GATES_TAMPER_BITS"),
    Part("{n} draws of each simulation", ("tests/measure/test_pairs.py", "tests/gates/test_fairness.py",
         "tests/gates/test_drift.py", "tests/gates/test_performance.py"), 10_000, "AIMS_GATES_SIMULATIONS"),
    Part("evidence of each control removed and aged, at most {n} cases", ("tests/examples/test_start.py",), 1000,
         "AIMS_GATES_CONTROL_CASES"),
)  # fmt: skip


def run(part: Part, scale: float) -> tuple[str, str, float]:
    """Do one; gives what was done, how it ended, and the seconds it took."""
    size = max(1, round(part.size * scale)) if part.size else 0
    environment = dict(os.environ)
    if part.variable:
        environment[part.variable] = str(max(1, size // part.each))
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--timeout=0", *part.tests],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    last = next((line for line in reversed(done.stdout.splitlines()) if line.strip()), "")
    if done.returncode != 0:
        sys.stderr.write(done.stdout[-6000:] + done.stderr[-2000:])
    said = "holds" if done.returncode == 0 else f"FAILED: {last}"
    return part.what.format(n=f"{size:,}"), said, time.monotonic() - begun


def main() -> int:
    """Do them all; 0 when all hold."""
    scale = float(os.environ.get("SOAK_SCALE", "1"))
    lines = ["| what | ended | seconds |", "|---|---|---|"]
    for part in PARTS:
        print(f"soak: {part.what.format(n=f'{round(part.size * scale):,}')} ...", file=sys.stderr, flush=True)
        what, said, seconds = run(part, scale)
        lines.append(f"| {what} | {said} | {seconds:,.0f} |")
        print(lines[-1], file=sys.stderr, flush=True)
    print("\n".join(lines))
    (ROOT / "soak-results.md").write_text("\n".join(lines) + "\n")
    return int(any("FAILED" in line for line in lines))


if __name__ == "__main__":
    sys.exit(main())
