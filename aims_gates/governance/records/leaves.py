"""The texts of a record with their places, and what is wrong with the dates among them."""

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Any

from aims_gates.documents.strict_yaml import Document, Place
from aims_gates.errors import InputError

__all__ = ["date_problems", "future_dates", "leaves", "unknown_people"]

#: Fields that name people.
_PEOPLE = {
    "accepted_by", "actor", "approver", "assessor", "attendees", "audited", "auditor", "developers", "holder",
    "holders", "members", "owner", "person", "responsible", "reviewer",
}  # fmt: skip
#: What is planned, or becomes due.
_AHEAD = {"planned_on", "first_use_on", "last_due"}


def _is_past(key: str) -> bool:
    """Whether a field of this name tells of something that has happened."""
    return key not in _AHEAD and (key in ("date", "at", "since") or key.startswith("last_") or key.endswith("_on"))


def future_dates(value: Any, today: date) -> Iterator[tuple[Place, str]]:
    """The dates of what has happened that lie in the future, with their places."""
    for path, text in leaves(value, ()):
        if path and _is_past(str(path[-1])) and (day := _day(text)) is not None and day > today:
            yield path, text


def unknown_people(value: Any, people: Collection[str]) -> Iterator[tuple[Place, str]]:
    """Those named by mail address as somebody who does or did something, and whom the roles do not know."""
    for path, text in leaves(value, ()):
        keys = [str(part) for part in path if isinstance(part, str)]
        if keys and keys[-1] in _PEOPLE and "@" in text and text not in people:
            yield path, text


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def date_problems(document: Document, today: date) -> Iterator[InputError]:
    """Dates of what has happened that lie in the future, and a review that is overdue."""
    for path, text in future_dates(document.value, today):
        yield document.error(path, f"{text} lies in the future", "Write the day on which it was done.")
    due = document.value.get("next_review")
    if isinstance(due, str) and (day := _day(due)) is not None and day < today:
        remedy = "Review it; then set version, approved_on and next_review."
        yield document.error(("next_review",), f"expired: its review was due on {due}", remedy)


def leaves(value: Any, path: Place) -> Iterator[tuple[Place, str]]:
    """Every text in a value, with its place."""
    if isinstance(value, Mapping | list | tuple):
        for key, part in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from leaves(part, (*path, key))
    elif isinstance(value, str):
        yield path, value
