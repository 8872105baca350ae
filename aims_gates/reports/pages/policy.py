"""For the public: what the AI policy commits to, its rules and what checks each of them."""

from collections.abc import Iterator, Mapping
from typing import Any

from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section

__all__ = ["page"]

_POLICY = "organization/ai_policy"
_COMMITMENTS: Mapping[str, str] = {
    "responsible_ai": "We build and use AI responsibly.",
    "compliance": "We keep to the law and to what we have agreed.",
    "continual_improvement": "We keep improving how we handle AI.",
}


def page(facts: Facts) -> Page:
    """The public summary. A rule that no system's plan checks is named as missing: nothing would hold us to it."""
    return Page(
        "Our AI policy in short",
        (
            Section("What we commit to", points=tuple(_commitments(facts))),
            Section(
                "The rules we set ourselves, and what checks them",
                columns=("Rule", "Checked before each release by", "For"),
                rows=tuple(_rules(facts)),
            ),
            Section(
                "Who answers for it",
                (
                    "Top management approved this policy, and reviews it again by "
                    f"{facts.text(_POLICY, 'next_review')}.",
                    f"Questions and complaints: {facts.text(_POLICY, 'contact')}",
                ),
            ),
        ),
        {
            "Version": facts.text(_POLICY, "version"),
            "Approved on": facts.text(_POLICY, "approved_on"),
            "Published": facts.text(_POLICY, "published"),
        },
        ("A summary; the policy's own text is what counts.",),
    )


def _commitments(facts: Facts) -> Iterator[str]:
    value = facts.value(_POLICY, "commitments")
    for name, message in _COMMITMENTS.items():
        if isinstance(value, Mapping) and value.get(name) is True:
            yield message
        elif value is not None:
            facts.missing.append(f"{facts.places.get(_POLICY, _POLICY)}: commitments.{name}: true")


def _rules(facts: Facts) -> Iterator[tuple[str, str, str]]:
    rules: Any = facts.value(_POLICY, "rules")
    for index, rule in enumerate(rules if isinstance(rules, list | tuple) else ()):
        gates = [str(gate) for gate in rule.get("gates") or ()]
        content = {name: {step.gate: step for step in plan.steps if step.applies} for name, plan in facts.plans.items()}
        systems = sorted(name for name, steps in content.items() if gates and set(gates) <= set(steps))
        if not systems:
            message = f"rules.{index}.gates: no system's plan holds {' and '.join(gates) or 'a gate for it'}"
            facts.missing.append(f"{facts.places.get(_POLICY, _POLICY)}: {message}")
        yield str(rule.get("says", "")), ", ".join(gate.replace("_", " ") for gate in gates), ", ".join(systems)
