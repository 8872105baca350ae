"""What validators ask of scores: Gini, KS, and what the decision is worth at a stated point.

Banks ask for ``gini`` and ``score_ks``; hospitals for sensitivity where specificity is fixed (and the reverse),
predictive values at the prevalence of the ward, and net benefit at the probability from which somebody would act.
Each is measured where a limit names it or the plan gives its point.
"""

from dataclasses import replace
from math import inf, log, sqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from aims_gates import intervals
from aims_gates.gatekit import SampleRate

from .measured import Ends, Measured, with_ends
from .rows import Rows

__all__ = ["decision_values", "gini_of", "score_points"]

Floats = npt.NDArray[np.float64]
_NO_LABEL = "only one of the two labels occurs"
_NO_ENDS = "no sound interval where rows have weights or go together"


def gini_of(area: Measured) -> Measured:
    """Gini's coefficient (accuracy ratio, Somers' D), ``2 * roc_auc - 1``; the area's interval, mapped.

    Source: B. Engelmann, E. Hayden, D. Tasche, Risk 16 (2003) 82-86.
    """
    if area.value is None:
        return area
    low, high = (None if end is None else 2 * end - 1 for end in (area.low, area.high))
    sure = area.sure and (2 * area.sure[0] - 1, 2 * area.sure[1] - 1)
    return replace(area, value=2 * area.value - 1, low=low, high=high, sure=sure)


def score_points(rows: Rows, by: str | None, comparisons: int) -> dict[str | None, dict[str, Measured]]:
    """Slice -> score_ks, sensitivity_at_specificity, specificity_at_sensitivity, net_benefit and net_benefit_gain."""
    limited = {*rows.limits, *rows.slice_limits}
    result: dict[str | None, dict[str, Measured]] = {}
    if (
        "score_ks" in limited
        or rows.points.get("specificity") is not None
        or rows.points.get("sensitivity") is not None
    ):
        for key, labels in _labels(rows, by).items():
            result[key] = _of_scores(rows, labels, comparisons, "score_ks" in limited)
    threshold = rows.points.get("threshold_probability")
    if threshold is not None:
        for key, measures in _benefits(rows, by, threshold, comparisons).items():
            result.setdefault(key, {}).update(measures)
    return result


class _Labels:
    """The scores of one label, ascending, with the weight that lies below each."""

    def __init__(self, scores: Floats, weights: Floats) -> None:
        order = np.argsort(scores, kind="stable")
        self.scores, weights = scores[order], weights[order]
        self.total = float(weights.sum())
        self.below = np.concatenate([[0.0], np.cumsum(weights)])

    def negated(self) -> "_Labels":
        """The same in the opposite order."""
        return _Labels(-self.scores, np.diff(self.below))

    def share_from(self, cut: float) -> float:
        """The share with a score of the cut or more."""
        return 1 - float(self.below[np.searchsorted(self.scores, cut, "left")]) / self.total


def _labels(rows: Rows, by: str | None) -> dict[str | None, tuple[_Labels, _Labels]]:
    """Slice -> scores with the favourable label, and with the other."""
    parts: dict[tuple[str | None, int], list[tuple[Floats, Floats]]] = {}
    sql = f"SELECT k, y, s, CAST(w AS DOUBLE) AS w FROM ({rows.base(by)}) AS r WHERE w > 0"
    for batch in rows.data.batches(sql):
        keys = batch.column(0).cast("string").dictionary_encode()
        codes = keys.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        y, s, w = (batch.column(place).to_numpy(zero_copy_only=False) for place in (1, 2, 3))
        for code in np.unique(codes):
            key = None if code < 0 else keys.dictionary[int(code)].as_py()
            for label in (1, 0):
                chosen = (codes == code) & (y == label)
                parts.setdefault((key, label), []).append((s[chosen].astype(float), w[chosen].astype(float)))
    whole = {
        place: _Labels(*(np.concatenate(column) for column in zip(*columns, strict=True)))
        for place, columns in parts.items()
    }
    return {key: (whole[key, 1], whole[key, 0]) for key, _ in whole}


def _of_scores(rows: Rows, labels: tuple[_Labels, _Labels], comparisons: int, ks: bool) -> dict[str, Measured]:
    favourable, other = labels
    points = {name: at for name, role in _POINTS.items() if (at := rows.points.get(role)) is not None}
    if not favourable.total or not other.total:
        return dict.fromkeys([*(["score_ks"] if ks else []), *points], Measured(None, n=0.0, note=_NO_LABEL))
    result = {"score_ks": _ks(rows, favourable, other, comparisons)} if ks else {}
    for name, at in points.items():
        at_specificity = name == "sensitivity_at_specificity"
        fixing, free = (other, favourable) if at_specificity else (favourable.negated(), other.negated())
        result[name] = _at(rows, fixing, free, at, comparisons)
    return result


_POINTS = {"sensitivity_at_specificity": "specificity", "specificity_at_sensitivity": "sensitivity"}


def _plain(rows: Rows) -> bool:
    return rows.weight == "1" and rows.cluster is None


def _ks(rows: Rows, favourable: _Labels, other: _Labels, comparisons: int) -> Measured:
    """The largest distance of the two labels' distribution functions.

    Interval: the bands of A. Dvoretzky, J. Kiefer and J. Wolfowitz around each, with the constant of P. Massart (Annals
    of Probability 18 (1990) 1269-1283), half of the error each: never too narrow, at any number of rows.
    """
    cuts = np.unique(np.concatenate([favourable.scores, other.scores]))
    shares = [label.below[np.searchsorted(label.scores, cuts, "right")] / label.total for label in (favourable, other)]
    value, sizes = float(np.abs(shares[0] - shares[1]).max()), (len(favourable.scores), len(other.scores))
    if not _plain(rows):
        return Measured(value, n=float(sum(sizes)), note=_NO_ENDS)

    def ends(times: float) -> Ends:
        error = (1 - rows.confidence) / max(1.0, times) / 2
        reach = sum(sqrt(log(2 / error) / (2 * size)) for size in sizes)
        return max(0.0, value - reach), min(1.0, value + reach)

    note = "interval: Dvoretzky, Kiefer and Wolfowitz's bands"
    return with_ends(value, ends, float(sum(sizes)), comparisons, note)


def _at(rows: Rows, fixing: _Labels, free: _Labels, at: float, comparisons: int) -> Measured:
    """The share of the label ``free`` at or above the lowest cut that has the share ``at`` of ``fixing`` below it.

    Interval: exact ends of where that cut lies (order statistics), and exact ends of the share beyond either, each with
    half of the error (Bonferroni): never too narrow.
    """
    value, n = free.share_from(_cut(fixing, at)), len(free.scores)
    if not _plain(rows):
        return Measured(value, n=float(n), note=_NO_ENDS)
    half = 1 - (1 - rows.confidence) / 2

    def ends(times: float) -> Ends:
        several = max(1.0, times)
        low, high = _places(len(fixing.scores), at, 1 - (1 - half) / several)
        least, most = (free.share_from(_score(fixing.scores, place)) for place in (high, low))
        return (
            float(intervals.exact_rate(least * n, n, half, several)[0]),
            float(intervals.exact_rate(most * n, n, half, several)[1]),
        )

    return with_ends(value, ends, float(n), comparisons, "interval: exact, of the cut and of the share beyond it")


def _cut(fixing: _Labels, at: float) -> float:
    """The lowest cut under which at least the share ``at`` lies: just above that quantile."""
    place = int(np.searchsorted(fixing.below, at * fixing.total * (1 - 1e-12), "left"))
    return _score(fixing.scores, place)


def _score(scores: Floats, place: int) -> float:
    """A cut that has ``place`` of the scores below it; those equal to the last of them too."""
    if place <= 0:
        return -inf
    return inf if place > len(scores) else float(np.nextafter(scores[place - 1], inf))


def _places(n: int, share: float, level: float) -> tuple[int, int]:
    """Places of order statistics between which the quantile lies, at this two-sided level.

    Source: H. A. David, H. N. Nagaraja, Order Statistics (2003), section 7.1.
    """
    from scipy.stats import binom

    tail = (1 - level) / 2
    return int(binom.ppf(tail, n, share)), int(binom.ppf(1 - tail, n, share)) + 1


def _benefits(rows: Rows, by: str | None, threshold: float, comparisons: int) -> dict[str | None, dict[str, Measured]]:
    """Net benefit of acting from ``threshold`` on, and what is gained over acting on all, or on none.

    A row with the label is worth 1 where one acts, one without it costs ``threshold / (1 - threshold)``. Over acting on
    all, a row without the label that is left alone gains that, and one with it loses 1. Interval: exact ends of both
    shares of the rows, each with half of the error (Bonferroni): never too narrow, however rare the label.

    Source: A. J. Vickers, E. B. Elkin, Medical Decision Making 26 (2006) 565-574.
    """
    odds = threshold / (1 - threshold)
    kinds = [
        f"sum(w) FILTER (y = {y} AND s {sign} {threshold!r})" for y, sign in ((1, ">="), (0, ">="), (0, "<"), (1, "<"))
    ]
    result = {}
    query = f"SELECT k, sum(w), {', '.join(kinds)} FROM ({rows.base(by)}) AS r WHERE w > 0 GROUP BY k ORDER BY k"
    for key, *numbers in rows.data.query(query):
        n, hits, false, spared, missed = (float(number or 0.0) for number in numbers)
        benefit = _gain(rows, n, (hits, 1.0), (false, odds), comparisons)
        over_all = _gain(rows, n, (spared, odds), (missed, 1.0), comparisons)
        note = f"acting on all would be worth {(benefit.value or 0.0) - (over_all.value or 0.0):.4g}, on none 0"
        result[key] = {
            "net_benefit": replace(benefit, note=_joined(note, benefit.note)),
            "net_benefit_gain": _lesser(
                rows, n, ((hits, 1.0), (false, odds)), ((spared, odds), (missed, 1.0)), comparisons
            ),
        }
    return result


Part = tuple[float, float]


def _gain(rows: Rows, n: float, won: Part, lost: Part, comparisons: int) -> Measured:
    """What is won less what is lost, per row: each a count and what one is worth."""
    if not _plain(rows):
        return Measured(_worth(n, won, lost), n=n, note=_NO_ENDS)

    def ends(times: float) -> Ends:
        return _worth_ends(rows, n, won, lost, times)

    return with_ends(_worth(n, won, lost), ends, n, comparisons, "interval: exact ends of both shares together")


def _lesser(rows: Rows, n: float, none: tuple[Part, Part], all_: tuple[Part, Part], comparisons: int) -> Measured:
    """The gain over acting on none or on all, whichever is less; both intervals together, half of the error each."""
    values = {than: _worth(n, *parts) for than, parts in (("none", none), ("all", all_))}
    than = min(values, key=lambda name: values[name])
    note = f"against acting on {than}, the better of the two"
    if not _plain(rows):
        return Measured(values[than], n=n, note=f"{note}; {_NO_ENDS}")

    def ends(times: float) -> Ends:
        sides = [_worth_ends(rows, n, *parts, 2 * max(1.0, times)) for parts in (none, all_)]
        return min(low for low, _ in sides), min(high for _, high in sides)

    return with_ends(values[than], ends, n, comparisons, f"{note}; interval: exact ends of all four shares together")


def _worth(n: float, won: Part, lost: Part) -> float:
    return (won[0] * won[1] - lost[0] * lost[1]) / n


def _worth_ends(rows: Rows, n: float, won: Part, lost: Part, times: float) -> Ends:
    several = 2 * max(1.0, times)
    (low, high), (least, most) = (intervals.exact_rate(part[0], n, rows.confidence, several) for part in (won, lost))
    return float(low) * won[1] - float(most) * lost[1], float(high) * won[1] - float(least) * lost[1]


def _joined(*notes: str | None) -> str:
    return "; ".join(filter(None, notes))


def decision_values(
    recall: SampleRate, specificity: SampleRate, prevalence: float, confidence: float, comparisons: int
) -> dict[str, Measured]:
    """positive_predictive_value and negative_predictive_value where ``prevalence`` is the share with the label.

    By Bayes' rule from sensitivity and specificity, whose samples are apart: so what the evaluation set holds of the
    label does not matter. Interval: of both rates' intervals, each with half of the error (Bonferroni); either value
    rises with both.

    Args:
        recall, specificity: The rates, of rows with the label and without.
        prevalence: Above 0 and below 1.
        confidence, comparisons: Of the intervals.

    Source: M. S. Pepe, The Statistical Evaluation of Medical Tests (2003), section 2.2.
    """
    if recall.value is None or specificity.value is None:
        return dict.fromkeys(
            ("positive_predictive_value", "negative_predictive_value"), Measured(None, n=0.0, note=_NO_LABEL)
        )

    def positive(recalled: float, spared: float) -> float | None:
        hits, false = recalled * prevalence, (1 - spared) * (1 - prevalence)
        return hits / (hits + false) if hits + false else None

    def negative(recalled: float, spared: float) -> float | None:
        right, missed = spared * (1 - prevalence), (1 - recalled) * prevalence
        return right / (right + missed) if right + missed else None

    result = {}
    for name, of in (("positive_predictive_value", positive), ("negative_predictive_value", negative)):
        value = of(recall.value, specificity.value)
        if value is None:
            result[name] = Measured(None, n=0.0, note="no decision is of that kind")
            continue

        def ends(times: float, of: Any = of) -> Ends:
            sides = [rate.interval(confidence, 2 * max(1.0, times)) for rate in (recall, specificity)]
            low, high = (of(sides[0][end], sides[1][end]) for end in (0, 1))
            return (0.0 if low is None else low), (1.0 if high is None else high)

        note = f"at a prevalence of {prevalence:g}; interval: of sensitivity's and specificity's together"
        result[name] = with_ends(value, ends, recall.n + specificity.n, comparisons, note)
    return result
