"""The measures, as sums of cells of the (label, decision) table. Names and meanings are fairlearn's.

A rate is ``numerator / denominator``; each is a set of cells ``(label, decision)``. Equal to fairlearn's functions
on the same rows wherever the denominator is not empty; where it is, fairlearn says 0.0 and this gate says nothing.
"""

from collections.abc import Mapping

__all__ = ["ERROR_RATES", "NAMED_GAPS", "RATES", "SELECTION", "Cells", "known_measures"]

Cells = frozenset[tuple[int, int]]
_TN, _FP, _FN, _TP = (0, 0), (0, 1), (1, 0), (1, 1)


def _cells(*cells: tuple[int, int]) -> Cells:
    return frozenset(cells)


_ALL, _DECIDED, _NOT = _cells(_TN, _FP, _FN, _TP), _cells(_FP, _TP), _cells(_TN, _FN)
_POSITIVE, _NEGATIVE = _cells(_FN, _TP), _cells(_TN, _FP)

SELECTION = "selection_rate"

#: Measure -> (numerator, denominator).
RATES: Mapping[str, tuple[Cells, Cells]] = {
    SELECTION: (_DECIDED, _ALL),
    "accuracy": (_cells(_TN, _TP), _ALL),
    "true_positive_rate": (_cells(_TP), _POSITIVE),
    "true_negative_rate": (_cells(_TN), _NEGATIVE),
    "false_positive_rate": (_cells(_FP), _NEGATIVE),
    "false_negative_rate": (_cells(_FN), _POSITIVE),
    "false_discovery_rate": (_cells(_FP), _DECIDED),
    "false_omission_rate": (_cells(_FN), _NOT),
    "precision": (_cells(_TP), _DECIDED),
}
ERROR_RATES = tuple(name for name in RATES if name != SELECTION)

#: Name -> (the rates it spans, whether it is a ratio): fairlearn.metrics' own functions.
NAMED_GAPS: Mapping[str, tuple[tuple[str, ...], bool]] = {
    "demographic_parity_difference": ((SELECTION,), False),
    "demographic_parity_ratio": ((SELECTION,), True),
    "equalized_odds_difference": (("true_positive_rate", "false_positive_rate"), False),
    "equalized_odds_ratio": (("true_positive_rate", "false_positive_rate"), True),
    "equal_opportunity_difference": (("true_positive_rate",), False),
    "equal_opportunity_ratio": (("true_positive_rate",), True),
}
_REGRESSION = ("mean_prediction", "mean_error", "mean_absolute_error")


def known_measures() -> frozenset[str]:
    """Every measure a limit may name."""
    rates = (*RATES, "scoring_rate")
    derived = {f"{rate}_{kind}" for rate in rates for kind in ("difference", "ratio", "disparity")}
    beside = {f"{gap}_champion_difference" for gap in ("demographic_parity_difference", "equal_opportunity_difference")}
    return frozenset({*rates, *derived, *beside, *NAMED_GAPS, *_REGRESSION, "count", "impact_ratio"}) | {
        f"{name}_difference" for name in _REGRESSION
    }
