"""The suite itself: what its gate of every branch names is there, and another's PostgreSQL is left as it was."""

import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy.pool import NullPool

ROOT = Path(__file__).resolve().parents[1]


def listed(variable: str) -> list[str]:
    """What a variable of the Makefile holds."""
    printed = subprocess.run(["make", "-npq", "help"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    lines = [line for line in printed.splitlines() if line.startswith(f"{variable} := ")]
    assert len(lines) == 1, f"the Makefile has {len(lines)} variables {variable}"
    return lines[0].partition(":=")[2].split()


@pytest.mark.parametrize("variable", ["PURE", "PURE_TESTS"])
def test_every_file_under_the_gate_of_all_branches_is_there(variable: str) -> None:
    patterns = listed(variable)
    assert patterns
    missing = [pattern for pattern in patterns if not list(ROOT.glob(pattern))]
    assert not missing, f"Makefile: {variable} names what is not there: {', '.join(missing)}; write the new name there"


def test_what_is_begun_first_is_there(pytestconfig: pytest.Config) -> None:
    conftest = pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests/conftest.py"))
    named = {*conftest.LONGEST, *conftest.TRADED, conftest.CHAIN}
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_shares_together_are_all_files_and_each_is_in_one(pytestconfig: pytest.Config) -> None:
    in_share = pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests/conftest.py"))._in_share
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert sum(in_share(path.relative_to(ROOT).as_posix(), f"{turn}/3") for turn in (1, 2, 3)) == 1


def summed(*lines: str) -> list[str]:
    """What .ci/run says at the end of a log."""
    command = ["awk", "-f", str(ROOT / ".ci/sum.awk")]
    return subprocess.run(
        command, input="\n".join(lines), capture_output=True, text=True, check=True
    ).stdout.splitlines()


def test_the_last_lines_are_the_sums_of_all_runs_and_what_pytest_said_last() -> None:
    runs = [
        "90 passed in 10.50s",
        "a word on 5 failed in 3s",
        "== 7 passed, 2 skipped, 1 warning in 3600.25s (1:00:00) ==",
    ]
    assert summed(*runs) == [
        "2 runs of pytest together: 97 passed, 2 skipped, 1 warning in 3610.75s (1:00:10)",
        runs[2],
    ]
    again = ["share 1/3 in the random order of seed 1", "1 failed, 30 passed, 2 errors in 5.00s"]
    assert summed(*runs, *again) == [
        "3 runs of pytest together: 1 failed, 97 passed, 2 skipped, 1 warning, 2 errors in 3615.75s (1:00:15)",
        again[1],
    ]
    assert summed("make: *** [Makefile:110: lint] Error 1") == []


def test_what_is_mutated_is_there() -> None:
    groups = tomllib.loads((ROOT / "tests/mutation/files.toml").read_text(encoding="utf-8"))["group"]
    assert [pattern for group in groups for pattern in group["files"] if not list(ROOT.glob(pattern))] == []
    assert [path for group in groups for path in group["tests"] if not (ROOT / path).exists()] == []


def test_a_server_that_somebody_names_is_left_without_our_databases(postgresql: Any) -> None:
    named = type(postgresql).at(postgresql.url())
    database = named.create()
    named.run("CREATE TABLE ours (n int)", database=database)
    named.stop()
    engine = sqlalchemy.create_engine(postgresql.url(), poolclass=NullPool)
    with engine.connect() as connection:
        databases = connection.exec_driver_sql("SELECT datname FROM pg_database").scalars().all()
    assert database.startswith("aims_gates_test_") and database not in databases
