"""``aims-gates keys``: make, trust, rotate, revoke and list keys."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import new_key
from aims_gates.attestation.statements.policy import KeyRevocation, Trust, TrustedKey, TrustedUser
from aims_gates.attestation.statements.types import ROLE_TASKS, ROLES
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import check_trust
from aims_gates.cli.key_drills import compromised, public_of, rotate
from aims_gates.cli.options import as_json, echo, emit, key_option, settings_options, table
from aims_gates.documents.canonical import digest
from aims_gates.errors import InputError
from aims_gates.model import Subject
from aims_gates.settings import Settings, signer

__all__ = ["command"]


_TASKS = ", ".join(f"{role} ({task})" for role, task in ROLE_TASKS.items())
_HELP = f"""Make, trust, rotate, revoke and list keys.

Roles: {_TASKS}. Any other name is an approver's role, as your profile names it.
"""


@click.group(help=_HELP)
def command() -> None:
    """The group of commands for keys."""


command.add_command(rotate)
command.add_command(compromised)


@command.command("new")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def new(path: Path) -> None:
    """Make a key: PATH (mode 0600, keep it secret) and its .pub beside it."""
    path = path if path.suffix else path.with_suffix(".key")
    key = new_key(path)
    echo(f"wrote {path} (secret, mode 0600) and {path.with_suffix('.pub')}\npublic key {key.public}")


@command.command("trust")
@click.argument("public", required=False)
@click.option("--user", help="A login on the server, instead of a key: what it says is signed by the server.")
@click.option("--person", required=True, help="Who holds the key. Several keys of one person count as one person.")
@click.option(
    "--role", "roles", multiple=True, required=True, help=f"{', '.join(ROLES)}, or an approver's role. Repeatable."
)
@click.option(
    "--login", "logins", multiple=True, help="The person's user name in MLflow or on this machine. Repeatable."
)
@click.option("--service", is_flag=True, help="A service account: it is no person and approves nothing.")
@click.option("--organization", default="", help="For whom an outside person works; roles outside-... need it.")
@click.option("--not-before", help="First day on which it signs, YYYY-MM-DD.")
@click.option("--not-after", help="Last day on which it signs, YYYY-MM-DD.")
@click.option("--first", is_flag=True, help="Begin the trust list with this policy key, signed by itself.")
@key_option
@settings_options
def trust(
    public: str | None,
    user: str | None,
    person: str,
    roles: tuple[str, ...],
    logins: tuple[str, ...],
    service: bool,
    organization: str,
    not_before: str | None,
    not_after: str | None,
    first: bool,
    key: Path | None,
    settings: Settings,
) -> None:
    """Put PUBLIC (a .pub file or its hex), or with --user a login, on the trust list; signed by a policy key.

    The key of a server has the role server and no other.
    """
    from aims_gates.ledger import append, history
    from aims_gates.ledger.connect import open_ledger

    if (public is None) == (user is None) or (user is not None and logins):
        raise InputError("name a key or a user", remedy="Pass PUBLIC, or --user LOGIN without --login.")
    entry: TrustedKey | TrustedUser
    if user is not None:
        entry = TrustedUser(user, person, roles)
    else:
        entry = TrustedKey(public_of(public or ""), person, roles, logins)
    entry = replace(entry, service=service, not_before=not_before, not_after=not_after, organization=organization)
    signing = signer(settings, key)
    with open_ledger(settings.need_registry(), write=True) as connection:
        now = history(connection).current()
        if (now is None) != first:
            remedy = "Leave out --first." if first else "Begin with --first and a policy key."
            raise InputError("there is a trust list already" if first else "there is no trust list yet", remedy=remedy)
        if first and (not isinstance(entry, TrustedKey) or entry.key != signing.public or "policy" not in roles):
            remedy = "Pass the .pub file of the key that --key names, and --role policy."
            raise InputError("the trust list begins with a policy key, signed by itself", remedy=remedy)
        listed = _with(now, entry)
        check_trust(listed)
        append(
            connection,
            sign(say(listed, Subject("organization", digest(listed), "trust list")), signing),
            datetime.now(UTC),
        )
    echo(f"{person} is trusted as {', '.join(roles)} (list version {listed.version})")


def _with(now: Trust | None, entry: TrustedKey | TrustedUser) -> Trust:
    """The next list."""
    listed = now or Trust(0, ())
    if isinstance(entry, TrustedKey):
        return replace(listed, version=listed.version + 1, keys=(*listed.keys, entry))
    users = tuple(user for user in listed.users if user.login != entry.login)
    return replace(listed, version=listed.version + 1, users=(*users, entry))


@command.command("revoke")
@click.argument("public")
@click.option("--reason", required=True, help="Why; kept for ever.")
@click.option(
    "--since", type=int, help="First ledger position at which the key no longer counts (default: from now on)."
)
@key_option
@settings_options
def revoke(public: str, reason: str, since: int | None, key: Path | None, settings: Settings) -> None:
    """Revoke PUBLIC (a .pub file, its hex, or user:LOGIN); with --since also what it signed from that place on."""
    from aims_gates.ledger import append, history
    from aims_gates.ledger.connect import open_ledger

    key_revocation = KeyRevocation(public_of(public), reason, since)
    signing = signer(settings, key)
    with open_ledger(settings.need_registry(), write=True) as connection:
        trust = history(connection).current()
        listed = [entry.key for entry in trust.keys] if trust else []
        listed += [f"user:{entry.login}" for entry in trust.users] if trust else []
        if key_revocation.key not in listed:
            raise InputError("this key is not on the trust list", remedy="See: aims-gates keys list")
        row = append(
            connection,
            sign(say(key_revocation, Subject("organization", digest(key_revocation), "key")), signing),
            datetime.now(UTC),
        )
    shown = key_revocation.key if key_revocation.key.startswith("user:") else f"{key_revocation.key[:8]}..."
    echo(f"revoked {shown} at ledger position {row.position}")


@command.command("list")
@settings_options
@as_json
def list_keys(settings: Settings, json_: bool) -> None:
    """The trust list in force."""
    from aims_gates.ledger import history
    from aims_gates.ledger.connect import open_ledger

    with open_ledger(settings.need_registry()) as connection:
        past = history(connection)
    trust = past.current()
    rows: list[dict[str, Any]] = [
        {
            "key": key.key,
            "person": key.person,
            "roles": list(key.roles),
            "logins": list(key.logins),
            "service": key.service,
            "not_before": key.not_before,
            "not_after": key.not_after,
            "organization": key.organization or None,
            "revoked_from": past.revoked.get(key.key),
        }
        for key in (trust.keys if trust else ())
    ]
    rows += [
        {
            "user": user.login,
            "person": user.person,
            "roles": list(user.roles),
            "service": user.service,
            "not_before": user.not_before,
            "not_after": user.not_after,
            "organization": user.organization or None,
            "revoked_from": past.revoked.get(f"user:{user.login}"),
        }
        for user in (trust.users if trust else ())
    ]
    shown = [(_name(r), _whose(r), ", ".join(r["roles"]), _revoked(r)) for r in rows]
    emit(rows, json_, lambda: table(("KEY OR USER", "PERSON", "ROLES", ""), shown))


def _whose(row: Mapping[str, Any]) -> str:
    return f"{row['person']} ({row['organization']})" if row["organization"] else str(row["person"])


def _name(row: Mapping[str, Any]) -> str:
    return row["key"][:12] if "key" in row else f"user {row['user']}"


def _revoked(row: Mapping[str, Any]) -> str:
    return "revoked" if row["revoked_from"] is not None else ""
