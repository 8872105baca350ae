"""Recomputing published figures: intervals by their function, gates on files as ``aims-gates try`` runs them."""

import tempfile
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aims_gates.data import Dataset, intervals
from aims_gates.errors import AimsGatesError
from aims_gates.evaluation.run_gate import run_gate
from aims_gates.evaluation.selftest.book import Book, GateExample, GateFigure, IntervalExample, tolerance
from aims_gates.evaluation.selftest.sheet import FigureRow
from aims_gates.model import Finding
from aims_gates.packs.case import Case
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate

__all__ = ["recompute"]

#: The parameter of gates that a library can measure beside, up to how many rows it does, and their finding on it.
_BESIDE, _MOST_ROWS, _AGREEMENT = "crosscheck", 100_000, "agreement"
Progress = Callable[[str, int, int], None]


def recompute(
    book: Book, gates: Mapping[str, Gate] | None = None, progress: Progress | None = None
) -> tuple[FigureRow, ...]:
    """A row for each figure of the book. What cannot be computed is a row that does not agree, and says why.

    Args:
        book: The figures.
        gates: The gates that compute them; without it those that are shipped.
        progress: Called before each example: its id, how many are done, how many there are.
    """
    here = find_gates() if gates is None else gates
    examples: list[IntervalExample | GateExample] = [*book.intervals, *book.gates]
    rows: list[FigureRow] = []
    for place, example in enumerate(examples):
        if progress is not None:
            progress(example.id, place, len(examples))
        rows += _interval(example) if isinstance(example, IntervalExample) else _gate(example, here)
    return tuple(rows)


def _interval(example: IntervalExample) -> Iterator[FigureRow]:
    function = getattr(intervals, example.id, None) if example.id in intervals.__all__ else None
    for case in example.examples:
        arguments = ", ".join(f"{argument:g}" for argument in case.arguments)
        ends, note = _ends(function, case.arguments)
        for side, printed, end in zip(("low", "high"), case.published, ends, strict=True):
            yield FigureRow.of(
                f"{example.id}/{arguments}/{side}", example.source, printed, end, tolerance(printed), note
            )


def _ends(
    function: Callable[..., Any] | None, arguments: tuple[float, ...]
) -> tuple[tuple[float | None, float | None], str | None]:
    if function is None:
        return (None, None), "there is no such function"
    try:
        low, high = function(*arguments)
        return (float(low), float(high)), None
    except Exception as error:  # noqa: BLE001 - whatever goes wrong, the figure was not recomputed
        return (None, None), f"{type(error).__name__}: {error}"


def _gate(example: GateExample, gates: Mapping[str, Gate]) -> Iterator[FigureRow]:
    findings, problem = _findings(example, gates)
    for figure in example.figures:
        value, note = (None, problem) if problem else _value(figure, findings)
        yield FigureRow.of(
            f"{example.id}/{_name(figure)}", example.source, figure.published, value, figure.tolerance, note
        )
    yield from _beside_library(example, findings)


def _beside_library(example: GateExample, findings: tuple[Finding, ...]) -> Iterator[FigureRow]:
    """How far the example's figures are from those of the library that measured them in the same run, where it did.

    A library that is not installed compares nothing: the published figures are recomputed without it.
    """
    for finding in findings:
        if finding.measure == _AGREEMENT and finding.limit is not None and not finding.missing:
            source = f"{finding.note} (in this run)" if finding.outcome == "pass" else "the library, in this run"
            note = None if finding.outcome == "pass" else finding.note
            yield FigureRow.of(f"{example.id}/{_AGREEMENT}", source, "0", finding.value, finding.limit.value, note)


def _findings(example: GateExample, gates: Mapping[str, Gate]) -> tuple[tuple[Finding, ...], str | None]:
    if example.gate not in gates:
        return (), f"there is no gate {example.gate!r}"
    gate = gates[example.gate]
    try:
        with tempfile.TemporaryDirectory() as folder:
            opened = {}
            for role, table in example.data.items():
                path = Path(folder, f"{role}.csv")
                table.frame().to_csv(path, index=False)
                opened[role] = Dataset.open(path, role=role)
            beside = {_BESIDE: _MOST_ROWS} if _BESIDE in gate.manifest.parameters else {}
            case = Case(gate.id, gate.params(beside | dict(example.params)), example.roles, opened, datetime.now(UTC))
            return run_gate(gate, case), None
    except (AimsGatesError, OSError) as error:
        return (), str(error)


def _value(figure: GateFigure, findings: tuple[Finding, ...]) -> tuple[float | None, str | None]:
    matching = [finding for finding in findings if _matches(figure, finding)]
    if len(matching) != 1:
        broken = [finding.note for finding in findings if finding.outcome == "error" and finding.note]
        return None, "; ".join(broken) or f"{len(matching)} findings of the gate are this figure, not one"
    number = getattr(matching[0], figure.part)
    return (None, matching[0].note or "unknown") if number is None else (number * figure.scale, None)


def _matches(figure: GateFigure, finding: Finding) -> bool:
    over = dict(finding.over or {})
    return (
        finding.measure == figure.measure
        and dict(finding.by) == dict(figure.by)
        and all(name in over and _plain(over[name]) == _plain(value) for name, value in figure.over.items())
    )


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, list | tuple) else value


def _name(figure: GateFigure) -> str:
    groups = ", ".join(f"{column}={value}" for column, value in figure.by.items())
    part = "" if figure.part == "value" else f"/{figure.part}"
    percent = " (%)" if figure.scale == 100 else ""
    return f"{figure.measure}{f' [{groups}]' if groups else ''}{part}{percent}"
