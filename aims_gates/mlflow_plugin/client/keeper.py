"""Starts one command and ends whatever it leaves behind; run as a script, between us and a model's process.

    python -I -S -B keeper.py LIFELINE ANSWER -- COMMAND...

It imports nothing of this package. Every process that the command starts, however it detaches itself, becomes a child
of this one when its parent ends (``PR_SET_CHILD_SUBREAPER``), and is killed before this one ends. LIFELINE is a
descriptor to read: a byte or its end (our process is gone) ends the command. ANSWER is inherited by the command alone.
It exits as the command did, with 128 + N where signal N ended that, and with 97 where something could not be ended.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys
import time

__all__ = ["UNENDED", "descendants"]

UNENDED = 97
_DUMPABLE, _SUBREAPER, _NO_NEW_PRIVILEGES = 4, 36, 38
#: Seconds within which killed processes must be gone.
_PATIENCE = 20.0


def descendants(root: int) -> list[int]:
    """Every process below this one, as /proc has it now."""
    below: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib is not imported, for speed
        with contextlib.suppress(OSError, ValueError, IndexError):
            if name.isdigit():
                with open(f"/proc/{name}/stat", encoding="utf-8", errors="replace") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(")")[2].split()[1])
                below.setdefault(parent, []).append(int(name))
    processes, row = [], [root]
    while row:
        row = [child for parent in row for child in below.get(parent, ())]
        processes += row
    return processes


def _signal_all(number: int) -> None:
    for process in descendants(os.getpid()):
        with contextlib.suppress(OSError):
            os.kill(process, number)


def _reap() -> dict[int, int] | None:
    """Ended children and their states; None when no child is left, living or dead."""
    ended: dict[int, int] = {}
    while True:
        try:
            process, state = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended or None
        if process == 0:
            return ended
        ended[process] = state


def _end_all() -> bool:
    """Kill until no child is left: orphans become ours, so without children there are no descendants."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        # Stopped first, so that none of them starts another meanwhile.
        for number in (signal.SIGSTOP, signal.SIGKILL):
            with contextlib.suppress(OSError):
                _signal_all(number)
        if _reap() is None:
            return True
        time.sleep(0.005)
    return False


def _start(command: list[str], lifeline: int) -> int:
    process = os.fork()
    if process == 0:
        try:
            os.setsid()
            os.close(lifeline)
            import resource  # POSIX alone, like all that follows; the rest is imported elsewhere too

            resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
            _control(_NO_NEW_PRIVILEGES)
            os.execv(command[0], command)
        except OSError as error:
            sys.stderr.write(f"{command[0]}: {error}\n")
        finally:
            os._exit(127)
    return process


def _control(option: int, value: int = 1) -> None:
    """``prctl``, where there is one."""
    if sys.platform.startswith("linux") and ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _wait(process: int, lifeline: int, woken: int) -> int | None:
    """The command's state once it ended; None where it is to be ended."""
    while True:
        ready, _, _ = select.select([lifeline, woken], [], [], 1.0)
        if lifeline in ready:
            return None
        if woken in ready:
            os.read(woken, 512)
        ended = _reap()
        if ended is None:
            return None
        if process in ended:
            return ended[process]


def main(arguments: list[str]) -> int:
    """Run the command to its end; the exit code."""
    lifeline, answer, command = int(arguments[0]), int(arguments[1]), arguments[3:]
    _control(_SUBREAPER)
    _control(_DUMPABLE, 0)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    process = _start(command, lifeline)
    os.close(answer)
    state = _wait(process, lifeline, woken)
    if not _end_all():
        return UNENDED
    if state is None:
        return 128 + signal.SIGKILL
    code = os.waitstatus_to_exitcode(state)
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    # Nothing is left to tidy up: what a normal end would run could only go wrong.
    os._exit(main(sys.argv[1:]))
