"""Worked examples: written with dates around today, whole, and never over what is there."""

from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from aims_gates.documents.canonical import digest_file
from aims_gates.errors import InputError
from aims_gates.governance.controls import catalogue
from aims_gates.governance.records.lint import check_packs
from aims_gates.governance.records.reader import read_record, read_system
from aims_gates.governance.records.tier import tier_problem
from aims_gates.packs.examples import about, example_names, folder_of, shifted, write_example

NAME = "credit-scoring"
SOURCE = folder_of(NAME)
AS_OF = about(NAME).as_of


def test_the_examples_are_named_and_an_unknown_one_is_refused_with_their_names() -> None:
    assert example_names() == [NAME]
    with pytest.raises(InputError) as caught:
        folder_of("credit_scoring2")
    assert NAME in str(caught.value.remedy)


@pytest.mark.parametrize("days", [-400, -1, 0, 1, 103, 1000])
def test_on_the_day_of_writing_nothing_is_overdue_and_nothing_lies_ahead(tmp_path: Path, days: int) -> None:
    today = AS_OF + timedelta(days=days)
    written = write_example(NAME, tmp_path, today)
    assert check_packs([tmp_path], today) == []
    assert tier_problem(read_system(tmp_path, "mortgage"), today) is None
    assert {path.relative_to(tmp_path).parts[0] for path in written} >= {"records", "aims.yaml", "train.py", "start.py"}


def test_whatever_needs_the_checkout_stays_there(tmp_path: Path) -> None:
    write_example(NAME, tmp_path, AS_OF)
    assert not {"run.py", "study.py", "example.yaml", "data"} & {path.name for path in tmp_path.iterdir()}


def test_every_date_of_a_record_moves_by_the_same_days_and_nothing_else_does(tmp_path: Path) -> None:
    write_example(NAME, tmp_path, AS_OF + timedelta(days=10))
    for path in sorted((SOURCE / "records").rglob("*.*")):
        if path.name != "classification.yaml":
            text = (tmp_path / path.relative_to(SOURCE)).read_text("utf-8")
            assert shifted(text, -10) == path.read_text("utf-8")
    assert shifted("2026-11-17T09:00Z, 12026-11-17, 2026-11-170, 2026-1", 30) == (
        "2026-12-17T09:00Z, 12026-11-17, 2026-11-170, 2026-1"
    )


def test_the_classification_is_made_anew_for_its_day(tmp_path: Path) -> None:
    """Law that comes into force between the two days has come into force in the copy."""
    write_example(NAME, tmp_path, date(2028, 1, 10))
    result = read_record(tmp_path / "records/systems/mortgage/classification.yaml").value["result"]
    assert result["tier"] == "high" and result["as_of"].startswith("2027-12")
    assert all(each["applies"] for each in result["obligations"])


def test_a_file_that_is_there_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text("mine\n")
    with pytest.raises(InputError) as caught:
        write_example(NAME, tmp_path, AS_OF)
    assert "train.py" in str(caught.value.where)
    assert [path.name for path in tmp_path.iterdir()] == ["train.py"]


def test_the_records_name_the_code_and_the_libraries_beside_them() -> None:
    code = sha256((SOURCE / "prepare.py").read_bytes() + (SOURCE / "train.py").read_bytes()).hexdigest()[:40]
    records = read_system(SOURCE, "mortgage").records
    assert records["design_record"]["commit"] == records["data_preparation"]["commit"] == code
    assert records["resources"]["lock_digest"] == digest_file(SOURCE / "requirements.txt")


def test_the_statement_of_applicability_has_a_row_and_a_reason_of_its_own_for_each_control() -> None:
    record = read_record(SOURCE / "records/organization/statement_of_applicability.yaml").value
    assert [row["control"] for row in record["rows"]] == list(catalogue())
    assert len({row["reason"] for row in record["rows"]}) == len(catalogue())
