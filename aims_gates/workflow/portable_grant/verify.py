"""Checking a portable grant where the model is deployed."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from aims_gates.attestation.statements.evidence import PortableGrant
from aims_gates.attestation.trust_list import day
from aims_gates.documents.canonical import check_left_out, folder_digest
from aims_gates.errors import InputError, IntegrityError, RefusedError
from aims_gates.workflow.portable_grant.basis import Basis, weighed
from aims_gates.workflow.portable_grant.file import LONGEST_DAYS, File, read_file
from aims_gates.workflow.portable_grant.proof import Proven, instant, proven

__all__ = ["ACCEPTABLE", "VerifiedGrant", "checked", "verify_grant"]

#: Ways into production without approvals; whoever deploys must name the one they accept.
ACCEPTABLE: Mapping[str, str] = {
    "break-glass": "it was promoted by break-glass, against unmet controls",
    "adopted": "it was adopted as found: nobody asked for evidence, and nobody approved it",
}


@dataclass(frozen=True)
class VerifiedGrant:
    """A portable grant that was checked.

    Attributes:
        said: What its issuer says.
        signers: The trusted public keys (hex) of issuers whose signature holds.
        checkpoint_signers: The same of the checkpoint.
        people: Whose word the grant rests on: ``person``, ``role``, ``said``, ``at`` for each.
        origin: How the bytes first came into production: ``production``, ``break-glass`` or ``adopted``.
    """

    said: PortableGrant
    signers: tuple[str, ...]
    checkpoint_signers: tuple[str, ...]
    people: tuple[dict[str, str], ...]
    origin: str


def verify_grant(
    path: Path, folder: Path, trusted: tuple[str, ...], now: datetime, accepted: Collection[str] = ()
) -> VerifiedGrant:
    """Check a portable grant against a model's folder. Any doubt is an error.

    Args:
        path: The file.
        folder: The model's folder, as deployed.
        trusted: Public keys (hex) that whoever deploys trusts: the issuer's, and that of another who signed the
            checkpoint.
        now: The time, with a zone.
        accepted: Those of :data:`ACCEPTABLE` that may pass.

    Raises:
        InputError: fewer than two trusted keys are named, or the file is none of ours.
        StaleError: version 0.1 wrote the file.
        IntegrityError: signature, audit path, approvals or bytes do not hold, or it was to be relied on for too long.
        RefusedError: its last day has passed, it is from the future, or its controls were not enforced.
    """
    file = read_file(path)
    if len(set(trusted)) < 2:
        remedy = "Name the issuer's and the checkpoint signer's: --trusted-key FILE.pub twice, or trusted_keys."
        message = f"{len(set(trusted)) or 'no'} trusted key is named, and two different people sign a portable grant"
        raise InputError(message, where=str(path), remedy=remedy)
    proof, basis = checked(file, trusted, now, str(path))
    _in_time(proof.statement, now, str(path))
    _enforced(basis, accepted, str(path))
    check_left_out(folder)
    digest = folder_digest(folder)
    if digest != proof.statement.digest:
        remedy = "Do not load it. Fetch the released copy again."
        message = f"these are other bytes: {digest}, granted {proof.statement.digest}"
        raise IntegrityError(message, where=str(folder), remedy=remedy)
    signers, attesters = ({entry.key for entry in keys} for keys in (proof.issuers, proof.attesters))
    origin = basis.origin.predicate.transition
    return VerifiedGrant(proof.statement, tuple(sorted(signers)), tuple(sorted(attesters)), basis.people, origin)


def checked(file: File, trusted: Collection[str], now: datetime, where: str) -> tuple[Proven, Basis]:
    """What of a portable grant does not hang on the day, the folder, or what somebody accepts.

    Raises:
        IntegrityError: something does not hold.
        RefusedError: it is from the future, or its controls were not enforced.
    """
    proof = proven(file, trusted, where)
    statement, issued = proof.statement, instant(proof.statement.said_at, where)
    if issued > now + timedelta(minutes=5):
        raise RefusedError("it was issued in the future", where=where, remedy="Check the clock.")
    _not_too_long(proof, issued, where)
    if statement.mode != "enforce":
        raise _unenforced(statement.mode, where)
    return proof, weighed(proof.past, proof.grant, proof.basis, statement.required, where)


def _unenforced(mode: str, where: str) -> RefusedError:
    message = f"it was granted in mode {mode}: its criteria were not enforced"
    return RefusedError(message, where=where, remedy="Promote it again with the system's mode at enforce.")


def _not_too_long(proof: Proven, issued: datetime, where: str) -> None:
    """Refuse what nobody who issues by the rules would have signed."""
    last, ends = day(proof.statement.until), proof.grant.predicate.expires
    limit: date | None = None if ends is None else day(ends)
    beyond = ends is not None and (limit is None or last is None or last > limit)
    if last is None or beyond or (last - issued.date()).days > LONGEST_DAYS:
        message = f"to be relied on until {proof.statement.until}: longer than {LONGEST_DAYS} days, or than its grant"
        raise IntegrityError(message, where=where, remedy="Do not rely on it. Ask who issued it, and how.")


def _in_time(statement: PortableGrant, now: datetime, where: str) -> None:
    last = day(statement.until)
    if last is None or not (now.astimezone(UTC).date() <= last):
        remedy = f"Issue it again: aims-gates grant export {statement.name} --alias {statement.alias} --out FILE"
        raise RefusedError(f"it could be relied on until {statement.until}", where=where, remedy=remedy)


def _enforced(basis: Basis, accepted: Collection[str], where: str) -> None:
    """Refuse a way into production that whoever deploys did not accept."""
    origin = basis.origin.predicate
    if origin.mode != "enforce":
        raise _unenforced(origin.mode, where)
    if origin.transition in ACCEPTABLE and origin.transition not in accepted:
        remedy = f"Promote it by its controls; or, if you answer for it, pass --accept {origin.transition}."
        raise RefusedError(ACCEPTABLE[origin.transition], where=where, remedy=remedy)
