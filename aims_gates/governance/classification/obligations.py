"""Which duties meet whom, and from when. An unanswered fact never drops a duty."""

from dataclasses import dataclass
from datetime import date
from typing import Literal

from aims_gates.governance.classification.answers import Answers
from aims_gates.governance.classification.schema import Bundle, Obligation

__all__ = ["SystemObligation", "owed"]


@dataclass(frozen=True)
class SystemObligation:
    """A duty of this system.

    Attributes:
        id, article, what: The duty, in our own words.
        roles: The stated roles that it meets; empty when it meets every role.
        effective: The day from which it binds; None where no law sets one.
        applies: Whether it binds on the day asked about.
        note: What to know beside it; empty for nothing.
    """

    id: str
    article: str
    what: str
    roles: tuple[str, ...]
    effective: date | None
    applies: bool
    note: str = ""


def _start(bundle: Bundle, tier: str, articles: tuple[str, ...], uses: tuple[str, ...], product: bool) -> date | None:
    """The day on which what decided applies: the practice's prohibition, or the earliest high-risk route of this system
    (the earliest of all when none is settled)."""
    if tier == "prohibited":
        starts = [bundle.on(rule.applies) for rule in bundle.prohibited if rule.article in articles]
        return min((day for day in starts if day is not None), default=None)
    of_uses = bundle.on(bundle.uses_apply)
    of_product = bundle.on(bundle.product.applies) if bundle.product is not None else None
    days = [of_uses] if uses and not product else [of_product] if product and not uses else [of_uses, of_product]
    return min((day for day in days if day is not None), default=None)


def _concerns(duty: Obligation, tier: str, articles: tuple[str, ...], uses: tuple[str, ...]) -> bool:
    listed = any(use == use_wanted or use.startswith(f"{use_wanted}(") for use in uses for use_wanted in duty.uses)
    return tier in duty.tiers or listed or any(article in duty.articles for article in articles)


def _roles(bundle: Bundle, answers: Answers, *, product: bool) -> tuple[str, ...]:
    """The stated roles, and those that a change of role brings; every role when none is stated."""
    roles = answers.role or bundle.roles
    change = bundle.role_change
    # Unknown is listed among what is missing; only a yes adds the other role's whole list.
    gained = [change.becomes] if change is not None and answers[change.id] == "yes" else []
    gained += [
        change.becomes
        for change in bundle.role_changes
        if set(change.roles) & set(roles) and answers[change.id] != "no" and (product or not change.product)
    ]
    return tuple(dict.fromkeys((*roles, *gained)))


def _effective(bundle: Bundle, duty: Obligation, released: date | None, high: date | None) -> date | None:
    effective = bundle.on(duty.from_) if duty.from_ is not None else high
    if duty.grace is not None and released is not None:
        before = bundle.on(duty.grace.before)
        if before is not None and released < before:
            return bundle.on(duty.grace.from_)
    return effective


def _owes(duty: Obligation, answers: Answers, high: date | None, *, sectoral: bool) -> bool:
    """Whether the facts, the route and the day of release leave a duty of the tier standing.

    Args:
        duty: One that the tier and the roles bring.
        answers: The facts, and the day of release.
        high: The day from which the duties of the high tier apply.
        sectoral: Whether the sectoral route replaces the duties of the high tier.
    """
    if duty.asks is not None and answers[duty.asks] == "no":
        return False
    if duty.dropped_by and all(answers[question] == answer for question, answer in duty.dropped_by.items()):
        return False
    if duty.sectoral != sectoral and duty.tiers == ("high",):
        return False
    return not duty.earlier or bool(answers.released_on and high and answers.released_on < high)


def owed(
    bundle: Bundle,
    answers: Answers,
    *,
    tier: str,
    articles: tuple[str, ...],
    uses: tuple[str, ...],
    product: bool,
    route: Literal["sectoral"] | None,
    as_of: date,
) -> tuple[SystemObligation, ...]:
    """The duties of a system at its tier, in the bundle's order.

    Args:
        bundle: The rules.
        answers: Roles, release day and facts.
        tier: The tier that the rules give, the organization's own set aside.
        articles: The places that decided.
        uses: The listed high-risk uses that are met and not exempt.
        product: Whether it is high-risk as a product.
        route: ``sectoral`` replaces the duties of the high tier.
        as_of: The day for which ``applies`` is told.
    """
    sectoral = route == "sectoral"
    roles = _roles(bundle, answers, product=product and not sectoral)
    high = _start(bundle, tier, articles, uses, product)
    system_obligations = []
    for duty in bundle.obligations:
        meets = tuple(role for role in roles if role in duty.roles)
        if not _concerns(duty, tier, articles, uses) or (duty.roles and not meets):
            continue
        if not _owes(duty, answers, high, sectoral=sectoral):
            continue
        effective = _effective(bundle, duty, answers.released_on, high)
        applies = effective is None or effective <= as_of
        owing = SystemObligation(duty.id, duty.article, duty.what, meets, effective, applies, duty.note)
        system_obligations.append(owing)
    return tuple(system_obligations)
