"""What came true of each band of scores: the points of a calibration curve. Information, never judged."""

from collections.abc import Iterator

from aims_gates import Finding
from aims_gates.gatekit import calibration_bins

from .rows import Rows

__all__ = ["calibration_shares"]


def calibration_shares(rows: Rows) -> Iterator[Finding]:
    """calibration_share of every band that has rows: the share with the favourable label.

    ``over`` has the band's mean score, which a calibrated model meets. Nothing where scores are no probabilities.
    """
    base = rows.base()
    if rows.data.query(f"SELECT 1 FROM ({base}) AS r WHERE NOT s BETWEEN 0 AND 1 LIMIT 1"):
        return
    clustered = rows.cluster is not None
    bands = calibration_bins(rows.data, base, rows.bands, sampling=rows.sampling, cluster=clustered)
    for one in bands.get(None, []):
        low, high = one.rate.interval(rows.confidence)
        over = {"bin": one.name, "mean_score": one.mean_score}
        yield Finding("calibration_share", one.share, low, high, n=one.n, over=over)
