"""What a halt reaches in the registry: the versions whose bytes it stops, as far as they are known here.

The bytes of a version are known by what the ledger says of it (grants, requests, evidence), and by where they lie: a
released copy carries its digest in its path, and an address that a halted version lies at or came from, in whatever
spelling, holds the same bytes. A version of which neither is known is taken for one that was never granted.
"""

# mypy: allow-untyped-calls

from collections.abc import Iterator
from typing import Any

from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
from sqlalchemy import Connection, select
from sqlalchemy.orm import Session

from aims_gates.attestation.statements.people import BreakGlass, Halt, Request
from aims_gates.attestation.statements.registry import Grant, Intake, Registration
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row
from aims_gates.decision.halts import describe_halt, may_resume
from aims_gates.documents.shell import invocation
from aims_gates.ledger import rows
from aims_gates.ledger.registry_acts import stopping
from aims_gates.ledger.table import HALTS, halt_said
from aims_gates.mlflow_plugin.store.addresses import Version
from aims_gates.mlflow_plugin.store.ledger_view import view
from aims_gates.mlflow_plugin.store.paths import forms, released_digest
from aims_gates.mlflow_plugin.store.refusals import refusal
from aims_gates.model import Evidence, ModelRef

__all__ = ["halted", "reach", "reached", "refuse", "stopped_bytes"]

_DELETED = "Deleted_Internal"
_NAMING = frozenset(map(type_of, (Grant, Request, BreakGlass)))
_TRIED = frozenset(map(type_of, (Evidence, Intake)))


def refuse(connection: Connection, halt: Row, workspace: str, what: str, act: str) -> Exception:
    """What somebody is told who asks for stopped bytes: which halt, and what to do.

    Args:
        connection: The registry's database.
        halt: The halt that stops them.
        workspace: Whoever asks works in this one.
        what: What they asked for, for instance ``loan version 2``.
        act: What may not be done with it, for instance ``loaded``.
    """
    predicate = halt.predicate
    of_name = view(connection, predicate.workspace, predicate.name)
    why = describe_halt(of_name, halt, workspace)
    roles = " or ".join(may_resume(of_name))
    steps = [f"have it looked into by whoever called the halt, statement {halt.digest[7:19]}"]
    if predicate.workspace == workspace:
        who = f"role {roles}, by somebody without a hand in what was granted"
        lift = f'{invocation("resume", predicate.name, options="--reason")}"..." --key YOUR.key'
        back = f'{invocation("rollback", predicate.name, "VERSION", options="--reason")}"..." --key ON-CALL.key'
        steps = [
            f"lift the halt: {lift} ({who})",
            f"or return to one version: {back}",
        ]
    return refusal(f"{what} may not be {act}: {why}.", title=why, id="halt", next=steps)


def stopped_bytes(connection: Connection, digest: str) -> Row | None:
    """The halt that keeps bytes from being read by their address; None where some name still loads them.

    Args:
        connection: The registry's database.
        digest: The bytes.
    """
    if not halt_said(connection):
        return None
    grants = rows(connection, [f"subject {digest}"], types={type_of(Grant)})
    names = sorted({(row.predicate.workspace, row.predicate.name) for row in grants})
    stops = [stopping(connection, workspace, name, digest) for workspace, name in names]
    return stops[0] if stops and all(stops) else None


def halted(store: Any, session: Session, workspace: str, row: Any, *, resolve: bool = True) -> Row | None:
    """The halt that keeps a version from being loaded; None where none does.

    Args:
        store: The gated registry store.
        session: On its database.
        workspace: Where the version is.
        row: The version's row.
        resolve: Ask the tracking store where runs and logged models lie, if need be.

    Raises:
        IntegrityError: a ledger row does not hold.
    """
    connection = session.connection()
    version = Version(workspace, str(row.name), int(row.version), str(row.source), str(row.storage_location or ""))
    digests, granted = _digests(connection, version)
    if not granted:
        digests |= _same_place(store, session, version, resolve)
    stops = (stopping(connection, workspace, version.name, digest, str(version.number)) for digest in sorted(digests))
    return next((halt for halt in stops if halt is not None), None)


def _digests(connection: Connection, version: Version) -> tuple[set[str], bool]:
    """The digests that the ledger, and the version's own addresses, give for it; and whether it was granted."""
    status = view(connection, version.workspace, version.name)
    named = [row for row in status.rows if row.type in _NAMING and row.position > status.born]
    named = [row for row in named if status.concerns(row.predicate) and row.predicate.version == str(version.number)]
    digests = {row.predicate.digest for row in named}
    tried = rows(connection, [f"version {version.ref}"], types=_TRIED)
    digests |= {row.statement.subject for row in tried if row.position > status.born}
    addresses = filter(None, (version.source, version.location))
    digests |= {digest for address in addresses if (digest := released_digest(forms(address)))}
    return digests, any(row.type == type_of(Grant) for row in named)


def _same_place(store: Any, session: Session, version: Version, resolve: bool) -> set[str]:
    """The digests of versions that a halt reaches and that lie at, or came from, an address of this version."""
    mine = store.addresses.of(session, version, resolve=resolve)
    return {
        digest
        for other, digest in reached(session.connection())
        if other != version and mine & store.addresses.of(session, other, resolve=resolve)
    }


def reached(connection: Connection) -> Iterator[tuple[Version, str]]:
    """The versions granted before a halt of their name, as they were registered and released, and their digests.

    Those of halts that ended since are among them.
    """
    last = {
        (row.predicate.workspace, row.predicate.name): row.position
        for row in rows(connection, [HALTS], types={type_of(Halt)})
    }
    for (workspace, name), position in sorted(last.items()):
        for grant in rows(connection, [f"model {workspace}/{name}"], types={type_of(Grant)}):
            predicate = grant.predicate
            if grant.position < position:
                for source in _sources(connection, ModelRef(workspace, name, predicate.version)):
                    yield Version(workspace, name, int(predicate.version), source, predicate.location), predicate.digest


def reach(store: Any, workspace: str, name: str) -> list[ModelRef]:
    """Every version that a halt of a name reaches, as far as it is known here, in their order.

    What was said of the same bytes counts (grants, requests, evidence), and every version that lies at, or came from,
    one of their addresses. Whether a halt stops it now is asked by :func:`halted`.

    Args:
        store: The gated registry store.
        workspace, name: The registered model.
    """
    with store.primary() as session:
        connection = session.connection()
        own = [(version, digest) for version, digest in reached(connection) if _name(version) == (workspace, name)]
        digests = {digest for _, digest in own}
        terms = [f"subject {digest}" for digest in sorted(digests)]
        spoken = rows(connection, terms, types=_NAMING | _TRIED)
        versions = {known for row in spoken if (known := _spoken_of(row)) is not None}
        places = frozenset().union(*(store.addresses.of(session, version) for version, _ in own))
        for version in _registered(session):
            lies = store.addresses.of(session, version, resolve=False)
            if lies & places or released_digest(lies) in digests:
                versions.add(version.ref)
        return sorted(versions, key=lambda ref: (ref.workspace, ref.name, int(ref.version)))


def _name(version: Version) -> tuple[str, str]:
    return version.workspace, version.name


def _spoken_of(row: Row) -> ModelRef | None:
    """The version that a statement about bytes names."""
    evidence = row.predicate
    if not isinstance(evidence, Evidence):
        return ModelRef(evidence.workspace, evidence.name, str(int(evidence.version)))
    name, version = evidence.facts.get("name"), str(evidence.facts.get("version"))
    known = name and version.isascii() and version.isdigit()
    return ModelRef(str(evidence.facts.get("workspace", "default")), str(name), str(int(version))) if known else None


def _registered(session: Session) -> Iterator[Version]:
    """The versions that the registry has, of all workspaces."""
    table: Any = SqlModelVersion
    query: Any = select(table.workspace, table.name, table.version, table.source, table.storage_location)
    for workspace, name, number, source, location in session.execute(query.where(table.current_stage != _DELETED)):
        yield Version(workspace, name, int(number), str(source), str(location or ""))


def _sources(connection: Connection, ref: ModelRef) -> list[str]:
    """Where a version was registered from, whatever became of its row; and of one of that number before it."""
    registrations = rows(connection, [f"version {ref}"], types=frozenset(map(type_of, (Registration, Intake))))
    return sorted({row.predicate.source for row in registrations}) or [""]
