"""Calibration by bin of the score, and how confidence is spread."""

from collections.abc import Iterator

from aims_gates import Finding, Limit, intervals

from .rows import Rows

__all__ = ["calibration_findings", "histogram_findings"]


def calibration_findings(rows: Rows, limit: Limit | None) -> Iterator[Finding]:
    """calibration_gap and calibration_share of every bin that has rows, and expected_calibration_error over them.

    The gap is the share that came true minus the mean score, with Wilson's interval. The error is the mean of the gaps
    without their sign (M. P. Naeini et al., AAAI 2015); its interval is the sum of the bins' intervals, corrected for
    their number: wide, and never too narrow.
    """
    sums = f"SELECT {_bin('s', rows.bins)} AS b, sum(w), sum(w * s), sum(w * h) FROM ({rows.sql})"
    sql = f"{sums} GROUP BY b HAVING sum(w) > 0 ORDER BY b"
    found = [(int(b), float(n), float(scores), float(hits)) for b, n, scores, hits in rows.data.query(sql)]
    value = least = most = 0.0
    for b, n, scores, hits in found:
        mean, share = scores / n, n / rows.n
        low, high = intervals.wilson(hits, n, rows.confidence)
        note = f"{hits / n:.3f} came true where {mean:.3f} was said"
        yield Finding("calibration_gap", hits / n - mean, low - mean, high - mean, n=n, over=_over(b, rows), note=note)
        point = {**_over(b, rows), "mean_score": mean}
        yield Finding("calibration_share", hits / n, low, high, n=n, over=point)
        low, high = intervals.wilson(hits, n, rows.confidence, len(found))
        value += abs(hits / n - mean) * share
        least += max(0.0, low - mean, mean - high) * share
        most += max(abs(low - mean), abs(high - mean)) * share
    outcome = limit.verdict(value, least, min(1.0, most)) if limit else None
    remedy = {"fail": "Calibrate the scores anew, on rows set aside.", "inconclusive": "Evaluate on more rows."}
    yield Finding(
        "expected_calibration_error",
        value,
        least,
        min(1.0, most),
        n=rows.n,
        limit=limit,
        outcome=outcome,
        note=f"{rows.bins} bins of equal width; interval: sum of the bins' intervals",
        remedy=remedy.get(outcome or ""),
    )


def histogram_findings(rows: Rows) -> Iterator[Finding]:
    """confidence_share: the share of rows in each bin of confidence in the decision."""
    sql = f"SELECT {_bin('c', rows.bins)} AS b, sum(w) FROM ({rows.sql}) GROUP BY b ORDER BY b"
    for b, n in rows.data.query(sql):
        yield Finding("confidence_share", n / rows.n, n=rows.n, over=_over(int(b), rows))


def _bin(value: str, bins: int) -> str:
    return f"least(CAST(floor({value} * {bins}) AS INTEGER), {bins - 1})"


def _over(place: int, rows: Rows) -> dict[str, str]:
    return {"bin": f"{place / rows.bins:g} to {(place + 1) / rows.bins:g}"}
