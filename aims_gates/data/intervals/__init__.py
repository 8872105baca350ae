"""Intervals around statistics, and verdicts that follow from them. Counts may be weighted (an effective n)."""

from aims_gates.data.intervals.areas import auc_interval, delong_interval
from aims_gates.data.intervals.clusters import at_level, clustered_n
from aims_gates.data.intervals.exact import exact_difference, exact_paired, exact_rate, exact_ratio
from aims_gates.data.intervals.means import mean_interval, normal_interval
from aims_gates.data.intervals.pairs import (
    PairVerdict,
    RatePairs,
    judge_difference,
    judge_ratio,
    rows_for_difference,
    rows_for_ratio,
)
from aims_gates.data.intervals.rates import (
    critical,
    effective_n,
    newcombe_difference,
    paired_difference,
    ratio_score,
    ratio_statistic,
    wilson,
)
from aims_gates.data.intervals.verdicts import judge_rate, rate_finding, rows_for_rate, simultaneous

__all__ = [
    "PairVerdict",
    "RatePairs",
    "at_level",
    "auc_interval",
    "clustered_n",
    "critical",
    "delong_interval",
    "effective_n",
    "exact_difference",
    "exact_paired",
    "exact_rate",
    "exact_ratio",
    "judge_difference",
    "judge_rate",
    "judge_ratio",
    "mean_interval",
    "newcombe_difference",
    "normal_interval",
    "paired_difference",
    "rate_finding",
    "ratio_score",
    "ratio_statistic",
    "rows_for_difference",
    "rows_for_rate",
    "rows_for_ratio",
    "simultaneous",
    "wilson",
]
