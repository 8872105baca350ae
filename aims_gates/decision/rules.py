"""The rule book: may this version be promoted? Pure: a question, the ledger's rows, an answer.

1.  No binding, no promotion. The binding that counts is the latest, signed by a policy key whose holder is not the
    author of the change; it carries the whole plan. Files, tags, clients and environment change nothing.
2.  The subject is the digest of the staged bytes. While nobody has hashed them the answer is no; so it is when they
    differ from those of the latest request.
3.  A control that the plan requires is *met* when, for every gate that evidences it and applies, the latest evidence
    about exactly these bytes counts and all its findings for this control pass, at least one of them under a limit.
    A finding that has a last day of its own is *stale* from the day after.
4.  Evidence counts while it is signed by a key that may sign it there, not revoked, made by a gate whose digest the
    plan accepts, with its parameters, on the evaluation set fixed beforehand, not older than its own life; and where
    the step says so, on a prediction table that a trusted key signed for these bytes and this set. A gate that reads
    the others' findings must be newer than they are.
5.  A fail or an error is *failed*, unless the finding says that time, a change or an event has overtaken what once
    held; else evidence that is missing, or judges nothing here, is *missing*, evidence that no longer counts, and a
    finding that was overtaken, *stale*; else *inconclusive*. A waiver in role, for these bytes, inside its cap and its
    dates, makes it *waived*. A control whose gates all do not apply (by the system's signed facts) is
    *not-applicable*, with the fact.
6.  Where enforcement is ``block``, only met, waived and not-applicable let a promotion through. ``inconclusive`` blocks
    where the plan says so, and always at tier high.
7.  Approvals are for a request: these bytes, this plan, the evidence as it then was. They are void when an input of the
    evidence differs now or an outcome got worse, whether or not that evidence still counts, and when the request says
    of its evidence what the ledger does not. N of M roles, each by another person who holds the role: not the
    requester, the registrar, the run's creator or a commit's author. A service account is no person. A rejection ends
    the request.
8.  A version with no record of who registered it is refused (a service that names no human is nobody), and so is one
    halted since its request, or whose bytes were granted under another name that was halted and not resumed since
    (:mod:`aims_gates.decision.halts`). Where a server records who makes models and has no record of this one,
    approvals cannot be shown to be independent, and it is refused too, though observe and warn let it through.
9.  Observe and warn let an unmet control through and say so; they never let through what rules 1, 2 and 8 refuse, nor
    an expired profile.
10. A rollback order, signed by a person on call, carries a version granted before, with the same bytes, within the
    rollback window (from the end of its last grant), once, without fresh evidence; a revoked grant is no ground for it.
11. Break-glass: two people who hold that role, at least one of them without a hand in the version, may let these bytes
    through once, within a day, against unmet controls. Rules 1, 2 and 8 hold all the same, but for a halt before their
    orders. The grant says break-glass for ever and its controls are not counted as met.
12. Unknown means no; comparisons are written so that NaN denies. A finding under a limit passes only when its number
    keeps the limit; a gate that the plan names for a control and does not define is missing.
13. Taking trust away (a statement revoked, a key untrusted, a trust list, newer evidence that fails or does not count)
    never turns no into yes: the latest by place first, then whether it counts. The kinds of statement that may turn a
    no into a yes are those of :data:`aims_gates.decision.rights.RAISING`.
14. Evidence older than any about other data in the same role (evaluation, unless it is fixed beforehand; reference) is
    stale, whatever became of that evidence, until the gate that gave it stands by the same data again, in evidence that
    counts and does not fail.
15. A halt reaches the bytes that were granted under the halted name before it, under whatever name they are asked for:
    a request, an order to roll back or a break-glass order from before it is void there too. Under another name they
    are promoted only once the halted name is resumed.
16. Who may revoke or withdraw what is one table (:mod:`aims_gates.decision.rights`); by anybody else it counts for
    nothing. What denies (a halt, a rejection, a revoked key, failing evidence, a withdrawal, a revocation) cannot be
    revoked.
17. A name that was bound once is governed, whatever became of its binding, until a policy owner lets it go; bound
    again, it is governed again.
18. Whoever asked for a version has a hand in it also when the request was withdrawn or their key revoked since. Each of
    the ways to a yes (evidence, rollback, break-glass) stands by itself: that one is shut shuts no other.
19. Where the plan names a least isolation, predictions count as signed (rule 4) only when their statement says that the
    model's process was kept apart at least so far; a statement that does not say was made without.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

from aims_gates.attestation.statements.people import Frozen, Halt, Request
from aims_gates.attestation.statements.registry import NOBODY
from aims_gates.attestation.trust_list import Row, alike, day
from aims_gates.decision.halts import elsewhere, told
from aims_gates.decision.in_force import Ask, Counted, StatementView, age_days
from aims_gates.decision.rights import fails, outcome_of
from aims_gates.documents.canonical import digest_of
from aims_gates.model import Approver, ControlState, Decision, Finding, Plan, Requirement, State, Step

__all__ = ["SEPARATION", "Ask", "decide", "frozen", "unfilled"]

#: Annex A.3.2: separation of duties; approvals bear on it.
SEPARATION = "A.3.2"
_OPEN: frozenset[State] = frozenset({"met", "waived", "not-applicable"})
_WORST: tuple[State, ...] = ("failed", "missing", "stale", "inconclusive", "awaiting-approval", "met")
_RANK = {"pass": 0, "inconclusive": 1, "fail": 2, "error": 2}
_EXITS: Mapping[State, int] = {"failed": 2, "missing": 3, "stale": 3, "inconclusive": 3, "awaiting-approval": 4}
#: What stands for prompts meanwhile, and why (they become subjects of checks of their own).
_PROMPTS = 'have a policy owner open them: aims-gates db open-mode on --prompts --reason "..." --key POLICY.key'
_BOUND = (
    "keep the prompt at the version that was adopted, or: aims-gates bind NAME --free --reason ... --key POLICY.key"
)
_UNREAD = "prompts cannot be granted on evidence yet"
#: Ends the command that checks a model that is still to be made.
_NEW = "NEW_VERSION"
#: Data that stay the same for all evidence of a version; production data are new each time.
_FIXED_DATA = ("evaluation", "reference")
#: Where several hold. Code 1 is no decision's: it is the command line's own.
_ORDER = (5, 2, 6, 3, 4)


def decide(ask: Ask, rows: Iterable[Row]) -> Decision:
    """Answer the question by the rule book above.

    Args:
        ask: The question.
        rows: Every ledger row that bears on it; rows that do not are ignored.
    """
    ledger = StatementView(rows, ask.workspace, ask.name)
    binding = ledger.binding()
    if binding is None:
        return _unbound(ask, ledger)
    return _prompted(ledger, _Answer(ask, ledger, binding).decision())


def frozen(counted: Iterable[Counted]) -> tuple[Frozen, ...]:
    """What a request freezes of the evidence that exists."""
    return tuple(
        Frozen(
            evidence_count.step.gate,
            evidence_count.row.digest,
            dict(evidence_count.evidence.data),
            _outcomes(evidence_count.step, evidence_count.evidence.findings),
        )
        for evidence_count in counted
        if evidence_count.row is not None and evidence_count.evidence is not None
    )


def _outcomes(step: Step, findings: Iterable[Finding]) -> dict[str, str]:
    worst: dict[str, str] = {}
    for finding in findings:
        for control in finding.controls or step.controls:
            outcome = outcome_of(finding)
            if outcome is not None and _RANK[outcome] >= _RANK[worst.get(control, "pass")]:
                worst[control] = outcome
    return worst


def _prompted(ledger: StatementView, decision: Decision) -> Decision:
    """A refused prompt is told no command that cannot work on it: there is no check that reads one."""
    if ledger.kind != "prompt" or decision.allowed:
        return decision
    controls = tuple(replace(state, next=()) for state in decision.controls)
    return replace(decision, controls=controls, actions=(_BOUND,), problems=(*decision.problems, _UNREAD))


def _unbound(ask: Ask, ledger: StatementView) -> Decision:
    message = f"{ask.name!r} {ledger.unbound() or 'is bound to no system'}"
    action = f"aims-gates bind {ask.name} --system SYSTEM --key POLICY.key"
    if ledger.kind == "prompt":
        message, action = f"{message}; {_UNREAD}", _PROMPTS
    return Decision(
        False, "enforce", False, ask.name, ask.version, ask.digest, None, None, None, None, None, (),
        {"needed": [], "given": [], "missing": []}, (action,), (message,), 3, _iso(ask.now),
    )  # fmt: skip


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")


class _Answer:
    """One question, answered step by step."""

    def __init__(self, ask: Ask, ledger: StatementView, binding: Row) -> None:
        self.ask, self.ledger, self.now = ask, ledger, ask.now
        self.plan: Plan = binding.predicate.plan
        self.plan_digest = digest_of(self.plan)
        self.mode = ledger.mode(binding.predicate, ask.now)
        self.request = ledger.request(ask.version)
        self.registration = ledger.registration(ask.version)
        digest = self.request.predicate.digest if self.request else None
        self.subject: str | None = ask.digest or digest or ledger.evidenced(ask.version)
        self.counted = {step.gate: self._count(step) for step in self.plan.steps if step.applies}
        self._age_last()
        self._age_data()
        self.hands = self._hands()
        self.halt = elsewhere(self.ledger, self.subject)
        self.waivers, self.ended = ledger.waivers(self.plan, self.subject or "", self.now, self.hands)

    def _count(self, step: Step) -> Counted:
        if self.subject is None:
            return Counted(step, "missing", "nobody has hashed the bytes yet")
        return self.ledger.count(self.plan, step, self.subject, self.now)

    def _age_last(self) -> None:
        """Rule 4, last sentence."""
        places = [
            evidence_count.row.position
            for evidence_count in self.counted.values()
            if evidence_count.row and not evidence_count.step.last
        ]
        for gate, steps in self.counted.items():
            if (
                steps.standing == "counts"
                and steps.step.last
                and steps.row
                and any(place > steps.row.position for place in places)
            ):
                message = "other evidence is newer than it"
                self.counted[gate] = Counted(steps.step, "stale", message, steps.row, steps.evidence)

    def _unmade(self) -> bool:
        """Whether approvals are asked for and a server that records makers knows none (rule 8)."""
        return self.ask.makers == () and bool(self.plan.approvals)

    def _age_data(self) -> None:
        """Rule 14. Where the evaluation set is fixed beforehand, evidence about another one counts for nothing."""
        counted = dict(self.counted)
        roles = [role for role in _FIXED_DATA if role != "evaluation" or self.plan.evaluation_digest is None]
        for gate, count in counted.items():
            role = next((role for role in roles if self._moved_on(count, role, counted.values())), None)
            if count.standing == "counts" and role is not None:
                message = f"newer evidence is about other {role} data"
                self.counted[gate] = Counted(count.step, "stale", message, count.row, count.evidence)

    def _moved_on(self, evidence_count: Counted, role: str, others: Collection[Counted]) -> bool:
        """Whether any gate saw other data in a role since, and does not stand by the same data again."""
        if evidence_count.row is None or evidence_count.evidence is None or role not in evidence_count.evidence.data:
            return False
        subject, data = evidence_count.row.statement.subject, evidence_count.evidence.data[role]
        return any(
            evidence_count.row.position < newer.row.position and newer.evidence.data.get(role, data) != data
            for other in others
            if not _stands_by(other, role, data)
            for newer in self.ledger.seen(other.step, subject)
            if newer.row is not None and newer.evidence is not None
        )

    def _hands(self) -> set[str]:
        """Those who had a hand in this version, as :func:`aims_gates.attestation.trust_list.alike` compares (rule
        7)."""
        names = self.ledger.authors(self.subject or "") | set(self.ask.makers or ())
        names |= {self.registration.predicate.actor} if self.registration else set()
        names |= self.ledger.requesters(self.ask.version)
        return {person for name in names for person in self.ledger.trust.people_of(name)}

    def decision(self) -> Decision:
        """By the order to roll back where one carries it, else by the evidence."""
        usual = self._usual()
        if usual.allowed:
            return usual
        broken = self._break_glass(usual)
        order = self.ledger.rollback(self.ask.version, self.now)
        if order is None or (self.halt is not None and order.position < self.halt.position):
            return broken
        back = self._rollback(usual)
        return back if back.allowed or not broken.allowed else broken

    def _usual(self) -> Decision:
        hard, soft = self._problems()
        approvals = self._approvals()
        controls = tuple(self._control(requirement, approvals) for requirement in self.plan.requirements)
        met = not (hard or soft or approvals["missing"]) and not any(state.blocks for state in controls)
        codes = {code for code, _ in hard + soft} | {_EXITS[state.state] for state in controls if state.blocks}
        codes |= {4} if approvals["missing"] else set()
        codes |= {6} if any(state.blocks and state.control in self.ended for state in controls) else set()
        return Decision(
            allowed=not hard and (met or self.mode != "enforce"),
            mode=self.mode,
            criteria_met=met,
            name=self.ask.name,
            version=self.ask.version,
            subject=self.subject,
            system=self.plan.system,
            tier=self.plan.tier,
            profile=self.plan.profile,
            plan=self.plan_digest,
            request=self.request.digest if self.request else None,
            controls=controls,
            approvals=approvals,
            actions=self._actions(controls, approvals),
            problems=tuple(message for _, message in hard + soft),
            exit=next((code for code in _ORDER if code in codes), 0),
            at=_iso(self.now),
        )

    def _problems(self) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
        """Refusals that belong to no control: those no mode lets through, and the others."""
        hard: list[tuple[int, str]] = []
        soft: list[tuple[int, str]] = []
        if self.ask.digest is None:
            hard.append((3, "the version's bytes are not staged and hashed yet"))
        if self.registration is None:
            hard.append((3, "there is no record of who registered this version"))
        elif self.registration.predicate.via == NOBODY:
            hard.append((3, "a service registered this version and named nobody for whom it did"))
        if self._unmade():
            soft.append((3, "the server has no record of who made this model: nobody can be shown to be independent"))
        row = self.ledger.asked(self.ask.version)
        if row is not None and self.subject not in (None, row.predicate.digest):
            hard.append((5, "the bytes differ from those in the request"))
        expires = self.plan.profile_expires
        last = day(expires) if expires is not None else None
        if expires is not None and (last is None or not (self.now.astimezone(UTC).date() <= last)):
            hard.append((6, f"the profile {self.plan.profile!r} expired on {expires}"))
        if self.halt is not None:
            hard.append((2, f"the same bytes were granted under another name, and {self._told(self.halt)}"))
        if self.request is None:
            soft.append((4, "no request is open for this version"))
            halted = self._halted()
            hard += [(2, f"{halted}; promotion needs a request opened after the halt")] if halted else []
            return hard, soft
        if self.request.predicate.plan != self.plan_digest:
            soft.append((3, "the plan changed since the request was opened"))
        rejection = self.ledger.rejection(self.request)
        if rejection is not None:
            soft.append((2, "{} rejected the request: {}".format(*rejection)))
        return hard, soft

    def _told(self, halt: Row) -> str:
        return told(self.ledger, halt, self.ask.workspace)

    def _halted(self) -> str | None:
        """Whether a halt reaches this version, for which no request is open (rule 15)."""
        reached = [halt for halt in self.ledger.of(Halt) if self.ledger.reaches(halt, self.subject)]
        if self.registration is not None and self.ledger.halted_at() > self.registration.position:
            return "this model was halted"
        return f"these bytes were halted, as {reached[-1].predicate.name!r}" if reached else None

    def _control(self, requirement: Requirement, approvals: Mapping[str, Any]) -> ControlState:
        steps = [step for step in self.plan.steps if step.gate in requirement.gates]
        due = [self.counted[step.gate] for step in steps if step.applies]
        today = self.now.astimezone(UTC).date()
        judged = [_judge(requirement.control, evidence_count, today) for evidence_count in due]
        undefined = sorted(set(requirement.gates) - {step.gate for step in steps})
        judged += [("missing", f"the plan does not say how {gate} is to run") for gate in undefined]
        if requirement.control == SEPARATION and self.plan.approvals:
            waiting = "approvals are outstanding" if approvals["missing"] else "approved"
            judged.append(("awaiting-approval" if approvals["missing"] else "met", waiting))
        state, reason = min(
            judged, key=lambda result: _WORST.index(result[0]), default=("missing", "no gate evidences it")
        )
        if not judged and steps:
            state, reason = "not-applicable", "; ".join(step.reason for step in steps)
        waiver = self.waivers.get(requirement.control)
        if waiver is not None and state not in _OPEN and state != "awaiting-approval":
            state, reason = "waived", f"waived until {waiver.predicate.expires}: {waiver.predicate.reason}"
        elif requirement.control in self.ended and state not in _OPEN:
            reason += f"; its waiver ended on {self.ended[requirement.control].predicate.expires}"
        tolerated = state == "inconclusive" and not self.plan.inconclusive_blocks and self.plan.tier != "high"
        blocks = requirement.enforcement == "block" and state not in _OPEN and not tolerated
        return ControlState(
            control=requirement.control,
            title=requirement.title,
            why=requirement.why,
            enforcement=requirement.enforcement,
            state=state,
            reason=reason,
            findings=tuple(
                (evidence_count.step.gate, finding)
                for evidence_count in due
                for finding in _bearing(requirement.control, evidence_count)
            ),
            evidence=tuple(self._shown(evidence_count) for evidence_count in due if evidence_count.row is not None),
            next=self._next(requirement.control, state, due, approvals),
            blocks=blocks,
        )

    def _shown(self, evidence_count: Counted) -> dict[str, Any]:
        assert evidence_count.row is not None and evidence_count.evidence is not None
        age = age_days(evidence_count.row, evidence_count.evidence.produced_at, self.now)
        signers = sorted({entry.person for entry in self.ledger.trust.holders(evidence_count.row)})
        return {
            "gate": evidence_count.step.gate,
            "statement": evidence_count.row.digest,
            "position": evidence_count.row.position,
            "standing": evidence_count.standing,
            "age_days": None if age is None else round(age, 2),
            "expires_days": evidence_count.step.expires_days,
            "signers": signers,
        }

    def _next(self, control: str, state: State, due: list[Counted], approvals: Mapping[str, Any]) -> tuple[str, ...]:
        name, version = self.ask.name, self.ask.version
        match state:
            case "missing" | "stale" | "failed" | "inconclusive":
                findings = [finding for evidence_count in due for finding in _bearing(control, evidence_count)]
                bad = [finding for finding in findings if outcome_of(finding) not in (None, "pass")]
                remedies = dict.fromkeys(finding.remedy for finding in bad if finding.remedy)
                # A record is mended without a new model; what was measured is not.
                mended = state in ("missing", "stale") or all(_of_record(finding) for finding in bad)
                return (*remedies, f"aims-gates check --model {name} --version {version if mended else _NEW}")
            case "awaiting-approval":
                return self._approve(approvals)
            case _:
                return ()

    def _approve(self, approvals: Mapping[str, Any]) -> tuple[str, ...]:
        if self.request is None:
            return (f"aims-gates request open {self.ask.name} {self.ask.version} --key YOUR.key",)
        short = self.request.digest[7:19]
        roles = [item["role"] for item in approvals["missing"] for _ in range(item["count"])]
        return tuple(f"aims-gates approve {short} --role {role} --key {role.upper()}.key" for role in roles)

    def _actions(self, controls: tuple[ControlState, ...], approvals: Mapping[str, Any]) -> tuple[str, ...]:
        """The shortest ordered list: mend, then check, then ask, then approve."""
        name, version = self.ask.name, self.ask.version
        mend: tuple[State, ...] = ("failed", "inconclusive")
        bad = [state for expected in mend for state in controls if state.blocks and state.state == expected]
        old = [state for state in controls if state.blocks and state.state in ("missing", "stale")]
        if bad or old:
            remedies = [step for state in [*bad, *old] for step in state.next[:-1]]
            checks = [state.next[-1] for state in [*bad, *old]]
            new = [step for step in checks if step.endswith(_NEW)]
            mended = [f"register the mended model as a new version of {name}", *new] if new else checks
            return tuple(dict.fromkeys([*remedies, *mended]))
        reasons: list[str] = []
        if self.registration is None:
            message = f"no registrar is on record for {self.ask.version}"
            reasons.append(f"register the model again through the gated registry ({message})")
        elif self._unmade():
            reasons.append("log the model again, signed in to the server, and register that as a new version")
        elif self.request is None or self._outdated():
            reasons.append(f"aims-gates request open {name} {version} --key YOUR.key")
        elif approvals["missing"]:
            reasons.extend(self._approve(approvals))
        elif self.ask.digest is None:
            reasons.append(f"aims-gates promote {name} {version}")
        return tuple(dict.fromkeys(reasons))

    def _outdated(self) -> bool:
        assert self.request is not None
        request: Request = self.request.predicate
        differs = request.plan != self.plan_digest or request.digest != self.subject
        return differs or self._void(self.request) is not None or self.ledger.rejection(self.request) is not None

    def _approvals(self) -> dict[str, Any]:
        needed = [{"role": rule.role, "count": rule.count} for rule in self.plan.approvals]
        answer: dict[str, Any] = {"needed": needed, "given": [], "missing": needed, "refused": []}
        if self.request is None:
            return answer
        void = self._void(self.request)
        approvals: list[dict[str, Any]] = []
        for row in self.ledger.approvals(self.request, self.plan.approval_days, self.now):
            for person in self.ledger.persons(row, row.predicate.role):
                approval = {"person": person, "role": row.predicate.role, "at": _iso(row.at), "statement": row.digest}
                if void or alike(person) in self.hands:
                    answer["refused"].append(approval | {"reason": void or "had a hand in this version or its request"})
                else:
                    approvals.append(approval)
        answer["given"] = approvals
        answer["missing"] = unfilled(self.plan.approvals, approvals)
        return answer

    def _void(self, request: Row) -> str | None:
        """Why approvals of this request no longer count, if so (rules 7 and 13).

        Of each gate the latest evidence is compared; where that does not count, or fails, whatever came since as well.
        """
        then = {item.gate: item for item in request.predicate.evidence}
        for gate, evidence_count in self.counted.items():
            if evidence_count.row is None or evidence_count.evidence is None:
                continue
            every = self.ledger.seen(evidence_count.step, evidence_count.row.statement.subject)
            sound = evidence_count.standing == "counts" and not fails(evidence_count.evidence)
            since = [] if sound else [other for other in every if other.row and other.row.position > request.position]
            for other in (evidence_count, *since):
                reason = self._differs(then.get(gate), other, every)
                if reason is not None:
                    return reason
        return None

    def _differs(self, before: Frozen | None, evidence_count: Counted, every: list[Counted]) -> str | None:
        """In what a gate's evidence differs from what a request froze of it, for worse."""
        assert evidence_count.evidence is not None
        gate = evidence_count.step.gate
        if before is None or dict(before.inputs) != dict(evidence_count.evidence.data):
            return f"the inputs of {gate} changed since the request was opened"
        if before not in frozen(every):
            return f"the request says of {gate} what the ledger does not"
        for control, outcome in _outcomes(evidence_count.step, evidence_count.evidence.findings).items():
            if not (_RANK[outcome] <= _RANK[before.outcomes.get(control, "pass")]):
                return f"{gate} got worse for {control} since the request was opened"
        return None

    def _rollback(self, usual: Decision) -> Decision:
        """Rule 10."""
        ask = self.ask
        unfit = self.ledger.returnable(ask.version, ask.digest, self.plan.rollback_days, self.now)
        return replace(
            usual,
            allowed=unfit is None,
            request=None,
            controls=(),
            approvals={"needed": [], "given": [], "missing": []},
            actions=(),
            problems=(unfit[1],) if unfit else (),
            exit=unfit[0] if unfit else 0,
            transition="rollback",
        )

    def _break_glass(self, usual: Decision) -> Decision:
        """Rule 11."""
        since = self.halt.position if self.halt is not None else -1
        ordered = self.ledger.broken(self.ask.version, self.ask.digest, self.now, since)
        row = self.ledger.asked(self.ask.version)
        other = row is not None and row.predicate.digest != self.subject
        if ordered is None or other or self.registration is None:
            return usual
        people, reasons = ordered
        if all(alike(person) in self.hands for person in people):
            message = "a break-glass order needs somebody who had no hand in this version"
            return replace(usual, problems=(*usual.problems, message))
        message = f"break-glass by {', '.join(people)}: {reasons}"
        return replace(
            usual, allowed=True, actions=(), problems=(message, *usual.problems), exit=0, transition="break-glass"
        )


def _stands_by(evidence_count: Counted, role: str, data: str) -> bool:
    """Whether a gate's latest evidence counts, fails in nothing and is about these data."""
    evidence = evidence_count.evidence
    return (
        evidence is not None
        and evidence_count.standing == "counts"
        and evidence.data.get(role) == data
        and not fails(evidence)
    )


def _bearing(control: str, evidence_count: Counted) -> list[Finding]:
    findings = evidence_count.evidence.findings if evidence_count.evidence else ()
    return [finding for finding in findings if not finding.controls or control in finding.controls]


def _of_record(finding: Finding) -> bool:
    """Whether a finding is about a record, which people mend without a new model."""
    return "record" in (finding.over or {})


def _overtaken(finding: Finding, today: date) -> bool:
    """Whether a finding under a limit held once and does not today (rule 5)."""
    if finding.limit is None:
        return False
    last = None if finding.until is None else day(finding.until)
    return finding.stale or (finding.until is not None and (last is None or not (today <= last)))


def _judge(control: str, evidence_count: Counted, today: date) -> tuple[State, str]:
    """One gate's word on a control (rules 3 and 5)."""
    if evidence_count.standing != "counts":
        return evidence_count.standing, f"{evidence_count.step.gate}: {evidence_count.reason}"
    findings = _bearing(control, evidence_count)
    outcomes = [outcome for finding in findings if (outcome := outcome_of(finding)) is not None]
    for finding in findings:
        outcome = outcome_of(finding)
        if outcome == "error" or (outcome == "fail" and not _overtaken(finding, today)):
            message = "failed" if outcome == "fail" else "could not be judged"
            return "failed", f"{evidence_count.step.gate}: {finding.measure} {message}"
    for finding in findings:
        if _overtaken(finding, today):
            message = f"held until {finding.until}" if finding.until else "was overtaken by a change or an event"
            return "stale", f"{evidence_count.step.gate}: {finding.measure} {message}"
    if outcomes and all(outcome == "pass" for outcome in outcomes):
        return "met", f"{evidence_count.step.gate}: evidence criteria met"
    if outcomes:
        return "inconclusive", f"{evidence_count.step.gate}: the data cannot tell"
    return "missing", f"{evidence_count.step.gate}: nothing under a limit bears on it"


def unfilled(needed: Sequence[Approver], approvals: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The roles still open, when every person fills at most one (a maximum bipartite matching, Kuhn's algorithm)."""
    slots = [rule.role for rule in needed for _ in range(rule.count)]
    roles: dict[str, set[str]] = {}
    for approval in approvals:
        roles.setdefault(approval["person"], set()).add(approval["role"])
    filled: dict[str, int] = {}

    def place(slot: int, tried: set[str]) -> bool:
        for person in sorted(roles):
            if slots[slot] in roles[person] and person not in tried:
                tried.add(person)
                if person not in filled or place(filled[person], tried):
                    filled[person] = slot
                    return True
        return False

    open_slots = [slots[slot] for slot in range(len(slots)) if not place(slot, set())]
    return [{"role": role, "count": open_slots.count(role)} for role in dict.fromkeys(open_slots)]
