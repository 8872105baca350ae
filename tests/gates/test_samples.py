"""Every gate carries its own trial: samples that pass and samples that fail."""

import pytest

from aims_gates.packs.find import find_gates

from .conftest import Sample, check_sample, samples


@pytest.mark.parametrize("sample", samples(), ids=lambda sample: f"{sample.gate.id}-{sample.path.stem}")
def test_a_sample_comes_to_the_outcome_and_the_findings_it_states(sample: Sample) -> None:
    check_sample(sample)


@pytest.mark.parametrize("gate", sorted(find_gates()))
def test_every_gate_has_a_passing_and_a_failing_sample(gate: str) -> None:
    outcomes = {sample.outcome for sample in samples(gate)}
    assert {"pass", "fail"} <= outcomes, f"{gate} has samples for {sorted(outcomes)} only"
