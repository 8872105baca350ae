"""A gate's own samples: cases that its author wrote, each with what it must come to."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aims_gates.data import Dataset
from aims_gates.documents.canonical import digest
from aims_gates.documents.strict_yaml import parse, read
from aims_gates.errors import InputError
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.model import ACTS, Act, Finding, Subject
from aims_gates.packs.case import Case
from aims_gates.packs.gate import Gate

__all__ = ["KEYS", "NOW", "Sample", "read_samples"]

#: The time at which a sample is judged that names none.
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
KEYS = frozenset(
    ["summary", "roles", "params", "data", "records", "subject", "prior", "run", "acts", "now", "outcome", "findings"]
)


@dataclass(frozen=True)
class Sample:
    """A case that a gate's author wrote, and what it must come to.

    Attributes:
        gate: The gate.
        path: The sample's file.
        content: roles, params, data (columns, or a path beside the file), records, subject, prior (findings of
            other gates), run (facts of the run), acts (by kind; each with ``at``, ``by``, ``about`` and details), now;
            ``outcome`` and ``findings`` as expected.
    """

    gate: Gate
    path: Path
    content: Mapping[str, Any]

    @property
    def outcome(self) -> str:
        """The outcome that it states."""
        return str(self.content["outcome"])

    def case(self) -> Case:
        """The case that the gate is shown.

        Raises:
            InputError: a parameter, a data set or a finding cannot be read.
        """
        content = self.content
        return Case(
            gate=self.gate.id,
            params=self.gate.params(content.get("params") or {}, str(self.path)),
            roles={role: tuple(columns) for role, columns in (content.get("roles") or {}).items()},
            data={role: self._data(role, source) for role, source in (content.get("data") or {}).items()},
            now=datetime.fromisoformat(content["now"]) if content.get("now") else NOW,
            subject=Subject(**content["subject"]) if content.get("subject") else None,
            records=content.get("records") or {},
            findings={
                gate: tuple(parse(Finding, finding) for finding in findings)
                for gate, findings in (content.get("prior") or {}).items()
            },
            run=content.get("run") or {},
            acts={kind: tuple(self._acts(kind, entries)) for kind, entries in (content.get("acts") or {}).items()},
        )

    def _acts(self, kind: str, entries: Sequence[Mapping[str, Any]]) -> Iterator[Act]:
        if kind not in ACTS:
            remedy = f"Choose from: {', '.join(ACTS)}."
            raise InputError(f"there are no acts of the kind {kind!r}", where=str(self.path), remedy=remedy)
        for entry in entries:
            details = {name: value for name, value in entry.items() if name not in ("at", "by", "about")}
            at, by = datetime.fromisoformat(entry["at"]), tuple(entry.get("by", ("somebody",)))
            yield Act(kind, at, by, entry.get("about", "default/model"), digest([kind, entry]), details)

    def _data(self, role: str, source: Any) -> Dataset:
        if isinstance(source, str):
            return Dataset.open(self.path.parent / source, role=role)
        import pandas as pd

        return Dataset.open(pd.DataFrame({name: list(values) for name, values in source.items()}), role=role)

    def differences(self) -> list[str]:
        """Run the gate on it: what came out otherwise than the sample states; empty where nothing did."""
        findings = run_gate(self.gate, self.case())
        rows = [asdict(finding) for finding in findings]
        outcome = outcome_of(findings)
        lines = [f"{self.path}: the outcome is {outcome}, not {self.outcome}"] if outcome != self.outcome else []
        lines += [
            f"{self.path}: no finding is {expected}"
            for expected in self.content.get("findings") or []
            if not any(_matches(expected, row) for row in rows)
        ]
        return [*lines, *(f"  found: {row}" for row in rows)] if lines else []


def read_samples(gate: Gate) -> Iterator[Sample]:
    """The samples of a gate, by file name.

    Raises:
        InputError: one cannot be read, lacks its outcome, or has a key that no sample has.
    """
    for path in sorted((gate.folder / "samples").glob("*.yaml")):
        document = read(path)
        content = document.value
        if not isinstance(content, Mapping) or "outcome" not in content:
            remedy = "Write outcome: pass, fail, inconclusive or error."
            raise InputError("a sample states its outcome, and this one does not", where=str(path), remedy=remedy)
        for key in content:
            if key not in KEYS:
                remedy = f"Choose from: {', '.join(sorted(KEYS))}."
                raise InputError(f"a sample has no key {key!r}", where=document.place((key,)), remedy=remedy)
        yield Sample(gate, path, content)


def _matches(expected: Any, actual: Any) -> bool:
    """Whether all that is expected is there: mappings in part, numbers nearly, text exactly (after ``~`` in part)."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and _matches(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, str) and expected.startswith("~"):
        return isinstance(actual, str) and expected[1:].strip() in actual
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        return isinstance(actual, Sequence) and len(expected) == len(actual) and all(map(_matches, expected, actual))
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        return isinstance(actual, int | float) and math.isclose(actual, expected, rel_tol=1e-6, abs_tol=1e-9)
    return bool(expected == actual)
