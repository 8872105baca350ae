"""``python -m tests.mutation``: mutate each file of files.toml, and say which changes no test notices.

It is run in a copy of the tree (``make mutation`` makes one), since it writes mutants over the files.

* ``MUTATION_ONLY="gates/drift gatekit"``: only files whose path holds one of these.
* ``MUTATION_SAMPLE=30``: a seeded sample of so many mutants of each file.
"""

import os
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .mutants import Mutant, mutants
from .run import Coverage, import_libraries, survives

ROOT = Path(__file__).resolve().parents[2]
LIST = Path(__file__).with_name("files.toml")
_LONG = "not (long or spark or story)"


@dataclass(frozen=True)
class Group:
    """Files that share their tests, and the least share of their mutants that must be killed."""

    tests: tuple[str, ...]
    least: float
    files: tuple[Path, ...]


def groups(only: list[str]) -> Iterator[Group]:
    """What files.toml lists, of it what was asked for."""
    for group in tomllib.loads(LIST.read_text(encoding="utf-8"))["group"]:
        files = (path for pattern in group["files"] for path in sorted(ROOT.glob(pattern)))
        named = [path for path in files if not only or any(part in str(path) for part in only)]
        if named:
            yield Group(tuple(group["tests"]), group["least"], tuple(named))


def main() -> int:
    """The exit code: 1 where a file is under its least score, or a test fails without any mutant."""
    sample = int(os.environ["MUTATION_SAMPLE"]) if os.environ.get("MUTATION_SAMPLE") else None
    known = tomllib.loads(LIST.read_text(encoding="utf-8"))["equivalent"]
    chosen = list(groups(os.environ.get("MUTATION_ONLY", "").split()))
    measured = [_measured(place, group) for place, group in enumerate(chosen)]
    import_libraries()
    poor = 0
    for group, coverage in zip(chosen, measured, strict=True):
        for path in group.files:
            poor += _file(path, coverage, sample, known, group.least)
    return 1 if poor else 0


def _measured(place: int, group: Group) -> Coverage:
    data, times = ROOT / f".coverage.{place}", ROOT / f"times.{place}.xml"
    print(f"which lines {' '.join(group.tests)} run ...", flush=True)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-m", _LONG, *group.tests]
    command += ["--cov=aims_gates", "--cov=gates", "--cov-context=test", "--cov-report=", f"--junitxml={times}"]
    subprocess.run(command, check=True, env=os.environ | {"COVERAGE_FILE": str(data)})
    return Coverage(data, times)


def _file(path: Path, coverage: Coverage, sample: int | None, known: dict[str, str], least: float) -> bool:
    """Whether the file is under its least score."""
    started = time.monotonic()
    source = path.read_text(encoding="utf-8")
    every = mutants(source, sample, known)
    unchanged = Mutant(1, source, "no change", within=False)
    if not survives(unchanged, path, coverage.tests(path, unchanged)):
        sys.exit(f"{path}: its tests fail without any mutant, so they say nothing of one")
    survivors = [mutant for mutant in every if survives(mutant, path, coverage.tests(path, mutant))]
    _report(path, every, survivors, time.monotonic() - started)
    return len(every) - len(survivors) < least * len(every)


def _report(path: Path, every: list[Mutant], survivors: list[Mutant], seconds: float) -> None:
    killed = len(every) - len(survivors)
    share = f"{killed / len(every):.0%}" if every else "no mutant"
    print(f"{path.relative_to(ROOT)}: {killed} of {len(every)} killed ({share}) in {seconds:.0f} s", flush=True)
    for mutant in survivors:
        print(f"    {mutant.line}: {mutant.change}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
