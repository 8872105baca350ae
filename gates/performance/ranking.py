"""What shops ask of rankings: how far lists put first what is relevant, and how much of the catalogue they show."""

from collections.abc import Mapping
from dataclasses import replace
from math import sqrt
from typing import Any

from aims_gates import DataError
from aims_gates.gatekit import RatioSums, cluster_ratios

from .forecast import reach_of
from .lists import Lists
from .measured import Ends, Measured, mean_of, with_ends
from .rows import Rows

__all__ = ["ranking_measures"]

_PARTED = "rows of one query lie in several of these slices, so none of them holds a whole list"
_NO_ENDS = "no sound interval where rows have weights"


def ranking_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Slice -> ndcg, and catalogue_coverage where the plan names the item and the catalogue's size.

    Nothing where no list is asked for: that takes the task ranking, the role query, a score and ``k``.

    Raises:
        DataError: relevance is below 0, rows of a query differ in weight or cluster, a query lists an item twice, or
            there are more items than the catalogue has.
    """
    if rows.lists is None or rows.score is None:
        return {}
    if by is None:
        _refuse(rows, rows.lists)
    base = rows.base(by)
    names = ["ndcg", *(["catalogue_coverage"] if rows.lists.item else [])]
    if by and rows.data.query(f"SELECT 1 FROM ({base}) AS r GROUP BY q HAVING count(DISTINCT k) > 1 LIMIT 1"):
        keys = rows.data.query(f"SELECT DISTINCT k FROM ({base}) AS r")
        return {key: dict.fromkeys(names, Measured(None, n=0.0, note=_PARTED)) for (key,) in keys}
    result = {key: {"ndcg": value} for key, value in _gains(rows, rows.lists, base, comparisons).items()}
    if rows.lists.item:
        for key, value in _coverage(rows, rows.lists, base, comparisons).items():
            result[key]["catalogue_coverage"] = value
    return result


def _refuse(rows: Rows, lists: Lists) -> None:
    """What no list can be read from."""
    data, where = rows.data, rows.data.where
    if data.query(f"SELECT 1 FROM data WHERE {rows.target} < 0 LIMIT 1"):
        remedy = "Grade from 0 (not relevant) up."
        raise DataError(f"{rows.columns['target']!r} holds relevance below 0", where=where, remedy=remedy)
    for role, sql in (("weight", rows.weight), ("cluster", rows.cluster)):
        differ = f"SELECT {lists.query} FROM data GROUP BY 1 HAVING count(DISTINCT {sql}) > 1 LIMIT 1"
        if sql not in (None, "1", lists.query) and (first := data.query(differ)):
            message = f"the rows of query {first[0][0]!r} differ in the column with the role {role}"
            raise DataError(message, where=where, remedy=f"A list has one {role}: repeat it in each of its rows.")
    if lists.item is None:
        return
    twice = f"SELECT {lists.query}, {lists.item} FROM data GROUP BY 1, 2 HAVING count(*) > 1 LIMIT 1"
    if first := data.query(twice):
        message = f"query {first[0][0]!r} lists the item {first[0][1]!r} twice"
        raise DataError(message, where=where, remedy="Leave one row for each item of a list.")
    items = int(data.query(f"SELECT count(DISTINCT {lists.item}) FROM data")[0][0])
    if items > int(lists.catalogue or 0):
        message = f"the set holds {items:,} different items, and the catalogue {lists.catalogue:,}"
        remedy = "Set catalogue to the number of all items that could be listed."
        raise DataError(message, where=f"{where}, parameter catalogue", remedy=remedy)


def _gains(rows: Rows, lists: Lists, base: str, comparisons: int) -> dict[str | None, Measured]:
    """Normalized discounted cumulative gain at ``k``, the mean over queries; each is scikit-learn's ``ndcg_score``.

    The relevances (linear gains) of the first ``k`` places by score are added up, over ``log2(1 + place)``; rows of
    equal scores share their places evenly. The sum is divided by that of the best order; 0 where nothing is relevant.

    Interval: Student's, see :func:`_wider`; where some queries are right in any order, such as one with a single row,
    also without those: they prove nothing.

    Source: K. Järvelin, J. Kekäläinen, ACM Transactions on Information Systems 20 (2002) 422-446; of ties F. McSherry,
    M. Najork, ECIR (2008) 414-421.
    """
    queries = _queries(rows, lists, base)
    values = "sum(w), sum(w * v), sum(w * v * v)"
    only = "sum(w * o), sum(w * v * o), sum(w * v * v * o)"
    squares = f"{rows.squares}, {rows.squares.replace('sum(w', 'sum(o * w')}"
    counts = "count(*), sum(o), sum(CASE WHEN best > 0 THEN 0 ELSE 1 END), sum(w * chance)"
    query = f"SELECT k, {counts}, {values}, {only}, {squares} FROM ({queries}) AS r GROUP BY k ORDER BY k"
    linked: Mapping[tuple[Any, ...], list[RatioSums]] = {}
    if rows.cluster is not None and rows.cluster != lists.query:
        linked = cluster_ratios(
            rows.data, f"SELECT k AS k0, * FROM ({queries}) AS r", [("v", "1"), ("v * o", "o")], keys=1
        )
    result = {}
    for key, *texts in rows.data.query(query):
        number, matter, empty, chance, *sums = map(float, texts)
        links = linked.get((key,), (None, None))
        means = [
            _wider(rows, sums[3 * place : 3 * place + 3], sums[6 + place], links[place], comparisons)
            for place in range(2 if number > matter else 1)
        ]
        notes = [f"{number:,.0f} queries; in a random order it would be {chance / sums[0]:.3g}"]
        notes += [f"{empty:,.0f} hold nothing relevant and count 0"] if empty else []
        if number > matter:
            notes += [f"{number - matter:,.0f} are right in any order, and the interval holds without them too"]
        result[key] = replace(_widest(means), note="; ".join([*notes, str(means[0].note)]))
    return result


def _queries(rows: Rows, lists: Lists, base: str) -> str:
    """A row for each query: slice, weight, cluster, NDCG ``v``, and ``o``: 0 where any order is right."""
    places = (
        f"SELECT *, avg(y) OVER (PARTITION BY q, s) AS g, row_number() OVER (PARTITION BY q ORDER BY s DESC) AS a, "
        f"row_number() OVER (PARTITION BY q ORDER BY y DESC) AS b FROM ({base}) AS r"
    )
    gain, best, once = (
        f"sum(CASE WHEN {place} <= {lists.k} THEN {what} / log2({place} + 1.0) ELSE 0.0 END)"
        for place, what in (("a", "g"), ("b", "y"), ("a", "1.0"))
    )
    cluster = ", min(c) AS c" if rows.cluster else ""
    sums = (
        f"SELECT k, q, max(w) AS w{cluster}, {gain} AS gain, {best} AS best, avg(y) * {once} AS blind, "
        f"CASE WHEN min(y) = max(y) AND min(y) > 0 THEN 0 ELSE 1 END AS o FROM ({places}) AS p GROUP BY k, q"
    )
    value, chance = (f"CASE WHEN best > 0 THEN {what} / best ELSE 0.0 END" for what in ("gain", "blind"))
    return f"SELECT *, {value} AS v, {chance} AS chance FROM ({sums}) AS q"


def _wider(rows: Rows, sums: list[float], squares: float, link: RatioSums | None, comparisons: int) -> Measured:
    """A mean of values from 0 to 1, Student's interval, and what so many queries need not have shown.

    Student's is too narrow where a rare query is far from all others, and has no width where none is there. Of ``n``
    queries a kind that is a share of ``1 - error ** (1 / n)`` of all is missed with the chance ``error``: either end
    allows for such a share at 0, or at 1. ``n`` is effective, and at most the number of clusters.
    """
    weight, total, twice = sums
    if weight <= 0:
        return Measured(None, n=0.0, note="any order is right, of every query")
    n = rows.size(weight, squares)
    mean = mean_of(total, twice, weight, n, rows.confidence, comparisons, link)
    if mean.low is None or mean.high is None:
        return mean
    n = n if link is None else min(n, float(link.clusters))

    def ends(plain: Ends, times: float) -> Ends:
        share = _missed(rows, n, times)
        return max(0.0, plain[0]) * (1 - share), 1 - max(0.0, 1 - plain[1]) * (1 - share)

    low, high = ends((mean.low, mean.high), 1)
    sure = mean.sure and ends(mean.sure, comparisons)
    note = "interval: Student's, and as much further as so many queries need not have shown"
    return replace(mean, low=low, high=high, sure=sure, note=note)


def _missed(rows: Rows, n: float, times: float) -> float:
    """The greatest share of which ``n`` independent draws may well hold none."""
    return 1 - float(((1 - rows.confidence) / 2 / max(1.0, times)) ** (1 / n))


def _widest(means: list[Measured]) -> Measured:
    """The first value, with ends that hold for all; none where one has none."""
    first, last = means[0], means[-1]
    if first.low is None or first.high is None or last.low is None or last.high is None:
        return replace(first, low=None, high=None, sure=None)
    sure = None
    if first.sure and last.sure:
        sure = min(first.sure[0], last.sure[0]), max(first.sure[1], last.sure[1])
    return replace(first, low=min(first.low, last.low), high=max(first.high, last.high), sure=sure)


def _coverage(rows: Rows, lists: Lists, base: str, comparisons: int) -> dict[str | None, Measured]:
    """The share of the catalogue that is on at least one list of ``k``.

    What is tied over the end of a list is not on it. The interval is of what as many lists, drawn again, would show:
    the variance of a count is at most what each draw alone adds to it, squared and added up (one item at least; an item
    on many lists adds nothing), and lists that were not drawn may show more. More lists show more items: the value is
    that of so many lists.

    Source: M. Ge, C. Delgado-Battenfeld, D. Jannach, RecSys (2010) 257-260; B. Efron, C. Stein, Annals of Statistics 9
    (1981) 586-596.
    """
    ended = f"SELECT *, count(*) OVER (PARTITION BY q ORDER BY s DESC) AS t FROM ({base}) AS r"
    shown = f"SELECT DISTINCT k, c, i FROM ({ended}) AS e WHERE t <= {lists.k}"
    items = f"SELECT k, i, count(*) AS n, min(c) AS c FROM ({shown}) AS s GROUP BY k, i"
    alone = f"SELECT k, c, count(*) AS n FROM ({items}) AS i WHERE n = 1 GROUP BY k, c"
    widest = f"SELECT k, c, count(*) AS n FROM ({shown}) AS s GROUP BY k, c"
    covered, single, most = (
        {key: float(number) for key, number in rows.data.query(f"SELECT k, {sql} GROUP BY k")}
        for sql in (
            f"count(*) FROM ({items}) AS i",
            f"sum(n * n) FROM ({alone}) AS a",
            f"max(n) FROM ({widest}) AS w",
        )
    )
    result = {}
    units = f"SELECT k, count(DISTINCT c), count(DISTINCT q) FROM ({base}) AS r GROUP BY k"
    for key, clusters, queries in rows.data.query(units):
        count, catalogue = covered.get(key, 0.0), float(lists.catalogue or 0)
        note = f"{count:,.0f} of {catalogue:,.0f} items on {queries:,} lists of at most {lists.k:,}"
        if rows.weight != "1" or clusters < 2:
            why = _NO_ENDS if rows.weight != "1" else "too few rows for an interval"
            result[key] = Measured(count / catalogue, n=float(clusters), note=f"{note}; {why}")
            continue
        error, new = sqrt(max(1.0, single.get(key, 0.0))), clusters * max(most.get(key, 0.0), lists.k)

        def ends(times: float, n: int = clusters, at: float = count, error: float = error, new: float = new) -> Ends:
            reach, whole = reach_of(rows, error, n - 1.0, times), float(lists.catalogue or 0)
            return max(0.0, at - reach) / whole, min(whole, at + reach + new * _missed(rows, n, times)) / whole

        note += "; interval: of as many lists drawn again, by Efron and Stein's bound"
        result[key] = with_ends(count / catalogue, ends, float(clusters), comparisons, note)
    return result
