"""Every pipeline of examples/ runs from an empty folder to its end, and takes a minute of CPU at most.

Of these ``make test`` runs the first alone, in test_credit_scoring.py; ``make test-all`` runs the others, here.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

PIPELINES = Path(__file__).resolve().parents[2] / "examples" / "pipelines"
FIRST = "credit_scoring"
STORIES = sorted(path.parent.name for path in PIPELINES.glob("*/run.py"))
#: Of all processes of a story together.
CPU_SECONDS = 60


def cpu_seconds() -> float:
    """What ended children of this process took so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_the_first_story_is_there() -> None:
    assert FIRST in STORIES


@pytest.mark.story
@pytest.mark.parametrize("name", [name for name in STORIES if name != FIRST])
def test_a_story_runs_to_its_end_within_a_minute_of_cpu(name: str, tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MLFLOW_", "AIMS_"))}
    command = [sys.executable, str(PIPELINES / name / "run.py"), "--dir", str(tmp_path / "story")]
    before = cpu_seconds()
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    used = cpu_seconds() - before
    assert used <= CPU_SECONDS, f"{name} took {used:.0f} CPU seconds; a story takes at most {CPU_SECONDS}"
