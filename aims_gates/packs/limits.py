"""Limits as documents write them, which way round they make sense, and which values a measure can have at all."""

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

from aims_gates.errors import InputError
from aims_gates.model import Limit

__all__ = ["Way", "better", "beyond", "limit_of", "reachable", "read_limit", "read_limits", "span", "with_conventions"]

#: The way in which a measure improves.
Way = Literal["more", "less", "either"]

_OPS = get_args(Limit.__annotations__["op"])
_MORE = frozenset(
    [
        "accuracy",
        "balanced_accuracy",
        "precision",
        "recall",
        "f1",
        "roc_auc",
        "r2",
        "impact_ratio",
        "true_positive_rate",
        "true_negative_rate",
        "specificity",
        "gini",
        "score_ks",
        "sensitivity_at_specificity",
        "specificity_at_sensitivity",
        "positive_predictive_value",
        "negative_predictive_value",
        "net_benefit",
        "net_benefit_gain",
        "ndcg",
        "catalogue_coverage",
        "k_anonymity",
        "l_diversity",
        "matthews_corrcoef",
        # A small p says that something differs.
        "p_value",
    ]
)
_LESS = frozenset(
    [
        "log_loss",
        "brier",
        "expected_calibration_error",
        "mean_absolute_error",
        "mean_squared_error",
        "root_mean_squared_error",
        "wape",
        "pinball_loss",
        "membership_auc",
        "small_cell_share",
        "false_positive_rate",
        "false_negative_rate",
        "false_discovery_rate",
        "false_omission_rate",
    ]
)


_SHARES = frozenset((
    "accuracy", "balanced_accuracy", "precision", "recall", "f1", "roc_auc", "brier", "expected_calibration_error",
    "selection_rate", "true_positive_rate", "true_negative_rate", "false_positive_rate", "false_negative_rate",
    "false_discovery_rate", "false_omission_rate", "specificity", "p_value", "drift_share", "missing_share",
    "unseen_share", "jensenshannon", "ks", "hellinger", "demographic_parity", "equalized_odds", "equal_opportunity",
    "scoring_rate", "impact", "score_ks", "sensitivity_at_specificity", "specificity_at_sensitivity",
    "positive_predictive_value", "negative_predictive_value", "membership_auc", "small_cell_share",
    "ndcg", "catalogue_coverage",
))  # fmt: skip
_FROM_ZERO = frozenset((
    "log_loss", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error", "psi", "csi",
    "wasserstein", "kl_div", "chisquare", "wape", "pinball_loss",
))  # fmt: skip


def better(measure: str) -> Literal["more", "less"] | None:
    """Which way the measure improves; None where neither is better in itself.

    A champion's difference is candidate minus champion, so it improves as its measure does. Any other
    difference is a gap, better small; a ratio of the lower to the higher rate is better near 1.
    """
    base = measure.removesuffix("_champion_difference")
    if base in _MORE or (base == measure and measure.endswith("_ratio")):
        return "more"
    return "less" if base in _LESS or (base == measure and measure.endswith("_difference")) else None


def read_limit(measure: str, raw: Any, where: str = "limits", way: Way | None = None) -> Limit:
    """One limit: ``{"op": "<=", "value": 0.1}``.

    Args:
        measure, given: What is limited, and how.
        where: For messages.
        way: The way in which the measure improves; None for what :func:`better` says.

    Raises:
        InputError: it has another shape, is not finite, or stands the wrong way round (a floor on a
            difference or an error rate, a ceiling on a ratio or a score).
    """
    if not isinstance(raw, Mapping) or set(raw) != {"op", "value"} or raw["op"] not in _OPS:
        remedy = f'Write {{"op": "<=", "value": 0.1}}; op is one of {", ".join(_OPS)}.'
        raise InputError(f"the limit on {measure!r} cannot be read: {raw!r}", where=where, remedy=remedy)
    value, op = raw["value"], raw["op"]
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise InputError(f"the limit on {measure!r} is no finite number", where=where, remedy="Write a number.")
    way = better(measure) if way is None else way
    if way in ("more", "less") and (way == "more") != (op in (">=", ">")):
        kind, right = ("ceiling", ">=") if way == "more" else ("floor", "<=")
        message = f"a {kind} on {measure!r} stands the wrong way round: {measure} {op} {value:g}"
        raise InputError(message, where=where, remedy=f"Turn it round: use {right}.")
    return Limit(op, float(value))


def read_limits(raw: Any, known: Any = None, where: str = "limits") -> dict[str, Limit]:
    """All limits of a gate, by measure.

    Args:
        raw: ``{measure: {"op": ..., "value": ...}}`` or None.
        known: The measures there are; None accepts any name.
        where: For messages.

    Raises:
        InputError: as :func:`read_limit`, or a measure is unknown.
    """
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        remedy = 'Write {"measure": {"op": "<=", "value": 0.1}}.'
        raise InputError("limits must be an object, one key per measure", where=where, remedy=remedy)
    for measure in raw:
        if known is not None and measure not in known:
            remedy = f"Choose from: {', '.join(sorted(known))}."
            raise InputError(f"there is no measure {measure!r} to set a limit on", where=where, remedy=remedy)
    return {measure: read_limit(measure, limit, where) for measure, limit in raw.items()}


def with_conventions(raw: Any, conventions: Mapping[str, Limit], known: Any, where: str = "limits") -> dict[str, Limit]:
    """A gate's conventions, overlaid with the limits that were given; null takes one away.

    Args:
        raw: As for :func:`read_limits`; a measure may also be null.
        conventions: The limits that hold where nothing was given.
        known, where: As for :func:`read_limits`.

    Raises:
        InputError: as :func:`read_limits`.
    """
    if not isinstance(raw or {}, Mapping):
        return read_limits(raw, known, where)
    limits = dict(raw or {})
    left = {name: limit for name, limit in conventions.items() if name not in limits}
    return left | read_limits({name: limit for name, limit in limits.items() if limit is not None}, known, where)


def limit_of(measure: str, raw: Any, way: Way | None = None) -> Limit | None:
    """A limit as it is meant: ``{"op", "value"}``, a bare number as gates' defaults write it, or None for none.

    Raises:
        InputError: it cannot be read.
    """
    if raw is None:
        return None
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        more = (way or better(measure)) == "more"
        raw = {"op": ">=" if more else "<=", "value": raw}
    return read_limit(measure, raw, way=way)


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
