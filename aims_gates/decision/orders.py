"""The two ways to a yes beside the evidence: an order to roll back, and break-glass (rules 10 and 11). Pure."""

from dataclasses import replace
from datetime import datetime, timedelta

from aims_gates.attestation.statements.people import BreakGlass, RollbackOrder
from aims_gates.attestation.trust_list import Row, alike
from aims_gates.decision.evidence import moment
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.question import PromotionContext
from aims_gates.model import Decision

__all__ = ["break_glass", "break_glass_bytes", "rollback", "rollback_order"]

#: How long an on-call order to roll back may wait for its alias write.
_ORDER_LIFE = timedelta(hours=24)
_DAY = timedelta(days=1)


def break_glass_bytes(ledger: StatementView, version: str) -> str | None:
    """The bytes that the latest break-glass order for this version names, whether or not it carries."""
    rows = ledger.of(BreakGlass, lambda predicate: ledger.concerns(predicate) and predicate.version == version)
    return rows[-1].predicate.digest if rows else None


def break_glass(context: PromotionContext, by_evidence: Decision) -> Decision:
    """Rule 11: the answer by the evidence, turned by two people's orders where they carry."""
    request = context.ledger.latest_request(context.ask.version)
    reasons = _break_glass_orders(context)
    other_bytes = request is not None and request.predicate.digest != context.subject
    if len(reasons) < 2 or other_bytes or context.registration is None:
        return by_evidence
    people = sorted(reasons)
    if all(alike(person) in context.hands for person in people):
        message = "a break-glass order needs somebody who had no hand in this version"
        return replace(by_evidence, problems=(*by_evidence.problems, message))
    message = f"break-glass by {', '.join(people)}: {'; '.join(reasons[person] for person in people)}"
    problems = (message, *by_evidence.problems)
    return replace(by_evidence, allowed=True, steps=(), problems=problems, exit=0, transition="break-glass")


def _break_glass_orders(context: PromotionContext) -> dict[str, str]:
    """Who lets these bytes through once, and why.

    An order is for one version and its bytes, lives for a day at most, and ends with the next grant, or the next halt
    that reaches the bytes.
    """
    ledger, ask, now = context.ledger, context.ask, context.now
    halt = context.halt.position if context.halt is not None else -1
    last = max([halt, ledger.halted_at(ask.digest), ledger.born, *(row.position for row in ledger.grants())])
    reasons: dict[str, str] = {}
    for row in ledger.of(BreakGlass, ledger.concerns):
        order, ends = row.predicate, moment(row.predicate.expires)
        about_these = (order.version, order.digest) == (ask.version, ask.digest)
        if not about_these or row.position <= last or row.digest in ledger.revoked:
            continue
        if ends is not None and row.at <= now <= min(ends, row.at + _DAY):
            reasons.update((person, order.reason) for person in ledger.persons(row))
    return reasons


def rollback_order(ledger: StatementView, version: str, now: datetime) -> Row | None:
    """A person's on-call order for this version that is fresh, later than a halt, and not yet used."""
    rows = ledger.of(RollbackOrder, ledger.concerns)
    if not rows or rows[-1].predicate.version != version or rows[-1].digest in ledger.revoked:
        return None
    order, last_grant = rows[-1], ledger.grants(version)[-1:]
    used = any(row.position > order.position for row in ledger.grants())
    halted = max([ledger.halted_at(), *(ledger.halted_at(row.predicate.digest) for row in last_grant)])
    fresh = order.at <= now <= order.at + _ORDER_LIFE and order.position > max(halted, ledger.born)
    return order if fresh and not used and ledger.persons(order) else None


def rollback(context: PromotionContext, by_evidence: Decision) -> Decision:
    """Rule 10: the answer to an order to roll back, which asks for no fresh evidence."""
    refusal = _rollback_refusal(context)
    return replace(
        by_evidence,
        allowed=refusal is None,
        request=None,
        controls=(),
        approvals={"needed": [], "given": [], "missing": []},
        steps=(),
        problems=(refusal[1],) if refusal else (),
        exit=refusal[0] if refusal else 0,
        transition="rollback",
    )


def _rollback_refusal(context: PromotionContext) -> tuple[int, str] | None:
    """Why these bytes of a version may not be rolled back to, with the exit code; None where they may."""
    ledger, version, digest = context.ledger, context.ask.version, context.ask.digest
    rows = ledger.grants(version=version)
    revoked = {row.predicate.request for row in rows if ledger.taken_back(row)} - {None}
    if not rows or ledger.taken_back(rows[-1]) or rows[-1].predicate.request in revoked:
        return 2, f"version {version} was never granted, or its grant was revoked"
    if rows[-1].predicate.transition == "trial":
        return 2, f"version {version} was granted on trial alone"
    if digest is None:
        return 3, "the version's bytes are not staged and hashed yet"
    if rows[-1].predicate.digest != digest:
        return 5, "the bytes differ from those granted"
    ended = min((row.at for row in ledger.ends_of(rows[-1])), default=context.now)
    days = context.plan.rollback_days
    if not ((context.now - ended) / _DAY <= days):
        return 2, f"the rollback window of {days} days has passed"
    return None
