"""People who are alike in all that identifies them: how few they are, and how alike in what is confidential.

Counted exactly over all rows where they lie; a missing value is a value like any other. No group is named and no count
of few people is told: a finding about privacy must not give away what it protects.
"""

from collections.abc import Iterator

from aims_gates import Dataset, Finding
from aims_gates.gatekit import outcome_remedy

from .question import Question

__all__ = ["cell_findings"]

_COARSEN = "Coarsen the quasi-identifiers (age in bands, the first digits of a postal code), or leave the few rows out."


def cell_findings(question: Question, data: Dataset) -> Iterator[Finding]:
    """k_anonymity, small_cell_share, and l_diversity of each confidential column.

    k-anonymity: the people in the smallest group alike in the quasi-identifiers (L. Sweeney, International Journal of
    Uncertainty, Fuzziness and Knowledge-Based Systems 10 (2002) 557-570). l-diversity: the different values of a
    confidential column in the group with the fewest (A. Machanavajjhala and others, ACM TKDD 1 (2007), "distinct").
    They are facts about this set, not estimates, and have no interval.
    """
    groups = _groups(question)
    people, least, few, inside = data.query(
        f"SELECT sum(n), min(n), count(*) FILTER (n < {question.least}), "
        f"coalesce(sum(n) FILTER (n < {question.least}), 0) FROM ({groups}) AS g"
    )[0]
    yield _smallest(question, data, int(people), int(least), int(few))
    yield _share(question, data, int(people), int(inside))
    for column in question.confidential:
        yield _diversity(question, data, column)


def _groups(question: Question, more: str = "") -> str:
    """SQL: a row for each group, ``n`` its people."""
    person = f"DISTINCT {Dataset.quote(question.person)}" if question.person else "*"
    keys = ", ".join(Dataset.quote(name) for name in question.identifying)
    return f"SELECT count({person}) AS n{more} FROM data GROUP BY {keys}"


def _smallest(question: Question, data: Dataset, people: int, least: int, few: int) -> Finding:
    """The size of the smallest group, where it is no count of few people, or keeps the limit that the profile sets."""
    limit = question.limits.get("k_anonymity")
    outcome = limit.verdict(least) if limit else None
    withheld = few > 0 and outcome != "pass"
    note = f"the smallest group has fewer than {question.least} people; how many, and in how many groups, is withheld"
    return Finding(
        "k_anonymity",
        None if withheld else float(least),
        n=people,
        over=question.over(data),
        limit=limit,
        outcome=outcome,
        note=note if withheld else None,
        remedy=_COARSEN if outcome == "fail" else None,
    )


def _share(question: Question, data: Dataset, people: int, inside: int) -> Finding:
    """The share of people in small groups; where that would count few of them, the most that it can be."""
    limit = question.limits.get("small_cell_share")
    few = 0 < inside < question.least
    share, most = inside / people, min(1.0, (question.least - 1) / people) if few else inside / people
    outcome = limit.verdict(share, share, most) if limit else None
    shown = outcome == "pass" or not few
    note = f"people in groups of fewer than {question.least}"
    if few:
        note = f"fewer than {question.least} people are in groups so small; how many is withheld"
    return Finding(
        "small_cell_share",
        most if shown else None,
        n=people,
        over=question.over(data),
        limit=limit,
        outcome=outcome,
        note=note,
        remedy=outcome_remedy(outcome, _COARSEN, _COARSEN),
    )


def _diversity(question: Question, data: Dataset, column: str) -> Finding:
    name, limit = Dataset.quote(column), question.limits.get("l_diversity")
    # A missing value tells something too, so it counts as one of the different values.
    different = f", count(DISTINCT {name}) + max(CASE WHEN {name} IS NULL THEN 1 ELSE 0 END) AS d"
    people, poorest, few = data.query(
        f"SELECT sum(n), min(d), count(*) FILTER (d = 1) FROM ({_groups(question, different)}) AS g"
    )[0]
    outcome = limit.verdict(int(poorest)) if limit else None
    note = "in some group all people have the same value, so whoever knows that they are in it learns the value"
    remedy = f"Coarsen the quasi-identifiers or {column!r}, or leave those rows out." if outcome == "fail" else None
    return Finding(
        "l_diversity",
        float(poorest),
        n=int(people),
        over={**question.over(data), "confidential": column},
        limit=limit,
        outcome=outcome,
        note=note if few else None,
        remedy=remedy,
    )
