"""Signing a checkpoint, which attests that every statement before it was verified; and what that spares later.

Whoever signs has gone through the rows: all of them, or those after a checkpoint that attests the ones before. A ledger
that does not hold is not signed. What a checkpoint attests is relied on only where it is kept outside of the database,
holds against the ledger, and its signer is on the ledger's trust list.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Connection

from aims_gates.attestation.signing.envelope import Envelope, sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.evidence import Checkpoint
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import Row
from aims_gates.errors import AimsGatesError, IntegrityError, LedgerError, RefusedError
from aims_gates.ledger import merkle
from aims_gates.ledger.checkpoint import claimed, unfit, write_envelope
from aims_gates.ledger.export import export, replay_export
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.replay import Replay
from aims_gates.ledger.table import Source, history, let_go, tree_head
from aims_gates.ledger.verify import begun, go_through
from aims_gates.model import Subject

__all__ = ["attested", "signed_checkpoint", "write_checkpoint"]

#: Rows gone through between two looks at the database, so that on SQLite nobody waits long to write.
_ROWS = 2**13
_REMEDY = "Sign nothing. See all that is wrong: aims-gates ledger verify; then restore a backup that verifies."


def attested(checkpoints: Sequence[Envelope]) -> int:
    """How many of the first rows one of these checkpoints attests; whether it holds, a verification shows."""
    return max((claimed(envelope).size for envelope in checkpoints if claimed(envelope).trust), default=0)


def write_checkpoint(
    connection: Source, path: Path, key: Key, at: datetime, since: Envelope | None = None
) -> Checkpoint:
    """Verify a ledger, and sign its size and root into a file (a DSSE envelope as JSON).

    Args:
        connection, key, at, since: As for :func:`signed_checkpoint`.
        path: The file.

    Raises:
        IntegrityError, LedgerError, RefusedError: as there; nothing is written.
        InputError: the file cannot be written.
    """
    envelope = signed_checkpoint(connection, key, at, since)
    write_envelope(path, envelope)
    return claimed(envelope)


def signed_checkpoint(connection: Source, key: Key, at: datetime, since: Envelope | None = None) -> Envelope:
    """Verify a ledger as it stands, and sign its size and root.

    Args:
        connection: To the registry's database, or a server, whose rows are all fetched and verified here.
        key: Of the role policy, ci or server.
        at: Now, with a time zone.
        since: A checkpoint kept elsewhere. Where it attests its rows and holds, only those after it are verified; else,
            and over a server, all are.

    Raises:
        IntegrityError: the ledger does not hold; nothing is signed.
        LedgerError: it is empty or its head is damaged.
        RefusedError: the key may not sign checkpoints.
    """
    size, root = tree_head(connection)
    if size == 0:
        raise LedgerError("the ledger is empty", remedy="Start with: aims-gates keys trust --first ...")
    checkpoint = Checkpoint(size, root.hex(), said_at=at.isoformat(timespec="microseconds"))
    statement = say(checkpoint, Subject("organization", f"sha256:{checkpoint.root}", "ledger"))
    if not history(connection).holders(Row(size, at, statement, (key.public,))):
        remedy = "Sign with a key that has the role policy, ci or server: aims-gates keys list"
        raise RefusedError(f"the key {key.public[:8]}... may not sign a checkpoint", remedy=remedy)
    replay = _fetched(connection) if isinstance(connection, Remote) else _gone_through(connection, size, since)
    if not replay.problems and (size, root) != (replay.size, merkle.root_of_frontier(replay.frontier)):
        replay.problem("the head", _unlike(replay, size))
    if replay.problems:
        raise IntegrityError(f"the ledger does not hold: {replay.problems[0]}", remedy=_REMEDY)
    checkpoint = replace(checkpoint, frontier=tuple(node.hex() for node in replay.frontier), trust=replay.trust)
    return sign(say(checkpoint, Subject("organization", f"sha256:{checkpoint.root}", "ledger")), key)


def _unlike(replay: Replay, size: int) -> str:
    """Why a head is not that of the rows that were gone through, from a checkpoint on where there was one."""
    begun_at = replay.size - replay.finish().by_bytes
    if begun_at > size:
        return f"it holds {size} rows and held {begun_at} then: rows were removed"
    if begun_at:
        return f"its first {begun_at} rows are not those of then"
    return f"it is not that of the {replay.size} rows"


def _fetched(server: Remote) -> Replay:
    with TemporaryDirectory(prefix="aims-ledger-") as folder:
        path = Path(folder) / "ledger.jsonl"
        export(server, path)
        return replay_export(path)


def _gone_through(connection: Connection, size: int, since: Envelope | None) -> Replay:
    replay = None if since is None else _from(connection, since)
    replay = replay or Replay()
    while replay.size < size and not replay.problems:  # a row that is missing is a problem
        go_through(connection, replay, min(replay.size + _ROWS, size), last=False)
        let_go(connection)
    return replay


def _from(connection: Connection, since: Envelope) -> Replay | None:
    """Where a checkpoint lets one begin; None where it attests nothing, or does not hold."""
    checkpoint = claimed(since)
    if not checkpoint.trust:
        return None
    try:
        replay = begun(connection, (), since)
    except AimsGatesError:
        return None
    return None if replay.problems or unfit(since, replay.past, replay.roots, checkpoint.size) else replay
