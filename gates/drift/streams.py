"""Change detectors for streams: the reference and then production, row by row in order of time, as river does it.

ADWIN (A. Bifet, R. Gavalda, SIAM International Conference on Data Mining 2007, 443-448), KSWIN (C. Raab, M. Heusinger,
F.-M. Schleif, Neurocomputing 416 (2020) 340-351), PageHinkley (E. S. Page, Biometrika 41 (1954) 100-115), and of a
column that is 1 where the model was wrong DDM (J. Gama et al., SBIA 2004, 286-295). Needs the extra ``streams``. The
rows of one column at a time come into memory.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates import DataError, Dataset, Finding, InputError, Limit

from .columns import Column
from .pair import Pair

__all__ = ["DETECTORS", "Streams", "read_streams"]

#: river's names.
DETECTORS = ("ADWIN", "KSWIN", "PageHinkley", "DDM")
#: Beyond this many rows of both sets a row-wise detector takes minutes; periods can be summed up first.
_MOST_ROWS = 20_000_000
_SEED = 42


@dataclass(frozen=True)
class Streams:
    """How detectors run.

    Attributes:
        time: The column in the role timestamp; None takes rows as they stand.
        options: Detector -> its arguments, river's names.
        limits: Detector -> what the number of changes must be.
    """

    time: str | None
    options: Mapping[str, Mapping[str, Any]]
    limits: Mapping[str, Limit]

    def finding(self, name: str, pair: Pair, over: Mapping[str, Any]) -> Finding:
        """The number of changes that the detector saw in production, and where the first one was.

        Raises:
            DataError: the values have no order, there are too many, or a row has no time.
            InputError: the extra is not installed, or the detector does not take its arguments.
        """
        if not pair.number and not _truth(pair.production):
            remedy = f"Choose another method for it; {name} takes numbers, times and truth values."
            raise DataError(f"{name} does not take {pair.name!r}, which holds categories", remedy=remedy)
        if sum(pair.sizes) > _MOST_ROWS:
            remedy = "Compare sums by day or hour, or shorter periods."
            raise DataError(f"{name} goes row by row, and there are {sum(pair.sizes):,} rows", remedy=remedy)
        if name == "DDM" and _others(pair):
            raise DataError(
                f"{pair.name!r} holds more than 0 and 1", remedy="DDM takes a column that is 1 for an error."
            )
        detector = _detector(name, self.options.get(name, {}))
        before = sum(_changes(detector, self._ordered(pair.reference)))
        changes = [row for row, changed in enumerate(_changes(detector, self._ordered(pair.production))) if changed]
        return self._judged(name, pair, over, changes, before)

    def _ordered(self, column: Column) -> Iterator[float]:
        part, x = column.part, _number(column)
        if self.time is None:
            sql = f"SELECT {x} AS x FROM {part.sql}"
        else:
            part.data.complete(self.time)
            sql = f"SELECT {x} AS x, {Dataset.quote(self.time)} AS t FROM {part.sql}"
        order = "" if self.time is None else " ORDER BY t"
        return (float(row[0]) for row in part.data.query(f"SELECT x FROM ({sql}) AS r WHERE x IS NOT NULL{order}"))

    def _judged(self, name: str, pair: Pair, over: Mapping[str, Any], changes: list[int], before: int) -> Finding:
        limit, n = self.limits.get(name), pair.sizes[1]
        outcome = limit.verdict(len(changes)) if limit else None
        notes = [f"first change at row {changes[0]:,} of production (from 0)"] if changes else []
        if outcome == "pass":
            outcome = "inconclusive"
            notes.append("a detector that sees no change shows nothing: only methods with an upper bound pass")
        if before:
            notes.append(f"{before} changes within the reference itself: it may be no steady state")
        if self.time is None:
            notes.append("no column has the role timestamp, so rows count in the order in which they stand")
        notes.append("the detector has its own false alarms, and no interval")
        remedies = {
            "fail": f"Look at what changed in {pair.name!r} from that row on.",
            "inconclusive": "Compare the column by a method that can pass too, such as psi.",
        }
        remedy = remedies.get(outcome or "")
        note = "; ".join(notes)
        return Finding(name, len(changes), n=n, over=dict(over), limit=limit, outcome=outcome, note=note, remedy=remedy)


def _truth(column: Column) -> bool:
    return column.part.data.kind(column.name) == "boolean"


def _number(column: Column) -> str:
    return f"CAST(CAST({Dataset.quote(column.name)} AS INTEGER) AS DOUBLE)" if _truth(column) else column.sql


def _others(pair: Pair) -> bool:
    return any(
        column.part.data.query(f"SELECT 1 FROM {column.part.sql} WHERE {_number(column)} NOT IN (0, 1) LIMIT 1")
        for column in (pair.reference, pair.production)
    )


def _detector(name: str, options: Mapping[str, Any]) -> Any:
    try:
        from river import drift
    except ImportError as error:
        remedy = "Install the extra: pip install 'aims-gates[gates]'"
        raise InputError(
            f"{name} needs river, which is not installed", where="parameter method", remedy=remedy
        ) from error
    seeded = {"seed": _SEED} if name == "KSWIN" else {}
    try:
        return getattr(drift.binary if name == "DDM" else drift, name)(**{**seeded, **options})
    except (TypeError, ValueError) as error:
        remedy = f"Give it river's own arguments of {name}."
        raise InputError(
            f"{name} does not take {dict(options)!r}: {error}", where="parameter streams", remedy=remedy
        ) from error


def _changes(detector: Any, values: Iterator[float]) -> Iterator[bool]:
    for value in values:
        detector.update(value)
        yield bool(detector.drift_detected)


def read_streams(raw: Any, time: str | None, limits: Mapping[str, Limit]) -> Streams:
    """The parameter ``streams``: detector -> arguments.

    Raises:
        InputError: it names no detector, or gives no arguments.
    """
    options = raw or {}
    for name, arguments in options.items():
        if name not in DETECTORS or not isinstance(arguments, Mapping):
            remedy = f'Write {{"ADWIN": {{"delta": 0.002}}}}; the detectors are {", ".join(DETECTORS)}.'
            raise InputError(f"streams cannot be {raw!r}", where="parameter streams", remedy=remedy)
    return Streams(time, options, {name: limit for name, limit in limits.items() if name in DETECTORS})
