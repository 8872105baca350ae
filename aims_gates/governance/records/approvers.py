"""Who approves a record: the role that its type asks for."""

from collections.abc import Mapping

__all__ = ["EXCEPTIONS", "approver_of"]

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
