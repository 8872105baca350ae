"""Going through a whole ledger: tree, signatures, who may say what, index, checkpoints. It reports and never mends.

A ledger verifies by itself when nobody edited, removed, added or swapped rows without making the whole of it anew; that
is what checkpoints kept elsewhere are for. Time is linear in the rows; memory is about 100 bytes for each.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import SQLAlchemyError

from aims_gates.canonical import is_canonical
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.evidence import Envelope
from aims_gates.ledger import merkle
from aims_gates.ledger.checkpoint import claimed, unfit
from aims_gates.ledger.table import admit, history, is_plain, read_body, rows, terms, tree_head
from aims_gates.predicates import REGISTRY_ACTS
from aims_gates.trust import Row, TrustHistory

__all__ = ["SKEW", "Progress", "Replay", "Verification", "go_through", "verify"]

#: How far the clocks of machines that append may differ.
SKEW = timedelta(minutes=5)
#: Problems that are told; the others are counted.
MOST = 1000
_RESTORE = "Compare with an export or a checkpoint kept elsewhere, and restore a backup that verifies."
_FROM = " WHERE position >= :begin"
_UNTIL = f"{_FROM} AND position < :end"
#: Before every row, and before what somebody planted.
_ALL = -(2**63)
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Verification:
    """What came out.

    Attributes:
        ok: Whether everything holds.
        size: How many rows there are.
        root: The root hash of the tree made from them, hex.
        problems: One sentence each: the row, what is wrong, what to do.
    """

    ok: bool
    size: int
    root: str
    problems: tuple[str, ...]


@dataclass
class Replay:
    """A ledger gone through row by row, as it was appended.

    Attributes:
        checkpoints: What it must hold against.
        size, frontier: The tree so far, made from the rows.
        past: The trust lists so far.
        problems: So far; at most :data:`MOST`, the rest in ``untold``.
        roots: At the checkpoints' sizes.
        begin: The first row of the tree, where only a part of the ledger is gone through.
        wanted: Sizes at which the tree is remembered, in ``frontiers``.
        earliest, latest: Times of the rows so far.
        said: Who said what so far: half a statement's digest, and a quarter of the key.
    """

    checkpoints: Sequence[Envelope] = ()
    size: int = 0
    frontier: list[bytes] = field(default_factory=list)
    past: TrustHistory = field(default_factory=TrustHistory)
    problems: list[str] = field(default_factory=list)
    untold: int = 0
    roots: dict[int, bytes] = field(default_factory=dict)
    begin: int = 0
    wanted: set[int] = field(default_factory=set)
    frontiers: dict[int, list[bytes]] = field(default_factory=dict)
    earliest: datetime | None = None
    latest: datetime | None = None
    said: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        for envelope in self.checkpoints:
            try:
                self.wanted.add(claimed(envelope).size)
            except AimsGatesError:
                continue  # told by finish()

    def problem(self, place: str, said: str, remedy: str = _RESTORE) -> None:
        """Note a problem."""
        if len(self.problems) < MOST:
            self.problems.append(f"{place}: {said}. {remedy}")
        else:
            self.untold += 1

    def take(self, position: int, body: Any) -> set[str] | None:
        """Go on to the next row; gives the index terms it must have, None when it does not hold by itself."""
        place = f"ledger row {position}"
        if not isinstance(body, str):
            self.problem(place, "its body is no text")
            body = ""
        self.frontier = merkle.append(self.frontier, self.size - self.begin, merkle.leaf_hash(body.encode()))
        self.size += 1
        if self.size in self.wanted:
            self.frontiers[self.size] = self.frontier
            self.roots[self.size] = merkle.root_of_frontier(self.frontier)
        try:
            row = self._row(body, position)
            self._clock(row, place)
            self._repeated(row, place)
            found = terms(row.statement, row.predicate)
            admit(row, self.past)
        except AimsGatesError as error:
            message = error.message if error.where in (None, place) else f"{error.where}: {error.message}"
            self.problem(place, message)
            return None
        return found

    def _row(self, body: str, position: int) -> Row:
        row = read_body(body, position, self.past.keys() or None)
        if not is_plain(body) and not is_canonical(json.loads(body), body.encode()):
            self.problem(f"ledger row {position}", "it is not in canonical form (RFC 8785)")
        return row

    def _clock(self, row: Row, place: str) -> None:
        back = (self.latest or row.at) - row.at
        if back > SKEW:
            remedy = "Rows were swapped, or a machine's clock was wrong: look at the clocks, then at an older export."
            self.problem(place, f"its time goes back by {back.total_seconds() / 60:.0f} minutes", remedy)
        self.latest = max(self.latest or row.at, row.at)
        self.earliest = min(self.earliest or row.at, row.at)

    def _repeated(self, row: Row, place: str) -> None:
        if row.type in REGISTRY_ACTS:
            return
        said = {bytes.fromhex(row.digest[7:39] + entry.key[:16]) for entry in self.past.admitted(row)}
        if said and said <= self.said:
            remedy = "It counts once, at its first place. Ask who wrote it: it was not appended by us."
            self.problem(place, "its signers said the same before", remedy)
        self.said |= said

    def finish(self) -> Verification:
        """The result, the checkpoints looked at."""
        for envelope in self.checkpoints:
            said = unfit(envelope, self.past, self.roots, self.size)
            if said is not None:
                self.problems.append(said)
        if self.untold:
            self.problems.append(f"... and {self.untold} more.")
        root = merkle.root_of_frontier(self.frontier).hex()
        return Verification(not self.problems, self.size, root, tuple(self.problems))


def verify(
    connection: Connection,
    checkpoints: Sequence[Envelope] = (),
    progress: Progress | None = None,
    since: Envelope | None = None,
) -> Verification:
    """Go through a ledger in its database. Damage is reported, never raised.

    Args:
        connection: To the registry's database.
        checkpoints: Signed before and kept elsewhere (:func:`aims_gates.ledger.checkpoint.read_checkpoint`).
        progress: Called with rows done and rows in all, now and then.
        since: The checkpoint to begin from. Rows before it are not read, but for the trust lists; that they lead to the
            tree's root is shown by those after it. Whether they are still as they were, the whole verification shows.

    Raises:
        InputError: the checkpoint to begin from does not carry what later rows are appended to.
    """
    replay = Replay(checkpoints) if since is None else _begun(connection, checkpoints, since)
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
        said = f"size {size} and root {root.hex()[:16]}... are not those of the {replay.size} rows"
        replay.problem("the head", said)
    return replay.finish()


def _begun(connection: Connection, checkpoints: Sequence[Envelope], since: Envelope) -> Replay:
    """The replay as it stood at a checkpoint."""
    said = claimed(since)
    try:
        frontier = [bytes.fromhex(node) for node in said.frontier]
    except ValueError:
        frontier = []
    if len(frontier) != said.size.bit_count() or merkle.root_of_frontier(frontier).hex() != said.root:
        remedy = "Verify the whole ledger, and make a checkpoint anew: aims-gates ledger checkpoint FILE"
        raise InputError("the checkpoint does not carry its tree", where="--since", remedy=remedy)
    replay = Replay((*checkpoints, since), said.size, frontier)
    replay.roots[said.size] = merkle.root_of_frontier(frontier)
    try:
        for row in rows(connection, ("trust",), history(connection).keys()):
            if row.position < said.size:
                replay.past.take(row)
    except (AimsGatesError, SQLAlchemyError) as error:
        replay.problem("the trust list", _brief(error))
    return replay


def _brief(error: Exception) -> str:
    said = error.message if isinstance(error, AimsGatesError) else str(getattr(error, "orig", None) or error)
    return said.splitlines()[0]


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
    found = connection.execute(query, bounds, execution_options={"yield_per": 500})
    for position, leaf, body in found:
        place = f"ledger row {position}"
        _missing(replay, expected, min(position, size))
        expected = max(expected, position + 1)
        if size >= 0 and not 0 <= position < size:
            replay.problem(place, f"it stands outside the tree of {size} rows: it was not appended by us")
        wanted = replay.take(position, body)
        if isinstance(body, str) and merkle.leaf_hash(body.encode()).hex() != leaf:
            replay.problem(place, "the row was edited: its bytes are not those of its leaf")
        index.compare(position, wanted, replay)
        if progress is not None and replay.size % 500 == 0:
            progress(replay.size, size)
    _missing(replay, expected, size)
    index.rest(replay)
    if progress is not None:
        progress(replay.size, size)


def _missing(replay: Replay, first: int, end: int) -> None:
    """Tell of the rows that are not there; a forged head may claim more of them than could ever be told."""
    told = min(end, first + MOST)
    for absent in range(first, told):
        replay.problem(f"ledger row {absent}", "the row is missing")
    replay.untold += max(end - max(told, first), 0)


class _Index:
    """The index as it is, beside the index as it must be."""

    def __init__(self, connection: Connection, where: str, bounds: dict[str, int]) -> None:
        query = text(f"SELECT position, term FROM aims_index{where} ORDER BY position")
        found = connection.execute(query, bounds, execution_options={"yield_per": 500})
        self._entries: Iterator[Any] = iter(found)

    def _until(self, position: int) -> Iterable[tuple[Any, str]]:
        for entry in self._entries:
            # What is no number sorts after all numbers: rest() tells of it.
            if not isinstance(entry[0], int | float) or entry[0] > position:
                self._entries = chain([entry], self._entries)
                return
            yield entry[0], entry[1]

    def compare(self, position: int, wanted: set[str] | None, replay: Replay) -> None:
        """Compare the entries up to this row with those it must have; None is a row that is a problem anyhow."""
        found: set[str] = set()
        for place, term in self._until(position):
            if place == position and wanted is None:
                continue
            if place != position or wanted is None or term not in wanted:
                said = f"the index wrongly lists it under {term!r}"
                replay.problem(f"ledger row {place}", said, "Remove the entry, and ask who made it.")
            else:
                found.add(term)
        for term in sorted((wanted or found) - found):
            said = f"the index does not list it under {term!r}: decisions do not see it"
            replay.problem(f"ledger row {position}", said, "Decide nothing until it is restored from a backup.")

    def rest(self, replay: Replay) -> None:
        """Entries after the last row."""
        for place, term in self._entries:
            said = f"the index lists it under {term!r} and there is no such row"
            replay.problem(f"ledger row {place}", said)
