"""The rule book: may this version be promoted? Pure: a question, the ledger's rows, an answer.

A worked example. The plan of the system ``credit`` requires two controls: A.6.2.4, which the gate ``fairness``
evidences, and A.3.2, on which approvals in the roles risk and compliance bear. Each line but ``ask()`` appends a
statement to the ledger; ``ask()`` decides about version 1 and prints the answer and the first of the next actions.

>>> trust()  # a policy owner lists whose keys count, and in which roles
>>> register()  # the registry records that a developer registered version 1
>>> ask()
no, exit 3: 'credit' is bound to no system
next: aims-gates bind credit --system SYSTEM --key POLICY.key

>>> bind()  # another policy owner puts the model under the system's plan (rule 1)
>>> ask()
no, exit 3: no request is open for this version
A.6.2.4 missing: fairness: there is no evidence about these bytes
A.3.2 awaiting-approval: approvals are outstanding
next: aims-gates check --model credit --version 1

>>> evidence("fail")  # trusted CI measures a gap above the plan's limit (rules 3 and 5)
>>> ask()
no, exit 2: no request is open for this version
A.6.2.4 failed: fairness: gap failed
A.3.2 awaiting-approval: approvals are outstanding
next: register the fixed model as a new version of credit

>>> evidence("pass")  # the latest evidence decides, whichever way it goes (rules 3 and 13)
>>> request()  # the developer asks, and freezes what was measured (rule 7)
>>> approve("risk")
>>> ask()
no, exit 4
A.6.2.4 met: fairness: evidence criteria met; without comparison with the champion, robustness, security
A.3.2 awaiting-approval: approvals are outstanding
next: aims-gates approve STATEMENT --role compliance --key COMPLIANCE.key

>>> approve("compliance")  # another person, without a hand in the version (rule 7)
>>> ask()
yes, exit 0
A.6.2.4 met: fairness: evidence criteria met; without comparison with the champion, robustness, security
A.3.2 met: approved

>>> halt()  # a person on call stops the model: what was asked before no longer counts (rule 8)
>>> ask()
no, exit 2: this model was halted; promotion needs a request opened after the halt
A.6.2.4 met: fairness: evidence criteria met; without comparison with the champion, robustness, security
A.3.2 awaiting-approval: approvals are outstanding
next: aims-gates request open credit 1 --key YOUR.key

The rules:

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
    held, or that a record or input is not there; else evidence that is missing, judges nothing here, or says that what
    it needs is not there, is *missing*, evidence that no longer counts, and a
    finding that was overtaken, *stale*; else *inconclusive*. A waiver in role, for these bytes, inside its cap and its
    dates, makes it *waived*. A control whose gates all do not apply (by the system's signed facts) is
    *not-applicable*, with the fact.
6.  Where enforcement is ``block``, only met, waived and not-applicable let a promotion through. ``inconclusive`` blocks
    where the plan says so, and always at tier high. Where it only shows, a finding that "fails alone" (by its own
    interval, though not after correction for those judged beside it) is *failed* all the same.
7.  Approvals are for a request: these bytes, this plan, the evidence as it then was. They are void when an input of the
    evidence differs now or an outcome got worse, whether or not that evidence still counts, and when the request says
    of its evidence what the ledger does not. N of M roles, each by another person who holds the role: not the
    requester, the registrar, the run's creator or a commit's author. A service account is no person. A rejection ends
    the request.
8.  A version with no record of who registered it is refused (a service that names no human is nobody), and so is one
    halted since its request, or whose bytes were granted under another name that was halted and not resumed since
    (:mod:`aims_gates.decision.halts`). A version that was registered past aims-gates may be taken in: a person answers
    for it and has a hand in it as its registrar, for the bytes that they hashed and no others. Where a server records
    who makes models and has no record of this one, approvals cannot be shown to be independent, and it is refused too,
    though observe and warn let it through.
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
20. Under a trial profile the mode is observe, no request is asked for, and one person may write and sign the binding.
    Every grant is then a trial grant (:mod:`aims_gates.decision.trial`): its criteria do not count as met, whatever the
    evidence; no order carries another kind; it is no ground for a rollback under another profile. A registry that is
    served gives none. From a trial a name is bound to another profile only while as many people as that plan needs are
    on the trust list, and never back.
21. Each finding has a basis, derived from what it rests on: measured, performed, attested or declared, weakest last
    (:mod:`aims_gates.decision.basis`). A record is attested while the text that was read is one that somebody submitted
    and another person approved in the role its type asks for, and its entries are those that people signed: each one,
    and none of a signed history left out since without the word of that role. Its facts of a version are inputs, which
    a request freezes (rule 7). A control has the basis of the weakest finding it needs;
    where the plan names a least basis and the control's is weaker, the control is missing.
22. Where a finding ends with the review of a record, the control is met for the plan's days of grace more, and says so;
    no longer than it would be with the review made anew. What else ends, ends on its day. A grant that stands falls by
    none of this, nor by a new text that waits for its approval: only the next promotion asks for it.
23. What was measured to fail is not undone by measuring again on other data
    (:mod:`aims_gates.decision.attempts`). Where a finding on data failed about these bytes, under the same parameters,
    later evidence of that gate on other data in the role is *stale* until a request tells why they were replaced, which
    approvers see with both sets and both results. A changed model is other bytes; production data that begin no earlier
    and end later are a later window; data that were themselves at fault, and an error, are no such failure. What the
    plan says beforehand of data in a role (which, how many rows, over how many days), evidence has to keep.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from aims_gates.attestation.trust_list import Row
from aims_gates.decision.actions import actions, take_in
from aims_gates.decision.approvals import approvals_of, frozen, unfilled
from aims_gates.decision.control_state import state_of
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.orders import break_glass, rollback, rollback_order
from aims_gates.decision.question import Ask, PromotionContext, iso
from aims_gates.decision.refusals import RefusalReason, hard_refusals, soft_refusals
from aims_gates.decision.trial import trial_refusals
from aims_gates.documents.shell import invocation
from aims_gates.model import Action, ControlState, Decision, State

__all__ = ["Ask", "decide", "frozen", "unfilled"]

_EXITS: Mapping[State, int] = {"failed": 2, "missing": 3, "stale": 3, "inconclusive": 3, "awaiting-approval": 4}
#: Where several hold. Code 1 is no decision's: it is the command line's own.
_ORDER = (5, 2, 6, 3, 4)
#: What stands for prompts meanwhile, and why (they become subjects of checks of their own).
_PROMPTS = 'have a policy owner open them: aims-gates db open-mode on --prompts --reason "..." --key POLICY.key'
_BOUND = (
    "keep the prompt at the version that was adopted, or: aims-gates bind NAME --free --reason ... --key POLICY.key"
)
_UNREAD = "prompts cannot be granted on evidence yet"


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
    return _for_prompts(ledger, _decision(PromotionContext(ask, ledger, binding)))


def _unbound(ask: Ask, ledger: StatementView) -> Decision:
    message = f"{ask.name!r} {ledger.unbound() or 'is bound to no system'}"
    steps: tuple[str, ...] = (invocation("bind", ask.name, options="--system SYSTEM --key POLICY.key"),)
    if ledger.kind == "prompt":
        message, steps = f"{message}; {_UNREAD}", (_PROMPTS,)
    elif ledger.registration(ask.version) is None:
        steps = (take_in(ask), *steps)
    return Decision(
        False, "enforce", False, ask.name, ask.version, ask.digest, None, None, None, None, None, (),
        {"needed": [], "given": [], "missing": []}, tuple(Action(step, "people") for step in steps), (message,), 3,
        iso(ask.now),
    )  # fmt: skip


def _for_prompts(ledger: StatementView, decision: Decision) -> Decision:
    """A refused prompt is told no command that cannot work on it: there is no check that reads one."""
    if ledger.kind != "prompt" or decision.allowed:
        return decision
    controls = tuple(replace(state, next=()) for state in decision.controls)
    steps = (Action(_BOUND, "people"),)
    return replace(decision, controls=controls, steps=steps, problems=(*decision.problems, _UNREAD))


def _decision(context: PromotionContext) -> Decision:
    """By the evidence, else by the order to roll back where one carries it, else by break-glass."""
    by_evidence = _by_evidence(context)
    if by_evidence.allowed or context.plan.trial or any(trial_refusals(context)):
        return by_evidence
    by_orders = break_glass(context, by_evidence)
    order = rollback_order(context.ledger, context.ask.version, context.now)
    if order is None or (context.halt is not None and order.position < context.halt.position):
        return by_orders
    back = rollback(context, by_evidence)
    return back if back.allowed or not by_orders.allowed else by_orders


def _by_evidence(context: PromotionContext) -> Decision:
    plan, request = context.plan, context.request
    hard, soft = list(hard_refusals(context)), list(soft_refusals(context))
    approvals = approvals_of(context)
    controls = tuple(state_of(context, requirement, approvals) for requirement in plan.requirements)
    met = not (hard or soft or approvals["missing"]) and not any(state.blocks for state in controls)
    return Decision(
        allowed=not hard and (met or context.mode != "enforce"),
        mode=context.mode,
        criteria_met=met and not plan.trial,
        name=context.ask.name,
        version=context.ask.version,
        subject=context.subject,
        system=plan.system,
        tier=plan.tier,
        profile=plan.profile,
        plan=context.plan_digest,
        request=request.digest if request else None,
        controls=controls,
        approvals=approvals,
        steps=actions(context, controls, approvals),
        problems=tuple(refusal.message for refusal in hard + soft),
        exit=_exit(context, hard + soft, [state for state in controls if state.blocks], approvals),
        at=iso(context.now),
        transition="trial" if plan.trial else "production",
    )


def _exit(
    context: PromotionContext,
    refusals: Iterable[RefusalReason],
    blocking: Sequence[ControlState],
    approvals: Mapping[str, Any],
) -> int:
    codes = {refusal.code for refusal in refusals} | {_EXITS[state.state] for state in blocking}
    codes |= {4} if approvals["missing"] else set()
    codes |= {6} if any(state.control in context.ended for state in blocking) else set()
    return next((code for code in _ORDER if code in codes), 0)
