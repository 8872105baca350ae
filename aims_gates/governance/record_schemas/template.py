"""A record to fill in, made from its shape: every field with what it is for."""

from collections.abc import Iterator
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from aims_gates.governance.record_schemas.base import Reviewed

__all__ = ["template"]

BLANK = "REPLACE"


def template(name: str, shape: type[Reviewed]) -> str:
    """A commented YAML (or, where the record is a text, Markdown) file; what people must write reads ``REPLACE``.

    Optional fields stand in comments.
    """
    head = [f"# {name}: {(shape.__doc__ or '').strip().splitlines()[0]}"]
    text = "text" in shape.model_fields
    fields = {key: field for key, field in shape.model_fields.items() if not (text and key == "text")}
    body = [line for key, field in fields.items() for line in _field(key, field, "")]
    if text:
        return "\n".join(["---", *head, *body, "---", BLANK + " with the text that is approved.", ""])
    return "\n".join([*head, *body, ""])


def _field(name: str, field: FieldInfo, before: str) -> Iterator[str]:
    yield f"{before}# {field.description}{_choices(field.annotation)}"
    mark = "" if field.is_required() else "# "
    for line in _value(field.alias or name, field.annotation, before):
        yield f"{before}{mark}{line.removeprefix(before)}" if mark else line


def _value(key: str, kind: Any, before: str) -> Iterator[str]:
    kind = _bare(kind)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield f"{before}{key}:"
        yield from _part(kind, f"{before}  ")
    elif get_origin(kind) is tuple:
        item = _bare(get_args(kind)[0])
        if isinstance(item, type) and issubclass(item, BaseModel):
            lines = list(_part(item, f"{before}    "))
            first = next(index for index, line in enumerate(lines) if not line.lstrip().startswith("#"))
            lines[first] = f"{before}  - {lines[first].lstrip()}"
            yield f"{before}{key}:"
            yield from lines
        else:
            yield f"{before}{key}: [{BLANK}]"
    elif get_origin(kind) is dict:
        yield f"{before}{key}: {{}}"
    else:
        yield f"{before}{key}: {BLANK}"


def _part(shape: type[BaseModel], before: str) -> Iterator[str]:
    for name, field in shape.model_fields.items():
        yield from _field(name, field, before)


def _bare(kind: Any) -> Any:
    """The type without ``Annotated`` and without ``None``."""
    while get_origin(kind) in (Annotated, Union, UnionType):
        kind = next(argument for argument in get_args(kind) if argument is not type(None))
    return kind


def _choices(kind: Any) -> str:
    kind = _bare(kind)
    kind = _bare(get_args(kind)[0]) if get_origin(kind) is tuple else kind
    if get_origin(kind) is Literal:
        return f" One of: {', '.join(map(str, get_args(kind)))}."
    return " true or false." if kind is bool else ""
