"""Fairness of a candidate against the version in production, on the same rows: does any pair of groups drift apart?

For a pair of groups, u and v are the differences of their rates under the candidate and under the champion. How much
further apart the pair is, |u| - |v|, is the larger of u and -u less the larger of v and -v. So the intervals of u - v
and of u + v, each paired within its groups, bound it without a bootstrap; they are widened for all pairs (Bonferroni).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import sqrt

from aims_gates import Case, DataError, Dataset, Finding, intervals

from .question import Question

__all__ = ["champion_findings"]

#: Measure -> the labels that its rates are over; all where empty.
_OVER: Mapping[str, str] = {
    "demographic_parity_difference": "",
    "equal_opportunity_difference": " AND y = 1",
}
_REMEDY = "Keep the version in production, or train until no pair of groups is further apart than under it."


@dataclass(frozen=True)
class _Rates:
    """One group: rows, both rates, and the variances of the means of d - d2 and d + d2."""

    rows: float
    ours: float
    theirs: float
    less: float
    more: float


def champion_findings(case: Case, question: Question, columns: tuple[str, ...]) -> Iterator[Finding]:
    """How much further apart the worst pair of groups is than under the champion, for each such measure with a limit.

    Nothing without the champion's predictions.

    Raises:
        DataError: the champion's rows are not the candidate's, or one of the two gives no decision for a row.
    """
    limited = {measure: where for measure, where in _OVER.items() if _named(measure) in question.limits}
    if not limited or "champion" not in case.data or question.decided is None:
        return
    if (question.weight and question.sampling) or case.roles.get("cluster"):
        return  # the intervals count independent rows: not measured
    pairs = _pairs(case, question, case.dataset("champion"))
    for measure, where in limited.items():
        if where and question.label is None:
            continue
        groups = _groups(question, pairs, columns, where)
        large = [rates for rates in groups if rates.rows >= max(question.min_size, 2)]
        yield _finding(_named(measure), question, large, len(groups) - len(large), columns)


def _named(measure: str) -> str:
    return f"{measure}_champion_difference"


def _pairs(case: Case, question: Question, champion: Dataset) -> str:
    """``SELECT y, d, d2, w`` and the groups, matched by the role ``id`` where it is given, else by place."""
    ours, keys = question.data, tuple(case.roles.get("id", ()))
    same = [*question.sensitive, *filter(None, [question.target])]
    champion.require(*dict.fromkeys([*keys, *same, _column(case, question)]))
    if ours.rows != champion.rows:
        message = f"the champion has {champion.rows} rows and the candidate {ours.rows}: not the same rows"
        raise DataError(message, where=champion.where, remedy="Predict the same evaluation file with both versions.")
    joined = _joined(case, question, champion, same)
    differs = " OR ".join(f"c{place} IS DISTINCT FROM c{place}x" for place in range(len(same)))
    unclear = "d IS NULL OR d2 IS NULL OR d NOT IN (0, 1) OR d2 NOT IN (0, 1)"
    matched, differing, unknown = ours.query(
        f"SELECT count(*), count(*) FILTER ({differs}), count(*) FILTER ({unclear}) FROM ({joined})"
    )[0]
    if matched != ours.rows or differing:
        message = f"the champion's rows are not the candidate's: {differing or abs(ours.rows - matched)} differ"
        remedy = "Predict the same file with both versions, in the same order or with --role id=COLUMN."
        raise DataError(message, where=champion.where, remedy=remedy)
    if unknown:
        message = f"{unknown} rows have no decision of one of the two versions"
        raise DataError(message, where=champion.where, remedy="Predict each row with both versions.")
    return joined


def _column(case: Case, question: Question) -> str:
    """The column that becomes the decision."""
    ruled = case.params["decision"] is not None
    return str((question.score or question.prediction) if ruled else question.prediction)


def _joined(case: Case, question: Question, champion: Dataset, same: list[str]) -> str:
    """Both versions' rows side by side; what must be the same stands as ``c0`` and ``c0x``, and so on."""
    ours, column, rule = question.data, _column(case, question), case.params["decision"]
    named = {f"k{place}": ours.quote(name) for place, name in enumerate(case.roles.get("id", ()))}
    compared = {f"c{place}": ours.quote(name) for place, name in enumerate(same)}
    decided = (
        champion.label_sql(column, case.params["positive"]) if rule is None else champion.decision_sql(column, rule)
    )
    groups = {f"g{place}": ours.quote(name) for place, name in enumerate(question.sensitive)}
    known = _listed(groups | named | compared)
    theirs = _listed(named) + _listed({f"{name}x": text for name, text in compared.items()})
    weight = ours.quote(question.weight) if question.weight else "1"
    left = f"SELECT {question.label or 'NULL'} AS y, {question.decided} AS d, {weight} AS w{known} FROM data"
    right = f"SELECT {decided} AS d2{theirs} FROM {champion.table}"
    join = f"JOIN ({right}) AS b USING ({', '.join(named)})" if named else f"POSITIONAL JOIN ({right}) AS b"
    return f"SELECT * FROM ({left}) AS a {join}"


def _listed(columns: Mapping[str, str]) -> str:
    return "".join(f", {text} AS {name}" for name, text in columns.items())


def _groups(question: Question, pairs: str, columns: tuple[str, ...], where: str) -> list[_Rates]:
    names = [f"g{question.sensitive.index(column)}" for column in columns]
    there = " AND ".join(f"{name} IS NOT NULL" for name in names) if question.drop_missing else "true"
    cells = ", ".join(f"sum(w) FILTER (d = {d} AND d2 = {e})" for d, e in _CELLS)
    sql = f"SELECT {cells} FROM ({pairs}) WHERE {there}{where} GROUP BY {', '.join(names)}"
    counted = [[float(part or 0) for part in row] for row in question.data.query(sql)]
    total = sum(map(sum, counted))
    return [_rates(row) for row in counted if sum(row) > 0 and sum(row) >= question.min_share * total]


_CELLS = ((1, 1), (1, 0), (0, 1), (0, 0))


def _rates(cells: list[float]) -> _Rates:
    """Half a row is added to each cell for the variances, so that no interval has zero width."""
    both, first, second, _ = cells
    n, padded = sum(cells), [part + 0.5 for part in cells]
    total = sum(padded)

    def variance(sign: int) -> float:
        values = [d + sign * e for d, e in _CELLS]
        mean = sum(value * part for value, part in zip(values, padded, strict=True)) / total
        return sum((value - mean) ** 2 * part for value, part in zip(values, padded, strict=True)) / total / total

    return _Rates(n, (both + first) / n, (both + second) / n, variance(-1), variance(1))


def _finding(measure: str, question: Question, groups: list[_Rates], small: int, columns: tuple[str, ...]) -> Finding:
    limit, over = question.limits.get(measure), {"sensitive": list(columns)}
    pairs = list(combinations(groups, 2))
    if not pairs:
        note = "fewer than two groups are large enough"
        return Finding(measure, over=over, limit=limit, outcome="inconclusive" if limit else None, note=note)
    confidence = 1 - (1 - question.confidence) / (2 * len(pairs))
    ends = [_apart(one, other, confidence) for one, other in pairs]
    value, low, high = (max(part) for part in zip(*ends, strict=True))
    note = "the worst pair of groups: how much further apart than under the champion, on the same rows"
    outcome = limit.verdict(value, low, high) if limit else None
    if small and outcome == "pass":
        outcome, note = "inconclusive", f"{note}; {small} groups are too small to judge"
    remedy = {"fail": _REMEDY, "inconclusive": "Evaluate both on more rows."}.get(outcome or "")
    n = sum(group.rows for group in groups)
    return Finding(
        measure, value, low=low, high=high, n=n, over=over, limit=limit, outcome=outcome, note=note, remedy=remedy
    )


def _apart(one: _Rates, other: _Rates, confidence: float) -> tuple[float, float, float]:
    """|u| - |v| of a pair, and its ends."""
    u, v = one.ours - other.ours, one.theirs - other.theirs
    less = intervals.normal_interval(u - v, sqrt(one.less + other.less), confidence, (-2.0, 2.0))
    more = intervals.normal_interval(u + v, sqrt(one.more + other.more), confidence, (-2.0, 2.0))
    # |u| - |v| is max over s of min over t of s u - t v; with s = t that is s (u - v), otherwise s (u + v).
    low = max(min(less[0], more[0]), min(-less[1], -more[1]))
    high = max(min(less[1], more[1]), min(-less[0], -more[0]))
    return abs(u) - abs(v), max(low, -1.0), min(high, 1.0)
