"""Who approves a record: the role that its type asks for, or a board by its quorum."""

from collections.abc import Mapping
from typing import Any

__all__ = ["BOARD", "BY_BOARD", "EXCEPTIONS", "approver_of", "approvers_of"]

#: The role of a board's members on the trust list.
BOARD = "board"
#: Records of which a board decides wherever their text has a field ``board`` (its gate says when it must).
BY_BOARD = ("impact_assessment",)
#: Members who sign where a text names no quorum, or is not at hand: one alone is no board.
_QUORUM = 2

#: What only those who direct the organization can decide; the rest goes by the scope.
EXCEPTIONS: Mapping[str, str] = dict.fromkeys(
    (
        "organization/ai_policy",
        "organization/context",
        "organization/management_reviews",
        "organization/objectives",
        "organization/roles",
        "organization/training",
    ),
    "top-management",
)
_ORGANIZATION, _SYSTEM = "compliance", "risk"


def approver_of(record: str) -> str:
    """The role in which a record is approved.

    Args:
        record: Its name as gates know it: ``organization/roles``, ``monitoring``.
    """
    name = record.removeprefix("system/")
    return EXCEPTIONS.get(name, _ORGANIZATION if name.startswith("organization/") else _SYSTEM)


def approvers_of(record: str, text: Mapping[str, Any]) -> tuple[str, int]:
    """The role in which this text is approved, and by how many people.

    Args:
        record: As in :func:`approver_of`.
        text: The record's text; empty where nobody kept it, and then a board may have to decide.
    """
    if record.removeprefix("system/") not in BY_BOARD or (text and not text.get("board")):
        return approver_of(record), 1
    board = text.get("board")
    quorum = board.get("quorum") if isinstance(board, Mapping) else None
    counts = isinstance(quorum, int) and not isinstance(quorum, bool) and quorum > 0
    return BOARD, quorum if counts and quorum is not None else _QUORUM
