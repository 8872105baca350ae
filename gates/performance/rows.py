"""What is asked, and the rows as SQL: slice ``k``, target ``y``, prediction ``d``, score ``s``, weight ``w``."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from aims_gates import Case, DataError, Dataset, InputError, Limit, intervals, read_limits
from aims_gates.gatekit import Bands, Bin, calibration_bins, choose_bands, counts_rows, read_bands, weight_sql

from .lists import Lists, has_lists, read_lists, together
from .whole import Whole, read_whole

__all__ = ["MEASURES", "Rows", "read_rows"]

BINARY = ("accuracy", "balanced_accuracy", "precision", "recall", "f1")
SCORED = (
    "roc_auc",
    "log_loss",
    "brier",
    "expected_calibration_error",
    "observed_to_expected",
    "calibration_slope",
    "calibration_intercept",
    "gini",
    "score_ks",
    "sensitivity_at_specificity",
    "specificity_at_sensitivity",
    "net_benefit",
    "net_benefit_gain",
)
PREDICTIVE = ("positive_predictive_value", "negative_predictive_value")
NUMERIC = (
    "r2",
    "mean_absolute_error",
    "mean_squared_error",
    "root_mean_squared_error",
    "mean_error",
    "wape",
    "pinball_loss",
)
#: Of the lists of a ranking.
LISTED = ("ndcg", "catalogue_coverage")
MEASURES = (*BINARY, *PREDICTIVE, *SCORED, *NUMERIC, *LISTED)
#: Parameters that say where a measure is taken, each above 0 and below 1.
POINTS = ("specificity", "sensitivity", "prevalence", "threshold_probability", "quantile")
_MOST_LABELS = 20
_LABELLED = ("binary", "classes")
TASKS = ("classification", "regression", "forecast", "ranking")


@dataclass(frozen=True)
class Rows:
    """The case, read once.

    Attributes:
        data: The evaluation set.
        kind: ``binary``, ``classes``, ``numeric``, or ``graded`` (lists of what is more or less relevant).
        ranking: Whether only the order of the scores counts.
        target, prediction, score, weight: SQL over ``data``; None where there is none. A binary prediction is 2 where
            it is a label of the target in another spelling.
        right: SQL that is true where prediction and target are the same value; for several classes.
        cluster: SQL of the column whose rows go together (those of a query do); None where rows are independent.
        lists: The lists of a ranking; None where they are not asked for.
        sampling: Whether weights correct a sample or count rows.
        spelling: Which labels differ only in capital letters, in words.
        slices, keys: Slice columns, and the columns (role ``id``) that identify a row.
        columns: Role -> column name.
        points: Where measures are taken: a specificity, a sensitivity, a prevalence, a probability, a quantile.
        limits, slice_limits: By measure; ``conventional`` says that nobody set the former.
    """

    data: Dataset
    kind: str
    ranking: bool
    target: str
    prediction: str | None
    score: str | None
    weight: str
    right: str
    cluster: str | None
    lists: Lists | None
    sampling: bool
    spelling: str | None
    slices: tuple[str, ...]
    keys: tuple[str, ...]
    columns: Mapping[str, str | None]
    limits: Mapping[str, Limit]
    slice_limits: Mapping[str, Limit]
    conventional: bool
    confidence: float
    bins: int
    banded: Any
    min_slice: float
    threshold: float
    points: Mapping[str, float | None]
    positive: Any

    def base(self, slice_column: str | None = None) -> str:
        """``SELECT k, y, d, s, w``: a row for each that weighs something; ``k`` is NULL where there is no slice.

        Where rows go together also their cluster ``c``, and of lists the query ``q`` and the item ``i``.
        """
        parts = {
            "k": self.slice_sql(slice_column),
            "y": self.target,
            "d": self.prediction or "NULL",
            "s": self.score or "NULL",
            "w": self.weight,
            **({"c": self.cluster} if self.cluster else {}),
            **({"q": self.lists.query, "i": self.lists.item or "NULL"} if self.lists else {}),
        }
        counted = "" if self.weight == "1" else f" WHERE {self.weight} > 0"
        return f"SELECT {', '.join(f'{sql} AS {name}' for name, sql in parts.items())} FROM data{counted}"

    def slice_sql(self, column: str | None) -> str:
        """SQL of the slice of a row, which is NULL where there is none."""
        return f"coalesce(CAST({self.data.quote(column)} AS VARCHAR), 'missing')" if column else "NULL"

    @cached_property
    def whole(self) -> Whole | None:
        """All rows at once; None where they have weights, go together, or are not two labels with scores."""
        if self.kind != "binary" or self.score is None or self.weight != "1" or self.cluster is not None:
            return None
        return read_whole(self.data, self.base())

    @cached_property
    def bands(self) -> Bands:
        """The bands of scores, made from all rows."""
        if self.whole is not None:
            return choose_bands(self.whole, self.banded, self.bins)
        return read_bands(self.data, self.base(), self.banded, self.bins)

    @cached_property
    def binned(self) -> list[Bin]:
        """The bands that have rows, of all rows at once."""
        return self.whole.bins(self.bands) if self.whole is not None else self._bins(None).get(None, [])

    def bins_of(self, by: str | None) -> dict[str | None, list[Bin]]:
        """Slice -> its bands that have rows; none of a slice whose scores all lie outside 0 to 1."""
        if by is None:
            return {None: self.binned} if self.binned else {}
        return self._bins(by)

    def _bins(self, by: str | None) -> dict[str | None, list[Bin]]:
        linked = self.cluster is not None
        return calibration_bins(self.data, self.base(by), self.bands, key="k", sampling=self.sampling, cluster=linked)

    @cached_property
    def probabilities(self) -> bool:
        """Whether all scores lie from 0 to 1."""
        if self.whole is not None:
            low, high = self.whole.range
        else:
            low, high = self.data.query(f"SELECT min(s), max(s) FROM ({self.base()}) AS r")[0]
        return bool(low >= 0 and high <= 1)

    @property
    def squares(self) -> str:
        """SQL of the sum of squared weights."""
        return "sum(w)" if self.weight == "1" else "sum(w * w)"

    def size(self, weight: float, squares: float) -> float:
        """Effective size of rows with these sums of weights and of squared weights."""
        return float(intervals.effective_n(weight, squares)) if self.sampling else weight


def read_rows(case: Case, role: str = "evaluation") -> Rows:
    """Read roles and parameters and find out what kind of task it is.

    Raises:
        InputError: a role or parameter makes no sense, or labels are not declared.
        DataError: a column is missing, holds nothing, or lacks values.
    """
    data = case.dataset(role)
    target, columns = _columns(case)
    slices, keys = tuple(case.roles.get("slice", ())), tuple(case.roles.get("id", ()))
    if role == "champion":  # Slices and weights are those of the candidate's rows.
        slices, columns["weight"] = (), None
    data.require(*slices, *keys, *(name for name in columns.values() if name))
    _complete(data, [name for role, name in columns.items() if name and role != "weight"])
    positive, params = case.params["positive"], case.params
    limits = read_limits(params["limits"], _known())
    slice_limits = read_limits(params["slice_limits"], MEASURES, "slice_limits")
    task = _task(params["task"], {*limits, *slice_limits})
    kind = _kind(data, target, columns["prediction"], positive, task, has_lists(case))
    label = data.label_sql(target, positive) if kind == "binary" else data.quote(target)
    return Rows(
        data=data,
        kind=kind,
        ranking=params["task"] == "ranking",
        target=label,
        prediction=_prediction(data, kind, columns, positive, float(params["threshold"])),
        score=_score(data, _scored(kind, columns)),
        weight=weight_sql(data, columns["weight"], counts_rows(case)),
        right=data.same_sql(target, str(columns["prediction"])) if kind == "classes" else "NULL",
        cluster=together(case, data, role),
        lists=read_lists(case, data, role),
        sampling=not counts_rows(case),
        spelling=data.case_note(target, columns["prediction"], positive=positive) if kind in _LABELLED else None,
        slices=slices,
        keys=keys,
        columns=columns,
        limits=limits,
        slice_limits=slice_limits,
        conventional=params["limits"] is None,
        confidence=case.number("confidence", 0.5, 0.999999),
        bins=int(case.number("bins", 2, 1000)),
        banded=params["bands"],
        min_slice=case.number("min_slice_size", 0, 1e12),
        threshold=float(params["threshold"]),
        points={name: None if params[name] is None else case.number(name, 1e-9, 1 - 1e-9) for name in POINTS},
        positive=positive,
    )


def _columns(case: Case) -> tuple[str, dict[str, str | None]]:
    """The target, and columns by role."""
    columns = {name: case.column(name) for name in ("target", "prediction", "score", "weight")}
    target = columns["target"]
    if target is None:
        remedy = "Name the column that holds the truth: --role target=COLUMN."
        raise InputError("no column has the role 'target'", where="performance", remedy=remedy)
    if columns["prediction"] is None and columns["score"] is None:
        remedy = "Name one: --role prediction=COLUMN, or --role score=COLUMN."
        raise InputError("there is neither a prediction nor a score", where="performance", remedy=remedy)
    return target, columns


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


def _task(task: Any, limits: set[str]) -> str | None:
    """What was said of the target, by the parameter ``task`` or by a limit that only a regression has."""
    if task is not None and task not in TASKS:
        remedy = f"Choose from: {', '.join(TASKS)}."
        raise InputError(f"task cannot be {task!r}", where="parameter task", remedy=remedy)
    named = limits & {*NUMERIC, *(f"{name}_champion_difference" for name in NUMERIC)}
    return task or ("regression" if named and limits <= {*NUMERIC, *named} else None)


def _kind(data: Dataset, target: str, prediction: str | None, positive: Any, task: str | None, lists: bool) -> str:
    """Binary labels, several classes, quantities, or grades of what is listed."""
    if task in ("regression", "forecast"):
        return _quantities(data, target, prediction, task)
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
    if not data.query(f"SELECT 1 FROM data WHERE {data.label_sql(target)} = 2 LIMIT 1"):
        return "binary"
    if lists and data.kind(target) == "numeric":
        return "graded"
    if task is None and _many_numbers(data, target, prediction):
        return "numeric"
    if task != "ranking" and prediction is not None and _several(data, target, prediction):
        return "classes"
    raise data.strange_labels(target)


def _quantities(data: Dataset, target: str, prediction: str | None, task: str) -> str:
    for name in filter(None, (target, prediction)):
        if data.kind(name) != "numeric":
            message = f"{name!r} holds no numbers, and the task (or a limit) says {task}"
            raise InputError(message, where=data.where, remedy="Name columns of numbers, or another task.")
    return "numeric"


def _many_numbers(data: Dataset, target: str, prediction: str | None) -> bool:
    """Whether truth or prediction has fractions, or the truth more values than there are labels."""
    columns = [name for name in (target, prediction) if name]
    if any(data.kind(name) != "numeric" for name in columns):
        return False
    fractions = " OR ".join(f"{data.quote(name)} % 1 <> 0" for name in columns)
    sql = f"SELECT approx_count_distinct({data.quote(target)}), count(*) FILTER ({fractions}) FROM data"
    values, parts = data.query(sql)[0]
    return bool(values > _MOST_LABELS or parts)


def _several(data: Dataset, target: str, prediction: str) -> bool:
    """Whether there are more than two labels, all numbers or all text."""
    if len(data.query(f"SELECT {data.quote(target)} FROM data GROUP BY 1 LIMIT 3")) <= 2:
        return False
    data.same_sql(target, prediction)
    return True


def _prediction(
    data: Dataset, kind: str, columns: Mapping[str, str | None], positive: Any, threshold: float
) -> str | None:
    column = columns["prediction"]
    if kind == "graded":
        return None
    if kind == "numeric":
        return data.quote(column or str(columns["score"]))
    if column is None:
        return f"CAST({_score(data, columns['score'])} >= {threshold!r} AS TINYINT)"
    if kind == "classes":
        return data.quote(column)
    label = data.label_sql(column, positive)
    if positive is not None:
        return _spelled(data, column, str(columns["target"]), label)
    if data.query(f"SELECT 1 FROM data WHERE {label} = 2 LIMIT 1"):
        raise data.strange_labels(column)
    return label


def _spelled(data: Dataset, column: str, target: str, label: str) -> str:
    """The decision, 2 where it is a label of the target in another spelling: neither that label nor another one."""
    if data.kind(column) != "categorical" or data.kind(target) != "categorical":
        return label
    name, truth = (f"CAST({data.quote(place)} AS VARCHAR)" for place in (column, target))
    labels, spelled = (
        [str(row[0]) for row in data.query(f"SELECT {text} FROM data GROUP BY 1 LIMIT {_MOST_LABELS * 50}")]
        for text in (truth, name)
    )
    lowered = {value.lower() for value in labels}
    strange = [value for value in spelled if value not in labels and value.lower() in lowered]
    if not strange:
        return label
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in strange)
    return f"CASE WHEN {name} IN ({listed}) THEN 2 ELSE {label} END"


def _scored(kind: str, columns: Mapping[str, str | None]) -> str | None:
    """The column of the scores, if the task has any; what is graded may be ordered by a predicted grade."""
    if kind not in ("binary", "graded"):
        return None
    return columns["score"] or (columns["prediction"] if kind == "graded" else None)


def _score(data: Dataset, column: str | None) -> str | None:
    if column is None:
        return None
    if data.kind(column) not in ("numeric", "boolean"):
        remedy = "Name the column of the favourable class's probability."
        raise InputError(f"the score {column!r} is no number", where=data.where, remedy=remedy)
    return f"CAST({data.quote(column)} AS DOUBLE)"
