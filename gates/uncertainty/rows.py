"""The rows as SQL: score ``s``, confidence ``sure`` in the decision, hit ``h`` or not, error ``e``, weight ``w``."""

from dataclasses import dataclass

from aims_gates import Case, DataError, Dataset, InputError, intervals
from aims_gates.gatekit import Bands, cluster_sql, counts_rows, read_bands, weight_sql

__all__ = ["Rows", "read_rows"]


@dataclass(frozen=True)
class Rows:
    """What is looked at.

    Attributes:
        data: The evaluation set.
        sql: ``SELECT s, sure, h, e, w, c``. ``sure`` is the confidence in the decision; ``h`` is 1 where what the score
            is the probability of came true; ``e`` is 1 where the decision is wrong; ``c`` is the cluster.
        weight: The sum of the weights.
        n: Effective size.
        bins: How many bands.
        bands: The bands of scores.
        confidence: Of the intervals.
        sampling: Whether weights correct a sample or count rows.
        clustered: Whether rows of one cluster go together.
        spelling: Which labels differ only in capital letters, in words.
    """

    data: Dataset
    sql: str
    weight: float
    n: float
    bins: int
    bands: Bands
    confidence: float
    sampling: bool
    clustered: bool
    spelling: str | None

    def size(self, weight: float, squares: float) -> float:
        """Effective size of rows with these sums of weights and of squared weights."""
        return float(intervals.effective_n(weight, squares)) if self.sampling else weight


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
    sampling, cluster = not counts_rows(case), cluster_sql(case, data)
    w = f"{weight_sql(data, weight, not sampling)} AS w, {cluster or 'NULL'} AS c"
    if kind not in ("positive", "prediction"):
        message = f"score_is cannot be {kind!r}"
        raise InputError(message, where="parameter score_is", remedy="Choose positive or prediction.")
    if kind == "prediction":
        if prediction is None:
            raise InputError("no column has the role 'prediction'", where=case.gate, remedy="Name it with --role.")
        hit = f"CAST({data.same_sql(prediction, target)} AS TINYINT)"
        sql = f"SELECT {s} AS s, {s} AS sure, {hit} AS h, 1 - {hit} AS e, {w} FROM data"
    else:
        y = _label(case, data, target)
        threshold = case.number("threshold", 0, 1)
        d = _label(case, data, prediction) if prediction else f"CAST({s} >= {threshold!r} AS TINYINT)"
        sure, wrong = f"CASE WHEN {d} = 1 THEN {s} ELSE 1 - {s} END", f"CAST({d} <> {y} AS TINYINT)"
        sql = f"SELECT {s} AS s, {sure} AS sure, {y} AS h, {wrong} AS e, {w} FROM data"
    total, squares = map(float, data.query(f"SELECT sum(w), sum(w * w) FROM ({sql}) AS r")[0])
    bins = int(case.number("bins", 2, 1000))
    return Rows(
        data,
        sql,
        total,
        float(intervals.effective_n(total, squares)) if sampling else total,
        bins,
        read_bands(data, sql, case.params["bands"], bins),
        case.number("confidence", 0.5, 0.999999),
        sampling,
        cluster is not None,
        data.case_note(target, prediction, positive=case.params["positive"]),
    )


def _label(case: Case, data: Dataset, name: str) -> str:
    label = data.label_sql(name, case.params["positive"])
    if data.query(f"SELECT 1 FROM data WHERE {label} = 2 LIMIT 1"):
        raise data.strange_labels(name)
    return label


def _probabilities(data: Dataset, score: str) -> None:
    name = data.quote(score)
    outside = f"SELECT 1 FROM data WHERE {name} < 0 OR {name} > 1 LIMIT 1"
    if data.kind(score) != "numeric" or data.query(outside):
        remedy = "Give probabilities from 0 to 1; calibrate a margin or a rank first."
        raise DataError(f"the scores in {score!r} are no probabilities", where=data.where, remedy=remedy)
