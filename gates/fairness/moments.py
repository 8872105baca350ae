"""One GROUP BY for quantities: weighted sums and squares of prediction, error and absolute error by group."""

from collections.abc import Sequence
from dataclasses import dataclass

from aims_gates import DataError
from aims_gates.gatekit import RatioSums, WeightSums, cluster_ratios, refuse_weights

from .cells import MOST_GROUPS
from .question import Question

__all__ = ["TERMS", "Moments", "count_moments", "link_moments"]

#: Measure -> SQL of the term whose mean it is; ``p`` is the prediction, ``y`` the target.
TERMS = {"mean_prediction": "p", "mean_error": "p - y", "mean_absolute_error": "abs(p - y)"}


@dataclass(frozen=True)
class Moments:
    """Rows alike in group and stratum.

    Attributes:
        groups, strata: Values as text; None where there is none.
        rows, weight, squares: Their number, and the sums of their weights and squared weights.
        first, second: For each term, weighted sums of it and of its square, both about the term's centre.
    """

    groups: tuple[str | None, ...]
    strata: tuple[str | None, ...]
    rows: int
    weight: float
    squares: float
    first: tuple[float, ...]
    second: tuple[float, ...]


def link_moments(
    question: Question, columns: Sequence[str], centres: Sequence[float]
) -> dict[tuple[str | None, ...], list[RatioSums]]:
    """Values of these columns -> what clusters tell of the mean of each term; nothing where rows are independent."""
    if question.cluster is None:
        return {}
    terms = [(f"({term}) - {centre!r}", "1") for term, centre in zip(TERMS.values(), centres, strict=True)]
    keys = ", ".join(f"CAST({question.data.quote(column)} AS VARCHAR) AS k{i}" for i, column in enumerate(columns))
    rows = f"SELECT {keys}, {question.cluster} AS c, {_values(question)} FROM data"
    return cluster_ratios(question.data, rows, terms, keys=len(columns))


def _values(question: Question) -> str:
    """Prediction, target and weight as SQL."""
    data = question.data
    p, y = data.quote(str(question.prediction)), data.quote(str(question.target))
    w = data.quote(question.weight) if question.weight else "1"
    return f"CAST({p} AS DOUBLE) AS p, CAST({y} AS DOUBLE) AS y, CAST({w} AS DOUBLE) AS w"


def count_moments(question: Question) -> tuple[list[Moments], tuple[float, ...]]:
    """The moments of each group and stratum, and the centre of each term: squares about 0 would lose digits.

    Raises:
        DataError: a value is missing or infinite, weights are none, or there are too many groups.
    """
    data = question.data
    by = (*question.sensitive, *question.control)
    keys = [f"g{place}" for place in range(len(by))]
    named = ", ".join(f"CAST({data.quote(column)} AS VARCHAR) AS {key}" for column, key in zip(by, keys, strict=True))
    rows = f"SELECT {named}, {_values(question)} FROM data"
    _sound(question, rows)
    centres = tuple(map(float, data.query(f"SELECT {', '.join(f'avg({t})' for t in TERMS.values())} FROM ({rows})")[0]))
    about = [f"({term} - {centre!r})" for term, centre in zip(TERMS.values(), centres, strict=True)]
    sums = ", ".join(f"sum(w * {x}), sum(w * {x} * {x})" for x in about)
    grouped = f"SELECT {', '.join(keys)}, count(*), sum(w), sum(w * w), {sums} FROM ({rows}) GROUP BY {', '.join(keys)}"
    most = MOST_GROUPS * 20
    result = data.query(f"{grouped} LIMIT {most + 1}")
    if len(result) > most:
        remedy = f"Name columns with at most {MOST_GROUPS} groups, or bin the values first."
        raise DataError(f"{', '.join(map(repr, by))} make too many groups to compare", where=data.where, remedy=remedy)
    split, end = len(question.sensitive), len(by)
    return [_moments(row, split, end) for row in result], centres


def _moments(row: Sequence[object], split: int, end: int) -> Moments:
    numbers = [float(str(value)) for value in row[end:]]
    groups = tuple(None if value is None else str(value) for value in row[:end])
    rows, weight, squares, *sums = numbers
    return Moments(groups[:split], groups[split:], int(rows), weight, squares, tuple(sums[::2]), tuple(sums[1::2]))


def _sound(question: Question, rows: str) -> None:
    columns = {"p": question.prediction, "y": question.target}
    checks = ", ".join(f"count(*) - count({x}), count(*) FILTER (isinf({x}))" for x in columns)
    weights = "count(*) - count(w), min(w), max(w), sum(w), sum(w * w)"
    facts = question.data.query(f"SELECT {checks}, {weights} FROM ({rows})")[0]
    where = question.data.where
    for place, name in enumerate(columns.values()):
        empty, endless = facts[2 * place : 2 * place + 2]
        if empty:
            remedy = "Fill them or leave those rows out before the check, and say so in the record."
            raise DataError(f"{empty} rows have no value in {name!r}", where=where, remedy=remedy)
        if endless:
            remedy = "Remove or cap them."
            raise DataError(f"{endless} rows hold an infinite value in {name!r}", where=where, remedy=remedy)
    if question.weight:
        refuse_weights(WeightSums(*facts[-5:]), question.weight, where)
