"""What is asked: roles and parameters, checked, and the SQL that turns rows into a label and a decision."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aims_gates import Case, Dataset, InputError, Limit, read_limits
from aims_gates.gatekit import cluster_sql, counts_rows, numeric_weights

from .measures import known_measures

__all__ = ["Question", "ask"]


@dataclass(frozen=True)
class Question:
    """The case, read once.

    Attributes:
        data: The evaluation set.
        sensitive, control: Columns.
        target, prediction, score, weight: Columns, or None.
        cluster: SQL of the column whose rows go together; None where rows are independent.
        label, decided: SQL giving 1, 0, NULL or 2; None where there is no such column.
        limits: By measure.
        ruled: Whether a decision rule stands in for the prediction.
        declared: Whether the favourable label was named.
        task: What was said of the target; None leaves it to the data.
        spelling: Which labels differ only in capital letters, in words.
        counted: What the share of rows with decision 1 is called.
        crosscheck: Up to how many rows fairlearn measures beside the gate; 0: none.
    """

    data: Dataset
    sensitive: tuple[str, ...]
    control: tuple[str, ...]
    target: str | None
    prediction: str | None
    score: str | None
    weight: str | None
    cluster: str | None
    label: str | None
    decided: str | None
    limits: Mapping[str, Limit]
    confidence: float
    min_size: float
    min_share: float
    drop_missing: bool
    reference: str | Mapping[str, str]
    sampling: bool
    ruled: bool
    declared: bool
    task: str | None
    spelling: str | None
    counted: str = "selection_rate"
    crosscheck: int = 0


def ask(case: Case, positive: Any = None) -> Question:
    """Read roles and parameters; ``positive`` is the class in question where the parameter lists several.

    Raises:
        InputError: a parameter or role makes no sense.
        DataError: a column is missing or holds nothing.
    """
    params = case.params
    data = case.dataset("evaluation")
    sensitive = tuple(dict.fromkeys(case.roles.get("sensitive", ())))
    if not sensitive:
        remedy = "Name the column whose groups are compared: --role sensitive=COLUMN."
        raise InputError("no column has the role 'sensitive'", where="fairness", remedy=remedy)
    one = {name: case.column(name) for name in ("target", "prediction", "score", "weight")}
    control = tuple(params["control"] or ())
    data.require(*sensitive, *control, *(name for name in one.values() if name))
    clash = set(sensitive) & set(control)
    if clash:
        remedy = "Stratify by another column."
        raise InputError(f"{clash.pop()!r} is both sensitive and a control", where="fairness", remedy=remedy)
    if one["weight"]:
        numeric_weights(data, one["weight"], counts_rows(case))
    chosen = positive if isinstance(params["positive"], list | tuple) else params["positive"]
    return Question(
        data=data,
        sensitive=sensitive,
        control=control,
        target=one["target"],
        prediction=one["prediction"],
        score=one["score"],
        weight=one["weight"],
        cluster=cluster_sql(case, data),
        label=data.label_sql(one["target"], chosen) if one["target"] else None,
        decided=_decided(data, one["score"], one["prediction"], params["decision"], chosen),
        limits=read_limits(params["limits"], known_measures()),
        confidence=case.number("confidence", 0.5, 0.999999),
        min_size=case.number("min_group_size", 0, float("inf")),
        min_share=case.number("min_group_share", 0, 1),
        drop_missing=_choice("missing", params["missing"], ("group", "drop")) == "drop",
        reference=_reference(params["reference"], sensitive),
        sampling=not counts_rows(case),
        ruled=params["decision"] is not None,
        declared=chosen is not None,
        crosscheck=int(case.number("crosscheck", 0, 1e9)),
        task=_task(params["task"]),
        spelling=data.case_note(one["target"], one["prediction"], positive=params["positive"]),
    )


def _task(value: Any) -> str | None:
    return None if value is None else _choice("task", value, ("classification", "regression", "forecast", "ranking"))


def _choice(name: str, value: Any, allowed: tuple[str, ...]) -> str:
    if value not in allowed:
        raise InputError(f"{name} cannot be {value!r}", where="fairness", remedy=f"Choose from: {', '.join(allowed)}.")
    return str(value)


def _reference(raw: Any, sensitive: tuple[str, ...]) -> str | Mapping[str, str]:
    if raw in ("max", "overall"):
        return str(raw)
    if isinstance(raw, Mapping) and raw and set(raw) <= set(sensitive):
        return {str(column): str(value) for column, value in raw.items()}
    remedy = 'Write "max", "overall" or {"column": "group"} with a sensitive column.'
    raise InputError(f"reference cannot be {raw!r}", where="fairness", remedy=remedy)


def _decided(data: Dataset, score: str | None, prediction: str | None, rule: Any, positive: Any) -> str | None:
    if rule is None:
        return data.label_sql(prediction, positive) if prediction else None
    column = score or prediction
    if column is None:
        remedy = "Name it: --role score=COLUMN."
        raise InputError("a decision rule needs a score column", where="fairness", remedy=remedy)
    return data.decision_sql(column, rule)
