"""``records list | new | validate`` and the records' schemas."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from aims_gates.governance.record_schemas import SHAPES

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pipelines" / "credit_scoring"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(EXAMPLE / "records", tmp_path / "records")).parent


def test_list_names_every_record_and_where_it_lies(command: Any, pack: Path) -> None:
    rows = json.loads(command("records", "list", "--pack", ".", "--json").out)
    assert [row["name"] for row in rows] == list(SHAPES)
    assert all(row["about"] for row in rows)
    assert {row["name"] for row in rows if len(row["files"]) != 1} == {"system/bias_audit"}  # a city's law asks for it
    (pack / "records/organization/concerns.yaml").unlink()
    shown = command("records", "list", "--pack", ".").out
    (line,) = (each for each in shown.splitlines() if each.startswith("organization/concerns"))
    assert line.split()[1] == "-"


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("organization/concerns", "records/organization/concerns.yaml"),
        ("ai_policy", "records/organization/ai_policy.md"),
        ("oversight", "records/systems/mortgage/oversight.yaml"),
    ],
)
def test_new_writes_a_template_that_says_what_each_field_is_for(command: Any, pack: Path, name: str, file: str) -> None:
    (pack / file).unlink()
    said = command("records", "new", name, "--pack", ".")
    assert said.code == 0 and file in said.out and "records validate" in said.out
    text = (pack / file).read_text()
    assert "approved_on: REPLACE" in text and text.count("#") > 5
    assert "owner: REPLACE" not in text  # organization/roles says who that is
    checked = command("records", "validate", "--pack", ".", "--json")
    assert checked.code == 1
    assert any(file in row["where"] and row["remedy"] for row in json.loads(checked.out))


def test_new_never_touches_a_file_that_is_there(command: Any, pack: Path) -> None:
    before = (pack / "records/organization/ai_policy.md").read_text()
    said = command("records", "new", "ai_policy", "--pack", ".")
    assert said.code == 1 and "already there" in said.err
    assert (pack / "records/organization/ai_policy.md").read_text() == before


@pytest.mark.parametrize(
    ("name", "remedy"),
    [
        ("classification", "aims-gates classify --system"),
        ("requirements", "aims-gates init"),
        ("resources", "organization/resources, system/resources"),
        ("polici", "organization/ai_policy"),
    ],
)
def test_a_name_that_is_no_record_is_refused_with_what_to_do(command: Any, pack: Path, name: str, remedy: str) -> None:
    said = command("records", "new", name, "--pack", ".")
    assert said.code == 1 and remedy in said.err


def test_new_asks_for_the_system_where_there_is_not_one_alone(command: Any, tmp_path: Path) -> None:
    said = command("records", "new", "oversight", "--pack", ".")
    assert said.code == 1 and "there are 0 systems here" in said.err
    assert "--pack" in command("records", "new", "concerns").err
    assert command("records", "new", "oversight", "--print").out.startswith("# system/oversight")


def test_validate_finds_nothing_wrong_with_sound_records_but_age(command: Any, pack: Path) -> None:
    said = command("records", "validate", "--pack", ".", "--json")
    assert all("expired" in row["message"] for row in json.loads(said.out))


def test_every_record_has_a_schema_that_an_editor_can_use(command: Any) -> None:
    for name in SHAPES:
        schema = json.loads(command("schema", name).out)
        assert schema["type"] == "object" and schema["additionalProperties"] is False
