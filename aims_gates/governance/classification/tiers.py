"""The classification itself: a bundle, answers and a day in; a tier with its reasons out. Pure, and it never raises.

The rules, in order:

1. Scope. An exit (not an AI system, military alone ...) counts only with a signed reason; unsigned it leaves the tier
   undetermined. The result is recorded all the same. An optional exit lifts nothing unless it is answered yes; the one
   of open-source systems holds only for what no practice, use, product or transparency duty reaches.
2. Prohibited. A practice that is answered yes is prohibited unless its qualifier is answered no or its exception yes,
   from the day on which its prohibition applies. An unanswered practice leaves the tier undetermined.
3. High risk, as a product or its safety component, unless it serves no safety and its failure endangers nobody or the
   third party assesses other risks alone; or by a listed use whose exception is not answered yes.
4. The exemption from a listed use holds only with every proof: no material influence, no profiling, one of the four
   cases, a signed assessment dated before release, a registration reference. Otherwise the tier stays high.
5. Transparency duties add up: they make a system limited, and a high one owes them too.
6. General-purpose AI lays an overlay over any tier.
7. A rule of the organization may raise the tier. None can lower it.

Unknown is never no: when what is unanswered could raise the tier, the tier is ``undetermined``, which counts as high
and goes nowhere until it is answered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date as Day
from typing import Literal

from aims_gates.documents.canonical import digest, plain
from aims_gates.governance.classification.answers import Answers, OrganizationRule, purpose_digest
from aims_gates.governance.classification.obligations import owed
from aims_gates.governance.classification.questions import (
    claimed_exit,
    exit_signed,
    relevant,
    status,
    status_of_product,
)
from aims_gates.governance.classification.results import (
    RANK,
    Coming,
    ExemptionClaim,
    Missing,
    Overlaid,
    Result,
    Tier,
)
from aims_gates.governance.classification.schema import Bundle, Pattern, Product, Rule

__all__ = ["classify"]

_SCOPE_REASON = "Why is it out of scope, who signed that, and when? (scope_reason: reason, signed_by, signed_on)"
_ROLE = "What are you towards this system? (role: {roles}; one or several)"


@dataclass(frozen=True)
class _Law:
    """What the bundle alone says."""

    tier: Tier
    articles: tuple[str, ...]
    uses: tuple[str, ...]
    product: bool
    exemption: ExemptionClaim | None


def _exemption(bundle: Bundle, answers: Answers, uses: tuple[str, ...], as_of: Day) -> ExemptionClaim | None:
    """The exemption, when there is a use to be exempt from and anything of it is claimed."""
    asks = bundle.exemption
    if asks is None or not uses:
        return None
    claimed = answers.exemption is not None or answers[asks.material.id] == "yes"
    if not claimed and all(answers[question.id] != "yes" for question in asks.any_of):
        return None
    refused = []
    if answers[asks.material.id] != "yes":
        refused.append(f"it is not shown that it has no material influence ({asks.material.id} is not yes)")
    if answers[asks.profiling.id] != "no":
        refused.append(f"it profiles natural persons, or that is not ruled out ({asks.profiling.id} is not no)")
    if all(answers[question.id] != "yes" for question in asks.any_of):
        refused.append(f"none of the cases {', '.join(question.id for question in asks.any_of)} is answered yes")
    refused += _unproven(answers, as_of)
    return ExemptionClaim(uses, not refused, tuple(refused))


def _unproven(answers: Answers, as_of: Day) -> list[str]:
    """Which of the exemption's two documents are missing."""
    proof, refused = answers.exemption, []
    assessment = proof.assessment if proof else None
    if assessment is None:
        refused.append("there is no signed assessment (exemption.assessment)")
    elif answers.released_on is None:
        refused.append(
            "the day of release is not stated (released_on), so nothing shows that the assessment precedes it"
        )
    elif not assessment.signed_on < answers.released_on:
        refused.append(f"the assessment ({assessment.signed_on}) does not precede the release ({answers.released_on})")
    elif assessment.signed_on > as_of:
        refused.append(f"the assessment of {assessment.signed_on} is not signed yet on {as_of}")
    if proof is None or not proof.registration:
        refused.append("there is no registration reference (exemption.registration)")
    return refused


def _met(rules: Iterable[Rule], answers: Answers, *, also_open: bool = False) -> list[Rule]:
    states = {"met", "open"} if also_open else {"met"}
    return [rule for rule in rules if status(rule, answers) in states]


def _reading(bundle: Bundle, answers: Answers, as_of: Day, *, worst: bool) -> _Law:
    """The tier of an in-scope system, reading what is open as not met, or at its worst as met."""
    prohibited = _prohibited(bundle, answers, as_of, worst=worst)
    if prohibited:
        return _Law("prohibited", prohibited, (), False, None)
    product = status_of_product(bundle.product, answers) in ({"met", "open"} if worst else {"met"})
    uses = tuple(rule.article for rule in _met(bundle.uses, answers, also_open=worst))
    claim = _exemption(bundle, answers, uses, as_of)
    exempt = claim is not None and claim.granted
    duties = tuple(rule.article for rule in _met(bundle.transparency, answers, also_open=worst))
    by_use = (bundle.exemption.article,) if exempt and bundle.exemption is not None else uses
    articles = (*(_product_articles(bundle.product, answers) if product else ()), *by_use, *duties)
    high = product or (bool(uses) and not exempt)
    tier: Tier = "high" if high else "limited" if duties else "minimal"
    return _Law(tier, articles, () if exempt else uses, product, claim)


def _prohibited(bundle: Bundle, answers: Answers, as_of: Day, *, worst: bool) -> tuple[str, ...]:
    """The articles of the prohibitions that apply on this day and are met."""
    applying = [rule for rule in bundle.prohibited if (bundle.on(rule.applies) or as_of) <= as_of]
    return tuple(rule.article for rule in _met(applying, answers, also_open=worst))


def _product_articles(rule: Product | None, answers: Answers) -> tuple[str, ...]:
    """The articles that make a product high-risk, with that of the sectoral route where it is taken."""
    if rule is None:
        return ()
    sectoral = answers[rule.sectoral.id] == "yes"
    return (rule.article, rule.sectoral.article) if sectoral else (rule.article,)


def _law(bundle: Bundle, answers: Answers, as_of: Day) -> _Law:
    settled = _reading(bundle, answers, as_of, worst=False)
    undetermined = _Law("undetermined", settled.articles, settled.uses, settled.product, settled.exemption)
    out = claimed_exit(bundle, answers)
    if out is not None:
        if exit_signed(answers):
            article = next(exit_.article for exit_ in bundle.scope if exit_.id == out)
            return _Law("out-of-scope", (article,), (), False, None)
        return settled if settled.tier == "prohibited" else undetermined
    if settled.tier == "prohibited":
        return settled
    worst = _reading(bundle, answers, as_of, worst=True)
    scoped = all(exit_.optional or answers[exit_.id] != "unknown" for exit_ in bundle.scope)
    return _minimal_exit(bundle, answers, settled) if scoped and worst.tier == settled.tier else undetermined


def _minimal_exit(bundle: Bundle, answers: Answers, law: _Law) -> _Law:
    """Out of scope where nothing of the bundle reaches the system, and such an exit is claimed and signed."""
    exits = [exit_ for exit_ in bundle.scope if exit_.minimal_only and answers[exit_.id] == exit_.out]
    # A model keeps its duties whatever its systems are.
    provides = any(answers[overlay.id] == "yes" for overlay in bundle.gpai if overlay.article is not None)
    if law.tier != "minimal" or law.articles or provides or not exits or not exit_signed(answers):
        return law
    return _Law("out-of-scope", (exits[0].article,), (), False, None)


def _raise(tier: Tier, answers: Answers, rules: Iterable[OrganizationRule]) -> tuple[Tier, tuple[str, ...]]:
    """The tier after the organization's rules, and the rules that raised it."""
    raised: list[str] = []
    top, doubt = tier, 0
    for rule in rules:
        answers_here = [answers[question] for question in rule.when]
        if RANK[rule.to] <= RANK[tier] or "no" in answers_here:
            continue
        if "unknown" in answers_here:
            doubt = max(doubt, RANK[rule.to], RANK["undetermined"])
            continue
        raised.append(rule.id)
        top = rule.to if RANK[rule.to] > RANK[top] else top
    return ("undetermined" if RANK[top] < doubt else top), tuple(raised)


def _missing(
    bundle: Bundle, answers: Answers, as_of: Day, rules: tuple[OrganizationRule, ...], tier: Tier
) -> tuple[Missing, ...]:
    open_questions = relevant(bundle, answers, as_of=as_of, rules=rules)
    missings = [
        Missing(open_question.id, open_question.ask)
        for open_question in open_questions
        if open_question.required and answers[open_question.id] == "unknown"
    ]
    if claimed_exit(bundle, answers) is not None:
        return (*missings, *(() if exit_signed(answers) else (Missing("scope_reason", _SCOPE_REASON),)))
    if bundle.roles and not answers.role and tier != "prohibited":
        missings.append(Missing("role", _ROLE.format(roles=", ".join(bundle.roles))))
    return tuple(missings)


def _overlays(bundle: Bundle, answers: Answers) -> tuple[tuple[Overlaid, ...], tuple[str, ...]]:
    hit = [
        overlay
        for overlay in bundle.gpai
        if answers[overlay.id] == "yes"
        and (not overlay.parents or any(answers[parent] == "yes" for parent in overlay.parents))
    ]
    overlays = {overlay.overlay: Overlaid(overlay.overlay, overlay.controls) for overlay in hit}
    articles = dict.fromkeys(overlay.article for overlay in hit if overlay.article is not None)
    return tuple(overlays.values()), tuple(articles)


def _holds(pattern: Pattern, answers: Answers) -> bool:
    return all(answers.answers.get(question) == answer for question, answer in pattern.answers.items())


def _notes(bundle: Bundle, answers: Answers, as_of: Day) -> tuple[str, ...]:
    notes = [pattern.say for pattern in bundle.hints if _holds(pattern, answers)]
    if bundle.in_force is not None and as_of < bundle.in_force:
        notes.append(f"{bundle.id} takes effect on {bundle.in_force}, after {as_of}; see: aims-gates rules list")
    for rule in bundle.prohibited:
        start = bundle.on(rule.applies)
        if start is not None and start > as_of and status(rule, answers) != "not":
            notes.append(f"{rule.article} ({rule.title}) is prohibited from {start}; {rule.id} is not answered no")
    return tuple(notes)


def _coming(
    bundle: Bundle, answers: Answers, as_of: Day, rules: tuple[OrganizationRule, ...], now: Tier
) -> tuple[Coming, ...]:
    """The days on which a prohibition starts and changes the tier."""
    days = sorted({day for rule in bundle.prohibited if (day := bundle.on(rule.applies)) is not None and day > as_of})
    comings, last = [], now
    for day in days:
        law = _law(bundle, answers, day)
        tier = _raise(law.tier, answers, rules)[0]
        if tier != last:
            comings.append(Coming(day, tier, law.articles))
        last = tier
    return tuple(comings)


def _route(bundle: Bundle, answers: Answers, law: _Law) -> Literal["sectoral"] | None:
    """``sectoral`` for a product under a sector's own law, unless a listed use makes it high-risk as well."""
    sectoral = law.product and bundle.product is not None and answers[bundle.product.sectoral.id] == "yes"
    return "sectoral" if sectoral and not law.uses else None


def classify(bundle: Bundle, answers: Answers, *, as_of: Day, rules: Iterable[OrganizationRule] = ()) -> Result:
    """Classify a system. Pure: the same answers on the same day give the same result.

    Args:
        bundle: The questionnaire and its rules.
        answers: As :func:`aims_gates.governance.classification.read_answers` gave them.
        as_of: The day for which the tier is asked; prohibitions and duties count from their dates.
        rules: The organization's rules, besides those among the answers.
    """
    applied = tuple(dict.fromkeys((*rules, *answers.organization_rules)))
    law = _law(bundle, answers, as_of)
    tier, raised = _raise(law.tier, answers, applied)
    overlays, overlaid = ((), ()) if law.tier in ("prohibited", "out-of-scope") else _overlays(bundle, answers)
    articles = (*law.articles, *overlaid)
    missing = _missing(bundle, answers, as_of, applied, tier)
    counts_as: Tier = "high" if tier == "undetermined" else tier
    # The organization's own raise brings its profile, not the law's duties.
    by_law = "high" if law.tier == "undetermined" else law.tier
    route = _route(bundle, answers, law)
    duties = owed(
        bundle, answers, tier=by_law, articles=articles, uses=law.uses, product=law.product, route=route, as_of=as_of
    )
    return Result(
        tier=tier,
        counts_as=counts_as,
        complete=not missing and tier != "undetermined",
        articles=articles,
        obligations=duties,
        missing=missing,
        route=route,
        overlays=overlays,
        exemption=law.exemption,
        raised_by=raised,
        coming=_coming(bundle, answers, as_of, applied, tier),
        notes=_notes(bundle, answers, as_of),
        roles=answers.role,
        system=answers.system,
        assessor=answers.assessor,
        date=answers.date,
        as_of=as_of,
        bundle_id=bundle.id,
        bundle_sha256=bundle.sha256,
        purpose_sha256=purpose_digest(answers.purpose) if answers.purpose else None,
        rules_sha256=digest([plain(rule) for rule in applied]),
    )
