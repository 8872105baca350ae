"""A group's share against the population's, as a difference and as a ratio, with intervals."""

from collections.abc import Callable, Mapping

from aims_gates import Finding, Limit, Outcome, intervals

from .population import Population

__all__ = ["difference", "ratio"]

Ends = tuple[float, float]
_REMEDIES = {
    "fail": "Collect or sample the data anew, or weight and say so; or state why the difference does not matter.",
    "inconclusive": "Use more rows.",
}


def difference(
    n: float,
    rows: float,
    population: Population,
    by: Mapping[str, str],
    limit: Limit | None,
    confidence: float,
    comparisons: int,
) -> Finding:
    """How far the share is from the population's, without its sign.

    The interval is Wilson's around a stated share, Newcombe's where the reference is a sample.
    """
    group = by[population.column]

    def ends(times: int) -> Ends:
        if population.rows is None:
            low, high = (end - population.share(group) for end in intervals.wilson(n, rows, confidence, times))
        else:
            count = population.counts.get(group, 0.0)
            low, high = intervals.newcombe_difference(n, rows, count, population.rows, confidence, times)
        return (0.0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))

    share = population.share(group)
    note = f"{n / rows:.2%} of the rows, {share:.2%} in {population.where}"
    if not share:
        note += ": a group that the population does not have"
    return _finding("share_difference", abs(n / rows - share), ends, n, by, limit, comparisons, note)


def ratio(
    n: float,
    rows: float,
    population: Population,
    by: Mapping[str, str],
    limit: Limit | None,
    confidence: float,
    comparisons: int,
) -> Finding:
    """The share over the population's: below 1 the group is rarer than it should be."""
    group = by[population.column]
    share = population.share(group)

    def ends(times: int) -> Ends:
        if population.rows is None:
            low, high = intervals.wilson(n, rows, confidence, times)
            return low / share, high / share
        low, high = intervals.ratio_score(n, rows, population.counts[group], population.rows, confidence, times)
        return low, high

    return _finding("share_ratio", n / rows / share, ends, n, by, limit, comparisons, None)


def _finding(
    measure: str,
    value: float,
    ends: Callable[[int], Ends],
    n: float,
    by: Mapping[str, str],
    limit: Limit | None,
    comparisons: int,
    note: str | None,
) -> Finding:
    """Passes when the plain interval lies inside, fails when the one corrected for the groups lies outside."""
    low, high = ends(1)
    outcome: Outcome | None = None
    if limit is not None:
        outcome = "inconclusive"
        if limit.verdict(value, *ends(comparisons)) == "fail":
            outcome = "fail"
        elif limit.verdict(value, low, high) == "pass":
            outcome = "pass"
        else:
            note = "; ".join(filter(None, [note, "the interval reaches over the limit"]))
    remedy = _REMEDIES.get(outcome or "")
    return Finding(measure, value, low, high, n=n, by=by, limit=limit, outcome=outcome, note=note, remedy=remedy)
