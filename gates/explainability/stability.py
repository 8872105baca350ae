"""Do the same decisions get the same reasons when they are explained again?"""

from collections.abc import Iterator

from aims_gates import DataError, Finding, Limit, intervals

from .reasons import Reasons

__all__ = ["stability_findings"]

_REMEDY = "Use an explanation that does not change between runs: more samples, a fixed seed, an exact method."


def stability_findings(
    first: Reasons, again: Reasons, top: int, limit: Limit | None, confidence: float
) -> Iterator[Finding]:
    """reason_jaccard: mean overlap of the two sets of first reasons, over the decisions in both runs.

    The overlap of a decision is the number of reasons in both sets over the number in either (P. Jaccard, 1901). The
    interval is Wilson's with the sum of overlaps as successes: no mean of values from 0 to 1 varies more than a rate,
    so it is never too narrow. first_reason_agreement beside it, where reasons have an order.

    Raises:
        DataError: no decision is in both runs.
    """
    sets = {"a": first.top(top), "b": again.top(top)}
    sizes = {name: f"SELECT k, count(*) AS n FROM ({sql}) GROUP BY k" for name, sql in sets.items()}
    shared = f"SELECT k, count(*) AS i FROM ({sets['a']}) JOIN ({sets['b']}) USING (k, r) GROUP BY k"
    sql = (
        f"SELECT count(*), count(known.k), coalesce(sum(coalesce(i, 0) / (a.n + coalesce(b.n, 0) - coalesce(i, 0))) "
        f"FILTER (known.k IS NOT NULL), 0) FROM ({sizes['a']}) AS a LEFT JOIN ({again.keys}) AS known ON a.k = known.k "
        f"LEFT JOIN ({sizes['b']}) AS b ON a.k = b.k LEFT JOIN ({shared}) AS s ON a.k = s.k"
    )
    explained, matched, overlap = first.data.query(sql)[0]
    if not matched:
        remedy = "Explain the same decisions twice, with the same ids."
        raise DataError("no decision is explained in both runs", where=again.data.where, remedy=remedy)
    message = (
        f"mean overlap of the first {top} reasons" if first.ordered else "mean overlap of the reasons, in no order"
    )
    if matched < explained:
        message += f"; {explained - matched:,} of {explained:,} decisions were not explained again"
    yield intervals.rate_finding(
        "reason_jaccard", float(overlap), matched, limit, confidence, note=message, remedy=_REMEDY
    )
    if first.ordered and again.ordered:
        both = f"({_main(first, 'x')}) AS a JOIN ({_main(again, 'y')}) AS b USING (k)"
        n, agreed = first.data.query(f"SELECT count(*), count(*) FILTER (x = y) FROM {both}")[0]
        yield intervals.rate_finding(
            "first_reason_agreement", agreed, n, None, confidence, note="decisions with the same main reason"
        )


def _main(reasons: Reasons, name: str) -> str:
    return f"SELECT k, arg_min(r, p) AS {name} FROM ({reasons.sql}) GROUP BY k"
