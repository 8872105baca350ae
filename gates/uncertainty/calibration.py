"""Calibration by bin of the score, and how confidence is spread."""

from collections.abc import Iterator

from aims_gates import Finding, Limit, intervals
from aims_gates.gatekit import bin_name, bin_sql, calibration_bins, calibration_error, outcome_remedy

from .rows import Rows

__all__ = ["calibration_findings", "histogram_findings"]


def calibration_findings(rows: Rows, limit: Limit | None) -> Iterator[Finding]:
    """calibration_gap and calibration_share of every bin that has rows, and expected_calibration_error over them.

    The gap is the share that came true minus the mean score, with Wilson's interval.
    """
    bins = calibration_bins(rows.data, rows.sql, rows.bins, hit="h")[None]
    for one in bins:
        low, high = intervals.wilson(one.hits, one.n, rows.confidence)
        mean, over = one.mean_score, {"bin": bin_name(one.place, rows.bins)}
        note = f"{one.share:.3f} came true where {mean:.3f} was said"
        yield Finding("calibration_gap", one.share - mean, low - mean, high - mean, n=one.n, over=over, note=note)
        yield Finding("calibration_share", one.share, low, high, n=one.n, over={**over, "mean_score": mean})
    value, low, high = calibration_error(bins, rows.confidence)
    outcome = limit.verdict(value, low, high) if limit else None
    yield Finding(
        "expected_calibration_error",
        value,
        low,
        high,
        n=rows.n,
        limit=limit,
        outcome=outcome,
        note=f"{rows.bins} bins of equal width; interval: sum of the bins' intervals",
        remedy=outcome_remedy(outcome, "Calibrate the scores anew, on rows set aside."),
    )


def histogram_findings(rows: Rows) -> Iterator[Finding]:
    """confidence_share: the share of rows in each bin of confidence in the decision."""
    sql = f"SELECT {bin_sql('c', rows.bins)} AS b, sum(w) FROM ({rows.sql}) GROUP BY b ORDER BY b"
    for b, n in rows.data.query(sql):
        yield Finding("confidence_share", n / rows.n, n=rows.n, over={"bin": bin_name(int(b), rows.bins)})
