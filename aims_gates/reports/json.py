"""JSON: the shapes of ``aims-gates explain --json`` and ``aims-gates try --json``."""

from collections.abc import Iterable
from dataclasses import asdict
from json import dumps
from typing import Any

from aims_gates.model import Action, Basis, ControlState, Decision, Finding, Outcome
from aims_gates.reports.effort import effort_json
from aims_gates.reports.preview import Preview
from aims_gates.reports.view import Report, bases_of, basis_counts, needed_bases

__all__ = ["finding_json", "gate_json", "render", "report_json"]

#: The fields of a decision that are printed, in their order.
_OF_DECISION = (
    "allowed",
    "mode",
    "tier",
    "system",
    "subject",
    "plan",
    "request",
    "controls",
    "approvals",
    "actions",
    "exit",
    "name",
    "version",
    "profile",
    "at",
    "criteria_met",
    "problems",
    "steps",
    "transition",
)


def finding_json(finding: Finding, basis: Basis | None = None) -> dict[str, Any]:
    """A finding as ``aims-gates try`` prints it; ``n`` whole where it is.

    Args:
        finding: What was found.
        basis: How it is known, as a decision says; without one nothing is signed, so that all but data is declared.
    """
    n = finding.n
    return {
        "measure": finding.measure,
        "by": dict(finding.by),
        "over": None if finding.over is None else dict(finding.over),
        "value": finding.value,
        "low": finding.low,
        "high": finding.high,
        "p_value": finding.p_value,
        "n": int(n) if n is not None and float(n).is_integer() else n,
        "limit": None if finding.limit is None else {"op": finding.limit.op, "value": finding.limit.value},
        "outcome": finding.outcome,
        "controls": list(finding.controls),
        "note": finding.note,
        "remedy": finding.remedy,
        "missing": finding.missing,
        "cause": finding.cause,
        "basis": basis or _unsigned(finding),
    }


def _unsigned(finding: Finding) -> Basis:
    measured = all(name == "model" or name.startswith("data:") for name in finding.rests_on)
    return "measured" if finding.rests_on and measured else "declared"


def gate_json(gate: str, outcome: Outcome, findings: Iterable[Finding]) -> dict[str, Any]:
    """One gate's result as ``aims-gates try --json`` prints it."""
    return {"gate": gate, "outcome": outcome, "findings": [finding_json(finding) for finding in findings]}


def _control(control: ControlState) -> dict[str, Any]:
    return {
        "id": control.control,
        "title": control.title,
        "state": control.state,
        "why": control.why,
        "enforcement": control.enforcement,
        "reason": control.reason,
        "basis": control.basis,
        "least_basis": control.least_basis or None,
        "parts": basis_counts(needed_bases(control)),
        "findings": [
            {"gate": gate} | finding_json(finding, basis)
            for (gate, finding), basis in zip(control.findings, bases_of(control), strict=True)
        ],
        "evidence": [dict(item) for item in control.evidence],
        "next": list(control.next),
        "unsigned": [asdict(text) for text in control.unsigned],
    }


def _step(step: Action) -> dict[str, str]:
    """An action with what it changes, and whether the ``same`` version will do or a ``new`` one is needed."""
    cause = "data" if step.cause == "training-data" else step.cause
    return {"action": step.text, "cause": cause, "version": "new" if step.new_version else "same"}


def _decision(decision: Decision | None) -> dict[str, Any]:
    """What only a decision knows, null (or empty) without one."""
    approvals: dict[str, Any] = {"needed": [], "given": [], "missing": []}
    if decision is None:
        empty: dict[str, Any] = {name: [] for name in ("controls", "actions", "steps", "problems")}
        return dict.fromkeys(_OF_DECISION) | empty | {"approvals": approvals, "basis": basis_counts(())}
    return {name: getattr(decision, name) for name in _OF_DECISION} | {
        "controls": [_control(control) for control in decision.controls],
        "approvals": approvals | dict(decision.approvals),
        "actions": list(decision.actions),
        "steps": [_step(step) for step in decision.steps],
        "problems": list(decision.problems),
        "basis": basis_counts(control.basis for control in decision.controls if control.state == "met"),
    }


def report_json(report: Report) -> dict[str, Any]:
    """The whole report; what only a decision knows is null (or empty) without one."""
    return _decision(report.decision) | {
        "gates": [
            gate_json(gate, outcome, findings) | {"title": title} for gate, title, outcome, findings in report.gates
        ],
        "title": report.title,
        "notes": list(report.notes),
        "links": dict(report.links),
        **({} if report.effort is None else {"effort": effort_json(report.effort)}),
        **({} if report.preview is None else {"preview": _preview(report.preview)}),
    }


def _preview(preview: Preview) -> dict[str, Any]:
    return {
        "roles": list(preview.proposals),
        "seen": [
            {"gate": words.gate, "outcome": words.outcome, "text": words.text, "controls": list(words.controls)}
            for words in preview.findings
        ],
        "controls": [{**control._asdict(), "gates": list(control.gates)} for control in preview.controls],
        "not_run": list(preview.not_run),
        "next": list(preview.next),
    }


def render(report: Report) -> str:
    """The report as indented JSON (UTF-8 text, finite numbers only)."""
    return dumps(report_json(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
