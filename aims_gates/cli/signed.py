"""What the commands that say something share: a personal key signs it here, or the server for the user it knows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aims_gates.errors import LedgerError
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.remote import STAGING_SECONDS, Remote, is_remote
from aims_gates.ledger.table import Source
from aims_gates.settings import Settings, maybe_signer, signer
from aims_gates.workflow.requests import Draft, sign_and_append

__all__ = ["Done", "attested", "by_server", "state"]


@dataclass(frozen=True)
class Done:
    """What was said.

    Attributes:
        statement: Its digest.
        position: Its place in the ledger.
        person: Whose word it is.
        aliases: Those that the server moved or removed with it.
        reaches: The versions that a halt reaches, as the server lists them.
    """

    statement: str
    position: int
    person: str
    aliases: tuple[str, ...] = ()
    reaches: tuple[str, ...] = ()


def by_server(settings: Settings, key: Path | None) -> bool:
    """Whether the server is to sign for the user: it is reached over HTTP, and no personal key is named anywhere."""
    return is_remote(settings.need_registry()) and maybe_signer(settings, key) is None


def attested(settings: Settings, path: str, body: Mapping[str, Any]) -> Done:
    """Have the server say it for the user whom it authenticates.

    Raises:
        AimsGatesError: the server's refusal, or that it cannot be reached.
    """
    server = Remote(settings.need_registry())
    try:
        reply = server.post(path, body, timeout=STAGING_SECONDS)
        person = ", ".join(reply["by"])
        aliases, reaches = tuple(map(str, reply["aliases"])), tuple(map(str, reply.get("reaches", ())))
        return Done(str(reply["statement"]), int(reply["position"]), person, aliases, reaches)
    except (KeyError, TypeError, ValueError) as error:
        remedy = "Check the address and its version."
        raise LedgerError("the server's answer is none of ours", where=server.address, remedy=remedy) from error
    finally:
        server.close()


def state(
    settings: Settings, key: Path | None, make: Callable[[Source], Draft], path: str, body: Mapping[str, Any]
) -> Done:
    """Say something: signed with the personal key that is named, else by the server for its user.

    Args:
        settings: Where the ledger is.
        key: The signer's key.
        make: Makes the statement from the ledger, which is locked where it is at hand.
        path, body: The server's route for the same, and what to send it.

    Raises:
        RefusedError: the key or user may not say this, or does not hold the role.
    """
    if by_server(settings, key):
        return attested(settings, path, body)
    signing = signer(settings, key)
    with open_ledger(settings.need_registry(), write=True) as connection:
        row, person = sign_and_append(connection, make(connection), signing, datetime.now(UTC))
    return Done(row.digest, row.position, person)
