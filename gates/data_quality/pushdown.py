"""The common expectations as aggregates of one SELECT; what is not sure to come out alike is left to the library.

great-expectations on pandas defines every answer. An expectation is pushed down only where the column's type, the
arguments and the values found leave no room for another one: numbers that are whole or double, text, bounds that a
double holds exactly. Every other argument, type or circumstance goes to the library, which then reads rows.
"""

from collections.abc import Iterable
from typing import Any

from aims_gates import Dataset

from .aggregates import AGGREGATE_PLANS
from .asks import Answer, Ask, has_mostly
from .suite import Expectation
from .values import VALUE_PLANS

__all__ = ["Answer", "counted", "push"]

_PLANS = {**VALUE_PLANS, **AGGREGATE_PLANS}


def push(items: Iterable[Expectation], data: Dataset) -> tuple[dict[int, Answer], dict[str, int]]:
    """Place -> answer, of those expectations that SQL can answer; and column -> how many values it holds.

    One query for all that are aggregates.
    """
    asks: dict[int, Ask] = {}
    for item in items:
        known = _PLANS.get(item.type)
        if known is None or not set(item.kwargs) <= known[0] or not has_mostly(item) or len(set(item.columns)) > 20:
            continue
        ask = known[1](item, data)
        if ask is not None:
            asks[item.place] = ask
    non_null, counts_by_sql = counted(data, [sql for ask in asks.values() for sql in ask.aggregates])
    answers = {place: ask.answer(*(counts_by_sql[sql] for sql in ask.aggregates)) for place, ask in asks.items()}
    return {place: answer for place, answer in answers.items() if answer is not None}, non_null


def counted(data: Dataset, aggregates: Iterable[str] = ()) -> tuple[dict[str, int], dict[str, Any]]:
    """Column -> how many values it holds, and aggregate -> its value, from one look at the data."""
    counts = [f"count({Dataset.quote(name)})" for name in data.columns]
    expressions = list(dict.fromkeys([*counts, *aggregates]))
    counts_by_sql = dict(zip(expressions, data.query(f"SELECT {', '.join(expressions)} FROM data")[0], strict=True))
    return {name: int(counts_by_sql[sql]) for name, sql in zip(data.columns, counts, strict=True)}, counts_by_sql
