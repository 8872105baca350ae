"""The field of a record's schema at a place: what it is for, how a value of it reads, and an answer made into one."""

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel

from aims_gates.documents.strict_yaml import Place
from aims_gates.errors import InputError
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.record_schemas.template import bare
from aims_gates.governance.records.reader import System
from aims_gates.governance.records.skeleton import KINDS

__all__ = ["RecordField", "answered", "field_at", "field_or_text", "reads_as", "shape_of"]

_YES = {"true": True, "yes": True, "y": True, "false": False, "no": False, "n": False}
_KINDS: dict[Any, str] = {
    bool: "yes or no",
    int: "a whole number",
    float: "a number",
    date: "a date (YYYY-MM-DD)",
}


@dataclass(frozen=True)
class RecordField:
    """A field that takes one value.

    Attributes:
        kind: The type of the value, without ``None``.
        description: What it is for.
        listed: It is an entry of a list, so that several answers become several entries.
    """

    kind: Any
    description: str
    listed: bool


def shape_of(record: str) -> type[BaseModel] | None:
    """The shape of a record by its full name; None where it has none of its own."""
    return System if record == "system/system" else KINDS.get(record)


def field_at(record: str, place: Place) -> RecordField | None:
    """The field at a place of a record; None where its shape knows none, or one that has parts."""
    kind: Any = shape_of(record)
    description = ""
    for part in place:
        kind = bare(kind)
        if isinstance(part, int):
            kind = _entry(kind, part)
        elif isinstance(kind, type) and issubclass(kind, BaseModel):
            fields = {field.alias or name: field for name, field in kind.model_fields.items()}
            if part not in fields:
                return None
            kind, description = fields[part].annotation, fields[part].description or ""
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        else:
            return None
    kind = bare(kind)
    return None if kind is None or _has_parts(kind) else RecordField(kind, description, isinstance(place[-1], int))


def field_or_text(record: str, place: Place) -> RecordField:
    """The field at a place; where no shape knows it, text, or a list of it."""
    return field_at(record, place) or RecordField(str, "", isinstance(place[-1], int))


def _entry(kind: Any, index: int) -> Any:
    """The type of an entry of a list."""
    arguments = [argument for argument in get_args(kind) if argument is not Ellipsis]
    return arguments[min(index, len(arguments) - 1)] if get_origin(kind) in (tuple, list) and arguments else None


def _has_parts(kind: Any) -> bool:
    return (isinstance(kind, type) and issubclass(kind, BaseModel)) or get_origin(kind) in (tuple, list, dict)


def reads_as(field: RecordField) -> tuple[str, tuple[str, ...]]:
    """How an answer reads, in words, and the only answers there are."""
    if get_origin(field.kind) is Literal:
        return "one of these words", tuple(map(str, get_args(field.kind)))
    kind = _KINDS.get(field.kind, "text")
    return f"{kind}; several with ; between" if field.listed else kind, ()


def answered(field: RecordField, answer: Any, where: str) -> Any:
    """The value that an answer stands for, as JSON has it; in a list, a list of them.

    Args:
        field: The field.
        answer: What was typed, or a value from a file of answers.
        where: The question, for messages.

    Raises:
        InputError: it is no value of this field.
    """
    parts = [part for part in _parts(answer) if part != ""]
    if not parts:
        raise InputError("the answer is empty", where=where, remedy="Write a value, or leave the question open.")
    if field.listed:
        return [_single(field.kind, part, where) for part in parts]
    if isinstance(answer, list):
        return _single(str, "; ".join(map(str, parts)), where)
    return _single(field.kind, parts[0] if len(parts) == 1 else str(answer).strip(), where)


def _parts(answer: Any) -> list[Any]:
    if isinstance(answer, str):
        return [part.strip() for part in answer.split(";")]
    return (
        [part.strip() if isinstance(part, str) else part for part in answer] if isinstance(answer, list) else [answer]
    )


def _single(kind: Any, answer: Any, where: str) -> Any:
    text = str(answer).strip()
    if isinstance(answer, str) and placeholder(text):
        raise InputError(f"{text!r} says nothing", where=where, remedy="Write what holds, or leave the question open.")
    if kind is bool:
        return answer if isinstance(answer, bool) else _chosen(_YES, text.lower(), "yes or no", where)
    if get_origin(kind) is Literal:
        words = {str(word): word for word in get_args(kind)}
        return _chosen(words, text, f"one of: {', '.join(words)}", where)
    if kind in (int, float):
        return _number(kind, answer, where)
    if kind is date:
        return _day(text, where)
    return text


def _chosen(words: dict[str, Any], text: str, needed: str, where: str) -> Any:
    if text not in words:
        raise InputError(f"{text!r} is not {needed}", where=where, remedy=f"Answer {needed}.")
    return words[text]


def _number(kind: type[int] | type[float], answer: Any, where: str) -> float:
    try:
        if isinstance(answer, bool):
            raise ValueError(answer)
        return kind(str(answer).strip())
    except ValueError as error:
        raise InputError(f"{answer!r} is not {_KINDS[kind]}", where=where, remedy=f"Write {_KINDS[kind]}.") from error


def _day(text: str, where: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise InputError(f"{text!r} is not a date", where=where, remedy="Write the day as YYYY-MM-DD.") from error
