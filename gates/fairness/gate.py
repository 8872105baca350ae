"""Fairness: one GROUP BY, then every rate by group, and every gap between groups, with its interval."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

from aims_gates import Case, Finding

from .cells import MISSING, Cell, count_cells, tabulate
from .gaps import gap_findings
from .groups import group_findings
from .question import Question, ask
from .regression import is_regression, regression_findings
from .scores import above_median

__all__ = ["run"]

#: With more sensitive columns than this, only each alone and all together are compared.
_ALL_SUBSETS = 3


def run(case: Case) -> Iterator[Finding]:
    """Every measure of contracts: by group, by intersection, over groups, and inside each stratum."""
    positive = case.params["positive"]
    classes = positive if isinstance(positive, list | tuple) else [None]
    measured = set()
    for label in classes:
        for finding in _findings(ask(case, label)):
            measured.add(finding.measure)
            yield finding if label is None else replace(finding, over={**(finding.over or {}), "class": str(label)})
    if "scoring_rate_ratio" in measured:
        measured.add("demographic_parity_ratio")
    for measure, limit in ask(case).limits.items():
        if measure not in measured:
            note = "not measured: the roles given (target, prediction, score) do not allow it"
            remedy = "Name the columns it needs with --role, or drop the limit."
            yield Finding(measure, limit=limit, outcome="inconclusive", note=note, remedy=remedy)


def _findings(question: Question) -> Iterator[Finding]:
    if is_regression(question):
        yield from regression_findings(question, _sets(question.sensitive))
        return
    decided = question.decided
    if decided is None:
        question, decided = above_median(question)
    cells = count_cells(question, decided)
    strata = _strata(question, cells)
    for columns in _sets(question.sensitive):
        for stratum in ({}, *strata):
            families = max(1, len(strata)) if stratum else 1
            table = tabulate(question, cells, columns, stratum)
            if question.drop_missing:
                yield Finding("rows_dropped", table.dropped, by=stratum, over={"sensitive": list(columns)})
            yield from group_findings(question, table, families)
            yield from gap_findings(question, table, families)


def _sets(sensitive: Sequence[str]) -> list[tuple[str, ...]]:
    """Each column alone, and the intersections."""
    sizes = range(1, len(sensitive) + 1) if len(sensitive) <= _ALL_SUBSETS else (1, len(sensitive))
    return [columns for size in sizes for columns in combinations(sensitive, size)]


def _strata(question: Question, cells: Sequence[Cell]) -> list[dict[str, str]]:
    """Every combination of control values that occurs."""
    found = {tuple(MISSING if value is None else value for value in cell.strata) for cell in cells}
    return [dict(zip(question.control, values, strict=True)) for values in sorted(found) if values]
