"""Does the model know what it does not know?"""

from collections.abc import Iterator
from dataclasses import replace

from aims_gates import Case, Finding, Limit, Outcome, intervals, with_conventions
from aims_gates.gatekit import outcome_remedy

from .abstention import Kept, risk_coverage
from .calibration import calibration_findings, histogram_findings
from .rows import Rows, read_rows

__all__ = ["run"]

#: One error in five among the rows that the model decides by itself: a convention.
_CONVENTIONS = {"selective_error": Limit("<=", 0.2)}
_MEASURES = (*_CONVENTIONS, "abstention_gain", "expected_calibration_error", "low_confidence_share")
_CURVE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def run(case: Case) -> Iterator[Finding]:
    """What :func:`_findings` says; where every row has the same score, confidence tells nothing and nothing passes."""
    rows = read_rows(case)
    least, most, low, high = rows.data.query(f"SELECT min(s), max(s), min(c), max(c) FROM ({rows.sql}) AS r")[0]
    for finding in _findings(case, rows):
        if (low == high or least == most) and finding.outcome == "pass":
            note = "; ".join(filter(None, [finding.note, "every row has the same score"]))
            yield replace(finding, outcome="inconclusive", note=note, remedy="Use scores that tell rows apart.")
        else:
            yield finding


def _findings(case: Case, rows: Rows) -> Iterator[Finding]:
    """The error at the coverage asked for and along the curve, the share low in confidence, calibration, histogram."""
    limits = with_conventions(case.params["limits"], _CONVENTIONS, _MEASURES)
    coverage, low = case.number("coverage", 0.01, 1), case.number("low_confidence", 0, 1)
    requested, *curve = risk_coverage(rows, (coverage, *_CURVE))
    yield intervals.rate_finding(
        "selective_error",
        requested.errors,
        requested.rows,
        limits.get("selective_error"),
        rows.confidence,
        over={"coverage": coverage},
        note=f"error of the most confident {coverage:.0%}, which are at least {requested.least:.3g} sure",
        remedy="Let the model decide fewer rows by itself, or improve it.",
    )
    yield _gain(requested, curve[-1], rows, limits.get("abstention_gain"))
    for retained in curve:
        over = {"coverage": retained.coverage}
        yield intervals.rate_finding(
            "risk_at_coverage", retained.errors, retained.rows, None, rows.confidence, over=over
        )
    unsure = rows.data.query(f"SELECT coalesce(sum(w) FILTER (c < {low!r}), 0) FROM ({rows.sql})")[0][0]
    limit, message = limits.get("low_confidence_share"), f"rows that are less than {low:g} sure"
    remedy = "Have people decide these rows, and plan for as many."
    yield intervals.rate_finding(
        "low_confidence_share", unsure, rows.n, limit, rows.confidence, note=message, remedy=remedy
    )
    yield from calibration_findings(rows, limits.get("expected_calibration_error"))
    yield from histogram_findings(rows)


def _gain(retained: Kept, everything: Kept, rows: Rows, limit: Limit | None) -> Finding:
    """Error of the rows left to people minus error of those kept: what abstaining is worth. Interval: Newcombe's."""
    left, errors = everything.rows - retained.rows, everything.errors - retained.errors
    if left <= 0:
        outcome: Outcome | None = "inconclusive" if limit else None
        return Finding("abstention_gain", n=0, limit=limit, outcome=outcome, note="the model decides every row")
    value = errors / left - retained.errors / retained.rows
    low, high = intervals.newcombe_difference(errors, left, retained.errors, retained.rows, rows.confidence)
    outcome = limit.verdict(value, low, high) if limit else None
    note = f"{errors / left:.1%} of the rows left to people would have been wrong"
    remedy = outcome_remedy(outcome, "The confidence says little: calibrate, or choose another measure of it.")
    return Finding(
        "abstention_gain",
        value,
        low,
        high,
        n=rows.n,
        over={"coverage": retained.coverage},
        limit=limit,
        outcome=outcome,
        note=note,
        remedy=remedy,
    )
