"""MLflow's own clients, old and new, without aims-gates: train, register, read the refusal, promote, load."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .conftest import PASSWORD, Running

STORY = Path(__file__).resolve().parents[2] / "matrix" / "stories" / "client.py"
#: Interpreters of environments that hold MLflow and scikit-learn; `make matrix` names them.
CLIENTS = [Path(each) for each in os.environ.get("AIMS_GATES_PLAIN_CLIENTS", "").split(os.pathsep) if each]


def asked(running: Running, python: Path, *arguments: str) -> Any:
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW", "AIMS_"))},
        "MLFLOW_TRACKING_URI": running.address,
        "MLFLOW_TRACKING_USERNAME": "dora",
        "MLFLOW_TRACKING_PASSWORD": PASSWORD,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONWARNINGS": "ignore",
        "GIT_PYTHON_REFRESH": "quiet",
        "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = [str(python), str(STORY), *arguments]
    done = subprocess.run(command, cwd=running.folder, env=settings, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.skipif(not CLIENTS, reason="`make matrix` runs it; name interpreters in AIMS_GATES_PLAIN_CLIENTS")
@pytest.mark.parametrize("python", CLIENTS, ids=lambda python: python.parents[1].name)
def test_a_client_without_aims_gates_reads_the_refusal_and_promotes(running: Running, python: Path) -> None:
    name = python.parents[1].name.replace(".", "-")
    first = asked(running, python, name)
    assert "aims-gates" in first["refusal"] and name in first["refusal"], first
    world, version = running.world, int(first["version"])
    world.bind(name)
    subject = world.store.stage_version(name, version)
    world.evidence(subject)
    world.approve(world.request(name, version, subject), subject)
    again = asked(running, python, name, "--again")
    assert again["refusal"] is None and again["predicted"] == [1, 0, 1, 0]
