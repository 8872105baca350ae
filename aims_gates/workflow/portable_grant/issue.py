"""Issuing a portable grant: by the registry's server or a policy owner, on a checkpoint that somebody else signed."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aims_gates.attestation.signing.envelope import Envelope, sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.evidence import PortableGrant
from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row, day
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.files import write_whole
from aims_gates.documents.shell import invocation
from aims_gates.documents.strict_yaml import parse
from aims_gates.errors import AimsGatesError, InputError, RefusedError
from aims_gates.ledger import history, places
from aims_gates.ledger.checkpoint import claimed
from aims_gates.ledger.proof import TreePlace
from aims_gates.ledger.registry_acts import statements
from aims_gates.ledger.table import Source, select
from aims_gates.model import Plan, Subject
from aims_gates.workflow.portable_grant.basis import rests_on
from aims_gates.workflow.portable_grant.file import FORMAT, LONGEST_DAYS, File
from aims_gates.workflow.portable_grant.verify import checked

__all__ = ["compose", "issue"]

_FRESH = "Make a checkpoint now, with another person's key: aims-gates ledger checkpoint FILE --key OTHER.key"


def issue(
    connection: Source,
    workspace: str,
    name: str,
    alias: str,
    key: Key,
    at: datetime,
    days: int,
    target: Path,
    checkpoint: Envelope,
) -> PortableGrant:
    """Write the grant that stands for an alias into a file, whole or not at all; else as :func:`compose`.

    Raises:
        InputError: as there, or the file cannot be written.
        RefusedError, IntegrityError: as there.
    """
    statement, body = compose(connection, workspace, name, alias, key, at, days, checkpoint)
    write_whole(target, json.dumps(body, indent=1).encode() + b"\n")
    return statement


def compose(
    connection: Source, workspace: str, name: str, alias: str, key: Key, at: datetime, days: int, checkpoint: Envelope
) -> tuple[PortableGrant, dict[str, Any]]:
    """The grant that stands for an alias, to be carried; it is verified before it is given away.

    Args:
        connection: The registry's database, or a server; one state of it is read.
        workspace, name, alias: Whose grant.
        key: The issuer's: on the trust list with the role ``policy`` or ``server``, and with none that makes evidence.
        at: Now.
        days: How long it may be relied on, 1 to :data:`~aims_gates.workflow.portable_grant.file.LONGEST_DAYS`; no
            longer than the grant itself.
        checkpoint: Of this ledger, after the grant; signed by another person's key.

    Returns:
        What the issuer says, and the file's content.

    Raises:
        InputError: the days are out of range, or the checkpoint is older than the grant.
        RefusedError: no grant stands for the alias, its controls were not enforced, or the key may not say so.
        IntegrityError: the checkpoint is not of this ledger, or what the grant rests on does not hold.
    """
    if not 1 <= days <= LONGEST_DAYS:
        raise InputError(f"{days} days is out of range", where="--days", remedy=f"Choose 1 to {LONGEST_DAYS}.")
    ledger, head = statements(connection, workspace, name), claimed(checkpoint)
    grant = _standing(ledger, alias, at, head.size)
    basis = rests_on(ledger, grant)
    in_tree = places(connection, [row.position for row in (grant, *basis)], head.size)
    statement = _statement(ledger, grant, basis, in_tree[0], at, days)
    unsigned = say(statement, Subject("model", statement.digest, f"{name}/{statement.version}"))
    past = history(connection)
    if not past.holders(Row(head.size, at, unsigned, (key.public,))):
        remedy = "Sign with a key that has the role policy, or have the server issue it: aims-gates keys list"
        raise RefusedError(f"the key {key.public[:8]}... may not issue a portable grant", remedy=remedy)
    trust = [(position, text) for position, text in select(connection, ("trust",)) if position < head.size]
    body = {
        "format": FORMAT,
        "envelope": sign(unsigned, key).to_json(),
        "checkpoint": checkpoint.to_json(),
        "grant": _carried(grant, in_tree[0]),
        "basis": [_carried(row, place) for row, place in zip(basis, in_tree[1:], strict=True)],
        "trust": [{"position": position, "body": text} for position, text in trust],
    }
    _verified(body, past.keys(), at)
    return statement, body


def _standing(ledger: StatementView, alias: str, at: datetime, size: int) -> Row:
    """The grant that stands for an alias of a bound name, among the first ``size`` rows."""
    grant = ledger.standing(alias, at)
    if grant is None or ledger.binding() is None:
        remedy = f"See what is missing: {invocation('explain', ledger.name, 'VERSION', options='--to production')}"
        raise RefusedError(f"no grant stands for {ledger.name}, alias {alias}", remedy=remedy)
    if grant.predicate.transition == "trial":
        remedy = "Bind the model under the profile of its tier, and promote it there: aims-gates start --invite NAME"
        raise RefusedError(f"{ledger.name} stands on a trial grant, which is not carried elsewhere", remedy=remedy)
    if not grant.position < size:
        message = f"the checkpoint of {size} rows is older than the grant, which is row {grant.position}"
        raise InputError(message, where="--checkpoint", remedy=_FRESH)
    return grant


def _carried(row: Row, place: TreePlace) -> dict[str, Any]:
    return {"position": row.position, "body": place.body, "path": [node.hex() for node in place.path]}


def _statement(
    ledger: StatementView, grant: Row, basis: list[Row], place: TreePlace, at: datetime, days: int
) -> PortableGrant:
    granted: Grant = grant.predicate
    origin = next((row for row in basis if row.type == type_of(Grant)), grant)
    plan = _plan(ledger, origin)
    last = at.astimezone(UTC).date() + timedelta(days=days)
    ends = None if granted.expires is None else day(granted.expires)
    return PortableGrant(
        grant=grant.digest,
        workspace=granted.workspace,
        name=granted.name,
        version=granted.version,
        alias=granted.alias,
        digest=granted.digest,
        system=plan.system,
        tier=plan.tier,
        profile=plan.profile,
        mode=granted.mode,
        transition=granted.transition,
        granted_at=grant.at.isoformat(timespec="seconds"),
        position=grant.position,
        size=place.size,
        root=place.root.hex(),
        until=min(last, ends or last).isoformat(),
        basis=tuple(row.digest for row in basis),
        required=plan.approvals if origin.predicate.transition == "production" else (),
        said_at=at.astimezone(UTC).isoformat(timespec="microseconds"),
    )


def _plan(ledger: StatementView, grant: Row) -> Plan:
    """The plan under which a grant was made; the first one of the name, where it was adopted before it had any."""
    bindings = [row for row in ledger.rows if row.type == type_of(Binding) and _ours(ledger, row.predicate)]
    earlier = [row for row in bindings if row.position < grant.position]
    plan: Plan = (earlier or bindings[:1])[-1].predicate.plan
    return plan


def _ours(ledger: StatementView, binding: Binding) -> bool:
    return (binding.workspace, binding.name) == (ledger.workspace, ledger.name)


def _verified(body: dict[str, Any], keys: set[str], at: datetime) -> None:
    """Refuse to give away what nobody could verify."""
    try:
        checked(parse(File, body, "portable grant"), keys, at, "portable grant")
    except AimsGatesError as error:
        message = f"nobody could rely on it: {error.message}"
        raise type(error)(message, where=error.where, remedy=error.remedy) from error
