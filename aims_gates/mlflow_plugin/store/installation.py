"""A registry's database as a whole: brought to this version, or given back to stock MLflow."""

from datetime import UTC, datetime

from aims_gates import database
from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.policy import Detachment
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import digest
from aims_gates.errors import LedgerError, RefusedError
from aims_gates.ledger import append, history
from aims_gates.ledger.connect import open_database
from aims_gates.ledger.installation import upgrade as upgrade_ledger
from aims_gates.mlflow_plugin.internals.store import close
from aims_gates.mlflow_plugin.store.store import gated_store
from aims_gates.model import Subject

__all__ = ["detach", "upgrade"]


def upgrade(registry: str) -> tuple[str | None, str]:
    """Bring our tables to this version's migration, guard the registry, and record what stands in it unrecorded.

    Args:
        registry: A registry URI of ours.

    Returns:
        The migration before (None where there was none) and after.

    Raises:
        LedgerError: a later version made the tables, or the ledger is damaged.
        IntegrityError: a ledger row does not hold.
    """
    with open_database(registry, write=True, older=True) as connection:
        before = database.current(connection)
        if before is not None:
            upgrade_ledger(connection)
            database.mark(connection, "new")
    # The store's own beginning does the rest: MLflow's tables where there are none, kinds of names, guards.
    store = gated_store(registry)
    close(store)
    with open_database(registry) as connection:
        database.need_guarded(connection, registry)
    return before, database.HEAD


def detach(registry: str, reason: str, key: Key) -> str:
    """Take the guards away, on record; gives the person who signed.

    Raises:
        RefusedError: the key may not (the role policy may), or no person holds it.
        LedgerError: it is detached already.
    """
    with open_database(registry, write=True) as connection:
        if database.state(connection) == "detached":
            raise LedgerError("the registry is detached already", remedy="To guard it again: aims-gates db upgrade")
        detachment = Detachment(reason)
        row = append(
            connection, sign(say(detachment, Subject("organization", digest(registry))), key), datetime.now(UTC)
        )
        people = [entry.person for entry in history(connection).holders(row) if not entry.service]
        if not people:
            raise RefusedError("a service account may not detach", remedy="Sign with a policy owner's own key.")
        database.drop(connection)
        database.mark(connection, "detached")
    return people[0]
