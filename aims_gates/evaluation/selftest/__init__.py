"""Published figures, recomputed by the functions that decide: who validated this tool, on this machine?"""

from aims_gates.evaluation.selftest.book import Book, published
from aims_gates.evaluation.selftest.recompute import recompute
from aims_gates.evaluation.selftest.sheet import FigureRow, Sheet, sheet

__all__ = ["Book", "FigureRow", "Sheet", "published", "recompute", "sheet"]
