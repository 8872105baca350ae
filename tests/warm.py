"""Commands of a shell without the cost of their start: one process imports what they need and forks a child for each.

The pages of docs/ are run by bash, and most of the time their commands take goes into importing MLflow, pandas and
scikit-learn anew. :func:`warmed` writes an ``aims-gates`` and a ``python`` for the PATH that hand arguments, folder,
environment and streams to such a process (Linux); the child's exit code is theirs. ``aims-gates server`` and whatever
is no script's file are started as they are installed.
"""

import atexit
import gc
import json
import os
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from aims_gates.cli import entry

#: What takes the time.
IMPORTED = (
    "great_expectations",
    "mlflow.sklearn",
    "mlflow.pyfunc",
    "sklearn.linear_model",
    "aims_gates.mlflow_plugin.client.check",
    "aims_gates.mlflow_plugin.client.release",
    "aims_gates.mlflow_plugin.store.store",
)

_SHIM = """\
#!{python} -SIE
import json, os, socket, sys

name, arguments = os.path.basename(sys.argv[0]), sys.argv[1:]
script = bool(arguments) and arguments[0].endswith(".py")
if arguments[:1] == ["server"] or (name == "python" and not script):
    os.execv(os.path.join({bin!r}, name), [name, *arguments])
said = json.dumps([name, arguments, os.getcwd(), dict(os.environ)]).encode()
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({address!r})
    socket.send_fds(asked, [len(said).to_bytes(8, "big")], [0, 1, 2])
    asked.sendall(said)
    answer = asked.recv(1)
sys.exit(answer[0] if answer else 70)
"""


@contextmanager
def warmed() -> Iterator[Path]:
    """A folder to put first on the PATH, for as long as the process behind it runs."""
    folder = Path(tempfile.mkdtemp(prefix="warm-"))
    address = str(folder / "socket")
    for name in ("aims-gates", "python"):
        shim = _SHIM.format(python=sys.executable, bin=str(Path(sys.executable).parent), address=address)
        (folder / name).write_text(shim)
        (folder / name).chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "AIMS_"))}
    command = [sys.executable, __file__, address]
    process = subprocess.Popen(command, env={**kept, "MLFLOW_DISABLE_TELEMETRY": "true"}, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None and process.stdout.readline() == b"ready\n", "it did not start"
        yield folder
    finally:
        process.terminate()
        process.wait(20)
        assert process.stdout is not None
        process.stdout.close()
        shutil.rmtree(folder)


def _serve(address: str) -> None:
    """Fork a child for each who asks, until this process is ended."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(20)
        print("ready", flush=True)
        while True:
            asked, _ = listener.accept()
            with asked:
                if _fork() == 0:
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    listener.close()
                    return _answer(asked)


def _fork() -> int:
    with warnings.catch_warnings():  # of threads of imported libraries, which are idle
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def _answer(asked: socket.socket) -> None:
    """Run what is asked for in a child, and say its exit code."""
    head, streams, _, _ = socket.recv_fds(asked, 8, 3)
    said = b""
    while len(said) < int.from_bytes(head, "big"):
        said += asked.recv(1 << 16)
    child = _fork()
    if child == 0:
        asked.close()
        return _become(streams, *json.loads(said))
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    asked.sendall(bytes([code if code >= 0 else 128 - code]))
    os._exit(0)


def _become(streams: list[int], name: str, arguments: list[str], folder: str, environment: dict[str, Any]) -> None:
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = [name, *arguments] if name == "aims-gates" else arguments
    sys.path[0] = str(Path(sys.executable).parent if name == "aims-gates" else Path(arguments[0]).resolve().parent)
    code: Any = 0
    try:
        entry() if name == "aims-gates" else runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as ended:
        code = ended.code
    except Exception:  # noqa: BLE001 - said as Python would say it
        traceback.print_exc()
        code = 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
    # What ends with the process is ended; the imported modules, which take two seconds to take apart, are not.
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


if __name__ == "__main__":
    for each in IMPORTED:
        import_module(each)
    gc.freeze()  # a child that collects garbage would copy all of it
    _serve(sys.argv[1])
