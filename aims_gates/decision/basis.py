"""How a finding is known: derived from what it rests on, never from what anybody wrote (rule 21). Pure.

A finding is as weak as the weakest thing that it rests on: data and model files that evidence pins by digest are
*measured*; the text of a record is *attested* where the proper person approved that very text, and *declared* where
nobody did; a system's own file is attested by the binding that carries its digest. What rests on nothing that is known
is declared.
"""

from collections.abc import Iterable, Mapping

from aims_gates.decision.records import record_state
from aims_gates.decision.statements import Statements
from aims_gates.model import BASES, Basis, Evidence, Finding

__all__ = ["basis_of", "weakest"]


def weakest(bases: Iterable[Basis]) -> Basis:
    """The weakest of these; of none at all, ``declared``."""
    return max(bases, key=BASES.index, default="declared")


def basis_of(finding: Finding, evidence: Evidence, ledger: Statements, system: str) -> Basis:
    """How a finding is known.

    Args:
        finding: One of the evidence's.
        evidence: Its data and records, by digest.
        ledger: The statements, among them those about the texts of the records.
        system: The system that the model is bound to.
    """
    return weakest([_of(name, evidence, ledger, system) for name in finding.rests_on])


def _of(name: str, evidence: Evidence, ledger: Statements, system: str) -> Basis:
    kind, _, what = name.partition(":")
    if name == "model" or (kind == "data" and what in evidence.data):
        return "measured"
    if kind == "record" and what in evidence.records_read:
        return "attested" if _approved(what, evidence.records_read[what], ledger, system) else "declared"
    return "declared"


def _approved(name: str, read: Mapping[str, str], ledger: Statements, system: str) -> bool:
    """Whether the proper person signed the very text that was read."""
    digest = read.get("digest", "")
    if name == "system":
        binding = ledger.binding()
        return binding is not None and binding.predicate.system_digest == digest
    if name.startswith("organization/"):
        return record_state(ledger, name, "", digest).approval is not None
    # A standard plan is approved once, for every system whose record it stands in for.
    states = (record_state(ledger, f"system/{name}", about, digest) for about in (system, ""))
    return any(state.approval is not None for state in states)
