"""Rehearsals: a profile's rules tried on made-up cases, two profiles compared, a change tried on what is stored."""

from aims_gates.rehearsal.fixtures import Fixture, fixtures_of, rehearse, synthetic
from aims_gates.rehearsal.scene import Scene, Twist
from aims_gates.rehearsal.trials import Trial, trials

__all__ = ["Fixture", "Scene", "Trial", "Twist", "fixtures_of", "rehearse", "synthetic", "trials"]
