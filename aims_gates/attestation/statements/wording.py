"""Statements made and read: a predicate as in-toto has it, and back."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from aims_gates.attestation.signing.envelope import Statement, statement
from aims_gates.attestation.statements.types import _SHAPES, _TYPES
from aims_gates.documents.canonical import canonical_bytes, is_canonical, lean, plain
from aims_gates.documents.strict_yaml import dump, parse
from aims_gates.errors import InputError
from aims_gates.model import Evidence, Subject

__all__ = ["evidence_of", "predicate_of", "say"]

_RESULTS = {"pass": "PASSED", "fail": "FAILED", "inconclusive": "WARNED", "error": "FAILED"}


_LEFT_OUT = (
    "user",
    "on_behalf_of",
    "users",
    "frontier",
    "trust",
    "scope",
    "isolation",
    "verified",
    "parts",
    "owner",
    "fields",
    "content",
)


def _test_result(evidence: Evidence) -> dict[str, Any]:
    """in-toto test-result v0.1, with the whole evidence under our own key."""
    return {**_summary(evidence), "aims": plain(evidence)}


def _summary(evidence: Evidence) -> dict[str, Any]:
    named = {"pass": "passedTests", "fail": "failedTests", "inconclusive": "warnedTests", "error": "failedTests"}
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for index, finding in enumerate(evidence.findings):
        if finding.outcome is not None:
            tests[named[finding.outcome]].append(f"{index}:{finding.measure}")
    gate = {"name": evidence.gate, "digest": {"sha256": evidence.gate_digest.removeprefix("sha256:")}}
    return {"result": _RESULTS[evidence.outcome], "configuration": [gate], **tests}


def _lean(predicate: Any) -> dict[str, Any]:
    return {name: value for name, value in plain(predicate).items() if value or name not in _LEFT_OUT}


def say(predicate: Any, subject: Subject) -> Statement:
    """The statement that carries this predicate about this subject, said now where its ``said_at`` is empty."""
    if getattr(predicate, "said_at", None) == "":
        predicate = replace(predicate, said_at=datetime.now(UTC).isoformat(timespec="microseconds"))
    body = _test_result(predicate) if isinstance(predicate, Evidence) else _lean(predicate)
    return statement(_TYPES[type(predicate)], body, subject)


def evidence_of(statement: Statement) -> Evidence:
    """The evidence in a test-result statement.

    Raises:
        InputError: it is not a statement of aims-gates, or its summary disagrees with its findings.
    """
    body = statement.predicate
    if not isinstance(body.get("aims"), dict):
        raise InputError("the test result carries no findings of ours", where="statement")
    evidence = parse(Evidence, body["aims"], "evidence")
    if body != _summary(evidence) | {"aims": _dumped(evidence)} and not is_canonical(
        body, canonical_bytes(_test_result(evidence))
    ):
        raise InputError("the test result's summary disagrees with its findings", where="statement")
    return evidence


def _dumped(evidence: Evidence) -> dict[str, Any]:
    """As :func:`aims_gates.documents.canonical.plain`, but faster."""
    result: dict[str, Any] = dump(evidence)
    return lean((result | {"findings": [lean(finding.items()) for finding in result["findings"]]}).items())


def predicate_of(statement: Statement) -> Any:
    """The predicate as its dataclass.

    Raises:
        InputError: an unknown predicate type, or a predicate of the wrong shape.
    """
    shape = _SHAPES.get(statement.type)
    if shape is None:
        raise InputError(
            f"unknown predicate type {statement.type!r}",
            where="statement",
            remedy="Upgrade aims-gates, or make it again.",
        )
    return evidence_of(statement) if shape is Evidence else parse(shape, statement.predicate, statement.type)
