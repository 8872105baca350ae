"""What is asked, checked; and a rate against a limit. The same file stands in every gate that judges rates."""

from collections.abc import Mapping
from typing import Any

from aims_gates import Case, DataError, Dataset, Finding, InputError, Limit, Outcome, intervals, read_limits

__all__ = ["column", "complete", "data_set", "judge", "limits_of", "number", "rate", "rows_to_settle"]

_MOST_ROWS = 10_000_000


def limits_of(case: Case, measures: tuple[str, ...], conventions: Mapping[str, Limit]) -> dict[str, Limit]:
    """The conventions, overlaid with the parameter ``limits``; null takes one away.

    Raises:
        InputError: a limit cannot be read, or is on a measure that this gate does not take.
    """
    given = case.params.get("limits") or {}
    left = {name: limit for name, limit in conventions.items() if name not in given}
    return left | read_limits({name: limit for name, limit in given.items() if limit is not None}, measures)


def number(case: Case, name: str, low: float, high: float) -> float:
    """A parameter between two bounds.

    Raises:
        InputError: it is none.
    """
    value = case.params[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        remedy = f"Choose a number from {low:g} to {high:g}."
        raise InputError(f"{name} cannot be {value!r}", where=case.gate, remedy=remedy)
    return float(value)


def column(case: Case, role: str, needed: bool = False) -> str | None:
    """The one column in a role.

    Raises:
        InputError: there are several, or none where one is needed.
    """
    names = case.roles.get(role, ())
    if len(names) > 1:
        raise InputError(f"several columns have the role {role!r}", where=case.gate, remedy="Name one.")
    if needed and not names:
        remedy = f"Name one: --role {role}=COLUMN."
        raise InputError(f"no column has the role {role!r}", where=case.gate, remedy=remedy)
    return names[0] if names else None


def data_set(case: Case, role: str) -> Dataset:
    """A data set that must be there.

    Raises:
        DataError: it is not.
    """
    if role not in case.data:
        raise DataError(f"there is no {role} data", where=case.gate, remedy=f"Give --data {role}=FILE.")
    return case.data[role]


def complete(data: Dataset, *columns: str) -> None:
    """Every row has a value in these columns: what is left out silently is what went wrong.

    Raises:
        DataError: one is missing, or has rows without a value.
    """
    data.require(*columns)
    for name in columns:
        empty = data.query(f"SELECT count(*) - count({data.quote(name)}) FROM data")[0][0]
        if empty:
            remedy = "Fill them, or leave those rows out beforehand and say so in the record."
            raise DataError(f"{empty:,} rows have no value in {name!r}", where=data.where, remedy=remedy)


def rate(
    measure: str,
    successes: float,
    n: float,
    limit: Limit | None,
    confidence: float,
    *,
    comparisons: int = 1,
    by: Mapping[str, str] | None = None,
    over: Mapping[str, Any] | None = None,
    said: str | None = None,
    remedy: str = "Improve the model, or have the limit reviewed.",
) -> Finding:
    """A rate with Wilson's interval and the verdict on it; see :func:`judge`."""
    low, high = intervals.wilson(successes, n, confidence)
    outcome, notes = None, [said]
    if limit is not None:
        outcome, open_because = judge(limit, successes, n, confidence, comparisons)
        notes.append(open_because)
    return Finding(
        measure,
        successes / n if n > 0 else None,
        low if n > 0 else None,
        high if n > 0 else None,
        n=n,
        by=dict(by or {}),
        over=over,
        limit=limit,
        outcome=outcome,
        note="; ".join(filter(None, notes)) or None,
        remedy={"fail": remedy, "inconclusive": "Evaluate on more rows."}.get(outcome or ""),
    )


def judge(
    limit: Limit, successes: float, n: float, confidence: float, comparisons: int = 1
) -> tuple[Outcome, str | None]:
    """The verdict on a rate and why it is open: pass by the plain interval, fail by the one corrected for several."""
    if n <= 0:
        return "inconclusive", "there are no rows to judge by"
    value = successes / n
    if limit.verdict(value, *intervals.wilson(successes, n, confidence, comparisons)) == "fail":
        return "fail", None
    if limit.verdict(value, *intervals.wilson(successes, n, confidence)) == "pass":
        return "pass", None
    rows = rows_to_settle(value, limit, confidence, comparisons)
    more = f"at this rate about {rows:,} rows in all would settle it" if rows else "no number of rows would settle it"
    return "inconclusive", f"the interval reaches over the limit: {more}"


def rows_to_settle(value: float, limit: Limit, confidence: float, comparisons: int = 1) -> int | None:
    """The least number of rows at which this very rate would be decided; None beyond ten million."""
    wanted: Outcome = "pass" if limit.met(value) else "fail"
    times = comparisons if wanted == "fail" else 1

    def settled(n: int) -> bool:
        return limit.verdict(value, *intervals.wilson(value * n, n, confidence, times)) == wanted

    top = 1
    while not settled(top):
        top *= 2
        if top > _MOST_ROWS:
            return None
    bottom = top // 2
    while top - bottom > 1:
        middle = (bottom + top) // 2
        bottom, top = (bottom, middle) if settled(middle) else (middle, top)
    return top
