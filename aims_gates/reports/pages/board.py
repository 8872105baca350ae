"""For the body that governs AI: the acts of the last quarter, where each model stands, and the risks that are open."""

from collections.abc import Iterator, Mapping
from datetime import timedelta

from aims_gates.attestation.statements.people import (
    BreakGlass,
    Halt,
    Rejection,
    Revocation,
    RollbackOrder,
    Waiver,
)
from aims_gates.attestation.statements.registry import Grant, Transition
from aims_gates.attestation.statements.types import type_of
from aims_gates.attestation.trust_list import Row
from aims_gates.portfolio import ModelView
from aims_gates.reports.pages.facts import Facts
from aims_gates.reports.pages.form import Page, Section

__all__ = ["page"]

_ROLES = "organization/roles"
_RISKS = "organization/risk_register"
QUARTER_DAYS = 92
#: What the body hears of, and in which words.
_ACTS: Mapping[type, str] = {
    Grant: "granted",
    Rejection: "rejected",
    Waiver: "waived",
    Revocation: "revoked",
    Halt: "halted",
    RollbackOrder: "rollback ordered",
    BreakGlass: "break-glass",
    Transition: "taken out",
}


def page(facts: Facts) -> Page:
    """The quarterly report to the governing body."""
    since = facts.now - timedelta(days=QUARTER_DAYS)
    acts = sorted({act for view in facts.views for act in _acts(view, since.isoformat())})
    risks = facts.entries(_RISKS, "risks", "id", "description", "owner", "due", "status")
    unsettled = tuple(row for row in risks if row[-1] == "open")
    members = facts.texts(_ROLES, "body.members")
    halts = facts.value(_ROLES, "body.may_halt") is True
    return Page(
        f"Quarterly report to the {facts.text(_ROLES, 'body.name')}",
        (
            Section(
                "The body",
                (
                    f"{len(members)} members, quorum {facts.text(_ROLES, 'body.quorum')}; it "
                    f"{'may' if halts else 'may not'} halt a model; "
                    f"it reports to {facts.text(_ROLES, 'body.reports_to').replace('_', ' ')}.",
                ),
            ),
            Section(
                "What was decided",
                () if acts else ("Nothing was granted, rejected, waived, revoked or halted.",),
                columns=("Day", "Model", "Act", "About", "Ledger row"),
                rows=tuple((at[:10], model, act, about, str(row)) for at, row, model, act, about in acts),
            ),
            Section(
                "Where the models stand",
                () if facts.views else ("The ledger knows no model.",),
                columns=("Model", "System", "In production", "State"),
                rows=tuple(
                    (
                        model.name,
                        model.plan.system if model.plan else "",
                        model.grant.predicate.version if model.grant else "nothing",
                        model.state,
                    )
                    for model in facts.views
                ),
            ),
            Section(
                "Risks that are open",
                () if unsettled else ("No risk on the register is open.",),
                columns=("Risk", "What may happen", "Owner", "Due", "State"),
                rows=unsettled,
            ),
        ),
        {"From": since.date().isoformat(), "To": facts.now.date().isoformat()},
        ("Each act is a signed row of the ledger, or the registry's own: aims-gates ledger verify.",),
    )


def _acts(view: ModelView, since: str) -> Iterator[tuple[str, int, str, str, str]]:
    """Acts about one model from a moment on: when, row, model, what, about what."""
    words = {type_of(kind): title for kind, title in _ACTS.items()}
    own = {row.digest for row in view.rows}
    for row in view.rows:
        at = row.at.isoformat()
        elsewhere = isinstance(row.predicate, Revocation) and row.predicate.statement not in own
        if row.type in words and at >= since and not elsewhere:
            yield at, row.position, view.name, words[row.type], _about(row)


def _about(row: Row) -> str:
    """Version or control, and the reason where one was given."""
    predicate = row.predicate
    parts = [
        f"version {predicate.version}" if getattr(predicate, "version", None) else "",
        str(getattr(predicate, "control", "") or getattr(predicate, "act", "")),
        str(getattr(predicate, "reason", "")),
    ]
    return ", ".join(part for part in parts if part)
