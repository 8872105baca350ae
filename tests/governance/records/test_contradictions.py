"""What one record says and another denies is named with both places."""

import shutil
from datetime import date
from pathlib import Path

import pytest

from aims_gates.governance.records.lint import check_packs, check_system

EXAMPLE = Path(__file__).resolve().parents[3] / "examples" / "pipelines" / "credit_scoring"
TODAY = date(2026, 11, 17)
SYSTEM, SHARED = "records/systems/mortgage", "records/organization"
PACK = "  - {kind: change, about: Version 1, sent_on: 2026-10-10}"


@pytest.mark.parametrize(
    ("file", "old", "new", "message", "other"),
    [
        (f"{SYSTEM}/monitoring.yaml", "ended_on: 2026-11-14", "ended_on: 2026-11-02", "before testing", "history.yaml"),
        (f"{SYSTEM}/oversight.yaml", "measured_on: 2026-11-14", "measured_on: 2026-10-02", "before testing", "history"),
        (f"{SYSTEM}/logging.yaml", '"2026-11-16T', '"2026-10-16T', "before testing", "history.yaml"),
        (f"{SYSTEM}/customers.yaml", "requirements:", f"notices:\n{PACK}\nrequirements:", "customers", "system.yaml"),
        (f"{SHARED}/reporting_obligations.yaml", "Form 12 as published", "Drafted", "it is done", "obligations"),
        (
            f"{SHARED}/reporting_obligations.yaml",
            "done_on: 2026-10-28",
            "done_on: 2026-10-02",
            "before",
            "classif",
        ),
        (
            f"{SHARED}/nonconformities.yaml",
            "effective_on: 2026-09-21",
            "effective_on: 2026-10-21",
            "closed",
            "noncon",
        ),
        (f"{SHARED}/audit_programme.yaml", "findings: 1", "findings: 7", "7 findings, and 1", "nonconformities"),
        (f"{SYSTEM}/value_chain.yaml", "our_role: provider", "our_role: importer", "importer", "classification.yaml"),
        (f"{SYSTEM}/data_plan.yaml", "test: sha256:4", "test: sha256:5", "another set", "requirements.yaml"),
        (f"{SYSTEM}/data_plan.yaml", "stored: [data/]", "stored: [dat]", "at none of these places", "system.yaml"),
        (
            f"{SYSTEM}/data_preparation.yaml",
            "  not_by_hand",
            "  annotators: 2\n  not_by_hand",
            "nobody labelled",
            "prep",
        ),
        (
            f"{SYSTEM}/data_preparation.yaml",
            "not_by_hand: The",
            "labelled_by: [ann, ann]\n  annotators: 2\n  guide: The",
            "labelled by 1, and",
            "preparation",
        ),
        (f"{SHARED}/suppliers.yaml", "ends: 2028-09", "ends: 2028-08", "ends on", "value_chain"),
        (f"{SYSTEM}/data_plan.yaml", "train: sha256:7", "train: sha256:5", "no data set", "datasheets.yaml"),
    ],
)
def test_a_contradiction_names_both_places(
    tmp_path: Path, file: str, old: str, new: str, message: str, other: str
) -> None:
    pack = Path(shutil.copytree(EXAMPLE / "records", tmp_path / "pack" / "records")).parent
    text = (pack / file).read_text()
    assert old in text
    (pack / file).write_text(text.replace(old, new, 1))
    at_file = [problem for problem in check_packs([pack], TODAY) if str(problem.where).startswith(str(pack / file))]
    assert any(message in problem.message and other in f"{problem.message} {problem.where}" for problem in at_file)
    name = file.removeprefix("records/").removeprefix("systems/mortgage/").removesuffix(".yaml")
    assert check_system([pack], pack, "mortgage", [name], TODAY)
