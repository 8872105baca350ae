"""Do predictions hold when the input is noisy, incomplete or attacked? Paired, row by row, for each perturbation."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase

from aims_gates import Case, DataError, Finding, Limit, Outcome, intervals, with_conventions
from aims_gates.gatekit import judge_interval, outcome_remedy, unweighted

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
    constant = len(pairs.data.query(f"SELECT d FROM ({pairs.sql}) AS r GROUP BY d LIMIT 2")) < 2
    for name, rows in pairs.names.items():
        by = {pairs.by: name} if pairs.by and name is not None else {}
        for finding in _perturbation(pairs, name, rows, by, limits, confidence):
            yield _open(finding) if constant and finding.outcome == "pass" else finding
    for name in dict.fromkeys(case.params["required_perturbations"] or ()):
        if str(name) not in pairs.names:
            note = f"the perturbation {name!r} was not tried"
            remedy = "Add its predictions to the perturbed data, named in the column with the role perturbation."
            yield Finding("flip_rate", over={"perturbation": str(name)}, outcome="error", note=note, remedy=remedy)
    if "accuracy_drop" in (case.params["limits"] or {}) and limits.get("accuracy_drop") and not pairs.judged:
        note, remedy = "it is under a limit and no column has the role target", "Name it: --role target=COLUMN."
        yield Finding("accuracy_drop", limit=limits["accuracy_drop"], outcome="inconclusive", note=note, remedy=remedy)


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


def _perturbation(
    pairs: Pairs, name: str | None, rows: int, by: Mapping[str, str], limits: Mapping[str, Limit], confidence: float
) -> Iterator[Finding]:
    flipped = "d IS DISTINCT FROM e"
    if pairs.tolerance is not None:
        flipped = f"(e IS NULL OR abs(d - e) > {pairs.tolerance!r})"
    right, still = "(d IS NOT DISTINCT FROM y)", "(e IS NOT DISTINCT FROM y)"
    cells = (
        f"{right} AND {still}",
        f"{right} AND NOT {still}",
        f"NOT {right} AND {still}",
        f"NOT {right} AND NOT {still}",
    )
    sums = [f"count(*) FILTER ({name})" for name in (flipped, "e IS NULL", *cells)]
    where = "p = ?" if name is not None else "p IS NULL"
    sql = f"SELECT {', '.join(sums)}, avg(abs(t - s)), max(abs(t - s)) FROM ({pairs.sql}) WHERE {where}"
    flips, silent, *table, mean, most = pairs.data.query(sql, [name] if name is not None else [])[0]
    times = len(pairs.names)
    message = f"{flips:,} of {rows:,} predictions moved" + (
        "" if rows == pairs.data.rows else f" ({pairs.data.rows:,} rows in all)"
    )
    result = {
        "flip_rate": (flips, message),
        "no_answer_share": (silent, "perturbed rows without a prediction count as flipped"),
    }
    for measure, (x, note) in result.items():
        if measure == "flip_rate" or silent or measure in limits:
            limit = limits.get(measure)
            yield intervals.rate_finding(
                measure, x, rows, limit, confidence, comparisons=times, by=by, note=note, remedy=_REMEDY
            )
    if pairs.judged and pairs.tolerance is None:
        yield _drop(table, by, limits.get("accuracy_drop"), confidence, times)
    if pairs.scored and mean is not None:
        yield Finding("mean_score_change", mean, n=rows, by=by, note=f"without its sign; the largest is {most:.3g}")


def _drop(table: list[int], by: Mapping[str, str], limit: Limit | None, confidence: float, times: int) -> Finding:
    """Accuracy before minus accuracy after, on the same rows: Newcombe's paired interval, McNemar's exact p-value.

    Non-inferiority: it passes when the whole interval lies below the margin.
    """
    both, lost, gained, neither = (float(x) for x in table)
    n = both + lost + gained + neither
    value = (lost - gained) / n
    low, high = intervals.paired_difference(both, lost, gained, neither, confidence)
    outcome: Outcome | None = None
    note = f"{lost:,.0f} rows right before and wrong after, {gained:,.0f} the other way round; p: McNemar's exact test"
    if limit is not None:
        wide = intervals.paired_difference(both, lost, gained, neither, 1 - (1 - confidence) / times)
        outcome, why = judge_interval(limit, value, (low, high), wide)
        note = "; ".join(filter(None, [note, why]))
    remedy = outcome_remedy(outcome, _REMEDY, "Perturb more rows.")
    p_value = mcnemar(lost, gained)
    return Finding("accuracy_drop", value, low, high, p_value, n, by, None, limit, outcome, note=note, remedy=remedy)


def mcnemar(lost: float, gained: float) -> float:
    """Two-sided exact p-value that as many rows are lost as gained; 1 where none is either.

    Source: Q. McNemar, Psychometrika 12 (1947) 153-157; exact by the binomial distribution with probability one half.
    """
    from scipy.special import bdtr

    if lost + gained == 0:
        return 1.0
    return min(1.0, 2 * float(bdtr(min(lost, gained), int(lost + gained), 0.5)))
