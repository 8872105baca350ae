"""Performance: overall, by slice, and against the version now in production."""

from collections.abc import Callable, Iterator, Mapping

from aims_gates import Case, DataError, Finding, Limit

from .binary import binary_measures, class_measures, score_measures
from .calibration import calibration_shares
from .champion import champion_measures
from .measured import Measured, finding
from .numeric import numeric_measures
from .rows import Rows, read_rows

__all__ = ["run"]

#: Better than guessing: a convention, used where no limit is set.
_GUESSING = {"balanced_accuracy": Limit(">=", 0.5), "roc_auc": Limit(">=", 0.5), "r2": Limit(">=", 0.0)}
_CONVENTION = "the limit is the convention 'better than guessing', as none was set"
_MOST_SLICES = 1000
Measures = dict[str | None, dict[str, Measured]]


def run(case: Case) -> Iterator[Finding]:
    """Every measure of contracts that the roles allow."""
    rows = read_rows(case)
    measured = set()
    for name, value in _measure(rows, None)[None].items():
        measured.add(name)
        yield _overall(rows, name, value)
    if rows.score:
        yield from calibration_shares(rows)
    for column in rows.slices:
        yield from _slices(rows, column)
    if "champion" in case.data:
        for name, gap in champion_measures(rows, read_rows(case, "champion")).items():
            measured.add(f"{name}_champion_difference")
            limit = rows.limits.get(f"{name}_champion_difference")
            yield finding(f"{name}_champion_difference", gap, limit, note="candidate minus champion, on the same rows")
    for name, limit in rows.limits.items():
        if name not in measured:
            note = "not measured: the roles and data sets given do not allow it"
            remedy = "Name the columns it needs with --role, give --data champion=FILE, or drop the limit."
            yield Finding(name, limit=limit, outcome="inconclusive", note=note, remedy=remedy)


def _overall(rows: Rows, name: str, value: Measured) -> Finding:
    if not rows.conventional:
        return finding(name, value, rows.limits.get(name))
    limit = _GUESSING.get(name)
    if limit and rows.kind == "classes":
        classes = rows.data.query(f"SELECT count(DISTINCT {rows.target}) FROM data")[0][0]
        limit = Limit(">=", 1 / classes)
    return finding(name, value, limit, note=_CONVENTION if limit else None)


def _measure(rows: Rows, by: str | None, comparisons: int = 1) -> Measures:
    makers: Mapping[str, list[Callable[[Rows, str | None, int], Measures]]] = {
        "numeric": [numeric_measures],
        "classes": [class_measures],
        "binary": [binary_measures, *([score_measures] if rows.score else [])],
    }
    result: Measures = {}
    for make in makers[rows.kind]:
        for key, measureds in make(rows, by, comparisons).items():
            result.setdefault(key, {}).update(measureds)
    return result


def _slices(rows: Rows, column: str) -> Iterator[Finding]:
    named = f"coalesce(CAST({rows.data.quote(column)} AS VARCHAR), 'missing')"
    sizes = dict(rows.data.query(f"SELECT {named}, count(*) FROM data GROUP BY 1 LIMIT {_MOST_SLICES + 1}"))
    if len(sizes) > _MOST_SLICES:
        remedy = "Name a column with fewer values, or bin them first."
        raise DataError(f"{column!r} makes more than {_MOST_SLICES} slices", where=rows.data.where, remedy=remedy)
    plain, sure = _measure(rows, column), _measure(rows, column, len(sizes))
    for key, measureds in plain.items():
        small = sizes[key] < rows.min_slice
        for measure, value in measureds.items():
            limit = rows.slice_limits.get(measure)
            yield finding(measure, value, limit, by={column: str(key)}, small=small, sure=sure[key][measure])
