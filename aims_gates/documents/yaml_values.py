"""What the text of a YAML document says: plain values, and the line of each; what two readers may read in two ways is
refused here, before anything is built of it.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from ruamel.yaml.nodes import ScalarNode

from aims_gates.documents.quick_yaml import quick_values

__all__ = ["MAX_DEPTH", "MAX_VALUES", "Place", "RefusedText", "values_of"]

#: Levels of lists and mappings in one document.
MAX_DEPTH = 32
#: The parser takes about 50 microseconds a value: a megabyte of `[1,1,1` would hold a server for half a minute.
MAX_VALUES = 50_000
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)", re.ASCII)
#: Keys and indices from the document's root to a part of it.
Place = tuple[str | int, ...]


class RefusedText(Exception):
    """What is refused, where the file's name is not known.

    Args:
        line: The line, from 1; None where the whole text is meant.
    """

    def __init__(self, line: int | None, message: str, remedy: str) -> None:
        super().__init__(message)
        self.line, self.message, self.remedy = line, message, remedy


def _checked(events: Iterable[Event]) -> Iterator[Event]:
    """A document's events; aliases, anchors, tags, directives, depth and bulk are refused before anything is built."""
    depth = documents = values = 0
    for event in events:
        line = event.start_mark.line + 1
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if event.version or event.tags:
                raise RefusedText(line, "a directive", "Remove the line that begins with '%'.")
        if documents > 1:
            raise RefusedText(line, "more than one document", "Keep one document per file.")
        values += isinstance(event, NodeEvent)
        if values > MAX_VALUES:
            raise RefusedText(line, f"more than {MAX_VALUES} values", "Split the document.")
        if isinstance(event, AliasEvent) or (isinstance(event, NodeEvent) and event.anchor):
            raise RefusedText(line, "an alias or anchor", "Write the value out.")
        if isinstance(event, CollectionStartEvent | ScalarEvent) and event.ctag is not None:
            raise RefusedText(line, "an explicit tag", "Remove the tag (the word after '!').")
        depth += isinstance(event, CollectionStartEvent)
        depth -= isinstance(event, CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise RefusedText(line, f"more than {MAX_DEPTH} levels", "Flatten the document.")
        yield event


def _scalar(event: ScalarEvent) -> Any:
    text: str = event.value
    if event.style is not None:
        return text
    try:
        return _plain(text)
    except ValueError as error:
        remedy = "Write a finite decimal number without leading zeros, or put quotes around the text."
        message = f"{text[:40]!r} is not a finite decimal number"
        raise RefusedText(event.start_mark.line + 1, message, remedy) from error


@lru_cache(maxsize=4_096, typed=True)
def _plain(text: str) -> Any:
    """The value of a text that stands without quotes.

    Raises:
        ValueError: it is a number of a kind that is refused.
    """
    match str(_resolver().resolve(ScalarNode, text, (True, False))).rsplit(":", 1)[-1]:
        case "null":
            return None
        case "bool":
            return text.lower() == "true"
        case "int":
            if not _INTEGER.fullmatch(text):
                raise ValueError(text)
            return int(text)
        case "float":
            number = float(text.replace("_", "x"))
            if not math.isfinite(number):
                raise ValueError(text)
            return number
    return text


@cache
def _resolver() -> Any:
    return YAML(typ="safe", pure=True).resolver


class _Builder:
    """Plain values from checked events, and the line of each part."""

    def __init__(self, text: str) -> None:
        self._events = _checked(YAML(typ="safe", pure=True).parse(text))
        self.lines: dict[Place, int] = {}

    def document(self) -> Any:
        """The one document's value."""
        for event in self._events:
            if isinstance(event, NodeEvent):
                value = self._value(event, ())
                for _ in self._events:
                    pass
                return value
        raise RefusedText(None, "the document is empty", "Fill it in or remove it.")

    def _value(self, event: Event, path: Place) -> Any:
        self.lines[path] = event.start_mark.line + 1
        if isinstance(event, ScalarEvent):
            return _scalar(event)
        if isinstance(event, SequenceStartEvent):
            return [self._value(part, (*path, index)) for index, part in enumerate(self._until_end())]
        result: dict[str, Any] = {}
        for key_event in self._until_end():
            line = key_event.start_mark.line + 1
            if not isinstance(key_event, ScalarEvent):
                raise RefusedText(line, "a key must be text", "Use a plain word as the key.")
            key = str(key_event.value)
            if key in result:
                raise RefusedText(line, f"the key {key!r} is there twice", "Remove one of the two.")
            result[key] = self._value(next(self._events), (*path, key))
            self.lines[(*path, key)] = line
        return result

    def _until_end(self) -> Iterator[Event]:
        """The events that begin a part of the collection just begun."""
        for event in self._events:
            if isinstance(event, CollectionEndEvent):
                return
            yield event


@lru_cache(maxsize=512)
def values_of(text: str) -> tuple[Any, Mapping[Place, int]]:
    """A text's value and lines. Kept, because records are read again and again; the value is not to be changed.

    Raises:
        RefusedText: it is no YAML, or has what is refused.
    """
    known = quick_values(text, _plain, MAX_DEPTH, MAX_VALUES)
    if known is not None:
        return known[0], MappingProxyType(known[1])
    builder = _Builder(text)
    try:
        return builder.document(), MappingProxyType(builder.lines)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        line = mark.line if mark else text.count("\n", 0, getattr(error, "position", 0))
        problem = getattr(error, "problem", None) or str(error).splitlines()[0]
        raise RefusedText(line + 1, f"not YAML: {problem}", "Fix the syntax there.") from error
    except (ArithmeticError, AssertionError, LookupError, RecursionError, TypeError, ValueError) as error:
        # What the parser raises by accident on bytes that are no YAML, e.g. for the escape \UFFFFFFFF.
        raise RefusedText(None, f"not YAML: {error}", "Fix the syntax.") from error
