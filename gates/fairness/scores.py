"""Scores without decisions: the share above the sample's median (New York City, Local Law 144 rules, section 5-300)."""

from dataclasses import replace

from aims_gates import DataError, InputError

from .question import Question

__all__ = ["above_median"]


def above_median(question: Question) -> tuple[Question, str]:
    """The question without its target, and SQL that is 1 where a row's score lies above the (weighted) median.

    Raises:
        InputError: the score is no number, or there is nothing to turn into a decision at all.
        DataError: a score is infinite.
    """
    column, data = question.score, question.data
    if column is None:
        remedy = "Name a column: --role prediction=COLUMN, or --role score=COLUMN."
        raise InputError("there is neither a prediction nor a score", where="fairness", remedy=remedy)
    if data.kind(column) != "numeric":
        remedy = 'Say how it becomes a decision: --param decision=\'{"op": "!=", "value": ...}\'.'
        raise InputError(f"the score {column!r} is no number", where=data.where, remedy=remedy)
    name = data.quote(column)
    median = data.query(f"SELECT {_median(data.quote(question.weight) if question.weight else None, name)}")[0][0]
    if median is None or not abs(float(median)) < float("inf"):
        raise DataError(f"the median of {column!r} is not finite", where=data.where, remedy="Remove infinite scores.")
    question = replace(question, target=None, label=None, prediction=None, counted="scoring_rate")
    return question, f"CAST({name} > {float(median)!r} AS TINYINT)"


def _median(weight: str | None, name: str) -> str:
    if weight is None:
        return f"(SELECT median({name}) FROM data)"
    sums = f"SELECT {name} AS v, sum({weight}) AS w FROM data GROUP BY 1"
    running = f"SELECT v, sum(w) OVER (ORDER BY v) AS below, sum(w) OVER () AS total FROM ({sums})"
    return f"(SELECT min(v) FROM ({running}) WHERE below >= total / 2)"
