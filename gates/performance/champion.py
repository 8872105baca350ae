"""Candidate against champion on the same rows: value of the candidate minus value of the champion, paired."""

from collections.abc import Callable, Mapping
from math import sqrt

from aims_gates import DataError, InputError, intervals

from .measured import Measured
from .rows import Rows

__all__ = ["champion_measures"]

Cells = Mapping[tuple[int, int, int], float]
_EPSILON = 2.220446049250313e-16


def champion_measures(rows: Rows, champion: Rows) -> dict[str, Measured]:
    """Measure -> difference, for what both can be measured by.

    Raises:
        DataError: the two do not hold the same rows.
        InputError: they are of different kinds.
    """
    if rows.kind != champion.kind:
        message = f"the champion's target reads as {champion.kind}, the candidate's as {rows.kind}"
        raise InputError(message, where=champion.data.where, remedy="Use the same evaluation rows for both.")
    pairs = _pairs(rows, champion)
    if rows.kind == "numeric":
        return _numeric(rows, pairs)
    if rows.kind == "classes":
        return {"accuracy": _accuracy(rows, pairs)}
    both = rows.score and champion.score
    return {**_decisions(rows, pairs), **(_scores(rows, pairs) if both else {})}


def _pairs(rows: Rows, champion: Rows) -> str:
    """``SELECT y, d, s, d2, s2, w``, matched by the role ``id`` where given, else by place; refused where y differs."""
    ours, theirs = rows.data, champion.data
    keys = {f"i{i}": ours.quote(name) for i, name in enumerate(rows.keys)}
    named = "".join(f", {column} AS {name}" for name, column in keys.items())
    own = f"{rows.target} AS y, {rows.prediction} AS d, {rows.score or 'NULL'} AS s, {rows.weight} AS w"
    left = f"SELECT {own}{named} FROM data"
    right = (
        f"SELECT {champion.target} AS y2, {champion.prediction} AS d2, {champion.score or 'NULL'} AS s2{named} "
        f"FROM {theirs.table}"
    )
    if ours.rows != theirs.rows:
        message = f"the champion has {theirs.rows} rows and the candidate {ours.rows}: not the same rows"
        raise DataError(message, where=theirs.where, remedy="Predict the same evaluation file with both versions.")
    join = f"JOIN ({right}) AS b USING ({', '.join(keys)})" if keys else f"POSITIONAL JOIN ({right}) AS b"
    joined = f"SELECT y, d, s, w, y2, d2, s2 FROM ({left}) AS a {join}"
    matched, differing = ours.query(f"SELECT count(*), count(*) FILTER (y IS DISTINCT FROM y2) FROM ({joined})")[0]
    if matched != ours.rows or differing:
        message = f"the champion's rows are not the candidate's: {differing or abs(ours.rows - matched)} differ"
        remedy = "Predict the same file with both versions, in the same order or with --role id=COLUMN."
        raise DataError(message, where=theirs.where, remedy=remedy)
    return joined


def _decisions(rows: Rows, pairs: str) -> dict[str, Measured]:
    sql = f"SELECT y, d, d2, sum(w) FROM ({pairs}) GROUP BY y, d, d2"
    cells = {(int(y), int(d), int(e)): float(w) for y, d, e, w in rows.data.query(sql)}
    right = {(a, b): sum(w for (y, d, e), w in cells.items() if (d == y, e == y) == (a, b)) for a, b in _BOTH}
    hits = {(a, b): sum(w for (y, d, e), w in cells.items() if y == 1 and (d == 1, e == 1) == (a, b)) for a, b in _BOTH}
    return {
        "accuracy": _paired(right, rows.confidence),
        "recall": _paired(hits, rows.confidence),
        "precision": _delta(cells, _precision, rows.confidence),
        "f1": _delta(cells, _f1, rows.confidence),
        "balanced_accuracy": _delta(cells, _balanced, rows.confidence),
    }


_BOTH = ((True, True), (True, False), (False, True), (False, False))


def _paired(table: Mapping[tuple[bool, bool], float], confidence: float) -> Measured:
    both, first, second, neither = (table[cell] for cell in _BOTH)
    n = both + first + second + neither
    if not n:
        return Measured(None, n=0.0, note="no row in the denominator")
    ends = intervals.paired_difference(both, first, second, neither, confidence)
    return Measured((first - second) / n, *ends, n=n, note="interval: Newcombe's, paired")


def _accuracy(rows: Rows, pairs: str) -> Measured:
    sql = f"SELECT d = y, d2 = y, sum(w) FROM ({pairs}) GROUP BY 1, 2"
    weights = {(bool(a), bool(b)): float(w) for a, b, w in rows.data.query(sql)}
    return _paired({cell: weights.get(cell, 0.0) for cell in _BOTH}, rows.confidence)


def _counts(cells: Cells, model: int) -> tuple[float, float, float, float]:
    """tn, fp, fn, tp of the candidate (1) or the champion (2)."""
    sums = {
        (y, d): sum(w for cell, w in cells.items() if (cell[0], cell[model]) == (y, d)) for y in (0, 1) for d in (0, 1)
    }
    return sums[0, 0], sums[0, 1], sums[1, 0], sums[1, 1]


def _precision(tn: float, fp: float, fn: float, tp: float) -> float:
    return tp / (tp + fp)


def _f1(tn: float, fp: float, fn: float, tp: float) -> float:
    return 2 * tp / (2 * tp + fp + fn)


def _balanced(tn: float, fp: float, fn: float, tp: float) -> float:
    return (tp / (tp + fn) + tn / (tn + fp)) / 2


def _delta(cells: Cells, statistic: Callable[[float, float, float, float], float], confidence: float) -> Measured:
    """Delta method on the eight cells, half a row added to each so that no interval has zero width (A. Agresti,
    Y. Min, Statistics in Medicine 24 (2005) 729-740, add two rows in all to a paired table of four)."""
    n = sum(cells.values())

    def gap(cells: Cells) -> float:
        return statistic(*_counts(cells, 1)) - statistic(*_counts(cells, 2))

    try:
        value = gap(cells)
    except ZeroDivisionError:
        return Measured(None, n=n, note="undefined for one of the two")
    padded = {(y, d, e): cells.get((y, d, e), 0.0) + 0.5 for y in (0, 1) for d in (0, 1) for e in (0, 1)}
    total = sum(padded.values())
    step = 1e-4 * total
    slopes = {}
    for cell in padded:
        up, down = {**padded, cell: padded[cell] + step}, {**padded, cell: max(padded[cell] - step, 1e-9)}
        slopes[cell] = (gap(up) - gap(down)) / (up[cell] - down[cell]) * total
    mean = sum(slopes[cell] * w for cell, w in padded.items()) / total
    variance = sum((slopes[cell] - mean) ** 2 * w for cell, w in padded.items()) / total
    ends = intervals.normal_interval(value, sqrt(variance / total), confidence, (-1.0, 1.0))
    return Measured(value, *ends, n=n, note="interval: delta method on the paired cells")


def _means(rows: Rows, pairs: str, terms: Mapping[str, tuple[str, str]], where: str = "true") -> dict[str, Measured]:
    """Differences of means over the same rows, Student's interval."""
    gaps = {name: f"({ours}) - ({theirs})" for name, (ours, theirs) in terms.items()}
    sums = ", ".join(f"sum(w * ({gap})), sum(w * pow({gap}, 2))" for gap in gaps.values())
    n, *moments = map(float, rows.data.query(f"SELECT sum(w), {sums} FROM ({pairs}) WHERE {where}")[0])
    result = {}
    for place, name in enumerate(gaps):
        mean = moments[2 * place] / n
        deviation = sqrt(max(0.0, moments[2 * place + 1] - n * mean * mean) / (n - 1)) if n > 1 else float("nan")
        low, high = intervals.mean_interval(mean, deviation, n, rows.confidence) or (None, None)
        result[name] = Measured(mean, low, high, n, "interval: Student's, of the paired differences")
    return result


def _numeric(rows: Rows, pairs: str) -> dict[str, Measured]:
    terms = {
        "mean_absolute_error": ("abs(d - y)", "abs(d2 - y)"),
        "mean_squared_error": ("pow(d - y, 2)", "pow(d2 - y, 2)"),
    }
    measureds = _means(rows, pairs, terms)
    variance = rows.data.query(f"SELECT sum(w * y * y) / sum(w) - pow(sum(w * y) / sum(w), 2) FROM ({pairs})")[0][0]
    squared = measureds["mean_squared_error"]
    if variance and variance > 0 and squared.value is not None and squared.low is not None and squared.high is not None:
        ends = (-squared.high / variance, -squared.low / variance)
        note = "interval: of the mean squared errors, over the target's variance"
        measureds["r2"] = Measured(-squared.value / variance, *ends, n=squared.n, note=note)
    return measureds


def _scores(rows: Rows, pairs: str) -> dict[str, Measured]:
    low, high = rows.data.query(f"SELECT min(least(s, s2)), max(greatest(s, s2)) FROM ({pairs})")[0]
    measureds = {"roc_auc": _auc(rows, pairs)}
    if low < 0 or high > 1:
        return measureds

    def loss(s: str) -> str:
        p = f"least(greatest({s}, {_EPSILON}), 1 - {_EPSILON})"
        return f"-(CASE WHEN y = 1 THEN ln({p}) ELSE ln(1 - {p}) END)"

    terms = {"log_loss": (loss("s"), loss("s2")), "brier": ("pow(s - y, 2)", "pow(s2 - y, 2)")}
    return measureds | _means(rows, pairs, terms)


def _auc(rows: Rows, pairs: str) -> Measured:
    """Paired difference of areas (E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845)."""

    def placed(s: str, other: str) -> str:
        """For each row of one label, the share of the other label that it ranks rightly against."""
        total = f"sum(w) FILTER (y = {other}) OVER ()"
        upto = f"coalesce(sum(w) FILTER (y = {other}) OVER (ORDER BY {s}), 0)"
        ties = f"coalesce(sum(w) FILTER (y = {other}) OVER (PARTITION BY {s}), 0)"
        return f"({upto} - {ties} / 2.0) / {total}"

    columns = f"{placed('s', '0')} - {placed('s2', '0')} AS up, {placed('s2', '1')} - {placed('s', '1')} AS down"
    placements = f"SELECT y, w, {columns} FROM ({pairs})"
    parts = {}
    for y, n, total, squares in rows.data.query(
        "SELECT y, sum(w), sum(w * if(y = 1, up, down)), sum(w * pow(if(y = 1, up, down), 2)) "
        f"FROM ({placements}) GROUP BY y"
    ):
        parts[int(y)] = (float(n), float(total or 0), float(squares or 0))
    if len(parts) < 2 or min(n for n, _, _ in parts.values()) < 2:
        return Measured(None, note="fewer than two rows of one label")
    value = parts[1][1] / parts[1][0]
    variances = [max(0.0, squares - total * total / n) / (n - 1) / n for n, total, squares in parts.values()]
    # Areas that agree on every row have no variance; a floor of one pair's worth keeps the width above zero.
    error = max(sqrt(sum(variances)), 1 / (parts[0][0] * parts[1][0]))
    ends = intervals.normal_interval(value, error, rows.confidence, (-1.0, 1.0))
    return Measured(value, *ends, n=parts[0][0] + parts[1][0], note="interval: DeLong's, paired")
