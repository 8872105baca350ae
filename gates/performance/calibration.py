"""What came true of each bin of scores: the points of a calibration curve. Information, never judged."""

from collections.abc import Iterator

from aims_gates import Finding, intervals
from aims_gates.gatekit import bin_name, calibration_bins

from .rows import Rows

__all__ = ["calibration_shares"]


def calibration_shares(rows: Rows) -> Iterator[Finding]:
    """calibration_share of every bin of equal width that has rows: the share with the favourable label.

    ``over`` has the bin's mean score, which a calibrated model meets. Nothing where scores are no probabilities.
    """
    base = rows.base()
    if rows.data.query(f"SELECT 1 FROM ({base}) AS r WHERE NOT s BETWEEN 0 AND 1 LIMIT 1"):
        return
    for one in calibration_bins(rows.data, base, rows.bins).get(None, []):
        low, high = intervals.wilson(one.hits, one.n, rows.confidence)
        over = {"bin": bin_name(one.place, rows.bins), "mean_score": one.mean_score}
        yield Finding("calibration_share", one.share, low, high, n=one.n, over=over)
