"""Whether a person may approve a record: the courses asked of the role are finished, and not lapsed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from aims_gates.attestation.trust_list import alike, day
from aims_gates.documents.canonical import digest
from aims_gates.documents.strict_yaml import Document
from aims_gates.governance.records.reader import read_record, record_files

__all__ = ["BOOTSTRAPPED", "TRAINING", "Competence"]

ROLES, TRAINING = "organization/roles", "organization/training"
#: Their first approval asks no course: before it there is nothing that states any.
BOOTSTRAPPED = (ROLES, TRAINING)
#: Days for which a course counts where no plan has the gate ``training``.
MAX_DAYS = 365


@dataclass(frozen=True)
class Competence:
    """What the organization's records say of roles and courses.

    Attributes:
        roles: The records ``organization/roles`` of the packs.
        training: Their records ``organization/training``.
        counted: Days for which a course counts, by system as its plan says; under ``""`` for what all systems share.
            Called once a course is there whose age decides.
    """

    roles: tuple[Document, ...] = ()
    training: tuple[Document, ...] = ()
    counted: Callable[[], Mapping[str, int]] = dict

    @classmethod
    def of(cls, packs: Iterable[Path], counted: Callable[[], Mapping[str, int]] = dict) -> "Competence":
        """Read both records of these packs, where they are there.

        Raises:
            InputError: a record cannot be read; it names the place.
        """
        folders = [record_files(pack / "records" / "organization") for pack in packs]
        roles, training = (
            tuple(read_record(files[name]) for files in folders if name in files) for name in ("roles", "training")
        )
        return cls(roles, training, counted)

    def lacks(self, person: str, role: str, today: date, signed: Set[str], system: str = "") -> list[str]:
        """What a person lacks who would act in a role: each with the course, and the place where it is asked.

        Courses are asked of the role that is acted in, where ``organization/roles`` has it, and of each role there that
        the person holds. A course that is dated in the future, or not by a date, was not finished.

        Args:
            person: As the trust list names them.
            role: As the trust list names it; ``top-management`` is ``top_management`` of the records.
            today: The day.
            signed: Digests of the entries that people signed; a course that is only typed does not count.
            system: The system whose record is approved; empty for a record that all share.

        Raises:
            InputError: a plan cannot be made, so nobody knows how long a course counts.
        """
        return [
            f"{problem} (asked of the role {named} at {place})"
            for course, (named, place) in self._asked(person, role).items()
            if (problem := self._problem(person, course, today, signed, system))
        ]

    def where(self) -> str:
        """Where finished courses are noted."""
        return self.training[0].where if self.training else "records/organization/training.yaml"

    def _asked(self, person: str, role: str) -> dict[str, tuple[str, str]]:
        """Course -> the first role that asks for it, and its place."""
        courses: dict[str, tuple[str, str]] = {}
        for document in self.roles:
            for index, entry in _entries(document, "roles"):
                holders = {alike(str(holder)) for holder in _listed(entry, "holders")}
                if alike(person) in holders or _name(entry.get("role")) == _name(role):
                    place = document.place(("roles", index, "competence"))
                    for course in _listed(entry, "competence"):
                        courses.setdefault(str(course), (str(entry.get("role")), place))
        return courses

    def _problem(self, person: str, course: str, today: date, signed: Set[str], system: str) -> str:
        """What is wrong with a person's course; empty where it counts."""
        noted = [
            (finished, digest(entry) in signed)
            for document in self.training
            for _, entry in _entries(document, "completed")
            if alike(str(entry.get("person"))) == alike(person) and entry.get("course") == course
            if (finished := day(str(entry.get("date")))) is not None and finished <= today
        ]
        if not noted:
            return f"{person} has not finished the course {course}"
        days = [finished for finished, is_signed in noted if is_signed]
        if not days:
            return f"nobody has signed that {person} finished the course {course}"
        counted = self.counted()
        most = counted.get(system, counted.get("", MAX_DAYS))
        if (today - max(days)).days > most:
            return f"{person} finished the course {course} on {max(days)}, more than {most} days ago"
        return ""


def _entries(document: Document, field: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for index, entry in enumerate(_listed(document.value, field)):
        if isinstance(entry, Mapping):
            yield index, entry


def _listed(value: Any, field: str) -> list[Any]:
    listed = value.get(field) if isinstance(value, Mapping) else None
    return listed if isinstance(listed, list) else []


def _name(role: Any) -> str:
    """A role's name as trust list and records are compared."""
    return alike(str(role)).replace("_", "-").replace(" ", "-")
