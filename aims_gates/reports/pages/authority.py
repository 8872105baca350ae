"""For an authority: what the system is, how it was classified, which duties are due, where each document is."""

from collections.abc import Iterator, Mapping

from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section
from aims_gates.reports.pages.notice import MEASURED

__all__ = ["page"]

#: The parts of the technical documentation, in the order of Annex IV of the AI Act; our words.
ANNEX_IV: Mapping[str, str] = {
    "general_description": "1. General description",
    "development": "2. How it was developed",
    "monitoring_and_control": "3. Monitoring, functioning, control",
    "performance_metrics": "4. Why these metrics",
    "risk_management": "5. Risk management",
    "changes": "6. Changes over its life",
    "standards": "7. Standards applied",
    "declaration": "8. Declaration of conformity",
    "post_market_plan": "9. Plan for monitoring after release",
}


def page(facts: Facts) -> Page:
    """The authority's page."""
    model = facts.version()
    assert model.plan is not None
    return Page(
        f"Information for authorities: {facts.text('system', 'title')}",
        (
            Section(
                "General description",
                (facts.text("system", "purpose"), facts.text("impact_assessment", "description")),
                columns=("What", "Value"),
                rows=(
                    ("On whom", facts.text("user_information", "context.population")),
                    ("Where", facts.text("user_information", "context.geography")),
                    ("For what", facts.text("user_information", "context.domain")),
                    ("Owner", facts.text("system", "owner")),
                ),
            ),
            Section("Classification", rows=tuple(_classified(facts)), columns=("What", "Value")),
            Section(
                "Duties",
                columns=("Article", "What is to be done", "From"),
                rows=facts.entries("classification", "result.obligations", "article", "what", "effective?", empty=True),
            ),
            Section(
                "Technical documentation",
                columns=("Part (after Annex IV of the AI Act)", "Where it is"),
                rows=tuple(
                    (title, facts.text("technical_file", f"sections.{name}")) for name, title in ANNEX_IV.items()
                ),
            ),
            Section("What was measured", columns=MEASURED, rows=facts.measured("performance", "fairness")),
            Section(
                "Oversight, logs, incidents",
                (
                    facts.text("user_information", "notice.oversight"),
                    f"It is stopped by: {facts.text('kill_switch', 'route')}. "
                    f"Then: {facts.text('kill_switch', 'falls_back_to')}",
                    f"Logs are kept for {facts.text('logging', 'retention_days')} days: "
                    f"{facts.text('logging', 'integrity')}",
                ),
                columns=("Severity", "Who is told", "Within days", "How"),
                rows=facts.entries("organization/incidents", "notices", "severity", "who", "within_days", "channel"),
            ),
            Section("Reported to others", rows=tuple(_outbound(facts)), columns=("Item", "State", "Detail")),
        ),
        facts.heads(),
        ("Dates and duties are our reading of the rules named above; read the law itself.",),
    )


def _classified(facts: Facts) -> Iterator[tuple[str, str]]:
    for title, path in (
        ("Tier", "result.tier"),
        ("Assessed by", "assessor"),
        ("Assessed on", "date"),
        ("Rules", "result.bundle_id"),
        ("Digest of the rules", "result.bundle_sha256"),
    ):
        yield title, facts.text("classification", path)
    yield "Articles met", ", ".join(facts.texts("classification", "result.articles", empty=True))
    yield "Our role", ", ".join(facts.texts("classification", "result.roles"))


def _outbound(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """What tier high owes to others, for this system."""
    name = facts.text("system", "name")
    if facts.text("system", "tier") != "high":
        return
    rows = facts.entries("organization/reporting_obligations", "high_tier", "system", "item", "state", "detail")
    yield from ((item.replace("_", " "), state, detail) for system, item, state, detail in rows if system == name)
