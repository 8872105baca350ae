"""Whose signature counts, at which place in the ledger. Pure.

Two kinds of people are on a trust list: holders of keys, and users whom a server authenticates. For a user the server
signs, with a key whose one role is ``server``, and the statement names the login; it then counts as that person's, in
the roles that the list gives the login. A key of any other role speaks for its holder alone: signed with one, a
statement that names a user counts for nothing, and so does one signed by a server that names none.

The first trust list stands by its own signature (a policy key that it holds); every later one needs a policy key of the
list before it. A revoked key counts for nothing from the revocation's place on, or from the place it names; what it had
said until then stays on record (see :meth:`TrustHistory.admitted`), so that an untrusted no never becomes a yes.
"""

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property, lru_cache
from typing import Any

from aims_gates.attestation.signing.envelope import Statement
from aims_gates.attestation.signing.keys import is_public
from aims_gates.attestation.statements.policy import KeyRevocation, Trust, TrustedKey, TrustedUser
from aims_gates.attestation.statements.types import SAID_FOR, may_sign, type_of
from aims_gates.attestation.statements.wording import predicate_of
from aims_gates.documents.spelling import INVISIBLE
from aims_gates.errors import InputError, RefusedError

__all__ = ["OUTSIDE", "Row", "TrustHistory", "alike", "check_trust", "day"]

_TRUST, _REVOKED = type_of(Trust), type_of(KeyRevocation)
_SERVER = "server"
#: How a revocation names a login.
_USER = "user:"
#: Roles that only people of another organization hold.
OUTSIDE = "outside-"


@dataclass(frozen=True)
class Row:
    """A statement in the ledger.

    Attributes:
        position: Its place, from 0.
        at: When it was appended (UTC).
        statement: What it says.
        signers: The public keys (hex) whose signature holds; empty for the registry's own acts.
    """

    position: int
    at: datetime
    statement: Statement
    signers: tuple[str, ...]

    @cached_property
    def type(self) -> str:
        return self.statement.type

    @cached_property
    def digest(self) -> str:
        return self.statement.digest

    @cached_property
    def predicate(self) -> Any:
        """The predicate as its dataclass (see :mod:`aims_gates.attestation.statements`)."""
        return predicate_of(self.statement)


@lru_cache(maxsize=4096)
def alike(name: str) -> str:
    """A person's or login's name as it is compared: without case, width, what nobody sees, and the kind of blank."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    visible = "".join(char for char in folded if unicodedata.category(char) != "Cf" and char not in INVISIBLE)
    return " ".join(visible.split())


def day(text: str) -> date | None:
    """The date of ``YYYY-MM-DD`` in ASCII digits; None for any other text."""
    try:
        result = date.fromisoformat(text)
    except ValueError:
        return None
    return result if result.isoformat() == text else None


def check_trust(trust: Trust, owners: Mapping[str, str] | None = None, logins: Mapping[str, str] | None = None) -> None:
    """Refuse a trust list that is not valid.

    Args:
        trust: The list.
        owners: Public key -> person on the lists before.
        logins: A user's login, as :func:`alike` compares -> person, on the lists before.

    Raises:
        InputError: a malformed key, one key or login under two names, one person under two spellings, an entry without
            roles, no policy key, a server's key with another role or without a service, a malformed date, a role for
            people from outside held by somebody of whom no organization is named.
    """
    known = dict(owners or {})
    spelled = {alike(person): person for person in (*known.values(), *(logins or {}).values())}
    visited: set[str] = set()
    _check_organizations(trust)
    for entry in trust.keys:
        place = f"trust list, {entry.person!r}"
        if not is_public(entry.key):
            raise InputError("not a public key in hex", where=place, remedy="Take it from the .pub file.")
        if entry.key in visited or known.get(entry.key, entry.person) != entry.person:
            remedy = "Give each person a key of their own, and name each key once."
            raise InputError(f"the same key already belongs to {known[entry.key]!r}", where=place, remedy=remedy)
        if _SERVER in entry.roles and len(entry.roles) > 1:
            remedy = "Give the server a key of its own, with the role server alone."
            raise InputError("a server's key speaks for others and holds no other role", where=place, remedy=remedy)
        _check_entry(entry, place, spelled)
        visited.add(entry.key)
        known[entry.key] = entry.person
    _check_users(trust, {**(logins or {})}, spelled)
    if not any("policy" in entry.roles for entry in trust.keys):
        raise InputError("no key has the role 'policy'", where="trust list", remedy="Keep at least one policy key.")


def _check_organizations(trust: Trust) -> None:
    organizations: dict[str, str] = {}
    entries: tuple[TrustedKey | TrustedUser, ...] = (*trust.keys, *trust.users)
    for entry in entries:
        place, organization = f"trust list, {entry.person!r}", alike(entry.organization)
        if organizations.setdefault(alike(entry.person), organization) != organization:
            remedy = "Name the same organization with each of their keys and logins."
            raise InputError("the same person is listed for two organizations", where=place, remedy=remedy)
        outside = [role for role in entry.roles if role.startswith(OUTSIDE)]
        if outside and not organization:
            remedy = "Say for whom they work: aims-gates keys trust ... --organization NAME"
            raise InputError(f"the role {outside[0]!r} is for people from outside", where=place, remedy=remedy)


def _check_users(trust: Trust, known: dict[str, str], spelled: dict[str, str]) -> None:
    for key in trust.keys:
        known |= {alike(login): known.get(alike(login), key.person) for login in key.logins}
    visited: set[str] = set()
    for entry in trust.users:
        place, login = f"trust list, user {entry.login!r}", alike(entry.login)
        if not login or _SERVER in entry.roles:
            message = "a user cannot be a server" if login else "a user needs a login"
            raise InputError(message, where=place, remedy="Name the login as MLflow knows it, and an approver's roles.")
        if login in visited or alike(known.get(login, entry.person)) != alike(entry.person):
            remedy = "Give each person a login of their own, and name each login once."
            raise InputError(f"the login already belongs to {known[login]!r}", where=place, remedy=remedy)
        _check_entry(entry, place, spelled)
        visited.add(login)
        known[login] = entry.person


def _check_entry(entry: TrustedKey | TrustedUser, place: str, spelled: dict[str, str]) -> None:
    if not entry.roles or not all(role.strip() for role in entry.roles) or not entry.person.strip():
        raise InputError("a key needs a person and at least one role", where=place, remedy="Name them.")
    if spelled.setdefault(alike(entry.person), entry.person) != entry.person:
        message = f"the same person is already spelled {spelled[alike(entry.person)]!r}"
        raise InputError(message, where=place, remedy="Spell a person in one way: people are counted by name.")
    for text in filter(None, (entry.not_before, entry.not_after)):
        if day(text) is None:
            raise InputError(f"{text!r} is not a date", where=place, remedy="Write it as YYYY-MM-DD.")


def _in_window(entry: TrustedKey | TrustedUser, at: datetime) -> bool:
    today = at.astimezone(UTC).date().isoformat()
    return (entry.not_before is None or entry.not_before <= today) and (
        entry.not_after is None or today <= entry.not_after
    )


@dataclass
class TrustHistory:
    """The trust lists and key revocations of a ledger, in order.

    Attributes:
        lists: ``(position, list)`` pairs in force from the position after.
        revoked: Public key, or ``user:LOGIN`` -> first position at which it no longer counts.
        told: The same -> position at which its revocation was said.
    """

    lists: list[tuple[int, Trust]] = field(default_factory=list)
    revoked: dict[str, int] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> "TrustHistory":
        """Read the history from ledger rows in order; statements that may not change it are ignored."""
        history = cls()
        for row in rows:
            if row.type in (_TRUST, _REVOKED):
                try:
                    history.take(row)
                except (RefusedError, InputError):
                    continue
        return history

    def take(self, row: Row) -> None:
        """Apply a trust list or a key revocation.

        Raises:
            RefusedError: the signer may not change the trust list.
            InputError: the list is not valid, or the revoked key stood on no list.
        """
        predicate = row.predicate
        if isinstance(predicate, KeyRevocation):
            self._need_policy(row)
            self._revoke(predicate, row.position)
            return
        check_trust(predicate, self.owners(), self.logins())
        if self.lists:
            self._need_policy(row)
            if predicate.version <= self.lists[-1][1].version:
                raise RefusedError("the trust list is not newer than the one in force", remedy="Raise its version.")
        elif not any(entry.key in row.signers and "policy" in entry.roles for entry in predicate.keys):
            raise RefusedError(
                "the first trust list must be signed by a policy key that it holds",
                remedy="Sign it with the key of a person whose role is policy.",
            )
        self.lists.append((row.position, predicate))

    def _revoke(self, key_revocation: KeyRevocation, position: int) -> None:
        if key_revocation.key not in self.keys() | {f"{_USER}{entry.login}" for entry in self._users()}:
            remedy = "Name a key or user that is or was on the trust list: aims-gates keys list"
            shown = key_revocation.key if key_revocation.key.startswith(_USER) else f"{key_revocation.key[:8]}..."
            raise InputError(f"no list holds the key {shown}", where="key revocation", remedy=remedy)
        first = position if key_revocation.since is None else min(key_revocation.since, position)
        self.revoked[key_revocation.key] = min(first, self.revoked.get(key_revocation.key, first))
        self.told.setdefault(key_revocation.key, position)

    def _need_policy(self, row: Row) -> None:
        if not self.holders(row):
            remedy = "Have it signed by a holder of the role policy: aims-gates keys list"
            raise RefusedError("only a policy key of the list in force may change the trust list", remedy=remedy)

    def current(self, position: int | None = None) -> Trust | None:
        """The list in force at a place (the end, when None)."""
        trusts = [trust for start, trust in self.lists if position is None or start < position]
        return trusts[-1] if trusts else None

    def owners(self) -> dict[str, str]:
        """Every key that ever stood on a list, and its person."""
        return {entry.key: entry.person for _, trust in self.lists for entry in trust.keys}

    def _users(self) -> list[TrustedUser]:
        return [entry for _, trust in self.lists for entry in trust.users]

    def logins(self) -> dict[str, str]:
        """Every user that ever stood on a list (the login as :func:`alike` compares), and the person."""
        return {alike(entry.login): entry.person for entry in self._users()}

    def keys(self) -> set[str]:
        """Every key that ever stood on a list."""
        return set(self.owners())

    def people_of(self, login: str) -> set[str]:
        """The people behind a login by any list there was, and the login itself, as :func:`alike` compares them."""
        folded_login = alike(login)
        names = [(entry.person, *entry.logins) for _, trust in self.lists for entry in trust.keys]
        names += [(entry.person, entry.login) for entry in self._users()]
        return {folded_login} | {
            alike(person) for person, *logins in names if folded_login in map(alike, (person, *logins))
        }

    def admitted(self, row: Row) -> list[TrustedKey]:
        """Those whose word a row is: trusted at its place, in their window, and allowed to say this.

        They are the signers or, where a server signed for a user, that user's person under the server's key. Key
        revocations that were said later change nothing here, even where they reach back.
        """
        return [
            entry
            for entry in self._speakers(row)
            if self._before(self.told, row, entry)
            and _in_window(entry, row.at)
            and any(may_sign(role, row.type) for role in entry.roles)
        ]

    def holders(self, row: Row) -> list[TrustedKey]:
        """Those of :meth:`admitted` that count: not revoked there by what was said since."""
        return [entry for entry in self.admitted(row) if self._before(self.revoked, row, entry)]

    def _speakers(self, row: Row) -> list[TrustedKey]:
        trust = self.current(row.position)
        signed = [entry for entry in (trust.keys if trust else ()) if entry.key in row.signers]
        user = _user(row)
        if trust is None or user is None:
            return signed
        servers = [entry for entry in signed if _SERVER in entry.roles and _in_window(entry, row.at)]
        return [
            TrustedKey(
                server.key,
                text.person,
                text.roles,
                (text.login,),
                service=text.service,
                not_before=text.not_before,
                not_after=text.not_after,
                organization=text.organization,
            )
            for server in servers
            for text in trust.users
            if text.login == user
        ]

    def _before(self, ends: Mapping[str, int], row: Row, entry: TrustedKey) -> bool:
        """Whether a row stands before the end of the key, and of the user, by whose word it is."""
        user = _user(row)
        names = (entry.key,) if user is None else (entry.key, f"{_USER}{user}")
        return all(row.position < ends.get(name, row.position + 1) for name in names)


def _user(row: Row) -> str | None:
    """The login for whom a row says that it was signed."""
    user: str | None = row.predicate.user if row.type in SAID_FOR else None
    return user
