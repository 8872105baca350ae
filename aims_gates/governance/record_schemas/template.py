"""A record to fill in, made from its shape: every field with what it is for."""

import json
import re
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aims_gates.governance.record_schemas.base import Part, part_of

__all__ = ["BLANK", "bare", "choices", "scalar", "template"]

BLANK = "REPLACE"
#: What a field's explanation says of its part; most are text.
_PARTS: Mapping[Part, str] = {
    "text": "",
    "entries": " Signed as it is added, without a new approval.",
    "facts": " A fact of the version: approved with its request.",
}
#: Text that YAML reads as itself without quotes, within a flow list too.
_PLAIN = re.compile(r"[A-Za-z](?:[\w.;()/@%+'<>-]| (?![#-]))*|[1-9]\d{3}-\d\d-\d\d")
_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}


def template(name: str, shape: type[BaseModel], start: Mapping[str, Any] | None = None) -> str:
    """A commented YAML (or, where the record is a text, Markdown) file; what people must write reads ``REPLACE``.

    Fields that may be left out stand in comments.

    Args:
        name, shape: The record.
        start: Values to write, by field; a required field that is not among them is left to be written.
    """
    head = f"# {name}: {(shape.__doc__ or '').strip().splitlines()[0]}"
    start = start or {}
    fields = dict(shape.model_fields)
    text = fields.pop("text", None)
    lines = [head, *_fields(fields, start, "", explained=True)]
    if text is not None:
        body = start.get("text", f"{BLANK} with the text that is approved.")
        return "\n".join(["---", *lines, "---", body, ""])
    return "\n".join([*lines, ""])


def _fields(
    fields: Mapping[str, FieldInfo], start: Mapping[str, Any], before: str, *, explained: bool
) -> Iterator[str]:
    for name, field in fields.items():
        key = field.alias or name
        if start.get(key) is not None or field.is_required():
            if explained and field.description:
                yield f"{before}# {field.description}{choices(field.annotation)}{_PARTS[part_of(field)]}"
            yield from _entry(key, field.annotation, start.get(key), before, explained=explained)
        elif explained:
            yield f"{before}# {field.description}{choices(field.annotation)}{_PARTS[part_of(field)]}"
            yield f"{before}# {key}: {_shown(field.annotation)}".rstrip()


def _shown(kind: Any) -> str:
    """How the value of a field that may be left out looks, where it has parts."""
    kind = bare(kind)
    if get_origin(kind) is tuple:
        return f"[{_shown(get_args(kind)[0]) or '...'}]"
    if not _is_part(kind):
        return ""
    parts = ((field.alias or name, field) for name, field in kind.model_fields.items() if field.is_required())
    shown = [f"{name}: {_shown(field.annotation) or '...'}" for name, field in parts]
    return f"{{{', '.join(shown)}}}"


def _entry(key: str, kind: Any, value: Any, before: str, *, explained: bool) -> Iterator[str]:
    kind = bare(kind)
    item = bare(get_args(kind)[0]) if get_origin(kind) is tuple else None
    if _is_part(kind):
        yield f"{before}{key}:"
        yield from _fields(kind.model_fields, value or {}, f"{before}  ", explained=explained)
    elif item is not None and _is_part(item):
        yield f"{before}{key}:"
        for index, part in enumerate([{}] if value is None else value):
            yield from _listed(item, part, before, explained=explained and index == 0)
    elif get_origin(kind) is dict:
        yield f"{before}{key}:{'' if value else ' {}'}"
        yield from (f"{before}  {name}: {scalar(part)}" for name, part in (value or {}).items())
    elif value is None:
        yield f"{before}{key}: {scalar(BLANK if item is None else [BLANK])}"
    else:
        yield f"{before}{key}: {scalar(value)}"


def _listed(shape: type[BaseModel], value: Mapping[str, Any], before: str, *, explained: bool) -> Iterator[str]:
    """The lines of an entry of a list."""
    lines = list(_fields(shape.model_fields, value, f"{before}    ", explained=explained))
    first = next(place for place, line in enumerate(lines) if not line.lstrip().startswith("#"))
    yield from (f"{before}  {line.lstrip()}" for line in lines[:first])
    yield f"{before}  - {lines[first].lstrip()}"
    yield from lines[first + 1 :]


def scalar(value: Any) -> str:
    """A value on one line of YAML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(scalar, value))}]"
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def _is_part(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)


def bare(kind: Any) -> Any:
    """The type without ``Annotated`` and without ``None``."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(argument for argument in get_args(kind) if argument is not type(None))
    return kind


def choices(kind: Any) -> str:
    """The values that a field may have, in a sentence; nothing where there is no end of them."""
    kind = bare(kind)
    kind = bare(get_args(kind)[0]) if get_origin(kind) is tuple else kind
    if get_origin(kind) is Literal:
        return f" One of: {', '.join(map(str, get_args(kind)))}."
    return " true or false." if kind is bool else ""
