"""Which rows of coverage.yaml tests cover, and which are left, with the reason."""

from pathlib import Path

import pytest

from aims_gates.strict_yaml import read

from . import test_commands, test_records  # noqa: F401 (importing them notes what they cover)
from .rows import COVERED

ROWS = Path(__file__).resolve().parents[2].parent / "shared" / "compliance" / "coverage.yaml"
_EXAMPLE = "a worked example as a pipeline"
_MONITOR = "monitoring in operation"
_RETIRE = "retirement"
_INCIDENT = "incidents and nonconformities opened by commands"
_REPORT = "a report for one audience"
#: Row -> why no test covers it yet.
LEFT = {
    "T1.ex": _EXAMPLE,
    "T2.ex": _EXAMPLE,
    "T3.ex": _EXAMPLE,
    "T4.ex": f"{_REPORT}: the applicants' page",
    "T5.ex": _EXAMPLE,
    "C1.2": "phase history in status comes with retirement; the phases themselves are rows C8.1 and A6.1",
    "C1.3": "flavors, callables and rule sets come with the worked examples; models run in tests/registry",
    "C1.ex": _EXAMPLE,
    "C3.4": f"{_REPORT}: the auditor's, with the glossary as appendix",
    "C3.ex": _EXAMPLE,
    "C4.ex": _EXAMPLE,
    "C6.ex": _EXAMPLE,
    "C8.ex": "the credit scoring example runs in tests/examples",
    "C9.1": f"{_MONITOR}: key figures computed from the ledger",
    "C9.3": _MONITOR,
    "C9.5": f"{_MONITOR}: trends over results",
    "C10.1": _INCIDENT,
    "C10.4": _INCIDENT,
    "C10.ex": _EXAMPLE,
    "A2.ex": f"{_REPORT}: a public summary of the policy",
    "A3.ex": f"{_EXAMPLE}; halt itself is tested in tests/registry",
    "A5.ex": _EXAMPLE,
    "A6.5": _RETIRE,
    "A6.ex": _EXAMPLE,
    "A7.ex": _EXAMPLE,
    "A8.5": _REPORT,
    "A8.ex": f"{_REPORT}: the candidates' page",
    "A9.ex": _EXAMPLE,
    "A10.ex": _EXAMPLE,
    "R.4": f"{_REPORT}: exposure to penalties",
}


def test_a_row_is_covered_or_left_with_a_reason_and_never_both() -> None:
    assert not set(COVERED) & set(LEFT)
    assert all(LEFT.values()) and all(COVERED.values())


def test_every_row_is_accounted_for() -> None:
    if not ROWS.is_file():
        pytest.skip(f"{ROWS} is not here")
    rows = [row["id"] for row in read(ROWS).value["rows"]]
    assert len(rows) == 122
    assert set(rows) - set(COVERED) - set(LEFT) == set()
    assert (set(COVERED) | set(LEFT)) - set(rows) == set()
    print(f"{len(COVERED)} rows covered, {len(LEFT)} left of {len(rows)}")
