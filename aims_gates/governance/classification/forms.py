"""Questionnaires and records as files: an empty form, a filled-in record, and the check that a record still holds."""

from collections.abc import Iterable, Mapping
from datetime import date
from io import StringIO
from textwrap import wrap
from typing import Any

from ruamel.yaml import YAML

from aims_gates.documents.strict_yaml import Document
from aims_gates.errors import InputError
from aims_gates.governance.classification.answers import Answers, OrganizationRule, read_answers
from aims_gates.governance.classification.results import Result
from aims_gates.governance.classification.schema import Bundle
from aims_gates.governance.classification.tiers import classify

__all__ = ["HEADINGS", "record", "record_text", "recheck", "template"]

#: The sections of a questionnaire, as people read them.
HEADINGS: Mapping[str, str] = {
    "scope": "Scope",
    "prohibited": "Prohibited practices",
    "product": "High risk as a product or its safety component",
    "uses": "High-risk uses",
    "exemption": "Exemption from a high-risk use (leave out unless you claim it)",
    "transparency": "Transparency",
    "gpai": "General-purpose AI",
    "role": "Change of role",
    "duties": "Facts on which single duties hang (a fact left out keeps the duty)",
    "organization": "Facts for your organization's own rules",
}

_HEAD = """\
# Classification questionnaire: {title} ({id}).
# Answer yes, no or unknown. Unknown is never taken for no: it is listed as missing until it is answered. Questions
# whose id ends in .qualifier or .exception follow the one above them and count only where that one is answered yes.
# The wording is ours and no legal advice; in doubt ask a lawyer, and answer unknown until then.
bundle: {id}
bundle_sha256: {sha256}
# The system's name, as in records/systems/NAME.
system:
# What it is for, for whom, and what is decided with it; the same text as in system.yaml.
purpose:
# Who answers, and on which day (YYYY-MM-DD).
assessor:
date:
"""
_ROLE = """\
# What you are towards this system; one or several of:
# {roles}.
role: []
"""
_REST = """\
# The day on which it was or will be first placed on the market or put into service.
released_on:
# Only where a scope question takes it out of scope:
# scope_reason: {reason: WHY, signed_by: WHO, signed_on: YYYY-MM-DD}
"""
_EXEMPTION = """\
# Only where you claim the exemption of Art 6(3):
# exemption:
#   assessment: {reference: WHERE IT IS, signed_by: WHO, signed_on: YYYY-MM-DD}
#   registration: REFERENCE
"""
_RECORD = """\
# Classification record. Answers may be changed; `aims-gates classify --file THIS --out THIS` makes the result anew.
# A result changed by hand is noticed.
"""


def template(bundle: Bundle) -> str:
    """An empty questionnaire: every question's wording as a comment, every answer ``unknown``."""
    parts = [_HEAD.format(title=bundle.title, id=bundle.id, sha256=bundle.sha256)]
    if bundle.roles:
        parts.append(_ROLE.format(roles=", ".join(bundle.roles)))
    parts += [_REST, *([_EXEMPTION] if bundle.exemption else []), "answers:\n"]
    last = None
    for name, (section, question) in bundle.questions().items():
        if section != last:
            parts.append(f"\n  # == {HEADINGS[section]} ==\n")
        last = section
        text = f"{question.ask} {question.help}".strip()
        parts += [f"  # {line}\n" for line in wrap(text, 112, break_on_hyphens=False)]
        # 50.1 is quoted, for readers that would make a number of it.
        key = f'"{name}"' if name.replace(".", "").isdigit() else name
        parts.append(f"  {key}: unknown\n")
    return "".join(parts)


def _filled(answers: Answers) -> dict[str, Any]:
    """The questionnaire's own fields that are filled in, as JSON values."""
    record: dict[str, Any] = {}
    for name in ("system", "purpose", "assessor", "date", "released_on"):
        day = getattr(answers, name)
        if day is not None:
            record[name] = day.isoformat() if isinstance(day, date) else day
    if answers.role:
        record["role"] = list(answers.role)
    if (reason := answers.scope_reason) is not None:
        record["scope_reason"] = {
            "reason": reason.reason,
            "signed_by": reason.signed_by,
            "signed_on": reason.signed_on.isoformat(),
        }
    if (proof := answers.exemption) is not None:
        record["exemption"] = _proof(proof.assessment, proof.registration)
    if answers.organization_rules:
        rules = answers.organization_rules
        record["organization_rules"] = [
            {"id": rule.id, "to": rule.to, "reason": rule.reason, "when": list(rule.when)} for rule in rules
        ]
    return record


def _proof(assessment: Any, registration: str | None) -> dict[str, Any]:
    proof: dict[str, Any] = {} if registration is None else {"registration": registration}
    if assessment is not None:
        signed = {"signed_by": assessment.signed_by, "signed_on": assessment.signed_on.isoformat()}
        proof["assessment"] = {"reference": assessment.reference, **signed}
    return proof


def record(answers: Answers, result: Result | None) -> dict[str, Any]:
    """A classification record: the questionnaire as filled in, and its result (none while it is being filled in).

    Raises:
        InputError: there is a result, but purpose, assessor or date are not filled in.
    """
    missing = [name for name in ("purpose", "assessor", "date") if getattr(answers, name) is None]
    if result is not None and missing:
        remedy = f"Fill in {', '.join(missing)} in the questionnaire."
        raise InputError(f"a record needs {', '.join(missing)}", remedy=remedy)
    content = {"bundle": answers.bundle, **_filled(answers), "answers": dict(answers.answers)}
    if result is not None:
        content |= {"bundle_sha256": result.bundle_sha256, "result": result.value()}
    return content


def record_text(value: Mapping[str, Any]) -> str:
    """A record as YAML."""
    out = StringIO()
    yaml: Any = YAML(typ="safe", pure=True)
    yaml.default_flow_style = yaml.sort_base_mapping_type_on_output = False
    yaml.width = 110
    yaml.dump(dict(value), out)
    return _RECORD + out.getvalue()


def recheck(document: Document, *, today: date, rules: Iterable[OrganizationRule] = ()) -> Result:
    """Classify a record's answers again, and require the result that the record carries.

    Args:
        document: The record, as read.
        today: No signature may be dated after this day.
        rules: The organization's rules of today; a rule added or removed since is noticed.

    Raises:
        InputError: the record has no result, or another one than its answers give; or as :func:`read_answers`.
    """
    answers, bundle = read_answers(document, today=today)
    remedy = "Classify again: aims-gates classify --file THIS --out THIS"
    stored = answers.result
    if stored is None:
        raise document.error((), "the record has no result", remedy)
    try:
        as_of = date.fromisoformat(str(stored.get("as_of")))
    except ValueError as error:
        raise document.error(("result", "as_of"), "is no date", remedy) from error
    result = classify(bundle, answers, as_of=as_of, rules=rules)
    for name, value in result.value().items():
        if name not in stored or stored[name] != value:
            raise document.error(("result", name), "differs from what the answers give", remedy)
    return result
