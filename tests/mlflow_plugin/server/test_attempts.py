"""Wrong passwords slow down who sends them, in all workers at once, and nobody else."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from mlflow.exceptions import MlflowException

from aims_gates.errors import AimsGatesError
from aims_gates.mlflow_plugin.server import attempts
from aims_gates.mlflow_plugin.server.attempts import Attempts, shared_file
from aims_gates.mlflow_plugin.server.client_address import UNKNOWN
from aims_gates.mlflow_plugin.server.passwords import take_equal_time

from .inside import users_database

__all__ = ["users_database"]  # fixtures


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def counted(tmp_path: Path, clock: Clock) -> Attempts:
    return Attempts(tmp_path / "attempts.db", clock)


def wrong(counted: Attempts, times: int, login: str = "dora", address: str = "203.0.113.7") -> float:
    """So many wrong passwords as fast as they come; gives the wait before the last one."""
    return [counted.begin(login, address) for _ in range(times)][-1]


def test_after_ten_wrong_passwords_each_next_one_takes_twice_as_long_up_to_a_minute(
    counted: Attempts, clock: Clock
) -> None:
    assert wrong(counted, 11) == 0
    waits = []
    for _ in range(9):
        waits.append(counted.begin("dora", "203.0.113.7"))
        clock.now += waits[-1]
        assert counted.begin("dora", "203.0.113.7") == 0
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_attempts_that_are_refused_count_for_nothing(counted: Attempts, clock: Clock) -> None:
    wrong(counted, 500)
    clock.now += 1
    assert counted.begin("dora", "203.0.113.7") == 0


def test_the_owner_at_another_address_and_others_at_this_one_are_not_held_up(counted: Attempts) -> None:
    assert wrong(counted, 12) > 0
    assert counted.begin("dora", "198.51.100.1") == 0 and counted.begin("rita", "203.0.113.7") == 0


def test_one_address_that_tries_many_logins_is_slowed_down(counted: Attempts) -> None:
    waits = [counted.begin(f"login{number}", "203.0.113.7") for number in range(32)]
    assert waits[:31] == [0] * 31 and waits[31] == 1
    assert counted.begin("dora", "198.51.100.1") == 0


def test_an_ipv6_client_counts_by_its_network(counted: Attempts) -> None:
    waits = [counted.begin(f"login{number}", f"2001:db8::{number:x}") for number in range(32)]
    assert waits[31] == 1 and counted.begin("dora", "2001:db8:0:1::1") == 0


def test_clients_whose_addresses_nobody_knows_do_not_pay_for_each_other(counted: Attempts) -> None:
    assert [counted.begin(f"login{number}", UNKNOWN) for number in range(60)] == [0] * 60


def test_many_addresses_that_try_one_login_leave_its_owner_a_turn(counted: Attempts, clock: Clock) -> None:
    for number in range(101):
        assert counted.begin("dora", f"203.0.{number}.1") == 0
    waits = []
    for number in range(20):
        waits.append(counted.begin("dora", f"198.51.{number}.1"))
        clock.now += waits[-1]
        counted.begin("dora", f"198.51.{number}.1")
    assert max(waits) == 5


def test_a_right_password_begins_anew_but_pays_for_nobody_elses(counted: Attempts, clock: Clock) -> None:
    for number in range(60):  # somebody with an account of their own, between guesses at others'
        if counted.begin("mallory", "203.0.113.7") == 0:
            counted.right("mallory", "203.0.113.7")
        if counted.begin(f"login{number}", "203.0.113.7"):
            break
    assert number == 31
    clock.now += 900
    assert wrong(counted, 11) == 0


def test_workers_count_together(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from aims_gates.mlflow_plugin.server.attempts import Attempts; "
        "a = Attempts(Path(sys.argv[1])); print(sum(a.begin('dora', '203.0.113.7') == 0 for _ in range(8)))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "attempts.db")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    looked_at = [int(process.communicate(timeout=120)[0]) for process in running]
    assert 11 <= sum(looked_at) <= 13, looked_at  # a second or two may pass between them


def test_the_file_stays_small(counted: Attempts, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(attempts, "_MOST_ROWS", 100)
    for number in range(600):
        counted.begin(f"login{number}", f"10.0.{number % 250}.{number // 250}")
    assert counted._file.execute("SELECT count(*) FROM attempts").fetchone()[0] < 100 + 3 * 256


def test_no_password_is_looked_at_where_attempts_cannot_be_counted(counted: Attempts) -> None:
    counted._file.execute("DROP TABLE attempts")
    with pytest.raises(AimsGatesError, match="cannot be counted"):
        counted.begin("dora", "203.0.113.7")


def test_the_file_is_in_a_folder_of_this_account_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    place = shared_file(7)
    assert place.name == "attempts-7.db" and place.parent.stat().st_mode & 0o777 == 0o700
    place.parent.chmod(0o777)
    with pytest.raises(AimsGatesError, match="this account alone"):
        shared_file(7)
    place.parent.rmdir()
    place.parent.symlink_to(tmp_path)
    with pytest.raises(AimsGatesError, match="this account alone"):
        shared_file(7)


def test_a_wrong_password_takes_as_long_for_an_unknown_login(users_database: None) -> None:
    from mlflow.server import auth

    def seconds(login: str) -> float:
        start = time.perf_counter()
        assert not auth.store.authenticate_user(login, "a wrong password")
        return time.perf_counter() - start

    stock: Any = auth.store.authenticate_user
    try:
        take_equal_time(auth.store)
        known, unknown = (min(seconds(login) for _ in range(4)) for login in ("dora", "nobody of that name"))
        assert 0.5 < known / unknown < 2
        assert auth.store.authenticate_user("dora", "dora-dora-dora")
    finally:
        auth.store.authenticate_user = stock  # type: ignore[method-assign]
    with pytest.raises(MlflowException):
        auth.store.get_user("nobody of that name")
