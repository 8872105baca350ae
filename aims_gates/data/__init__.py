"""Data sets reduced to statistics where they live, and intervals around those statistics."""

from aims_gates.data import intervals
from aims_gates.data.dataset import Dataset

__all__ = ["Dataset", "intervals"]
