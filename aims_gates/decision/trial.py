"""Trial profiles: what a name may be bound to before and after one, and where trial grants are given (rule 20)."""

from collections.abc import Iterable, Iterator

from aims_gates.attestation.statements.policy import Binding, Trust, TrustedKey, TrustedUser
from aims_gates.attestation.trust_list import Row, alike
from aims_gates.decision.people import least_people
from aims_gates.decision.question import PromotionContext
from aims_gates.model import Plan

__all__ = ["binding_refusal", "trial_refusals"]


def binding_refusal(earlier: Iterable[Plan], plan: Plan, trust: Trust | None) -> str | None:
    """Why a name may not be bound to a plan after others; None where it may.

    From a trial on every other profile wants as many people on the trust list as its plan needs. Nothing goes back to a
    trial: what was judged would be let through unjudged.

    Args:
        earlier: The plans that the name was bound to before.
        plan: The next one.
        trust: The trust list in force; None where there is none.
    """
    plans = list(earlier)
    if plan.trial:
        other = next((before for before in plans if not before.trial), None)
        return None if other is None else f"a name that was bound under {other.profile!r} may not go on trial"
    if not any(before.trial for before in plans):
        return None
    needed, people = least_people(plan).least, len(_people(trust))
    if people >= needed:
        return None
    return (
        f"the model is on trial, and the profile {plan.profile!r} needs {needed} different people on the trust list; "
        f"it names {people}"
    )


def _people(trust: Trust | None) -> set[str]:
    """The people on a trust list; service accounts are none."""
    entries: list[TrustedKey | TrustedUser] = [*trust.keys, *trust.users] if trust is not None else []
    return {alike(entry.person) for entry in entries if not entry.service}


def trial_refusals(context: PromotionContext) -> Iterator[str]:
    """What no mode lets through: a trial that a server serves, or a binding that may not follow the ones before."""
    if context.plan.trial and context.ask.makers is not None:
        yield "trial grants are given by an embedded registry alone, and this one is served"
    *earlier, binding = context.ledger.of(Binding, context.ledger.concerns)
    problem = binding_refusal(_plans(earlier), context.plan, context.ledger.trust.current(binding.position))
    if problem is not None:
        yield problem


def _plans(bindings: Iterable[Row]) -> list[Plan]:
    return [row.predicate.plan for row in bindings]
