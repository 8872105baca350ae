"""Going through a whole ledger: tree, signatures, who may say what, index, checkpoints. It reports and never mends.

A ledger verifies by itself when nobody edited, removed, added or swapped rows without making the whole of it anew; that
is what checkpoints kept elsewhere are for. Time is linear in the rows; memory is about 100 bytes for each.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.errors import AimsGatesError
from aims_gates.ledger import merkle
from aims_gates.ledger.checkpoint import claimed, tree_of
from aims_gates.ledger.replay import MOST, Replay, Verification
from aims_gates.ledger.row import read_body
from aims_gates.ledger.table import select, tree_head

__all__ = ["Progress", "begun", "follow_trust", "go_through", "verify"]

_FROM = " WHERE position >= :begin"
_UNTIL = f"{_FROM} AND position < :end"
#: Before every row, and before what somebody planted.
_ALL = -(2**63)
#: Rows fetched at once.
_BATCH = 2_000
Progress = Callable[[int, int], None]


def verify(
    connection: Connection,
    checkpoints: Sequence[Envelope] = (),
    progress: Progress | None = None,
    since: Envelope | None = None,
    attested: int = 0,
) -> Verification:
    """Go through a ledger in its database. Damage is reported, never raised.

    Args:
        connection: To the registry's database.
        checkpoints: Signed before and kept elsewhere (:func:`aims_gates.ledger.checkpoint.read_checkpoint`).
        progress: Called with rows done and rows in all, now and then.
        since: The checkpoint to begin from. Rows before it are not read, but for the trust lists; that they lead to the
            tree's root is shown by those after it. Whether they are still as they were, the whole verification shows.
        attested: Rows before this one are verified by their bytes, since one of ``checkpoints`` attests what they say
            (:func:`aims_gates.ledger.attest.attested`). Where anything does not hold, all statements are verified after
            all, which names the row.

    Raises:
        InputError: the checkpoint to begin from does not carry what later rows are appended to.
    """
    if attested and since is None:
        verification = _verify(connection, Replay(checkpoints, attested=attested), progress)
        if verification.ok:
            return verification
    replay = Replay(checkpoints) if since is None else begun(connection, checkpoints, since)
    return _verify(connection, replay, progress)


def _verify(connection: Connection, replay: Replay, progress: Progress | None) -> Verification:
    try:
        size, root = tree_head(connection)
    except (AimsGatesError, SQLAlchemyError) as error:
        replay.problem("the head", _brief(error))
        size, root = -1, b""
    try:
        go_through(connection, replay, size, progress)
    except SQLAlchemyError as error:
        replay.problem(f"after {replay.size} rows", f"the database cannot be read: {_brief(error)}")
    if size >= 0 and (size, root) != (replay.size, merkle.root_of_frontier(replay.frontier)):
        message = f"size {size} and root {root.hex()[:16]}... are not those of the {replay.size} rows"
        replay.problem("the head", message)
    return replay.finish()


def begun(connection: Connection, checkpoints: Sequence[Envelope], since: Envelope) -> Replay:
    """The replay as it stood at a checkpoint.

    Raises:
        InputError: the checkpoint does not carry its tree.
    """
    checkpoint = claimed(since)
    frontier = tree_of(checkpoint)
    replay = Replay((*checkpoints, since), checkpoint.size, frontier)
    replay.roots[checkpoint.size] = merkle.root_of_frontier(frontier)
    try:
        follow_trust(connection, replay)
    except (AimsGatesError, SQLAlchemyError) as error:
        replay.problem("the trust list", _brief(error))
    if checkpoint.trust not in ("", replay.trust):
        replay.problem(
            "the trust list", f"the lists of trust before row {checkpoint.size} are not those of the checkpoint"
        )
    return replay


def follow_trust(connection: Connection, replay: Replay) -> None:
    """Take the trust lists and key revocations before where a replay stands, as the index names them.

    Raises:
        AimsGatesError: one of them does not hold.
    """
    for position, body in select(connection, ("trust",)):
        if position < replay.size:
            row = read_body(body, position, replay.past.keys() or None)
            replay.follow(row, merkle.leaf_hash(body.encode()))


def _brief(error: Exception) -> str:
    message = error.message if isinstance(error, AimsGatesError) else str(getattr(error, "orig", None) or error)
    return message.splitlines()[0]


def go_through(
    connection: Connection, replay: Replay, size: int, progress: Progress | None = None, *, last: bool = True
) -> None:
    """Take the rows from where a replay stands.

    Args:
        connection: To the registry's database.
        replay: Where to begin, and where problems are noted.
        size: Where to end; negative where the head does not say.
        progress: As for :func:`verify`.
        last: Whether nothing may stand after ``size``; otherwise what does is not looked at.
    """
    expected = begin = replay.size
    where, bounds = _FROM if last else _UNTIL, {"begin": begin or _ALL} | ({} if last else {"end": size})
    index = _Index(connection, where, bounds)
    query = text(f"SELECT position, leaf, body FROM aims_ledger{where} ORDER BY position")
    cursor_result = connection.execute(query, bounds, execution_options={"yield_per": _BATCH})
    for position, leaf, body in cursor_result:
        place = f"ledger row {position}"
        _missing(replay, expected, min(position, size))
        expected = max(expected, position + 1)
        if size >= 0 and not 0 <= position < size:
            replay.problem(place, f"it stands outside the tree of {size} rows: it was not appended by us")
        row, terms = replay.take(position, body)
        if row.hex() != leaf and isinstance(body, str):
            replay.problem(place, "the row was edited: its bytes are not those of its leaf")
        index.compare(position, terms, replay)
        if progress is not None and replay.size % 500 == 0:
            progress(replay.size, size)
    _missing(replay, expected, size)
    index.rest(replay)
    if progress is not None:
        progress(replay.size, size)


def _missing(replay: Replay, first: int, end: int) -> None:
    """Tell of the rows that are not there; a forged head may claim more of them than could ever be told."""
    end_of_batch = min(end, first + MOST)
    for absent in range(first, end_of_batch):
        replay.problem(f"ledger row {absent}", "the row is missing")
    replay.untold += max(end - max(end_of_batch, first), 0)


class _Index:
    """The index as it is, beside the index as it must be."""

    def __init__(self, connection: Connection, where: str, bounds: dict[str, int]) -> None:
        query = text(f"SELECT position, term FROM aims_index{where} ORDER BY position")
        cursor_result = connection.execute(query, bounds, execution_options={"yield_per": _BATCH})
        self._entries: Iterator[Any] = iter(cursor_result)
        self._next: Any = next(self._entries, None)

    def _until(self, position: int) -> Iterable[tuple[Any, str]]:
        # What is no number sorts after all numbers: rest() tells of it.
        while self._next is not None and isinstance(self._next[0], int | float) and self._next[0] <= position:
            yield self._next[0], self._next[1]
            self._next = next(self._entries, None)

    def compare(self, position: int, terms: set[str] | None, replay: Replay) -> None:
        """Compare the entries up to this row with those it must have; None is a row that is a problem anyhow."""
        wrong: set[str] = set()
        for place, term in self._until(position):
            if place == position and terms is None:
                continue
            if place != position or terms is None or term not in terms:
                message = f"the index wrongly lists it under {term!r}"
                replay.problem(f"ledger row {place}", message, "Remove the entry, and ask who made it.")
            else:
                wrong.add(term)
        for term in sorted((terms or wrong) - wrong):
            message = f"the index does not list it under {term!r}: decisions do not see it"
            replay.problem(f"ledger row {position}", message, "Decide nothing until it is restored from a backup.")

    def rest(self, replay: Replay) -> None:
        """Entries after the last row."""
        left = () if self._next is None else chain([self._next], self._entries)
        for place, term in left:
            message = f"the index lists it under {term!r} and there is no such row"
            replay.problem(f"ledger row {place}", message)
