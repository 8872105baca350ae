"""What records say against each other, and against themselves: more functions for facts."""

import re
from collections.abc import Mapping
from typing import Any

from aims_gates.packs.lacking import Lacking

__all__ = ["FUNCTIONS"]

#: Words of what is still to come.
_UNFINISHED = re.compile(
    r"\b(?:(?:not|never|hardly|yet|still)\b.{0,20}\b(?:begun|started|done|made|filed|sent|submitted|registered|signed|complete)"
    r"|not yet|yet to|to be (?:done|made|filed|sent|submitted|registered|signed)|will be|in progress|under ?way|pending"
    r"|outstanding|awaiting|prepared|preparation|drafts?|drafted|drafting|planned|scheduled|intended|to follow|tbc)\b",
    re.IGNORECASE,
)


def _finished(text: Any) -> bool:
    """Whether a text about something done does not speak of it as still to come."""
    word = _UNFINISHED.search(str(text))
    if word is not None:
        raise Lacking(f"it is called done, and {str(text)!r} says: {word[0]}")
    return True


def _names(value: Any) -> set[str]:
    return {str(part) for part in value} if isinstance(value, list | tuple) else {str(value)}


def _alike(one: Any, other: Any) -> bool:
    """Whether two lists name the same, in whatever order; a single value is a list of one."""
    if _names(one) != _names(other):
        raise Lacking(f"{', '.join(sorted(_names(one)))} here, and {', '.join(sorted(_names(other)))} there")
    return True


FUNCTIONS: Mapping[str, Any] = {"finished": _finished, "alike": _alike}
