"""A grant to carry: one small file that says these bytes were granted, checked where the model is deployed.

The file is a DSSE envelope (JSON). Its signer, a policy owner, the CI service or the server, looked at the ledger and
says: this grant stood then, it is row so-and-so of a ledger of this size and root, and it may be relied on until that
day. Beside it lies the grant's own row with its audit path (RFC 6962), so that an auditor who holds a checkpoint can
place it. To check it takes the file, the model's folder and a public key: no database, no network, no MLflow.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from aims_gates.authority import about
from aims_gates.canonical import check_left_out, digest_bytes, folder_digest
from aims_gates.errors import InputError, IntegrityError, RefusedError
from aims_gates.evidence import Envelope, open_envelope, sign
from aims_gates.keys import Key
from aims_gates.ledger import history, merkle, place, write_whole
from aims_gates.ledger.table import Source
from aims_gates.model import Subject
from aims_gates.predicates import PortableGrant, predicate_of, say
from aims_gates.standing import Ledger
from aims_gates.strict_yaml import parse, read
from aims_gates.trust import Row, day

__all__ = ["LONGEST_DAYS", "Carried", "issue", "verify_grant"]

#: The longest a portable grant may be relied on: what is revoked meanwhile it cannot know.
LONGEST_DAYS = 180
_FORMAT = "aims-gates:portable-grant/v1"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: str
    envelope: dict[str, Any]
    row: str
    path: tuple[str, ...]


@dataclass(frozen=True)
class Carried:
    """A portable grant that was checked.

    Attributes:
        said: What its signer says.
        signers: The trusted public keys (hex) whose signature holds.
    """

    said: PortableGrant
    signers: tuple[str, ...]


def issue(
    connection: Source, workspace: str, name: str, alias: str, key: Key, at: datetime, days: int, target: Path
) -> PortableGrant:
    """Write the grant that stands for an alias into a file.

    Args:
        connection: The registry's database; one state of it is read.
        workspace, name, alias: Whose grant.
        key: Signs it; on the trust list with the role ``policy``, ``ci`` or ``server``.
        at: Now.
        days: How long it may be relied on, 1 to :data:`LONGEST_DAYS`.
        target: The file; written whole or not at all.

    Raises:
        InputError: the days are out of range, or the file cannot be written.
        RefusedError: no grant stands for the alias, or the key may not say so.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise InputError(f"{days} days cannot be meant", where="--days", remedy=f"Choose 1 to {LONGEST_DAYS}.")
    ledger = Ledger(about(connection, workspace, name), workspace, name)
    grant, binding = ledger.standing(alias, at), ledger.binding()
    if grant is None or binding is None:
        remedy = f"See what is missing: aims-gates explain {name} VERSION --to production"
        raise RefusedError(f"no grant stands for {name}, alias {alias}", remedy=remedy)
    found, granted = place(connection, grant.position), grant.predicate
    said = PortableGrant(
        grant=grant.digest,
        workspace=workspace,
        name=name,
        version=granted.version,
        alias=alias,
        digest=granted.digest,
        system=binding.predicate.plan.system,
        tier=binding.predicate.plan.tier,
        profile=binding.predicate.plan.profile,
        mode=granted.mode,
        transition=granted.transition,
        granted_at=grant.at.isoformat(timespec="seconds"),
        position=grant.position,
        size=found.size,
        root=found.root.hex(),
        until=(at.astimezone(UTC) + timedelta(days=days)).date().isoformat(),
        said_at=at.astimezone(UTC).isoformat(timespec="microseconds"),
    )
    made = say(said, Subject("model", granted.digest, f"{name}/{granted.version}"))
    if not history(connection).holders(Row(found.size, at, made, (key.public,))):
        remedy = "Sign with a key that has the role policy, ci or server: aims-gates keys list"
        raise RefusedError(f"the key {key.public[:8]}... may not sign a portable grant", remedy=remedy)
    body = {
        "format": _FORMAT,
        "envelope": sign(made, key).to_json(),
        "row": found.body,
        "path": [node.hex() for node in found.path],
    }
    write_whole(target, json.dumps(body, indent=1).encode() + b"\n")
    return said


def verify_grant(path: Path, folder: Path, trusted: tuple[str, ...], now: datetime) -> Carried:
    """Check a portable grant against a model's folder. Any doubt is an error.

    Args:
        path: The file.
        folder: The model's folder, as deployed.
        trusted: Public keys (hex) that whoever deploys trusts.
        now: The time, with a zone.

    Raises:
        InputError: no trusted key is named, or the file is none of ours.
        IntegrityError: signature, audit path or bytes do not hold.
        RefusedError: its last day has passed, it is from the future, or its controls were not enforced.
    """
    if not trusted:
        remedy = "Name the public key you trust: --trusted-key FILE.pub, or trusted_keys in aims.yaml."
        raise InputError("no trusted key is named, so nobody's word would count", where=str(path), remedy=remedy)
    document = read(path)
    file = parse(_File, document)
    if file.format != _FORMAT:
        raise InputError(f"not a portable grant: format {file.format!r}", where=str(path), remedy=f"Use {_FORMAT}.")
    made, signers = open_envelope(Envelope.from_json(file.envelope, str(path)), trusted, str(path))
    said = predicate_of(made)
    if not isinstance(said, PortableGrant) or made.subject != said.digest:
        raise IntegrityError("not a portable grant", where=str(path), remedy="Export the grant again.")
    _in_tree(said, file, str(path))
    _in_time(said, now, str(path))
    if said.mode != "enforce":
        said_ = f"it was granted in mode {said.mode}: its criteria were not enforced"
        raise RefusedError(said_, where=str(path), remedy="Promote it again with the system's mode at enforce.")
    check_left_out(folder)
    found = folder_digest(folder)
    if found != said.digest:
        remedy = "Do not load it. Fetch the released copy again."
        raise IntegrityError(f"these are other bytes: {found}, granted {said.digest}", where=str(folder), remedy=remedy)
    return Carried(said, signers)


def _in_tree(said: PortableGrant, file: _File, where: str) -> None:
    """The row beside it is the grant it names, in the tree it names."""
    try:
        statement = json.loads(file.row)["statement"]
        row = json.loads(statement)["predicate"]
        audit, root = [bytes.fromhex(node) for node in file.path], bytes.fromhex(said.root)
    except (ValueError, KeyError, TypeError) as error:
        raise IntegrityError("the grant's row cannot be read", where=where, remedy="Export the grant again.") from error
    same = isinstance(row, dict) and all(
        row.get(each) == getattr(said, each)
        for each in ("workspace", "name", "version", "alias", "digest", "mode", "transition")
    )
    leaf = merkle.leaf_hash(file.row.encode())
    if (
        not same
        or digest_bytes(statement.encode()) != said.grant
        or not merkle.verify_inclusion(said.position, said.size, leaf, audit, root)
    ):
        remedy = "Export the grant again; if it was edited, find out by whom."
        raise IntegrityError("the grant's row is not the one that was signed for", where=where, remedy=remedy)


def _in_time(said: PortableGrant, now: datetime, where: str) -> None:
    last = day(said.until)
    try:
        issued = datetime.fromisoformat(said.said_at)
        begun = issued.tzinfo is not None and issued <= now + timedelta(minutes=5)
    except ValueError:
        begun = False
    if not begun:
        raise RefusedError("it was issued in the future, or at no time", where=where, remedy="Check the clock.")
    if last is None or not (now.astimezone(UTC).date() <= last):
        remedy = f"Export it again: aims-gates grant export {said.name} --alias {said.alias} --out FILE --key KEY"
        raise RefusedError(f"it could be relied on until {said.until}", where=where, remedy=remedy)
