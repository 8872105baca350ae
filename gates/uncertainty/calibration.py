"""Calibration by bin of the score, and how confidence is spread."""

from collections.abc import Iterator

from aims_gates import Finding, Limit, Outcome
from aims_gates.gatekit import (
    bin_name,
    bin_sql,
    calibration_bins,
    calibration_error,
    judge_interval,
    one_band,
    outcome_remedy,
)

from .rows import Rows

__all__ = ["calibration_findings", "histogram_findings"]


def calibration_findings(rows: Rows, limit: Limit | None, family: int) -> Iterator[Finding]:
    """calibration_gap and calibration_share of every band that has rows, and expected_calibration_error over them.

    The gap is the share that came true minus the mean score, with Wilson's interval. ``family`` is how many limits are
    judged beside each other.
    """
    bins = calibration_bins(rows.data, rows.sql, rows.bands, hit="h", sampling=rows.sampling, cluster=rows.clustered)[
        None
    ]
    for one in bins:
        low, high = one.rate.interval(rows.confidence)
        mean, over = one.mean_score, {"bin": one.name}
        note = f"{one.share:.3f} came true where {mean:.3f} was said"
        yield Finding("calibration_gap", one.share - mean, low - mean, high - mean, n=one.n, over=over, note=note)
        yield Finding("calibration_share", one.share, low, high, n=one.n, over={**over, "mean_score": mean})
    value, low, high = calibration_error(bins, rows.confidence)
    why = one_band(bins)
    outcome: Outcome | None = None
    if limit:
        sure = calibration_error(bins, rows.confidence, family)[1:]
        outcome, why = ("inconclusive", why) if why else judge_interval(limit, value, (low, high), sure)
    note = f"{len(bins)} bands; interval: sum of the bands' intervals"
    yield Finding(
        "expected_calibration_error",
        value,
        low,
        high,
        n=rows.n,
        limit=limit,
        outcome=outcome,
        note="; ".join(filter(None, [note, why])),
        remedy=outcome_remedy(outcome, "Calibrate the scores anew, on rows set aside."),
    )


def histogram_findings(rows: Rows) -> Iterator[Finding]:
    """confidence_share: the share of rows in each band of equal width of confidence in the decision."""
    sql = f"SELECT {bin_sql('sure', rows.bins)} AS b, sum(w) FROM ({rows.sql}) AS r GROUP BY b ORDER BY b"
    for b, n in rows.data.query(sql):
        yield Finding("confidence_share", n / rows.weight, n=rows.n, over={"bin": bin_name(int(b), rows.bins)})
