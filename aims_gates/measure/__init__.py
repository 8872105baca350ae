"""Data sets reduced to statistics where they live, and intervals around those statistics."""

from aims_gates.measure import intervals
from aims_gates.measure.dataset import Dataset

__all__ = ["Dataset", "intervals"]
