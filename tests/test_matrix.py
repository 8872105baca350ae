"""What `make matrix` runs is what the versions say, and its dated table is kept."""

from datetime import date
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from aims_gates.mlflow_plugin.internals import versions
from tests.matrix import plan, table, wheel
from tests.matrix.plan import BESIDE, NEWEST, OLDEST, VERSIONS


def test_the_oldest_and_the_newest_that_are_run_are_those_that_are_taken() -> None:
    assert versions.minor(OLDEST.number) == versions.FLOOR and versions.minor(NEWEST.number) == versions.NEWEST
    served = [versions.minor(version.number) for version in VERSIONS if version.server]
    assert min(served) == versions.SERVER_FLOOR and max(served) == versions.NEWEST


def test_an_environment_holds_what_the_project_asks_for_beside_mlflow() -> None:
    names = {Requirement(line).name for line in plan.requirements()}
    assert "mlflow" not in names and {"pyarrow", "filelock", "pytest", "pyjwt", "evidently"} <= names


def test_a_row_of_the_table_is_replaced_and_the_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    head = "before\n<!-- table -->\n| what | on |\n|---|---|\n"
    page.write_text(f"{head}| one | 2026-01-01 |\n| two | 2026-01-01 |\n<!-- end -->\nafter\n")
    monkeypatch.setattr(table, "PAGE", page)
    table.write(("one",), date(2026, 2, 2))
    table.write(("three",), date(2026, 2, 2))
    assert list(table.rows(page.read_text())) == ["one", "two", "three"]
    assert "| one | 2026-02-02 |" in page.read_text() and page.read_text().endswith("<!-- end -->\nafter\n")


def test_the_committed_table_has_a_row_for_every_version_that_is_planned() -> None:
    rows = table.rows(table.PAGE.read_text(encoding="utf-8"))
    assert [version.number for version in VERSIONS if f"MLflow {version.number}" not in rows] == []
    assert not [line for line in rows.values() if "fail" in line]


def test_the_wheel_is_installed_beside_each_floor_and_the_newest() -> None:
    minors = {(versions.minor(version.number), extra) for version, extra in BESIDE}
    assert minors >= {(versions.FLOOR, ""), (versions.NEWEST, ""), (versions.SERVER_FLOOR, "[auth]")}
    rows = table.rows(table.PAGE.read_text(encoding="utf-8"))
    assert [pair for pair in BESIDE if f"wheel beside mlflow{pair[1]} {pair[0].number}" not in rows] == []


def test_a_package_that_an_installation_moved_or_removed_is_named() -> None:
    before = {"mlflow": "3.10.1", "pandas": "2.3.3", "flask": "3.1"}
    assert wheel.moved(before, {**before, "duckdb": "1.5"}) == {}
    assert wheel.moved(before, {"mlflow": "3.18.0", "pandas": "2.3.3"}) == {
        "mlflow": "3.10.1 -> 3.18.0",
        "flask": "3.1 -> gone",
    }
