"""The filled-in questionnaire: its shape, and a reader that names file, line and remedy of whatever is wrong."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date as Day
from difflib import get_close_matches
from typing import Any, Literal, get_args

from aims_gates.documents.canonical import text_digest
from aims_gates.documents.strict_yaml import Document, parse
from aims_gates.governance.classification.bundles import DEFAULT, bundle
from aims_gates.governance.classification.schema import Answer, Bundle, Pattern

__all__ = [
    "Answers",
    "Assessment",
    "ExemptionProof",
    "OrganizationRule",
    "ScopeReason",
    "contradiction",
    "purpose_digest",
    "read_answers",
    "read_rules",
]


@dataclass(frozen=True)
class ScopeReason:
    """Why a system is out of scope, and who signed that."""

    reason: str
    signed_by: str
    signed_on: Day


@dataclass(frozen=True)
class Assessment:
    """The signed assessment behind an exemption; ``reference`` says where it is."""

    reference: str
    signed_by: str
    signed_on: Day


@dataclass(frozen=True)
class ExemptionProof:
    """The documents of an exemption: the assessment, and the reference of its registration."""

    assessment: Assessment | None = None
    registration: str | None = None


@dataclass(frozen=True)
class OrganizationRule:
    """A rule of the organization that raises a tier; there is no way to write one that lowers it.

    Attributes:
        id: Its name, for reports.
        to: The tier that the system gets at least.
        reason: Why.
        when: Questions that must all be answered yes; empty means always. Unknown is not no: it must be answered.
    """

    id: str
    to: Literal["minimal", "limited", "high", "prohibited"]
    reason: str
    when: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """A questionnaire as filled in. What is missing counts as unknown.

    Attributes:
        answers: Question id -> yes, no or unknown.
        bundle: The bundle that was answered.
        bundle_sha256: When given, the bundle's text must still be this one.
        system: The system's name.
        purpose: What the system is for; its digest goes into the result.
        assessor: Who answered.
        date: When.
        role: The organization's roles towards this system.
        released_on: The day it was or will be first placed on the market or put into service.
        scope_reason: Signed reason for being out of scope.
        exemption: Documents of an exemption that is claimed.
        organization_rules: Rules of the organization for this system.
        result: The result that a record carries; ignored when it is read again.
    """

    answers: Mapping[str, Answer] = field(default_factory=dict)
    bundle: str = DEFAULT
    bundle_sha256: str | None = None
    system: str | None = None
    purpose: str | None = None
    assessor: str | None = None
    date: Day | None = None
    role: tuple[str, ...] = ()
    released_on: Day | None = None
    scope_reason: ScopeReason | None = None
    exemption: ExemptionProof | None = None
    organization_rules: tuple[OrganizationRule, ...] = ()
    result: Mapping[str, Any] | None = None

    def __getitem__(self, question: str) -> Answer:
        """The answer to a question; ``unknown`` where there is none."""
        return self.answers.get(question, "unknown")


@dataclass(frozen=True)
class _RuleFile:
    rules: tuple[OrganizationRule, ...]


def purpose_digest(purpose: str) -> str:
    """Digest of a purpose text, surrounding space and line breaks set aside, as system.yaml's is made."""
    return text_digest(purpose)


def _near(word: str, known: Iterable[str]) -> str:
    close_matches = get_close_matches(word, list(known), n=3, cutoff=0.5)
    message = f"Did you mean {', '.join(close_matches)}? " if close_matches else ""
    return f"{message}`aims-gates classify --template` prints every question."


def _check_answers(document: Document, value: Any, rules: Bundle) -> None:
    if not isinstance(value, dict):
        raise document.error(("answers",), "must be a mapping of question ids to yes, no or unknown")
    known = rules.questions()
    for question, answer in value.items():
        path = ("answers", question)
        if question not in known:
            raise document.error(path, f"{rules.id} has no such question", _near(question, known))
        if answer not in get_args(Answer):
            shown = "nothing" if answer is None else repr(answer)
            raise document.error(path, f"{shown} is no answer", "Write yes, no or unknown.")


def _holds(pattern: Pattern, answers: Mapping[str, Answer]) -> bool:
    return all(answers.get(question) == answer for question, answer in pattern.answers.items())


def contradiction(rules: Bundle, answers: Mapping[str, Answer]) -> tuple[tuple[str, ...], str] | None:
    """The first contradiction among answers: its questions and what it is; None when there is none."""
    for pattern in rules.contradictions:
        if _holds(pattern, answers):
            return tuple(pattern.answers), pattern.say
    claims = [rule.id for rule in (*rules.prohibited, *rules.uses, *rules.transparency)]
    claims += [overlay.id for overlay in rules.gpai]
    claimed = next((question for question in claims if answers.get(question) == "yes"), None)
    for exit_ in rules.scope:
        # What is no AI system cannot use AI in any of these ways; a military system can.
        if exit_.out == "no" and answers.get(exit_.id) == "no" and claimed is not None:
            return (claimed, exit_.id), f"it is said to be {exit_.title}, yet {claimed} is answered yes"
    return None


def _check_together(document: Document, answers: Mapping[str, Answer], rules: Bundle) -> None:
    conflict = contradiction(rules, answers)
    if conflict is None:
        return
    questions, message = conflict
    lines = [f"{question} ({document.place(('answers', question))})" for question in questions]
    remedy = f"Look again at {' and '.join(lines)}; write unknown where in doubt."
    raise document.error(("answers", questions[0]), f"contradicts another answer: {message}", remedy)


def _roles(document: Document, value: Any, rules: Bundle) -> list[str]:
    roles = [value] if isinstance(value, str) else value
    if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
        raise document.error(("role",), "must be a role or a list of roles", f"Choose from: {', '.join(rules.roles)}.")
    for item in roles:
        if rules.roles and item not in rules.roles:
            raise document.error(("role",), f"{item!r} is no role", f"Choose from: {', '.join(rules.roles)}.")
    return roles


def _check_dates(document: Document, answers: Answers, latest: Day) -> None:
    reason, proof = answers.scope_reason, answers.exemption
    signed = proof.assessment.signed_on if proof and proof.assessment else None
    dated: list[tuple[tuple[str, ...], Day | None]] = [
        (("date",), answers.date),
        (("scope_reason", "signed_on"), reason.signed_on if reason else None),
        (("exemption", "assessment", "signed_on"), signed),
    ]
    for path, day in dated:
        if day is not None and day > latest:
            raise document.error(path, f"{day} lies in the future", "Write the day on which it was really done.")


def _check_words(document: Document, answers: Answers) -> None:
    """Refuse empty texts where a text is given."""
    reason, proof = answers.scope_reason, answers.exemption
    texts: dict[tuple[str, ...], str | None] = {
        (name,): getattr(answers, name) for name in ("system", "purpose", "assessor")
    }
    if reason:
        texts |= {("scope_reason", name): getattr(reason, name) for name in ("reason", "signed_by")}
    if proof:
        texts[("exemption", "registration")] = proof.registration
    if proof and proof.assessment:
        texts |= {
            ("exemption", "assessment", name): getattr(proof.assessment, name) for name in ("reference", "signed_by")
        }
    for path, text in texts.items():
        if text is not None and not text.strip():
            raise document.error(path, "is empty", "Fill it in, or remove the line.")


def _check_rules(document: Document, rules: Iterable[OrganizationRule], name: str, known: Iterable[str]) -> None:
    questions = set(known)
    for index, rule in enumerate(rules):
        for question in rule.when:
            if question not in questions:
                path = (name, index, "when")
                raise document.error(path, f"there is no question {question!r}", _near(question, questions))


def read_rules(document: Document, rules: Bundle) -> tuple[OrganizationRule, ...]:
    """The organization's rules: a mapping with ``rules``, a list of id, to, reason, and ``when`` if not always.

    Raises:
        InputError: naming file, line and remedy.
    """
    organization_rules = parse(_RuleFile, document).rules
    _check_rules(document, organization_rules, "rules", rules.questions())
    return organization_rules


def read_answers(document: Document, *, today: Day, name: str | None = None) -> tuple[Answers, Bundle]:
    """A questionnaire from a document, with the bundle it answers.

    Args:
        document: What :func:`aims_gates.documents.strict_yaml.read` gave.
        today: No signature or assessment may be dated after this day.
        name: The bundle to take, whatever the document names.

    Raises:
        InputError: an unknown question, an answer that is none, answers that contradict each other, a date in the
            future, another text of the bundle than the one answered; with file, line and remedy.
    """
    value = document.value
    if not isinstance(value, dict):
        raise document.error((), "a questionnaire is a mapping", "Start from: aims-gates classify --template")
    named = value.get("bundle", DEFAULT)
    if not isinstance(named, str):
        raise document.error(("bundle",), "must be the id of a bundle", "See: aims-gates rules list")
    rules = bundle(name or named)
    answered = value.get("answers")
    filled = {**value, "bundle": rules.id, "answers": {} if answered is None else answered}
    _check_answers(document, filled["answers"], rules)
    if value.get("role") is not None:
        filled["role"] = _roles(document, value["role"], rules)
    else:
        filled.pop("role", None)
    answers = parse(Answers, Document(filled, document.where, document.lines))
    if name is None and answers.bundle_sha256 not in (None, rules.sha256):
        remedy = "Read what changed, then remove bundle_sha256 and classify again: aims-gates rules list"
        raise document.error(("bundle_sha256",), f"the text of {rules.id} is another one now", remedy)
    _check_together(document, answers.answers, rules)
    _check_words(document, answers)
    _check_dates(document, answers, today)
    _check_rules(document, answers.organization_rules, "organization_rules", rules.questions())
    return answers, rules
