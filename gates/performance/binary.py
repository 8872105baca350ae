"""Measures of binary decisions and of scores, as scikit-learn defines them, from sums that DuckDB makes."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import hypot
from typing import Any

from aims_gates import DataError
from aims_gates.gatekit import (
    Bin,
    RatioSums,
    SampleRate,
    Tally,
    calibration_error,
    cluster_ratios,
    one_band,
    tally_rows,
)

from .areas import areas
from .measured import Ends, Measured, mean_of, rate_of, with_ends
from .points import decision_values, gini_of, score_points
from .recalibration import recalibrated
from .rows import Rows

__all__ = ["binary_measures", "class_measures", "score_measures"]

#: scikit-learn's log_loss keeps probabilities this far from 0 and 1 (the machine epsilon of a double).
_EPSILON = 2.220446049250313e-16
_MOST_CLASSES = 1000
#: Kinds of rows by label and decision, and two of decisions that are neither label.
_TN, _FP, _FN, _TP, _NEITHER0, _NEITHER1 = range(6)
_KIND = "CASE WHEN d = 2 THEN 4 + y ELSE 2 * y + d END"


def binary_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Slice -> measure -> value, from the weighted cells of label and decision."""
    tallies = _tallies(rows, by)
    result = {key: _from_cells(tally, rows.confidence, comparisons) for key, tally in tallies.items()}
    prevalence = rows.points.get("prevalence")
    if prevalence is not None:
        for key, tally in tallies.items():
            sides = tally.rate([_TP], [_TP, _FN, _NEITHER1]), tally.rate([_TN], [_TN, _FP, _NEITHER0])
            result[key].update(decision_values(*sides, prevalence, rows.confidence, comparisons))
    return result


def _tallies(rows: Rows, by: str | None) -> dict[str | None, Tally]:
    if by is None and rows.whole is not None:
        return {None: rows.whole.tally()}
    cluster = ", c" if rows.cluster else ""
    base = f"SELECT k AS k0, CAST({_KIND} AS INTEGER) AS kind, w{cluster} FROM ({rows.base(by)}) AS r"
    tallies = tally_rows(rows.data, base, 6, keys=1, cluster=bool(rows.cluster), sampling=rows.sampling)
    return {key: tally for (key,), tally in tallies.items()}


def _from_cells(cells: Tally, confidence: float, comparisons: int) -> dict[str, Measured]:
    def rate(top: list[int], base: list[int], nothing: str) -> Measured:
        return rate_of(cells.rate(top, base), confidence, comparisons, nothing)

    recall = rate([_TP], [_TP, _FN, _NEITHER1], "no row has the favourable label")
    linked = cells.together is not None
    specificity = rate([_TN], [_TN, _FP, _NEITHER0], "every row has the favourable label")
    jaccard = rate([_TP], [_TP, _FP, _FN, _NEITHER1], "no favourable label and no favourable decision")
    return {
        "accuracy": rate([_TN, _TP], list(range(6)), "no rows"),
        "precision": rate([_TP], [_TP, _FP], "no decision is favourable"),
        "recall": recall,
        "f1": _f1(jaccard),
        "balanced_accuracy": _mean_of([recall, specificity], "interval: MOVER, of two exact intervals", linked),
    }


def _f1(jaccard: Measured) -> Measured:
    """F1 is 2J/(1+J) of J = tp/(tp+fp+fn), a rate, so its interval maps."""
    if jaccard.value is None:
        return jaccard

    def mapped(value: float | None) -> float:
        return 2 * (value or 0.0) / (1 + (value or 0.0))

    note = "interval: Clopper and Pearson's, of the Jaccard index, mapped"
    sure = jaccard.sure and (mapped(jaccard.sure[0]), mapped(jaccard.sure[1]))
    return Measured(mapped(jaccard.value), mapped(jaccard.low), mapped(jaccard.high), jaccard.n, note, sure)


def _mean_of(rates: list[Measured], note: str, linked: bool) -> Measured:
    """Mean of independent rates; interval by MOVER (G. Y. Zou, A. Donner, Stat. in Medicine 27 (2008) 1693).

    Rates that clusters link are added as if they went together wholly, which is the widest.
    """
    together = (lambda *parts: sum(map(abs, parts))) if linked else hypot
    if any(rate.value is None for rate in rates):
        return Measured(None, n=0.0, note="only one of the two labels occurs")
    value = sum(rate.value or 0.0 for rate in rates) / len(rates)

    def ends(times: float) -> Ends:
        sides = [(r.low or 0.0, r.high or 0.0) if times == 1 else (r.sure or (0.0, 1.0)) for r in rates]
        below, above = (
            together(*(side[end] - (rate.value or 0.0) for rate, side in zip(rates, sides, strict=True))) / len(rates)
            for end in (0, 1)
        )
        return max(0.0, value - below), min(1.0, value + above)

    return with_ends(value, ends, sum(rate.n or 0.0 for rate in rates), 2, note)


def class_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Several classes: accuracy, and balanced accuracy (the mean of the classes' recalls).

    Raises:
        DataError: there are more than a thousand classes.
    """
    cluster = ", c" if rows.cluster else ""
    kind = f"CASE WHEN {rows.right} THEN 1 ELSE 0 END"
    labelled = rows.base(by).replace("SELECT ", f"SELECT {kind} AS kind, ", 1)
    base = f"SELECT k AS k0, CAST(y AS VARCHAR) AS k1, kind, w{cluster} FROM ({labelled}) AS r"
    clustered = bool(rows.cluster)
    classes: dict[str | None, list[Tally]] = {}
    tallies = tally_rows(rows.data, base, 2, keys=2, cluster=clustered, sampling=rows.sampling)
    for (key, _), tally in sorted(tallies.items(), key=lambda one: (str(one[0][0]), str(one[0][1]))):
        classes.setdefault(key, []).append(tally)
    if any(len(class_name) > _MOST_CLASSES for class_name in classes.values()):
        remedy = "Name the favourable label with 'positive', or another target."
        raise DataError(f"the target has more than {_MOST_CLASSES} classes", where=rows.data.where, remedy=remedy)
    whole = base.replace(", CAST(y AS VARCHAR) AS k1", "", 1)
    wholes = tally_rows(rows.data, whole, 2, keys=1, cluster=clustered, sampling=rows.sampling)
    return {
        key: {
            "accuracy": rate_of(wholes[(key,)].rate([1], [0, 1]), rows.confidence, comparisons, "no rows"),
            "balanced_accuracy": _recalls(parts, rows.confidence, comparisons),
        }
        for key, parts in classes.items()
    }


def _recalls(classes: list[Tally], confidence: float, comparisons: int) -> Measured:
    """The mean of the classes' recalls."""
    linked = any(one.together is not None for one in classes)
    recalls = [rate_of(one.rate([1], [0, 1]), confidence, comparisons, "no rows") for one in classes]
    return _mean_of(recalls, "interval: MOVER, of the classes' exact intervals", linked)


def score_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Slice -> roc_auc, log_loss, brier and what calibration there is; of a ranking, roc_auc alone."""
    result = {key: {"roc_auc": area} for key, area in areas(rows, by, comparisons).items()}
    if "gini" in {*rows.limits, *rows.slice_limits}:
        for measures in result.values():
            measures["gini"] = gini_of(measures["roc_auc"])
    for key, points in score_points(rows, by, comparisons).items():
        result[key].update(points)
    if rows.ranking:
        return result
    base, terms = rows.base(by), _losses()
    linked = _linked(rows, base, list(terms.values()))
    unfit = "scores lie outside 0 to 1, so they are no probabilities"
    fits = []
    for key, low, high, n, squares, *moments in _moments(rows, by, terms.values()):
        if not (low >= 0 and high <= 1):
            result[key].update(
                dict.fromkeys((*terms, "expected_calibration_error"), Measured(None, n=float(n), note=unfit))
            )
            continue
        fits.append(key)
        size = rows.size(float(n), float(squares))
        for place, name in enumerate(terms):
            total, twice = float(moments[2 * place]), float(moments[2 * place + 1])
            link = linked.get((key,))
            result[key][name] = mean_of(
                total, twice, float(n), size, rows.confidence, comparisons, link[place] if link else None
            )
    for key, measures in _calibration(rows, by, comparisons).items():
        result[key].update(measures if key in fits else {})
    for key, measures in recalibrated(rows, base, fits, comparisons).items():
        result[key].update(measures)
    return result


def _moments(rows: Rows, by: str | None, terms: Iterable[str]) -> Iterable[Sequence[Any]]:
    """By slice: its name, least and greatest score, sum of weights and of squares; of each term and of its square."""
    if by is None and rows.whole is not None:
        n, losses = rows.data.rows, rows.whole.losses(_EPSILON) if rows.probabilities else []
        return [(None, *rows.whole.range, n, n, *losses)]
    named = [f"{term} AS t{place}" for place, term in enumerate(terms)]
    sums = [f"sum(w * t{place}), sum(w * t{place} * t{place})" for place in range(len(named))]
    inner = f"SELECT *, {', '.join(named)} FROM ({rows.base(by)}) AS r"
    sql = f"SELECT k, min(s), max(s), sum(w), {rows.squares}, {', '.join(sums)} FROM ({inner}) AS t"
    return rows.data.query(f"{sql} GROUP BY k ORDER BY k")


def _losses() -> dict[str, str]:
    p = f"least(greatest(s, {_EPSILON}), 1 - {_EPSILON})"
    return {"log_loss": f"-(CASE WHEN y = 1 THEN ln({p}) ELSE ln(1 - {p}) END)", "brier": "(s - y) * (s - y)"}


def _linked(rows: Rows, base: str, terms: list[str]) -> dict[tuple[str | None], list[RatioSums]]:
    if rows.cluster is None:
        return {}
    sql = f"SELECT k AS k0, * FROM ({base}) AS r"
    return cluster_ratios(rows.data, sql, [(term, "1") for term in terms], keys=1)


def _calibration(rows: Rows, by: str | None, comparisons: int) -> dict[str | None, dict[str, Measured]]:
    """Expected calibration error and observed to expected of every slice, over the bands."""
    rates = _hits(rows, by)
    result = {}
    for key, bins in rows.bins_of(by).items():
        value, rate = calibration_error(bins, rows.confidence)[0], rates[key]
        mean = sum(one.mean_score * one.weight for one in bins) / sum(one.weight for one in bins)

        def error(times: float, bins: list[Bin] = bins) -> Ends:
            return calibration_error(bins, rows.confidence, times)[1:]

        note = f"{len(bins)} bands; interval: sum of the bands' intervals"
        ece = replace(with_ends(value, error, rate.n, comparisons, note), open=one_band(bins))
        result[key] = {"expected_calibration_error": ece, "observed_to_expected": _ratio(rows, rate, mean, comparisons)}
    return result


def _hits(rows: Rows, by: str | None) -> dict[str | None, SampleRate]:
    """Slice -> the share with the favourable label."""
    if by is None and rows.whole is not None:
        return {None: rows.whole.tally().rate([_FN, _TP, _NEITHER1], list(range(6)))}
    cluster = ", c" if rows.cluster else ""
    hits = f"SELECT k AS k0, y AS kind, w{cluster} FROM ({rows.base(by)}) AS r"
    tallies = tally_rows(rows.data, hits, 2, keys=1, cluster=bool(rows.cluster), sampling=rows.sampling)
    return {key: tally.rate([1], [0, 1]) for (key,), tally in tallies.items()}


def _ratio(rows: Rows, rate: SampleRate, mean: float, comparisons: int) -> Measured:
    """The share that came true over the mean score; 1 is calibrated in the large."""
    if mean <= 0 or rate.value is None:
        return Measured(None, n=rate.n, note="the scores are all 0")

    def ends(times: float) -> Ends:
        low, high = rate.interval(rows.confidence, times)
        return low / mean, high / mean

    return with_ends(
        rate.value / mean, ends, rate.n, comparisons, "interval: Clopper and Pearson's, over the mean score"
    )
