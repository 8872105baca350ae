"""An interval for the area under a ROC curve."""

import math

from aims_gates.data.intervals.clusters import at_level
from aims_gates.data.intervals.rates import critical

__all__ = ["auc_interval", "delong_interval"]

_HALVINGS = 60
#: With fewer rows than this of the rarer label, times the share of pairs ranked wrongly, DeLong is too sure.
_FEW = 5
#: Less than this is what additions leave over.
_NOTHING = 1e-12


def auc_interval(
    area: float, m: float, n: float, confidence: float = 0.95, comparisons: float = 1
) -> tuple[float, float]:
    """Interval for an area under the ROC curve; never of zero width, and (0, 1) without rows of both labels.

    Args:
        area: The Mann-Whitney share of pairs ranked rightly.
        m, n: Rows with and without the favourable label, or effective ones.
        confidence: Two-sided.
        comparisons: Bonferroni correction.

    Source: R. G. Newcombe, Statistics in Medicine 25 (2006) 559-573, method 5: the variance of J. A. Hanley and
    B. J. McNeil (Radiology 143 (1982) 29-36) with both sample sizes replaced by their mean, taken at the limit and
    not at the estimate.
    """
    if m <= 0 or n <= 0 or not math.isfinite(area):
        return 0.0, 1.0
    z, less = critical(confidence, comparisons), (m + n) / 2 - 1

    def reach(theta: float) -> float:
        extra = less * ((1 - theta) / (2 - theta) + theta / (1 + theta))
        return z * math.sqrt(max(0.0, theta * (1 - theta) * (1 + extra) / (m * n)))

    def seek(inner: float, outer: float) -> float:
        for _ in range(_HALVINGS):
            middle = (inner + outer) / 2
            inner, outer = (middle, outer) if abs(middle - area) <= reach(middle) else (inner, middle)
        return (inner + outer) / 2

    return (0.0 if area <= 0 else seek(area, 0.0)), (1.0 if area >= 1 else seek(area, 1.0))


def delong_interval(
    area: float,
    error: float,
    m: float,
    n: float,
    confidence: float = 0.95,
    comparisons: float = 1,
    df: float = math.inf,
) -> tuple[float, float]:
    """Interval for an area under the ROC curve on the logit scale; (0, 1) without two rows of both labels.

    Where hardly a pair is ranked wrongly (or rightly), the standard error is too small or nothing: the interval then
    reaches at least as far as that of :func:`auc_interval`.

    Args:
        area: The Mann-Whitney share of pairs ranked rightly.
        error: Its standard error by DeLong.
        m, n: Effective rows with and without the favourable label.
        confidence: Two-sided.
        comparisons: Bonferroni correction.
        df: Degrees of freedom where the standard error rests on clusters.

    Source: E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845; on the logit scale
    M. S. Pepe, The Statistical Evaluation of Medical Tests (2003), section 5.2.
    """
    if m < 2 or n < 2 or not math.isfinite(area):
        return 0.0, 1.0
    free = min(df, min(m, n) - 1)
    wider = 1 / math.sqrt(float(at_level(1.0, free, confidence, comparisons)))
    floor = auc_interval(area, m, n, confidence, comparisons)
    if not _NOTHING < area < 1 - _NOTHING or error <= _NOTHING:
        return floor
    few = min(area, 1 - area) * min(m, n) < _FEW
    logit, reach = math.log(area / (1 - area)), wider * critical(confidence, comparisons) * error / (area * (1 - area))
    low, high = (1 / (1 + math.exp(-(logit + sign * reach))) if abs(reach) < 700 else None for sign in (-1, 1))
    low, high = 0.0 if low is None else low, 1.0 if high is None else high
    return (min(low, floor[0]), max(high, floor[1])) if few else (low, high)
