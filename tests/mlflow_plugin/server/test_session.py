"""docs/server.md, run as it stands: a real server, curl, stock MLflow clients."""

import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.warm import warmed

PAGE = Path(__file__).resolve().parents[3] / "docs" / "server.md"
_BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def stop(folder: Path) -> None:
    """End the server that the session started, where the session did not come to its end."""
    with suppress(FileNotFoundError, ProcessLookupError, ValueError):
        os.kill(int((folder / "server.pid").read_text()), signal.SIGTERM)


@pytest.mark.long
def test_the_session_on_the_page_runs_as_it_stands(tmp_path: Path) -> None:
    script = ["set -euo pipefail"]
    for language, options, text in _BLOCK.findall(PAGE.read_text(encoding="utf-8")):
        if "file=" in options:
            place = tmp_path / options.strip().removeprefix("file=")
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        elif language == "bash":
            script.append(text)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AIMS_", "_MLFLOW"))}
    environment = {
        **kept,
        "HOME": str(tmp_path),
        "PORT": str(free_port()),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "PYTHONWARNINGS": "ignore",
    }
    (tmp_path / "session.sh").write_text("\n".join(script), encoding="utf-8")
    try:
        with warmed() as warm:
            path = os.pathsep.join([str(warm), str(Path(sys.executable).parent), os.environ["PATH"]])
            done = subprocess.run(
                ["bash", "-x", "session.sh"],
                cwd=tmp_path,
                env={**environment, "PATH": path},
                capture_output=True,
                text=True,
                timeout=540,
            )
    finally:
        stop(tmp_path)
    log = (tmp_path / "server.log").read_text()[-3000:]
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr[-3000:]}\n{log}"
    assert "Traceback" not in log, log
