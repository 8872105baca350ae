"""The whole ledger in one file, verifiable on another machine with no database.

JSON lines: first ``{"export": "aims-gates:export/v1", "root": ..., "size": ...}``, then each row's body as it stands in
the ledger. Like a ledger, an export made anew from its first row on verifies by itself: hold its root against a
checkpoint, or against what the ledger's keeper says.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from sqlalchemy import text

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.documents.canonical import canonical_bytes
from aims_gates.documents.files import replacing
from aims_gates.documents.strict_yaml import MAX_BYTES, read_json
from aims_gates.errors import AimsGatesError, InputError, LedgerError
from aims_gates.ledger import merkle
from aims_gates.ledger.remote import Remote
from aims_gates.ledger.replay import Replay, Verification
from aims_gates.ledger.table import Source, tree_head
from aims_gates.ledger.verify import Progress

__all__ = ["export", "replay_export", "verify_export"]

_FORMAT = "aims-gates:export/v1"
_AGAIN = "Export the ledger again."


def export(connection: Source, path: Path) -> int:
    """Write the ledger to a file, whole or not at all; gives the number of rows.

    Raises:
        LedgerError: the ledger is damaged.
        InputError: the file cannot be written.
    """
    size, root = tree_head(connection)
    try:
        with replacing(path) as part, part.open("wb") as file:
            file.write(canonical_bytes({"export": _FORMAT, "root": root.hex(), "size": size}) + b"\n")
            written = sum(file.write(line) > 0 for line in _lines(connection))
            if written != size:
                raise LedgerError(
                    f"the head says {size} rows and there are {written}", remedy="Run: aims-gates ledger verify"
                )
    except OSError as error:
        raise InputError(
            f"cannot be written: {error.strerror}", where=str(path), remedy="Choose another place."
        ) from error
    return size


def _bodies(connection: Source) -> Iterable[Any]:
    if isinstance(connection, Remote):
        return connection.everything()
    query = text("SELECT position, body FROM aims_ledger ORDER BY position")
    return connection.execute(query, execution_options={"yield_per": 500})


def _lines(connection: Source) -> Iterator[bytes]:
    for position, body in _bodies(connection):
        if not isinstance(body, str) or "\n" in body or "\r" in body:
            where = f"ledger row {position}"
            raise LedgerError("not a ledger row", where=where, remedy="Run: aims-gates ledger verify")
        yield body.encode() + b"\n"


def verify_export(path: Path, checkpoints: Sequence[Envelope] = (), progress: Progress | None = None) -> Verification:
    """Go through an exported ledger, line by line. Damage is reported, never raised.

    Args:
        path: The file.
        checkpoints: Signed before and kept elsewhere.
        progress: Called with rows done and rows in all, now and then.

    Raises:
        InputError: the file cannot be read at all.
    """
    return replay_export(path, checkpoints, progress).finish()


def replay_export(path: Path, checkpoints: Sequence[Envelope] = (), progress: Progress | None = None) -> Replay:
    """As :func:`verify_export`, with what it came to."""
    replay = Replay(checkpoints)
    try:
        with path.open("rb") as file:
            header = _header(file, replay)
            _replay(file, replay, header.get("size", 0), progress)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror}", where=str(path), remedy="Check the path.") from error
    result = {"export": _FORMAT, "root": merkle.root_of_frontier(replay.frontier).hex(), "size": replay.size}
    if header and header != result:
        message = f"size {header.get('size')} and its root are not those of the {replay.size} rows"
        replay.problem("line 1", message, f"Rows were removed, added, edited or swapped. {_AGAIN}")
    return replay


def _header(file: BinaryIO, replay: Replay) -> dict[str, Any]:
    try:
        value = read_json(file.readline(MAX_BYTES), "line 1").value
    except AimsGatesError:
        value = None
    if not isinstance(value, dict) or value.get("export") != _FORMAT or not isinstance(value.get("size"), int):
        replay.problem("line 1", "not an export of ours", _AGAIN)
        return {}
    return value


def _replay(file: BinaryIO, replay: Replay, size: int, progress: Progress | None) -> None:
    # A row's body is at most MAX_BYTES long; a longer line is read in pieces, none of which is a row.
    while line := file.readline(MAX_BYTES + 2):
        try:
            body: str | None = line.decode().removesuffix("\n")
        except UnicodeDecodeError:
            body = None
        replay.take(replay.size, body)
        if progress is not None and replay.size % 500 == 0:
            progress(replay.size, size)
    if progress is not None:
        progress(replay.size, size)
