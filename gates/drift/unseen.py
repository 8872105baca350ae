"""What production lacks or has anew: missing values, and values that the reference never had."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from aims_gates import Dataset, Finding, intervals

from .columns import Column
from .pair import Pair
from .settings import Settings

__all__ = ["shares"]

_LEAST_SHOWN, _MOST_SHOWN = 5, 5


@dataclass(frozen=True)
class _Unseen:
    """Values of production that the reference never had.

    Attributes:
        rows: Production's rows with such a value.
        once: The reference's rows whose value stands there once.
        note: What to know.
    """

    rows: int
    once: int
    note: str = ""


def shares(pair: Pair, over: Mapping[str, Any], settings: Settings, family: int) -> Iterator[Finding]:
    """missing_share, missing_increase and, of values without order, unseen_share.

    Args:
        pair: The column.
        over: The column and the chunk.
        settings: Limits and confidence.
        family: Columns times chunks, for which a fail is corrected.
    """
    yield _missing(pair, over, settings)
    yield _increase(pair, over, settings, family)
    if pair.production.n and pair.reference.n and (not pair.number):
        yield _unseen(pair, over, settings, family)


def _missing(pair: Pair, over: Mapping[str, Any], settings: Settings) -> Finding:
    """The share of production's rows without a value, with Clopper and Pearson's interval."""
    rows, of = pair.production.missing, pair.production.rows
    low, high = intervals.exact_rate(rows, of, settings.confidence)
    finding = Finding("missing_share", rows / of, low, high, n=of, over=dict(over))
    limit = settings.limits.get("missing_share")
    note = f"in the reference {pair.reference.missing / pair.reference.rows:.4g}"
    return _judged(replace(finding, note=note, limit=limit), (low, high), None)


def _increase(pair: Pair, over: Mapping[str, Any], settings: Settings, family: int) -> Finding:
    """The share of production's rows without a value less that of the reference's, with MOVER's interval."""
    mine, known = ((column.missing, column.rows) for column in (pair.production, pair.reference))
    value = mine[0] / mine[1] - known[0] / known[1]
    ends, sure = (
        intervals.exact_difference(*mine, *known, settings.confidence, times) for times in (1, settings.times(family))
    )
    finding = Finding("missing_increase", value, *ends, n=mine[1], over=dict(over))
    note = f"{mine[0] / mine[1]:.4g} of production's rows hold no value, {known[0] / known[1]:.4g} of the reference's"
    return _judged(replace(finding, note=note, limit=settings.limits.get("missing_increase")), ends, sure)


def _unseen(pair: Pair, over: Mapping[str, Any], settings: Settings, family: int) -> Finding:
    """The share of production's rows whose value the reference never had.

    A sample does not hold all values there are: a new row has one that the sample lacks about as often as the sample
    has values that stand in it once (I. J. Good, Biometrika 40 (1953) 237-264). So it fails only where it is
    beyond its limit and beyond that share too.
    """
    counted = _in_text(pair) if pair.reference.reading.how == "hashed" else _in_counts(pair)
    rows, n = pair.production.rows, pair.reference.n
    both = [
        intervals.exact_rate(counted.rows, rows, settings.confidence, times) for times in (1, settings.times(family))
    ]
    ends, sure = both
    finding = Finding("unseen_share", counted.rows / rows, *ends, n=rows, over=dict(over), note=counted.note or None)
    limit, chance = settings.limits.get("unseen_share"), counted.once / n
    finding = _judged(replace(finding, limit=limit), ends, sure)
    more = [
        intervals.exact_difference(counted.rows, pair.production.n, counted.once, n, settings.confidence, times)[0] > 0
        for times in (1, settings.times(family))
    ]
    if limit is None or limit.met(chance) or finding.outcome == "pass" or (finding.outcome == "fail" and all(more)):
        return finding
    expected = f"of the reference's own values {chance:.3g} stand there once, so as many new ones are to be expected"
    return replace(
        finding,
        outcome="inconclusive",
        note="; ".join(text for text in (finding.note, expected) if text),
        remedy=(
            f"Give more reference rows, or a limit that fits; or, where {pair.name!r} names rows and tells nothing, "
            "the role id."
        ),
    )


def _judged(finding: Finding, ends: tuple[float, float], sure: tuple[float, float] | None) -> Finding:
    """Fail by the corrected interval, pass by the plain one."""
    if finding.limit is None:
        return finding
    limit, value = finding.limit, finding.value or 0.0
    plain = limit.verdict(value, *ends)
    outcome = plain
    notes = [finding.note] if finding.note else []
    if plain == "fail" and sure is not None and limit.verdict(value, *sure) != "fail":
        outcome = "inconclusive"
        notes.append("fails alone")
    remedy = None if outcome == "pass" else "Look at how the column is filled."
    return replace(finding, outcome=outcome, note="; ".join(notes) or None, remedy=remedy)


def _in_counts(pair: Pair) -> _Unseen:
    """Categories. Values that fewer than five rows have are never named: they may tell who somebody is."""
    known = pair.reference.counts
    rows = {value: rows for value, rows in pair.production.counts.items() if value not in known}
    many = sorted((str(value) for value, count in rows.items() if count >= _LEAST_SHOWN))[:_MOST_SHOWN]
    note = f"{len(rows)} categories the reference does not have" + (f", among them {', '.join(many)}" if many else "")
    once = sum(count == 1 for count in known.values())
    return _Unseen(sum(rows.values()), once, note if rows else "")


def _in_text(pair: Pair) -> _Unseen:
    """Text of many values, looked up word for word where it lies."""
    column = pair.production
    known = _texts(pair.reference, pair.reference.part.sql_elsewhere)
    mine = _texts(column, column.part.sql)
    sql = (
        f"SELECT coalesce(sum(p.n), 0), count(p.x) FROM (SELECT x, count(*) AS n FROM ({mine}) AS m GROUP BY x) AS p "
        f"LEFT JOIN (SELECT DISTINCT x FROM ({known}) AS k) AS r ON p.x = r.x WHERE r.x IS NULL"
    )
    rows, texts = column.part.data.query(sql)[0]
    own = _texts(pair.reference, pair.reference.part.sql)
    once = pair.reference.part.data.query(
        f"SELECT count(*) FROM (SELECT x FROM ({own}) AS m GROUP BY x HAVING count(*) = 1) AS r"
    )[0][0]
    return _Unseen(int(rows), int(once), f"{int(texts):,} texts the reference does not have" if rows else "")


def _texts(column: Column, table: str) -> str:
    name = Dataset.quote(column.name)
    return f"SELECT CAST({name} AS VARCHAR) AS x FROM {table} WHERE {name} IS NOT NULL"
