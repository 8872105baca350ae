"""Words by which a text speaks of something as still to come."""

import re

__all__ = ["unfinished"]

_UNFINISHED = re.compile(
    r"\b(?:(?:not|never|hardly|yet|still)\b.{0,20}\b(?:begun|started|done|made|filed|sent|submitted|registered|signed|complete)"
    r"|not yet|yet to|to be (?:done|made|filed|sent|submitted|registered|signed)|will be|in progress|under ?way|pending"
    r"|outstanding|awaiting|prepared|preparation|drafts?|drafted|drafting|planned|scheduled|intended|to follow|tbc)\b",
    re.IGNORECASE,
)


def unfinished(text: str) -> str:
    """The first such words of a text; empty where it has none."""
    match = _UNFINISHED.search(text)
    return match[0] if match else ""
