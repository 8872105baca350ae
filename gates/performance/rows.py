"""What is asked, and the rows as SQL: slice ``k``, target ``y``, prediction ``d``, score ``s``, weight ``w``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates import Case, DataError, Dataset, InputError, Limit, read_limits
from aims_gates.gatekit import weight_sql

__all__ = ["MEASURES", "Rows", "read_rows"]

BINARY = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
SCORED = ("roc_auc", "log_loss", "brier", "expected_calibration_error")
NUMERIC = ("r2", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error")
MEASURES = (*BINARY, *SCORED, *NUMERIC)
_MOST_LABELS = 20


@dataclass(frozen=True)
class Rows:
    """The case, read once.

    Attributes:
        data: The evaluation set.
        kind: ``binary``, ``classes`` or ``numeric``.
        target, prediction, score, weight: SQL over ``data``; None where there is none.
        slices, keys: Slice columns, and the columns (role ``id``) that identify a row.
        columns: Role -> column name.
        limits, slice_limits: By measure; ``conventional`` says that nobody set the former.
    """

    data: Dataset
    kind: str
    target: str
    prediction: str | None
    score: str | None
    weight: str
    slices: tuple[str, ...]
    keys: tuple[str, ...]
    columns: Mapping[str, str | None]
    limits: Mapping[str, Limit]
    slice_limits: Mapping[str, Limit]
    conventional: bool
    confidence: float
    bins: int
    min_slice: float
    threshold: float
    positive: Any

    def base(self, slice_column: str | None = None) -> str:
        """``SELECT k, y, d, s, w``: one row per row of the data; ``k`` is NULL where there is no slice."""
        key = f"coalesce(CAST({self.data.quote(slice_column)} AS VARCHAR), 'missing')" if slice_column else "NULL"
        parts = {
            "k": key,
            "y": self.target,
            "d": self.prediction or "NULL",
            "s": self.score or "NULL",
            "w": self.weight,
        }
        return f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in parts.items())} FROM data"


def read_rows(case: Case, role: str = "evaluation") -> Rows:
    """Read roles and parameters and find out what kind of task it is.

    Raises:
        InputError: a role or parameter makes no sense, or labels are not declared.
        DataError: a column is missing, holds nothing, or lacks values.
    """
    data = case.dataset(role)
    columns = {name: case.column(name) for name in ("target", "prediction", "score", "weight")}
    slices, keys = tuple(case.roles.get("slice", ())), tuple(case.roles.get("id", ()))
    if role == "champion":  # Slices and weights are those of the candidate's rows.
        slices, columns["weight"] = (), None
    target = columns["target"]
    if target is None:
        remedy = "Name the column that holds the truth: --role target=COLUMN."
        raise InputError("no column has the role 'target'", where="performance", remedy=remedy)
    if columns["prediction"] is None and columns["score"] is None:
        remedy = "Name one: --role prediction=COLUMN, or --role score=COLUMN."
        raise InputError("there is neither a prediction nor a score", where="performance", remedy=remedy)
    data.require(*slices, *keys, *(name for name in columns.values() if name))
    _complete(data, [name for role, name in columns.items() if name and role != "weight"])
    positive, params = case.params["positive"], case.params
    kind = _kind(data, target, columns["prediction"], positive)
    label = data.label_sql(target, positive) if kind == "binary" else data.quote(target)
    return Rows(
        data=data,
        kind=kind,
        target=label,
        prediction=_prediction(data, kind, columns, positive, float(params["threshold"])),
        score=_score(data, columns["score"]) if kind == "binary" else None,
        weight=weight_sql(data, columns["weight"]),
        slices=slices,
        keys=keys,
        columns=columns,
        limits=read_limits(params["limits"], _known()),
        slice_limits=read_limits(params["slice_limits"], MEASURES, "slice_limits"),
        conventional=params["limits"] is None,
        confidence=case.number("confidence", 0.5, 0.999999),
        bins=int(case.number("bins", 2, 1000)),
        min_slice=case.number("min_slice_size", 0, 1e12),
        threshold=float(params["threshold"]),
        positive=positive,
    )


def _known() -> tuple[str, ...]:
    return (*MEASURES, *(f"{name}_champion_difference" for name in MEASURES))


def _complete(data: Dataset, columns: list[str]) -> None:
    """Every row must have a value: what is left out silently is what went wrong."""
    counts = data.query(f"SELECT {', '.join(f'count(*) - count({data.quote(name)})' for name in columns)} FROM data")[0]
    for name, empty in zip(columns, counts, strict=True):
        if empty:
            remedy = "Fill them or leave those rows out before the check, and say so in the record."
            raise DataError(f"{empty} rows have no value in {name!r}", where=data.where, remedy=remedy)
        endless = f"SELECT 1 FROM data WHERE isinf({data.quote(name)}) LIMIT 1"
        if data.type(name) in ("FLOAT", "DOUBLE") and data.query(endless):
            raise DataError(f"{name!r} holds infinite values", where=data.where, remedy="Remove or cap them.")


def _kind(data: Dataset, target: str, prediction: str | None, positive: Any) -> str:
    """Binary labels, several classes, or quantities."""
    if positive is not None:
        if not data.query(f"SELECT 1 FROM data WHERE {data.label_sql(target, positive)} = 1 LIMIT 1"):
            listed = ", ".join(data.common_values(target))
            message = f"the favourable label never occurs in {target!r}, which holds: {listed}"
            raise InputError(message, where=data.where, remedy="Check the spelling of 'positive'.")
        return "binary"
    for name in filter(None, (target, prediction)):
        if data.kind(name) == "datetime":
            remedy = "Name the columns that hold truth and prediction: --role target=COLUMN --role prediction=COLUMN."
            raise InputError(f"{name!r} holds times, which are no labels", where=data.where, remedy=remedy)
    strange = data.query(f"SELECT 1 FROM data WHERE {data.label_sql(target)} = 2 LIMIT 1")
    if not strange:
        return "binary"
    name = data.quote(target)
    if data.kind(target) == "numeric" and (prediction is None or data.kind(prediction) == "numeric"):
        values, parts = data.query(
            f"SELECT approx_count_distinct({name}), count(*) FILTER ({name} % 1 <> 0) FROM data"
        )[0]
        if values > _MOST_LABELS or parts:
            return "numeric"
    if len(data.query(f"SELECT {name} FROM data GROUP BY 1 LIMIT 3")) > 2 and prediction is not None:
        if len({data.kind(column) in ("numeric", "boolean") for column in (target, prediction)}) > 1:
            message = f"some labels are numbers and some are text ({target!r}, {prediction!r})"
            raise InputError(message, where=data.where, remedy="Write truth and prediction in the same labels.")
        return "classes"
    raise data.strange_labels(target)


def _prediction(
    data: Dataset, kind: str, columns: Mapping[str, str | None], positive: Any, threshold: float
) -> str | None:
    column = columns["prediction"]
    if kind == "numeric":
        return data.quote(column or str(columns["score"]))
    if column is None:
        return f"CAST({_score(data, columns['score'])} >= {threshold!r} AS TINYINT)"
    if kind == "classes":
        return data.quote(column)
    label = data.label_sql(column, positive)
    if data.query(f"SELECT 1 FROM data WHERE {label} = 2 LIMIT 1"):
        raise data.strange_labels(column)
    return label


def _score(data: Dataset, column: str | None) -> str | None:
    if column is None:
        return None
    if data.kind(column) not in ("numeric", "boolean"):
        remedy = "Name the column of the favourable class's probability."
        raise InputError(f"the score {column!r} is no number", where=data.where, remedy=remedy)
    return f"CAST({data.quote(column)} AS DOUBLE)"
