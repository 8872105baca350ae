"""The data sets that the parameter ``dataset`` names, and columns of two sets side by side."""

from aims_gates.data import Dataset
from aims_gates.errors import MissingDataError
from aims_gates.packs.case import Case

__all__ = ["common_sql", "named_sets"]


def named_sets(case: Case) -> tuple[Dataset, ...]:
    """The sets in the order in which they are named; the evaluation set where none is.

    Raises:
        MissingDataError: one is not there.
    """
    dataset = case.params["dataset"] or "evaluation"
    names = [dataset] if isinstance(dataset, str) else list(dict.fromkeys(dataset))
    for name in names:
        if name not in case.data:
            there = ", ".join(case.data) or "none were given"
            remedy = f"Give it (--data {name}=FILE), or choose dataset from: {there}."
            raise MissingDataError(f"there is no {name} data", where="parameter dataset", remedy=remedy)
    return tuple(case.data[name] for name in names)


def common_sql(one: Dataset, other: Dataset, name: str) -> str:
    """SQL of a column that both sets have, the same for equal values: 1 and 1.0 are one, and a date meets its text."""
    column, kinds = Dataset.quote(name), {one.kind(name), other.kind(name)}
    if one.type(name) == other.type(name) and one.type(name) not in ("DOUBLE", "FLOAT"):
        return column
    if kinds <= {"numeric", "boolean"}:
        floats = "FLOAT" in (one.type(name), other.type(name))
        return f"CAST({column} AS {'FLOAT' if floats else 'DOUBLE'}) + 0"
    return f"CAST({column} AS VARCHAR)"
