"""What several gates need and none may copy: weights, verdicts on intervals, yes or no, bins of scores.

A gate imports it as ``from aims_gates.gatekit import ...``; nothing here knows of any one gate.
"""

from aims_gates.gatekit.calibration import Bin, bin_name, bin_sql, calibration_bins, calibration_error
from aims_gates.gatekit.stated import HOLDS, holds
from aims_gates.gatekit.verdict import judge_interval, outcome_remedy
from aims_gates.gatekit.weights import WeightSums, refuse_weights, unweighted, weight_sql

__all__ = [
    "HOLDS",
    "Bin",
    "WeightSums",
    "bin_name",
    "bin_sql",
    "calibration_bins",
    "calibration_error",
    "holds",
    "judge_interval",
    "outcome_remedy",
    "refuse_weights",
    "unweighted",
    "weight_sql",
]
