"""Which questions matter, given the answers so far: what is asked on a terminal and what counts as missing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from aims_gates.governance.classification.answers import Answers, OrganizationRule
from aims_gates.governance.classification.schema import Bundle, DutyFact, Product, Rule, Section

__all__ = ["OpenQuestion", "claimed_exit", "exit_signed", "relevant", "status", "status_of_product"]

Status = Literal["met", "open", "not"]


@dataclass(frozen=True)
class OpenQuestion:
    """A question that matters now.

    Attributes:
        required: Without its answer the result is incomplete. What may only lift a duty (an exception, an exemption) is
            not required: unless it is answered yes it lifts nothing.
    """

    id: str
    ask: str
    help: str
    section: Section
    required: bool


def status(rule: Rule, answers: Answers) -> Status:
    """Whether a rule is met: its question yes, its qualifier not no, its exception not yes; open while unknown."""
    if answers[rule.id] == "no":
        return "not"
    if answers[rule.id] == "unknown":
        return "open"
    if rule.qualifier is not None and answers[f"{rule.id}.qualifier"] == "no":
        return "not"
    if rule.exception is not None and answers[f"{rule.id}.exception"] == "yes":
        return "not"
    return "met"


def status_of_product(product: Product | None, answers: Answers) -> Status:
    """Whether it is a high-risk product: all questions yes and nothing lifts it; one no settles it."""
    if product is None or _lifted(product, answers):
        return "not"
    answers_here = [answers[question.id] for question in product.all_of]
    return "not" if "no" in answers_here else "open" if "unknown" in answers_here else "met"


def _lifted(product: Product, answers: Answers) -> bool:
    """Whether it serves no safety and endangers nobody, or a third party assesses it for other risks alone."""
    harmless = product.endangers is not None and answers[product.endangers.id] == "no"
    comfort = product.comfort is not None and answers[product.comfort.id] == "yes" and harmless
    return comfort or (product.other_risks is not None and answers[product.other_risks.id] == "yes")


def claimed_exit(bundle: Bundle, answers: Answers) -> str | None:
    """Id of the first scope question whose answer takes the system out of scope; None for none."""
    exits = (exit_ for exit_ in bundle.scope if not exit_.minimal_only)
    return next((exit_.id for exit_ in exits if answers[exit_.id] == exit_.out), None)


def exit_signed(answers: Answers) -> bool:
    """Whether the reason for being out of scope is signed."""
    return answers.scope_reason is not None


class _Questions:
    """Yields the questions of one bundle as :class:`OpenQuestion`."""

    def __init__(self, bundle: Bundle, answers: Answers) -> None:
        self.bundle, self.answers, self.known = bundle, answers, bundle.questions()

    def one(self, question: str, *, required: bool = True) -> OpenQuestion:
        section, question_text = self.known[question]
        return OpenQuestion(question_text.id, question_text.ask, question_text.help, section, required)

    def rules(self, rules: Iterable[Rule], *, follows_required: bool = False) -> Iterator[OpenQuestion]:
        for rule in rules:
            yield self.one(rule.id)
            if self.answers[rule.id] != "yes":
                continue
            if rule.qualifier is not None:
                yield self.one(f"{rule.id}.qualifier", required=follows_required)
            if rule.exception is not None and self.answers[f"{rule.id}.qualifier"] != "no":
                yield self.one(f"{rule.id}.exception", required=follows_required)

    def product(self) -> Iterator[OpenQuestion]:
        product = self.bundle.product
        if product is None:
            return
        noes = [question for question in product.all_of if self.answers[question.id] == "no"]
        if noes:
            yield self.one(noes[0].id)
            return
        yield from (self.one(question.id) for question in product.all_of)
        if all(self.answers[question.id] == "yes" for question in product.all_of):
            yield from self._lifting(product)
        if status_of_product(product, self.answers) == "met":
            yield self.one(product.sectoral.id)

    def _lifting(self, product: Product) -> Iterator[OpenQuestion]:
        for question in product.lifting:
            if question is not product.endangers or (product.comfort and self.answers[product.comfort.id] == "yes"):
                yield self.one(question.id, required=False)

    def exemption(self) -> Iterator[OpenQuestion]:
        exemption = self.bundle.exemption
        if exemption is None or not any(status(rule, self.answers) == "met" for rule in self.bundle.uses):
            return
        yield self.one(exemption.material.id, required=False)
        if self.answers[exemption.material.id] != "yes":
            return
        yield self.one(exemption.profiling.id, required=False)
        if self.answers[exemption.profiling.id] == "no":
            yield from (self.one(question.id, required=False) for question in exemption.any_of)

    def gpai(self) -> Iterator[OpenQuestion]:
        for overlay in self.bundle.gpai:
            if not overlay.parents or any(self.answers[parent] == "yes" for parent in overlay.parents):
                yield self.one(overlay.id)

    def duties(self) -> Iterator[OpenQuestion]:
        """What bears on single duties: a change of role, and the facts on which they hang."""
        product = status_of_product(self.bundle.product, self.answers) == "met"
        high = product or any(status(rule, self.answers) == "met" for rule in self.bundle.uses)
        if high:
            yield from self._role_changes(product)
        yield from (self.one(fact.id, required=False) for fact in self.bundle.facts if self._asked(fact, high))

    def _role_changes(self, product: bool) -> Iterator[OpenQuestion]:
        first, roles = self.bundle.role_change, self.answers.role
        for change in (*((first,) if first is not None else ()), *self.bundle.role_changes):
            concerns = not change.roles or set(change.roles) & set(roles)
            if roles and concerns and change.becomes not in roles and (product or not change.product):
                yield self.one(change.id)

    def _asked(self, fact: DutyFact, high: bool) -> bool:
        if fact.roles and not set(fact.roles) & set(self.answers.role):
            return False
        return fact.always or (high and fact.high) or any(self.answers[parent] == "yes" for parent in fact.when)


def relevant(
    bundle: Bundle, answers: Answers, *, as_of: date, rules: Iterable[OrganizationRule] = ()
) -> Iterator[OpenQuestion]:
    """The questions that matter, in order; a settled scope exit or prohibition ends them.

    Args:
        bundle: The questionnaire.
        answers: The answers so far.
        as_of: The day for which a prohibition counts.
        rules: The organization's rules, whose questions are asked too.
    """
    find = _Questions(bundle, answers)
    own = list(dict.fromkeys(question for rule in rules for question in rule.when))
    claimed = claimed_exit(bundle, answers)
    for exit_ in bundle.scope:
        yield find.one(exit_.id, required=not exit_.optional)
        if exit_.id == claimed:
            yield from (find.one(question) for question in own if find.known[question][0] == "organization")
            return
    yield from find.rules(bundle.prohibited, follows_required=True)
    applying = [rule for rule in bundle.prohibited if (bundle.on(rule.applies) or as_of) <= as_of]
    if any(status(rule, answers) == "met" for rule in applying):
        return
    yield from find.product()
    yield from find.rules(bundle.uses)
    yield from find.exemption()
    yield from find.rules(bundle.transparency)
    yield from find.gpai()
    yield from find.duties()
    yield from (find.one(question) for question in own if find.known[question][0] == "organization")
