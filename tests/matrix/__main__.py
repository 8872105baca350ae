"""``python -m tests.matrix [WHAT ...]``: all that is planned, or these versions, ``upgrade``, ``clients``, ``wheel``.

Each version is installed once into ``.matrix/`` and kept; remove a folder there to have it installed anew. What each
came to is printed, and written into the table of docs/mlflow-versions.md.
"""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

from tests.matrix import environments, table, wheel
from tests.matrix.plan import BESIDE, ENVIRONMENTS, NEWEST, OLDEST, PLAIN, ROOT, VERSIONS, Version

_STORIES = Path(__file__).parent / "stories"
_STORE = ("tests/mlflow_plugin", "--ignore", "tests/mlflow_plugin/server", "-k", "not postgresql")
_SERVER = ("tests/mlflow_plugin/server", "tests/attacks", "-k", "not postgresql")
_CLIENTS = ("tests/mlflow_plugin/server/test_plain_clients.py",)
_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore")


def _run(python: Path, *arguments: str, **variables: str) -> tuple[bool, str]:
    """Whether it ended well, and its last line of output."""
    settings = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true", "PYTHONWARNINGS": "ignore"} | variables
    command = [str(python), *arguments]
    done = subprocess.run(command, cwd=ROOT, env=settings, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = ENVIRONMENTS / "log.txt"
    log.write_text(f"{done.stdout}\n", encoding="utf-8")
    print(f"{'ok' if done.returncode == 0 else 'FAILED'}: {' '.join(command)} ({log})", flush=True)
    return done.returncode == 0, done.stdout if done.returncode else ""


def _tests(python: Path, *arguments: str, **variables: str) -> str:
    """Pytest's count of what passed, failed and was skipped."""
    report = ENVIRONMENTS / "report.xml"
    _, output = _run(python, *_PYTEST, f"--junit-xml={report}", *arguments, **variables)
    counts = dict(re.findall(r'(tests|failures|errors|skipped)="(\d+)"', report.read_text(encoding="utf-8")))
    failed = int(counts["failures"]) + int(counts["errors"])
    if failed:
        print(output[-6000:])
    passed = int(counts["tests"]) - failed - int(counts["skipped"])
    return f"{passed} passed" + (f", **{failed} failed**" if failed else "")


def _version(version: Version) -> None:
    started = time.monotonic()
    python = environments.full(version)
    hour, output = _run(python, str(_STORIES / "hour.py"), str(ENVIRONMENTS / f"hour-{version.number}"))
    store = _tests(python, *_STORE)
    server = _tests(python, *_SERVER) if version.server else "not served"
    if not hour:
        print(output[-3000:])
    minutes = f"{(time.monotonic() - started) / 60:.0f} min"
    table.write((f"MLflow {version.number}", "passes" if hour else "**fails**", store, server, minutes))


def _upgrade() -> None:
    """A registry made on the oldest version, on the newest."""
    folder = ENVIRONMENTS / "hour-upgraded"
    made, output = _run(environments.full(OLDEST), str(_STORIES / "hour.py"), str(folder))
    if made:
        made, output = _run(environments.full(NEWEST), str(_STORIES / "hour.py"), str(folder), "--upgraded")
    print(output[-3000:])
    what = f"{OLDEST.number}, upgraded to {NEWEST.number}"
    table.write((what, "passes" if made else "**fails**", "guards stand, grants verify" if made else "", "", ""))


def _clients() -> None:
    """Clients without aims-gates against a server of the newest version."""
    pythons = os.pathsep.join(str(environments.plain(version)) for version in PLAIN)
    counts = _tests(environments.full(NEWEST), *_CLIENTS, AIMS_GATES_PLAIN_CLIENTS=pythons)
    numbers = ", ".join(version.number for version in PLAIN)
    table.write((f"clients {numbers} alone", "", "", f"{counts}, server {NEWEST.number}", ""))


def _wheel() -> None:
    """The wheel beside MLflow: what its installation moves."""
    built = wheel.build()
    for version, extra in BESIDE:
        started = time.monotonic()
        changes = wheel.moved_by(built, version, extra)
        words = ", ".join(f"{name} {change}" for name, change in changes.items())
        print(f"{'FAILED' if changes else 'ok'}: the wheel beside mlflow{extra} {version.number} {words}", flush=True)
        result = f"**failed**: moves {words}" if changes else "moves nothing"
        cells = ("", result) if extra else (result, "")
        minutes = f"{(time.monotonic() - started) / 60:.0f} min"
        table.write((f"wheel beside mlflow{extra} {version.number}", "", *cells, minutes))


def main(chosen: list[str]) -> None:
    """Run what is named, or everything."""
    ENVIRONMENTS.mkdir(exist_ok=True)
    for version in VERSIONS:
        if not chosen or version.number in chosen:
            _version(version)
    for name, part in (("upgrade", _upgrade), ("clients", _clients), ("wheel", _wheel)):
        if not chosen or name in chosen:
            part()


if __name__ == "__main__":
    main(sys.argv[1:])
