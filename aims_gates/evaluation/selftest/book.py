"""The published figures as they stand in ``figures/*.yaml``: what was printed, where, and what it is computed from."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import AfterValidator, model_validator

from aims_gates.documents.schema import StrictModel
from aims_gates.documents.strict_yaml import parse, read

__all__ = ["Book", "GateExample", "GateFigure", "IntervalExample", "FigureTable", "published", "tolerance"]

_FIGURES = Path(__file__).parent / "figures"
#: Agreement asked of a figure that its source prints in full: eight significant digits. The inputs of some (1000000.1)
#: have no finite binary form, and a deviation of them no more than nine right digits in double precision.
_EXACT = 1e-8
#: What rounding to double precision may add to half a unit of the last printed digit.
_ROUNDING = 1e-12


def _printed(text: str) -> str:
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number as printed") from None
    if not number.is_finite():
        raise ValueError(f"{text!r} is not finite")
    return text


Printed = Annotated[str, AfterValidator(_printed)]


def tolerance(printed: str, exact: bool = False, cut: bool = False) -> float:
    """How far a value may be from a number as printed: half a unit of its last digit, or nothing but rounding.

    Args:
        printed: The number with all its digits.
        exact: The source prints it in full.
        cut: The source cuts further digits off instead of rounding: a whole unit.
    """
    number = Decimal(printed)
    if exact:
        return max(_ROUNDING, _EXACT * abs(float(number)))
    exponent = number.as_tuple().exponent
    assert isinstance(exponent, int)
    return (1.0 if cut else 0.5) * 10.0**exponent + _ROUNDING


class IntervalCase(StrictModel):
    """Arguments of an interval's function, and the two ends that were printed."""

    arguments: tuple[float, ...]
    published: tuple[Printed, Printed]


class IntervalExample(StrictModel):
    """Figures of the function of :mod:`aims_gates.data.intervals` that the id names, from one paper."""

    id: str
    source: str
    examples: tuple[IntervalCase, ...]


class FigureTable(StrictModel):
    """A data set: distinct rows, each ending in how often it occurs, or the values of each column."""

    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Any, ...], ...] = ()
    values: Mapping[str, tuple[Any, ...]] = {}
    constant: Mapping[str, Any] = {}

    @model_validator(mode="after")
    def _one_form(self) -> "FigureTable":
        if bool(self.rows) == bool(self.values):
            raise ValueError("a table has either rows or values")
        if any(len(row) != len(self.columns) + 1 for row in self.rows):
            raise ValueError("each row has a value for each column, and how often it occurs")
        return self

    def frame(self) -> pd.DataFrame:
        """The data set, row by row."""
        if self.rows:
            repeated = [row[:-1] for row in self.rows for _ in range(row[-1])]
            frame = pd.DataFrame(repeated, columns=list(self.columns))
        else:
            frame = pd.DataFrame({name: list(column) for name, column in self.values.items()})
        return frame.assign(**self.constant)


class GateFigure(StrictModel):
    """One number that a gate must come to.

    Attributes:
        measure, by, over: Which finding; ``over`` may name less than the finding does.
        part: Which number of it.
        scale: What the finding's number is multiplied by: 100 where the source prints percent.
        exact, cut: As :func:`tolerance`.
    """

    measure: str
    published: Printed
    by: Mapping[str, str] = {}
    over: Mapping[str, Any] = {}
    part: Literal["value", "low", "high", "p_value"] = "value"
    scale: int = 1
    exact: bool = False
    cut: bool = False

    @property
    def tolerance(self) -> float:
        """How far the gate's number may be from the printed one."""
        return tolerance(self.published, self.exact, self.cut)


class GateExample(StrictModel):
    """Figures that one gate computes from one set of tables."""

    id: str
    gate: str
    source: str
    data: Mapping[str, FigureTable]
    figures: tuple[GateFigure, ...]
    roles: Mapping[str, tuple[str, ...]] = {}
    params: Mapping[str, Any] = {}


class Book(StrictModel):
    """All figures of one file, or of all."""

    intervals: tuple[IntervalExample, ...] = ()
    gates: tuple[GateExample, ...] = ()


def published() -> Book:
    """Every published figure that is shipped.

    Raises:
        InputError: a file of figures is malformed.
    """
    books = [parse(Book, read(path)) for path in sorted(_FIGURES.glob("*.yaml"))]
    return Book(
        intervals=tuple(example for book in books for example in book.intervals),
        gates=tuple(example for book in books for example in book.gates),
    )
