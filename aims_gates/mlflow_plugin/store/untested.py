"""An MLflow newer than those that aims-gates was tested with: a server runs it on a policy owner's word alone."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.policy import UntestedMlflow
from aims_gates.attestation.statements.wording import say
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.canonical import digest
from aims_gates.errors import InputError, RefusedError
from aims_gates.ledger import append, rows
from aims_gates.ledger.connect import open_database
from aims_gates.mlflow_plugin.internals.versions import (
    FLOOR,
    NEWEST,
    SERVER_FLOOR,
    Minor,
    installed,
    minor,
    need_tested,
    spelled,
)
from aims_gates.model import Subject

__all__ = ["accept", "accepted", "need_server_version"]

_TERMS = ("mlflow", "trust", "revocation")


def accept(registry: str, version: str, reason: str, key: Key) -> str:
    """Let a server start on an untested minor version of MLflow; gives the person who signed.

    Args:
        registry: A registry URI of ours.
        version: For instance ``3.19``.
        reason: Why; it stands in the ledger.
        key: A policy owner's.

    Raises:
        InputError: the version was tested, and needs no such word.
        RefusedError: the key may not say this, or no person holds it.
    """
    if minor(version) <= NEWEST:
        raise InputError(
            f"MLflow {version} needs no such word", remedy=f"Name a minor version after {spelled(NEWEST)}."
        )
    statement = say(UntestedMlflow(spelled(minor(version)), reason), Subject("organization", digest(reason), "MLflow"))
    with open_database(registry, write=True) as connection:
        row = append(connection, sign(statement, key), datetime.now(UTC))
        people = StatementView(rows(connection, _TERMS), "", "").persons(row)
        if not people:
            raise RefusedError("a service account may not say this", remedy="Sign with a policy owner's own key.")
    return sorted(people)[0]


def accepted(connection: Connection, version: Minor) -> bool:
    """Whether a policy owner's word for this minor version stands."""
    ledger = StatementView(trust_rows := rows(connection, _TERMS), "", "")
    return any(
        isinstance(row.predicate, UntestedMlflow)
        and row.predicate.mlflow == spelled(version)
        and row.digest not in ledger.revoked
        and bool(ledger.persons(row))
        for row in trust_rows
    )


def need_server_version(connection: Connection) -> None:
    """Refuse to serve an MLflow that is too old, or newer than all that were tested and that nobody answers for.

    Raises:
        InputError: it is too old.
        RefusedError: nobody answers for it.
    """
    version = installed()
    if need_tested(SERVER_FLOOR, "aims-gates server") or accepted(connection, minor(version)):
        return
    raise RefusedError(
        f"aims-gates was tested with MLflow {spelled(FLOOR)} to {spelled(NEWEST)}; this is {version}, and no policy "
        "owner has signed for it",
        remedy=f"pip install 'mlflow[auth]<{spelled((NEWEST[0], NEWEST[1] + 1))}', or look at what is new there and "
        f"sign: aims-gates db accept-mlflow {spelled(minor(version))} --reason ... --key POLICY.key",
    )
