"""Verifying a long ledger on several processors: segments side by side, joined into one tree.

A segment is verified as :func:`aims_gates.ledger.verify.verify` does, from the trust lists before it. Only a ledger of
which every segment holds is answered from here; where anything does not, the whole is gone through in order, and that
names the row. So both ways give one answer.
"""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import datetime
from multiprocessing import get_context

from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.errors import AimsGatesError
from aims_gates.ledger import merkle
from aims_gates.ledger.replay import SKEW, Replay, Verification
from aims_gates.ledger.table import history, snapshot, tree_head
from aims_gates.ledger.verify import Progress, follow_trust, go_through, verify

__all__ = ["ROWS", "verify_in_processes"]

#: Rows of a segment.
ROWS = 2**14


@dataclass(frozen=True)
class _Job:
    """What a process is to verify: at most ``length`` rows from ``begin``, of ``size`` in all."""

    url: str
    begin: int
    length: int
    size: int
    attested: int
    wanted: set[int]

    @property
    def end(self) -> int:
        """The row after the last."""
        return min(self.begin + self.length, self.size)


@dataclass(frozen=True)
class _Segment:
    """A segment that holds.

    Attributes:
        begin: Its first row.
        frontier: Of the tree of its rows alone; one node where the segment is full.
        frontiers: The same where its tree had the size of a checkpoint.
        earliest, latest: Times of its rows.
        said, told: Who said what in it, as :class:`aims_gates.ledger.replay.Replay` remembers it.
    """

    begin: int
    frontier: list[bytes]
    frontiers: dict[int, list[bytes]]
    earliest: datetime
    latest: datetime
    said: set[bytes]
    told: set[bytes]


def verify_in_processes(
    connection: Connection,
    checkpoints: Sequence[Envelope],
    processes: int,
    progress: Progress | None = None,
    length: int = ROWS,
    attested: int = 0,
) -> Verification:
    """As :func:`aims_gates.ledger.verify.verify` of the whole ledger, in several processes where it is long.

    Args:
        connection: To the registry's database, which other processes can open too.
        checkpoints, progress: As there.
        processes: How many; with one it is this process, a segment after the other.
        length: Rows of a segment, a power of two, so that it is a perfect subtree.
        attested: As there.
    """
    verification, tried = None, False
    try:
        size, root = tree_head(connection)
        if size > length and connection.engine.url.database not in (None, "", ":memory:"):
            tried = True
            whole = Replay(checkpoints, past=history(connection), attested=attested)
            whole.size = size
            places = range(0, size, length)
            jobs = [_Job(_url(connection), begin, length, size, attested, whole.wanted) for begin in places]
            verification = _joined(whole, root, length, _segments(jobs, processes, progress))
    except (AimsGatesError, SQLAlchemyError, BrokenProcessPool, OSError):
        verification = None  # said in order below
    return verification or verify(connection, checkpoints, progress, attested=0 if tried else attested)


def _url(connection: Connection) -> str:
    return connection.engine.url.render_as_string(hide_password=False)


def _segments(jobs: Sequence[_Job], processes: int, progress: Progress | None) -> Iterator[_Segment | None]:
    """Each segment in turn, and nothing after one that does not hold."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) if processes > 1 else nullcontext() as pool:
        for job, segment in zip(jobs, pool.map(_segment, jobs) if pool else map(_segment, jobs), strict=True):
            if progress is not None:
                progress(job.end, job.size)
            yield segment
            if segment is None:
                if pool:
                    pool.shutdown(cancel_futures=True)
                return


def _segment(job: _Job) -> _Segment | None:
    """Verify one segment in this process; None where anything is wrong with it."""
    engine = create_engine(job.url)
    try:
        with engine.begin() as connection:
            snapshot(connection)
            replay = Replay(size=job.begin, begin=job.begin, attested=job.attested, wanted=job.wanted)
            follow_trust(connection, replay)
            go_through(connection, replay, job.end, last=job.end == job.size)
    finally:
        engine.dispose()
    if replay.problems or replay.size != job.end or replay.earliest is None or replay.latest is None:
        return None
    state = job.begin, replay.frontier, replay.frontiers, replay.earliest, replay.latest, replay.said, replay.told
    return _Segment(*state)


def _again(whole: Replay, segment: _Segment) -> bool:
    """Whether the segment may hold what was said before it."""
    return bool(whole.said & segment.said or (whole.told and {prefix[:16] for prefix in segment.said} & whole.told))


def _joined(whole: Replay, root: bytes, length: int, segments: Iterable[_Segment | None]) -> Verification | None:
    """The whole from its segments; None where it does not hold."""
    for segment in segments:
        if segment is None or _again(whole, segment) or (whole.latest and whole.latest - segment.earliest > SKEW):
            return None
        whole.latest = max(whole.latest or segment.latest, segment.latest)
        whole.said |= segment.said
        whole.told |= segment.told
        whole.roots |= {at: merkle.root_of_frontier(whole.frontier + then) for at, then in segment.frontiers.items()}
        if segment.begin + length <= whole.size:
            # A full segment is one leaf of the tree of segments, which has the same shape.
            whole.frontier = merkle.append(whole.frontier, segment.begin // length, *segment.frontier)
        else:
            whole.frontier = whole.frontier + segment.frontier
    verification = whole.finish()
    return verification if verification.ok and verification.root == root.hex() else None
