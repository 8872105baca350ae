"""``aims-gates doctor``: versions that are too old or were not tested, and a DuckDB that answers otherwise."""

import json
import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from packaging.requirements import Requirement

from aims_gates.cli import doctor, main
from aims_gates.data._duckdb import engine

ROOT = Path(__file__).resolve().parents[2]


def checks(capsys: pytest.CaptureFixture[str]) -> tuple[int, dict[str, Any]]:
    code = main(["doctor", "--json"])
    return code, {row["check"]: row for row in json.loads(capsys.readouterr().out)}


def test_the_versions_that_doctor_takes_are_those_that_are_required() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (required,) = (Requirement(line) for line in project["dependencies"] if line.startswith("duckdb"))
    first, other = (".".join(map(str, bound)) for bound in doctor._DUCKDB)
    assert required.specifier.contains(f"{first}.0") and not required.specifier.contains(f"{other}.0")
    assert required.specifier.contains(duckdb.__version__)


def test_the_least_versions_that_doctor_takes_are_those_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for lines in project["optional-dependencies"].values() for line in lines)]
    least = dict(doctor._NEEDED) | {name: version for name, (_, _, version) in doctor._OPTIONAL.items()}
    for line in map(Requirement, lines):
        bounds = [bound.version for bound in line.specifier if bound.operator == ">="]
        if line.name in least and bounds:
            assert padded(map(int, bounds[0].split("."))) == padded(least[line.name]), line
    named = {Requirement(line).name for line in lines}
    assert set(least) - named <= {"flask"}, "flask comes with MLflow"


def padded(numbers: Iterable[int]) -> tuple[int, ...]:
    """Major and minor version."""
    return (*numbers, 0)[:2]


@pytest.mark.parametrize("untested", ["1.5.6", "2.1.0"])
def test_a_duckdb_that_was_not_tested_is_named(
    untested: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    installed = doctor.version
    monkeypatch.setattr(doctor, "version", lambda name: untested if name == "duckdb" else installed(name))
    code, rows = checks(capsys)
    assert code == 1 and rows["duckdb"] | {"check": "duckdb"} == {
        "check": "duckdb",
        "ok": False,
        "state": "wrong",
        "found": f"{untested}, which was not tested",
        "remedy": "pip install 'duckdb>=2.0,<2.1'",
    }


def test_a_duckdb_that_answers_otherwise_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    connect = duckdb.connect

    def with_whole_division(*arguments: Any, **options: Any) -> duckdb.DuckDBPyConnection:
        database = connect(*arguments, **options)
        database.execute("SET integer_division = true")
        return database

    monkeypatch.setattr(duckdb, "connect", with_whole_division)
    monkeypatch.setattr(engine, "_STATE", engine._State())
    code, rows = checks(capsys)
    answers = rows["duckdb's answers"]
    assert code == 1 and not answers["ok"] and "duckdb>=2.0" in answers["remedy"]
    assert answers["found"].startswith("whole numbers divide to a fraction") and rows["duckdb"]["ok"]
