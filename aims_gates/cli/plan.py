"""``aims-gates plan``: what a system's profile requires, before anything runs."""

from datetime import UTC, datetime

import click

from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.documents.canonical import digest, plain
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.records.reader import find_system, read_system
from aims_gates.governance.records.tier import require_tier
from aims_gates.model import Plan
from aims_gates.settings import Settings

__all__ = ["command", "plan_of"]


def plan_of(settings: Settings, system: str) -> Plan:
    """The plan as the files here say it; no gate is imported.

    Raises:
        RefusedError: the system's tier is prohibited, or lower than its classification gives today.
    """
    record = read_system(find_system(list(settings.packs), system), system)
    require_tier(record, datetime.now(UTC).date())
    return Planner(settings.packs).plan(record)


@click.command()
@click.argument("system")
@settings_options
@as_json
def command(system: str, settings: Settings, json_: bool) -> None:
    """Show what SYSTEM's profile requires: controls, gates with their limits, approvals."""
    plan = plan_of(settings, system)
    emit({**plain(plan), "digest": digest(plan)}, json_, lambda: _text(plan))


def _text(plan: Plan) -> str:
    controls = [
        (r.control, r.title, r.enforcement, ", ".join(r.gates) or "approvals", r.why) for r in plan.requirements
    ]
    lines = [f"{plan.system}: tier {plan.tier}, profile {plan.profile}", ""]
    lines += [table(("CONTROL", "TITLE", "UNMET", "EVIDENCED BY", "WHY"), controls), "", "Gates:"]
    for step in plan.steps:
        lines.append(f"  {step.gate}  (evidence counts for {step.expires_days} days)")
        if not step.applies:
            lines.append(f"      does not apply: {step.reason}")
        limits = step.params.get("limits")
        for measure, limit in (limits if isinstance(limits, dict) else {}).items():
            lines.append(
                f"      {measure} {limit['op']} {limit['value']}"
                if isinstance(limit, dict)
                else f"      {measure}: {limit}"
            )
    people = ", ".join(f"{approver.count} x {approver.role}" for approver in plan.approvals) or "none"
    lines += ["", f"Approvals: {people}", f"Evaluation set fixed beforehand: {plan.evaluation_digest or 'none'}"]
    if plan.leaves_out:
        lines += ["", f"What this profile leaves out: {plan.leaves_out.strip()}"]
    return "\n".join(lines)
