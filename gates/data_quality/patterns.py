"""Regular expressions that mean the same to Python and to RE2, which DuckDB uses (and pandas for Arrow's text)."""

import re
from dataclasses import dataclass

__all__ = ["Pattern", "portable"]

_TOKEN = re.compile(
    r"""(?P<plain>[A-Za-z0-9 _@,:;/<>=!&%#~'"-])
    |(?P<escaped>\\[.^$*+?()\[\]{}|\\/-])
    |(?P<digit>\\d)
    |(?P<word>\\w)
    |(?P<set>\[\^?(?:[A-Za-z0-9 _@,.:;/+*%#!=-])+\])
    |(?P<group>\((?:\?:)?|\)|\|)
    |(?P<repeat>[*+?]\??|\{\d{1,3}(?:,(?:\d{1,3})?)?\}\??)
    |(?P<start>\^)
    |(?P<end>\$)
    |(?P<any>\.)""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Pattern:
    """A pattern, and on which text its meaning depends on who reads it.

    Attributes:
        text: The pattern, as given.
        classes: It holds a digit or word class: ASCII alone in RE2, every alphabet in Python.
        ends: It holds a dollar sign: also before a last line feed in Python, not so in RE2.
    """

    text: str
    classes: bool = False
    ends: bool = False


def portable(pattern: str) -> Pattern | None:
    """The pattern, if every part of it is known to mean the same; None where that is not sure."""
    try:
        re.compile(pattern)
    except (re.error, RecursionError):
        return None
    at, last, kinds = 0, "", set()
    while at < len(pattern):
        match = _TOKEN.match(pattern, at)
        if match is None or match.lastgroup is None:
            return None
        kind, text = match.lastgroup, match.group()
        if kind == "repeat" and last not in ("plain", "escaped", "digit", "word", "set", "any", "closed"):
            return None
        kinds.add(kind)
        at, last = match.end(), "closed" if text == ")" else kind
    return Pattern(pattern, bool(kinds & {"digit", "word"}), "end" in kinds) if len(pattern) <= 500 else None
