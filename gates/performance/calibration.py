"""What came true of each band of scores: the points of a calibration curve. Information, never judged."""

from collections.abc import Iterator

from aims_gates import Finding

from .rows import Rows

__all__ = ["calibration_shares"]


def calibration_shares(rows: Rows) -> Iterator[Finding]:
    """calibration_share of every band that has rows: the share with the favourable label.

    ``over`` has the band's mean score, which a calibrated model meets. Nothing where scores are no probabilities.
    """
    if not rows.probabilities:
        return
    for one in rows.binned:
        low, high = one.rate.interval(rows.confidence)
        over = {"bin": one.name, "mean_score": one.mean_score}
        yield Finding("calibration_share", one.share, low, high, n=one.n, over=over)
