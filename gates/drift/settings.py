"""The parameters of the gate, checked; and the limits it sets where none is given."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates import Case, InputError, Limit

from .methods import METHODS
from .streams import DETECTORS, Streams, read_streams

__all__ = ["CONVENTIONS", "Settings"]

#: Conventions, not law: 0.2 is the customary bound of a significant shift in PSI; the others are evidently's defaults.
CONVENTIONS: Mapping[str, Any] = {
    "psi": 0.2,
    "jensenshannon": 0.1,
    "kl_div": 0.1,
    "hellinger": 0.1,
    "wasserstein": 0.1,
    "ed": 0.1,
    "p_value": 0.05,
    "drift_share": 0.5,
    "ADWIN": 0,
    "KSWIN": 0,
    "PageHinkley": 0,
    "DDM": 0,
}
_SHARES = ("missing_share", "unseen_share", "drift_share")
_CORRECTIONS = ("benjamini-hochberg", "bonferroni", "none")
_OPS = ("<=", "<", ">=", ">")


@dataclass(frozen=True)
class Settings:
    """What to measure and how to judge it.

    Attributes:
        method: Method names for all columns, or by column, or None for evidently's choice.
        columns: The columns asked for by name; None for all that both sets should have.
        limits: Measure (or ``p_value``) -> limit.
        chunk: Rows, or a period such as ``1d``; None for all of production at once.
        correction: For many tests: ``benjamini-hochberg``, ``bonferroni`` or ``none``.
        confidence: Of the intervals, two-sided.
        min_rows: A test that finds nothing in fewer rows than this has not shown that there is nothing.
        streams: How detectors of river run.
        histograms: Of how many columns bins are given for a picture.
        html: Whether evidently's own page is attached.
    """

    method: tuple[str, ...] | Mapping[str, tuple[str, ...]] | None
    columns: tuple[str, ...] | None
    limits: Mapping[str, Limit]
    chunk: int | str | None
    correction: str
    confidence: float
    min_rows: int
    streams: Streams
    histograms: int
    html: bool

    @classmethod
    def of(cls, case: Case) -> "Settings":
        """Read a case's parameters.

        Raises:
            InputError: a parameter makes no sense, with what would.
        """
        params = case.params
        correction = params.get("correction") or _CORRECTIONS[0]
        if correction not in _CORRECTIONS:
            raise _wrong("correction", correction, f"Choose from: {', '.join(_CORRECTIONS)}.")
        confidence = 0.95 if params.get("confidence") is None else params["confidence"]
        if not 0.5 <= confidence < 1:
            raise _wrong("confidence", confidence, "Give a number from 0.5 to below 1, such as 0.95.")
        min_rows = 30 if params.get("min_rows") is None else params["min_rows"]
        if min_rows < 2:
            raise _wrong("min_rows", min_rows, "Give a whole number of at least 2.")
        chunk = params.get("chunk")
        if isinstance(chunk, int) and chunk < 1:
            raise _wrong("chunk", chunk, 'Give a number of rows, or a period such as "1d".')
        columns = params.get("columns")
        if columns is not None and not (columns and all(isinstance(name, str) for name in columns)):
            raise _wrong("columns", columns, "List at least one column name.")
        names = tuple(dict.fromkeys(columns)) if columns else None
        limits = _limits(params)
        times = case.roles.get("timestamp", ())
        streams = read_streams(params.get("streams"), times[0] if len(times) == 1 else None, min_rows, limits)
        most = 12 if params.get("histograms") is None else params["histograms"]
        if not 0 <= most <= 100:
            raise _wrong("histograms", most, "Give a number of columns from 0 to 100.")
        method, html = _methods(params.get("method")), bool(params.get("html"))
        return cls(method, names, limits, chunk, correction, confidence, min_rows, streams, most, html)

    @property
    def tail(self) -> float:
        """What an interval leaves out at each end."""
        return (1 - self.confidence) / 2

    def methods_for(self, column: str, default: str) -> tuple[str, ...]:
        """The methods of a column; ``default`` where none is named for it."""
        if isinstance(self.method, Mapping):
            return self.method.get(column, (default,))
        return self.method or (default,)


def _wrong(name: str, value: object, remedy: str) -> InputError:
    return InputError(f"{name} cannot be {value!r}", where=f"parameter {name}", remedy=remedy)


def _names(raw: Any) -> tuple[str, ...]:
    names = (raw,) if isinstance(raw, str) else tuple(raw) if isinstance(raw, list | tuple) else ()
    for name in names:
        if name not in METHODS and name not in DETECTORS:
            raise _wrong("method", name, f"Choose from: {', '.join((*METHODS, *DETECTORS))}.")
    if not names:
        raise _wrong("method", raw, f"Name one of: {', '.join((*METHODS, *DETECTORS))}.")
    return tuple(dict.fromkeys(names))


def _methods(raw: Any) -> tuple[str, ...] | Mapping[str, tuple[str, ...]] | None:
    if raw is None:
        return None
    return {column: _names(names) for column, names in raw.items()} if isinstance(raw, Mapping) else _names(raw)


def _limits(raw: Mapping[str, Any]) -> Mapping[str, Limit]:
    """The conventions, overlaid with what was given; null takes a limit away."""
    limits = dict(CONVENTIONS) | dict(raw.get("limits") or {})
    result = {}
    for measure, limit in limits.items():
        if measure not in (*METHODS, *DETECTORS, *_SHARES, "p_value"):
            known = ", ".join([*METHODS, *DETECTORS, *_SHARES, "p_value"])
            raise _wrong("limits", measure, f"Choose from: {known}.")
        if limit is not None:
            result[measure] = _limit(measure, limit)
    return result


def _limit(measure: str, raw: Any) -> Limit:
    floor = measure == "p_value"
    shape = raw if isinstance(raw, Mapping) else {"op": ">=" if floor else "<=", "value": raw}
    op, value = shape.get("op"), shape.get("value")
    sound = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if set(shape) != {"op", "value"} or op not in _OPS or not sound:
        raise _wrong("limits", {measure: raw}, 'Write {"op": "<=", "value": 0.1}.')
    if str(op).startswith(">") != floor:
        remedy = f"{measure} is bounded from {'below' if floor else 'above'}: use {'>=' if floor else '<='}."
        raise _wrong("limits", {measure: raw}, remedy)
    return Limit(op, float(value or 0))
