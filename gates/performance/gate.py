"""Performance: overall, by slice, and against the version now in production."""

from collections.abc import Callable, Iterator, Mapping

from aims_gates import Case, DataError, Finding, Limit
from aims_gates.gatekit import like_counts

from .binary import binary_measures, class_measures, score_measures
from .calibration import calibration_shares
from .champion import champion_measures, champion_slices
from .crosscheck import crosscheck
from .measured import Measured, finding
from .numeric import numeric_measures
from .ranking import ranking_measures
from .rows import LISTED, NUMERIC, SCORED, Rows, read_rows

__all__ = ["run"]

#: Better than guessing: a convention, used where no limit is set.
_GUESSING = {"balanced_accuracy": Limit(">=", 0.5), "roc_auc": Limit(">=", 0.5), "r2": Limit(">=", 0.0)}
_CONVENTION = "the limit is the convention 'better than guessing', as none was set"
_AGAINST = "candidate minus champion, on the same rows"
_MOST_SLICES = 1000
Measures = dict[str | None, dict[str, Measured]]


def run(case: Case) -> Iterator[Finding]:
    """Every measure of contracts that the roles allow."""
    rows = read_rows(case)
    yield from like_counts(case, rows.data)
    measured = set()
    family = len(_GUESSING if rows.conventional else rows.limits)
    overall = _measure(rows, None, max(1, family)).get(None, {})
    for name, value in overall.items():
        measured.add(name)
        yield _overall(rows, name, value)
    if most := int(case.number("crosscheck", 0, 1e9)):
        yield crosscheck(rows, most, overall, lambda sample: _measure(sample, None)[None])
    if rows.score and not rows.ranking:
        yield from calibration_shares(rows)
    sizes = {column: _sizes(rows, column) for column in rows.slices}
    family = max(1, len(rows.slice_limits) * sum(map(len, sizes.values())))
    for column, size in sizes.items():
        yield from _slices(rows, column, size, family)
    if "champion" in case.data:
        champion = read_rows(case, "champion")
        for name, gap in champion_measures(rows, champion, max(1, len(rows.limits))).items():
            measured.add(f"{name}_champion_difference")
            limit = rows.limits.get(f"{name}_champion_difference")
            yield finding(f"{name}_champion_difference", gap, limit, note=_AGAINST)
        if rows.kind == "numeric":
            yield from _slices_against(rows, champion)
    for name, limit in rows.limits.items():
        if name not in measured:
            note = "not measured: the roles, parameters and data sets given do not allow it"
            remedy = "Name the columns (--role) and parameters it needs, give --data champion=FILE, or drop the limit."
            yield Finding(name, limit=limit, outcome="inconclusive", note=note, remedy=remedy)


def _slices_against(rows: Rows, champion: Rows) -> Iterator[Finding]:
    """Differences by slice, of forecasts: information, never judged."""
    for column in rows.slices:
        for key, gaps in sorted(champion_slices(rows, champion, column).items(), key=lambda one: str(one[0])):
            for name, gap in gaps.items():
                yield finding(f"{name}_champion_difference", gap, None, by={column: str(key)}, note=_AGAINST)


def _overall(rows: Rows, name: str, value: Measured) -> Finding:
    spelling = None if name in {*NUMERIC, *SCORED, *LISTED} else rows.spelling
    if not rows.conventional:
        return finding(name, value, rows.limits.get(name), note=spelling)
    limit = _GUESSING.get(name)
    if limit and rows.kind == "classes":
        classes = rows.data.query(f"SELECT count(DISTINCT {rows.target}) FROM data WHERE {rows.weight} > 0")[0][0]
        limit = Limit(">=", 1 / classes)
    notes = [_CONVENTION if limit else None, spelling]
    return finding(name, value, limit, note="; ".join(filter(None, notes)) or None)


def _measure(rows: Rows, by: str | None, comparisons: int = 1) -> Measures:
    makers: Mapping[str, list[Callable[[Rows, str | None, int], Measures]]] = {
        "numeric": [numeric_measures],
        "classes": [class_measures],
        "binary": [
            *([] if rows.ranking else [binary_measures]),
            *([score_measures] if rows.score else []),
            ranking_measures,
        ],
        "graded": [ranking_measures],
    }
    result: Measures = {}
    for make in makers[rows.kind]:
        for key, measureds in make(rows, by, comparisons).items():
            result.setdefault(key, {}).update(measureds)
    return result


def _sizes(rows: Rows, column: str) -> dict[str, float]:
    """Slice -> its effective size."""
    base = f"SELECT k, sum(w), {rows.squares} FROM ({rows.base(column)}) AS r GROUP BY k LIMIT {_MOST_SLICES + 1}"
    sizes = {key: rows.size(float(weight), float(squares)) for key, weight, squares in rows.data.query(base)}
    if len(sizes) > _MOST_SLICES:
        remedy = "Name a column with fewer values, or bin them first."
        raise DataError(f"{column!r} makes more than {_MOST_SLICES} slices", where=rows.data.where, remedy=remedy)
    return sizes


def _slices(rows: Rows, column: str, sizes: Mapping[str, float], family: int) -> Iterator[Finding]:
    """Every slice of a column; ``family`` is how many values of slices are judged beside each other."""
    for key, measureds in sorted(_measure(rows, column, family).items(), key=lambda one: str(one[0])):
        for measure, value in measureds.items():
            n = sizes[str(key)] if rows.cluster is None or value.n is None else value.n
            limit = rows.slice_limits.get(measure)
            yield finding(measure, value, limit, by={column: str(key)}, small=n < rows.min_slice)
