"""For the people decided about: what the system looks at, which reasons they may hear, its limits, and how to object.

It quotes records and signed findings alone: no weights, no thresholds of the model, no scores of anybody.
"""

from collections.abc import Mapping

from aims_gates.portfolio import ModelView
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section
from aims_gates.reports.view import Report, verdict

__all__ = ["page"]

_INFORMATION = "user_information"
MEASURED = ("What was measured", "About", "Result", "Asked for", "Cases")


def page(facts: Facts) -> Page:
    """The notice: whether this version decides at all, purpose, factors, reasons, limits, the way to a person."""
    heads = facts.heads()

    def said(path: str) -> str:
        return facts.text(_INFORMATION, f"notice.{path}")

    return Page(
        f"How a machine helps to decide: {facts.text('system', 'title')}",
        (
            *_standing(facts.version()),
            Section("What it is for", (facts.text("system", "purpose"), said("ai_involved"))),
            Section("What it looks at", points=facts.texts(_INFORMATION, "notice.factors")),
            Section(
                "What it does not do or look at",
                (said("does_not_do"),),
                facts.texts(_INFORMATION, "notice.not_considered"),
            ),
            Section(
                "Reasons that you may be given",
                ("If a decision goes against you, ask which of these weighed in it:",),
                tuple(says for _, says in _reasons(facts)),
            ),
            Section(
                "How good it is, and its limits",
                (said("accuracy"), said("confidence"), said("limits"), said("failure_modes")),
                columns=MEASURED,
                rows=facts.measured("performance", "fairness"),
            ),
            Section(
                "How to have a person look again",
                (said("contest"), said("oversight"), f"Contact: {said('contact')}"),
            ),
            Section(
                "Read more",
                points=(
                    f"Our AI policy: {facts.text('organization/ai_policy', 'published')}",
                    f"To report harm: {facts.text('external_reporting', 'address')}",
                    f"This notice: {facts.text(_INFORMATION, 'published')}; accessibility: "
                    f"{facts.text(_INFORMATION, 'accessibility')}",
                ),
            ),
        ),
        {"Version": heads["Model"], "As of": heads["As of"]},
        ("Results are quoted from evidence signed about exactly this version; groups under five are left out.",),
    )


def _standing(model: ModelView) -> tuple[Section, ...]:
    """That this version decides about nobody, where no grant lets it run or a halt stopped it; nothing otherwise."""
    if model.halted:
        why = "It was stopped."
    elif model.grant is not None:
        return ()
    elif model.decision.allowed:
        why = "What is required of it is met, but it has not been released."
    else:
        word, _, explanation = verdict(Report(decision=model.decision))
        why = f"It waits: {explanation}." if word == "WAITING" else f"It was refused: {explanation}."
    return (Section("This version decides about nobody", (why,)),)


def _reasons(facts: Facts) -> tuple[tuple[str, ...], ...]:
    """Reason codes with their sentences; every code that the explainability gate accepts needs a sentence."""
    rows = facts.entries(_INFORMATION, "notice.reasons", "code", "says")
    gates = facts.records.get("system", {}).get("gates")
    explainability = gates.get("explainability") if isinstance(gates, Mapping) else None
    codes = explainability.get("codes") if isinstance(explainability, Mapping) else None
    known = {code for code, _ in rows}
    for code in codes if isinstance(codes, list | tuple) else ():
        if str(code) not in known:
            facts.missing.append(f"{facts.places.get(_INFORMATION, _INFORMATION)}: notice.reasons: code {code}")
    return rows
