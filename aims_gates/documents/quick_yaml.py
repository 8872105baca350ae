"""Plain documents read by libyaml, in C: fifteen times as fast as :mod:`aims_gates.documents.yaml_values` reads them.

libyaml reads YAML 1.1, so this is for text on which both versions agree, and for what nobody would refuse: whatever is
out of the ordinary (an anchor, a tag, an escape, an odd character, an error) gives no answer here, and is read by the
other reader, which knows what is wrong and where. What a text without quotes means is for the caller to say.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["quick_values"]

#: An escape, a directive, the bounds of documents, a block that begins with an empty line or a comment, and every
#: character that is no line feed, ASCII, or letter of Europe or beyond: tabs, line breaks of YAML 1.1, controls.
_ODD = re.compile(
    r"[^\n -~\u00a1-\u1fff\u2010-\u2027\u2030-\u205e\u20a0-\u2fff\u3001-\ud7ff]|\\|^%|^---|^\.\.\."
    r"|[|>][-+\d]*(?:#| *\n *\n)",
    re.MULTILINE,
)
_Lines = dict[tuple[str | int, ...], int]


class _Unknown(Exception):
    """No answer from here."""


def quick_values(
    text: str, plain: Callable[[str], Any], deepest: int, most: int
) -> tuple[Any, dict[tuple[str | int, ...], int]] | None:
    """A document's value and the line of each part, from 1; None where it must be read by the book.

    Args:
        text: The document.
        plain: The value of a text without quotes; raises ValueError where it is refused.
        deepest: Levels of lists and mappings that are allowed.
        most: Values that are allowed.
    """
    if _ODD.search(text):
        return None
    try:
        from yaml import CBaseLoader, YAMLError, parse
    except ImportError:  # PyYAML was built without libyaml, or is not there
        return None
    document = _Document(parse(text, Loader=CBaseLoader), plain, deepest, most)
    try:
        return document.value(), document.lines
    except (_Unknown, ValueError, YAMLError):
        return None


class _Document:
    def __init__(self, events: Iterator[Any], plain: Callable[[str], Any], deepest: int, most: int) -> None:
        self._events, self._plain, self._deepest, self._left = events, plain, deepest, most
        self.lines: _Lines = {}

    def value(self) -> Any:
        names = [type(next(self._events)).__name__ for _ in range(2)]
        if names != ["StreamStartEvent", "DocumentStartEvent"]:
            raise _Unknown
        whole = next(self._events)
        if getattr(whole, "style", None) in ("|", ">"):
            raise _Unknown
        value = self._value(whole, ())
        names = [type(event).__name__ for event in self._events]
        if names != ["DocumentEndEvent", "StreamEndEvent"]:
            raise _Unknown
        return value

    def _value(self, event: Any, path: tuple[str | int, ...]) -> Any:
        self._left -= 1
        if self._left < 0 or len(path) > self._deepest or getattr(event, "anchor", "") is not None:
            raise _Unknown
        self.lines[path] = event.start_mark.line + 1
        match type(event).__name__:
            case "ScalarEvent":
                return self._scalar(event)
            case "SequenceStartEvent":
                return self._sequence(event, path)
            case "MappingStartEvent":
                return self._mapping(event, path)
        raise _Unknown

    def _scalar(self, event: Any) -> Any:
        if event.tag is not None or event.anchor is not None:
            raise _Unknown
        return event.value if event.style else self._plain(event.value)

    def _sequence(self, event: Any, path: tuple[str | int, ...]) -> list[Any]:
        values: list[Any] = []
        for part in self._parts(event, path):
            values.append(self._value(part, (*path, len(values))))
        return values

    def _mapping(self, event: Any, path: tuple[str | int, ...]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key in self._parts(event, path):
            self._left -= 1
            if type(key).__name__ != "ScalarEvent" or key.tag is not None or key.anchor is not None:
                raise _Unknown
            if key.value in values:
                raise _Unknown
            values[key.value] = self._value(next(self._events), (*path, key.value))
            self.lines[(*path, key.value)] = key.start_mark.line + 1
        return values

    def _parts(self, event: Any, path: tuple[str | int, ...]) -> Iterator[Any]:
        if event.tag is not None or len(path) >= self._deepest:
            raise _Unknown
        for part in self._events:
            if type(part).__name__ in ("SequenceEndEvent", "MappingEndEvent"):
                return
            yield part
