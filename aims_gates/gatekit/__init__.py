"""What several gates need and none may copy: weights, clusters, verdicts on intervals, yes or no, bins, libraries.

A gate imports it as ``from aims_gates.gatekit import ...``; nothing here knows of any one gate.
"""

from aims_gates.gatekit.calibration import (
    Bands,
    Bin,
    Scores,
    bin_name,
    bin_of,
    bin_sql,
    calibration_bins,
    calibration_error,
    choose_bands,
    one_band,
    read_bands,
)
from aims_gates.gatekit.clusters import (
    RatioSums,
    SampleRate,
    Tally,
    Together,
    cluster_ratios,
    cluster_totals,
    tally_rows,
)
from aims_gates.gatekit.crosscheck import agreement, sampled_rows
from aims_gates.gatekit.sets import common_sql, named_sets
from aims_gates.gatekit.stated import HOLDS, holds
from aims_gates.gatekit.verdict import fails_alone, judge_interval, outcome_remedy
from aims_gates.gatekit.weights import (
    WeightSums,
    cluster_sql,
    counts_rows,
    like_counts,
    numeric_weights,
    refuse_weights,
    unweighted,
    weight_sql,
)

__all__ = [
    "HOLDS",
    "Bands",
    "Bin",
    "RatioSums",
    "SampleRate",
    "Scores",
    "Tally",
    "Together",
    "WeightSums",
    "agreement",
    "bin_name",
    "bin_of",
    "bin_sql",
    "calibration_bins",
    "calibration_error",
    "choose_bands",
    "cluster_ratios",
    "cluster_sql",
    "cluster_totals",
    "common_sql",
    "counts_rows",
    "fails_alone",
    "holds",
    "judge_interval",
    "like_counts",
    "named_sets",
    "numeric_weights",
    "one_band",
    "outcome_remedy",
    "read_bands",
    "refuse_weights",
    "sampled_rows",
    "tally_rows",
    "unweighted",
    "weight_sql",
]
