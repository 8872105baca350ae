"""Has every adverse decision a reason, and which ones are given?"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from aims_gates import Case, DataError, Dataset, Finding, Limit, Outcome, intervals

from .reasons import Reasons, key_sql

__all__ = ["coverage_findings", "missing_reasons"]

_MOST_CODES = 50


def missing_reasons(limit: Limit) -> Finding:
    """Decisions are there, their reasons are not."""
    note = "there is no explanations data, so no adverse decision is shown to have a reason"
    remedy = "Give --data explanations=FILE; or set the limit on reason_coverage to null and say why."
    return Finding("reason_coverage", limit=limit, outcome="inconclusive", note=note, remedy=remedy)


def coverage_findings(
    case: Case, reasons: Reasons, limits: Mapping[str, Limit], confidence: float
) -> Iterator[Finding]:
    """reason_coverage and undeclared_reason_share, counted exactly, and the share of decisions that give each reason.

    Raises:
        DataError: a decision has no id, or two have the same.
        InputError: which decision is adverse is not declared.
    """
    data = case.dataset("evaluation")
    adverse = _adverse(case, data)
    codes = None if case.params["codes"] is None else [str(code) for code in case.params["codes"]]
    declared = "TRUE" if codes is None else "list_contains(?, r)"
    listed: list[object] = [] if codes is None else [codes]
    n = data.query(f"SELECT count(*) FROM ({adverse})")[0][0]
    limit = limits.get("reason_coverage")
    if not n:
        outcome: Outcome | None = "inconclusive" if limit else None
        remedy = "Evaluate on rows with both decisions; name the adverse one with 'adverse' or 'positive'."
        yield Finding(
            "reason_coverage", n=0, limit=limit, outcome=outcome, note="no decision is adverse", remedy=remedy
        )
        return
    pairs_sql = f"SELECT DISTINCT k, r FROM ({reasons.sql}) SEMI JOIN ({adverse}) AS d USING (k)"
    covered = int(data.query(f"SELECT count(DISTINCT k) FROM ({pairs_sql}) WHERE {declared}", listed)[0][0])
    finding = _coverage(covered, int(n), limit, codes)
    if data.rows < 2 and finding.outcome == "pass":
        finding = replace(
            finding, outcome="inconclusive", note="one row shows nothing", remedy="Evaluate on more rows."
        )
    yield finding
    total, strange = data.query(f"SELECT count(*), count(*) FILTER (NOT {declared}) FROM ({pairs_sql})", listed)[0]
    if codes is not None and total:
        yield _undeclared(int(strange), int(total), limits.get("undeclared_reason_share"))
    sql = f"SELECT r, count(*) FROM ({pairs_sql}) GROUP BY r ORDER BY count(*) DESC, r LIMIT {_MOST_CODES}"
    yield from _distribution(data.query(sql), int(n), codes, confidence)


def _adverse(case: Case, data: Dataset) -> str:
    """``SELECT k`` of the adverse decisions."""
    key, prediction = (case.needed_column(role) for role in ("id", "prediction"))
    data.complete(key, prediction)
    if data.query(f"SELECT 1 FROM data GROUP BY {data.quote(key)} HAVING count(*) > 1 LIMIT 1"):
        remedy = "Name the column that identifies a decision."
        raise DataError(f"the same {key!r} is there twice", where=data.where, remedy=remedy)
    if case.params["adverse"] is not None:
        against = f"{data.label_sql(prediction, case.params['adverse'])} = 1"
    else:
        label = data.label_sql(prediction, case.params["positive"])
        if data.query(f"SELECT 1 FROM data WHERE {label} = 2 LIMIT 1"):
            raise data.strange_labels(prediction)
        against = f"{label} = 0"
    return f"SELECT {key_sql(data, key)} AS k FROM {data.table} WHERE {against}"


def _coverage(covered: int, n: int, limit: Limit | None, codes: Sequence[str] | None) -> Finding:
    outcome = limit.verdict(covered / n) if limit else None
    note = f"{n - covered:,} of {n:,} adverse decisions have no {'declared ' if codes else ''}reason"
    if codes is None:
        note += "; no codes are declared, so any text counts"
    remedy = "Explain every adverse decision with a declared code." if outcome == "fail" else None
    return Finding("reason_coverage", covered / n, n=n, limit=limit, outcome=outcome, note=note, remedy=remedy)


def _undeclared(strange: int, total: int, limit: Limit | None) -> Finding:
    value, note = strange / total, f"{strange:,} of {total:,} reasons are none of the declared codes"
    outcome = limit.verdict(value) if limit else None
    remedy = "Declare them in 'codes', or map them to declared ones." if outcome == "fail" else None
    return Finding("undeclared_reason_share", value, n=total, limit=limit, outcome=outcome, note=note, remedy=remedy)


def _distribution(
    counts: Sequence[tuple[str, int]], n: int, codes: Sequence[str] | None, confidence: float
) -> Iterator[Finding]:
    """reason_share: the share of adverse decisions that give a reason; declared codes that nobody got have 0."""
    counts_by_code = {str(code): int(rows) for code, rows in counts}
    for code in (*counts_by_code, *(code for code in dict.fromkeys(codes or ()) if code not in counts_by_code)):
        rows = counts_by_code.get(code, 0)
        low, high = intervals.exact_rate(rows, n, confidence)
        note = None if codes is None or code in codes else "not declared"
        yield Finding("reason_share", rows / n, low, high, n=n, over={"reason": code}, note=note)
