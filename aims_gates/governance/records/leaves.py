"""The texts of a record with their places, and what is wrong with the dates among them."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from aims_gates.documents.strict_yaml import Document, Place
from aims_gates.errors import InputError

__all__ = ["date_problems", "leaves"]


def _is_past(key: str) -> bool:
    """Whether a field of this name tells of something that has happened."""
    return key in ("date", "at", "since") or key.startswith("last_") or (key.endswith("_on") and key != "planned_on")


def date_problems(document: Document, today: date) -> Iterator[InputError]:
    """Dates of what has happened that lie in the future, and a review that is overdue."""
    for path, value in leaves(document.value, ()):
        key = str(path[-1]) if path else ""
        try:
            day = date.fromisoformat(value)
        except ValueError:
            continue
        if _is_past(key) and day > today:
            yield document.error(path, f"{value} lies in the future", "Write the day on which it was done.")
        if path == ("next_review",) and day < today:
            remedy = "Review it; then set version, approved_on and next_review."
            yield document.error(path, f"expired: its review was due on {value}", remedy)


def leaves(value: Any, path: Place) -> Iterator[tuple[Place, str]]:
    """Every text in a value, with its place."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*path, key))
    elif isinstance(value, str):
        yield path, value
