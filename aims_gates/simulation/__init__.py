"""Rehearsals: a profile's rules tried on made-up cases, two profiles compared, a change tried on what is stored."""

from aims_gates.simulation.fixtures import Fixture, fixtures_of, rehearse, synthetic
from aims_gates.simulation.scene import Change, Scenario
from aims_gates.simulation.trials import Trial, trials

__all__ = ["Fixture", "Scenario", "Trial", "Change", "fixtures_of", "rehearse", "synthetic", "trials"]
