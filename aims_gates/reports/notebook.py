"""A report in a notebook: the page's own parts without the page, so that nothing around them changes.

What comes from data is escaped as on the page (:mod:`aims_gates.reports.html`); there is no script, and nothing is
loaded. Every rule of its style names the report's own element, and its colours hold on a light and on a dark ground.
"""

import hashlib

from aims_gates.reports import format
from aims_gates.reports.html import page, verdict_parts
from aims_gates.reports.pictures import pictures
from aims_gates.reports.steps import with_heads
from aims_gates.reports.view import Report, judging

__all__ = ["render"]

_MOST_FINDINGS, _MOST_ACTIONS, _MOST_PICTURES = 60, 5, 2


def render(report: Report) -> str:
    """The report as a fragment of HTML."""
    decision = report.decision
    gates = sorted(report.gates, key=lambda run: (run not in judging(report), format.rank_of(run.outcome)))
    return page(
        "notebook.html",
        {
            **verdict_parts(report),
            "actions": [(step.text, head) for step, head in with_heads(decision.steps)]
            if decision
            else [(text, "") for text in (report.preview.next if report.preview else ())],
            "all_of_it": report.all_of_it,
            "ids": f"ag-{hashlib.sha256(repr(report).encode()).hexdigest()[:8]}-",
            "most_actions": _MOST_ACTIONS,
            "gates": [
                (run, format.worst_first(run.findings)[:_MOST_FINDINGS], len(run.findings) - _MOST_FINDINGS)
                for run in gates
            ],
            "pictures": {
                run.gate: pictures(run.findings, report.smallest_cell)[:_MOST_PICTURES] for run in report.gates
            },
        },
    )
