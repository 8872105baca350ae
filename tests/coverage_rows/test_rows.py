"""Which rows of coverage.yaml tests cover, and which are left, with the reason."""

from pathlib import Path

import pytest

from aims_gates.documents.strict_yaml import read

from . import test_commands, test_pages, test_records  # noqa: F401 (importing them notes what they cover)
from .marks import coverage_rows
from .rows import COVERED, ROWS

#: Row -> tests of other folders that cover it, as file::test.
ELSEWHERE = {
    "C1.2": ["cli/test_status.py::test_status_of_one_model_shows_the_six_phases_of_its_life"],
    "T5.ex": ["examples/test_stories.py::test_a_story_runs_to_its_end_within_a_minute_of_cpu"],
    "A7.ex": ["examples/test_stories.py::test_a_story_runs_to_its_end_within_a_minute_of_cpu"],
    "C1.3": [
        "mlflow_plugin/test_check.py::test_the_evidence_is_signed_pinned_and_counts",
        "mlflow_plugin/test_check.py::test_evidence_about_other_kinds_of_subjects_can_be_signed_and_counts",
        "mlflow_plugin/test_subjects.py::test_one_digest_by_every_address_and_a_stock_load_of_the_released_version_"
        "leaves_it_whole",
        "mlflow_plugin/test_subjects.py::test_a_rule_set_is_the_bytes_of_its_file",
        "mlflow_plugin/test_subjects.py::test_a_service_is_pinned_by_provider_dated_model_parameters_and_prompt",
    ],
}
#: Row -> what is not there yet.
LEFT = {row["id"]: row["left"] for row in coverage_rows() if "left" in row}


def test_a_row_without_a_test_says_what_is_left() -> None:
    rows = {row["id"] for row in coverage_rows()}
    assert rows == set(COVERED) | set(ELSEWHERE) | set(LEFT)


@pytest.mark.parametrize("named", sorted({each for tests in ELSEWHERE.values() for each in tests}))
def test_a_test_that_covers_a_row_elsewhere_is_there(named: str) -> None:
    file, _, test = named.partition("::")
    assert f"def {test}(" in (Path(__file__).resolve().parents[1] / file).read_text(encoding="utf-8")


def test_every_row_is_accounted_for() -> None:
    if not ROWS.is_file():
        pytest.skip(f"{ROWS} is not here")
    assert [(row["id"], row["controls"]) for row in read(ROWS).value["rows"]] == [
        (row["id"], list(row.get("controls", ()))) for row in coverage_rows()
    ]
