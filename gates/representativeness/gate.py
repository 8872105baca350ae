"""Are the people in the data the people it is about? Shares of groups against a stated population."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from aims_gates import Case, Dataset, Finding, Limit, with_conventions
from aims_gates.gatekit import counts_rows, like_counts, named_sets

from .chisquare import chisquare
from .population import Population, group_counts, populations
from .shares import Group, difference, ratio

__all__ = ["run"]

#: Five points of a hundred: a convention, used where no limit is set.
_CONVENTIONS = {"share_difference": Limit("<=", 0.05)}
_MEASURES = ("share_difference", "share_ratio", "p_value")


@dataclass(frozen=True)
class _Ask:
    limits: Mapping[str, Limit]
    least: int
    confidence: float
    whole: bool


def run(case: Case) -> Iterator[Finding]:
    """For each data set and column: the chi-square test, then size and share of each group."""
    ask, sets = _ask(case), named_sets(case)
    named = populations(case, sets)
    tests = len(sets) * len(named)
    for data in sets:
        yield from like_counts(case, data)
        for population in named:
            for finding in _compared(data, population, ask, case.column("weight"), tests):
                yield (
                    replace(finding, over={**(finding.over or {}), "dataset": data.role}) if len(sets) > 1 else finding
                )


def _ask(case: Case) -> _Ask:
    limits = with_conventions(case.params["limits"], _CONVENTIONS, _MEASURES)
    least = case.number("min_group_size", 1, 1e12)
    return _Ask(limits, int(least), case.number("confidence", 0.5, 0.999999), counts_rows(case))


def _compared(data: Dataset, population: Population, ask: _Ask, weight: str | None, tests: int) -> Iterator[Finding]:
    """A column's findings; of one group alone, no share can be compared, and none passes."""
    alone = sum(population.share(group) > 0 for group in population.counts) < 2
    for finding in _column(data, population, ask, weight, tests):
        if alone and finding.outcome == "pass" and finding.measure != "group_size":
            remedy = "Name a column with several groups, or state the shares of all of them."
            yield replace(finding, outcome="inconclusive", note="there is one group only", remedy=remedy)
        else:
            yield finding


def _column(data: Dataset, population: Population, ask: _Ask, weight: str | None, tests: int) -> Iterator[Finding]:
    """A column's findings; fails are corrected for the groups of all columns and data sets, as if each had as many."""
    counts = group_counts(data, population.column, weight, ask.whole)
    rows = sum(counts.values())
    yield chisquare(counts, population, ask.limits.get("p_value"), tests)
    named = [group for group in population.counts if population.share(group) > 0]
    for group in (*named, *(group for group in counts if group not in named)):
        by, n = {population.column: group}, counts.get(group, 0.0)
        if group in named:
            yield _size(n, by, ask.least)
        judged = Group(n, rows, population, by, ask.confidence, comparisons=tests * len({*named, *counts}))
        yield difference(judged, ask.limits.get("share_difference"))
        if group in named:
            yield ratio(judged, ask.limits.get("share_ratio"))


def _size(n: float, by: Mapping[str, str], least: int) -> Finding:
    limit = Limit(">=", float(least))
    outcome = limit.verdict(n)
    note = None if n else "the population has this group and the data have no row of it"
    remedy = f"Collect at least {least - n:,.0f} more rows of this group." if outcome == "fail" else None
    return Finding("group_size", n, n=n, by=by, limit=limit, outcome=outcome, note=note, remedy=remedy)
