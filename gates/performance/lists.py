"""The lists of a ranking: which column says to which list a row belongs, and how many of a list count."""

from dataclasses import dataclass

from aims_gates import Case, Dataset
from aims_gates.gatekit import cluster_sql

__all__ = ["Lists", "has_lists", "read_lists", "together"]


@dataclass(frozen=True)
class Lists:
    """The lists of a ranking.

    Attributes:
        query: SQL of the column that says to which list a row belongs.
        k: How many of a list count.
        item: SQL of the column that names what is listed; None where coverage is not measured.
        catalogue: How many items there are to list; None likewise.
    """

    query: str
    k: int
    item: str | None
    catalogue: int | None


def has_lists(case: Case) -> bool:
    """Whether lists are judged: a ranking, with a column of its queries, and how many of a list count."""
    return case.params["task"] == "ranking" and bool(case.roles.get("query")) and case.params["k"] is not None


def read_lists(case: Case, data: Dataset, role: str) -> Lists | None:
    """The lists of a set, the champion's apart; ``item`` and ``catalogue`` together, or neither.

    Raises:
        DataError: a column is not there, or a row has no value in it.
        InputError: a number makes no sense.
    """
    query, item = _query(case, data, role), case.params["item"]
    if query is None or not has_lists(case):
        return None
    k = int(case.number("k", 1, 1e6))
    if item is None or case.params["catalogue"] is None:
        return Lists(query, k, None, None)
    data.complete(item)
    return Lists(query, k, data.quote(item), int(case.number("catalogue", 1, 1e12)))


def together(case: Case, data: Dataset, role: str) -> str | None:
    """SQL of the column whose rows go together: the role ``cluster``, else ``query``; None for the champion's rows.

    Raises:
        DataError: it is not there, or a row has no value in it.
        InputError: several columns have the role.
    """
    return None if role == "champion" else cluster_sql(case, data) or _query(case, data, role)


def _query(case: Case, data: Dataset, role: str) -> str | None:
    column = case.column("query")
    if column is None or role == "champion":
        return None
    data.complete(column)
    return data.quote(column)
