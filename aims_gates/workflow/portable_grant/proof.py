"""What a portable grant proves: two signatures, the lists of trust, and rows in one tree."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from aims_gates.attestation.signing.envelope import Envelope, Statement, open_envelope
from aims_gates.attestation.statements.evidence import Checkpoint, PortableGrant
from aims_gates.attestation.statements.policy import TrustedKey
from aims_gates.attestation.statements.registry import Grant
from aims_gates.attestation.statements.types import may_sign, type_of
from aims_gates.attestation.statements.wording import predicate_of
from aims_gates.attestation.trust_list import Row, TrustHistory, alike
from aims_gates.errors import AimsGatesError, InputError, IntegrityError
from aims_gates.ledger import merkle
from aims_gates.ledger.checkpoint import claimed
from aims_gates.ledger.replay import trust_digest
from aims_gates.ledger.row import TRUST_TYPES, unwrap, verified
from aims_gates.model import Evidence
from aims_gates.workflow.portable_grant.file import File, TreeRow

__all__ = ["Proven", "instant", "proven"]

_AGAIN = "Have it issued again: aims-gates grant export; if it was edited, find out by whom."
#: What a portable grant repeats of the grant's own row.
_REPEATED = ("workspace", "name", "version", "alias", "digest", "mode", "transition")


@dataclass(frozen=True)
class Proven:
    """What holds, whatever it is worth.

    Attributes:
        statement: The issuer's statement.
        issuers, attesters: Trusted keys that signed it, and the checkpoint; at least one of each, of two people.
        past: The lists of trust and key revocations before the checkpoint.
        grant, basis: The rows in the checkpoint's tree.
    """

    statement: PortableGrant
    issuers: tuple[TrustedKey, ...]
    attesters: tuple[TrustedKey, ...]
    past: TrustHistory
    grant: Row
    basis: tuple[Row, ...]


def proven(file: File, trusted: Iterable[str], where: str) -> Proven:
    """Check a portable grant against itself and the keys that are trusted. Any doubt is an error.

    Args:
        file: As read.
        trusted: Public keys (hex) that whoever deploys trusts.
        where: The file's name, for messages.

    Raises:
        IntegrityError: a signature, an audit path or a list of trust does not hold, or a signer may not say this.
        InputError: a statement is malformed.
    """
    keys = frozenset(trusted)
    signed, signers = open_envelope(Envelope.from_json(file.envelope, where), keys, where)
    statement = predicate_of(signed)
    if not isinstance(statement, PortableGrant) or signed.subject != statement.digest:
        raise IntegrityError("not a portable grant", where=where, remedy=_AGAIN)
    place = f"{where}: checkpoint"
    envelope = Envelope.from_json(file.checkpoint, place)
    head = claimed(envelope, place)
    attested, attesters = open_envelope(envelope, keys, place)
    if (statement.size, statement.root) != (head.size, head.root):
        raise IntegrityError("the issuer signed for another tree than the checkpoint's", where=where, remedy=_AGAIN)
    past = _trust(file, head, where)
    issuers = _speakers(past, head.size, instant(statement.said_at, where), signed, signers)
    issuers = tuple(entry for entry in issuers if not _makes_evidence(entry))
    witnesses = _speakers(past, head.size, instant(head.said_at, place), attested, attesters)
    _two_people(issuers, witnesses, where)
    grant = _row(file.grant, head, past, where)
    basis = tuple(_row(carried, head, past, where) for carried in file.basis)
    _same(statement, grant, basis, where)
    return Proven(statement, issuers, witnesses, past, grant, basis)


def instant(iso: str, where: str) -> datetime:
    """An ISO time with its zone.

    Raises:
        IntegrityError: it is none.
    """
    try:
        time = datetime.fromisoformat(iso)
    except ValueError as error:
        raise IntegrityError("it was signed at no time", where=where, remedy=_AGAIN) from error
    if time.tzinfo is None:
        raise IntegrityError("it was signed at a time without a zone", where=where, remedy=_AGAIN)
    return time.astimezone(UTC)


def _trust(file: File, head: Checkpoint, where: str) -> TrustHistory:
    """The lists of trust, exactly those by which the checkpoint's signer verified the ledger."""
    past, digest, last = TrustHistory(), "", -1
    try:
        for carried in file.trust:
            row = verified(unwrap(carried.body, where), carried.position, past.keys() or None)
            if not last < row.position < head.size or row.type not in TRUST_TYPES:
                raise IntegrityError("a row among the lists of trust is none", where=where, remedy=_AGAIN)
            past.take(row)
            digest, last = trust_digest(digest, row.position, merkle.leaf_hash(carried.body.encode())), row.position
    except AimsGatesError as error:
        raise IntegrityError(f"a list of trust does not hold: {error.message}", where=where, remedy=_AGAIN) from error
    if not digest or digest != head.trust:
        message = "the lists of trust are not those of the checkpoint"
        raise IntegrityError(message, where=where, remedy=_AGAIN)
    return past


def _speakers(
    past: TrustHistory, size: int, at: datetime, statement: Statement, signers: tuple[str, ...]
) -> tuple[TrustedKey, ...]:
    """The signers who might say this after the last row of the tree."""
    return tuple(past.holders(Row(size, at, statement, signers)))


def _makes_evidence(entry: TrustedKey) -> bool:
    return any(may_sign(role, type_of(Evidence)) for role in entry.roles)


def _two_people(issuers: tuple[TrustedKey, ...], witnesses: tuple[TrustedKey, ...], where: str) -> None:
    if not issuers:
        message = "its issuer is no policy owner and no server, or makes evidence too"
        raise IntegrityError(message, where=where, remedy="Have it issued by the registry's server or a policy owner.")
    if not witnesses:
        remedy = "Use a checkpoint signed with the role policy, ci or server."
        raise IntegrityError("the signer of its checkpoint may not sign one", where=where, remedy=remedy)
    pairs = ((one, other) for one in issuers for other in witnesses)
    if not any(one.key != other.key and alike(one.person) != alike(other.person) for one, other in pairs):
        message = "its issuer signed the checkpoint too: two different people must sign, each with a key of their own"
        raise IntegrityError(
            message, where=where, remedy="Have it issued again on a checkpoint that somebody else signed."
        )


def _row(carried: TreeRow, head: Checkpoint, past: TrustHistory, where: str) -> Row:
    try:
        path, root = [bytes.fromhex(node) for node in carried.path], bytes.fromhex(head.root)
    except ValueError as error:
        raise IntegrityError("an audit path cannot be read", where=where, remedy=_AGAIN) from error
    leaf = merkle.leaf_hash(carried.body.encode("utf-8", "surrogatepass"))
    if not merkle.verify_inclusion(carried.position, head.size, leaf, path, root):
        message = f"row {carried.position} does not stand in the checkpoint's tree"
        raise IntegrityError(message, where=where, remedy=_AGAIN)
    try:
        return verified(unwrap(carried.body, where), carried.position, past.keys())
    except InputError as error:
        raise IntegrityError(f"a row cannot be read: {error.message}", where=where, remedy=_AGAIN) from error


def _same(statement: PortableGrant, grant: Row, basis: tuple[Row, ...], where: str) -> None:
    """The rows are the ones that the issuer signed for."""
    granted = grant.predicate
    if (
        not isinstance(granted, Grant)
        or (grant.digest, grant.position) != (statement.grant, statement.position)
        or grant.at.isoformat(timespec="seconds") != statement.granted_at
        or any(getattr(granted, name) != getattr(statement, name) for name in _REPEATED)
        or tuple(row.digest for row in basis) != statement.basis
    ):
        raise IntegrityError("its rows are not those that were signed for", where=where, remedy=_AGAIN)
