"""For the auditor: what was decided about a version, on which evidence, by whom; and what the words mean."""

import re
from collections.abc import Iterator

from aims_gates.governance.controls.glossary import SOURCES, glossary
from aims_gates.model import ControlState, Plan
from aims_gates.portfolio import ModelView
from aims_gates.reports.approvals import approval_lines
from aims_gates.reports.pages import audit_trail
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section, markdown
from aims_gates.reports.pages.notice import MEASURED
from aims_gates.reports.view import Report, basis_text, marks, ordered, verdict

__all__ = ["appendix", "page"]


def page(facts: Facts) -> Page:
    """The auditor's report; its appendix defines each word of the glossary that the report uses."""
    model = facts.version()
    assert model.plan is not None
    decision = model.decision
    word, about, explanation = verdict(Report(decision=decision))
    plan = model.plan
    result = Page(
        f"Audit report: {facts.text('system', 'title')}",
        (
            Section(
                "Verdict", (f"{word}: {about}. {explanation[:1].upper()}{explanation[1:]}.",), approval_lines_of(model)
            ),
            _system(facts, model, plan),
            Section(
                "Controls and their evidence",
                columns=("Control", "Title", "Enforcement", "State", "Why", "How it is known", "Evidence statements"),
                rows=tuple(map(_control, ordered(decision.controls))),
            ),
            audit_trail.known(decision),
            audit_trail.evidence(model),
            Section("What was measured", columns=MEASURED, rows=facts.measured(*_computed(model))),
            audit_trail.records_read(decision),
            audit_trail.management_system(decision),
            audit_trail.nonconformities(facts),
            audit_trail.samples(model),
        ),
        facts.heads(),
        (
            "Evidence statements are signed and stand in the ledger; verify them with: aims-gates ledger verify, or, "
            "elsewhere, aims-gates ledger export FILE. Titles after ISO/IEC 42001:2023, Annex A; the report shows "
            "evidence and certifies nobody.",
        ),
    )
    return Page(result.title, (*result.sections, appendix(result)), result.facts, result.notes)


def _system(facts: Facts, model: ModelView, plan: Plan) -> Section:
    decision = model.decision
    return Section(
        "The AI system",
        (facts.text("system", "purpose"),),
        columns=("What", "Value"),
        rows=(
            ("Owner", facts.text("system", "owner")),
            ("Tier", plan.tier),
            ("Profile", f"{plan.profile} ({plan.profile_digest})"),
            ("Mode", decision.mode),
            ("Plan", str(decision.plan)),
            ("Request", decision.request or "none"),
            ("Classified by rules", facts.text("classification", "result.bundle_id")),
            ("Articles met", ", ".join(facts.texts("classification", "result.articles", empty=True))),
            ("In production", model.grant.predicate.version if model.grant else "nothing"),
        ),
    )


def _control(state: ControlState) -> tuple[str, ...]:
    """A control, its state and reason, how it is known, and its evidence, by gate and the start of the digest."""
    statements = "; ".join(
        f"{item['gate']} {str(item['statement'])[7:19]}" for item in state.evidence if item.get("statement")
    )
    return (
        state.control,
        state.title,
        state.enforcement,
        marks(state.state).word,
        state.reason,
        basis_text(state),
        statements,
    )


def approval_lines_of(model: ModelView) -> tuple[str, ...]:
    """Approvals, waivers and open problems in plain sentences."""
    waived = tuple(
        f"waived: {state.control}, {state.reason}" for state in model.decision.controls if state.state == "waived"
    )
    return (*(f"approvals {line}" for line in approval_lines(model.decision.approvals)), *waived)


def _computed(model: ModelView) -> Iterator[str]:
    """The gates of the plan whose evidence holds numbers about the model rather than facts of records."""
    assert model.plan is not None
    due = {step.gate for step in model.plan.steps if step.applies}
    return (gate for gate in ("data_quality", "performance", "fairness", "drift", "robustness") if gate in due)


def appendix(of: Page) -> Section:
    """The glossary's terms that a page uses, with their meaning and where their name comes from."""
    text = markdown(of).replace("\\", "").casefold()
    used = [term for term in glossary().values() if re.search(rf"\b{re.escape(term.term.casefold())}s?\b", text)]
    rows = tuple((term.term, term.means, SOURCES[term.source]) for term in used)
    return Section("Appendix: glossary", columns=("Term", "Means here", "Where from"), rows=rows)
