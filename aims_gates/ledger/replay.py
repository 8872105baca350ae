"""A ledger gone through row by row, as it was appended: what :mod:`aims_gates.ledger.verify` does with each row.

A row is verified by its statement (signature, canonical form, who may say it, whether it was said before), or, where a
checkpoint attests that somebody did that, by its bytes: they make the tree, and their index terms are given to compare.
Lists of trust are verified by their statement always.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from aims_gates.attestation.signing.envelope import Envelope
from aims_gates.attestation.statements.policy import TrustedKey
from aims_gates.attestation.statements.types import REGISTRY_ACTS, SAID_FOR
from aims_gates.attestation.trust_list import Row, TrustHistory
from aims_gates.errors import AimsGatesError
from aims_gates.ledger import merkle
from aims_gates.ledger.checkpoint import claimed, unfit
from aims_gates.ledger.row import TRUST_TYPES, skim, terms, unwrap, verified
from aims_gates.ledger.writing import admit

__all__ = ["MOST", "SKEW", "Replay", "Verification", "trust_digest"]

#: How far the clocks of machines that append may differ.
SKEW = timedelta(minutes=5)
#: Problems that are told; the others are counted.
MOST = 1000
_RESTORE = "Compare with an export or a checkpoint kept elsewhere, and restore a backup that verifies."


def trust_digest(before: str, position: int, leaf: bytes) -> str:
    """The digest (hex) of the lists of trust and key revocations, one row further.

    Args:
        before: The digest of the rows before; empty where there are none.
        position, leaf: The row's place and leaf hash.
    """
    return hashlib.sha256(f"{before} {position} {leaf.hex()}".encode()).hexdigest()


@dataclass(frozen=True)
class Verification:
    """What came out.

    Attributes:
        ok: Whether everything holds.
        size: How many rows there are.
        root: The root hash of the tree made from them, hex.
        problems: One sentence each: the row, what is wrong, what to do.
        by_bytes: How many rows were read, hashed into the tree and compared with the index.
        by_statement: Of how many of those the statement was verified too; the others a checkpoint attests.
    """

    ok: bool
    size: int
    root: str
    problems: tuple[str, ...]
    by_bytes: int = field(default=0, compare=False)
    by_statement: int = field(default=0, compare=False)


@dataclass
class Replay:
    """A ledger gone through so far.

    Attributes:
        checkpoints: What it must hold against.
        size, frontier: The tree so far, made from the rows.
        past: The trust lists so far.
        problems: So far; at most :data:`MOST`, the rest in ``untold``.
        roots: At the checkpoints' sizes.
        begin: The first row of the tree, where only a part of the ledger is gone through.
        attested: Rows before this one are verified by their bytes.
        wanted: Sizes at which the tree is remembered, in ``frontiers``.
        earliest, latest: Times of the rows so far.
        said: Who said what so far: half a statement's digest, and a quarter of the key.
        told: What was said in the rows before ``attested``: half a statement's digest.
        trust: Digest (hex) of the trust lists and key revocations so far, with their places.
    """

    checkpoints: Sequence[Envelope] = ()
    size: int = 0
    frontier: list[bytes] = field(default_factory=list)
    past: TrustHistory = field(default_factory=TrustHistory)
    problems: list[str] = field(default_factory=list)
    untold: int = 0
    roots: dict[int, bytes] = field(default_factory=dict)
    begin: int = 0
    attested: int = 0
    wanted: set[int] = field(default_factory=set)
    frontiers: dict[int, list[bytes]] = field(default_factory=dict)
    earliest: datetime | None = None
    latest: datetime | None = None
    said: set[bytes] = field(default_factory=set)
    told: set[bytes] = field(default_factory=set)
    trust: str = ""
    _first: int = field(init=False, repr=False)
    _admitted: dict[tuple[str, tuple[str, ...], str | None, date], tuple[list[TrustedKey], bool]] = field(
        default_factory=dict, init=False, repr=False
    )
    _keys: frozenset[str] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self._first = self.size
        for envelope in self.checkpoints:
            try:
                self.wanted.add(claimed(envelope).size)
            except AimsGatesError:
                continue  # told by finish()

    def problem(self, place: str, message: str, remedy: str = _RESTORE) -> None:
        """Note a problem."""
        if len(self.problems) < MOST:
            self.problems.append(f"{place}: {message}. {remedy}")
        else:
            self.untold += 1

    def take(self, position: int, body: Any) -> tuple[bytes, set[str] | None]:
        """Go on to the next row.

        Returns:
            The row's leaf hash, and the index terms it must have; no terms where it does not hold by itself.
        """
        place = f"ledger row {position}"
        if not isinstance(body, str):
            self.problem(place, "its body is no text")
            body = ""
        leaf = merkle.leaf_hash(body.encode())
        self.frontier = merkle.append(self.frontier, self.size - self.begin, leaf)
        self.size += 1
        if self.size in self.wanted:
            self.frontiers[self.size] = self.frontier
            self.roots[self.size] = merkle.root_of_frontier(self.frontier)
        try:
            attested = self._attested(body, place) if position < self.attested else None
            return leaf, attested or self._stated(position, body, place, leaf)
        except AimsGatesError as error:
            message = error.message if error.where in (None, place) else f"{error.where}: {error.message}"
            self.problem(place, message)
            return leaf, None

    def _attested(self, body: str, place: str) -> set[str] | None:
        """The index terms of a row whose statement a checkpoint attests; None of one that changes whom is trusted."""
        at, statement = skim(body, place)
        words = terms(statement)
        if statement.type in TRUST_TYPES:
            return None
        self._clock(at, place)
        self.told.add(bytes.fromhex(statement.digest[7:39]))
        return words

    def _stated(self, position: int, body: str, place: str, leaf: bytes) -> set[str]:
        """The index terms of a row whose statement holds."""
        parsed_body = unwrap(body, place)
        if not parsed_body.canonical:
            self.problem(place, "it is not in canonical form (RFC 8785)")
        if self._keys is None:
            self._keys = frozenset(self.past.keys())
        row = verified(parsed_body, position, self._keys or None)
        self._clock(row.at, place)
        index = self._sound(row)
        if row.type in TRUST_TYPES:
            self.follow(row, leaf)
        return index

    def follow(self, row: Row, leaf: bytes) -> None:
        """Take a trust list or a key revocation.

        Raises:
            RefusedError, InputError: its signer may not say it, or it is not valid.
        """
        self._admitted.clear()
        self._keys = None
        self.trust = trust_digest(self.trust, row.position, leaf)
        admit(row, self.past)

    def _sound(self, row: Row) -> set[str]:
        """The index terms of a row whose predicate has its shape, that its signers may say and did not say before."""
        row.predicate  # noqa: B018 - refuses another shape
        if row.type in REGISTRY_ACTS:
            if row.signers:
                admit(row, self.past)  # refuses it
            return terms(row.statement)
        user = row.predicate.user if row.type in SAID_FOR else None
        key = row.type, row.signers, user, row.at.date()
        known = self._admitted.get(key)
        if known is None:
            known = self._admitted[key] = self.past.admitted(row), bool(self.past.holders(row))
        entries, holds = known
        self._repeated(row, entries)
        if not holds and row.type not in TRUST_TYPES:
            admit(row, self.past)  # refuses it
        return terms(row.statement)

    def _clock(self, at: datetime, place: str) -> None:
        back = (self.latest or at) - at
        if back > SKEW:
            remedy = "Rows were swapped, or a machine's clock was wrong: look at the clocks, then at an older export."
            self.problem(place, f"its time goes back by {back.total_seconds() / 60:.0f} minutes", remedy)
        self.latest = max(self.latest or at, at)
        self.earliest = min(self.earliest or at, at)

    def _repeated(self, row: Row, entries: Sequence[TrustedKey]) -> None:
        half = bytes.fromhex(row.digest[7:39])
        key_prefixes = {half + bytes.fromhex(entry.key[:16]) for entry in entries}
        if key_prefixes and (key_prefixes <= self.said or half in self.told):
            remedy = "It counts once, at its first place. Ask who wrote it: it was not appended by us."
            self.problem(f"ledger row {row.position}", "its signers said the same before", remedy)
        self.said |= key_prefixes

    def finish(self) -> Verification:
        """The result, the checkpoints looked at."""
        for envelope in self.checkpoints:
            message = unfit(envelope, self.past, self.roots, self.size)
            if message is not None:
                self.problems.append(message)
        if self.untold:
            self.problems.append(f"... and {self.untold} more.")
        root = merkle.root_of_frontier(self.frontier).hex()
        read = self.size - self._first
        stated = self.size - min(max(self.attested, self._first), self.size)
        return Verification(not self.problems, self.size, root, tuple(self.problems), read, stated)
