"""Candidate against champion on the same rows: value of the candidate minus value of the champion, paired."""

from collections.abc import Callable, Mapping
from math import inf, sqrt
from typing import Any

import numpy as np

from aims_gates import DataError, InputError, intervals
from aims_gates.gatekit import Tally, cluster_ratios, tally_rows

from .forecast import pinball_sql, ratio_of, ratio_sums
from .measured import Ends, Measured, mean_of, with_ends
from .rows import Rows

__all__ = ["champion_measures", "champion_slices"]

Cells = Mapping[tuple[int, int, int], float]
Slices = dict[str | None, dict[str, Measured]]
#: Label, decision of the candidate, decision of the champion, in the order of their kinds.
_KINDS = [(y, d, e) for y in (0, 1) for d in (0, 1) for e in (0, 1)]
_EPSILON = 2.220446049250313e-16


def champion_measures(rows: Rows, champion: Rows, comparisons: int = 1) -> dict[str, Measured]:
    """Measure -> difference, for what both can be measured by; ``comparisons`` are judged beside each other.

    Raises:
        DataError: the two do not hold the same rows.
        InputError: they are of different kinds.
    """
    if rows.kind != champion.kind:
        message = f"the champion's target reads as {champion.kind}, the candidate's as {rows.kind}"
        raise InputError(message, where=champion.data.where, remedy="Use the same evaluation rows for both.")
    if rows.kind == "graded":
        return {}
    pairs = _pairs(rows, champion)
    if rows.kind == "numeric":
        return _numeric(rows, pairs, comparisons)[None]
    if rows.kind == "classes":
        return {"accuracy": _accuracy(rows, pairs, comparisons)}
    both = rows.score and champion.score
    decisions = {} if rows.ranking else _decisions(rows, pairs, comparisons)
    return {**decisions, **(_scores(rows, pairs, comparisons) if both else {})}


def champion_slices(rows: Rows, champion: Rows, column: str) -> dict[str | None, dict[str, Measured]]:
    """Slice of a column -> differences of two that forecast quantities.

    Raises:
        DataError: the two do not hold the same rows.
    """
    return _numeric(rows, _pairs(rows, champion, column), 1)


def _pairs(rows: Rows, champion: Rows, by: str | None = None) -> str:
    """``SELECT k, y, d, s, d2, s2, w``, matched by the role ``id``, else by place; refused where y differs."""
    ours, theirs = rows.data, champion.data
    keys = {f"i{i}": ours.quote(name) for i, name in enumerate(rows.keys)}
    named = "".join(f", {column} AS {name}" for name, column in keys.items())
    right = f"{ours.same_sql(*_columns(rows))} AS r" if rows.kind == "classes" else "NULL AS r"
    theirs_right = f"{theirs.same_sql(*_columns(champion))} AS r2" if rows.kind == "classes" else "NULL AS r2"
    own = f"{rows.target} AS y, {rows.prediction} AS d, {rows.score or 'NULL'} AS s, {rows.weight} AS w, {right}"
    own += f", {rows.cluster or 'NULL'} AS c, {rows.slice_sql(by)} AS k"
    left = f"SELECT {own}{named} FROM data"
    labelled = rows.kind != "binary"
    right = (
        f"SELECT {theirs_right}, {champion.target} AS y2, {champion.prediction} AS d2, "
        f"{champion.score or 'NULL'} AS s2{named} FROM {theirs.table}"
    )
    if ours.rows != theirs.rows:
        message = f"the champion has {theirs.rows} rows and the candidate {ours.rows}: not the same rows"
        raise DataError(message, where=theirs.where, remedy="Predict the same evaluation file with both versions.")
    join = f"JOIN ({right}) AS b USING ({', '.join(keys)})" if keys else f"POSITIONAL JOIN ({right}) AS b"
    same = ours.same_sql(_columns(rows)[0], _columns(champion)[0], theirs, ("y", "y2")) if labelled else "y = y2"
    joined = f"SELECT k, y, d, s, w, c, r, y2, d2, s2, r2, {same} AS same FROM ({left}) AS a {join}"
    matched, differing = ours.query(f"SELECT count(*), count(*) FILTER (same IS DISTINCT FROM true) FROM ({joined})")[0]
    if matched != ours.rows or differing:
        message = f"the champion's rows are not the candidate's: {differing or abs(ours.rows - matched)} differ"
        remedy = "Predict the same file with both versions, in the same order or with --role id=COLUMN."
        raise DataError(message, where=theirs.where, remedy=remedy)
    return joined


def _columns(rows: Rows) -> tuple[str, str]:
    """The columns of target and prediction."""
    return str(rows.columns["target"]), str(rows.columns["prediction"] or rows.columns["score"])


def _decisions(rows: Rows, pairs: str, comparisons: int) -> dict[str, Measured]:
    # A decision that is neither label is wrong.
    d, e = (f"CASE WHEN {name} = 2 THEN 1 - y ELSE {name} END" for name in ("d", "d2"))
    kinds = f"SELECT CAST(4 * y + 2 * ({d}) + ({e}) AS INTEGER) AS kind, w, c FROM ({pairs}) AS r"
    tally = _tally(rows, kinds, 8)

    def paired(label: int | None, what: Callable[[int, int], bool]) -> Measured:
        table = [
            [i for i, (y, d, e) in enumerate(_KINDS) if label in (None, y) and (what(y, d), what(y, e)) == both]
            for both in _BOTH
        ]
        return _paired(rows, tally, table, comparisons)

    return {
        "accuracy": paired(None, lambda y, d: y == d),
        "recall": paired(1, lambda y, d: d == 1),
        "precision": _delta(rows, tally, _precision, comparisons),
        "f1": _delta(rows, tally, _f1, comparisons),
        "balanced_accuracy": _delta(rows, tally, _balanced, comparisons),
    }


_BOTH = ((True, True), (True, False), (False, True), (False, False))


def _tally(rows: Rows, kinds: str, number: int) -> Tally:
    tallies = tally_rows(rows.data, kinds, number, cluster=rows.cluster is not None, sampling=rows.sampling)
    return tallies[()]


def _paired(rows: Rows, tally: Tally, table: list[list[int]], comparisons: int) -> Measured:
    """Difference of two rates on the same rows; ``table``: what both, one, the other, neither have right."""
    weights = [float(sum(tally.weights[kind] for kind in kinds)) for kinds in table]
    whole = sum(weights)
    if not whole:
        return Measured(None, n=0.0, note="no row in the denominator")
    value = (weights[1] - weights[2]) / whole
    inside, gradient = np.zeros(len(tally.weights)), np.zeros(len(tally.weights))
    for kinds, gain in zip(table, (0, 1, -1, 0), strict=True):
        inside[kinds], gradient[kinds] = 1.0, gain - value
    n, df = tally.size(gradient, inside)

    def ends(times: float) -> Ends:
        size = float(intervals.at_level(n, df, rows.confidence, times))
        both, first, second, neither = (weight / whole * size for weight in weights)
        return intervals.exact_paired(both, first, second, neither, rows.confidence, times)

    return with_ends(value, ends, n, comparisons, "interval: MOVER's, paired")


def _accuracy(rows: Rows, pairs: str, comparisons: int) -> Measured:
    right, again = ("(CASE WHEN r THEN 0 ELSE 1 END)", "(CASE WHEN r2 THEN 0 ELSE 1 END)")
    kinds = f"SELECT 2 * {right} + {again} AS kind, w, c FROM ({pairs}) AS r"
    return _paired(rows, _tally(rows, kinds, 4), [[0], [1], [2], [3]], comparisons)


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


def _delta(
    rows: Rows, tally: Tally, statistic: Callable[[float, float, float, float], float], comparisons: int
) -> Measured:
    """Delta method on the eight cells, half a row added to each so that no interval has zero width (A. Agresti,
    Y. Min, Statistics in Medicine 24 (2005) 729-740, add two rows in all to a paired table of four)."""
    cells = dict(zip(_KINDS, map(float, tally.weights), strict=True))
    whole = sum(cells.values())

    def gap(cells: Cells) -> float:
        return statistic(*_counts(cells, 1)) - statistic(*_counts(cells, 2))

    size = tally.size(np.ones(8), np.ones(8))[0] if tally.together is None else whole
    try:
        value = gap(cells)
    except ZeroDivisionError:
        return Measured(None, n=size, note="undefined for one of the two")
    slopes, mean, variance, total = _slopes({cell: w / whole * size + 0.5 for cell, w in cells.items()}, gap)
    df = inf
    if tally.together is not None:
        total, df = tally.size(slopes - mean, np.ones(8))

    def ends(times: float) -> Ends:
        known = float(intervals.at_level(total, df, rows.confidence, times))
        error = sqrt(variance / known) if known > 0 else inf
        level = 1 - (1 - rows.confidence) / times
        return intervals.normal_interval(value, error, level, (-1.0, 1.0))

    note = "interval: delta method on the paired cells"
    return with_ends(value, ends, size if df == inf else total, comparisons, note)


def _slopes(cells: Cells, gap: Callable[[Cells], float]) -> tuple[np.ndarray, float, float, float]:
    """What a row of each kind adds to the gap, times the rows; their mean, variance and number."""
    total = sum(cells.values())
    step, slopes = 1e-4 * total, []
    for cell in _KINDS:
        up, down = {**cells, cell: cells[cell] + step}, {**cells, cell: max(cells[cell] - step, 1e-9)}
        slopes.append((gap(up) - gap(down)) / (up[cell] - down[cell]) * total)
    weights = np.array([cells[cell] for cell in _KINDS]) / total
    mean = float(weights @ slopes)
    return np.array(slopes), mean, float(weights @ (np.array(slopes) - mean) ** 2), total


def _means(rows: Rows, pairs: str, terms: Mapping[str, tuple[str, str]], comparisons: int) -> Slices:
    """Slice -> differences of means over the same rows, Student's interval."""
    gaps = {name: f"(({ours}) - ({theirs}))" for name, (ours, theirs) in terms.items()}
    sums = ", ".join(f"sum(w * {gap}), sum(w * pow({gap}, 2))" for gap in gaps.values())
    linked = _linked(rows, pairs, [(gap, "1") for gap in gaps.values()])
    note = "interval: Student's, of the paired differences"
    result: Slices = {}
    for key, *texts in _by_slice(rows, pairs, sums):
        weight, squares, *moments = map(float, texts)
        n, links = rows.size(weight, squares), linked.get((key,))
        result[key] = {
            name: mean_of(
                moments[2 * place],
                moments[2 * place + 1],
                weight,
                n,
                rows.confidence,
                comparisons,
                links[place] if links else None,
                -inf,
                note,
            )
            for place, name in enumerate(gaps)
        }
    return result


def _by_slice(rows: Rows, pairs: str, sums: str) -> list[tuple[Any, ...]]:
    """Slice, the sum of its weights and of their squares, and these sums."""
    query = f"SELECT k, sum(w), {rows.squares}, {sums} FROM ({pairs}) AS r GROUP BY k HAVING sum(w) > 0"
    return rows.data.query(query)


def _linked(rows: Rows, pairs: str, terms: list[tuple[str, str]]) -> Mapping[tuple[str | None, ...], Any]:
    """Slice -> what clusters tell of each term; nothing where rows are independent."""
    return cluster_ratios(rows.data, f"SELECT k AS k0, * FROM ({pairs}) AS r", terms, keys=1) if rows.cluster else {}


def _numeric(rows: Rows, pairs: str, comparisons: int) -> Slices:
    terms = {
        "mean_absolute_error": ("abs(d - y)", "abs(d2 - y)"),
        "mean_squared_error": ("pow(d - y, 2)", "pow(d2 - y, 2)"),
    }
    if (quantile := rows.points.get("quantile")) is not None:
        terms["pinball_loss"] = (pinball_sql(quantile, "d"), pinball_sql(quantile, "d2"))
    result = _means(rows, pairs, terms, comparisons)
    if "wape_champion_difference" in rows.limits:
        for key, gap in _wape(rows, pairs, comparisons).items():
            result[key]["wape"] = gap
    spread = "sum(w * y * y) / sum(w) - pow(sum(w * y) / sum(w), 2)"
    for key, _, _, variance in _by_slice(rows, pairs, spread):
        result[key].update(_determined(result[key]["mean_squared_error"], variance))
    return result


def _determined(squared: Measured, variance: float | None) -> dict[str, Measured]:
    """r2 by the difference of the mean squared errors; nothing where the target does not vary."""
    if variance and variance > 0 and squared.value is not None and squared.low is not None and squared.high is not None:
        ends = (-squared.high / variance, -squared.low / variance)
        sure = squared.sure and (-squared.sure[1] / variance, -squared.sure[0] / variance)
        note = "interval: of the mean squared errors, over the target's variance"
        return {"r2": Measured(-squared.value / variance, *ends, squared.n, note, sure)}
    return {}


def _wape(rows: Rows, pairs: str, comparisons: int) -> dict[str | None, Measured]:
    """What is missed less what the champion misses, over the sum of the truths; the delta method on that ratio."""
    gap, truth = "(abs(d - y) - abs(d2 - y))", "abs(y)"
    linked, result = _linked(rows, pairs, [(gap, truth)]), {}
    for key, *texts in _by_slice(rows, pairs, ratio_sums([(gap, truth)])):
        weight, squares, t, tt, b, bb, tb = map(float, texts)
        n, link = rows.size(weight, squares), linked[(key,)][0] if linked else None
        result[key] = ratio_of(rows, weight, n, (t, tt, b, bb, tb), comparisons, link, least=-inf)
    return result


def _scores(rows: Rows, pairs: str, comparisons: int) -> dict[str, Measured]:
    low, high = rows.data.query(f"SELECT min(least(s, s2)), max(greatest(s, s2)) FROM ({pairs})")[0]
    measureds = {"roc_auc": _auc(rows, pairs, comparisons)}
    if low < 0 or high > 1 or rows.ranking:
        return measureds

    def loss(s: str) -> str:
        p = f"least(greatest({s}, {_EPSILON}), 1 - {_EPSILON})"
        return f"-(CASE WHEN y = 1 THEN ln({p}) ELSE ln(1 - {p}) END)"

    terms = {"log_loss": (loss("s"), loss("s2")), "brier": ("pow(s - y, 2)", "pow(s2 - y, 2)")}
    return measureds | _means(rows, pairs, terms, comparisons)[None]


def _auc(rows: Rows, pairs: str, comparisons: int) -> Measured:
    """Paired difference of areas (E. R. DeLong, D. M. DeLong, D. L. Clarke-Pearson, Biometrics 44 (1988) 837-845)."""

    def placed(s: str, other: str) -> str:
        """For each row of one label, the share of the other label that it ranks rightly against."""
        total = f"sum(w) FILTER (y = {other}) OVER ()"
        upto = f"coalesce(sum(w) FILTER (y = {other}) OVER (ORDER BY {s}), 0)"
        ties = f"coalesce(sum(w) FILTER (y = {other}) OVER (PARTITION BY {s}), 0)"
        return f"({upto} - {ties} / 2.0) / {total}"

    columns = f"{placed('s', '0')} - {placed('s2', '0')} AS up, {placed('s2', '1')} - {placed('s', '1')} AS down"
    gained = (
        f"SELECT y, w, c, CASE WHEN y = 1 THEN up ELSE down END AS g FROM (SELECT y, w, c, {columns} FROM ({pairs}))"
    )
    parts = {}
    sums = f"sum(w), {rows.squares}, sum(w * g), sum(w * g * g)"
    for y, *texts in rows.data.query(f"SELECT y, {sums} FROM ({gained}) AS r GROUP BY y"):
        weight, squares, total, twice = (float(text or 0) for text in texts)
        parts[int(y)] = (weight, rows.size(weight, squares), total, twice)
    if len(parts) < 2 or min(n for _, n, _, _ in parts.values()) < 2:
        return Measured(None, note="fewer than two rows of one label")
    value = parts[1][2] / parts[1][0]
    variances = [max(0.0, twice / w - (total / w) ** 2) / (n - 1) for w, n, total, twice in parts.values()]
    # Areas that agree on every row have no variance; a floor of one pair's worth keeps the width above zero.
    error, df = max(sqrt(sum(variances)), 1 / (parts[0][1] * parts[1][1])), inf
    if rows.cluster:
        share = f"CAST(CASE WHEN y = 1 THEN {1 / parts[1][0]!r} ELSE {1 / parts[0][0]!r} END AS DOUBLE)"
        linked = cluster_ratios(rows.data, gained, [(f"g * {share}", share)])[()][0].error(value, 1.0)
        error, df = (max(error, linked[0]), linked[1]) if linked else (inf, 1.0)

    def ends(times: float) -> Ends:
        wider = sqrt(float(intervals.at_level(1.0, df, rows.confidence, times)))
        level = 1 - (1 - rows.confidence) / times
        return intervals.normal_interval(value, error / wider, level, (-1.0, 1.0))

    return with_ends(value, ends, parts[0][1] + parts[1][1], comparisons, "interval: DeLong's, paired")
