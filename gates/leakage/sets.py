"""The two sets and what is asked of them: the columns that both have, as SQL that compares like with like."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates import Case, DataError, Dataset, InputError, Limit, MissingDataError, with_conventions

__all__ = ["Sets", "read_sets"]

#: Conventions: no row twice, no column that alone says nearly all, and later rows to evaluate on.
_CONVENTIONS = {
    "row_overlap_share": Limit("<=", 0.0),
    "single_feature_auc": Limit("<", 0.99),
    "single_feature_r2": Limit("<", 0.99),
    "time_gap_days": Limit(">", 0.0),
}
_MEASURES = (*_CONVENTIONS, "duplicate_share", "id_overlap_share")
_NO_FEATURES = ("target", "prediction", "score", "weight", "timestamp", "id", "cluster", "query")
#: Below this many rows a column of consecutive numbers may well be a feature.
_FEW_ROWS = 20


@dataclass(frozen=True)
class Sets:
    """Training and evaluation set.

    Attributes:
        training, evaluation: The data sets.
        features: Columns of both, without those in roles, row numbers and what was excluded.
        numbered: Columns left out because they number the rows.
        limits: By measure.
        asked: The measures whose limit somebody set.
        columns: Role -> column.
    """

    training: Dataset
    evaluation: Dataset
    features: tuple[str, ...]
    numbered: tuple[str, ...]
    limits: Mapping[str, Limit]
    asked: frozenset[str]
    columns: Mapping[str, str | None]
    positive: Any
    least: int
    confidence: float

    def values(self, name: str) -> str:
        """SQL of a column, the same for equal values of both sets: 1 and 1.0 are one, and a date meets its text."""
        return _common(self.training, self.evaluation, name)


def read_sets(case: Case) -> Sets:
    """Read roles and parameters.

    Raises:
        DataError: a set or column is missing or empty, or the two share no column.
        InputError: a parameter makes no sense.
    """
    for role in ("evaluation", "reference"):
        if role not in case.data:
            remedy = f"Give --data {role}=FILE; the reference data are the training set."
            raise MissingDataError(f"there is no {role} data", where="leakage", remedy=remedy)
        case.data[role].require()
    training, evaluation = case.data["reference"], case.data["evaluation"]
    value = case.params["limits"] or {}
    limits = with_conventions(value, _CONVENTIONS, _MEASURES)
    confidence, least = case.number("confidence", 0.5, 0.999999), case.params["min_label_rows"]
    features, numbered = _features(case, training, evaluation)
    return Sets(
        training,
        evaluation,
        features,
        numbered,
        limits,
        frozenset(limits) & frozenset(value),
        {role: case.column(role) for role in ("target", "timestamp", "id")},
        case.params["positive"],
        max(2, int(least or 0)),
        confidence,
    )


def _features(case: Case, training: Dataset, evaluation: Dataset) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The columns to compare, and those left out because they number the rows."""
    out = tuple(case.params["exclude"] or ())
    _there(out, (training, evaluation))
    if case.params["columns"] is not None:
        return _named(case.params["columns"], out, (training, evaluation)), ()
    shared = _shared(case, out, training, evaluation)
    numbered = tuple(name for name in shared if _numbers_rows(training, evaluation, name))
    if len(numbered) == len(shared):
        return shared, ()
    return tuple(name for name in shared if name not in numbered), numbered


def _named(names: Iterable[str], out: tuple[str, ...], sets: tuple[Dataset, Dataset]) -> tuple[str, ...]:
    """The columns that the parameter names, which both sets must have."""
    if not names:
        raise InputError("columns is empty", where="parameter columns", remedy="Name columns, or leave it out.")
    for data in sets:
        data.require(*names)
    return tuple(name for name in names if name not in out)


def _shared(case: Case, out: tuple[str, ...], training: Dataset, evaluation: Dataset) -> tuple[str, ...]:
    """The columns that both sets have and that may be features."""
    taken = {name for role in _NO_FEATURES for name in case.roles.get(role, ())} | set(out)
    shared = tuple(name for name in evaluation.columns if name in training.columns and name not in taken)
    if not shared:
        remedy = f"The training set has: {', '.join(training.columns[:40])}. Give both the same names."
        raise DataError("the two sets share no feature column", where=evaluation.where, remedy=remedy)
    for data in (training, evaluation):
        data.require(*shared, values=False)
    return shared


def _there(names: Iterable[str], sets: tuple[Dataset, ...]) -> None:
    for name in names:
        if not any(name in data.columns for data in sets):
            remedy = f"There are: {', '.join(sets[1].columns[:40])}."
            raise DataError(f"there is no column {name!r} to leave out", where="parameter exclude", remedy=remedy)


def _numbers_rows(training: Dataset, evaluation: Dataset, name: str) -> bool:
    """Whether a column numbers the rows of both sets: whole, each once, hardly a gap; it makes every row differ."""
    low, high, rows = [], [], training.rows + evaluation.rows
    if rows < 2 * _FEW_ROWS or not all(_whole(data, name) for data in (training, evaluation)):
        return False
    for data in (training, evaluation):
        column = data.quote(name)
        first, last = data.query(f"SELECT min({column}), max({column}) FROM data")[0]
        if first is None:
            return False
        low.append(int(first))
        high.append(int(last))
    if max(high) - min(low) >= 2 * rows:
        return False
    counts = [d.query(f"SELECT count(DISTINCT {d.quote(name)}) FROM data")[0][0] for d in (training, evaluation)]
    return counts == [training.rows, evaluation.rows]


def _whole(data: Dataset, name: str) -> bool:
    return data.kind(name) == "numeric" and "INT" in data.type(name)


def _common(training: Dataset, evaluation: Dataset, name: str) -> str:
    types, column = {training.type(name), evaluation.type(name)}, Dataset.quote(name)
    if len(types) == 1 and types != {"DOUBLE"}:
        return column
    if {training.kind(name), evaluation.kind(name)} <= {"numeric", "boolean"}:
        if all(_whole(data, name) or data.kind(name) == "boolean" for data in (training, evaluation)):
            return f"CAST({column} AS HUGEINT)"
        # A number kept as FLOAT in one set meets its DOUBLE in the other; adding 0 makes -0 and 0 one.
        return f"CAST({column} AS {'FLOAT' if 'FLOAT' in types else 'DOUBLE'}) + 0"
    return f"CAST({column} AS VARCHAR)"
