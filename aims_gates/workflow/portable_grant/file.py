"""The file of a portable grant: its shape."""

from pathlib import Path
from typing import Any

from aims_gates.documents.schema import StrictModel
from aims_gates.documents.strict_yaml import parse, read_bytes, read_json
from aims_gates.errors import InputError, StaleError

__all__ = ["FORMAT", "LONGEST_DAYS", "File", "TreeRow", "TrustRow", "read_file"]

#: The longest a portable grant may be relied on: what is revoked meanwhile it cannot know.
LONGEST_DAYS = 180
FORMAT = "aims-gates:portable-grant/v2"
_FIRST_FORMAT = "aims-gates:portable-grant/v1"
#: The lists of trust of many years are larger than other documents.
_MOST_BYTES = 16 * 1024**2


class TrustRow(StrictModel):
    """A list of trust or a key revocation, as the ledger holds it."""

    position: int
    body: str


class TreeRow(TrustRow):
    """A row with its audit path, from the bottom (hex)."""

    path: tuple[str, ...]


class File(StrictModel):
    """A portable grant as written.

    Attributes:
        envelope: The issuer's statement, a :class:`~aims_gates.attestation.statements.evidence.PortableGrant`.
        checkpoint: A checkpoint of the ledger, signed by another.
        grant: The grant's row.
        basis: The rows that the grant rests on, in the ledger's order.
        trust: All lists of trust and key revocations before the checkpoint, in order.
    """

    format: str
    envelope: dict[str, Any]
    checkpoint: dict[str, Any]
    grant: TreeRow
    basis: tuple[TreeRow, ...]
    trust: tuple[TrustRow, ...]


def read_file(path: Path) -> File:
    """Read a portable grant; nothing in it is verified.

    Raises:
        InputError: it is none of ours.
        StaleError: version 0.1 wrote it.
    """
    document = read_json(read_bytes(path, _MOST_BYTES), str(path), _MOST_BYTES)
    version = document.value.get("format") if isinstance(document.value, dict) else None
    if version == _FIRST_FORMAT:
        message = "a grant file of version 0.1, which carries neither approvals nor a checkpoint, is not relied on"
        remedy = "Issue it again: aims-gates grant export NAME --out FILE --checkpoint CHECKPOINT --key POLICY.key"
        raise StaleError(message, where=str(path), remedy=remedy)
    if version != FORMAT:
        raise InputError(f"not a portable grant: format {version!r}", where=str(path), remedy=f"Use {FORMAT}.")
    return parse(File, document)
