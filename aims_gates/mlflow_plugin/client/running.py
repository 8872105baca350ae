"""A command of strangers run to its end: what it sends is bounded, and nothing that it starts survives it.

The command runs under :mod:`aims_gates.mlflow_plugin.client.keeper`, which ends whatever is left. While it runs this
process is not dumpable, so that others of its account cannot read its memory, environment or open files, and orphans
of a keeper that was killed come to it and are ended here.
"""

import contextlib
import ctypes
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from aims_gates.errors import InputError, IntegrityError
from aims_gates.mlflow_plugin.client import keeper

__all__ = ["Ran", "run_kept"]

_KEEPER = Path(keeper.__file__)
_GET_DUMPABLE, _DUMPABLE, _SUBREAPER, _GET_SUBREAPER = 3, 4, 36, 37
_BLOCK = 1 << 20
_TAIL = 64 << 10
#: Seconds: beyond the keeper's own patience.
_LAST = 60.0


@dataclass(frozen=True)
class Ran:
    """How it went: exit code, what came through the pipe, and the end of what was printed."""

    code: int
    answer: bytes
    printed: str


def run_kept(
    command: Callable[[int], list[str]],
    cwd: Path,
    environment: dict[str, str],
    timeout: float,
    most: int,
    inherits: tuple[int, ...] = (),
) -> Ran:
    """Run a command.

    Args:
        command: Makes it, from the number of the descriptor that takes its answer.
        cwd: Where it runs.
        environment: All that it gets.
        timeout: Seconds it may take.
        most: Bytes its answer may have.
        inherits: Further descriptors that it gets.

    Raises:
        InputError: it took too long, or its answer was too long.
        IntegrityError: something that it started could not be ended, or ended its keeper.
    """
    with _guard, contextlib.ExitStack() as ends:
        reading, answer = _pipe(ends)
        life, lifeline = _pipe(ends)
        numbers = (life.fileno(), answer.fileno())
        words = [sys.executable, "-I", "-S", "-B", str(_KEEPER), *map(str, numbers), "--", *command(numbers[1])]
        process = subprocess.Popen(
            words,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=(*numbers, *inherits),
            start_new_session=True,
        )
        ends.callback(_end, process, lifeline)
        answer.close()
        life.close()
        assert process.stdout is not None
        reader = _Reader(reading, process.stdout, most)
        reader.read(time.monotonic() + timeout, timeout)
    return Ran(process.returncode, bytes(reader.answer), reader.printed.decode(errors="replace").strip())


def _pipe(ends: contextlib.ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    reading, writing = os.pipe()
    return ends.enter_context(os.fdopen(reading, "rb", 0)), ends.enter_context(os.fdopen(writing, "wb", 0))


class _Reader:
    """Reads answer and output to their ends, the one bounded, of the other the last part."""

    def __init__(self, answer: IO[bytes], printed: IO[bytes], most: int) -> None:
        self._pipes, self._most = (answer, printed), most
        self.answer, self.printed = bytearray(), bytearray()

    def read(self, until: float, timeout: float) -> None:
        with selectors.DefaultSelector() as waiting:
            for pipe in self._pipes:
                waiting.register(pipe, selectors.EVENT_READ)
            while waiting.get_map():
                left = until - time.monotonic()
                ready = waiting.select(left) if left > 0 else []
                if not ready:
                    remedy = "Give it more time, or a smaller evaluation set."
                    raise InputError(f"the model took longer than {timeout:g} s", remedy=remedy)
                for key, _ in ready:
                    block = os.read(key.fd, _BLOCK)
                    if not block:
                        waiting.unregister(key.fileobj)
                    elif key.fileobj is self._pipes[0]:
                        self._take(block)
                    else:
                        self.printed = (self.printed + block)[-_TAIL:]

    def _take(self, block: bytes) -> None:
        self.answer += block
        if len(self.answer) > self._most:
            message = f"the model's process sent more than {self._most:,} bytes"
            raise InputError(message, remedy="The model must return one short value for each row.")


def _end(process: "subprocess.Popen[bytes]", lifeline: IO[bytes]) -> None:
    """Have the keeper end what is left, and end it here where the keeper was ended itself.

    Raises:
        IntegrityError: something could not be ended, or the keeper was.
    """
    lifeline.close()
    try:
        code = process.wait(_LAST)
    except subprocess.TimeoutExpired:
        process.kill()
        code = process.wait()
    if process.stdout is not None:
        process.stdout.close()
    if code < 0:
        _end_orphans()
    if code < 0 or code == keeper.UNENDED:
        message = "the model's process ended the process that watched it" if code < 0 else "what it started goes on"
        raise IntegrityError(
            f"nothing that this model gave is believed: {message}",
            remedy="Look at what runs under this account, and run the model with --isolation bwrap.",
        )


class _Guard:
    """Around the time in which a model runs; several threads may be inside."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0
        self._dumpable, self._reaps, self.known = 1, 0, frozenset[int]()

    def __enter__(self) -> None:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self.known = frozenset(_children())
                self._dumpable, self._reaps = _control(_GET_DUMPABLE), _subreaper()
                _control(_DUMPABLE, 0)
                _control(_SUBREAPER, 1)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                _control(_SUBREAPER, self._reaps)
                _control(_DUMPABLE, self._dumpable)


_guard = _Guard()


def _end_orphans() -> None:
    """End children that this process had not before: a keeper was killed, and they are what it watched."""
    until = time.monotonic() + _LAST
    while (orphans := _children() - _guard.known) and time.monotonic() < until:
        for process in (*orphans, *(grandchild for orphan in orphans for grandchild in keeper.descendants(orphan))):
            with contextlib.suppress(OSError):
                os.kill(process, signal.SIGKILL)
        for process in orphans:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process, os.WNOHANG)
        time.sleep(0.005)


def _children() -> set[int]:
    descendants: set[int] = set()
    for thread in Path("/proc/self/task").glob("*/children"):
        with contextlib.suppress(OSError):
            descendants |= set(map(int, thread.read_text().split()))
    return descendants


def _control(option: int, value: int = 0) -> int:
    """``prctl``, where there is one."""
    return int(ctypes.CDLL(None).prctl(option, value, 0, 0, 0)) if sys.platform.startswith("linux") else 0


def _subreaper() -> int:
    now = ctypes.c_int(0)
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_GET_SUBREAPER, ctypes.byref(now), 0, 0, 0)
    return now.value
