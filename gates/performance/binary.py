"""Measures of binary decisions and of scores, as scikit-learn defines them, from sums that DuckDB makes."""

from collections.abc import Mapping
from math import hypot

from aims_gates import DataError, intervals
from aims_gates.gatekit import calibration_bins, calibration_error

from .areas import area_of
from .measured import Measured, mean_of
from .rows import Rows

__all__ = ["binary_measures", "class_measures", "score_measures"]

#: scikit-learn's log_loss keeps probabilities this far from 0 and 1 (the machine epsilon of a double).
_EPSILON = 2.220446049250313e-16
_MOST_CLASSES = 1000


def binary_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Slice -> measure -> value, from the four weighted cells of label and decision."""
    cells: dict[str | None, dict[tuple[int, int], float]] = {}
    for key, y, d, weight in rows.data.query(
        f"SELECT k, y, d, sum(w) FROM ({rows.base(by)}) GROUP BY k, y, d ORDER BY k"
    ):
        cells.setdefault(key, {})[(int(y), int(d))] = float(weight)
    return {key: _from_cells(cell, rows.confidence, comparisons) for key, cell in cells.items()}


def _from_cells(cells: Mapping[tuple[int, int], float], confidence: float, comparisons: int) -> dict[str, Measured]:
    tn, fp, fn, tp = (cells.get(cell, 0.0) for cell in ((0, 0), (0, 1), (1, 0), (1, 1)))

    def rate(x: float, n: float, nothing: str) -> Measured:
        if n <= 0:
            return Measured(None, n=0.0, note=nothing)
        return Measured(x / n, *intervals.wilson(x, n, confidence, comparisons), n=n)

    recall = rate(tp, tp + fn, "no row has the favourable label")
    specificity = rate(tn, tn + fp, "every row has the favourable label")
    # F1 is 2J/(1+J) of J = tp/(tp+fp+fn), a rate, so its interval maps.
    jaccard = rate(tp, tp + fp + fn, "no favourable label and no favourable decision")
    mapped = [None if v is None else 2 * v / (1 + v) for v in (jaccard.value, jaccard.low, jaccard.high)]
    note = jaccard.note or "interval: Wilson's, of the Jaccard index, mapped"
    return {
        "accuracy": rate(tn + tp, tn + fp + fn + tp, "no rows"),
        "precision": rate(tp, tp + fp, "no decision is favourable"),
        "recall": recall,
        "f1": Measured(mapped[0], mapped[1], mapped[2], jaccard.n, note),
        "balanced_accuracy": _mean_of_two(recall, specificity),
    }


def _mean_of_two(a: Measured, b: Measured) -> Measured:
    """Mean of two independent rates; interval by MOVER (G. Y. Zou, A. Donner, Stat. in Medicine 27 (2008) 1693)."""
    if a.value is None or b.value is None or a.low is None or b.low is None or a.high is None or b.high is None:
        return Measured(None, n=0.0, note="only one of the two labels occurs")
    value = (a.value + b.value) / 2
    low = value - hypot(a.value - a.low, b.value - b.low) / 2
    high = value + hypot(a.high - a.value, b.high - b.value) / 2
    return Measured(
        value, max(0.0, low), min(1.0, high), (a.n or 0) + (b.n or 0), "interval: MOVER, of two Wilson intervals"
    )


def class_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Several classes: accuracy, and balanced accuracy (the mean of the classes' recalls).

    Raises:
        DataError: there are more than a thousand classes.
    """
    base = f"SELECT k, CAST(y AS VARCHAR) AS y, CAST(d AS VARCHAR) AS d, w FROM ({rows.base(by)})"
    sums = f"SELECT k, y, sum(w), coalesce(sum(w) FILTER (y = d), 0) FROM ({base}) GROUP BY k, y ORDER BY k, y"
    classes: dict[str | None, list[tuple[float, float]]] = {}
    for key, _, n, hits in rows.data.query(sums):
        classes.setdefault(key, []).append((float(hits), float(n)))
    if any(len(class_name) > _MOST_CLASSES for class_name in classes.values()):
        remedy = "Name the favourable label with 'positive', or another target."
        raise DataError(f"the target has more than {_MOST_CLASSES} classes", where=rows.data.where, remedy=remedy)
    return {key: _from_classes(class_name, rows.confidence, comparisons) for key, class_name in classes.items()}


def _from_classes(classes: list[tuple[float, float]], confidence: float, comparisons: int) -> dict[str, Measured]:
    hits, n = (sum(part) for part in zip(*classes, strict=True))
    low, high = intervals.wilson(hits, n, confidence, comparisons)
    recalls = [(x / m, *intervals.wilson(x, m, confidence, comparisons)) for x, m in classes]
    value = sum(recall for recall, _, _ in recalls) / len(recalls)
    below = hypot(*(recall - end for recall, end, _ in recalls)) / len(recalls)
    above = hypot(*(end - recall for recall, _, end in recalls)) / len(recalls)
    note = "interval: MOVER, of the classes' Wilson intervals"
    return {
        "accuracy": Measured(hits / n, low, high, n),
        "balanced_accuracy": Measured(value, max(0.0, value - below), min(1.0, value + above), n, note),
    }


def score_measures(rows: Rows, by: str | None, comparisons: int = 1) -> dict[str | None, dict[str, Measured]]:
    """Slice -> roc_auc, log_loss, brier, expected_calibration_error."""
    base = rows.base(by)
    level = 1 - (1 - rows.confidence) / comparisons
    areas = _auc_of_all(rows, base, level) if by is None and rows.weight == "1" else _auc(rows, base, level)
    result = {key: {"roc_auc": auc} for key, auc in areas.items()}
    p = f"least(greatest(s, {_EPSILON}), 1 - {_EPSILON})"
    terms = {"log_loss": f"-(CASE WHEN y = 1 THEN ln({p}) ELSE ln(1 - {p}) END)", "brier": "(s - y) * (s - y)"}
    sums = ", ".join(f"sum(w * {term}), sum(w * pow({term}, 2))" for term in terms.values())
    for key, low, high, n, *moments in rows.data.query(
        f"SELECT k, min(s), max(s), sum(w), {sums} FROM ({base}) GROUP BY k ORDER BY k"
    ):
        unfit = None if low >= 0 and high <= 1 else "scores lie outside 0 to 1, so they are no probabilities"
        for place, name in enumerate(terms):
            total, squares = float(moments[2 * place]), float(moments[2 * place + 1])
            result[key][name] = (
                Measured(None, n=float(n), note=unfit) if unfit else mean_of(total, squares, float(n), level)
            )
        if unfit:
            result[key]["expected_calibration_error"] = Measured(None, n=float(n), note=unfit)
    for key, error in _calibration(rows, base, level).items():
        result[key].setdefault("expected_calibration_error", error)
    return result


def _auc_of_all(rows: Rows, base: str, confidence: float) -> dict[str | None, Measured]:
    """The same as :func:`_auc` where there are neither slices nor weights: by sorting, which is cheaper."""
    value, m, n = area_of(rows.data, base)
    if not m or not n:
        return {None: Measured(None, n=float(m + n), note="only one of the two labels occurs")}
    ends = intervals.auc_interval(value, float(m), float(n), confidence)
    return {None: Measured(value, *ends, n=float(m + n), note="interval: Newcombe's method 5")}


def _auc(rows: Rows, base: str, confidence: float) -> dict[str | None, Measured]:
    """Area under the ROC curve: the share of (favourable, other) pairs ranked rightly, ties counting half."""
    ranked = f"SELECT k, s, sum(w) FILTER (y = 1) AS p, sum(w) FILTER (y = 0) AS q FROM ({base}) GROUP BY k, s"
    whole = f"SELECT k, s, coalesce(p, 0) AS p, coalesce(q, 0) AS q FROM ({ranked})"
    below = f"SELECT k, p, q, sum(q) OVER (PARTITION BY k ORDER BY s) - q / 2.0 AS beaten FROM ({whole})"
    result = {}
    for key, area, m, n in rows.data.query(
        f"SELECT k, sum(p * beaten), sum(p), sum(q) FROM ({below}) GROUP BY k ORDER BY k"
    ):
        if not m or not n:
            result[key] = Measured(None, n=float((m or 0) + (n or 0)), note="only one of the two labels occurs")
            continue
        value = float(area) / (float(m) * float(n))
        ends = intervals.auc_interval(value, float(m), float(n), confidence)
        result[key] = Measured(value, *ends, n=float(m + n), note="interval: Newcombe's method 5")
    return result


def _calibration(rows: Rows, base: str, confidence: float) -> dict[str | None, Measured]:
    """Expected calibration error of every slice, over bins of equal width."""
    note = f"{rows.bins} bins; interval: sum of the bins' intervals"
    slices = calibration_bins(rows.data, base, rows.bins, key="k")
    return {
        key: Measured(*calibration_error(bins, confidence), sum(one.n for one in bins), note)
        for key, bins in slices.items()
    }
