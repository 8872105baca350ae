"""What changed between two bundles: dates first, then questions, rules and duties."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from aims_gates.documents.canonical import plain
from aims_gates.governance.classification.schema import Bundle

__all__ = ["ClassificationChange", "changes"]

_LISTS = (
    "dates",
    "scope",
    "prohibited",
    "uses",
    "transparency",
    "gpai",
    "role_changes",
    "facts",
    "organization",
    "obligations",
)
_SINGLES = ("product", "exemption", "role_change")
#: Fields that explain and do not decide.
_WORDS = {"ask", "help", "what", "title", "source"}


@dataclass(frozen=True)
class ClassificationChange:
    """One difference.

    Attributes:
        kind: ``wording`` where only explanations differ.
        section, id: Where; ``id`` is empty for a section that is a single entry.
        field: The field that differs; empty for what was added or removed as a whole.
        old, new: As text; empty where there is none.
    """

    kind: Literal["added", "removed", "changed", "wording"]
    section: str
    id: str
    field: str
    old: str
    new: str


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _fields(
    section: str, name: str, old: dict[str, Any], new: dict[str, Any], path: str = ""
) -> Iterator[ClassificationChange]:
    for key in dict.fromkeys([*old, *new]):
        before, after, field = old.get(key), new.get(key), f"{path}{key}"
        if before == after:
            continue
        if isinstance(before, dict) and isinstance(after, dict):
            yield from _fields(section, name, before, after, f"{field}.")
        else:
            kind: Literal["wording", "changed"] = "wording" if key in _WORDS else "changed"
            yield ClassificationChange(kind, section, name, field.replace("from_", "from"), _text(before), _text(after))


def _entry(
    section: str, name: str, old: dict[str, Any] | None, new: dict[str, Any] | None
) -> Iterator[ClassificationChange]:
    if old is None and new is not None:
        yield ClassificationChange("added", section, name, "", "", _said(new))
    elif new is None and old is not None:
        yield ClassificationChange("removed", section, name, "", _said(old), "")
    elif old is not None and new is not None:
        yield from _fields(section, name, old, new)


def _said(row: dict[str, Any]) -> str:
    text = next((str(row[key]) for key in ("title", "what", "ask") if row.get(key)), "")
    return f"{row['date']} {text}" if "date" in row else text


def changes(old: Bundle, new: Bundle) -> tuple[ClassificationChange, ...]:
    """The differences from one bundle to another, dates first."""
    before, after = plain(old), plain(new)
    classification_changes: list[ClassificationChange] = []
    for section in _LISTS:
        rows = [{row["id"]: row for row in side[section]} for side in (before, after)]
        for name in dict.fromkeys([*rows[0], *rows[1]]):
            classification_changes += _entry(section, name, rows[0].get(name), rows[1].get(name))
    for section in _SINGLES:
        classification_changes += _entry(section, "", before[section], after[section])
    return tuple(classification_changes)
