"""Targets that are numbers: means by group and stratum. Differences of the worst pair, by Welch's interval."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import hypot, sqrt

from aims_gates import Finding, Limit, Outcome, intervals
from aims_gates.gatekit import judge_interval

from .cells import group_by, within
from .moments import TERMS, Moments, count_moments
from .question import Question

__all__ = ["is_regression", "regression_findings"]

#: More different values than this, or a fraction among them, and a numeric target is a quantity, not a label.
_MOST_LABELS = 20


def is_regression(question: Question) -> bool:
    """Whether target and prediction are quantities: numeric, no rule, no positive label, many values."""
    data, columns = question.data, (question.target, question.prediction)
    if None in columns or question.ruled or question.declared:
        return False
    if any(data.kind(str(column)) != "numeric" for column in columns):
        return False
    name = data.quote(str(question.target))
    other = data.query(f"SELECT 1 FROM data WHERE {name} NOT IN (0, 1) LIMIT 1")
    if not other:
        return False
    values, fractions = data.query(
        f"SELECT approx_count_distinct({name}), count(*) FILTER ({name} % 1 <> 0) FROM data"
    )[0]
    return bool(values > _MOST_LABELS or fractions)


@dataclass(frozen=True)
class _Group:
    """A group's mean of one term, and what to judge it by."""

    by: Mapping[str, str]
    size: float
    n: float
    mean: float
    deviation: float | None

    @property
    def name(self) -> str:
        return ", ".join(f"{column}={value}" for column, value in self.by.items())

    @property
    def error(self) -> float:
        return (self.deviation or 0.0) / sqrt(self.n)


def regression_findings(question: Question, sets: Sequence[tuple[str, ...]]) -> Iterator[Finding]:
    """mean_prediction, mean_error (prediction minus target) and mean_absolute_error by group, and their differences.

    Raises:
        DataError: rows lack a value or hold infinities, or weights are none.
    """
    cells, centres = count_moments(question)
    strata: list[dict[str, str]] = [{}, *_strata(question, cells)]
    for columns in sets:
        for stratum in strata:
            families = max(1, len(strata) - 1) if stratum else 1
            inside = [cell for cell in cells if within(question.control, cell.strata, stratum)]
            known, left_out = group_by(question, inside, columns)
            if question.drop_missing:
                dropped = sum(cell.rows for cell in left_out)
                yield Finding("rows_dropped", dropped, by=stratum, over={"sensitive": list(columns)})
            yield from _counts(question, columns, stratum, known)
            for place, measure in enumerate(TERMS):
                groups = [
                    _group(question, dict(zip(columns, name, strict=True)), known[name], place, centres[place])
                    for name in sorted(known)
                ]
                for group in groups:
                    yield _by_group(question, measure, group, stratum, len(groups) * families)
                yield _difference(question, measure, columns, groups, stratum, families)


def _strata(question: Question, cells: Sequence[Moments]) -> list[dict[str, str]]:
    strata = {tuple("missing" if value is None else value for value in cell.strata) for cell in cells}
    return [dict(zip(question.control, values, strict=True)) for values in sorted(strata) if values]


def _counts(
    question: Question,
    columns: tuple[str, ...],
    stratum: Mapping[str, str],
    known: Mapping[tuple[str, ...], list[Moments]],
) -> Iterator[Finding]:
    limit = question.limits.get("count")
    for name in sorted(known):
        rows = sum(cell.rows for cell in known[name])
        count = float(rows if question.sampling else sum(cell.weight for cell in known[name]))
        by = {**dict(zip(columns, name, strict=True)), **stratum}
        yield Finding("count", count, n=rows, by=by, limit=limit, outcome=limit.verdict(count) if limit else None)


def _group(question: Question, by: Mapping[str, str], cells: list[Moments], place: int, centre: float) -> _Group:
    rows, weight, squares = (sum(getattr(cell, name) for cell in cells) for name in ("rows", "weight", "squares"))
    if not weight:
        return _Group(by, rows, 0.0, 0.0, None)
    offset = sum(cell.first[place] for cell in cells) / weight
    spread = max(0.0, sum(cell.second[place] for cell in cells) - weight * offset * offset)
    n = weight * weight / squares if question.sampling else weight
    deviation = sqrt(spread / weight * n / (n - 1)) if n > 1 else None
    return _Group(by, rows if question.sampling else weight, n, centre + offset, deviation)


def _by_group(question: Question, measure: str, group: _Group, stratum: Mapping[str, str], times: int) -> Finding:
    limit, by = question.limits.get(measure), {**group.by, **stratum}
    ends = _interval(group, question.confidence)
    if ends is None:
        note = "too few rows for an interval"
        outcome: Outcome | None = "inconclusive" if limit else None
        return Finding(
            measure, group.mean if group.n else None, n=group.n, by=by, limit=limit, outcome=outcome, note=note
        )
    outcome, message = None, None
    if limit:
        sure = _interval(group, 1 - (1 - question.confidence) / times) or ends
        if group.size < question.min_size:
            outcome, message = "inconclusive", f"not judged: fewer than {question.min_size:g} rows"
        else:
            outcome, message = judge_interval(limit, group.mean, ends, sure)
    return Finding(measure, group.mean, *ends, n=group.n, by=by, limit=limit, outcome=outcome, note=message)


def _interval(group: _Group, confidence: float) -> tuple[float, float] | None:
    if group.deviation is None:
        return None
    return intervals.mean_interval(group.mean, group.deviation, group.n, confidence)


def _difference(
    question: Question,
    measure: str,
    columns: tuple[str, ...],
    groups: list[_Group],
    stratum: Mapping[str, str],
    families: int,
) -> Finding:
    name, over = f"{measure}_difference", {"sensitive": list(columns)}
    limit, whole = question.limits.get(name), sum(group.size for group in groups)
    present = [group for group in groups if group.size >= question.min_share * whole]
    usable = [group for group in present if group.deviation is not None]
    pairs = list(combinations(usable, 2))
    if not pairs:
        note = "fewer than two groups with two rows"
        outcome: Outcome | None = "inconclusive" if limit else None
        return Finding(name, by=stratum, over=over, limit=limit, outcome=outcome, note=note)
    a, b = max(pairs, key=lambda pair: abs(pair[0].mean - pair[1].mean))
    a, b = (a, b) if a.mean >= b.mean else (b, a)
    low, high = _welch(a, b, question.confidence, 1)
    outcome = _judge(question, pairs, limit, len(present) > len(usable), families) if limit else None
    notes = [f"worst pair: {a.name} ({a.mean:.4g} of {a.n:g}) and {b.name} ({b.mean:.4g} of {b.n:g})"]
    small = [group for group in present if group.size < question.min_size]
    if small:
        listed = ", ".join(f"{group.name} ({group.size:g})" for group in small[:8])
        notes.append(f"fewer than {question.min_size:g} rows, not judged: {listed}")
    if len(present) < len(groups):
        listed = ", ".join(f"{group.name} ({group.size:g})" for group in groups if group not in present)
        notes.append(f"under {question.min_share:.3g} of the rows, left out: {listed}")
    remedy = {
        "fail": "Compare the two groups' data and errors; mitigate; run again.",
        "inconclusive": "Evaluate on more rows of the groups named, or have the open question waived with a reason.",
    }.get(outcome or "")
    return Finding(
        name,
        a.mean - b.mean,
        low,
        high,
        n=sum(g.n for g in usable),
        by=stratum,
        over=over,
        limit=limit,
        outcome=outcome,
        note="; ".join(notes),
        remedy=remedy,
    )


def _judge(
    question: Question, pairs: list[tuple[_Group, _Group]], limit: Limit, hidden: bool, families: int
) -> Outcome:
    counted = [pair for pair in pairs if min(pair[0].size, pair[1].size) >= question.min_size]
    for a, b in counted:
        low, high = _welch(a, b, question.confidence, len(counted) * families)
        if not limit.met(max(low, -high, 0.0)):
            return "fail"
    inside = all(limit.met(max(map(abs, _welch(a, b, question.confidence, 1)))) for a, b in pairs)
    return "pass" if counted and inside and not hidden else "inconclusive"


def _welch(a: _Group, b: _Group, confidence: float, comparisons: int) -> tuple[float, float]:
    """Interval for the difference of two means (B. L. Welch, Biometrika 29 (1938) 350-362), normal quantile."""
    reach = intervals.critical(confidence, comparisons) * hypot(a.error, b.error)
    return a.mean - b.mean - reach, a.mean - b.mean + reach
