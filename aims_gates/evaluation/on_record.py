"""Findings that stand in the ledger, in place of computing them once more.

A gate of ours that looks at nothing but its parameters, column roles and data computes the same numbers from the same
bytes, by the same code, interpreter and packages. Its evidence names a digest of all that, :data:`FACT`. Where evidence
that counts today is in all else what would be signed now, its findings are read instead. Whoever runs the gate notes
what it looked at, and evidence of a gate that looked at anything else, or that failed, names no such digest: it is
computed each time. Nothing is signed anew then, so that evidence never becomes younger than its numbers.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from aims_gates.documents.canonical import digest
from aims_gates.model import Evidence, Step
from aims_gates.packs.case import Case
from aims_gates.packs.find import bundled
from aims_gates.packs.gate import Gate

__all__ = ["FACT", "OnRecord", "origin", "still_holds"]

#: The fact of evidence that holds :func:`origin`.
FACT = "computed_from"
#: The evidence in the ledger that counts for a step today; None where none does.
OnRecord = Callable[[Step], Evidence | None]
_LONGEST = timedelta(days=30)


def origin(gate: Gate, case: Case, environment: str) -> str:
    """A digest of what a gate's numbers are made of, beside what evidence names anyway.

    Args:
        gate: The gate; of another's pack nobody knows what it reads.
        case: What it looks at.
        environment: A digest of our code, the interpreter and the packages; empty where it cannot be told.

    Returns:
        Empty where that cannot be told.
    """
    if not environment or gate.manifest.facts or not gate.folder.resolve().is_relative_to(bundled().resolve()):
        return ""
    data = {role: [dataset.digest, Path(dataset.where).name, dataset.rows] for role, dataset in case.data.items()}
    subject = None if case.subject is None else case.subject.digest
    return digest({"environment": environment, "roles": case.roles, "data": data, "subject": subject})


def still_holds(before: Evidence, fresh: Evidence, now: datetime) -> bool:
    """Whether evidence on record is what computing would give once more.

    Args:
        before: The evidence on record, which counts.
        fresh: What would be signed now, with no findings yet; its facts name what it is computed from.
        now: The time.
    """
    produced = datetime.fromisoformat(before.produced_at)
    if not timedelta(0) <= now - produced <= _LONGEST or not fresh.facts.get(FACT):
        return False
    without = replace(before, findings=fresh.findings, outcome=fresh.outcome, produced_at=fresh.produced_at)
    return digest(without) == digest(fresh)
