"""From statistics to findings: correction for many tests, then a verdict for each."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from aims_gates import Finding, Limit, Outcome

from .chance import Chance
from .methods import METHODS, Statistic
from .settings import Settings

__all__ = ["Measured", "judge"]


@dataclass(frozen=True)
class Measured:
    """A statistic of one column, not judged yet.

    Attributes:
        method: The method's name, which is the measure's.
        over: ``{"column": ..., "chunk": ...}``.
        sizes: Rows that hold a value: reference, production.
        statistic: What was found.
        note: What to know about the column.
    """

    method: str
    over: Mapping[str, Any]
    sizes: tuple[int, int]
    statistic: Statistic
    note: str = ""


def _corrected(p_values: Sequence[float], how: str) -> list[float]:
    if how == "none" or not p_values:
        return list(p_values)
    if how == "bonferroni":
        return [min(1.0, p * len(p_values)) for p in p_values]
    return [float(p) for p in scipy.stats.false_discovery_control(np.clip(p_values, 0, 1), method="bh")]


def _limit_of(measured: Measured, settings: Settings) -> tuple[Limit | None, bool]:
    """The limit, and whether it is one on the p-value."""
    own = settings.limits.get(measured.method)
    if own is None and METHODS[measured.method].test:
        return settings.limits.get("p_value"), True
    return own, False


def judge(measured: Sequence[Measured], settings: Settings) -> list[Finding]:
    """Findings in the order of the measurements; each family of verdicts is corrected for its size."""
    limits = [_limit_of(item, settings) for item in measured]
    tests, others = _places(limits, on_p=True), _places(limits, on_p=False)
    plain = _family(tests, [_p(measured[place].statistic.p_value) for place in tests], settings)
    strict = _family(tests, [_strict(measured[place].statistic) for place in tests], settings)
    chances = {place: make() for place in others if (make := measured[place].statistic.chance) is not None}
    excess = _family(
        others, [_excess(measured[place], limits[place][0], chances.get(place)) for place in others], settings
    )
    findings = []
    for place, (item, (limit, on_p)) in enumerate(zip(measured, limits, strict=True)):
        if limit is None:
            findings.append(_finding(item, settings, None, None, None, ""))
        elif on_p:
            effective = _effective(limit, plain, settings)
            outcome, note = _by_p(item, limit, plain[place], strict[place], settings)
            note = _said(note, limit, effective, len(tests), settings)
            findings.append(_finding(item, settings, None, effective, outcome, note))
        else:
            chance = chances.get(place)
            outcome, note = _by_size(item, limit, chance, excess[place], settings)
            findings.append(_finding(item, settings, chance, limit, outcome, note))
    return findings


def _places(limits: Sequence[tuple[Limit | None, bool]], *, on_p: bool) -> list[int]:
    """The places of the measurements with a limit on the p-value, or of those with one on the statistic."""
    return [place for place, (limit, is_on_p) in enumerate(limits) if limit and is_on_p == on_p]


def _family(places: Sequence[int], p_values: Sequence[float], settings: Settings) -> dict[int, float]:
    return dict(zip(places, _corrected(p_values, settings.correction), strict=True))


def _effective(limit: Limit, corrected: Mapping[int, float], settings: Settings) -> Limit:
    """The limit that gives, on uncorrected p-values, the same verdicts as the limit on the corrected ones.

    Bonferroni: the limit over the number of tests. Benjamini-Hochberg: ``limit * k / tests``, k tests being beyond it.
    """
    tests = len(corrected)
    beyond = sum(not limit.met(p_value) for p_value in corrected.values())
    share = {"none": 1.0, "bonferroni": 1 / tests, "benjamini-hochberg": max(beyond, 1) / tests}[settings.correction]
    return Limit(limit.op, limit.value * share)


def _said(note: str, limit: Limit, effective: Limit, tests: int, settings: Settings) -> str:
    """The note with what the limit is on, and where it comes from."""
    message = "the limit is on the p-value"
    if settings.correction != "none" and tests > 1:
        message += f" ({limit.value:g}, by {settings.correction} over {tests} tests {effective.value:.3g})"
    return f"{message}; {note}" if note else message


def _p(p_value: float | None) -> float:
    return 1.0 if p_value is None or math.isnan(p_value) else p_value


def _strict(statistic: Statistic) -> float:
    return _p(statistic.p_value if statistic.strict_p is None else max(statistic.strict_p, _p(statistic.p_value)))


def _excess(item: Measured, limit: Limit | None, chance: Chance | None) -> float:
    """The chance of the value if there were no shift, or one of the limit's size: whichever is greater."""
    statistic = item.statistic
    if limit is None or chance is None:
        return _p(statistic.p_value)
    return max(chance.p_none(statistic.value), chance.p_at(statistic.value, limit.value))


def _by_p(item: Measured, limit: Limit, plain: float, strict: float, settings: Settings) -> tuple[Outcome, str]:
    """Judge corrected p-values: the test's own, and the one that counts the reference's sampling error too."""
    if item.statistic.p_value is None or math.isnan(item.statistic.p_value):
        return "inconclusive", "the test gives no p-value for these data"
    if not limit.met(plain):
        if item.statistic.strict_p is None or not limit.met(strict):
            return "fail", ""
        note = "the test takes the reference for exact; with the reference's own sampling error the p-value is"
        return "inconclusive", f"{note} {item.statistic.strict_p:.3g}: a larger reference would settle it"
    if min(item.sizes) < settings.min_rows:
        return "inconclusive", f"too few rows to show that nothing moved: {settings.min_rows} are needed"
    return "pass", ""


def _by_size(
    item: Measured, limit: Limit, chance: Chance | None, excess: float, settings: Settings
) -> tuple[Outcome, str]:
    statistic = item.statistic
    if not math.isfinite(statistic.value):
        return "inconclusive", "the statistic is infinite"
    if chance is None:
        return _by_point(item, limit, excess, settings)
    low, high = chance.interval(statistic.value, settings.tail)
    if not limit.met(low) and excess <= settings.tail:
        return "fail", ""
    if limit.met(high):
        return "pass", ""
    return "inconclusive", _what_would_settle(item, limit, chance, settings)


def _by_point(item: Measured, limit: Limit, p_value: float, settings: Settings) -> tuple[Outcome, str]:
    """A test's statistic with no interval: its p-value says whether it is more than chance."""
    if limit.met(item.statistic.value):
        if min(item.sizes) >= settings.min_rows:
            return "pass", ""
        return "inconclusive", f"too few rows: {settings.min_rows} are needed"
    if p_value <= 1 - settings.confidence:
        return "fail", ""
    return "inconclusive", f"beyond the limit, but chance alone gives as much (p-value {p_value:.3g})"


def _what_would_settle(item: Measured, limit: Limit, chance: Chance, settings: Settings) -> str:
    n, m = item.sizes
    noise = f"{n:,} reference and {m:,} production rows give up to {chance.noise(settings.tail):.3g} without any shift"
    growth = chance.settled_by(item.statistic.value, limit.value, settings.tail)
    if growth is None:
        return f"{noise}; the shift lies so near the limit that more rows would hardly settle it"
    return f"{noise}; about {math.ceil(n * growth):,} and {math.ceil(m * growth):,} rows would settle it"


def _finding(
    item: Measured, settings: Settings, chance: Chance | None, limit: Limit | None, outcome: Outcome | None, note: str
) -> Finding:
    statistic = item.statistic
    value = statistic.value if math.isfinite(statistic.value) else None
    low = high = None
    if chance is not None and value is not None:
        low, high = chance.interval(value, settings.tail)
    p_value = statistic.p_value
    notes = [text for text in (statistic.note, item.note, note) if text]
    remedy = None
    if outcome == "fail":
        remedy = (
            f"Look at what changed in {item.over['column']!r}; if the change is meant, renew the reference and retrain."
        )
    elif outcome == "inconclusive":
        remedy = "Measure on more rows."
    return Finding(
        item.method,
        value,
        low,
        high,
        p_value=None if p_value is None or math.isnan(p_value) else p_value,
        n=item.sizes[1],
        over=dict(item.over),
        limit=limit,
        outcome=outcome,
        note="; ".join(notes) or None,
        remedy=remedy,
    )
