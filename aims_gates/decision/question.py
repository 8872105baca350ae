"""The question, and what it is decided on: the ledger's statements about one version, as they count. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from aims_gates.attestation.trust_list import Row
from aims_gates.decision.attempts import without_trying_again
from aims_gates.decision.evidence import Counted
from aims_gates.decision.halts import halted_elsewhere
from aims_gates.decision.hands import hands_in_version
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.rights import fails
from aims_gates.documents.canonical import digest_of
from aims_gates.model import Plan, Step

__all__ = ["UNREGISTERED", "Ask", "PromotionContext", "iso"]

#: Stands for the version of a model that is not registered yet.
UNREGISTERED = "unregistered"

#: Data that stay the same for all evidence of a version; production data are new each time.
_FIXED_DATA = ("evaluation", "reference")


@dataclass(frozen=True)
class Ask:
    """The question: may this version be promoted now?

    Attributes:
        workspace, name, version: The registered model's version; the version as MLflow writes it, or
            :data:`UNREGISTERED`.
        digest: Digest of the staged bytes; None while nobody has hashed them (then the request's subject stands in,
            and the answer cannot be yes).
        alias: The governed alias.
        now: The time of the question, with a time zone.
        actor: Who asks.
        makers: Who made the model, by the server's own record: nobody (empty) where it has none; None where no server
            keeps such a record.
    """

    workspace: str
    name: str
    version: str
    digest: str | None
    alias: str
    now: datetime
    actor: str = ""
    makers: tuple[str, ...] | None = None


def iso(at: datetime) -> str:
    """A time as decisions write it: UTC, to the second."""
    return at.astimezone(UTC).isoformat(timespec="seconds")


class PromotionContext:
    """What the ledger holds that bears on a question about a name that is bound.

    Attributes:
        ask, ledger, now: The question, the statements, and the time of the question.
        plan, plan_digest, mode: What the binding in force carries.
        request, registration: Those of the version that stand; None where none does.
        subject: Digest of the bytes that are judged; None while nobody has hashed them.
        counted: By gate that applies, its latest evidence and whether it counts.
        hands: Who had a hand in the version.
        halt: The halt of another name that these bytes were granted under, not ended since.
        waivers, ended: By control, the waiver that stands, and the one whose end has passed.
    """

    def __init__(self, ask: Ask, ledger: StatementView, binding: Row) -> None:
        self.ask, self.ledger, self.now = ask, ledger, ask.now
        self.plan: Plan = binding.predicate.plan
        self.plan_digest = digest_of(self.plan)
        self.mode = ledger.mode(binding.predicate, ask.now)
        self.request = ledger.request(ask.version)
        self.registration = ledger.registration(ask.version)
        requested = self.request.predicate.digest if self.request else None
        self.subject: str | None = ask.digest or requested or ledger.evidenced_bytes(ask.version)
        latest = {step.gate: self._count(step) for step in self.plan.steps if step.applies}
        fresh = self._without_superseded_data(_without_outrun(latest))
        self.counted = without_trying_again(ledger, ask.version, self.request, fresh)
        self.hands = hands_in_version(ledger, ask.version, self.subject, ask.makers or ())
        self.halt = halted_elsewhere(ledger, self.subject)
        self.waivers, self.ended = ledger.waivers(self.plan, self.subject or "", self.now, self.hands)

    @property
    def makers_unknown(self) -> bool:
        """Whether approvals are asked for and a server that records makers has no record of this one's (rule 8)."""
        return self.ask.makers == () and bool(self.plan.approvals)

    def _count(self, step: Step) -> Counted:
        if self.subject is None:
            return Counted(step, "missing", "nobody has hashed the bytes yet")
        return self.ledger.count(self.plan, step, self.subject, self.now)

    def _without_superseded_data(self, counted: Mapping[str, Counted]) -> dict[str, Counted]:
        """Rule 14. Where the evaluation set is fixed beforehand, evidence about another one counts for nothing."""
        roles = [role for role in _FIXED_DATA if role != "evaluation" or self.plan.evaluation_digest is None]
        result = dict(counted)
        for gate, evidence in counted.items():
            role = next((role for role in roles if self._superseded(evidence, role, counted)), None)
            if evidence.standing == "counts" and role is not None:
                result[gate] = replace(evidence, standing="stale", reason=f"newer evidence is about other {role} data")
        return result

    def _superseded(self, gate_evidence: Counted, role: str, counted: Mapping[str, Counted]) -> bool:
        """Whether any gate judged other data in a role since, and does not stand by the same data again."""
        if gate_evidence.row is None or gate_evidence.evidence is None or role not in gate_evidence.evidence.data:
            return False
        subject, data = gate_evidence.row.statement.subject, gate_evidence.evidence.data[role]
        return any(
            gate_evidence.row.position < newer.row.position and newer.evidence.data.get(role, data) != data
            for other in counted.values()
            if not _stands_by(other, role, data)
            for newer in self.ledger.all_evidence(other.step, subject)
            if newer.row is not None and newer.evidence is not None
        )


def _without_outrun(counted: Mapping[str, Counted]) -> dict[str, Counted]:
    """Rule 4, last sentence: a gate that reads the others' findings must be newer than they are."""
    newest = max((item.row.position for item in counted.values() if item.row and not item.step.last), default=-1)
    return {
        gate: replace(item, standing="stale", reason="other evidence is newer than it")
        if item.standing == "counts" and item.step.last and item.row and newest > item.row.position
        else item
        for gate, item in counted.items()
    }


def _stands_by(gate_evidence: Counted, role: str, data: str) -> bool:
    """Whether a gate's latest evidence counts, fails in nothing and is about these data."""
    evidence = gate_evidence.evidence
    return (
        evidence is not None
        and gate_evidence.standing == "counts"
        and evidence.data.get(role) == data
        and not fails(evidence)
    )
