"""Statements and envelopes: what is said, and who signed it.

A statement is an in-toto Statement v1; an envelope is DSSE (the signed bytes are its pre-authentication encoding), with
ed25519 signatures. What a statement may say stands in :mod:`aims_gates.attestation.statements`.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

from aims_gates.attestation.signing.keys import Key, is_public, verify
from aims_gates.documents.canonical import (
    canonical_bytes,
    digest_bytes,
    is_canonical,
    is_digest,
    plain,
    read_canonical,
)
from aims_gates.documents.strict_yaml import Document, is_small, read_json
from aims_gates.errors import InputError, IntegrityError
from aims_gates.model import Subject

__all__ = ["PAYLOAD_TYPE", "STATEMENT_TYPE", "Envelope", "Statement", "open_envelope", "sign", "statement"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
_SAFE = 2**53


@dataclass(frozen=True)
class Statement:
    """An in-toto Statement v1 as it was written.

    Attributes:
        payload: The canonical bytes that were (or will be) signed.
    """

    payload: bytes

    @cached_property
    def value(self) -> Mapping[str, Any]:
        """The statement as JSON.

        Raises:
            InputError: it is no statement: unknown or missing fields, a subject without a digest.
        """
        quick = self._quick
        document = read_json(self.payload, "statement") if quick is None else Document(quick, "statement")
        _check(document)
        value: Mapping[str, Any] = document.value if quick is not None else _doubles(document.value)
        return value

    @classmethod
    def trusting(cls, payload: bytes) -> "Statement":
        """A statement whose form somebody verified before: it is only read.

        Raises:
            ValueError: it is no JSON.
        """
        statement = cls(payload)
        statement.__dict__["value"] = json.loads(payload.decode())
        return statement

    @cached_property
    def _quick(self) -> Any | None:
        return read_canonical(self.payload) if is_small(self.payload) else None

    @property
    def canonical(self) -> bool:
        """Whether the payload is in canonical form (RFC 8785)."""
        return self._quick is not None or is_canonical(self.value, self.payload)

    @cached_property
    def type(self) -> str:
        """The predicate type."""
        return str(self.value["predicateType"])

    @property
    def predicate(self) -> Any:
        """The predicate, as JSON."""
        return self.value["predicate"]

    @cached_property
    def subject(self) -> str:
        """The first subject's digest, ``sha256:...``."""
        return f"sha256:{self.value['subject'][0]['digest']['sha256']}"

    @cached_property
    def digest(self) -> str:
        """The digest by which other statements name this one."""
        return digest_bytes(self.payload)


def _doubles(value: Any) -> Any:
    """The value with every number a double where JSON's canonical form (RFC 8785) says so: from 2**53 on."""
    if isinstance(value, dict):
        return {key: _doubles(element) for key, element in value.items()}
    if isinstance(value, list):
        return [_doubles(element) for element in value]
    if isinstance(value, int) and abs(value) >= _SAFE:
        try:
            return float(value)
        except OverflowError as error:
            raise InputError("a number is too large", where="statement", remedy="Say it in another unit.") from error
    return value


def _check(document: Document) -> None:
    value = document.value
    if not isinstance(value, dict) or set(value) != {"_type", "subject", "predicateType", "predicate"}:
        raise document.error((), "not an in-toto statement: it needs _type, subject, predicateType, predicate")
    if value["_type"] != STATEMENT_TYPE:
        raise document.error(("_type",), f"must be {STATEMENT_TYPE}")
    if not isinstance(value["predicateType"], str) or not isinstance(value["predicate"], dict):
        raise document.error(("predicate",), "predicateType must be text and predicate an object")
    subjects = value["subject"]
    if not isinstance(subjects, list) or not subjects:
        raise document.error(("subject",), "must be a list with at least one subject")
    for subject in subjects:
        digests = subject.get("digest") if isinstance(subject, dict) else None
        sha = digests.get("sha256") if isinstance(digests, dict) else None
        if not isinstance(sha, str) or not is_digest(f"sha256:{sha}"):
            raise document.error(("subject",), "each subject needs a digest with sha256")


def statement(predicate_type: str, predicate: Any, subject: Subject) -> Statement:
    """Make a statement about a subject.

    Raises:
        InputError: the predicate holds what JSON cannot carry (NaN, infinity).
    """
    named = {"name": subject.name or subject.kind, "digest": {"sha256": subject.digest.removeprefix("sha256:")}}
    body = {"_type": STATEMENT_TYPE, "subject": [named], "predicateType": predicate_type, "predicate": plain(predicate)}
    result = Statement(canonical_bytes(body))
    _check(Document(result.value, "statement"))
    return result


@dataclass(frozen=True)
class Envelope:
    """A DSSE envelope.

    Attributes:
        payload: The statement's bytes.
        signatures: ``(key hint, signature)`` pairs; the hint is no proof of anything.
    """

    payload: bytes
    signatures: tuple[tuple[str, bytes], ...]

    def to_json(self) -> dict[str, Any]:
        """The envelope as DSSE writes it."""
        return {
            "payloadType": PAYLOAD_TYPE,
            "payload": base64.standard_b64encode(self.payload).decode(),
            "signatures": [
                {"keyid": hint, "sig": base64.standard_b64encode(signature).decode()}
                for hint, signature in self.signatures
            ],
        }

    @classmethod
    def from_json(cls, value: Any, where: str = "envelope") -> "Envelope":
        """Read an envelope.

        Raises:
            IntegrityError: wrong payload type, malformed base64, or no signature.
        """
        remedy = "Use the envelope as it was written; make it again if it was edited."
        try:
            if value["payloadType"] != PAYLOAD_TYPE or set(value) != {"payloadType", "payload", "signatures"}:
                raise IntegrityError(f"payloadType must be {PAYLOAD_TYPE}", where=where, remedy=remedy)
            pairs = tuple(
                (str(signature.get("keyid", "")), _unbase64(signature["sig"])) for signature in value["signatures"]
            )
            payload = _unbase64(value["payload"])
        except (KeyError, TypeError, AttributeError, binascii.Error, ValueError) as error:
            raise IntegrityError("not a DSSE envelope", where=where, remedy=remedy) from error
        if not pairs:
            raise IntegrityError("the envelope has no signature", where=where, remedy="Sign it with a trusted key.")
        return cls(payload, pairs)


def _unbase64(text: str) -> bytes:
    data = binascii.a2b_base64(text, strict_mode=True)
    if binascii.b2a_base64(data, newline=False).decode() != text:
        raise ValueError("not canonical base64")
    return data


def _signed_bytes(payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding (DSSE v1.0.2, protocol.md)."""
    kind = PAYLOAD_TYPE.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


def sign(statement: Statement, *keys: Key) -> Envelope:
    """Sign a statement; the hint is the public key."""
    message = _signed_bytes(statement.payload)
    return Envelope(statement.payload, tuple((key.public, key.sign(message)) for key in keys))


@lru_cache(maxsize=64)
def _public(trusted: frozenset[str]) -> frozenset[str]:
    """Those of them that are public keys."""
    return frozenset(key for key in trusted if is_public(key))


def open_envelope(
    envelope: Envelope, trusted: Iterable[str], where: str = "envelope"
) -> tuple[Statement, tuple[str, ...]]:
    """Verify an envelope's signatures against these public keys (hex).

    Returns:
        The statement, and the public keys whose signature holds, each once.

    Raises:
        IntegrityError: no signature holds: an unknown signer, or altered bytes.
        InputError: the payload is no statement.
    """
    known = _public(frozenset(trusted))
    message = _signed_bytes(envelope.payload)
    holders: set[str] = set()
    for hint, signature in envelope.signatures:
        candidates = [hint] if hint in known else sorted(known)
        holders.update(key for key in candidates if verify(key, signature, message))
    if not holders:
        hints = ", ".join(f"{hint[:8]}..." for hint, _ in envelope.signatures)
        unknown = not any(hint in known for hint, _ in envelope.signatures)
        message_ = (
            f"unknown signer ({hints})"
            if unknown
            else f"the signature of {hints} does not hold: the bytes were altered"
        )
        raise IntegrityError(
            message_, where=where, remedy="Have it signed by a key on the trust list (aims-gates keys list)."
        )
    opened = Statement(envelope.payload)
    opened.value  # noqa: B018 - refuses what is no statement
    if not opened.canonical:
        raise InputError(
            "the payload is not in canonical form (RFC 8785)", where=where, remedy="Make the statement again."
        )
    return opened, tuple(sorted(holders))
