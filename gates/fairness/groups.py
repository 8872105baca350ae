"""Findings for each group: its rates, and how they stand to the reference's."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aims_gates import Finding, InputError, Limit, Outcome, intervals
from aims_gates.gatekit import judge_interval

from .cells import Floats, Table
from .measures import RATES, SELECTION
from .question import Question

__all__ = [
    "Sides",
    "available",
    "group_findings",
    "overall_ends",
    "ratio_to_overall",
    "set_aside",
    "shown",
    "sides",
    "small_note",
]


def available(question: Question) -> list[str]:
    """The rates that the roles allow: without a target only the selection rate."""
    return list(RATES) if question.label and question.decided else [SELECTION]


def shown(question: Question, rate: str) -> str:
    """The rate's name: of scores without decisions, the selection rate is the scoring rate."""
    return question.counted if rate == SELECTION else rate


def set_aside(question: Question, table: Table) -> tuple[Any, Any]:
    """Which groups are too small to judge by, and which are left out for good by their share."""
    totals = table.totals
    return table.sizes < question.min_size, totals < question.min_share * totals.sum()


def small_note(question: Question, table: Table) -> str | None:
    """Which groups no verdict counts, in words."""
    small, out = set_aside(question, table)
    parts = []
    if (small & ~out).any():
        listed = ", ".join(f"{table.name(i)} ({table.sizes[i]:g})" for i in np.flatnonzero(small & ~out)[:8])
        parts.append(f"fewer than {question.min_size:g} rows, not judged: {listed}")
    if out.any():
        listed = ", ".join(f"{table.name(i)} ({table.sizes[i]:g})" for i in np.flatnonzero(out)[:8])
        parts.append(f"under {question.min_share:.3g} of the rows, left out: {listed}")
    if table.dropped:
        parts.append(f"{table.dropped} rows without a sensitive value were dropped")
    return "; ".join(parts) or None


@dataclass(frozen=True)
class Sides:
    """The reference's side of a comparison.

    Attributes:
        place: Index of the reference group; None compares with all rows.
        comparisons: How many comparisons a failing interval is corrected for.
        word: The reference in words.
    """

    place: int | None
    comparisons: int
    word: str


def sides(question: Question, table: Table, rate: str) -> Sides:
    """Find the reference group: named, or of the highest rate among all that are not left out by their share.

    A small group may be it: that leaves verdicts open and changes no value (6 RCNY 5-300: the most selected category).
    """
    groups = len(table.names)
    reference = question.reference
    if reference == "overall":
        return Sides(None, groups, "all rows")
    if isinstance(reference, Mapping) and set(table.columns) == set(reference):
        columns = tuple(reference[column] for column in table.columns)
        if columns in table.names:
            return Sides(table.names.index(columns), max(1, groups - 1), table.name(table.names.index(columns)))
        if not table.stratum:
            listed = "; ".join(", ".join(name) for name in table.names[:12])
            message = f"the reference group {', '.join(columns)!r} is not in the data"
            raise InputError(message, where=question.data.where, remedy=f"Choose from: {listed}.")
    _, out = set_aside(question, table)
    rates = _rates(*table.sums(rate))
    for allowed in (~out, np.ones(groups, bool)):
        fitting = np.where(allowed, rates, np.nan)
        if not np.isnan(fitting).all():
            place = int(np.nanargmax(fitting))
            return Sides(place, max(1, groups * (groups - 1) // 2), f"{table.name(place)}, the highest")
    return Sides(None, groups, "all rows")


def _rates(top: Floats, bottom: Floats) -> Floats:
    unknown: Floats = np.full(top.shape, np.nan)
    np.divide(top, bottom, out=unknown, where=bottom > 0)
    return unknown


def group_findings(question: Question, table: Table, families: int) -> Iterator[Finding]:
    """Rates, counts, impact ratios and disparities of every group.

    A limit on a per-group measure is corrected, for failing, by the number of groups (or of pairs, where the
    reference is chosen by the data) and of strata.
    """
    for place in range(len(table.names)):
        limit = question.limits.get("count")
        count = float(table.sizes[place])
        outcome = limit.verdict(count) if limit else None
        yield Finding("count", count, n=float(table.rows[place]), by=table.by(place), limit=limit, outcome=outcome)
    for rate in available(question):
        yield from _rate_findings(question, table, rate, families)
        yield from _against(question, table, rate, families)


def _rate_findings(question: Question, table: Table, rate: str, families: int) -> Iterator[Finding]:
    name, (top, bottom) = shown(question, rate), table.sums(rate)
    pairs, times = intervals.RatePairs.of(*_counted(table, rate)), len(table.names) * families
    plain = intervals.exact_rate(*pairs.at(question.confidence), question.confidence)
    sure = intervals.exact_rate(*pairs.at(question.confidence, times), question.confidence, times)
    for place, value in enumerate(_rates(top, bottom)):
        limit, few = _judgeable(question, table, place, name)
        if np.isnan(value):
            outcome: Outcome | None = "inconclusive" if limit else None
            note = "no row in the denominator, so the rate is unknown (not 0)"
            yield Finding(name, n=0.0, by=table.by(place), limit=limit, outcome=outcome, note=note)
            continue
        ends = _at(plain, place)
        outcome, message = judge_interval(limit, float(value), ends, _at(sure, place)) if limit else (None, None)
        if few:
            outcome, message = ("inconclusive" if limit else None), few
        yield Finding(
            name, float(value), *ends, None, float(pairs.n[place]), table.by(place), None, limit, outcome, note=message
        )


def _counted(table: Table, rate: str) -> tuple[Floats, Floats, None, None, Floats | None]:
    """What :meth:`RatePairs.of` takes."""
    x, n, df = table.counts(rate)
    return x, n, None, None, df


def _at(ends: tuple[Floats, Floats], place: int) -> tuple[float, float]:
    return float(ends[0][place]), float(ends[1][place])


def _judgeable(question: Question, table: Table, place: int, name: str) -> tuple[Limit | None, str | None]:
    """The limit on this group, and why the group is not judged."""
    small, out = set_aside(question, table)
    if out[place]:
        return None, "left out: its share of the rows is too small"
    limit = question.limits.get(name)
    return limit, f"not judged: fewer than {question.min_size:g} rows" if small[place] else None


def _against(question: Question, table: Table, rate: str, families: int) -> Iterator[Finding]:
    """``<rate>_disparity`` for every rate, and ``impact_ratio`` for the selection (or scoring) rate."""
    side = sides(question, table, rate)
    top, bottom = table.sums(rate)
    pairs, times = intervals.RatePairs.of(*_counted(table, rate)), side.comparisons * families
    rates = _rates(top, bottom)
    base = _rates(top.sum(keepdims=True), bottom.sum(keepdims=True))[0] if side.place is None else rates[side.place]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = rates / base
    plain = _ratio_ends(*pairs.at(question.confidence), side.place, question.confidence, 1)
    sure = _ratio_ends(*pairs.at(question.confidence, times), side.place, question.confidence, times)
    for name in (f"{shown(question, rate)}_disparity", *(["impact_ratio"] if rate == SELECTION else [])):
        for place, value in enumerate(values):
            finding = _compared(question, table, name, side, place, float(value), _at(plain, place), _at(sure, place))
            yield replace(finding, n=float(pairs.n[place]))


def _compared(
    question: Question,
    table: Table,
    name: str,
    side: Sides,
    place: int,
    value: float,
    ends: tuple[float, float],
    sure: tuple[float, float],
) -> Finding:
    """One group against the reference."""
    by, same = table.by(place), place == side.place
    limit, few = _judgeable(question, table, place, name)
    if same:
        limit = None
    open_: Outcome | None = "inconclusive" if limit else None
    if not np.isfinite(value):
        note = f"unknown: the group or {side.word} has no such rate, or a rate of 0"
        return Finding(name, by=by, limit=limit, outcome=open_, note=note)
    if same:
        return Finding(name, value, by=by, note="the reference")
    outcome, message = judge_interval(limit, value, ends, sure) if limit else (None, None)
    if side.place is not None:
        few = few or _judgeable(question, table, side.place, name)[1]
    if few:
        outcome, message = open_, few
    note = "; ".join(filter(None, [message, f"against {side.word}"]))
    return Finding(name, value, *ends, by=by, limit=limit, outcome=outcome, note=note)


def _ratio_ends(x: Floats, n: Floats, place: int | None, confidence: float, comparisons: int) -> tuple[Floats, Floats]:
    """Intervals for each group's rate over the reference's."""
    if place is not None:
        low, high = intervals.exact_ratio(
            x, n, np.full_like(x, x[place]), np.full_like(n, n[place]), confidence, comparisons
        )
        return np.asarray(low), np.asarray(high)
    return ratio_to_overall(x, n, confidence, comparisons)


def ratio_to_overall(x: Floats, n: Floats, confidence: float, comparisons: int) -> tuple[Floats, Floats]:
    """Intervals for each group's rate over that of all rows.

    The group is part of the whole: with w its share, the ratio to all is ``r / (w * r + 1 - w)`` of the ratio r to
    the rest, which is independent of it; so the interval for r maps to the one wanted. Without a rest it begins at 0.
    """
    share = n / max(float(n.sum()), 1e-300)
    low, high = intervals.exact_ratio(x, n, x.sum() - x, n.sum() - n, confidence, comparisons)
    with np.errstate(divide="ignore", invalid="ignore"):
        mapped = [
            np.where(np.isinf(r), 1 / share, r / np.maximum(share * r + 1 - share, 1e-300))
            for r in (np.asarray(low), np.asarray(high))
        ]
    return mapped[0], mapped[1]


def overall_ends(x: Floats, n: Floats, ratio: bool, confidence: float, comparisons: int) -> tuple[Floats, Floats]:
    """Intervals for the distance of each group's rate to that of all rows: an absolute difference, or a ratio to 1."""
    if ratio:
        low, high = ratio_to_overall(x, n, confidence, comparisons)
        with np.errstate(divide="ignore"):
            nearest = np.where(low > 1, 1 / low, np.minimum(high, 1.0))
            return np.minimum(low, 1 / high), nearest
    rest = 1 - n / max(float(n.sum()), 1e-300)
    low, high = intervals.exact_difference(x, n, x.sum() - x, n.sum() - n, confidence, comparisons)
    near, far = np.maximum(np.maximum(low, -high), 0.0), np.maximum(np.abs(low), np.abs(high))
    return rest * near, rest * far
