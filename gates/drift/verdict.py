"""From statistics to findings: what passes is shown to lie within the limit, what fails beyond it after correction.

A pass says that the truth keeps the limit: the upper end of a plain interval. So only methods with an upper bound
pass, and a p-value, which says that chance could have done it, never does. A fail stands beside others, and one of
them is beyond its limit by chance more easily than a single one: it needs the lower end of an interval
corrected for all of them (columns, chunks, methods).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy

from aims_gates import Finding, Limit

from .bounds import Bound
from .methods import METHODS, Statistic
from .settings import Settings

__all__ = ["Measured", "judge"]

#: With fewer clusters their spread is hardly known, and nothing is settled; a convention.
_LEAST_CLUSTERS = 20
_NEVER = "only methods with an upper bound pass"


@dataclass(frozen=True)
class Measured:
    """A statistic of one column, not judged yet.

    Attributes:
        method: The method's name, which is the measure's.
        over: ``{"column": ..., "chunk": ...}``.
        sizes: Rows that hold a value: reference, production.
        statistic: What was found.
        note: What to know about the column.
        linked: Clusters of the set that has fewer, where rows of one go together.
    """

    method: str
    over: Mapping[str, Any]
    sizes: tuple[int, int]
    statistic: Statistic
    note: str = ""
    linked: int | None = None

    @property
    def worth(self) -> tuple[float, float]:
        """Independent rows that they are worth."""
        worth = self.statistic.worth
        return self.sizes if worth is None else (worth[0].size, worth[1].size)


def judge(measured: Sequence[Measured], settings: Settings) -> list[Finding]:
    """Findings in the order of the measurements; what is judged together is corrected together for fails."""
    limits = [_limit_of(item, settings) for item in measured]
    tests = [place for place, (limit, on_p) in enumerate(limits) if limit and on_p]
    family = sum(limit is not None for limit, _ in limits)
    plain = _family(tests, [_p(measured[place].statistic, settings) for place in tests], settings)
    strict = _family(tests, [_strict(measured[place].statistic, settings) for place in tests], settings)
    findings = []
    for place, (item, (limit, on_p)) in enumerate(zip(measured, limits, strict=True)):
        if limit is None:
            findings.append(_told(item, settings))
        elif reason := _unsettled(item, on_p):
            findings.append(_open(replace(_told(item, settings), limit=limit), *reason))
        elif on_p:
            findings.append(_by_p(item, limit, plain, strict[place], place, settings))
        elif item.statistic.bound is not None:
            findings.append(_by_bound(item, limit, item.statistic.bound(limit.value), family, settings))
        else:
            findings.append(_by_point(item, limit, family, settings))
    return findings


def _limit_of(measured: Measured, settings: Settings) -> tuple[Limit | None, bool]:
    """The limit, and whether it is one on the p-value."""
    own = settings.limits.get(measured.method)
    if own is None and METHODS[measured.method].test:
        return settings.limits.get("p_value"), True
    return own, False


def _unsettled(item: Measured, on_p: bool) -> tuple[str, str] | None:
    """Why rows that go together settle nothing, and what to do; None where they may."""
    if item.linked is None:
        return None
    if item.linked < _LEAST_CLUSTERS:
        few = f"rows of one cluster go together, and {item.linked} clusters are too few to say how far"
        return few, f"Give rows of at least {_LEAST_CLUSTERS} clusters in both sets."
    if on_p or item.statistic.bound is None:
        takes = ", ".join(name for name, method in METHODS.items() if method.bounded)
        return (
            f"rows of one cluster go together, and the p-value of {item.method} takes them as independent",
            f"Choose a method that accounts for them: {takes}.",
        )
    return None


# Intervals -----------------------------------------------------------------------------------------------------------


def _by_bound(item: Measured, limit: Limit, bound: Bound, family: int, settings: Settings) -> Finding:
    """Fail by the corrected lower end, pass by the plain upper end."""
    low, high = bound.ends(settings.tail)
    sure, _ = bound.ends(settings.tail / settings.times(family))
    finding = _finding(item, limit, low=low, high=high if math.isfinite(high) else None)
    widened = f"; over {family} verdicts together the interval begins at {sure:.3g}" if sure < low else ""
    if not limit.met(sure):
        return _failed(finding, widened.removeprefix("; "))
    if not limit.met(low):
        return _open(finding, f"fails alone{widened}")
    reasons = _blind(item, settings)
    if limit.met(high) and not reasons:
        return replace(finding, outcome="pass")
    if not limit.met(high) and METHODS[item.method].bounded:
        reasons = [_what_would_settle(item, bound, settings), *reasons]
    return _open(finding, "; ".join(reasons))


def _blind(item: Measured, settings: Settings) -> list[str]:
    """Why the statistic cannot show that nothing moved."""
    reasons = []
    if not METHODS[item.method].bounded:
        reasons.append(f"{item.method} has none, so it shows drift alone: {_NEVER}")
    if min(item.worth) < settings.min_rows:
        reasons.append(f"too few rows to show that nothing moved: {settings.min_rows} are needed")
    if item.statistic.blind:
        reasons.append(item.statistic.blind)
    return reasons


def _what_would_settle(item: Measured, bound: Bound, settings: Settings) -> str:
    n, m = item.sizes
    noise = f"{n:,} reference and {m:,} production rows give up to {bound.noise(settings.tail):.3g} without any shift"
    growth = bound.settled_by(settings.tail)
    if growth is None:
        return f"{noise}; the shift lies so near the limit that more rows would hardly settle it"
    return f"{noise}; about {math.ceil(n * growth):,} and {math.ceil(m * growth):,} rows would settle it"


# P-values ------------------------------------------------------------------------------------------------------------


def _p(statistic: Statistic, settings: Settings) -> float:
    """The p-value, times the looks that it stands beside; 1 where the test gives none."""
    p_value = None if statistic.p is None else statistic.p()
    return 1.0 if p_value is None or math.isnan(p_value) else min(1.0, p_value * settings.looks)


def _strict(statistic: Statistic, settings: Settings) -> float:
    p_value = _p(statistic, settings)
    return p_value if statistic.strict_p is None else max(min(1.0, statistic.strict_p * settings.looks), p_value)


def _corrected(p_values: Sequence[float], settings: Settings) -> list[float]:
    if settings.correction == "benjamini-hochberg" and p_values:
        return [float(p) for p in scipy.stats.false_discovery_control(np.clip(p_values, 0, 1), method="bh")]
    return [min(1.0, p * settings.times(len(p_values))) for p in p_values]


def _family(places: Sequence[int], p_values: Sequence[float], settings: Settings) -> dict[int, float]:
    return dict(zip(places, _corrected(p_values, settings), strict=True))


def _effective(limit: Limit, corrected: Mapping[int, float], settings: Settings) -> Limit:
    """The limit that gives, on uncorrected p-values, the same verdicts as the limit on the corrected ones.

    Simultaneous: the limit over the number of tests. Benjamini-Hochberg: ``limit * k / tests``, k being beyond it.
    """
    tests = len(corrected)
    beyond = sum(not limit.met(p_value) for p_value in corrected.values())
    benjamini = settings.correction == "benjamini-hochberg"
    part = max(beyond, 1) / tests if benjamini else 1 / settings.times(tests)
    return Limit(limit.op, limit.value * part / settings.looks)


def _by_p(
    item: Measured, limit: Limit, plain: Mapping[int, float], strict: float, place: int, settings: Settings
) -> Finding:
    """Judge a corrected p-value: fail or open, never pass."""
    statistic, effective = item.statistic, _effective(limit, plain, settings)
    finding = _finding(item, effective)
    if statistic.p is None or math.isnan(statistic.p()):
        return _open(finding, "the test gives no p-value for these data", "Choose another method.")
    basis = "the limit is on the p-value"
    if settings.correction != "none" and len(plain) > 1:
        basis += f" ({limit.value:g}, by {settings.correction} over {len(plain)} tests {effective.value:.3g})"
    if not limit.met(plain[place]) and (statistic.strict_p is None or not limit.met(strict)):
        return _failed(finding, basis)
    if not limit.met(plain[place]):
        note = "the test takes the reference for exact; with the reference's own sampling error the p-value is"
        return _open(finding, f"{basis}; {note} {statistic.strict_p:.3g}: a larger reference would settle it")
    if not limit.met(_p(statistic, settings)):
        return _open(finding, f"{basis}; fails alone")
    takes = ", ".join(name for name, method in METHODS.items() if method.bounded)
    return _open(finding, f"{basis}, which shows drift alone: {_NEVER}", f"Choose a method that can pass: {takes}.")


def _by_point(item: Measured, limit: Limit, family: int, settings: Settings) -> Finding:
    """A test's statistic with no interval: its p-value says whether it is more than chance."""
    finding = _finding(item, limit)
    if limit.met(item.statistic.value):
        return _open(finding, _NEVER, "Choose a method that can pass.")
    p_value = _p(item.statistic, settings)
    if p_value * settings.times(family) <= 1 - settings.confidence:
        return _failed(finding, "")
    looks = f", of {settings.looks} looks" if settings.looks > 1 else ""
    return _open(finding, f"beyond the limit, but chance alone gives as much (p-value {p_value:.3g}{looks})")


# Findings ------------------------------------------------------------------------------------------------------------


def _told(item: Measured, settings: Settings) -> Finding:
    """A statistic under no limit: information."""
    bound = None if item.statistic.bound is None else item.statistic.bound(None)
    low, high = (None, None) if bound is None else bound.ends(settings.tail)
    return _finding(item, None, low=low, high=high if high is not None and math.isfinite(high) else None)


def _finding(item: Measured, limit: Limit | None, *, low: float | None = None, high: float | None = None) -> Finding:
    statistic = item.statistic
    value = statistic.value if math.isfinite(statistic.value) else None
    by_p = item.linked is None and METHODS[item.method].test and not (METHODS[item.method].bounded and low is not None)
    p_value = statistic.p() if by_p and statistic.p is not None else None
    notes = [text for text in (statistic.note, item.note, _together(item)) if text]
    return Finding(
        item.method,
        value,
        low if value is not None else None,
        high if value is not None else None,
        p_value=None if p_value is None or math.isnan(p_value) else p_value,
        n=item.worth[1],
        over=dict(item.over),
        limit=limit,
        note="; ".join(notes) or None,
    )


def _together(item: Measured) -> str:
    if item.linked is None or item.statistic.worth is None:
        return ""
    rows, clusters = zip(*((side.size, side.clusters) for side in item.statistic.worth), strict=True)
    return (
        f"worth {rows[0]:,.0f} and {rows[1]:,.0f} independent rows, {item.sizes[0]:,} and {item.sizes[1]:,} being of "
        f"{clusters[0]:,} and {clusters[1]:,} clusters"
    )


def _noted(finding: Finding, note: str) -> str | None:
    return "; ".join(text for text in (finding.note, note) if text) or None


def _failed(finding: Finding, note: str) -> Finding:
    column = (finding.over or {}).get("column")
    remedy = f"Look at what changed in {column!r}; if the change is meant, renew the reference and retrain."
    return replace(finding, outcome="fail", note=_noted(finding, note), remedy=remedy)


def _open(finding: Finding, note: str, remedy: str | None = None) -> Finding:
    return replace(
        finding, outcome="inconclusive", note=_noted(finding, note), remedy=remedy or "Measure on more rows."
    )
