"""What came true of each bin of scores: the points of a calibration curve. Information, never judged."""

from collections.abc import Iterator

from aims_gates import Finding, intervals

from .rows import Rows

__all__ = ["calibration_shares"]


def calibration_shares(rows: Rows) -> Iterator[Finding]:
    """calibration_share of every bin of equal width that has rows: the share with the favourable label.

    ``over`` has the bin's mean score, which a calibrated model meets. Nothing where scores are no probabilities.
    """
    last = rows.bins - 1
    place = f"CASE WHEN s >= 1 THEN {last} WHEN s < 0 THEN 0 ELSE CAST(floor(s * {rows.bins}) AS INTEGER) END"
    sums = f"SELECT {place} AS b, sum(w), sum(w * s), sum(w * y), min(s), max(s) FROM ({rows.base()}) AS r"
    found = rows.data.query(f"{sums} GROUP BY {place} ORDER BY 1")
    if any(not 0 <= end <= 1 for *_, low, high in found for end in (low, high)):
        return
    for b, n, scores, labels, *_ in found:
        if not n:
            continue
        share, over = float(labels) / float(n), {"bin": f"{b / rows.bins:g} to {(b + 1) / rows.bins:g}"}
        low, high = intervals.wilson(float(labels), float(n), rows.confidence)
        mean = float(scores) / float(n)
        yield Finding("calibration_share", share, low, high, n=float(n), over={**over, "mean_score": mean})
