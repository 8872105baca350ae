"""What was done and stands in the ledger, as gates see it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

__all__ = ["ACTS", "Act"]

#: The kinds of acts that a case holds, under the names by which gates ask for them.
ACTS: tuple[str, ...] = (
    "halts",
    "resumes",
    "rollbacks",
    "approvals",
    "revocations",
    "key_drills",
    "acknowledgements",
    "trust_lists",
    "training_data",
    "probes",
)


@dataclass(frozen=True)
class Act:
    """One act that the ledger holds.

    Attributes:
        kind: One of :data:`ACTS`.
        at: When it was appended, by the ledger's clock (UTC); no time that anybody typed.
        by: The persons whose word it is, sorted; whoever the registry says acted, where it is the registry's own.
        about: The model (``workspace/name``), the system or the record that it is about; ``organization`` otherwise.
        row: Digest of its row's statement.
        details: What it says, as plain values.
    """

    kind: str
    at: datetime
    by: tuple[str, ...]
    about: str
    row: str
    details: Mapping[str, Any] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:
        """As expressions see it: its details, and ``at`` (ISO time), ``on`` (ISO date), ``by``, ``about``, ``row``."""
        time = self.at.isoformat(timespec="microseconds")
        own = {"at": time, "on": self.at.date().isoformat(), "by": list(self.by), "about": self.about, "row": self.row}
        return {**self.details, **own}
