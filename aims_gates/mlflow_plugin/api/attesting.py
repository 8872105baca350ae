"""The server's key: what it says for a user whom it authenticated, and how large the ledger is.

The server sets ``user`` from the authenticated caller, never from what was sent. Whether the word counts is decided as
for every other statement: the trust list must name the login, for a person, with a role that may say this.
"""

import os
from dataclasses import replace
from datetime import datetime

from sqlalchemy import Connection

from aims_gates.attestation.signing.envelope import Envelope, sign
from aims_gates.attestation.signing.keys import ENVIRONMENT, Key, read_private
from aims_gates.attestation.statements.people import Approval, Rejection, Request, Resume, RollbackOrder, Waiver
from aims_gates.attestation.statements.types import may_sign, type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.errors import RefusedError
from aims_gates.ledger import append, history
from aims_gates.ledger.attest import signed_checkpoint
from aims_gates.ledger.checkpoint_folder import last_kept
from aims_gates.mlflow_plugin.server.configuration import configuration
from aims_gates.mlflow_plugin.store.identity import Principal
from aims_gates.workflow.requests import Draft

__all__ = ["checkpoint", "maybe_key", "need_role", "say_for", "server_key"]

#: What only a person may say.
_PERSONAL = (Approval, Rejection, Waiver, Resume, RollbackOrder)
_KEYS: dict[str, Key] = {}
#: The last checkpoint that this process signed, by the database's address.
_SIGNED: dict[str, Envelope] = {}


def maybe_key() -> Key | None:
    """The server's key; None where it was given none.

    Raises:
        KeyFileError: it cannot be used.
    """
    named = os.environ.get(ENVIRONMENT)
    if not named:
        return None
    if named not in _KEYS:
        _KEYS[named] = read_private()
    return _KEYS[named]


def server_key() -> Key:
    """The server's key.

    Raises:
        RefusedError: it was given none.
    """
    key = maybe_key()
    if key is None:
        remedy = (
            "Sign with a personal key (--key), or start the server with a key that the trust list gives role server."
        )
        raise RefusedError("this server has no key to sign for you", remedy=remedy)
    return key


def say_for(connection: Connection, draft: Draft, who: Principal, at: datetime) -> Row:
    """Sign a statement for the caller and append it; the caller of this holds the lock.

    Raises:
        RefusedError: nobody is signed in; a service account says what only a person may, or acts for nobody; the trust
            list does not let this login say it.
    """
    need_role(connection, draft.role, who)
    predicate = replace(draft.predicate, user=who.name)
    if who.service and isinstance(predicate, _PERSONAL):
        raise RefusedError(f"{who.name} is a service account, which is no person", remedy="Sign in as yourself.")
    if who.service and isinstance(predicate, Request):
        if who.on_behalf_of is None:
            remedy = "Let its token name the person who started the job."
            raise RefusedError(f"{who.name} is a service account and acts for nobody", remedy=remedy)
        predicate = replace(predicate, on_behalf_of=who.on_behalf_of)
    return append(connection, sign(say(predicate, draft.subject), server_key()), at)


def need_role(connection: Connection, role: str | None, who: Principal, shape: type | None = None) -> None:
    """Refuse early whom the trust list does not let speak; whether it counts is decided where it is appended.

    Args:
        connection: The ledger.
        role: The role in which something is to be said, where it is one.
        who: The caller.
        shape: What is to be said, where that alone decides.

    Raises:
        RefusedError: nobody is signed in, the login is unknown or does not hold the role.
    """
    if who.via == "http":
        remedy = "Sign with a personal key (--key), or sign in: this server was started without authentication."
        raise RefusedError("nobody is signed in, so nothing can be said for you", remedy=remedy)
    trust = history(connection).current()
    entry = next((user for user in (trust.users if trust else ()) if user.login == who.name), None)
    if entry is None:
        remedy = f"Have a policy owner add you: aims-gates keys trust --user {who.name} --person YOU --role ROLE"
        raise RefusedError(f"the trust list does not know the login {who.name!r}", remedy=remedy)
    if role is not None and role not in entry.roles:
        raise RefusedError(
            f"{entry.person} does not hold the role {role!r}", remedy=f"Use a role you hold: {', '.join(entry.roles)}."
        )
    if shape is not None and not any(may_sign(role, type_of(shape)) for role in entry.roles):
        roles_text = ", ".join(entry.roles)
        raise RefusedError(
            f"{entry.person} may not say this as {roles_text}", remedy="Ask a policy owner for the role."
        )


def checkpoint(connection: Connection, at: datetime) -> Envelope:
    """The ledger's size and root, signed by the server once it holds; whoever asks keeps it elsewhere.

    Only rows after the last checkpoint that this process signed, or else the last in the server's own folder, are gone
    through; all of them where there is neither.

    Raises:
        IntegrityError: the ledger does not hold.
        RefusedError: the server has no key, or the key may not sign it.
        LedgerError: the ledger is empty or damaged.
    """
    key, place, folder = server_key(), connection.engine.url.render_as_string(), configuration().checkpoints
    before = _SIGNED.get(place) or (last_kept(folder) if folder is not None else None)
    envelope = _SIGNED[place] = signed_checkpoint(connection, key, at, before)
    return envelope
