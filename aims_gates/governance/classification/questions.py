"""Which questions matter, given the answers so far: what is asked on a terminal and what counts as missing."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from aims_gates.governance.classification.answers import Answers, OrganizationRule
from aims_gates.governance.classification.schema import Bundle, Product, Rule, Section

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
    """Whether it is a high-risk product: all questions yes; one no settles it."""
    if product is None:
        return "not"
    answers_here = [answers[question.id] for question in product.all_of]
    return "not" if "no" in answers_here else "open" if "unknown" in answers_here else "met"


def claimed_exit(bundle: Bundle, answers: Answers) -> str | None:
    """Id of the first scope question whose answer takes the system out of scope; None for none."""
    return next((exit_.id for exit_ in bundle.scope if answers[exit_.id] == exit_.out), None)


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
        if status_of_product(product, self.answers) == "not":
            yield next(self.one(question.id) for question in product.all_of if self.answers[question.id] == "no")
            return
        yield from (self.one(question.id) for question in product.all_of)
        if status_of_product(product, self.answers) == "met":
            yield self.one(product.sectoral.id)

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
            if overlay.when is None or self.answers[overlay.when] == "yes":
                yield self.one(overlay.id)

    def high(self) -> Iterator[OpenQuestion]:
        """What bears on the duties of a high-risk system."""
        met = [status(rule, self.answers) for rule in self.bundle.uses]
        if "met" not in (*met, status_of_product(self.bundle.product, self.answers)):
            return
        change = self.bundle.role_change
        if change is not None and self.answers.role and change.becomes not in self.answers.role:
            yield self.one(change.id)
        if "deployer" in self.answers.role:
            yield from (self.one(question.id, required=False) for question in self.bundle.facts)


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
    for exit_ in bundle.scope:
        yield find.one(exit_.id)
        if answers[exit_.id] == exit_.out:
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
    yield from find.high()
    yield from (find.one(question) for question in own if find.known[question][0] == "organization")
