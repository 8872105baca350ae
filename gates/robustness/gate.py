"""Do predictions hold when the input is noisy, incomplete or attacked? Paired, row by row, for each perturbation."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

import numpy as np

from aims_gates import Case, DataError, Finding, Limit, Outcome, intervals, with_conventions
from aims_gates.gatekit import Tally, judge_interval, outcome_remedy, tally_rows, unweighted

from .pairs import Pairs, read_pairs

__all__ = ["mcnemar", "run"]

#: Conventions: one decision in twenty, five points of a hundred.
_CONVENTIONS = {"flip_rate": Limit("<=", 0.05), "accuracy_drop": Limit("<=", 0.05)}
_MEASURES = (*_CONVENTIONS, "no_answer_share")
_REMEDY = "Train on inputs like these, or catch them before the model; or have the limit reviewed."


def run(case: Case) -> Iterator[Finding]:
    """flip_rate, no_answer_share, accuracy_drop and score_change of every perturbation."""
    yield from unweighted(case, "rows are counted as they stand")
    limits = with_conventions(case.params["limits"], _CONVENTIONS, _MEASURES)
    confidence = case.number("confidence", 0.5, 0.999999)
    pairs = _judged(read_pairs(case), [str(pattern) for pattern in case.params["left_out"] or ()])
    yield from _spelling(case, pairs)
    tallies, scores = _tallies(pairs), _scores(pairs)
    judged = pairs.judged and pairs.tolerance is None
    family = len(pairs.names) * len(set(limits) - (set() if judged else {"accuracy_drop"}))
    constant = len(pairs.data.query(f"SELECT d FROM ({pairs.sql}) AS r GROUP BY d LIMIT 2")) < 2
    for name in pairs.names:
        by = {pairs.by: name} if pairs.by and name is not None else {}
        question = _Question(tallies[(name,)], by, limits, confidence, family)
        for finding in _perturbation(pairs, question, scores.get(name, (None, None))):
            yield _open(finding) if constant and finding.outcome == "pass" else finding
    yield from _not_tried(case, pairs)
    limit = limits.get("accuracy_drop")
    if limit and "accuracy_drop" in (case.params["limits"] or {}) and not pairs.judged:
        note, remedy = "it is under a limit and no column has the role target", "Name it: --role target=COLUMN."
        yield Finding("accuracy_drop", limit=limit, outcome="inconclusive", note=note, remedy=remedy)


def _spelling(case: Case, pairs: Pairs) -> Iterator[Finding]:
    """Which labels differ only in capital letters."""
    spelling = pairs.data.case_note(case.column("prediction"), case.column("target"))
    if spelling:
        yield Finding("labels", note=spelling)


def _not_tried(case: Case, pairs: Pairs) -> Iterator[Finding]:
    """An error for each perturbation that is required and has no rows."""
    for name in map(str, dict.fromkeys(case.params["required_perturbations"] or ())):
        if name not in pairs.names:
            note = f"the perturbation {name!r} was not tried"
            remedy = "Add its predictions to the perturbed data, named in the column with the role perturbation."
            yield Finding("flip_rate", over={"perturbation": name}, outcome="error", note=note, remedy=remedy)


def _open(finding: Finding) -> Finding:
    """A model that always says the same holds under anything, and that shows nothing."""
    note = "; ".join(filter(None, [finding.note, "every prediction on the rows themselves is the same"]))
    return replace(finding, outcome="inconclusive", note=note, remedy="Evaluate on rows with different predictions.")


def _judged(pairs: Pairs, patterns: list[str]) -> Pairs:
    """The perturbations that are tests of robustness."""
    retained = {
        name: rows
        for name, rows in pairs.names.items()
        if name is None or not any(fnmatchcase(name, pattern) for pattern in patterns)
    }
    if not retained:
        remedy = "Perturb rows in other ways too (noise, missing, search), or change the parameter left_out."
        raise DataError("every perturbation is left out", where=pairs.data.where, remedy=remedy)
    return replace(pairs, names=retained)


#: A kind of row is the sum of these: 4 and 8 where they hold, and one of the four cells of right before and after.
_SILENT, _FLIPPED, _KINDS = 4, 8, 16


@dataclass(frozen=True)
class _Question:
    """One perturbation: its rows by kind, and how they are judged; ``family`` values are judged beside each other."""

    tally: Tally
    by: Mapping[str, str]
    limits: Mapping[str, Limit]
    confidence: float
    family: int


def _tallies(pairs: Pairs) -> Mapping[tuple[str | None, ...], Tally]:
    """Perturbation -> its rows by kind."""
    moved = f"NOT {pairs.unmoved}"
    if pairs.tolerance is not None:
        moved = f"(e IS NULL OR abs(d - e) > {pairs.tolerance!r})"
    parts = [(moved, _FLIPPED), ("e IS NULL", _SILENT), (f"NOT {pairs.right}", 2), (f"NOT {pairs.still}", 1)]
    kind = " + ".join(f"(CASE WHEN {sql} THEN {worth} ELSE 0 END)" for sql, worth in parts)
    rows = f"SELECT p AS k0, {kind} AS kind, 1 AS w, c FROM ({pairs.sql}) AS r"
    return tally_rows(pairs.data, rows, _KINDS, keys=1, cluster=pairs.clustered, sampling=False)


def _scores(pairs: Pairs) -> Mapping[str | None, tuple[float | None, float | None]]:
    """Perturbation -> the mean and the greatest change of the score; nothing where there are no scores."""
    if not pairs.scored:
        return {}
    sql = f"SELECT p, avg(abs(t - s)), max(abs(t - s)) FROM ({pairs.sql}) AS r GROUP BY p"
    return {name: (mean, most) for name, mean, most in pairs.data.query(sql)}


def _perturbation(pairs: Pairs, question: _Question, score: tuple[float | None, float | None]) -> Iterator[Finding]:
    kinds, everything = question.tally, list(range(_KINDS))
    rows = int(kinds.rows.sum())
    flips, silent = ([kind for kind in everything if kind & bit] for bit in (_FLIPPED, _SILENT))
    message = f"{int(kinds.rows[flips].sum()):,} of {rows:,} predictions moved" + (
        "" if rows == pairs.data.rows else f" ({pairs.data.rows:,} rows in all)"
    )
    result = {
        "flip_rate": (flips, message),
        "no_answer_share": (silent, "perturbed rows without a prediction count as flipped"),
    }
    for measure, (top, note) in result.items():
        if measure == "flip_rate" or kinds.rows[silent].any() or measure in question.limits:
            rate = kinds.rate(top, everything)
            yield intervals.rate_finding(
                measure,
                (rate.value or 0.0) * rate.n,
                rate.n,
                question.limits.get(measure),
                question.confidence,
                comparisons=question.family,
                df=rate.df,
                by=question.by,
                note=note,
                remedy=_REMEDY,
            )
    if pairs.judged and pairs.tolerance is None:
        yield _drop(question)
    mean, most = score
    if mean is not None:
        yield Finding(
            "mean_score_change", mean, n=rows, by=question.by, note=f"without its sign; the largest is {most:.3g}"
        )


def _drop(question: _Question) -> Finding:
    """Accuracy before minus accuracy after, on the same rows: MOVER's paired interval, McNemar's exact p-value.

    Non-inferiority: it passes when the whole interval lies below the margin. The p-value takes rows as independent.
    """
    limit, tally = question.limits.get("accuracy_drop"), question.tally
    cells = [float(tally.rows[[kind for kind in range(_KINDS) if kind & 3 == cell]].sum()) for cell in range(4)]
    _, lost, gained, _ = cells
    rows = sum(cells)
    value = (lost - gained) / rows
    gradient = np.array([(0, 1, -1, 0)[kind & 3] - value for kind in range(_KINDS)])
    n, df = tally.size(gradient, np.ones(_KINDS))

    def ends(times: int) -> tuple[float, float]:
        size = float(intervals.at_level(n, df, question.confidence, times))
        both, first, second, neither = (x / rows * size for x in cells)
        return intervals.exact_paired(both, first, second, neither, question.confidence, times)

    low, high = ends(1)
    outcome: Outcome | None = None
    note = f"{lost:,.0f} rows right before and wrong after, {gained:,.0f} the other way round; p: McNemar's exact test"
    if limit is not None:
        outcome, why = judge_interval(limit, value, (low, high), ends(question.family))
        note = "; ".join(filter(None, [note, why]))
    remedy = outcome_remedy(outcome, _REMEDY, "Perturb more rows.")
    p_value = mcnemar(lost, gained)
    return Finding(
        "accuracy_drop", value, low, high, p_value, n, question.by, None, limit, outcome, note=note, remedy=remedy
    )


def mcnemar(lost: float, gained: float) -> float:
    """Two-sided exact p-value that as many rows are lost as gained; 1 where none is either.

    Source: Q. McNemar, Psychometrika 12 (1947) 153-157; exact by the binomial distribution with probability one half.
    """
    from scipy.special import bdtr

    return min(1.0, 2 * float(bdtr(min(lost, gained), int(lost + gained), 0.5)))
