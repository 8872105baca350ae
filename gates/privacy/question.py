"""What is asked: the columns that tell people apart, what is confidential, limits."""

from collections.abc import Mapping
from dataclasses import dataclass

from aims_gates import Case, Dataset, InputError, Limit, with_conventions
from aims_gates.gatekit import named_sets

__all__ = ["Question", "read_question"]

#: Conventions: five alike (L. Sweeney, 2002, gives none; statistical offices use 3 to 10), two values at least.
_CONVENTIONS = {"k_anonymity": Limit(">=", 5.0), "l_diversity": Limit(">=", 2.0)}
_MEASURES = (*_CONVENTIONS, "small_cell_share", "membership_auc")


@dataclass(frozen=True)
class Question:
    """The case's settings.

    Attributes:
        sets: The data to look at.
        identifying: The quasi-identifiers.
        confidential: Columns whose values nobody should learn.
        limits: By measure.
        person: The column that says whose row it is; None where each row is a person's.
        least: Counts of people below this are withheld.
    """

    sets: tuple[Dataset, ...]
    identifying: tuple[str, ...]
    confidential: tuple[str, ...]
    limits: Mapping[str, Limit]
    person: str | None
    least: int

    def over(self, data: Dataset) -> dict[str, object]:
        """What a finding is about; the set is named where there are several."""
        columns: dict[str, object] = {"columns": list(self.identifying)}
        return columns | ({"dataset": data.role} if len(self.sets) > 1 else {})


def read_question(case: Case) -> Question:
    """Read roles and parameters.

    Raises:
        DataError: a set or column is missing or empty.
        InputError: a parameter makes no sense, or nothing says what tells people apart.
    """
    identifying = tuple(dict.fromkeys(case.params["quasi_identifiers"] or case.roles.get("sensitive", ())))
    confidential = tuple(dict.fromkeys(case.params["confidential"] or ()))
    if not identifying:
        remedy = "Set quasi_identifiers to the columns by which somebody could recognize a person."
        raise InputError("nothing says which columns tell people apart", where="privacy", remedy=remedy)
    both = sorted(set(identifying) & set(confidential))
    if both:
        remedy = "Who knows a value already learns nothing: leave it out of one of the two."
        raise InputError(f"{both[0]!r} is both quasi-identifier and confidential", where="parameters", remedy=remedy)
    sets, person = named_sets(case), case.column("cluster")
    for data in sets:
        data.require()
        data.require(*identifying, *confidential, *([person] if person else []), values=False)
        if person:
            data.complete(person)
    limits = with_conventions(case.params["limits"], _CONVENTIONS, _MEASURES)
    return Question(sets, identifying, confidential, limits, person, int(case.number("withhold_below", 1, 1e6)))
