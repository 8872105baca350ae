"""The data sets that the parameter ``dataset`` names, for gates that look at one or several."""

from aims_gates.data import Dataset
from aims_gates.errors import MissingDataError
from aims_gates.packs.case import Case

__all__ = ["named_sets"]


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
