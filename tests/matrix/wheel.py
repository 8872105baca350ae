"""The built wheel beside MLflow: installing it moves no version of MLflow and of what comes with it."""

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.matrix.environments import beside
from tests.matrix.plan import ENVIRONMENTS, ROOT, Version

__all__ = ["build", "moved", "moved_by"]

_FREEZE = (
    "import json; from importlib.metadata import distributions;"
    "print(json.dumps({item.metadata['Name'].lower().replace('_', '-'): item.version for item in distributions()}))"
)


def build() -> Path:
    """The wheel of this checkout, made anew."""
    folder = ENVIRONMENTS / "wheel"
    for old in folder.glob("*.whl"):
        old.unlink()
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return next(folder.glob("*.whl"))


def moved(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    """Packages of ``before`` whose version is another in ``after``, or that are gone: ``{name: "1.0 -> 2.0"}``."""
    return {
        name: f"{version} -> {after.get(name, 'gone')}"
        for name, version in before.items()
        if after.get(name) != version
    }


def _versions(python: Path) -> dict[str, str]:
    done = subprocess.run([str(python), "-c", _FREEZE], check=True, capture_output=True, text=True)
    versions: dict[str, str] = json.loads(done.stdout)
    return versions


def moved_by(wheel: Path, version: Version, extra: str) -> dict[str, str]:
    """What ``pip install`` of the wheel moves in a new environment that holds ``mlflow[extra]`` of this version alone.

    Raises:
        subprocess.CalledProcessError: the environment cannot be made, or pip finds no versions that go together.
    """
    python = beside(version, extra)
    before = _versions(python)
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", f"{wheel}{extra and '[server]'}"], check=True)
    subprocess.run([str(python), "-m", "pip", "check"], check=True)
    subprocess.run([str(python), "-c", "import mlflow, aims_gates.mlflow_plugin.store.store"], check=True)
    return moved(before, _versions(python))
