"""Checkpoints kept in a folder: written now and then, each held against the one before, all held against the ledger.

The folder is what an owner of the database cannot rewrite, so it belongs where they cannot write. A file is named by
the ledger's size, ``checkpoint-000000001024.json``; nothing here ever overwrites or removes one.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection, text

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.evidence import Checkpoint
from aims_gates.documents.files import locked
from aims_gates.errors import InputError, IntegrityError, LedgerError
from aims_gates.ledger import merkle
from aims_gates.ledger.attest import signed_checkpoint
from aims_gates.ledger.checkpoint import claimed, read_checkpoint, tree_of, unfit, write_envelope
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.table import history, tree_head

__all__ = ["hold", "hold_against", "keep", "keep_from_afar", "kept_since", "last_kept", "read_kept"]

_GLOB = "checkpoint-*.json"
_RESTORE = "Restore a later backup, or find out who changed the ledger: aims-gates ledger verify --checkpoint FOLDER"


def read_kept(place: Path) -> list[Envelope]:
    """The checkpoints at a place, smallest first: of a folder every one that was kept there, of a file the one.

    Raises:
        InputError, IntegrityError: there is no such place, or one of its files is no checkpoint.
    """
    if not place.is_dir():
        return [read_checkpoint(place)]
    return sorted(map(read_checkpoint, sorted(place.glob(_GLOB))), key=lambda envelope: claimed(envelope).size)


def last_kept(place: Path) -> Envelope | None:
    """The checkpoint of the largest ledger in a folder; None where none was kept there.

    Raises:
        InputError, IntegrityError: that file is no checkpoint.
    """
    last = max(place.glob(_GLOB), default=None)
    return None if last is None else read_checkpoint(last)


def kept_since(place: Path, position: int) -> Iterator[Envelope]:
    """The checkpoints in a folder whose tree holds the row at this position, largest first.

    Raises:
        InputError, IntegrityError: one of those files is no checkpoint.
    """
    for path in sorted(place.glob(_GLOB), reverse=True):
        envelope = read_checkpoint(path)
        if claimed(envelope).size <= position:
            return
        yield envelope


def hold_against(connection: Connection, envelopes: Sequence[Envelope]) -> list[str]:
    """Why the ledger does not hold against these checkpoints, one sentence each; nothing where it does.

    Makes the tree from the leaves as they stand, in some seconds for a million rows: what was removed or made anew does
    not hold. Whether each row's bytes are those of its leaf, ``ledger verify`` and every decision look.
    """
    size, root = tree_head(connection)
    terms = {claimed(envelope).size for envelope in envelopes}
    roots: dict[int, bytes] = {}
    frontier: list[bytes] = []
    place = 0
    for place, leaf in enumerate(_leaves(connection, 0, size), 1):
        frontier = merkle.append(frontier, place - 1, leaf)
        if place in terms:
            roots[place] = merkle.root_of_frontier(frontier)
    past = history(connection)
    unfits = [unfit(envelope, past, roots, size) for envelope in envelopes]
    if (place, merkle.root_of_frontier(frontier)) != (size, root):
        unfits.append(f"the head: its {size} rows are not those of the tree. {_RESTORE}.")
    return [problem for problem in unfits if problem is not None]


def hold(connection: Connection, place: Path) -> int:
    """Refuse a ledger that does not hold against the checkpoints at a place; gives how many there are.

    Raises:
        IntegrityError: it does not: rows were removed or changed, or an older backup was restored.
        InputError: as :func:`read_kept`.
    """
    envelopes = read_kept(place)
    problems = hold_against(connection, envelopes) if envelopes else []
    if problems:
        raise IntegrityError(f"the ledger does not hold: {problems[0]}", where=str(place), remedy=_RESTORE)
    return len(envelopes)


def _leaves(connection: Connection, begin: int, end: int) -> Iterator[bytes]:
    query = text("SELECT leaf FROM aims_ledger WHERE position >= :begin AND position < :end ORDER BY position")
    cursor_result = connection.execute(query, {"begin": begin, "end": end}, execution_options={"yield_per": 5_000})
    for leaf in cursor_result.scalars():
        try:
            yield bytes.fromhex(leaf)
        except (TypeError, ValueError):
            yield b""  # fits no tree


def _follows(connection: Connection, before: Envelope) -> str | None:
    """Why the ledger is not the one of a checkpoint, grown since; reads only the leaves that came after it."""
    checkpoint, (size, root) = claimed(before), tree_head(connection)
    if size < checkpoint.size:
        return f"it holds {size} rows and held {checkpoint.size} then: rows were removed"
    try:
        frontier = tree_of(checkpoint)
    except InputError as error:
        return error.message
    place = checkpoint.size
    for leaf in _leaves(connection, checkpoint.size, size):
        frontier = merkle.append(frontier, place, leaf)
        place += 1
    grown = (place, merkle.root_of_frontier(frontier)) == (size, root)
    return None if grown else f"its first {checkpoint.size} rows are not those of then"


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """One writer at a time, of all processes on this machine."""
    try:
        with locked(folder / ".lock"):
            yield
    except OSError as error:
        remedy = "Make the folder, and let the account that signs checkpoints write there."
        raise InputError(f"cannot be written: {error.strerror}", where=str(folder), remedy=remedy) from error


def keep(connection: Connection, folder: Path, key: Key, at: datetime, every: timedelta = timedelta(0)) -> Path | None:
    """Write a checkpoint into the folder, once the ledger is seen to have grown from the last one there.

    The rows since the last one are verified; all of them, where that one does not attest the rows before it.

    Args:
        connection: To the registry's database.
        folder: An existing folder.
        key: Of the role policy, ci or server.
        at: Now, with a time zone.
        every: None is written while the last one is younger.

    Returns:
        The new file; None where nothing was appended since the last one, or that one is young.

    Raises:
        IntegrityError: the ledger is not the one of the last checkpoint, grown, or does not hold; nothing is written.
        RefusedError: the key may not sign checkpoints.
        LedgerError: the ledger is empty or damaged.
        InputError: the folder cannot be read or written, or holds what is no checkpoint.
    """
    with _alone(folder):
        envelopes = read_kept(folder)
        if envelopes:
            last = claimed(envelopes[-1])
            # A clock that was turned back must not keep checkpoints from being written.
            if abs(at - _time(last.said_at)) < every:
                return None
            wrong = _follows(connection, envelopes[-1])
            if wrong is not None:
                raise _another(folder, wrong)
            if tree_head(connection)[0] == last.size:
                return None
        return _written(folder, signed_checkpoint(connection, key, at, envelopes[-1] if envelopes else None))


def keep_from_afar(server: Remote, folder: Path, signed: Callable[[], Envelope]) -> Path | None:
    """As :func:`keep`, of a ledger that is reached over HTTP: the server has to prove that it grew.

    Args:
        server: Whose ledger it is.
        folder: An existing folder.
        signed: Gives the checkpoint of the ledger as it stands, signed by whoever may.

    Raises:
        As :func:`keep`; LedgerError: the server cannot be reached, or did not answer as aims-gates does.
    """
    with _alone(folder):
        envelopes, envelope = read_kept(folder), signed()
        if envelopes:
            wrong = _unproven(server, claimed(envelopes[-1]), claimed(envelope))
            if wrong is not None:
                raise _another(folder, wrong)
            if claimed(envelope).size == claimed(envelopes[-1]).size:
                return None
        return _written(folder, envelope)


def _unproven(server: Remote, last: Checkpoint, now: Checkpoint) -> str | None:
    """Why the server's tree is not the one of a checkpoint, grown since (RFC 9162, section 2.1.4.2)."""
    if now.size < last.size:
        return f"it holds {now.size} rows and held {last.size} then: rows were removed"
    predicate = server.get("/ledger/consistency", {"first": last.size, "second": now.size})
    try:
        proof = [bytes.fromhex(text) for text in predicate["hashes"]]
    except (KeyError, TypeError, ValueError) as error:
        remedy = "Check the address and its version."
        raise LedgerError(
            "the server did not answer as aims-gates does", where=server.address, remedy=remedy
        ) from error
    old, new = bytes.fromhex(last.root), bytes.fromhex(now.root)
    grown = merkle.verify_consistency(last.size, now.size, proof, old, new)
    return None if grown else f"its first {last.size} rows are not those of then"


def _another(folder: Path, why: str) -> IntegrityError:
    message = f"the ledger is not that of the last checkpoint: {why}"
    return IntegrityError(message, where=str(folder), remedy=_RESTORE)


def _written(folder: Path, envelope: Envelope) -> Path:
    path = folder / f"checkpoint-{claimed(envelope).size:012}.json"
    write_envelope(path, envelope)
    return path


def _time(said_at: str) -> datetime:
    try:
        moment = datetime.fromisoformat(said_at)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
