"""On which line of a JSON text each of its values stands: the reader of the standard library keeps no places."""

import json
import re
from dataclasses import dataclass

__all__ = ["json_lines"]

#: A string, a mark, or a number or word.
_TOKENS = re.compile(r'"(?:[^"\\]++|\\.)*+"|[\[\]{},:]|[^\s\[\]{},:"]+', re.DOTALL)


@dataclass
class _Open:
    """An object or array that is being read, and the key or index in it that comes next or is under way."""

    at: str | int
    awaits_key: bool


def json_lines(text: str) -> dict[tuple[str | int, ...], int]:
    """Path of keys and indices -> line from 1, for a text that is JSON already (RFC 8259); the root's path is ()."""
    lines: dict[tuple[str | int, ...], int] = {}
    stack: list[_Open] = []
    line, open_count = 1, 0
    for match in _TOKENS.finditer(text):
        line, open_count = line + text.count("\n", open_count, match.start()), match.start()
        token = match.group()
        if token == ":":
            continue
        if token in "]}":
            stack.pop()
        elif token == ",":
            if isinstance(stack[-1].at, int):
                stack[-1].at += 1
            else:
                stack[-1].awaits_key = True
        elif stack and stack[-1].awaits_key:
            stack[-1].at, stack[-1].awaits_key = json.loads(token), False
        else:
            lines[tuple(level.at for level in stack)] = line
            if token in "[{":
                stack.append(_Open(0, False) if token == "[" else _Open("", True))
    return lines
