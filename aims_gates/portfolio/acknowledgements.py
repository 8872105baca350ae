"""Who has to acknowledge which text of a policy or which course, and who has, by the ledger."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from aims_gates.decision.acts import acts_of
from aims_gates.decision.statements import Statements
from aims_gates.documents.canonical import digest
from aims_gates.governance.records.parts import parts_of
from aims_gates.governance.records.reader import read_record, record_files
from aims_gates.ledger import rows
from aims_gates.ledger.row import ACTS
from aims_gates.ledger.table import Source
from aims_gates.model import Act
from aims_gates.packs.role_holders import active_people, is_placeholder

__all__ = ["AcknowledgementStatus", "Asked", "acknowledged", "asked", "course_digest"]

_POLICIES = ("organization/ai_policy", "organization/use_policy")
_ROLES = "organization/roles"


@dataclass(frozen=True)
class Asked:
    """A text or a course that people acknowledge.

    Attributes:
        what: As it is signed: ``organization/ai_policy``, or ``course ID``.
        file: Where its text, or what asks for the course, stands.
        digest: Of the text as it now reads; empty for a course.
        people: Who has to finish a course; of a text it is everybody on the trust list.
    """

    what: str
    file: Path
    digest: str = ""
    people: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As the command takes it."""
        return self.what.removeprefix("organization/").removeprefix("course ")


@dataclass(frozen=True)
class AcknowledgementStatus:
    """How far an acknowledgement has come.

    Attributes:
        asked: What is acknowledged.
        people: Who has to.
        signed: Who did -> the day of the latest time, by the ledger's clock (UTC).
    """

    asked: Asked
    people: tuple[str, ...]
    signed: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> tuple[str, ...]:
        """Who still has to."""
        return tuple(person for person in self.people if person not in self.signed)


def course_digest(course: str, person: str) -> str:
    """What an acknowledgement of a course is about: the course and the person."""
    return digest([course, person])


def asked(packs: Iterable[Path]) -> list[Asked]:
    """The policies that there are, and the courses that roles need.

    Raises:
        InputError: a file cannot be read; it names the place.
    """
    return [item for pack in packs for item in _of_pack(pack)]


def _of_pack(pack: Path) -> Iterator[Asked]:
    files = {f"organization/{name}": path for name, path in record_files(pack / "records" / "organization").items()}
    for name in _POLICIES:
        if name in files:
            yield Asked(name, files[name], parts_of(name, read_record(files[name]).value).digests()["digest"])
    if _ROLES in files:
        for course, people in sorted(_courses(read_record(files[_ROLES]).value).items()):
            yield Asked(f"course {course}", files[_ROLES], people=tuple(sorted(people)))


def _courses(record: Mapping[str, Any]) -> dict[str, set[str]]:
    """Course -> the active people who hold a role that needs it."""
    active, courses = active_people(record), dict[str, set[str]]()
    for role in record.get("roles") or []:
        holders = {str(holder) for holder in role.get("holders") or [] if holder in active}
        for course in role.get("competence") or []:
            if not is_placeholder(str(course)):
                courses.setdefault(str(course), set()).update(holders)
    return courses


def acknowledged(connection: Source, items: Iterable[Asked], today: date, days: int) -> list[AcknowledgementStatus]:
    """What the ledger says of each.

    Args:
        connection: The ledger.
        items: The texts and courses.
        today: The day that is asked about.
        days: How long a course counts, in days.

    Raises:
        IntegrityError: a row of the ledger does not hold.
    """
    acts = acts_of(Statements(rows(connection, [ACTS, "trust", "revocation"]), "", ""), "")
    lists = acts["trust_lists"]
    listed: Mapping[str, str] = lists[-1].details["people"] if lists else {}
    everybody = tuple(person for person, last in listed.items() if not last or last >= today.isoformat())
    return [_state(item, acts["acknowledgements"], everybody, today, days) for item in items]


def _state(
    item: Asked, acts: Iterable[Act], everybody: tuple[str, ...], today: date, days: int
) -> AcknowledgementStatus:
    own = [act for act in acts if act.about == item.what]
    if item.digest:
        signed = {act.details["person"]: _day(act) for act in own if act.details["digest"] == item.digest}
        return AcknowledgementStatus(item, everybody, signed)
    recent = [act for act in own if (today - act.at.date()).days <= days]
    return AcknowledgementStatus(item, item.people, {act.details["person"]: _day(act) for act in recent})


def _day(act: Act) -> str:
    return act.at.date().isoformat()
