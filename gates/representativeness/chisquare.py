"""Pearson's chi-square: do the groups come in the population's shares?"""

from collections.abc import Mapping

from aims_gates import Finding, Limit, Outcome

from .population import Population

__all__ = ["chisquare"]

#: Below this expected count the distribution of the statistic is only nearly chi-square (W. G. Cochran, 1954).
_LEAST_EXPECTED = 5


def chisquare(counts: Mapping[str, float], population: Population, limit: Limit | None, tests: int) -> Finding:
    """The statistic as value, its p-value beside it; under a limit on the p-value it fails or decides nothing.

    A large p-value says that chance could have made the difference, not that there is none: so nothing passes by it. Of
    several tests (columns, data sets) each must fail at the limit over their number.

    Goodness of fit where the shares are stated, homogeneity of two samples where the reference is one. Groups that the
    population does not have are left out and counted in the note. Source: K. Pearson, Philosophical Magazine 50 (1900).
    """
    from scipy.special import chdtrc

    named = [group for group in population.counts if population.share(group) > 0]
    ours = [counts.get(group, 0.0) for group in named]
    n, over = sum(ours), {"sensitive": [population.column]}
    if len(named) < 2 or not n:
        why = "the population has one group only" if n else "no row belongs to a group of the population"
        return Finding("chisquare", n=n, over=over, limit=limit, outcome="inconclusive" if limit else None, note=why)
    pairs = _observed_and_expected(ours, population, named)
    value = sum((observed - expected) ** 2 / expected for observed, expected in pairs)
    p_value = float(chdtrc(len(named) - 1, value))
    least = min(expected for _, expected in pairs)
    outcome, reasons = _outcome(limit, p_value, tests)
    remedy = {
        "fail": "See which group's share differs, and collect more of it.",
        "inconclusive": "Set a limit on share_difference or share_ratio, which can pass.",
    }.get(outcome or "")
    note = "; ".join([_note(population, sum(counts.values()) - n, least), *reasons])
    limit = Limit(limit.op, limit.value / tests) if limit else None
    return Finding(
        "chisquare", value, p_value=p_value, n=n, over=over, limit=limit, outcome=outcome, note=note, remedy=remedy
    )


def _observed_and_expected(ours: list[float], population: Population, named: list[str]) -> list[tuple[float, float]]:
    """Each cell of the table: our groups alone where the shares are stated, the reference's rows too where it has some.

    Args:
        ours: The rows of each named group.
        population: What they are compared with.
        named: The groups that the population has.
    """
    n = sum(ours)
    if population.rows is None:
        return [(x, n * population.share(group)) for x, group in zip(ours, named, strict=True)]
    theirs = [population.counts[group] for group in named]
    m = sum(theirs)
    columns = [(x, y, (x + y) / (n + m)) for x, y in zip(ours, theirs, strict=True)]
    return [pair for x, y, share in columns for pair in ((x, share * n), (y, share * m))]


def _outcome(limit: Limit | None, p_value: float, tests: int) -> tuple[Outcome | None, list[str]]:
    """Fail by the p-value times the number of tests; never pass. With why it is open."""
    if limit is None:
        return None, []
    if not limit.met(min(1.0, p_value * tests)):
        return "fail", []
    if not limit.met(p_value):
        return "inconclusive", [f"fails alone, and not among {tests} tests"]
    return "inconclusive", ["a p-value shows a difference or nothing: it does not pass"]


def _note(population: Population, strange: float, least: float) -> str:
    kind = "goodness of fit to" if population.rows is None else "homogeneity with"
    notes = [
        f"{kind} {population.where}, {sum(population.share(g) > 0 for g in population.counts) - 1} degrees of freedom"
    ]
    if strange:
        notes.append(f"{strange:,.0f} rows of other groups are left out")
    if least < _LEAST_EXPECTED:
        notes.append(f"the least expected count is {least:.1f}: the p-value is rough")
    return "; ".join(notes)
