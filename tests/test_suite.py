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
    assert [path for path in conftest.LONGEST if not (ROOT / path).exists()] == []


def test_the_shares_together_are_all_files_and_each_is_in_one(pytestconfig: pytest.Config) -> None:
    in_share = pytestconfig.pluginmanager.get_plugin(str(ROOT / "tests/conftest.py"))._in_share
    for path in (ROOT / "tests").rglob("test_*.py"):
        assert sum(in_share(path.relative_to(ROOT).as_posix(), f"{turn}/3") for turn in (1, 2, 3)) == 1


def test_what_is_mutated_is_there() -> None:
    settings = tomllib.loads((ROOT / "tests/mutation.toml").read_text(encoding="utf-8"))
    paths = settings["cosmic-ray"]["module-path"]
    assert paths and [path for path in paths if not (ROOT / path).is_file()] == []


def test_a_server_that_somebody_names_is_left_without_our_databases(postgresql: Any) -> None:
    named = type(postgresql).at(postgresql.url())
    database = named.create()
    named.run("CREATE TABLE ours (n int)", database=database)
    named.stop()
    engine = sqlalchemy.create_engine(postgresql.url(), poolclass=NullPool)
    with engine.connect() as connection:
        databases = connection.exec_driver_sql("SELECT datname FROM pg_database").scalars().all()
    assert database.startswith("aims_gates_test_") and database not in databases
