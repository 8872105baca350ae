"""Limits as profiles and gates write them, and which values a measure can have at all."""

import math
from typing import Any

from aims_gates.limits import better, read_limit
from aims_gates.model import Limit

__all__ = ["beyond", "limit_of", "reachable", "span"]

_SHARES = frozenset((
    "accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "brier", "expected_calibration_error",
    "selection_rate", "true_positive_rate", "true_negative_rate", "false_positive_rate", "false_negative_rate",
    "false_discovery_rate", "false_omission_rate", "specificity", "p_value", "drift_share", "missing_share",
    "unseen_share", "jensenshannon", "ks", "hellinger", "demographic_parity", "equalized_odds", "equal_opportunity",
    "scoring_rate", "impact",
))  # fmt: skip
_FROM_ZERO = frozenset((
    "log_loss", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "psi", "wasserstein",
    "kl_div", "chisquare",
))  # fmt: skip


def limit_of(measure: str, said: Any) -> Limit | None:
    """A limit as it is meant: ``{"op", "value"}``, a bare number as gates' defaults write it, or None for none.

    Raises:
        InputError: it cannot be read.
    """
    if said is None:
        return None
    if isinstance(said, int | float) and not isinstance(said, bool):
        more = measure == "p_value" or better(measure) == "more"
        said = {"op": ">=" if more else "<=", "value": said}
    return read_limit(measure, said)


def span(measure: str) -> tuple[float, float]:
    """The lowest and highest value that a measure can have; infinite where nothing is known of it."""
    if measure.endswith("_champion_difference"):
        known = measure.removesuffix("_champion_difference") in _SHARES
        return (-1.0, 1.0) if known else (-math.inf, math.inf)
    if measure.endswith("_ratio"):
        return 0.0, 1.0
    if measure in _SHARES or measure.removesuffix("_difference") in _SHARES:
        return 0.0, 1.0
    return (0.0, math.inf) if measure in _FROM_ZERO or measure.endswith("_difference") else (-math.inf, math.inf)


def beyond(measure: str, limit: Limit) -> float | None:
    """A value the measure can have that breaks the limit; None where there is none."""
    low, high = span(measure)
    worst, step = (low, -1.0) if limit.op in (">=", ">") else (high, 1.0)
    if math.isfinite(worst):
        return None if limit.met(worst) else worst
    return limit.value + step


def reachable(measure: str, limit: Limit) -> bool:
    """Whether some value of the measure keeps the limit."""
    low, high = span(measure)
    best = high if limit.op in (">=", ">") else low
    return not math.isfinite(best) or limit.met(best)
