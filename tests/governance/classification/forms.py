"""Filled-in questionnaires for the tests."""

from datetime import date
from pathlib import Path
from typing import Any

from aims_gates.documents.strict_yaml import read
from aims_gates.governance.classification import bundle
from aims_gates.governance.classification.bundles import DEFAULT
from aims_gates.governance.classification.schema import Answer

TODAY = date(2026, 11, 23)
SYSTEMS: list[dict[str, Any]] = read(Path(__file__).with_name("systems.yaml")).value["systems"]


def all_no(name: str = DEFAULT, *yes: str) -> dict[str, Answer]:
    """Every question answered no, but that it is an AI system, and these."""
    answers: dict[str, Answer] = dict.fromkeys(bundle(name).questions(), "no")
    answers |= dict.fromkeys(("is_ai_system", *yes), "yes")
    return answers


def form(case: dict[str, Any]) -> dict[str, Any]:
    """The questionnaire of one row of systems.yaml, as a user's file."""
    name = case.get("bundle", DEFAULT)
    if case.get("empty"):
        return {"bundle": name}
    answers = all_no(name, *case.get("yes", [])) | dict.fromkeys(case.get("unknown", []), "unknown")
    value: dict[str, Any] = {
        "bundle": name,
        "system": case["name"],
        "purpose": f"What {case['name'].replace('-', ' ')} is for, told in a sentence.",
        "assessor": "model owner",
        "date": TODAY.isoformat(),
        "answers": {**answers, **case.get("out", {})},
    }
    if bundle(name).roles:
        value["role"] = case.get("role", "provider")
    if case.get("signed"):
        value["scope_reason"] = {"reason": "see the note", "signed_by": "general counsel", "signed_on": "2026-11-01"}
    value |= {key: case[key] for key in ("released_on", "exemption") if key in case}
    if "rules" in case:
        value["organization_rules"] = case["rules"]
    return value
