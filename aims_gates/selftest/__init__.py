"""Published figures, recomputed by the functions that decide: who validated this tool, on this machine?"""

from aims_gates.selftest.book import Book, published
from aims_gates.selftest.recompute import recompute
from aims_gates.selftest.sheet import FigureRow, Sheet, sheet, sign_sheet

__all__ = ["Book", "FigureRow", "Sheet", "published", "recompute", "sheet", "sign_sheet"]
