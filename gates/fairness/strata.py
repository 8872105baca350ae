"""Does a gap hold inside the strata? An aggregate gap may be a mixture's, and a mixture may hide one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np

from aims_gates import Finding, intervals

from .cells import Table
from .groups import available, shown
from .question import Question

__all__ = ["adjusted_findings", "notes_on_strata"]


@dataclass(frozen=True)
class _Adjusted:
    """A pair's gap in all rows, and inside the strata.

    Attributes:
        rate: The rate's name as it is shown.
        pair: The groups in words; the first has the higher rate in all rows.
        whole, ends: The gap in all rows, and its interval.
        value, low, high: The gap inside the strata, pooled.
        same, turned: Strata in which the gap has the same sign, and the other one.
    """

    rate: str
    pair: tuple[str, str]
    whole: float
    ends: tuple[float, float]
    value: float
    low: float
    high: float
    n: float
    same: int
    turned: int

    def word(self) -> str | None:
        """What the strata make of the gap; None where it stays as it is."""
        real, real_low = self.ends[0] > 0, self.low > 0
        if self.high < 0:
            return "it turns round inside them" if real else "there is a gap the other way inside them"
        if real and not real_low:
            return "it vanishes inside them"
        return "it only appears inside them" if real_low and not real else None

    def note(self, control: Sequence[str]) -> str:
        """The gap inside the strata in words."""
        word = self.word()
        message = (
            f"inside the strata of {', '.join(control)} the gap between {self.pair[0]} and {self.pair[1]} is "
            f"{self.value:.4g} ({self.low:.4g} to {self.high:.4g}) where all rows give {self.whole:.4g}"
        )
        return f"{message}: {word}" if word else message


def _adjusted(question: Question, whole: Table, strata: Sequence[Table]) -> Iterator[tuple[str, _Adjusted]]:
    """Rate -> the worst pair's gap inside the strata, for every rate that has one."""
    for rate in available(question):
        x, n, _ = whole.counts(rate)
        pair = intervals.RatePairs.of(x, n).worst(False)
        if pair is None:
            continue
        a, b = pair
        parts = [part for table in strata if (part := _pair(table, rate, whole.names[a], whole.names[b]))]
        test = _mantel_haenszel(parts, question.confidence)
        if test is None:
            continue
        gaps = [xa / na - xb / nb for xa, na, xb, nb in parts]
        yield (
            rate,
            _Adjusted(
                shown(question, rate),
                (whole.name(a), whole.name(b)),
                float(x[a] / n[a] - x[b] / n[b]),
                _ends(intervals.exact_difference(x[a], n[a], x[b], n[b], question.confidence)),
                *test,
                n=sum(na + nb for _, na, _, nb in parts),
                same=sum(gap > 0 for gap in gaps),
                turned=sum(gap < 0 for gap in gaps),
            ),
        )


def _ends(interval: tuple[object, object]) -> tuple[float, float]:
    low, high = interval
    return float(np.asarray(low)), float(np.asarray(high))


def _pair(
    table: Table, rate: str, first: tuple[str, ...], second: tuple[str, ...]
) -> tuple[float, float, float, float] | None:
    """Successes and n of both groups in a stratum; None where one of them is not there."""
    if first not in table.names or second not in table.names:
        return None
    x, n, _ = table.counts(rate)
    a, b = table.names.index(first), table.names.index(second)
    return (float(x[a]), float(n[a]), float(x[b]), float(n[b])) if n[a] > 0 and n[b] > 0 else None


def _mantel_haenszel(
    parts: Sequence[tuple[float, float, float, float]], confidence: float
) -> tuple[float, float, float] | None:
    """The risk difference pooled over strata, with its interval.

    Sources: S. Greenland, J. M. Robins, Biometrics 41 (1985) 55-68 for the estimate; T. Sato, Biometrics 45 (1989)
    1323-1324 for a variance that holds with few large strata and with many small ones.
    """
    weights = sum(n * m / (n + m) for _, n, _, m in parts)
    if weights <= 0:
        return None
    value = sum((x * m - y * n) / (n + m) for x, n, y, m in parts) / weights
    p = sum((n * n * y - m * m * x + n * m * (m - n) / 2) / (n + m) ** 2 for x, n, y, m in parts)
    q = sum((x * (m - y) + y * (n - x)) / (2 * (n + m)) for x, n, y, m in parts)
    error = sqrt(max(0.0, value * p + q)) / weights
    return (value, *intervals.normal_interval(value, error, confidence, (-1.0, 1.0)))


def notes_on_strata(question: Question, whole: Table, strata: Sequence[Table]) -> dict[str, str]:
    """Rate -> what the strata make of its gap, where they change it."""
    result = _adjusted(question, whole, strata) if strata else ()
    return {rate: adjusted.note(question.control) for rate, adjusted in result if adjusted.word()}


def adjusted_findings(question: Question, whole: Table, strata: Sequence[Table]) -> Iterator[Finding]:
    """``<rate>_difference_adjusted``: the gap of the worst pair of all rows, pooled over the strata. Information."""
    for _, adjusted in _adjusted(question, whole, strata):
        over = {"sensitive": list(whole.columns), "control": list(question.control)}
        note = (
            f"{adjusted.note(question.control)}; the same sign in {adjusted.same} strata, the other in "
            f"{adjusted.turned}"
        )
        yield Finding(
            f"{adjusted.rate}_difference_adjusted",
            adjusted.value,
            adjusted.low,
            adjusted.high,
            n=adjusted.n,
            over=over,
            note=note,
        )
