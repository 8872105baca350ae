"""How a finding is known: derived from what it rests on, never from what anybody wrote (rule 21). Pure.

A finding is as weak as the weakest thing that it rests on: data and model files that evidence pins by digest are
*measured*; a record is *attested* where the proper person approved that very text and its entries are those that people
signed, and *declared* otherwise; the facts of a version in it are approved with the request that freezes them. A
system's own file is attested by the binding that carries its digest; an act is *performed* where the row that it wrote
stands in the ledger, and the day of the first release where the grants there say the same. What rests on nothing that
is known is declared.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from aims_gates.attestation.statements.registry import Grant
from aims_gates.decision.acts import act_stands
from aims_gates.decision.evidence import moment
from aims_gates.decision.records import entries_signed, record_state
from aims_gates.decision.statements import Statements
from aims_gates.model import BASES, Basis, Evidence, Finding, UnsignedText

__all__ = ["basis_of", "records_of", "unsigned_texts", "weakest"]


def weakest(bases: Iterable[Basis]) -> Basis:
    """The weakest of these; of none at all, ``declared``."""
    return max(bases, key=BASES.index, default="declared")


def basis_of(finding: Finding, evidence: Evidence, ledger: Statements, system: str, position: int) -> Basis:
    """How a finding is known.

    Args:
        finding: One of the evidence's.
        evidence: Its data and records, by digest.
        ledger: The statements, among them those about the texts of the records.
        system: The system that the model is bound to.
        position: The evidence's place in the ledger.
    """
    return weakest([_of(name, evidence, ledger, system, position) for name in finding.rests_on])


def _of(name: str, evidence: Evidence, ledger: Statements, system: str, position: int) -> Basis:
    kind, _, what = name.partition(":")
    if name == "model" or (kind == "data" and what in evidence.data):
        return "measured"
    if name == "ledger" and _released_as_said(evidence, ledger):
        return "performed"
    if kind == "record" and what in evidence.records_read:
        return "declared" if _unsigned(what, evidence.records_read[what], ledger, system, position) else "attested"
    if kind == "act" and act_stands(ledger, system, what, position):
        return "performed"
    return "declared"


def _released_as_said(evidence: Evidence, ledger: Statements) -> bool:
    """Whether evidence says of the first release what the grants in the ledger say."""
    grants = [row for row in ledger.of(Grant, ledger.concerns) if row.position > ledger.born]
    first = min((row.at for row in grants), default=None)
    if evidence.facts.get("first_release") is True:
        produced = moment(evidence.produced_at)
        return first is None or (produced is not None and produced <= first)
    return first is not None and evidence.facts.get("released_on") == first.date().isoformat()


def unsigned_texts(
    finding: Finding, evidence: Evidence, ledger: Statements, system: str, position: int
) -> Iterator[UnsignedText]:
    """The records that a finding rests on whose text the proper person has not approved, or entries nobody signed."""
    for name in finding.rests_on:
        kind, _, what = name.partition(":")
        if kind == "record" and what in evidence.records_read:
            text = _unsigned(what, evidence.records_read[what], ledger, system, position)
            if text is not None:
                yield text


def _unsigned(
    name: str, read: Mapping[str, str], ledger: Statements, system: str, position: int
) -> UnsignedText | None:
    """The very text that was read, unless the proper person signed it, and people its entries."""
    digest, file = read.get("digest", ""), read.get("file", "")
    if name == "system":
        binding = ledger.binding()
        bound = binding is not None and binding.predicate.system_digest == digest
        return None if bound else UnsignedText(file, "policy")
    record, systems = _about(name, system)
    states = [record_state(ledger, record, about, digest) for about in systems]
    noted = [entries_signed(ledger, record, about).covers(read.get("entries", ""), position) for about in systems]
    approved = [covered for state, covered in zip(states, noted, strict=True) if state.approval is not None]
    if any(approved):
        return None
    if approved:
        return UnsignedText(file, "", entries=True)
    nearest = max(states, key=lambda state: (bool(state.submitted), bool(state.earlier)))
    return UnsignedText(file, nearest.role, nearest.submitted, nearest.earlier, entries=not any(noted))


def _about(name: str, system: str) -> tuple[str, tuple[str, ...]]:
    """A record's full name, and about which systems it may have been signed.

    A standard plan is approved once, for every system whose record it stands in for.
    """
    return (name, ("",)) if name.startswith("organization/") else (f"system/{name}", (system, ""))


def records_of(evidence: Evidence, ledger: Statements, system: str) -> list[dict[str, Any]]:
    """The records that evidence read: file, digest of the text, and who approved that very text, if anybody did."""
    return [
        {"record": name, **read, "approved": _approval(name, read.get("digest", ""), ledger, system)}
        for name, read in sorted(evidence.records_read.items())
        if name != "system"
    ]


def _approval(name: str, digest: str, ledger: Statements, system: str) -> dict[str, Any] | None:
    record, systems = _about(name, system)
    for state in (record_state(ledger, record, about, digest) for about in systems):
        if state.approval is not None:
            at = state.approval.at.isoformat(timespec="seconds")
            return {"by": list(state.approved_by), "role": state.role, "at": at}
    return None
