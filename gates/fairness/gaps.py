"""Findings over groups: differences and ratios of the worst pair, judged as ``aims_gates.intervals`` judges pairs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from aims_gates import Finding, Limit, Outcome, intervals
from aims_gates.gatekit import fails_alone

from .cells import Table
from .groups import available, overall_ends, set_aside, shown, small_note
from .measures import NAMED_GAPS, SELECTION
from .question import Question

__all__ = ["gap_findings"]

_REMEDY_FAIL = (
    "Compare the two groups' data, labels and thresholds; mitigate (fairlearn.postprocessing, .reductions); run again."
)
_REMEDY_OPEN = "Evaluate on more rows of the groups named, or have the open question waived with a reason."


@dataclass(frozen=True)
class _Part:
    """One rate of a gap: its pairs, its worst pair (or group, against all rows), fairlearn's value and its interval."""

    rate: str
    pairs: intervals.RatePairs
    worst: tuple[int, ...]
    value: float
    low: float
    high: float


def gap_findings(
    question: Question, table: Table, families: int, strata: Mapping[str, str] | None = None
) -> Iterator[Finding]:
    """All differences and ratios that the roles allow, for one set of groups in one stratum.

    Args:
        question: The case.
        table: Its cells.
        families: Strata and classes judged beside this one, for the correction.
        strata: Rate -> what the strata make of its gap.
    """
    rates = available(question)
    for rate in rates:
        for ratio in (False, True):
            yield _gap(
                question,
                table,
                f"{shown(question, rate)}_{'ratio' if ratio else 'difference'}",
                (rate,),
                ratio,
                families,
                strata or {},
            )
    for name, (spanned, ratio) in NAMED_GAPS.items():
        if question.counted == SELECTION and set(spanned) <= set(rates):
            yield _gap(question, table, name, spanned, ratio, families, strata or {})


def _limit(question: Question, name: str) -> Limit | None:
    """Scores without decisions are held to the limit on parity of decisions, unless they have their own."""
    own = question.limits.get(name)
    return question.limits.get("demographic_parity_ratio") if own is None and name == "scoring_rate_ratio" else own


def _gap(
    question: Question,
    table: Table,
    name: str,
    rates: tuple[str, ...],
    ratio: bool,
    families: int,
    strata: Mapping[str, str],
) -> Finding:
    limit = _limit(question, name)
    over = {"sensitive": list(table.columns)}
    parts = [part for rate in rates if (part := _part(question, table, rate, ratio)) is not None]
    usable = [part for part in parts if np.isfinite(part.value)]
    if len(usable) < len(rates):
        note = "; ".join(filter(None, [_why_unknown(table, len(parts) == len(rates)), small_note(question, table)]))
        outcome: Outcome | None = "inconclusive" if limit else None
        remedy = _REMEDY_OPEN if limit else None
        return Finding(name, by=table.stratum, over=over, limit=limit, outcome=outcome, note=note, remedy=remedy)
    worst = (min if ratio else max)(usable, key=lambda part: part.value)
    outcome, verdict_note = _judged(question, table, usable, worst, limit, ratio, families)
    remedy = _REMEDY_FAIL if outcome == "fail" else _REMEDY_OPEN if outcome == "inconclusive" else None
    notes = [_named(table, worst, len(rates) > 1, question), verdict_note, strata.get(worst.rate)]
    notes.append(small_note(question, table))
    return Finding(
        name,
        worst.value,
        worst.low,
        worst.high,
        n=float(sum(part.pairs.n.sum() for part in usable)),
        by=table.stratum,
        over=over,
        limit=limit,
        outcome=outcome,
        note="; ".join(filter(None, notes)),
        remedy=remedy,
    )


def _why_unknown(table: Table, rated: bool) -> str:
    """Why a gap has no value; ``rated``: two groups have each rate it spans."""
    if len(table.names) < 2:
        return "fewer than two groups, so there is nothing to compare"
    return "no group has any, so a ratio is undefined" if rated else "fewer than two groups have a rate at all"


def _part(question: Question, table: Table, rate: str, ratio: bool) -> _Part | None:
    """The worst pair and fairlearn's value, over the pairs of groups or to the overall rate."""
    small, out = set_aside(question, table)
    x, n, df = table.counts(rate)
    top, bottom = table.sums(rate)
    pairs = intervals.RatePairs.of(x, n, ~small & (n > 0), ~out, df)
    points = intervals.RatePairs.of(top, bottom, present=~out)
    if question.reference == "overall":
        return _to_overall(question, rate, pairs, points, ratio)
    pair = points.worst(ratio)
    if pair is None:
        return None
    a, b = pair
    high, low = float(points.rates[a]), float(points.rates[b])
    value = (low / high if high > 0 else np.nan) if ratio else high - low
    return _Part(rate, pairs, pair, value, *_pair_ends(question, pairs, pair, ratio))


def _pair_ends(
    question: Question, pairs: intervals.RatePairs, pair: tuple[int, ...], ratio: bool, times: int = 1
) -> tuple[float, float]:
    """The interval of a pair (higher, lower), or of a group against all rows."""
    x, n = pairs.at(question.confidence, times)
    if question.reference == "overall":
        low, high = overall_ends(x, n, ratio, question.confidence, times)
        return float(low[pair[0]]), float(high[pair[0]])
    a, b = pair
    if ratio:
        return intervals.exact_ratio(x[b], n[b], x[a], n[a], question.confidence, times)
    return intervals.exact_difference(x[a], n[a], x[b], n[b], question.confidence, times)


def _to_overall(
    question: Question, rate: str, pairs: intervals.RatePairs, points: intervals.RatePairs, ratio: bool
) -> _Part | None:
    """fairlearn's ``method="to_overall"``: the largest distance of a group's rate to that of all rows."""
    known = np.flatnonzero(points.present & (points.n > 0))
    if len(known) < 2:
        return None
    whole = points.successes.sum() / points.n.sum()
    rates = points.rates[known]
    with np.errstate(divide="ignore", invalid="ignore"):
        values = np.minimum(rates / whole, whole / rates) if ratio else np.abs(rates - whole)
    place = int(known[int(np.argmin(values) if ratio else np.argmax(values))])
    value = float(np.min(values) if ratio else np.max(values))
    return _Part(rate, pairs, (place,), value, *_pair_ends(question, pairs, (place,), ratio))


def _verdict(
    question: Question, part: _Part, limit: Limit, ratio: bool, families: int, along: int
) -> intervals.PairVerdict:
    if question.reference != "overall":
        judge = intervals.judge_ratio if ratio else intervals.judge_difference
        return judge(part.pairs, limit, question.confidence, families, along)
    return _to_all_rows(question, part.pairs, limit, ratio, families * along)


def _to_all_rows(
    question: Question, pairs: intervals.RatePairs, limit: Limit, ratio: bool, families: int
) -> intervals.PairVerdict:
    """The verdict on the distance of each group to all rows."""
    counted = pairs.counted & pairs.present
    judged = int(counted.sum())
    plain, sure = (
        overall_ends(*pairs.at(question.confidence, times), ratio, question.confidence, times)
        for times in (1, max(1, judged) * families)
    )
    far, near = (0, 1) if ratio else (1, 0)
    inside = np.array([limit.met(end) for end in plain[far]], bool)
    failing, alone = (
        np.flatnonzero(np.array([not limit.met(end) for end in ends[near]], bool) & counted) for ends in (sure, plain)
    )
    unsure, hidden = bool((~inside & counted).any()), bool((~inside & pairs.present & ~counted).any())
    if len(failing):
        return intervals.PairVerdict("fail", (int(failing[0]),) * 2, unsure, hidden, judged)
    outcome: Outcome = "inconclusive" if unsure or hidden or judged < 2 else "pass"
    pair = (int(alone[0]),) * 2 if len(alone) else None
    return intervals.PairVerdict(outcome, None, unsure, hidden, judged if judged > 1 else 0, pair)


def _judged(
    question: Question, table: Table, parts: list[_Part], worst: _Part, limit: Limit | None, ratio: bool, families: int
) -> tuple[Outcome | None, str | None]:
    if limit is None:
        return None, None
    family = families * len(parts)
    verdicts = [_verdict(question, part, limit, ratio, families, len(parts)) for part in parts]
    for part, verdict in zip(parts, verdicts, strict=True):
        if verdict.failing is not None:
            ends = _simultaneous(question, part, verdict.failing, ratio, verdict.pairs * family)
            return "fail", "; ".join(filter(None, [_elsewhere(table, worst, part, verdict.failing), ends])) or None
    if all(verdict.outcome == "pass" for verdict in verdicts):
        return "pass", None
    if not any(verdict.pairs for verdict in verdicts):
        return "inconclusive", "fewer than two groups are large enough to judge"
    for part, verdict in zip(parts, verdicts, strict=True):
        if verdict.alone is not None:
            ends = _simultaneous(question, part, verdict.alone, ratio, verdict.pairs * family)
            return "inconclusive", fails_alone(ends, _pair_name(table, verdict.alone))
    needed = _needed(question, table, worst, limit, ratio, max(verdict.pairs for verdict in verdicts) * family)
    return "inconclusive", "; ".join([*_why_open(worst, limit, verdicts), needed])


def _simultaneous(question: Question, part: _Part, pair: tuple[int, int], ratio: bool, several: int) -> str | None:
    """The pair's interval corrected for all that is judged beside it; None where nothing is."""
    return intervals.simultaneous(*_pair_ends(question, part.pairs, pair, ratio, several)) if several > 1 else None


def _pair_name(table: Table, pair: tuple[int, int]) -> str:
    return " and ".join(table.name(place) for place in sorted(set(pair)))


def _elsewhere(table: Table, worst: _Part, part: _Part, pair: tuple[int, int]) -> str | None:
    """The pair that surely misses the limit, where it is another than the worst pair."""
    if part.rate == worst.rate and set(pair) == set(worst.worst):
        return None
    return f"surely outside: {_pair_name(table, pair)}"


def _why_open(worst: _Part, limit: Limit, verdicts: list[intervals.PairVerdict]) -> Iterator[str]:
    if not limit.met(worst.value):
        yield "the value misses the limit, but with so few rows chance alone could do that"
    if any(verdict.hidden for verdict in verdicts) and not any(verdict.open for verdict in verdicts):
        yield "the groups that can be judged keep the limit, a smaller one could miss it"


def _needed(question: Question, table: Table, worst: _Part, limit: Limit, ratio: bool, times: int) -> str:
    """How many rows per group would settle it, in plain words."""
    top, bottom = table.sums(worst.rate)
    n = worst.pairs.n
    if len(worst.worst) == 1:
        return "more rows per group are needed"
    a, b = worst.worst
    needed = (intervals.rows_for_ratio if ratio else intervals.rows_for_difference)(
        float(top[a] / bottom[a]), float(top[b] / bottom[b]), limit, question.confidence, times
    )
    if needed is None:
        return "the rates lie so near the limit that no practical number of rows would settle it"
    rows = needed * max(table.rows_for(i, float(n[i])) for i in (a, b) if n[i] > 0)
    return f"about {_round(rows):,} rows per group would settle it, should the rates stay as they are"


def _round(rows: float) -> int:
    digits = max(0, len(str(int(rows))) - 2)
    return int(-(-rows // 10**digits) * 10**digits)


def _named(table: Table, part: _Part, several: bool, question: Question) -> str:
    """The pair that makes the worst value."""
    top, bottom = table.sums(part.rate)

    def one(place: int) -> str:
        return f"{table.name(place)} ({top[place] / bottom[place]:.4g} of {part.pairs.n[place]:g})"

    kind = f" in {shown(question, part.rate)}" if several else ""
    if question.reference == "overall":
        return f"worst{kind}: {one(part.worst[0])} against all rows ({top.sum() / bottom.sum():.4g})"
    return f"worst pair{kind}: {one(part.worst[0])} and {one(part.worst[1])}"
