"""Targets that are numbers: means by group and stratum. Differences of the worst pair, by Welch's interval."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import hypot, inf, sqrt

from aims_gates import Finding, Limit, Outcome, intervals
from aims_gates.gatekit import RatioSums, fails_alone, judge_interval

from .cells import group_by, size, within
from .moments import TERMS, Moments, count_moments, link_moments
from .question import Question

__all__ = ["is_regression", "regression_findings"]

#: More different values than this, or a fraction among them, and a numeric target is a quantity, not a label.
_MOST_LABELS = 20
_MEANS = {*TERMS, *(f"{term}_difference" for term in TERMS)}
_REMEDIES: Mapping[str, str] = {
    "fail": "Compare the two groups' data and errors; mitigate; run again.",
    "inconclusive": "Evaluate on more rows of the groups named, or have the open question waived with a reason.",
}


def is_regression(question: Question) -> bool:
    """Whether target and prediction are quantities: numeric, no rule, no positive label, many values."""
    data, columns = question.data, (question.target, question.prediction)
    if question.task in ("classification", "ranking") or None in columns or question.ruled or question.declared:
        return False
    if any(data.kind(str(column)) != "numeric" for column in columns):
        return False
    if question.task or _MEANS & set(question.limits):
        return True
    name = data.quote(str(question.target))
    other = data.query(f"SELECT 1 FROM data WHERE {name} NOT IN (0, 1) LIMIT 1")
    if not other:
        return False
    decided = data.quote(str(question.prediction))
    values, fractions = data.query(
        f"SELECT approx_count_distinct({name}), count(*) FILTER ({name} % 1 <> 0 OR {decided} % 1 <> 0) FROM data"
    )[0]
    return bool(values > _MOST_LABELS or fractions)


@dataclass(frozen=True)
class _Group:
    """A group's mean of one term, its standard error (None where there is none) and degrees of freedom."""

    by: Mapping[str, str]
    size: float
    n: float
    mean: float
    error: float | None
    df: float

    @property
    def name(self) -> str:
        return ", ".join(f"{column}={value}" for column, value in self.by.items())


def regression_findings(question: Question, sets: Sequence[tuple[str, ...]], family: int) -> Iterator[Finding]:
    """mean_prediction, mean_error (prediction minus target) and mean_absolute_error by group, and their differences.

    ``family`` is how many limits and sets of columns are judged beside each other.

    Raises:
        DataError: rows lack a value or hold infinities, or weights are none.
    """
    cells, centres = count_moments(question)
    strata: list[dict[str, str]] = [{}, *_strata(question, cells)]
    for columns in sets:
        linked = link_moments(question, columns, centres)
        within_strata = link_moments(question, [*columns, *question.control], centres) if question.control else {}
        for stratum in strata:
            families = family * (2 * (len(strata) - 1) if stratum else 2 if len(strata) > 1 else 1)
            inside = [cell for cell in cells if within(question.control, cell.strata, stratum)]
            known, left_out = group_by(question, inside, columns)
            if question.drop_missing:
                over = {"sensitive": list(columns)}
                yield Finding("rows_dropped", size(question, left_out), by=stratum, over=over)
            yield from _counts(question, columns, stratum, known)
            for place, measure in enumerate(TERMS):
                groups = []
                for name in sorted(known):
                    key = tuple(known[name][0].groups[question.sensitive.index(column)] for column in columns)
                    clusters = within_strata.get((*key, *known[name][0].strata)) if stratum else linked.get(key)
                    by = dict(zip(columns, name, strict=True))
                    groups.append(_group(question, by, known[name], place, centres[place], clusters))
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
        weight, squares = (sum(getattr(cell, part) for cell in known[name]) for part in ("weight", "squares"))
        count = float(intervals.effective_n(weight, squares) if question.sampling else weight)
        by = {**dict(zip(columns, name, strict=True)), **stratum}
        yield Finding("count", count, n=rows, by=by, limit=limit, outcome=limit.verdict(count) if limit else None)


def _group(
    question: Question,
    by: Mapping[str, str],
    cells: list[Moments],
    place: int,
    centre: float,
    clusters: list[RatioSums] | None,
) -> _Group:
    weight, squares = (sum(getattr(cell, name) for cell in cells) for name in ("weight", "squares"))
    if not weight:
        return _Group(by, 0.0, 0.0, 0.0, None, 0.0)
    offset = sum(cell.first[place] for cell in cells) / weight
    spread = max(0.0, sum(cell.second[place] for cell in cells) - weight * offset * offset)
    n = float(intervals.effective_n(weight, squares)) if question.sampling else weight
    error, df = (sqrt(spread / weight / (n - 1)), n - 1) if n > 1 else (None, 0.0)
    if question.cluster is not None:
        clustered, df = (clusters and clusters[place].error(offset, weight)) or (None, 0.0)
        error = None if clustered is None or error is None else max(clustered, error)
        n = min(n, spread / weight / error**2 + 1) if error else min(n, df + 1)
    return _Group(by, n, n, centre + offset, error, df)


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
    if group.error is None:
        return None
    return intervals.mean_interval(group.mean, group.error * sqrt(group.df + 1), group.df + 1, confidence)


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
    usable = [group for group in present if group.error is not None]
    pairs = list(combinations(usable, 2))
    if not pairs:
        note = "fewer than two groups with two rows"
        outcome: Outcome | None = "inconclusive" if limit else None
        return Finding(name, by=stratum, over=over, limit=limit, outcome=outcome, note=note)
    a, b = max(pairs, key=lambda pair: abs(pair[0].mean - pair[1].mean))
    a, b = (a, b) if a.mean >= b.mean else (b, a)
    low, high = _welch(a, b, question.confidence, 1)
    outcome, why = _judge(question, pairs, limit, len(present) > len(usable), families) if limit else (None, None)
    notes = [f"worst pair: {_described(a)} and {_described(b)}", why, *_set_aside(question, groups, present)]
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
        note="; ".join(filter(None, notes)),
        remedy=_REMEDIES.get(outcome or ""),
    )


def _described(group: _Group) -> str:
    return f"{group.name} ({group.mean:.4g} of {group.n:g})"


def _set_aside(question: Question, groups: list[_Group], present: list[_Group]) -> Iterator[str]:
    """Which groups are not judged, and which are left out."""
    small = [group for group in present if group.size < question.min_size]
    if small:
        yield f"fewer than {question.min_size:g} rows, not judged: {_sizes(small[:8])}"
    if len(present) < len(groups):
        absent = [group for group in groups if group not in present]
        yield f"under {question.min_share:.3g} of the rows, left out: {_sizes(absent)}"


def _sizes(groups: Iterable[_Group]) -> str:
    return ", ".join(f"{group.name} ({group.size:g})" for group in groups)


def _judge(
    question: Question, pairs: list[tuple[_Group, _Group]], limit: Limit, hidden: bool, families: int
) -> tuple[Outcome, str | None]:
    counted = [pair for pair in pairs if min(pair[0].size, pair[1].size) >= question.min_size]
    times, alone = len(counted) * families, None
    for a, b in counted:
        sure = _welch(a, b, question.confidence, times)
        several = intervals.simultaneous(*sure) if times > 1 else None
        if not limit.met(_nearest(sure)):
            return "fail", several
        if not limit.met(_nearest(_welch(a, b, question.confidence, 1))):
            alone = fails_alone(several, f"{a.name} and {b.name}")
    inside = all(limit.met(max(map(abs, _welch(a, b, question.confidence, 1)))) for a, b in pairs)
    return ("pass" if counted and inside and not hidden else "inconclusive"), alone


def _nearest(ends: tuple[float, float]) -> float:
    """The least distance from 0 that the interval holds."""
    return max(ends[0], -ends[1], 0.0)


def _welch(a: _Group, b: _Group, confidence: float, comparisons: int) -> tuple[float, float]:
    """Interval for the difference of two means by B. L. Welch, Biometrika 29 (1938) 350-362.

    Degrees of freedom by F. E. Satterthwaite, Biometrics Bulletin 2 (1946) 110-114.
    """
    parts = [(group.error or 0.0) ** 2 for group in (a, b)]
    below = sum(part * part / max(group.df, 1.0) for part, group in zip(parts, (a, b), strict=True))
    df = sum(parts) ** 2 / below if below > 0 else max(1.0, min(a.df, b.df))
    level = 1 - (1 - confidence) / max(1, comparisons)
    gap = a.mean - b.mean
    return intervals.mean_interval(gap, hypot(*map(sqrt, parts)) * sqrt(df + 1), df + 1, level) or (-inf, inf)
