"""The parameters of the gate, checked; and the limits it sets where none is given."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates import Case, InputError, Limit

from .methods import BANDED, DEFAULT, METHODS
from .streams import DETECTORS, Streams, read_streams

__all__ = ["CONVENTIONS", "EVIDENTLY", "Settings"]

#: evidently's choice among its methods, by the size of the reference and the kind of the column.
EVIDENTLY = "evidently"

#: Conventions, not law: 0.2 is the customary bound of a significant shift in PSI; those of evidently's distances are
#: its defaults, and the others are a tenth for shares that differ and a twentieth for rows.
CONVENTIONS: Mapping[str, Any] = {
    "psi": 0.2,
    "csi": 0.2,
    "jensenshannon": 0.1,
    "kl_div": 0.1,
    "hellinger": 0.1,
    "wasserstein": 0.1,
    "ks": 0.1,
    "TVD": 0.1,
    "ed": 0.1,
    "p_value": 0.05,
    "drift_share": 0.5,
    "missing_increase": 0.05,
    "unseen_share": 0.05,
    "row_overlap_share": 0.05,
    "ADWIN": 0,
    "KSWIN": 0,
    "PageHinkley": 0,
    "DDM": 0,
}
_SHARES = ("missing_share", "missing_increase", "unseen_share", "row_overlap_share", "drift_share")
_CORRECTIONS = ("simultaneous", "benjamini-hochberg", "bonferroni", "none")
_BINS = ("quantile", "evidently")
_OPS = ("<=", "<", ">=", ">")


@dataclass(frozen=True)
class Settings:
    """What to measure and how to judge it.

    Attributes:
        method: Method names for all columns, or by column; None for the default. ``evidently`` is its choice by size.
        quantiles: Whether bands are cut by the reference's quantiles; else bins are evidently's.
        columns: The columns asked for by name; None for all that both sets should have.
        limits: Measure (or ``p_value``) -> limit.
        chunk: Rows, or a period such as ``1d``; None for all of production at once.
        correction: For many verdicts: ``simultaneous`` (the intervals of all together keep the confidence),
            ``bonferroni`` (the same, of p-values), ``benjamini-hochberg`` (of p-values) or ``none``.
        confidence: Of the intervals, two-sided.
        looks: How many windows of production are looked at; all of them together keep the confidence.
        min_rows: Fewer rows than this never show that nothing moved.
        streams: How detectors of river run.
        histograms: Of how many columns bins are given for a picture.
        html: Whether evidently's own page is attached.
        shares_rows: Whether production may hold rows of the other sets.
        crosscheck: Up to how many rows of each set a library measures beside the gate; 0: none.
        bands: Column -> the inner ends of its bands, where they are given.
    """

    method: tuple[str, ...] | Mapping[str, tuple[str, ...]] | None
    quantiles: bool
    columns: tuple[str, ...] | None
    limits: Mapping[str, Limit]
    chunk: int | str | None
    correction: str
    confidence: float
    looks: int
    min_rows: int
    streams: Streams
    histograms: int
    html: bool
    shares_rows: bool
    crosscheck: int
    bands: Mapping[str, tuple[float, ...]]

    @classmethod
    def of(cls, case: Case) -> "Settings":
        """Read a case's parameters.

        Raises:
            InputError: a parameter makes no sense, with what would.
        """
        params = case.params
        correction = params.get("correction") or _CORRECTIONS[0]
        _require(correction in _CORRECTIONS, "correction", correction, f"Choose from: {', '.join(_CORRECTIONS)}.")
        confidence = _value(params, "confidence", 0.95)
        _require(0.5 <= confidence < 1, "confidence", confidence, "Give a number from 0.5 to below 1, such as 0.95.")
        looks = _value(params, "looks", 1)
        _require(1 <= looks <= 10_000, "looks", looks, "Give a whole number of windows from 1 to 10,000.")
        min_rows = _value(params, "min_rows", 30)
        _require(min_rows >= 2, "min_rows", min_rows, "Give a whole number of at least 2.")
        chunk, columns, limits = _chunk(params.get("chunk")), _columns(params.get("columns")), _limits(params)
        times = case.roles.get("timestamp", ())
        streams = read_streams(params.get("streams"), times[0] if len(times) == 1 else None, limits)
        most = _value(params, "histograms", 12)
        _require(0 <= most <= 100, "histograms", most, "Give a number of columns from 0 to 100.")
        method, html, shares = _methods(params.get("method")), bool(params.get("html")), bool(params.get("shares_rows"))
        bins = params.get("bins") or _BINS[0]
        _require(bins in _BINS, "bins", bins, f"Choose from: {', '.join(_BINS)}.")
        quantiles = bins == _BINS[0]
        beside = int(_value(params, "crosscheck", 0))
        _require(beside >= 0, "crosscheck", beside, "Give a number of rows; 0 compares none.")
        return cls(
            method,
            quantiles,
            columns,
            limits,
            chunk,
            correction,
            confidence,
            looks,
            min_rows,
            streams,
            most,
            html,
            shares,
            beside,
            _bands(params.get("bands") or {}, quantiles, method),
        )

    @property
    def tail(self) -> float:
        """What an interval leaves out at each end: of one look, an equal part of what all may leave out together."""
        return (1 - self.confidence) / 2 / self.looks

    def times(self, verdicts: int) -> int:
        """By how many a tail is divided where so many verdicts stand beside each other."""
        return 1 if self.correction == "none" else max(verdicts, 1)

    def methods_for(self, column: str) -> tuple[str, ...]:
        """The methods of a column; the default where none is named for it."""
        if isinstance(self.method, Mapping):
            return self.method.get(column, (DEFAULT,))
        return self.method or (DEFAULT,)


def _wrong(name: str, value: object, remedy: str) -> InputError:
    return InputError(f"{name} cannot be {value!r}", where=f"parameter {name}", remedy=remedy)


def _require(sound: bool, name: str, value: object, remedy: str) -> None:
    if not sound:
        raise _wrong(name, value, remedy)


def _value(params: Mapping[str, Any], name: str, default: float) -> Any:
    return default if params.get(name) is None else params[name]


def _chunk(raw: Any) -> int | str | None:
    sound = not isinstance(raw, int) or raw >= 1
    _require(sound, "chunk", raw, 'Give a number of rows, or a period such as "1d".')
    chunk: int | str | None = raw
    return chunk


def _bands(raw: Mapping[str, Any], quantiles: bool, method: Any) -> Mapping[str, tuple[float, ...]]:
    """The inner ends of bands by column, for methods that compare bands."""
    _require(quantiles or not raw, "bands", raw, "bins: evidently has bins of its own; leave one of the two out.")
    for column, ends in raw.items():
        numbers = isinstance(ends, list | tuple) and all(
            isinstance(end, int | float) and not isinstance(end, bool) and math.isfinite(end) for end in ends
        )
        remedy = 'Give each column the inner ends of its bands, which rise: {"score": [0.05, 0.2, 0.5]}.'
        _require(numbers and bool(ends) and list(ends) == sorted(set(ends)), "bands", {column: ends}, remedy)
        methods = method.get(column, (DEFAULT,)) if isinstance(method, Mapping) else method or (DEFAULT,)
        remedy = f"Only these methods compare bands: {', '.join(BANDED)}."
        _require(bool(set(BANDED) & set(methods)), "bands", {column: ends}, remedy)
    return {column: tuple(map(float, ends)) for column, ends in raw.items()}


def _columns(raw: Any) -> tuple[str, ...] | None:
    """The columns, each once; None where nobody named any."""
    if raw is None:
        return None
    sound = bool(raw) and all(isinstance(name, str) for name in raw)
    _require(sound, "columns", raw, "List at least one column name.")
    return tuple(dict.fromkeys(raw))


def _names(raw: Any) -> tuple[str, ...]:
    known = ", ".join((*METHODS, *DETECTORS, EVIDENTLY))
    names = (raw,) if isinstance(raw, str) else tuple(raw) if isinstance(raw, list | tuple) else ()
    for name in names:
        if name not in METHODS and name not in DETECTORS and name != EVIDENTLY:
            raise _wrong("method", name, f"Choose from: {known}.")
    if not names:
        raise _wrong("method", raw, f"Name one of: {known}.")
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
