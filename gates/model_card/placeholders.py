"""Telling an answer from a placeholder."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

__all__ = ["empty_parts"]

#: These words alone answer nothing. ("todo" inside a sentence may be Spanish, so it counts alone or in capitals.)
_ALONE = re.compile(
    r"(to ?do|tbd|tba|tbc|fixme|xxx+|n\.?/?a\.?|nil|none|null|unknown|unspecified|placeholder|not stated|not available|"
    r"fill (me |this )?in|to be (done|defined|decided|added|determined|completed)|coming soon|change ?me|test|"
    r"[\W_]*)[.!]?",
    re.IGNORECASE,
)
_ANYWHERE = re.compile(
    r"\b(TODO|TBD|FIXME|XXX|REPLACE)\b|lorem ipsum|more information needed|\{\{.*?\}\}|"
    r"<\s*(your|insert|add|fill|describe|name|todo)\b[^>]*>|\[\s*(your|insert|add|fill|describe|todo)\b[^\]]*\]",
    re.IGNORECASE | re.DOTALL,
)
_CAPITALS = re.compile(r"\b(TODO|TBD|FIXME|XXX|REPLACE)\b")


def _says_nothing(text: str) -> bool:
    text = text.strip()
    if _ALONE.fullmatch(text) or not re.search(r"\w", text):
        return True
    matches = [match[0] for match in _ANYWHERE.finditer(text)]
    return any(not match.isalpha() or _CAPITALS.fullmatch(match) for match in matches)


def empty_parts(value: Any, name: str) -> Iterator[str]:
    """The names of the parts of a record's field that say nothing, e.g. ``contact.email``; none when it is answered."""
    if isinstance(value, Mapping) and value:
        for key, part in value.items():
            yield from empty_parts(part, f"{name}.{key}")
    elif isinstance(value, list | tuple) and value:
        for place, part in enumerate(value):
            yield from empty_parts(part, f"{name}.{place}")
    elif isinstance(value, bool) or not isinstance(value, str | int | float) or _says_nothing(str(value)):
        yield name
