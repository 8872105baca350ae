"""A process to measure in, and what it cost."""

import os
import resource
import subprocess
import sys
from pathlib import Path

__all__ = ["cpu", "output_of"]


def cpu() -> tuple[float, float]:
    """CPU seconds of this process, and of the children that ended."""
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    own, children = (usage.ru_utime + usage.ru_stime for usage in spent)
    return own, children


def output_of(folder: Path, *arguments: str, cache: str = "off") -> str:
    """What Python prints, run in this folder; modules are compiled once for all, as where they were installed."""
    command = [sys.executable, "-W", "ignore", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "AIMS_GATES_CACHE": cache}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return done.stdout
