"""A ledger in memory in which everything that a plan asks for is met, and the ways to break one thing of it. Pure.

Nothing is signed here: the rows name their signers, as rows do whose signatures were verified.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

from aims_gates.attestation.statements.evidence import Predictions
from aims_gates.attestation.statements.people import Approval, Request, RollbackOrder, Waiver
from aims_gates.attestation.statements.policy import Binding, Trust, TrustedKey
from aims_gates.attestation.statements.registry import Creation, Grant, Registration
from aims_gates.attestation.statements.wording import say
from aims_gates.attestation.trust_list import OUTSIDE, Row, day
from aims_gates.decision.evidence import Counted
from aims_gates.decision.rules import Ask, decide, frozen
from aims_gates.documents.canonical import digest, digest_bytes
from aims_gates.model import Decision, Evidence, Finding, Limit, Outcome, Plan, Step, Subject

__all__ = ["MODEL", "UNISOLATED", "Scenario", "Change", "finding_of"]

#: The registered model of every rehearsal.
MODEL = "rehearsal"
_WORKSPACE = "default"
_BYTES = digest_bytes(b"a model's folder")
_TABLE = digest_bytes(b"an evaluation set")
_OUTPUT = digest_bytes(b"a prediction table")
#: A prediction table that was made without any isolation.
UNISOLATED = digest_bytes(b"a prediction table made without isolation")
_USUAL = datetime(2026, 1, 5, 12, tzinfo=UTC)
_VALUES: Mapping[Outcome, float | None] = {"pass": 1.0, "fail": 0.0, "inconclusive": 1.0, "error": None}
_REQUEST, _WAIVER, _GRANTS = 100_000, 200_000, 300_000


@dataclass(frozen=True)
class Change:
    """How a case differs from the one in which everything is met.

    Attributes:
        evidence: Gate -> what it says instead; None for nothing at all.
        absent: Roles in which one approval is left out.
        approvals_age: Days since the approvals.
        self_approved: The role in which the requester approves in another person's place.
        waiver: A waiver, said ``waiver_age`` days ago.
        later: Days after the usual time at which the question is put.
        ended: Days since the version's own grant ended, where an order to roll back to it stands.
    """

    evidence: Mapping[str, Evidence | None] = field(default_factory=dict)
    absent: tuple[str, ...] = ()
    approvals_age: float = 0
    self_approved: str | None = None
    waiver: Waiver | None = None
    waiver_age: float = 0
    later: float = 0
    ended: float | None = None


def finding_of(outcome: Outcome, *controls: str) -> Finding:
    """A finding with this outcome that bears on these controls, its number as the outcome says; measured on data."""
    return Finding(
        "rehearsed",
        _VALUES[outcome],
        n=1,
        limit=Limit(">=", 1.0),
        outcome=outcome,
        controls=controls,
        rests_on=("data:evaluation",),
    )


def _key(person: str) -> str:
    return hashlib.sha256(person.encode()).hexdigest()


def _entry(person: str, roles: tuple[str, ...]) -> TrustedKey:
    outside = any(role.startswith(OUTSIDE) for role in roles)
    organization = "another organization" if outside else ""
    return TrustedKey(_key(person), person, roles, service=person == "ci", organization=organization)


class Scenario:
    """A plan with everything met.

    Attributes:
        plan: What is due.
        now: The usual time of the question: the profile's last day, where it has one.
        steps: The steps that apply, by gate.
    """

    def __init__(self, plan: Plan) -> None:
        plan = replace(plan, trial=False)  # on trial nothing is refused: its rules are played as they would hold
        last = day(plan.profile_expires) if plan.profile_expires is not None else None
        self.plan = plan
        self.now = datetime.combine(last, time(12), UTC) if last else _USUAL
        self.steps: dict[str, Step] = {step.gate: step for step in plan.steps if step.applies}
        self.roles = list(dict.fromkeys([*(approver.role for approver in plan.approvals), *plan.waiver_roles]))
        self._plan_digest = digest(plan)
        self._start = self._beginning()
        places = enumerate(self.steps.values(), len(self._start))
        self._places = {step.gate: place for place, step in places}
        self._met = {gate: self._row(self._places[gate], self.met(gate), "ci") for gate in self.steps}

    def _row(self, position: int, predicate: Any, *people: str, age: float = 0) -> Row:
        at = self.now - timedelta(days=age)
        if getattr(predicate, "said_at", None) == "":
            predicate = replace(predicate, said_at=at.isoformat())
        return Row(position, at, say(predicate, Subject("model", _BYTES)), tuple(sorted(map(_key, people))))

    def _people(self) -> dict[str, tuple[str, ...]]:
        """Person -> roles: one for each work, one for each approval, and a requester who holds approvers' roles too."""
        counts = {approver.role: approver.count for approver in self.plan.approvals}
        signers: dict[str, tuple[str, ...]] = {name: (name,) for name in ("policy", "ci", "on-call")}
        signers["developer"] = ("developer", *self.roles)
        for role in self.roles:
            signers.update({f"{role} {place}": (role,) for place in range(counts.get(role, 1))})
        return signers

    def _beginning(self) -> list[Row]:
        entries = [_entry(name, roles) for name, roles in self._people().items()]
        binding = Binding(_WORKSPACE, MODEL, "model", self.plan, digest("system"), author="developer")
        registration = Registration(_WORKSPACE, MODEL, "1", "models:/m-1", None, "developer", "rehearsal")
        further = {role: _OUTPUT for step in self.steps.values() for role in step.tables}
        table = Predictions(
            self.plan.evaluation_digest or _TABLE, _OUTPUT, 1, self.now.isoformat(), {}, further, self.plan.isolation
        )
        acts: list[tuple[Any, tuple[str, ...]]] = [
            (Trust(1, tuple(entries)), ("policy",)),
            (Creation(_WORKSPACE, MODEL, "model", "developer", "rehearsal"), ()),
            (binding, ("policy",)),
            (registration, ()),
            (table, ("ci",)),
            (replace(table, output=UNISOLATED, isolation=""), ("ci",)),
        ]
        return [self._row(place, predicate, *people) for place, (predicate, people) in enumerate(acts)]

    def met(self, gate: str, **outcomes: Outcome) -> Evidence:
        """A gate's evidence in which every control passes, or has the outcome given for it (dots as underscores)."""
        step = self.steps[gate]
        outcomes_by_control = {control: outcomes.get(control.replace(".", "_"), "pass") for control in step.controls}
        return self.says(gate, *(finding_of(outcome, control) for control, outcome in outcomes_by_control.items()))

    def says(self, gate: str, *findings: Finding) -> Evidence:
        """A gate's evidence with these findings, all else in order."""
        step = self.steps[gate]
        return Evidence(
            gate=gate,
            gate_digest=step.digests[0],
            params=step.params,
            findings=findings,
            outcome="pass",
            produced_at=self.now.isoformat(),
            data={"evaluation": self.plan.evaluation_digest or _TABLE, **dict.fromkeys(step.tables, _OUTPUT)},
            rows={"evaluation": 1},
            predictions=_OUTPUT,
            facts={pin: getattr(self.plan, f"{pin}_digest", None) for pin in step.pins},
        )

    def aged(self, gate: str, days: float) -> Evidence:
        """A gate's evidence, all passes, so many days old."""
        return replace(self.met(gate), produced_at=(self.now - timedelta(days=days)).isoformat())

    def waiver(self, control: str, days: float, role: str) -> Waiver:
        """A waiver of a control that ends so many days from now."""
        ends = (self.now + timedelta(days=days)).date().isoformat()
        return Waiver(self.plan.system, _BYTES, control, role, "a reason", "a risk", "another measure", ends)

    def play(self, twist: Change | None = None) -> Decision:
        """The answer in this case."""
        twist = twist or Change()
        evidence = dict(self._met)
        for gate, change in twist.evidence.items():
            if change is None:
                evidence.pop(gate, None)
            else:
                evidence[gate] = self._row(self._places[gate], change, "ci")
        rows = [*self._start, *evidence.values(), *self._asked(list(evidence.values()), twist)]
        if twist.waiver is not None:
            rows.append(self._row(_WAIVER, twist.waiver, f"{twist.waiver.role} 0", age=twist.waiver_age))
        if twist.ended is not None:
            rows += self._granted_before(twist.ended)
        now = self.now + timedelta(days=twist.later)
        return decide(Ask(_WORKSPACE, MODEL, "1", _BYTES, "production", now, "developer"), rows)

    def _asked(self, evidence: list[Row], twist: Change) -> list[Row]:
        """The request and its approvals."""
        gate_evidences = [
            Counted(self.steps[row.predicate.gate], "counts", "", row, row.predicate)
            for row in evidence
            if row.predicate.gate in self.steps
        ]
        requested = Request(_WORKSPACE, MODEL, "1", _BYTES, self._plan_digest, frozen(gate_evidences))
        request = self._row(_REQUEST, requested, "developer")
        rows, left_out = [request], list(twist.absent)
        for rule in self.plan.approvals:
            for place in range(rule.count):
                if rule.role in left_out:
                    left_out.remove(rule.role)
                    continue
                own = twist.self_approved == rule.role and place == 0
                who = "developer" if own else f"{rule.role} {place}"
                approval = Approval(request.digest, rule.role, f"approval {place}")
                rows.append(self._row(_REQUEST + len(rows), approval, who, age=twist.approvals_age))
        return rows

    def _granted_before(self, ended: float) -> list[Row]:
        """Version 1 was granted, version 2 took its place so long ago, and the person on call wants version 1 back."""
        grants = [
            Grant(
                _WORKSPACE, MODEL, version, "production", about, "", "production", "enforce", None, about, "developer"
            )
            for version, about in (("1", _BYTES), ("2", _OUTPUT))
        ]
        order = RollbackOrder(_WORKSPACE, MODEL, "1", "the newer version misbehaves")
        return [
            *(self._row(_GRANTS + place, grant, age=ended) for place, grant in enumerate(grants)),
            self._row(_GRANTS + 2, order, "on-call"),
        ]
