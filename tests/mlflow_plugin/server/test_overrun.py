"""A request that works too long is ended in fact: what it ran takes no CPU after the answer, and others are served."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pytest
import requests
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from aims_gates.mlflow_plugin.server.overrun import end_statements, serving, watched

from .slow import SECONDS


class Server:
    """The application of :mod:`tests.mlflow_plugin.server.slow`."""

    def __init__(self, port: int, log: Path, pid: int) -> None:
        self.address = f"http://127.0.0.1:{port}"
        self.log = log
        self.pid = pid

    def get(self, path: str) -> requests.Response:
        return requests.get(f"{self.address}{path}", timeout=60)

    def workers(self) -> set[int]:
        """Its living worker processes, whether or not one of them has answered yet."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return {int(pid) for pid in children if b"spawn_main" in _command(pid)}


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it ended since
        return b""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("slow"), 2) as server:
        yield server


@contextmanager
def started(folder: Path, workers: int) -> Iterator[Server]:
    """The application in so many workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = folder / "log.txt"
    command = [sys.executable, "-m", "tests.mlflow_plugin.server.slow", str(port), str(workers)]
    with log.open("wb") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, start_new_session=True)
    server = Server(port, log, process.pid)
    try:
        answered = {answers(server, process)}
        while len(answered) < workers:  # one that is still starting takes CPU
            answered.add(answers(server, process))
        yield server
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)


def answers(server: Server, process: "subprocess.Popen[bytes] | None" = None) -> int:
    """Wait until the server answers; gives who does."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return int(server.get("/pid").text)
        except requests.ConnectionError:
            ended = process is not None and process.poll() is not None
            assert time.monotonic() < deadline and not ended, server.log.read_text()
            time.sleep(0.2)


def burnt(pid: int) -> float:
    """Seconds of CPU that a process has taken."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("path", ["/python", "/sql"])
def test_what_a_request_ran_is_ended_and_takes_no_cpu_after_the_answer(server: Server, path: str) -> None:
    workers, start = server.workers(), time.monotonic()
    answer = server.get(path)
    assert answer.status_code == 422 and "ended after 1.5 seconds" in answer.json()["message"]
    assert answer.json()["error_code"] == "INVALID_PARAMETER_VALUE"
    assert SECONDS <= time.monotonic() - start < 15
    assert any(rested(workers) for _ in range(10)), "what was endless still runs"
    assert server.workers() == workers


def rested(workers: set[int]) -> bool:
    """Whether processes take next to no CPU for a second; a worker that has just started does other things first."""
    before = sum(map(burnt, workers))
    time.sleep(1)
    return sum(map(burnt, workers)) - before < 0.3


def test_others_are_served_while_one_caller_takes_all_they_may(server: Server) -> None:
    threads = [threading.Thread(target=server.get, args=("/python",)) for _ in range(12)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    with requests.Session() as session:  # from another address: another caller
        session.mount("http://", _From())
        start = time.monotonic()
        assert session.get(f"{server.address}/pid", timeout=30).ok
        assert time.monotonic() - start < 2
    for thread in threads:
        thread.join()


class _From(requests.adapters.HTTPAdapter):
    def init_poolmanager(self, *args: object, **kwargs: object) -> None:
        super().init_poolmanager(*args, source_address=("127.0.0.3", 0), **kwargs)


def test_more_requests_than_a_share_take_turns_and_are_all_served(server: Server) -> None:
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(server.get("/rest").text)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["rested"] * 40


def test_what_cannot_be_ended_ends_with_its_worker_which_is_replaced(server: Server) -> None:
    before = server.workers()
    with pytest.raises(requests.ConnectionError):
        server.get("/in-c")
    deadline = time.monotonic() + 60
    while len(after := server.workers()) < len(before) or after == before:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert len(before - after) == 1


@pytest.mark.long
def test_a_single_worker_that_cannot_end_a_request_starts_again_in_the_same_process(tmp_path: Path) -> None:
    with started(tmp_path, 1) as server:
        first = answers(server)
        for times in (1, 2):
            with pytest.raises(requests.ConnectionError):
                server.get("/in-c")
            assert answers(server) == first
            assert server.log.read_text().count("the server starts again") == times
        before = burnt(first)
        time.sleep(1)
        assert burnt(first) - before < 0.3, "what could not be ended goes on"


def test_a_statement_on_postgresql_ends_with_its_request_and_those_of_the_server_itself_go_on(
    postgresql_url: str,
) -> None:
    end_statements()
    engine = create_engine(postgresql_url, pool_size=1, max_overflow=0)
    limits = []
    try:
        with serving(0.5) as request, pytest.raises(OperationalError, match="timeout"), engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))
        assert request.over
        for seconds in (None, 90, None):
            with serving(seconds) if seconds else nullcontext(), engine.connect() as connection:
                limits.append(connection.execute(text("SHOW statement_timeout")).scalar())
                connection.rollback()
                limits.append(connection.execute(text("SHOW statement_timeout")).scalar())
    finally:
        engine.dispose()
    assert limits == ["0", "0", "90s", "90s", "0", "0"]


def test_a_thread_whose_request_is_over_works_on_for_the_next_one() -> None:
    def endless() -> None:
        while True:
            pass

    for _ in range(20):
        with serving(0.05), pytest.raises(TimeoutError, match=r"0\.05 seconds"):
            watched(endless)()
        with serving(60):
            assert watched(sum)(range(100_000)) == 4_999_950_000
    assert watched(sum)([1]) == 1
