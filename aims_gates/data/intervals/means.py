"""Intervals for means and for statistics that are nearly normal."""

import math

from aims_gates.data.intervals.rates import critical

__all__ = ["mean_interval", "normal_interval"]


def normal_interval(
    value: float, error: float, confidence: float = 0.95, bounds: tuple[float, float] = (-math.inf, math.inf)
) -> tuple[float, float]:
    """``value`` plus and minus the normal quantile times its standard error, cut at the bounds."""
    reach = critical(confidence) * error
    return max(bounds[0], value - reach), min(bounds[1], value + reach)


def mean_interval(mean: float, deviation: float, n: float, confidence: float = 0.95) -> tuple[float, float] | None:
    """Student's interval for a mean; None with fewer than two rows.

    Args:
        mean, deviation: Sample mean and standard deviation (divisor n - 1).
        n: Rows, or an effective n.

    Source: Student, Biometrika 6 (1908) 1-25.
    """
    from scipy.special import stdtrit

    if n < 2 or not math.isfinite(deviation):
        return None
    reach = -float(stdtrit(n - 1, (1 - confidence) / 2)) * deviation / math.sqrt(n)
    return mean - reach, mean + reach
