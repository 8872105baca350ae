"""``aims-gates keys rotate`` and ``aims-gates keys compromised``: to be done in calm, and when it is not."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import is_public, read_public
from aims_gates.attestation.statements.evidence import Checkpoint
from aims_gates.attestation.statements.policy import KeyRevocation, Trust, TrustedKey, TrustedUser
from aims_gates.attestation.statements.types import may_sign, type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import TrustHistory, check_trust
from aims_gates.cli.options import as_json, echo, emit, key_option, settings_options, table
from aims_gates.documents.canonical import digest
from aims_gates.errors import InputError, RefusedError
from aims_gates.model import Subject
from aims_gates.settings import Settings, signer

__all__ = ["compromised", "public_of", "rotate"]

_LIST = "See: aims-gates keys list"


def public_of(value: str) -> str:
    """A key as statements name it, from its .pub file or its hex; ``user:LOGIN`` as it is."""
    return value if is_public(value) or value.startswith("user:") else read_public(Path(value))


@click.command("rotate")
@click.argument("old")
@click.argument("new")
@click.option("--overlap", type=click.IntRange(0, 90), default=7, show_default=True, help="Days the old key signs on.")
@key_option
@settings_options
def rotate(old: str, new: str, overlap: int, key: Path | None, settings: Settings) -> None:
    """Let the key NEW (a .pub file or its hex) take the place of OLD: same person, roles and logins.

    The old key signs for --overlap days more, so that nothing stops meanwhile. What it signed stays good. For a key
    that fell into other hands: aims-gates keys compromised.
    """
    from aims_gates.ledger import append, history
    from aims_gates.ledger.connect import open_ledger

    before, after = public_of(old), public_of(new)
    signing = signer(settings, key)
    now = datetime.now(UTC)
    last = (now + timedelta(days=overlap)).date().isoformat()
    with open_ledger(settings.need_registry(), write=True) as connection:
        past = history(connection)
        listed, entry = _rotated(past, before, after, last)
        append(connection, sign(say(listed, Subject("organization", digest(listed), "trust list")), signing), now)
    echo(f"{entry.person}: {after[:12]} is trusted as {', '.join(entry.roles)}; {before[:12]} signs until {last}")
    if last > now.date().isoformat():
        echo(f"next: put the new key where the old one is used, before {last}")
    click.echo("then: take the old private key away, and write a checkpoint: aims-gates ledger checkpoint FILE")


def _rotated(past: TrustHistory, before: str, after: str, last: str) -> tuple[Trust, TrustedKey]:
    """The next list, and the new key's entry on it."""
    listed = past.current()
    entry = next((key for key in (listed.keys if listed else ()) if key.key == before), None)
    if listed is None or entry is None:
        raise InputError("the old key is not on the trust list", where=before[:12], remedy=_LIST)
    if before in past.revoked:
        remedy = "Trust the new key by itself: aims-gates keys trust NEW.pub --person PERSON --role ROLE"
        raise RefusedError("the old key was revoked: nothing takes its place", where=before[:12], remedy=remedy)
    if not is_public(after):
        raise InputError("not a key", where=after, remedy="Pass the new key's .pub file.")
    ends = min(last, entry.not_after) if entry.not_after else last
    keys = tuple(replace(key, not_after=ends) if key.key == before else key for key in listed.keys)
    fresh = replace(entry, key=after, not_before=None)
    trust = replace(listed, version=listed.version + 1, keys=(*keys, fresh))
    check_trust(trust, past.owners(), past.logins())
    return trust, fresh


@click.command("compromised")
@click.argument("public")
@click.option(
    "--from", "since", type=click.IntRange(0), required=True, help="First ledger position not to be believed."
)
@click.option("--reason", help="What happened; kept for ever.")
@click.option("--dry-run", is_flag=True, help="Only say what rests on the key; revoke nothing.")
@key_option
@settings_options
@as_json
def compromised(
    public: str, since: int, reason: str | None, dry_run: bool, key: Path | None, settings: Settings, json_: bool
) -> int:
    """Revoke PUBLIC (a .pub file, its hex, or user:LOGIN) from a ledger position on, and say what rests on it.

    Lists all that was signed with it since then, every grant that rests on any of it, and the next commands. Revoking
    the key makes its evidence and approvals count for nothing; a grant that was made stands until it is revoked or its
    model halted, because only people know what may be stopped. The exit code is 2 while such a grant stands.
    """
    from aims_gates.ledger import append, history
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.workflow.key_compromise import exposed

    name, now = public_of(public), datetime.now(UTC)
    if not (dry_run or reason):
        raise click.UsageError("say --reason, or look first with --dry-run")
    with open_ledger(settings.need_registry(), write=not dry_run) as connection:
        past = history(connection)
        entries = _entries(past, name)
        if not dry_run:
            signing = signer(settings, key)
            _need_another(past, name, signing.public)
            key_revocation = KeyRevocation(name, str(reason), since)
            append(
                connection,
                sign(say(key_revocation, Subject("organization", digest(key_revocation), "key")), signing),
                now,
            )
        exposure = exposed(connection, name, since, now)
    value = _plain(name, since, exposure, dry_run)
    value["next"] = _next(value, entries)
    emit(value, json_, lambda: _text(value))
    return 2 if any(grant["stands"] for grant in value["grants"]) else 0


def _entries(past: TrustHistory, name: str) -> list[TrustedKey | TrustedUser]:
    """The entries of a key or user on any list, the latest last."""
    keys = [key for _, trust in past.lists for key in trust.keys if key.key == name]
    users = [user for _, trust in past.lists for user in trust.users if f"user:{user.login}" == name]
    if not (keys or users):
        raise InputError("no trust list ever held it", where=name[:16], remedy=_LIST)
    return [*keys, *users]


def _need_another(past: TrustHistory, name: str, signer_: str) -> None:
    """Refuse to leave nobody who may change the trust list, and to take the word of the key itself."""
    listed = past.current()
    others = [
        key.key
        for key in (listed.keys if listed else ())
        if "policy" in key.roles and key.key != name and key.key not in past.revoked
    ]
    if not others or signer_ == name:
        remedy = "Have another policy owner sign this; if there is none, trust one first: aims-gates keys trust ..."
        raise RefusedError("no other policy key would be left, or none signs this", remedy=remedy)


def _what(row: Any) -> str:
    return str(row.type.removeprefix("aims-gates:").partition("/")[0] if "aims-gates:" in row.type else "evidence")


def _plain(name: str, since: int, exposure: Any, dry_run: bool) -> dict[str, Any]:
    statement_rows = [
        {"position": row.position, "what": _what(row), "statement": row.digest, "subject": row.statement.subject}
        for row in exposure.said
    ]
    grants = [
        {
            "name": grant.grant.predicate.name,
            "workspace": grant.grant.predicate.workspace,
            "version": grant.grant.predicate.version,
            "alias": grant.grant.predicate.alias,
            "statement": grant.grant.digest,
            "position": grant.grant.position,
            "stands": grant.stands,
            "rests_on": [f"{_what(row)} {row.position}" for row in grant.on],
        }
        for grant in exposure.grants
    ]
    return {"key": name, "from": since, "revoked": not dry_run, "said": statement_rows, "grants": grants}


def _next(value: dict[str, Any], entries: list[TrustedKey | TrustedUser]) -> list[str]:
    entry, key = entries[-1], value["key"]
    roles = " ".join(f"--role {role}" for role in entry.roles)
    grants = []
    if not value["revoked"]:
        grants.append(f"aims-gates keys compromised {key} --from {value['from']} --reason ... --key POLICY.key")
    for grant in value["grants"]:
        if grant["stands"]:
            grants.append(f"aims-gates halt {grant['name']} --reason ... --key ON-CALL.key   # if it must stop now")
            grants.append(
                f"aims-gates revoke {grant['statement'][7:19]} --reason ... --key POLICY.key   # ends the grant"
            )
            grants.append(f"aims-gates check --model {grant['name']} --version {grant['version']} --key NEW.key")
            grants.append(f"aims-gates request open {grant['name']} {grant['version']} --key DEVELOPER.key")
    what = {statement["what"] for statement in value["said"]}
    if what & {"trust", "key-revocation"}:
        grants.append("aims-gates keys list   # lists that it signed stay in force until you write another")
    if "binding" in what or "activation" in what:
        grants.append("aims-gates bind NAME --system SYSTEM --key POLICY.key   # for each model that it bound")
    if isinstance(entry, TrustedKey):
        service = " --service" if entry.service else ""
        grants.append("aims-gates keys new NEW")
        grants.append(f"aims-gates keys trust NEW.pub --person {entry.person!r} {roles}{service} --key POLICY.key")
    if any(may_sign(role, type_of(Checkpoint)) for role in entry.roles):
        grants.append(
            f"# move away the checkpoints that it signed of {value['from']} rows and more: they prove nothing now"
        )
    grants += [
        "aims-gates ledger verify --checkpoint FOLDER",
        "aims-gates ledger checkpoint --into FOLDER --key POLICY.key",
    ]
    return list(dict.fromkeys(grants))


def _text(value: dict[str, Any]) -> str:
    shown = value["key"] if value["key"].startswith("user:") else value["key"][:12]
    done = "revoked" if value["revoked"] else "not revoked yet (--dry-run)"
    lines = [f"{shown} {done}, from ledger position {value['from']} on", ""]
    cells = [
        (str(statement["position"]), statement["what"], statement["statement"][7:19]) for statement in value["said"]
    ]
    lines.append(
        f"said with it since then: {len(cells)}, none of which counts"
        if value["revoked"]
        else f"said with it: {len(cells)}"
    )
    lines += [table(("POSITION", "WHAT", "STATEMENT"), cells), ""] if cells else [""]
    grants = [
        (
            grant["name"],
            grant["version"],
            grant["alias"],
            "stands" if grant["stands"] else "ended",
            ", ".join(grant["rests_on"]),
        )
        for grant in value["grants"]
    ]
    lines.append(f"grants that rest on it: {len(grants)}")
    lines += [table(("MODEL", "VERSION", "ALIAS", "", "RESTS ON (WHAT, POSITION)"), grants), ""] if grants else [""]
    return "\n".join([*lines, "next:", *(f"  {command}" for command in value["next"])])
