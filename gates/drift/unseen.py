"""What production lacks or has anew: missing values, and values that the reference never had."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aims_gates import Dataset, Finding, intervals
from aims_gates.gatekit import SampleRate, tally_rows

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
    rows, of, rate = pair.production.missing, pair.production.rows, _no_value(pair.production)
    low, high = rate.interval(settings.confidence)
    finding = Finding("missing_share", rows / of, low, high, n=rate.n, over=dict(over))
    limit = settings.limits.get("missing_share")
    note = f"in the reference {pair.reference.missing / pair.reference.rows:.4g}"
    return _judged(replace(finding, note=note, limit=limit), (low, high), None)


def _increase(pair: Pair, over: Mapping[str, Any], settings: Settings, family: int) -> Finding:
    """The share of production's rows without a value less that of the reference's, with MOVER's interval."""
    mine, known = ((column.missing, column.rows) for column in (pair.production, pair.reference))
    value = mine[0] / mine[1] - known[0] / known[1]
    rates = _no_value(pair.production), _no_value(pair.reference)
    ends, sure = (_apart(rates, settings, times) for times in (1, settings.times(family)))
    finding = Finding("missing_increase", value, *ends, n=rates[0].n, over=dict(over))
    note = f"{mine[0] / mine[1]:.4g} of production's rows hold no value, {known[0] / known[1]:.4g} of the reference's"
    return _judged(replace(finding, note=note, limit=settings.limits.get("missing_increase")), ends, sure)


def _unseen(pair: Pair, over: Mapping[str, Any], settings: Settings, family: int) -> Finding:
    """The share of production's rows whose value the reference never had.

    A sample does not hold all values there are: a new row has one that the sample lacks about as often as the sample
    has values that stand in it once (I. J. Good, Biometrika 40 (1953) 237-264). So it fails only where it is
    beyond its limit and beyond that share too. Where rows of one cluster go together, what stands in one cluster
    alone counts as that.
    """
    counted = _in_text(pair) if pair.reference.reading.how == "hashed" else _in_counts(pair)
    rows = pair.production.rows
    new, filled, once = _rates(pair, counted)
    ends, sure = (new.interval(settings.confidence, times) for times in (1, settings.times(family)))
    finding = Finding("unseen_share", counted.rows / rows, *ends, n=new.n, over=dict(over), note=counted.note or None)
    limit, chance = settings.limits.get("unseen_share"), once.value or 0.0
    finding = _judged(replace(finding, limit=limit), ends, sure)
    more = [_apart((filled, once), settings, times)[0] > 0 for times in (1, settings.times(family))]
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


# Rows that go together -----------------------------------------------------------------------------------------------


def _apart(rates: tuple[SampleRate, SampleRate], settings: Settings, times: int) -> tuple[float, float]:
    """MOVER's interval of the first less the second."""
    one, other = (rate.counts(settings.confidence, times) for rate in rates)
    low, high = intervals.exact_difference(*one, *other, settings.confidence, times)
    return float(low), float(high)


def _rate(column: Column, hits: int, of: int, rows: str) -> SampleRate:
    """A share of a column's rows; of their effective size where rows of one cluster go together.

    Args:
        column: The column.
        hits, of: Rows that count, of how many.
        rows: ``SELECT kind, w, c``, kind 1 being what counts; not asked where rows are independent.
    """
    plain = SampleRate(hits / of, of)
    if column.part.cluster is None:
        return plain
    tally = tally_rows(column.part.data, rows, 2, cluster=True)[()]
    alone = tally.together is not None and tally.together.clusters(np.ones(2)) == of
    return plain if alone else tally.rate([1], [0, 1])


def _no_value(column: Column) -> SampleRate:
    rows = f"SELECT CASE WHEN {column.sql} IS NULL THEN 1 ELSE 0 END AS kind, 1 AS w, {column.part.cluster} AS c"
    return _rate(column, column.missing, column.rows, f"{rows} FROM {column.part.sql}")


def _rates(pair: Pair, counted: _Unseen) -> tuple[SampleRate, SampleRate, SampleRate]:
    """What is new of production's rows, and of those that hold a value; what stands once of the reference's."""
    mine, known, name = pair.production, pair.reference, Dataset.quote(pair.name)
    text = f"CAST({name} AS VARCHAR) AS x"
    words = f"SELECT DISTINCT {text} FROM {known.part.sql_elsewhere}"
    joined = (
        "SELECT CASE WHEN p.x IS NOT NULL AND r.x IS NULL THEN 1 ELSE 0 END AS kind, 1 AS w, p.c AS c FROM "
        f"(SELECT {text}, {mine.part.cluster} AS c FROM {mine.part.sql}) AS p LEFT JOIN ({words}) AS r ON p.x = r.x"
    )
    own = f"SELECT {text}, {known.part.cluster} AS c FROM {known.part.sql} WHERE {name} IS NOT NULL"
    alone = f"SELECT x FROM ({own}) AS a GROUP BY x HAVING count(DISTINCT c) = 1"
    single = f"SELECT CASE WHEN x IN ({alone}) THEN 1 ELSE 0 END AS kind, 1 AS w, c FROM ({own}) AS o"
    return (
        _rate(mine, counted.rows, mine.rows, joined),
        _rate(mine, counted.rows, mine.n, f"{joined} WHERE p.x IS NOT NULL"),
        _rate(known, counted.once, known.n, single),
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
