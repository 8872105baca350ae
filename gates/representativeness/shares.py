"""A group's share against the population's, as a difference and as a ratio, with intervals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aims_gates import Finding, Limit, Outcome, intervals

from .population import Population

__all__ = ["Group", "difference", "ratio"]

Ends = tuple[float, float]
_REMEDIES = {
    "fail": "Collect or sample the data anew, or weight and say so; or state why the difference does not matter.",
    "inconclusive": "Use more rows.",
}


@dataclass(frozen=True)
class Group:
    """A group in the data, and what its share is held against.

    Attributes:
        n, rows: Its rows, and all rows; weighted where the data are.
        population: What the shares should be.
        by: The column and the group in it.
        confidence: Of the intervals, two-sided.
        comparisons: Groups that are judged beside each other, of all columns and data sets.
    """

    n: float
    rows: float
    population: Population
    by: Mapping[str, str]
    confidence: float
    comparisons: int

    @property
    def name(self) -> str:
        """Its value in the column."""
        return self.by[self.population.column]

    @property
    def share(self) -> float:
        """Its share in the data."""
        return self.n / self.rows

    @property
    def expected(self) -> float:
        """Its share in the population."""
        return self.population.share(self.name)


def difference(group: Group, limit: Limit | None) -> Finding:
    """How far the share is from the population's, without its sign.

    The interval is Clopper and Pearson's around a stated share, MOVER's where the reference is a sample.
    """
    n, rows, population = group.n, group.rows, group.population

    def ends(times: int) -> Ends:
        if population.rows is None:
            low, high = (end - group.expected for end in intervals.exact_rate(n, rows, group.confidence, times))
        else:
            count = population.counts.get(group.name, 0.0)
            low, high = intervals.exact_difference(n, rows, count, population.rows, group.confidence, times)
        return max(0.0, low, -high), max(high, -low)

    note = f"{group.share:.2%} of the rows, {group.expected:.2%} in {population.where}"
    if not group.expected:
        note += ": a group that the population does not have"
    return _finding("share_difference", abs(group.share - group.expected), ends, group, limit, note)


def ratio(group: Group, limit: Limit | None) -> Finding:
    """The share over the population's: below 1 the group is rarer than it should be."""
    n, rows, population = group.n, group.rows, group.population

    def ends(times: int) -> Ends:
        if population.rows is None:
            low, high = intervals.exact_rate(n, rows, group.confidence, times)
            return low / group.expected, high / group.expected
        count = population.counts[group.name]
        low, high = intervals.exact_ratio(n, rows, count, population.rows, group.confidence, times)
        return low, high

    return _finding("share_ratio", group.share / group.expected, ends, group, limit, None)


def _finding(
    measure: str,
    value: float,
    ends: Callable[[int], Ends],
    group: Group,
    limit: Limit | None,
    note: str | None,
) -> Finding:
    """Passes when the plain interval lies inside, fails when the one corrected for the groups lies outside."""
    low, high = ends(1)
    outcome: Outcome | None = None
    if limit is not None:
        outcome = "inconclusive"
        if limit.verdict(value, *ends(group.comparisons)) == "fail":
            outcome = "fail"
        elif limit.verdict(value, low, high) == "pass":
            outcome = "pass"
        else:
            alone = limit.verdict(value, low, high) == "fail"
            why = (
                f"fails alone, and not among {group.comparisons} groups"
                if alone
                else "the interval reaches over the limit"
            )
            note = "; ".join(filter(None, [note, why]))
    remedy = _REMEDIES.get(outcome or "")
    return Finding(
        measure, value, low, high, n=group.n, by=group.by, limit=limit, outcome=outcome, note=note, remedy=remedy
    )
