"""Does the model know what it does not know?"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from aims_gates import Case, Finding, Limit, Outcome, intervals, with_conventions
from aims_gates.gatekit import SampleRate, judge_interval, like_counts, outcome_remedy, tally_rows

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
    least, most, low, high = rows.data.query(f"SELECT min(s), max(s), min(sure), max(sure) FROM ({rows.sql}) AS r")[0]
    if rows.spelling:
        yield Finding("labels", note=rows.spelling)
    yield from like_counts(case, rows.data)
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
    family = len(limits)
    yield _rate(
        "selective_error",
        requested.errors,
        rows,
        limits.get("selective_error"),
        family,
        over={"coverage": coverage},
        note=f"error of the most confident {coverage:.0%}, which are at least {requested.least:.3g} sure",
        remedy="Let the model decide fewer rows by itself, or improve it.",
    )
    yield _gain(requested, rows, limits.get("abstention_gain"), family)
    for retained in curve:
        yield _rate("risk_at_coverage", retained.errors, rows, None, family, over={"coverage": retained.coverage})
    limit, message = limits.get("low_confidence_share"), f"rows that are less than {low:g} sure"
    remedy = "Have people decide these rows, and plan for as many."
    kinds = f"SELECT CASE WHEN sure < {low!r} THEN 1 ELSE 0 END AS kind, w, c FROM ({rows.sql}) AS r"
    tally = tally_rows(rows.data, kinds, 2, cluster=rows.clustered, sampling=rows.sampling)[()]
    share = tally.rate([1], [0, 1])
    yield _rate("low_confidence_share", share, rows, limit, family, note=message, remedy=remedy)
    yield from calibration_findings(rows, limits.get("expected_calibration_error"), family)
    yield from histogram_findings(rows)


def _rate(
    measure: str,
    rate: SampleRate,
    rows: Rows,
    limit: Limit | None,
    family: int,
    *,
    over: Mapping[str, float] | None = None,
    note: str | None = None,
    remedy: str = "",
) -> Finding:
    hits = (rate.value or 0.0) * rate.n
    return intervals.rate_finding(
        measure,
        hits,
        rate.n,
        limit,
        rows.confidence,
        comparisons=family,
        df=rate.df,
        over=over,
        note=note,
        remedy=remedy,
    )


def _gain(retained: Kept, rows: Rows, limit: Limit | None, family: int) -> Finding:
    """Error of the rows left to people minus error of those kept: what abstaining is worth. Interval: MOVER's."""
    if retained.left.value is None or retained.errors.value is None:
        outcome: Outcome | None = "inconclusive" if limit else None
        return Finding("abstention_gain", n=0, limit=limit, outcome=outcome, note="the model decides every row")

    def ends(times: int) -> tuple[float, float]:
        counts = (*retained.left.counts(rows.confidence, times), *retained.errors.counts(rows.confidence, times))
        low, high = intervals.exact_difference(*counts, rows.confidence, times)
        return float(low), float(high)

    value, plain = retained.left.value - retained.errors.value, ends(1)
    outcome, why = judge_interval(limit, value, plain, ends(family)) if limit else (None, None)
    note = f"{retained.left.value:.1%} of the rows left to people would have been wrong"
    remedy = outcome_remedy(outcome, "The confidence says little: calibrate, or choose another measure of it.")
    return Finding(
        "abstention_gain",
        value,
        *plain,
        n=rows.n,
        over={"coverage": retained.coverage},
        limit=limit,
        outcome=outcome,
        note="; ".join(filter(None, [note, why])),
        remedy=remedy,
    )
