"""What the tests of gates share: a gate's samples as cases, and a shorter way to run a gate on columns."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from aims_gates import Case, Dataset, Finding
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.evaluation.samples import NOW, Sample, read_samples
from aims_gates.packs.find import find_gates

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def samples(gate: str | None = None) -> list[Sample]:
    """Every sample of every gate (or of one)."""
    return [sample for one in find_gates().values() if gate in (None, one.id) for sample in read_samples(one)]


def check_sample(sample: Sample) -> None:
    """Run a sample and compare.

    Raises:
        AssertionError: the outcome or a finding differs.
    """
    differences = sample.differences()
    assert not differences, "\n".join(differences)


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
