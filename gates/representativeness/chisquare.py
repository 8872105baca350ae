"""Pearson's chi-square: do the groups come in the population's shares?"""

from collections.abc import Mapping

from aims_gates import Finding, Limit, Outcome

from .population import Population

__all__ = ["chisquare"]

#: Below this expected count the distribution of the statistic is only nearly chi-square (W. G. Cochran, 1954).
_LEAST_EXPECTED = 5


def chisquare(counts: Mapping[str, float], population: Population, limit: Limit | None) -> Finding:
    """The statistic as value, its p-value beside it; the verdict, where there is a limit, is on the p-value.

    Goodness of fit where the shares are stated, homogeneity of two samples where the reference is one. Groups that the
    population does not have are left out and counted in the note. Source: K. Pearson, Philosophical Magazine 50 (1900).
    """
    from scipy.special import chdtrc

    named = [group for group in population.counts if population.share(group) > 0]
    ours = [counts.get(group, 0.0) for group in named]
    theirs = [population.counts[group] for group in named] if population.rows is not None else None
    n, over = sum(ours), {"sensitive": [population.column]}
    if len(named) < 2 or not n:
        why = "the population has one group only" if n else "no row belongs to a group of the population"
        return Finding("chisquare", n=n, over=over, limit=limit, outcome="inconclusive" if limit else None, note=why)
    if theirs is None:
        pairs = [(x, n * population.share(group)) for x, group in zip(ours, named, strict=True)]
    else:
        m = sum(theirs)
        columns = [(x, y, (x + y) / (n + m)) for x, y in zip(ours, theirs, strict=True)]
        pairs = [pair for x, y, share in columns for pair in ((x, share * n), (y, share * m))]
    value = sum((visited - expected) ** 2 / expected for visited, expected in pairs)
    p_value = float(chdtrc(len(named) - 1, value))
    least = min(expected for _, expected in pairs)
    outcome: Outcome | None = None
    if limit is not None:
        outcome = "fail" if not limit.met(p_value) else "pass" if least >= _LEAST_EXPECTED else "inconclusive"
    remedy = "See which group's share differs, and collect more of it." if outcome == "fail" else None
    note = _note(population, sum(counts.values()) - n, least)
    return Finding(
        "chisquare", value, p_value=p_value, n=n, over=over, limit=limit, outcome=outcome, note=note, remedy=remedy
    )


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
