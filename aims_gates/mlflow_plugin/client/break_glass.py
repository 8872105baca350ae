"""Break-glass: one promotion against unmet controls, on the word of two people, within a day."""

# mypy: allow-untyped-calls

from datetime import UTC, datetime, timedelta

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.people import BreakGlass
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.errors import InputError
from aims_gates.ledger import append
from aims_gates.ledger.connect import open_ledger
from aims_gates.mlflow_plugin.client.release import stage_version
from aims_gates.mlflow_plugin.store.released import Progress
from aims_gates.model import ModelRef, Subject
from aims_gates.settings import Settings

__all__ = ["LONGEST_HOURS", "break_glass"]

#: A break-glass order lives for a day at most.
LONGEST_HOURS = 24


def break_glass(
    settings: Settings, ref: ModelRef, reason: str, hours: float, key: Key, progress: Progress | None = None
) -> Row:
    """Stage a version's bytes and give one of the two words that let exactly these through once.

    Args:
        settings: Where the registry is.
        ref: The registered version.
        reason: Why it cannot wait; a review begins here.
        hours: When the order ends, more than 0 and at most :data:`LONGEST_HOURS`.
        key: Of a person with the role ``break-glass``.
        progress: Told the bytes staged.

    Raises:
        InputError: no reason, or hours out of range.
        RefusedError: the key may not say this.
    """
    if not reason.strip():
        raise InputError("break-glass needs a reason", where="--reason", remedy="Say what cannot wait, and why.")
    if not 0 < hours <= LONGEST_HOURS:
        raise InputError(
            f"{hours:g} hours is out of range", where="--hours", remedy=f"Choose more than 0, at most {LONGEST_HOURS}."
        )
    digest, now = stage_version(settings, ref, progress), datetime.now(UTC)
    ends = (now + timedelta(hours=hours)).isoformat(timespec="seconds")
    predicate = BreakGlass(ref.workspace, ref.name, ref.version, digest, reason, ends)
    with open_ledger(settings.need_registry(), write=True) as connection:
        return append(connection, sign(say(predicate, Subject("model", digest, ref.label)), key), now)
