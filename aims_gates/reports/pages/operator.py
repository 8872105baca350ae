"""For those who work with the system: how to read its output, when to overrule it, whom to call, how to stop it."""

from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section
from aims_gates.reports.pages.notice import MEASURED

__all__ = ["page"]


def page(facts: Facts) -> Page:
    """The operators' guide."""

    def told(path: str) -> str:
        return facts.text("user_information", path)

    return Page(
        f"Guide for operators: {facts.text('system', 'title')}",
        (
            Section("What it is for", (facts.text("system", "purpose"), told("notice.ai_involved"))),
            Section("How to read its output", (told("operator_guide.reading"), told("notice.confidence"))),
            Section(
                "When to overrule it",
                (told("operator_guide.when_to_override"), facts.text("oversight", "override")),
            ),
            Section(
                "When in doubt",
                columns=("Step", "Within hours"),
                rows=facts.entries("oversight", "escalation", "step", "within_hours"),
            ),
            Section(
                "How to stop it",
                (
                    f"{facts.text('kill_switch', 'holder')} may stop it: {facts.text('kill_switch', 'route')}",
                    f"Then: {facts.text('kill_switch', 'falls_back_to')}",
                ),
            ),
            Section(
                "Where it is weak",
                (told("notice.limits"), told("notice.failure_modes")),
                columns=MEASURED,
                rows=facts.measured("performance", "fairness"),
            ),
            Section("What it may be used for", points=facts.texts("organization/use_policy", "allowed")),
            Section("What it may not be used for", points=facts.texts("organization/use_policy", "forbidden")),
            Section("What the people affected are told", (told("notice.contest"),)),
        ),
        facts.heads(),
    )
