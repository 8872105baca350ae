"""Asking a classification questionnaire on a terminal: only what still matters, saved after every answer."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import click

from aims_gates.governance.classification import (
    Answers,
    Assessment,
    Bundle,
    ExemptionProof,
    OpenQuestion,
    OrganizationRule,
    ScopeReason,
    contradiction,
    relevant,
)
from aims_gates.governance.classification.forms import HEADINGS
from aims_gates.governance.classification.questions import claimed_exit
from aims_gates.governance.classification.schema import Answer

__all__ = ["ask"]

_REPLIES: Mapping[str, Answer] = {"y": "yes", "n": "no", "u": "unknown", "yes": "yes", "no": "no", "unknown": "unknown"}


def _reply(text: str) -> Answer:
    reply = _REPLIES.get(text.strip().lower())
    if reply is None:
        raise click.BadParameter("answer yes, no or unknown (y, n, u)")
    return reply


def _say(text: str = "") -> None:
    click.echo(text, err=True)


def _text(label: str, *, optional: bool = False) -> str | None:
    message = str(click.prompt(label, default="" if optional else None, show_default=False, err=True)).strip()
    return message or None


def _day(label: str, today: date, *, optional: bool = False, past: bool = True) -> date | None:
    def day(text: str) -> date | None:
        if optional and not text.strip():
            return None
        try:
            result = date.fromisoformat(text.strip())
        except ValueError as error:
            raise click.BadParameter("write the day as YYYY-MM-DD") from error
        if past and result > today:
            raise click.BadParameter("that day lies in the future")
        return result

    default = "" if optional else None
    answer: date | None = click.prompt(label, default=default, show_default=False, value_proc=day, err=True)
    return answer


def _head(bundle: Bundle, answers: Answers, today: date) -> Answers:
    """Purpose, assessor, role and release, where they are not filled in."""
    record: dict[str, Any] = {"date": today}
    if answers.purpose is None:
        record["purpose"] = _text("What is the system for, for whom, and what is decided with it?")
    if answers.assessor is None:
        record["assessor"] = _text("Who answers?")
    if bundle.roles and not answers.role:
        record["role"] = _role(bundle)
    if bundle.roles and answers.released_on is None:
        label = "Day of first release, past or planned (YYYY-MM-DD; Enter: not known yet)"
        record["released_on"] = _day(label, today, optional=True, past=False)
    return replace(answers, **record)


def _role(bundle: Bundle) -> tuple[str, ...]:
    def roles(text: str) -> tuple[str, ...]:
        chosen = tuple(dict.fromkeys(text.replace(",", " ").lower().split()))
        if not chosen or set(chosen) - set(bundle.roles):
            raise click.BadParameter(f"choose from {', '.join(bundle.roles)}")
        return chosen

    label = f"What are you towards it? ({', '.join(bundle.roles)}; one or several)"
    answer: tuple[str, ...] = click.prompt(label, value_proc=roles, err=True)
    return answer


def _one(question: OpenQuestion, bundle: Bundle, answers: Answers) -> Answers:
    """Ask one question until its answer goes together with the others."""
    _say(f"\n[{question.id}] {question.ask}")
    if question.help:
        _say(click.style(f"  {question.help}", dim=True))
    while True:
        answer: Answer = click.prompt("  yes, no or unknown", value_proc=_reply, err=True)
        value = {**answers.answers, question.id: answer}
        conflict = contradiction(bundle, value)
        if conflict is None:
            return replace(answers, answers=value)
        _say(f"  That contradicts another answer: {conflict[1]}. Write unknown where in doubt.")


def _papers(bundle: Bundle, answers: Answers, today: date) -> Answers:
    """The signed reason of a scope exit, or the documents of an exemption, where they are called for."""
    if claimed_exit(bundle, answers) is not None:
        return answers if answers.scope_reason is not None else _scope_reason(answers, today)
    if answers.exemption is None and _claims_exemption(bundle, answers):
        return _exemption(answers, today)
    return answers


def _scope_reason(answers: Answers, today: date) -> Answers:
    _say("\nOut of scope counts only with a signed reason.")
    reason, by = _text("  Reason"), _text("  Signed by")
    day = _day("  Signed on (YYYY-MM-DD)", today)
    return replace(answers, scope_reason=ScopeReason(reason, by, day)) if reason and by and day else answers


def _claims_exemption(bundle: Bundle, answers: Answers) -> bool:
    """Whether the answers claim that a high-risk use is exempt, so that documents have to show it."""
    asks = bundle.exemption
    if asks is None or answers[asks.material.id] != "yes" or answers[asks.profiling.id] != "no":
        return False
    return any(answers[question.id] == "yes" for question in asks.any_of)


def _exemption(answers: Answers, today: date) -> Answers:
    _say("\nThe exemption counts only with a signed assessment, dated before release, and a registration.")
    reference = _text("  Where the assessment is (Enter: there is none)", optional=True)
    assessment = None
    if reference:
        by, day = _text("  Signed by"), _day("  Signed on (YYYY-MM-DD)", today)
        assessment = Assessment(reference, by, day) if by and day else None
    registration = _text("  Registration reference (Enter: there is none)", optional=True)
    return replace(answers, exemption=ExemptionProof(assessment, registration))


def _next(open_questions: Iterable[OpenQuestion], answers: Answers, visited: set[str]) -> OpenQuestion | None:
    """The first question that was neither asked in this session nor answered before."""
    left = (question for question in open_questions if question.id not in visited)
    return next((question for question in left if answers[question.id] == "unknown"), None)


def ask(
    bundle: Bundle,
    answers: Answers,
    *,
    as_of: date,
    today: date,
    rules: tuple[OrganizationRule, ...],
    keep: Callable[[Answers], None],
) -> Answers:
    """Ask what matters and is not answered yet.

    Args:
        bundle: The questionnaire.
        answers: What is answered already; kept, but for ``unknown``, which is asked again.
        as_of: The day for which prohibitions count.
        today: No signature may be dated after this day.
        rules: The organization's rules.
        keep: Called after every answer, so that nothing is lost when the user stops.

    Raises:
        click.Abort: the user stopped.
    """
    _say(f"{bundle.title}. Answer yes, no or unknown (y, n, u); Ctrl-C stops.\n")
    answers = _head(bundle, answers, today)
    keep(answers)
    visited: set[str] = set()
    section = None
    while True:
        open_questions = relevant(bundle, answers, as_of=as_of, rules=(*rules, *answers.organization_rules))
        question = _next(open_questions, answers, visited)
        if question is None:
            break
        if question.section != section:
            _say(f"\n== {HEADINGS[question.section]} ==")
        section = question.section
        answers = _one(question, bundle, answers)
        visited.add(question.id)
        keep(answers)
    answers = _papers(bundle, answers, today)
    keep(answers)
    return answers
