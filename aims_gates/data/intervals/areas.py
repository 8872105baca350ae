"""An interval for the area under a ROC curve."""

import math

from aims_gates.data.intervals.rates import critical

__all__ = ["auc_interval"]

_HALVINGS = 60


def auc_interval(area: float, m: float, n: float, confidence: float = 0.95) -> tuple[float, float]:
    """Interval for an area under the ROC curve; never of zero width, and (0, 1) without rows of both labels.

    Args:
        area: The Mann-Whitney share of pairs ranked rightly.
        m, n: Rows with and without the favourable label.
        confidence: Two-sided.

    Source: R. G. Newcombe, Statistics in Medicine 25 (2006) 559-573, method 5: the variance of J. A. Hanley and
    B. J. McNeil (Radiology 143 (1982) 29-36) with both sample sizes replaced by their mean, taken at the limit and
    not at the estimate.
    """
    if m <= 0 or n <= 0 or not math.isfinite(area):
        return 0.0, 1.0
    z, less = critical(confidence), (m + n) / 2 - 1

    def reach(theta: float) -> float:
        extra = less * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return z * math.sqrt(max(0.0, theta * (1 - theta) * (1 + extra) / (m * n)))

    def seek(inner: float, outer: float) -> float:
        for _ in range(_HALVINGS):
            middle = (inner + outer) / 2
            inner, outer = (middle, outer) if abs(middle - area) <= reach(middle) else (inner, middle)
        return (inner + outer) / 2

    return (0.0 if area <= 0 else seek(area, 0.0)), (1.0 if area >= 1 else seek(area, 1.0))
