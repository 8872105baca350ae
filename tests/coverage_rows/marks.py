"""The mark and the basis of each row of docs/coverage.yaml, from a run of its command and gates on the example."""

import json
import shlex
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from aims_gates.decision.basis import weakest
from aims_gates.documents.strict_yaml import read
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.governance.records.reader import read_system
from aims_gates.model import Basis
from aims_gates.packs.case import Case

from .rows import GATES, NOW

__all__ = ["PAGE", "coverage_rows", "derived"]

PAGE = Path(__file__).resolve().parents[2] / "docs" / "coverage.yaml"
Run = Callable[..., tuple[int, str, str]]


@cache
def coverage_rows() -> tuple[Mapping[str, Any], ...]:
    """The rows as they are committed."""
    return tuple(read(PAGE).value["rows"])


def derived(folder: Path, run: Run) -> dict[str, dict[str, str]]:
    """Mark and basis by row.

    Args:
        folder: The worked example, started.
        run: Runs a command line there: exit code, output, errors.
    """
    bases = _bases(folder, run)
    return {row["id"]: _row(row, bases, run) for row in coverage_rows()}


def _row(row: Mapping[str, Any], bases: Mapping[str, Basis], run: Run) -> dict[str, str]:
    gates, command = row.get("gates", ()), row.get("run")
    if not gates and not command:
        return {"mark": "○"}
    basis = weakest(bases[gate] for gate in gates) if gates else "performed"
    whole = basis != "declared" and "left" not in row and (not command or run(*shlex.split(command))[0] == 0)
    return {"mark": "●" if whole else "◐", "basis": basis}


def _bases(folder: Path, run: Run) -> dict[str, Basis]:
    """How each shipped gate knows what it says of the example: as signed, else by what it reads."""
    explained = json.loads(run("explain", "mortgage", "1", "--to", "production", "--json")[1])
    signed: dict[str, list[Basis]] = {}
    for control in explained["controls"]:
        for finding in control["findings"]:
            signed.setdefault(finding["gate"], []).append(finding["basis"])
    states = {row["record"]: row["state"] for row in json.loads(run("records", "status", "--json")[1])}
    known = {gate: weakest(bases) for gate, bases in signed.items()}
    return {gate: known.get(gate) or _by_what_it_reads(gate, folder, states) for gate in GATES}


def _by_what_it_reads(name: str, folder: Path, states: Mapping[str, str]) -> Basis:
    gate = GATES[name]
    if not gate.manifest.on_records:
        return "measured"
    record = read_system(folder, "mortgage")
    case = Case(name, gate.params({}), record.columns(), {}, NOW, records=record.records, run={})
    read_names = {place for finding in run_gate(gate, case) for place in finding.rests_on}
    return weakest(_of_records(read_names, states)) if read_names else "declared"


def _of_records(names: Iterable[str], states: Mapping[str, str]) -> list[Basis]:
    def approved(name: str) -> bool:
        record = name.removeprefix("record:")
        return states.get(record if "/" in record else f"system/{record}") == "approved"

    attested: Basis = "attested"
    return [attested if name == "record:system" or approved(name) else "declared" for name in names]
