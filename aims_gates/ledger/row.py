"""A row's body: the bytes that become a leaf, what they say, and the index terms under which the row is found."""

import json
import re
from binascii import a2b_base64
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aims_gates.attestation.signing.envelope import Envelope, Statement, open_envelope
from aims_gates.attestation.statements.people import Halt, Revocation
from aims_gates.attestation.statements.policy import Activation, KeyRevocation, OpenMode, Trust, UntestedMlflow
from aims_gates.attestation.statements.records import (
    RecordApproval,
    RecordEntries,
    RecordSubmission,
    SignedAcknowledgement,
)
from aims_gates.attestation.statements.registry import Intake, Registration
from aims_gates.attestation.statements.types import REGISTRY_ACTS, SUMMARY, TEST_RESULT, type_of
from aims_gates.attestation.statements.wording import predicate_of
from aims_gates.attestation.trust_list import Row, check_trust
from aims_gates.documents.canonical import canonical_bytes, is_canonical, read_canonical
from aims_gates.documents.strict_yaml import MAX_BYTES, is_small, read_json
from aims_gates.errors import InputError, IntegrityError

__all__ = [
    "ACTS",
    "HALTS",
    "OPEN_MODE",
    "TRUST_TYPES",
    "ParsedBody",
    "body_of",
    "read_body",
    "skim",
    "terms",
    "type_in",
    "unwrap",
    "verified",
]

#: The index term of what was said of names that no system is bound to.
OPEN_MODE = "open-mode"
#: The index term of all halts: what is loaded may have been granted, and halted, under another name.
HALTS = "halts"
#: The index term of the acts that are about no model.
ACTS = "acts"
#: The statements that change whom the ledger trusts.
TRUST_TYPES = frozenset({type_of(Trust), type_of(KeyRevocation)})
#: One index term for all statements of a type.
_COMMON = {
    type_of(Revocation): "revocation",
    type_of(Activation): "profiles",
    type_of(OpenMode): OPEN_MODE,
    type_of(UntestedMlflow): "mlflow",
    type_of(Halt): HALTS,
    type_of(RecordSubmission): "records",
    type_of(RecordApproval): "records",
    type_of(RecordEntries): "records",
    type_of(SignedAcknowledgement): ACTS,
    **dict.fromkeys(TRUST_TYPES, "trust"),
}
#: Of these there is one for each version: they stand apart, so that what bears on a name is read without them.
_REGISTRATIONS = frozenset({type_of(Registration), type_of(Intake)})
#: As most rows look: an envelope of one signature, all its texts plain.
_PLAIN = re.compile(
    r'\{"at":"([0-9T:.+-]*)","envelope":\{"payload":"([0-9A-Za-z+/=]*)","payloadType":"([0-9a-z/.+-]*)",'
    r'"signatures":\[\{"keyid":"([0-9a-f]*)","sig":"([0-9A-Za-z+/=]*)"\}\]\}\}'
)
_LOOK = "Run: aims-gates ledger verify"


@dataclass(frozen=True)
class ParsedBody:
    """What a body holds, before anybody looked at its signatures.

    Attributes:
        at: When it was appended (UTC).
        entry: A signed envelope, or an act of the registry's own.
        canonical: Whether the body itself is in canonical form (RFC 8785).
    """

    at: datetime
    entry: Envelope | Statement
    canonical: bool


def body_of(entry: Envelope | Statement, at: datetime) -> bytes:
    """The bytes that become a leaf: time and entry, canonical."""
    content = {"envelope": entry.to_json()} if isinstance(entry, Envelope) else {"statement": entry.payload.decode()}
    return canonical_bytes({"at": at.astimezone(UTC).isoformat(timespec="microseconds"), **content})


def skim(body: str, where: str) -> tuple[datetime, Statement]:
    """When a row was appended and what it says; neither signature nor form is looked at.

    Raises:
        IntegrityError, InputError: it is no ledger row.
    """
    match = _PLAIN.fullmatch(body)
    try:
        if match is not None:
            return _utc(match[1]), Statement.trusting(a2b_base64(match[2]))
        value = json.loads(body) if len(body) <= MAX_BYTES else {}
        if set(value) == {"at", "statement"}:
            return _utc(value["at"]), Statement.trusting(value["statement"].encode())
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise IntegrityError("not a ledger row", where=where, remedy=_LOOK) from error
    other = unwrap(body, where)
    return other.at, Statement(other.entry.payload)


def type_in(body: str, where: str) -> str:
    """The type of a row's statement, as :func:`skim` reads it.

    Raises:
        IntegrityError, InputError: it is no ledger row.
    """
    try:
        return skim(body, where)[1].type
    except (KeyError, TypeError) as error:
        raise IntegrityError("not a ledger row", where=where, remedy=_LOOK) from error


def unwrap(body: str, where: str) -> ParsedBody:
    """Read a body; nothing is verified.

    Args:
        body: As stored.
        where: Its place, for messages.

    Raises:
        IntegrityError, InputError: it is no ledger row.
    """
    value, canonical = _value(body, where)
    try:
        at = _utc(value["at"])
        if set(value) == {"at", "statement"}:
            return ParsedBody(at, Statement(value["statement"].encode()), canonical)
        return ParsedBody(at, Envelope.from_json(value["envelope"], where), canonical)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise IntegrityError("not a ledger row", where=where, remedy=_LOOK) from error


def _utc(iso: str) -> datetime:
    at = datetime.fromisoformat(iso)
    if at.utcoffset() != timedelta(0):
        raise ValueError("not UTC")
    return at


def _value(body: str, where: str) -> tuple[Any, bool]:
    """A body as JSON, and whether it is in canonical form; one of the usual form is read sooner."""
    match = _PLAIN.fullmatch(body) if len(body) <= MAX_BYTES else None
    if match is not None:
        at, payload, kind, key, signature = match.groups()
        signed = {"payload": payload, "payloadType": kind, "signatures": [{"keyid": key, "sig": signature}]}
        return {"at": at, "envelope": signed}, True
    data = body.encode()
    quick = read_canonical(data) if is_small(data) else None
    if quick is not None:
        return quick, True
    value = read_json(data, where).value
    return value, is_canonical(value, data)


def verified(parsed_body: ParsedBody, position: int, trusted: Iterable[str] | None) -> Row:
    """A row from its body, its signatures verified.

    Args:
        parsed_body: The body.
        position: Its place.
        trusted: Public keys to verify against; None takes the keys a trust list names for itself.

    Raises:
        IntegrityError, InputError: the statement is malformed or no trusted signature holds.
    """
    where, entry = f"ledger row {position}", parsed_body.entry
    if isinstance(entry, Statement):
        if entry.type not in REGISTRY_ACTS:
            raise IntegrityError(f"an unsigned statement of type {entry.type}", where=where, remedy=_LOOK)
        return Row(position, parsed_body.at, entry, ())
    statement, signers = open_envelope(entry, _named_keys(entry) if trusted is None else trusted, where)
    return Row(position, parsed_body.at, statement, signers)


def read_body(body: str, position: int, trusted: Iterable[str] | None) -> Row:
    """A row from its body as stored: :func:`unwrap`, then :func:`verified`."""
    return verified(unwrap(body, f"ledger row {position}"), position, trusted)


def _named_keys(envelope: Envelope) -> set[str]:
    statement = Statement(envelope.payload)
    predicate = predicate_of(statement)
    if not isinstance(predicate, Trust):
        raise IntegrityError(
            "there is no trust list yet",
            where=f"a {statement.type} statement",
            remedy="Run: aims-gates keys trust --first ...",
        )
    check_trust(predicate)
    return {entry.key for entry in predicate.keys}


def terms(statement: Statement) -> set[str]:
    """The index terms of a statement; its predicate is not checked beyond what they are made of.

    Raises:
        InputError: it has not even that.
    """
    try:
        if statement.type == SUMMARY:
            return _decided(statement.predicate)
        return {f"subject {statement.subject}", f"statement {statement.digest}"} | _terms(
            statement.type, statement.predicate
        )
    except (KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"not of the shape of its type: {error!r}", where="statement", remedy=_LOOK) from error


def _decided(predicate: Any) -> set[str]:
    return {f"decision {predicate['aims'].get('workspace')}/{predicate['aims'].get('name')}"}


def _terms(kind: str, predicate: Any) -> set[str]:
    words = {_COMMON[kind]} if kind in _COMMON else set()
    if kind == TEST_RESULT:
        facts = predicate["aims"].get("facts", {})
        if facts.get("name") and facts.get("version"):
            words.add(f"version {facts.get('workspace', 'default')}/{facts['name']}/{facts['version']}")
        return words
    if kind in _REGISTRATIONS:
        name = f"{predicate['workspace']}/{predicate['name']}"
        return {f"versions {name}", f"version {name}/{predicate['version']}"}
    if kind == type_of(RecordEntries):
        words.add(f"entries {predicate['system']}/{predicate['record']}")
    if "workspace" in predicate:
        words.add(f"model {predicate['workspace']}/{predicate['name']}")
    if isinstance(predicate.get("request"), str):
        words.add(f"request {predicate['request']}")
    return words
