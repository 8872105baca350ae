"""The one reader of YAML and JSON from outside, and the one place where shapes are checked.

YAML 1.2 core schema and JSON, with everything refused that lets two readers see two documents:
duplicate keys, aliases and anchors, tags and directives, numbers that YAML 1.1 reads otherwise, NaN and
infinity, text that is no Unicode, more than 1 MiB, 32 levels or 50,000 values.
"""

import json
import math
import re
import stat
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from aims_gates.documents.json_lines import json_lines
from aims_gates.documents.yaml_values import MAX_DEPTH, Place, RefusedText, values_of
from aims_gates.errors import InputError

__all__ = ["Document", "Place", "dump", "is_small", "parse", "problems", "read", "read_json", "read_yaml"]

MAX_BYTES = 1024 * 1024
_UNKNOWN = "unknown field"
T = TypeVar("T")


@dataclass(frozen=True)
class Document:
    """A value read from outside, and where in its source each part stands.

    Attributes:
        value: Plain dicts, lists, strings, numbers, booleans and None.
        where: The file's name, for messages.
        lines: Path of keys and indices -> line number, from 1; none for JSON that is no file.
    """

    value: Any
    where: str
    lines: Mapping[Place, int] = field(default_factory=dict)

    def place(self, path: Place) -> str:
        """``file:line`` of this path, or of the nearest part around it."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return f"{self.where}:{self.lines[path[:end]]}"
        return self.where

    def error(self, path: Place, message: str, remedy: str | None = None) -> InputError:
        """An error about one place of this document."""
        spot = ".".join(map(str, path))
        return InputError(f"{spot}: {message}" if spot else message, where=self.place(path), remedy=remedy)


def _text(data: bytes, where: str, most: int = MAX_BYTES) -> str:
    if len(data) > most:
        raise InputError(f"larger than {most} bytes", where=where, remedy="Split the document.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"not UTF-8 text (byte {error.start})", where=where, remedy="Save it as UTF-8.") from error


def _copy(value: Any) -> Any:
    """A value of one's own."""
    if isinstance(value, dict):
        return {key: _copy(part) for key, part in value.items()}
    return [_copy(part) for part in value] if isinstance(value, list) else value


def read_yaml(data: bytes, where: str) -> Document:
    """Read a YAML 1.2 document.

    Raises:
        InputError: naming file, line and remedy; see the module's docstring for what is refused.
    """
    try:
        value, lines = values_of(_text(data, where))
    except RefusedText as refused:
        place = where if refused.line is None else f"{where}:{refused.line}"
        raise InputError(refused.message, where=place, remedy=refused.remedy) from refused.__cause__
    return _unicode(Document(_copy(value), where, lines))


def _unicode(document: Document) -> Document:
    """Refuse half a surrogate pair, which an escape can make and no UTF-8 text can hold."""
    try:
        json.dumps(document.value, ensure_ascii=False).encode("utf-8")
    except UnicodeEncodeError as error:
        message = "an escape that makes no Unicode character"
        raise InputError(message, where=document.where, remedy="Write the character itself.") from error
    return document


def _no_duplicates(where: str) -> Callable[[list[tuple[str, Any]]], dict[str, Any]]:
    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key, value in pairs:
            if key in result:
                raise InputError(f"the key {key!r} is there twice", where=where, remedy="Remove one of the two.")
            result[key] = value
        return result

    return build


def _finite(where: str) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = float(text)
        if not math.isfinite(value):
            raise InputError(f"{text} is not a finite number", where=where, remedy="Write null and say why.")
        return value

    return number


#: A bracket, or a string (to its end, or to the end of all) that brackets in it do not count.
_MARKS = re.compile(r'[\[\]{}]|"(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside strings; or their number, where that is no deeper than allowed."""
    brackets = text.count("[") + text.count("{")
    if brackets <= MAX_DEPTH:
        return brackets
    deepest = level = 0
    for mark in _MARKS.findall(text):
        if mark in "[{":
            level += 1
            deepest = max(deepest, level)
        elif mark in "]}":
            level -= 1
    return deepest


def is_small(data: bytes) -> bool:
    """Whether JSON is too short and flat for :func:`read_json` to refuse it for its size or depth."""
    return len(data) <= MAX_BYTES and data.count(b"[") + data.count(b"{") <= MAX_DEPTH


def read_json(data: bytes, where: str, most: int = MAX_BYTES) -> Document:
    """Read a JSON document (RFC 8259), with unique keys and finite numbers only.

    Args:
        data: The document, of at most ``most`` bytes.
        where: Its place, for messages.
        most: The largest document.

    Raises:
        InputError: naming the place and the remedy.
    """
    text = _text(data, where, most)
    if _depth(text) > MAX_DEPTH:
        raise InputError(f"more than {MAX_DEPTH} levels", where=where, remedy="Flatten the document.")
    number = _finite(where)
    try:
        value = json.loads(text, object_pairs_hook=_no_duplicates(where), parse_float=number, parse_constant=number)
    except json.JSONDecodeError as error:
        raise InputError(f"not JSON: {error.msg}", where=f"{where}:{error.lineno}", remedy="Fix the syntax.") from error
    except (RecursionError, ValueError) as error:
        raise InputError(f"not JSON: {error}", where=where, remedy="Fix the syntax.") from error
    document = Document(value, where)
    # Text that was UTF-8 holds half a surrogate pair by an escape only.
    return _unicode(document) if "\\u" in text else document


def read_bytes(path: Path, most: int = MAX_BYTES) -> bytes:
    """A regular file's bytes; one byte more than ``most`` of a file that is larger.

    Raises:
        InputError: the file is missing, unreadable, or no file.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise InputError("not a file", where=str(path), remedy="Name a file: a pipe or a folder will not do.")
        with path.open("rb") as file:
            return file.read(most + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        message, remedy = f"cannot be read: {reason}", "Check the path and its rights."
        raise InputError(message, where=str(path), remedy=remedy) from error


def read(path: Path) -> Document:
    """Read a file by its ending: ``.json`` as JSON, all else as YAML.

    Raises:
        InputError: the file is missing, unreadable or refused.
    """
    data = read_bytes(path)
    if path.suffix.lower() != ".json":
        return read_yaml(data, str(path))
    return replace(read_json(data, str(path)), lines=json_lines(_text(data, str(path))))


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    if hasattr(shape, "__dataclass_fields__") and "__pydantic_config__" not in shape.__dict__:
        shape.__pydantic_config__ = ConfigDict(extra="forbid", allow_inf_nan=False)
    return TypeAdapter(shape)


def _said(problems: Iterable[Any]) -> Iterable[tuple[Place, str, str | None]]:
    for problem in problems:
        path = tuple(part for part in problem["loc"] if isinstance(part, str | int))
        match problem["type"]:
            case "missing":
                yield path[:-1], f"the field {path[-1]!r} is missing", f"Add {path[-1]!r}."
            case "extra_forbidden" | "unexpected_keyword_argument":
                yield path, _UNKNOWN, "Check the spelling, or remove it."
            case _:
                yield path, problem["msg"], None


def parse(shape: type[T], document: Document | Any, where: str = "document") -> T:
    """Check a document's shape and make the noun or record of it.

    Types are strict: text is no number and 1 is no boolean; a list serves as a tuple, ISO text as a date.

    Args:
        shape: A dataclass, a pydantic model or any type pydantic can check.
        document: What :func:`read` gave, or a plain value with ``where`` for messages.

    Raises:
        InputError: the first problem's file, line, field and remedy; how many more there are.
    """
    source = document if isinstance(document, Document) else Document(document, where)
    try:
        text = json.dumps(source.value, allow_nan=False)
        result: T = _adapter(cast(Hashable, shape)).validate_json(text, strict=True)
    except ValidationError as error:
        problems = list(_said(error.errors(include_url=False, include_context=False)))
        problems.sort(key=lambda problem: problem[1] != _UNKNOWN)  # a misspelt field explains the one that is missing
        path, message, remedy = problems[0]
        more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
        raise source.error(path, message + more, remedy) from None
    except (RecursionError, TypeError, ValueError) as error:
        raise InputError(f"not a JSON value: {error}", where=source.where, remedy="Give JSON values only.") from error
    return result


def dump(noun: Any) -> Any:
    """The JSON form of a noun that :func:`parse` made, as :func:`aims_gates.documents.canonical.plain` but faster."""
    return _adapter(cast(Hashable, type(noun))).dump_python(noun, mode="json")


def problems(shape: Any, document: Document) -> list[tuple[Place, str, str | None]]:
    """Everything wrong with a document's shape: path, what is wrong, and a remedy where one is known; empty if nothing.

    As :func:`parse`, which raises the first of them.
    """
    try:
        _adapter(cast(Hashable, shape)).validate_json(json.dumps(document.value, allow_nan=False), strict=True)
    except ValidationError as error:
        return list(_said(error.errors(include_url=False, include_context=False)))
    return []
