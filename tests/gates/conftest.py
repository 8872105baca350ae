"""What the tests of gates share: a gate's samples as cases, and a shorter way to run a gate on columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aims_gates import Case, Dataset, Finding, Subject
from aims_gates.documents.strict_yaml import parse, read
from aims_gates.evaluation.run_gate import outcome_of, run_gate
from aims_gates.packs.find import find_gates

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
_KEYS = {"summary", "roles", "params", "data", "records", "subject", "prior", "now", "outcome", "findings"}


@dataclass(frozen=True)
class Sample:
    """A case that a gate's author wrote, and what it must come to.

    Attributes:
        gate: The gate's id.
        path: Its file.
        content: roles, params, data (columns, or a path beside the file), records, subject, prior (findings of
            other gates), now; ``outcome`` and ``findings`` as expected.
    """

    gate: str
    path: Path
    content: Mapping[str, Any]

    def case(self) -> Case:
        content = self.content
        return Case(
            gate=self.gate,
            params=find_gates()[self.gate].params(content.get("params") or {}, str(self.path)),
            roles={role: tuple(columns) for role, columns in (content.get("roles") or {}).items()},
            data={role: self._data(role, given) for role, given in (content.get("data") or {}).items()},
            now=datetime.fromisoformat(content["now"]) if content.get("now") else NOW,
            subject=Subject(**content["subject"]) if content.get("subject") else None,
            records=content.get("records") or {},
            findings={
                gate: tuple(parse(Finding, finding) for finding in found)
                for gate, found in (content.get("prior") or {}).items()
            },
        )

    def _data(self, role: str, given: Any) -> Dataset:
        if isinstance(given, str):
            return Dataset.open(self.path.parent / given, role=role)
        return Dataset.open(pd.DataFrame({name: list(values) for name, values in given.items()}), role=role)


def samples(gate: str | None = None) -> list[Sample]:
    """Every sample of every gate (or of one)."""
    return [
        Sample(found.id, path, read(path).value)
        for found in find_gates().values()
        if gate in (None, found.id)
        for path in sorted((found.folder / "samples").glob("*.yaml"))
    ]


def matches(expected: Any, actual: Any) -> bool:
    """Whether all that is expected is there: mappings in part, numbers nearly, text exactly."""
    if isinstance(expected, Mapping):
        return isinstance(actual, Mapping) and all(
            key in actual and matches(value, actual[key]) for key, value in expected.items()
        )
    if isinstance(expected, str) and expected.startswith("~"):
        return isinstance(actual, str) and expected[1:].strip() in actual
    if isinstance(expected, Sequence) and not isinstance(expected, str):
        return isinstance(actual, Sequence) and len(expected) == len(actual) and all(map(matches, expected, actual))
    if isinstance(expected, int | float) and not isinstance(expected, bool):
        return isinstance(actual, int | float) and actual == pytest.approx(expected, rel=1e-6, abs=1e-9)
    return bool(expected == actual)


def check_sample(sample: Sample) -> None:
    """Run a sample and compare.

    Raises:
        AssertionError: the outcome or a finding differs, or the sample says something unknown.
    """
    strange = set(sample.content) - _KEYS
    assert not strange, f"{sample.path}: unknown keys {sorted(strange)}"
    found = run_gate(find_gates()[sample.gate], sample.case())
    plain = [asdict(finding) for finding in found]
    listed = "\n".join(map(str, plain))
    assert outcome_of(found) == sample.content["outcome"], f"{sample.path}:\n{listed}"
    for expected in sample.content.get("findings") or []:
        assert any(matches(expected, actual) for actual in plain), f"{sample.path}: no {expected} in\n{listed}"


@pytest.fixture
def run() -> Callable[..., tuple[Finding, ...]]:
    """``run("drift", {"reference": frame, ...}, roles={...}, **params)``: the findings."""

    def runs(gate: str, data: Mapping[str, Any], roles: Mapping[str, Any] | None = None, **params: Any) -> Any:
        found = find_gates()[gate]
        sets = {role: Dataset.open(given, role=role) for role, given in data.items()}
        named = {role: tuple(columns) for role, columns in (roles or {}).items()}
        return run_gate(found, Case(gate, found.params(params), named, sets, NOW))

    return runs


@pytest.fixture
def shared() -> Path:
    """Data sets with published figures, where they are at hand."""
    if not SHARED.is_dir():
        pytest.skip("the shared data are not here")
    return SHARED / "data"
