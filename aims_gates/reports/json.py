"""JSON: the shapes of ``aims-gates explain --json`` and ``aims-gates try --json``."""

from collections.abc import Iterable
from json import dumps
from typing import Any

from aims_gates.model import ControlState, Finding, Outcome
from aims_gates.reports.view import Report

__all__ = ["finding_json", "gate_json", "render", "report_json"]


def finding_json(finding: Finding) -> dict[str, Any]:
    """A finding as ``aims-gates try`` prints it; ``n`` whole where it is."""
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
    }


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
        "findings": [{"gate": gate} | finding_json(finding) for gate, finding in control.findings],
        "evidence": [dict(item) for item in control.evidence],
        "next": list(control.next),
    }


def report_json(report: Report) -> dict[str, Any]:
    """The whole report; what only a decision knows is null (or empty) without one."""
    d = report.decision
    approvals = dict(d.approvals) if d else {}
    return {
        "allowed": d.allowed if d else None,
        "mode": d.mode if d else None,
        "tier": d.tier if d else None,
        "system": d.system if d else None,
        "subject": d.subject if d else None,
        "plan": d.plan if d else None,
        "request": d.request if d else None,
        "controls": [_control(control) for control in d.controls] if d else [],
        "approvals": {"needed": [], "given": [], "missing": []} | approvals,
        "actions": list(d.actions) if d else [],
        "exit": d.exit if d else None,
        "name": d.name if d else None,
        "version": d.version if d else None,
        "profile": d.profile if d else None,
        "at": d.at if d else None,
        "criteria_met": d.criteria_met if d else None,
        "problems": list(d.problems) if d else [],
        "gates": [
            gate_json(gate, outcome, findings) | {"title": title} for gate, title, outcome, findings in report.gates
        ],
        "title": report.title,
        "notes": list(report.notes),
        "links": dict(report.links),
    }


def render(report: Report) -> str:
    """The report as indented JSON (UTF-8 text, finite numbers only)."""
    return dumps(report_json(report), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
