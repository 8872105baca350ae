"""What approve, reject, waive and revoke share: a signed statement, appended."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aims_gates.errors import RefusedError
from aims_gates.evidence import sign
from aims_gates.ledger import append, history
from aims_gates.ledger.connect import open_ledger
from aims_gates.model import Subject
from aims_gates.predicates import say
from aims_gates.settings import Settings, signer
from aims_gates.trust import Row

__all__ = ["state"]


def state(
    settings: Settings, key: Path | None, predicate: Any, subject: Subject, role: str | None = None
) -> tuple[Row, str]:
    """Sign a statement and append it.

    Args:
        settings: Where the ledger is.
        key: The signer's key.
        predicate: What is said.
        subject: About what.
        role: The role in which it is said, which the key must hold.

    Returns:
        The row, and the person who signed.

    Raises:
        RefusedError: the key may not say this, or does not hold the role.
    """
    signing = signer(settings, key)
    with open_ledger(settings.need_registry(), write=True) as connection:
        found = history(connection).current()
        entry = next((each for each in (found.keys if found else ()) if each.key == signing.public), None)
        if entry is not None and role is not None and role not in entry.roles:
            remedy = f"Use a role the key holds: {', '.join(entry.roles)}."
            raise RefusedError(f"{entry.person} does not hold the role {role!r}", remedy=remedy)
        row = append(connection, sign(say(predicate, subject), signing), datetime.now(UTC))
    return row, entry.person if entry else signing.public[:12]
