"""Fairness: one GROUP BY, then every rate by group, and every gap between groups, with its interval."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

from aims_gates import Case, Finding
from aims_gates.gatekit import like_counts

from .cells import MISSING, Cell, count_cells, link_cells, tabulate
from .champion import champion_findings
from .crosscheck import crosscheck
from .gaps import gap_findings
from .groups import group_findings
from .question import Question, ask
from .regression import is_regression, regression_findings
from .scores import above_median
from .strata import adjusted_findings, notes_on_strata

__all__ = ["run"]

#: With more sensitive columns than this, only each alone and all together are compared.
_ALL_SUBSETS = 3


def run(case: Case) -> Iterator[Finding]:
    """Every measure of contracts: by group, by intersection, over groups, and inside each stratum."""
    positive = case.params["positive"]
    first = positive[0] if isinstance(positive, list | tuple) and positive else None
    spelling = ask(case, first).spelling
    if spelling:
        yield Finding("labels", note=spelling)
    yield from like_counts(case, case.dataset("evaluation"))
    measured = set()
    for finding in _measured(case, positive):
        measured.add(finding.measure)
        yield finding
    if "scoring_rate_ratio" in measured:
        measured.add("demographic_parity_ratio")
    for measure, limit in ask(case).limits.items():
        if measure not in measured:
            note = "not measured: the roles given (target, prediction, score) do not allow it"
            remedy = "Name the columns it needs with --role, or drop the limit."
            yield Finding(measure, limit=limit, outcome="inconclusive", note=note, remedy=remedy)


def _measured(case: Case, positive: Any) -> Iterator[Finding]:
    """The findings of the one favourable label, or of each of several classes."""
    if not isinstance(positive, list | tuple):
        question = ask(case)
        yield from _findings(question)
        yield from _beside_champion(case, question)
        return
    yield from _whole_accuracy(ask(case))
    classes = list(dict.fromkeys(positive))
    for label in classes:
        for finding in _findings(ask(case, label), len(classes)):
            yield replace(finding, over={**(finding.over or {}), "class": str(label)})


def _beside_champion(case: Case, question: Question) -> Iterator[Finding]:
    for columns in () if is_regression(question) else _sets(question.sensitive):
        yield from champion_findings(case, question, columns)


def _findings(question: Question, classes: int = 1) -> Iterator[Finding]:
    """One question's findings; ``classes`` are judged beside each other, and corrected for."""
    if is_regression(question):
        yield from regression_findings(question, _sets(question.sensitive), classes * _family_size(question))
        return
    decided = question.decided
    if decided is None:
        question, decided = above_median(question)
    cells = count_cells(question, decided)
    constant = len({cell.decision for cell in cells if cell.weight > 0}) < 2
    judged = list(_judged(question, cells, decided, classes))
    for finding in judged:
        yield _open(finding) if constant and finding.outcome == "pass" and finding.measure != "count" else finding
    if question.crosscheck:
        yield crosscheck(question, decided, cells, _sets(question.sensitive), judged)


def _open(finding: Finding) -> Finding:
    """Where everybody gets the same, no decision was looked at."""
    note = "; ".join(filter(None, [finding.note, "every row has the same decision"]))
    return replace(finding, outcome="inconclusive", note=note, remedy="Evaluate on rows with both decisions.")


def _judged(question: Question, cells: Sequence[Cell], decided: str, classes: int) -> Iterator[Finding]:
    strata = _strata(question, cells)
    family = classes * _family_size(question)
    for columns in _sets(question.sensitive):
        linked = link_cells(question, decided, columns)
        whole = tabulate(question, cells, columns, {}, linked)
        parts = [tabulate(question, cells, columns, stratum, linked) for stratum in strata]
        notes = notes_on_strata(question, whole, parts)
        for table in (whole, *parts):
            # Half of the error is for all rows, half for the strata.
            families = family * (2 * len(parts) if table.stratum else 2 if parts else 1)
            if question.drop_missing:
                yield Finding("rows_dropped", table.dropped, by=table.stratum, over={"sensitive": list(columns)})
            yield from group_findings(question, table, families)
            yield from gap_findings(question, table, families, {} if table.stratum else notes)
        yield from adjusted_findings(question, whole, parts)


def _family_size(question: Question) -> int:
    """Limits times sets of columns that are judged beside each other: what roles and plan fix beforehand."""
    return max(1, len(set(question.limits) - {"count"})) * len(_sets(question.sensitive))


def _whole_accuracy(question: Question) -> Iterator[Finding]:
    """Of several classes together: the share of rows whose decision is their label, by group, and its gaps."""
    if question.target is None or question.prediction is None or question.ruled:
        return
    data = question.data
    right = f"CAST({data.same_sql(question.target, question.prediction)} AS TINYINT)"
    alone = replace(question, label=None, decided=right, counted="accuracy")
    for finding in _findings(alone):
        if finding.measure.startswith("accuracy"):
            yield finding


def _sets(sensitive: Sequence[str]) -> list[tuple[str, ...]]:
    """Each column alone, and the intersections."""
    sizes = range(1, len(sensitive) + 1) if len(sensitive) <= _ALL_SUBSETS else (1, len(sensitive))
    return [columns for size in sizes for columns in combinations(sensitive, size)]


def _strata(question: Question, cells: Sequence[Cell]) -> list[dict[str, str]]:
    """Every combination of control values that occurs."""
    strata = {tuple(MISSING if value is None else value for value in cell.strata) for cell in cells}
    return [dict(zip(question.control, values, strict=True)) for values in sorted(strata) if values]
