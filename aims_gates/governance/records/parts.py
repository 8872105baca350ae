"""The three parts of a record: the text that people judge and sign, its entries, and the facts of a version.

A field of a shape says which it is (:func:`aims_gates.governance.record_schemas.base.says`); text where it says
nothing. What does not fit its shape is text too, so that nothing goes unsigned by being misshapen.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aims_gates.documents.canonical import digest
from aims_gates.governance.record_schemas import SHAPES
from aims_gates.governance.record_schemas.base import Part, part_of
from aims_gates.governance.record_schemas.template import bare
from aims_gates.governance.records.entries import HISTORY, entries_digest

__all__ = ["RecordParts", "parts_of"]


@dataclass(frozen=True)
class RecordParts:
    """A record, taken apart.

    Attributes:
        text: What is judged and signed; where a record's type has neither entries nor facts, all of it.
        entries: Place -> what was noted there. A place that ends in ``[]`` is a history, each item of which stays;
            at any other stands the latest value, with the text of the item that it belongs to.
        facts: What a new version moves, shaped as in the record; empty where there is nothing of that kind.
    """

    text: dict[str, Any]
    entries: Mapping[str, tuple[Any, ...]]
    facts: dict[str, Any]

    def entry_digests(self) -> dict[str, tuple[str, ...]]:
        """Digest of each entry, by place, in the record's order.

        Raises:
            InputError: an entry has no canonical form.
        """
        return {place: tuple(map(digest, values)) for place, values in self.entries.items()}

    def digests(self) -> dict[str, str]:
        """``digest`` of the text; ``entries`` and ``facts`` where there are any.

        Raises:
            InputError: a part has no canonical form.
        """
        result = {"digest": digest(self.text)}
        if self.entries:
            result["entries"] = entries_digest(self.entry_digests())
        if self.facts:
            result["facts"] = digest(self.facts)
        return result


def parts_of(record: str, content: Mapping[str, Any]) -> RecordParts:
    """Take a record apart.

    Args:
        record: Its name as gates know it: ``organization/roles``, ``system/monitoring``, ``monitoring``.
        content: Its fields as read.
    """
    shape = SHAPES.get(record if "/" in record else f"system/{record}")
    if shape is None or not _has_parts(shape):
        return RecordParts(dict(content), {}, {})
    entries: dict[str, list[Any]] = {}
    text, facts = _split(shape, content, "", entries)
    return RecordParts(text, {place: tuple(values) for place, values in entries.items() if values}, facts)


def _split(
    shape: type[BaseModel], value: Mapping[str, Any], place: str, entries: dict[str, list[Any]]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Text and facts of a mapping; its entries are added to ``entries``."""
    text: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    latest: dict[str, Any] = {}
    for key, inner in value.items():
        field = _fields(shape).get(key)
        part: Part = "text" if field is None else part_of(field)
        if part == "facts":
            facts[key] = inner
        elif part == "entries" and field is not None:
            _note(field, inner, key, place, entries, latest)
        else:
            _inside(field, inner, key, place, entries, text, facts)
    if latest and place:
        entries.setdefault(place, []).append({"of": text, "value": latest})
    for key, inner in latest.items() if not place else ():
        entries[key] = [inner]
    return text, facts


def _note(
    field: FieldInfo, value: Any, key: str, place: str, entries: dict[str, list[Any]], latest: dict[str, Any]
) -> None:
    """Put a field of entries where it belongs: a list is a history, anything else a latest value, nothing is none."""
    if isinstance(value, list) and get_origin(bare(field.annotation)) is tuple:
        entries.setdefault(f"{place}.{key}{HISTORY}" if place else f"{key}{HISTORY}", []).extend(value)
    elif value is not None:
        latest[key] = value


def _inside(
    field: FieldInfo | None,
    value: Any,
    key: str,
    place: str,
    entries: dict[str, list[Any]],
    text: dict[str, Any],
    facts: dict[str, Any],
) -> None:
    """Take a field of text apart where what it holds has parts of its own."""
    shape = None if field is None else _shape_in(field)
    text[key] = value
    if shape is None or not _has_parts(shape):
        return
    within = f"{place}.{key}" if place else key
    if isinstance(value, Mapping):
        text[key], inner = _split(shape, value, within, entries)
        facts |= {key: inner} if inner else {}
    elif isinstance(value, list) and all(isinstance(item, Mapping) for item in value):
        pairs = [_split(shape, item, within, entries) for item in value]
        text[key] = [item for item, _ in pairs]
        facts |= {key: [inner for _, inner in pairs]} if any(inner for _, inner in pairs) else {}


@cache
def _fields(shape: type[BaseModel]) -> Mapping[str, FieldInfo]:
    """A shape's fields, under the names that records write."""
    return {field.alias or name: field for name, field in shape.model_fields.items()}


def _shape_in(field: FieldInfo) -> type[BaseModel] | None:
    """The shape of a field's value, or of the items of its list."""
    kind = bare(field.annotation)
    kind = bare(get_args(kind)[0]) if get_origin(kind) is tuple else kind
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


@cache
def _has_parts(shape: type[BaseModel]) -> bool:
    """Whether a shape holds anything but text, at whatever depth."""
    fields = _fields(shape).values()
    inner = [shape for shape in map(_shape_in, fields) if shape is not None]
    return any(part_of(field) != "text" for field in fields) or any(map(_has_parts, inner))
