"""A request that works too long is ended in fact: in Python, in the database, and at last with its worker.

Python's threads cannot be killed, so three things act together once a request's time is over:

- an exception is raised in each thread that works for it, at its next step of Python;
- its SQL statement ends: SQLite asks us while it works, PostgreSQL has ``statement_timeout``;
- what goes on all the same (code in C that never returns to Python) ends with the worker, which uvicorn replaces. A
  single worker is the server itself, which nobody replaces: it starts itself again, under the same process id.
"""

# mypy: allow-untyped-calls

import ctypes
import functools
import logging
import multiprocessing
import os
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

__all__ = ["Running", "end_statements", "running", "serving", "watched"]

P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger(__name__)
_lock = threading.Lock()
_all: set["Running"] = set()
_PULSE = 0.25  # seconds between two looks
_AGAIN = 5.0  # seconds after which the exception is raised once more: code may have swallowed the first
#: Seconds of CPU that a thread may burn after it was told to end. Waiting for a database takes none.
_CPU_GRACE = 5.0
_SLACK = 10.0
_STEPS = 20_000  # of SQLite's machine between two questions, about a millisecond


class _Overrun(BaseException):
    """Raised in a thread whose request is over; no ``except Exception`` keeps it."""


@dataclass(eq=False)
class Running:
    """A request that is being served.

    Attributes:
        seconds: How long it may work.
        began: When it began to (:func:`time.monotonic`).
    """

    seconds: float
    began: float = field(default_factory=time.monotonic)
    _threads: dict[int, tuple[float, float]] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() >= self.began + self.seconds

    def work(self, function: Callable[[], T]) -> T:
        """Run a function in this thread, to be ended when the request's time is over.

        Raises:
            TimeoutError: it was.
        """
        thread = threading.get_ident()
        try:
            try:
                with _lock:
                    self._threads[thread] = (0.0, 0.0)
                return function()
            finally:
                self._leave(thread)
        except _Overrun:
            raise TimeoutError(f"ended after {self.seconds:g} seconds") from None

    def _leave(self, thread: int) -> None:
        while True:
            try:
                with _lock:
                    self._threads.pop(thread, None)
                    _raise_in(thread, None)  # what was not delivered yet must not reach the thread's next request
                return
            except _Overrun:
                continue

    def end(self) -> bool:
        """Tell its threads to end; False where one does not. The caller holds the lock."""
        now = time.monotonic()
        for thread, (last_told, burnt) in self._threads.items():
            used = _burnt(thread)
            if last_told and (used - burnt > _CPU_GRACE or now > self.began + 2 * self.seconds + _SLACK):
                return False
            if now - last_told > _AGAIN:
                _raise_in(thread, _Overrun)
                self._threads[thread] = (now, burnt if last_told else used)
        return True


_CURRENT: ContextVar[Running | None] = ContextVar("aims_gates_running", default=None)


def running() -> Running | None:
    """The request that this thread works for; None for a thread of the server's own."""
    return _CURRENT.get()


@contextmanager
def serving(seconds: float) -> Iterator[Running]:
    """Serve one request, whose threads may work so long."""
    _watch()
    request = Running(seconds)
    token = _CURRENT.set(request)
    with _lock:
        _all.add(request)
    try:
        yield request
    finally:
        with _lock:
            _all.discard(request)
        _CURRENT.reset(token)


def watched(function: Callable[P, T]) -> Callable[P, T]:
    """The same function, which ends when the time of the request that it works for is over."""

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        request = running()
        if request is None:
            return function(*args, **kwargs)
        return request.work(lambda: function(*args, **kwargs))

    return run


def _burnt(thread: int) -> float:
    """Seconds of CPU that a living thread has taken, where the system tells."""
    clock = getattr(time, "pthread_getcpuclockid", None)
    return 0.0 if clock is None else time.clock_gettime(clock(thread))


def _raise_in(thread: int, kind: type[BaseException] | None) -> None:
    raised = ctypes.py_object(kind) if kind is not None else ctypes.py_object()
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), raised)


@functools.cache
def _watch() -> None:
    threading.Thread(target=_look, name="aims-gates-overrun", daemon=True).start()


def _look() -> None:
    while True:
        time.sleep(_PULSE)
        with _lock:
            stuck = [request for request in _all if request.over and not request.end()]
        if stuck:
            _end_process(stuck[0].seconds)


def _end_process(seconds: float) -> None:
    """End this process with all its threads; where no supervisor would replace it, start the server again in it.

    A request needs its whole time and more to come here, so the server cannot be made to start in a quick loop.
    """
    try:
        if multiprocessing.parent_process() is not None or os.name != "posix":
            _log.critical("a request could not be ended after %g seconds; this worker ends", seconds)
        else:
            _log.critical("a request could not be ended after %g seconds; the server starts again", seconds)
            # Everything is closed on the way: Python's descriptors, databases and locks are not inherited.
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    finally:
        os._exit(1)


@functools.cache
def end_statements() -> None:
    """Let every database connection of this process end the statements of requests whose time is over."""
    from sqlalchemy import event
    from sqlalchemy.pool import Pool

    event.listen(Pool, "checkout", _checked_out)


def _checked_out(connection: Any, record: Any, _proxy: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        if "aims_gates_ends" not in record.info:
            record.info["aims_gates_ends"] = True
            connection.set_progress_handler(_is_over, _STEPS)
    elif type(connection).__module__.startswith("psycopg"):
        request = running()
        limit = int(request.seconds * 1000) if request else 0
        if record.info.get("aims_gates_ends", 0) != limit:
            with connection.cursor() as cursor:
                cursor.execute(f"SET statement_timeout = {limit}")
            connection.commit()  # else a rollback would take it back
            record.info["aims_gates_ends"] = limit


def _is_over() -> int:
    request = running()
    return int(request is not None and request.over)
