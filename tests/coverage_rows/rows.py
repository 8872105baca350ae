"""The rows that tests cover, and the worked example to break: every fact of its records holds on the day NOW."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from aims_gates.governance.records.reader import SystemRecord, read_system
from aims_gates.model import Finding
from aims_gates.packs.case import Case
from aims_gates.packs.facts import judge
from aims_gates.packs.find import find_gates
from tests.examples.faults import DELIVERED, GONE, OLD, changed_value

__all__ = [
    "COVERED",
    "EXAMPLE",
    "GATES",
    "GONE",
    "NOW",
    "OLD",
    "ROWS",
    "changed",
    "covers",
    "facts",
    "failing",
    "later",
    "record",
]

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "pipelines" / "credit_scoring"
#: The rows, where the sources lie beside this checkout.
ROWS = Path(__file__).resolve().parents[2].parent / "shared" / "compliance" / "coverage.yaml"
NOW = datetime(2026, 11, 17, 12, tzinfo=UTC)
GATES = find_gates()
#: Row of coverage.yaml -> the tests that cover it.
COVERED: dict[str, list[str]] = {}
F = TypeVar("F", bound=Callable[..., Any])


def covers(*rows: str) -> Callable[[F], F]:
    """Note that a test covers these rows."""

    def noted(test: F) -> F:
        for row in rows:
            COVERED.setdefault(row, []).append(test.__name__)
        return test

    return noted


@cache
def record() -> SystemRecord:
    """The worked example, with customers, so that every gate applies."""
    found = read_system(EXAMPLE, "mortgage")
    system = found.system.model_copy(update={"facts": {**found.system.facts, "has_customers": True}})
    customers = {**found.records["customers"], **DELIVERED}
    records = {**found.records, "customers": customers, "system": system.model_dump(mode="json")}
    return replace(found, system=system, records=records)


def changed(name: str, path: str, value: Any) -> SystemRecord:
    """The example with one place of one record written anew, or taken out; the whole record where ``path`` is empty."""
    records = dict(record().records)
    if not path:
        del records[name]
        return replace(record(), records=records)
    records[name] = changed_value(records[name], path, value)
    return replace(record(), records=records)


def later(days: int) -> datetime:
    return NOW + timedelta(days=days)


def facts(found: SystemRecord, gate: str, now: datetime = NOW, **run: Any) -> dict[str, Finding]:
    """What the facts of a gate say of these records, by fact."""
    case = Case(gate, GATES[gate].params({}), found.columns(), {}, now, records=found.records, run=run)
    return {each.measure: each for each in judge(GATES[gate].manifest.facts, case)}


def failing(found: SystemRecord, gate: str, now: datetime = NOW, **run: Any) -> set[str]:
    """The controls and clauses on which a fact of the gate fails; each failing fact carries a note and a remedy."""
    bad = [each for each in facts(found, gate, now, **run).values() if each.outcome not in ("pass", None)]
    assert all(each.note and each.remedy for each in bad)
    return {control for each in bad for control in each.controls}
