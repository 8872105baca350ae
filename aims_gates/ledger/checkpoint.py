"""Checkpoints: the ledger's size and root, signed and kept elsewhere.

A checkpoint is what an owner of the database cannot rewrite: a ledger that was cut, or made anew from its first row on,
verifies by itself and fails against one.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from aims_gates.attestation.signing.envelope import Envelope, Statement, open_envelope
from aims_gates.attestation.statements.evidence import Checkpoint
from aims_gates.attestation.statements.wording import predicate_of
from aims_gates.attestation.trust_list import Row, TrustHistory
from aims_gates.documents.files import write_whole
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import AimsGatesError, InputError, IntegrityError
from aims_gates.ledger import merkle

__all__ = ["claimed", "read_checkpoint", "tree_of", "unfit", "write_envelope"]


def write_envelope(path: Path, envelope: Envelope) -> None:
    """Write a checkpoint as JSON, whole or not at all.

    Raises:
        InputError: it cannot be written there.
    """
    write_whole(path, json.dumps(envelope.to_json(), indent=1).encode() + b"\n")


def read_checkpoint(path: Path) -> Envelope:
    """A checkpoint file, its shape checked; its signature is checked against the ledger's trust list.

    Raises:
        InputError, IntegrityError: no checkpoint.
    """
    envelope = Envelope.from_json(read(path).value, str(path))
    claimed(envelope, str(path))
    return envelope


def claimed(envelope: Envelope, where: str = "checkpoint") -> Checkpoint:
    """The size and root that a checkpoint claims, before anybody has looked at its signature.

    Raises:
        InputError, IntegrityError: it is no checkpoint.
    """
    checkpoint = predicate_of(Statement(envelope.payload))
    if not isinstance(checkpoint, Checkpoint) or checkpoint.size < 1:
        remedy = "Pass a file that aims-gates ledger checkpoint wrote."
        raise IntegrityError("not a checkpoint", where=where, remedy=remedy)
    return checkpoint


def tree_of(checkpoint: Checkpoint) -> list[bytes]:
    """What the row after a checkpoint is appended to.

    Raises:
        InputError: the checkpoint does not carry it.
    """
    try:
        frontier = [bytes.fromhex(node) for node in checkpoint.frontier]
    except ValueError:
        frontier = []
    if len(frontier) != checkpoint.size.bit_count() or merkle.root_of_frontier(frontier).hex() != checkpoint.root:
        remedy = "Verify the whole ledger, and make a checkpoint anew: aims-gates ledger checkpoint FILE"
        raise InputError("the checkpoint does not carry its tree", where="--since", remedy=remedy)
    return frontier


def unfit(envelope: Envelope, past: TrustHistory, roots: Mapping[int, bytes], size: int) -> str | None:
    """Why a ledger does not hold against a checkpoint; None where it does.

    Args:
        envelope: The checkpoint.
        past: The ledger's trust lists.
        roots: The ledger's root at the checkpoint's size.
        size: The ledger's size.
    """
    try:
        checkpoint = claimed(envelope)
        place = f"checkpoint of size {checkpoint.size}"
        statement, signers = open_envelope(envelope, past.keys(), place)
        row = Row(checkpoint.size, _at(checkpoint, place), statement, signers)
        if not past.holders(row):
            return f"{place}: its signer may not sign checkpoints. Use one signed with the role policy or ci."
    except AimsGatesError as error:
        return str(error).replace("\n  remedy: ", ". ")
    if checkpoint.size > size:
        return f"{place}: the ledger holds {size} rows now: rows were removed. Restore it from a backup."
    if checkpoint.size not in roots:
        return f"{place}: it is older than the one that was begun from. Verify the whole ledger against it."
    if roots[checkpoint.size].hex() != checkpoint.root:
        return f"{place}: rows before {checkpoint.size} are not those of then. Restore the ledger from a backup."
    return None


def _at(checkpoint: Checkpoint, place: str) -> datetime:
    try:
        day: Any = datetime.fromisoformat(checkpoint.said_at)
    except ValueError:
        day = None
    if day is None or day.tzinfo is None:
        raise IntegrityError("it has no time", where=place, remedy="Make the checkpoint again.")
    at: datetime = day
    return at
