"""The rows as SQL: score ``s``, confidence ``c`` in the decision, hit ``h`` or not, error ``e``, weight ``w``."""

from dataclasses import dataclass

from aims_gates import Case, DataError, Dataset, InputError
from aims_gates.gatekit import weight_sql

__all__ = ["Rows", "read_rows"]


@dataclass(frozen=True)
class Rows:
    """What is looked at.

    Attributes:
        data: The evaluation set.
        sql: ``SELECT s, c, h, e, w``. ``h`` is 1 where what the score is the probability of came true; ``e`` is 1 where
            the decision is wrong.
        n: Rows, or the sum of their weights, which count rows.
        bins: Bins of equal width from 0 to 1.
        confidence: Of the intervals.
    """

    data: Dataset
    sql: str
    n: float
    bins: int
    confidence: float


def read_rows(case: Case) -> Rows:
    """Read roles and parameters.

    Raises:
        DataError: a column is missing or has rows without a value, or scores are no probabilities.
        InputError: a role or parameter makes no sense, or labels are not declared.
    """
    data = case.dataset("evaluation")
    target, score = (case.needed_column(role) for role in ("target", "score"))
    prediction = case.column("prediction")
    weight = case.column("weight")
    data.complete(target, score, *([prediction] if prediction else []))
    _probabilities(data, score)
    s, kind = f"CAST({data.quote(score)} AS DOUBLE)", case.params["score_is"]
    w = weight_sql(data, weight)
    if kind not in ("positive", "prediction"):
        message = f"score_is cannot be {kind!r}"
        raise InputError(message, where="parameter score_is", remedy="Choose positive or prediction.")
    if kind == "prediction":
        if prediction is None:
            raise InputError("no column has the role 'prediction'", where=case.gate, remedy="Name it with --role.")
        hit = f"CAST({_text(data, prediction)} = {_text(data, target)} AS TINYINT)"
        sql = f"SELECT {s} AS s, {s} AS c, {hit} AS h, 1 - {hit} AS e, {w} AS w FROM data"
    else:
        y = _label(case, data, target)
        threshold = case.number("threshold", 0, 1)
        d = _label(case, data, prediction) if prediction else f"CAST({s} >= {threshold!r} AS TINYINT)"
        sure, wrong = f"CASE WHEN {d} = 1 THEN {s} ELSE 1 - {s} END", f"CAST({d} <> {y} AS TINYINT)"
        sql = f"SELECT {s} AS s, {sure} AS c, {y} AS h, {wrong} AS e, {w} AS w FROM data"
    n = float(data.query(f"SELECT sum(w) FROM ({sql}) AS r")[0][0])
    return Rows(data, sql, n, int(case.number("bins", 2, 1000)), case.number("confidence", 0.5, 0.999999))


def _label(case: Case, data: Dataset, name: str) -> str:
    label = data.label_sql(name, case.params["positive"])
    if data.query(f"SELECT 1 FROM data WHERE {label} = 2 LIMIT 1"):
        raise data.strange_labels(name)
    return label


def _text(data: Dataset, name: str) -> str:
    text = f"lower(CAST({data.quote(name)} AS VARCHAR))"
    return rf"regexp_replace({text}, '\.0+$', '')" if data.kind(name) == "numeric" else text


def _probabilities(data: Dataset, score: str) -> None:
    name = data.quote(score)
    outside = f"SELECT 1 FROM data WHERE {name} < 0 OR {name} > 1 LIMIT 1"
    if data.kind(score) != "numeric" or data.query(outside):
        remedy = "Give probabilities from 0 to 1; calibrate a margin or a rank first."
        raise DataError(f"the scores in {score!r} are no probabilities", where=data.where, remedy=remedy)
