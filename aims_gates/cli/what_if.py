"""``aims-gates explain --what-if-tier``: what stands between a version and production at another tier."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from aims_gates.attestation.statements.policy import Binding
from aims_gates.attestation.trust_list import Row
from aims_gates.cli.options import emit
from aims_gates.cli.tier_change import Tier, at_tier, records_missing
from aims_gates.decision.in_force import StatementView
from aims_gates.decision.people import least_people, staffing
from aims_gates.decision.rules import Ask
from aims_gates.documents.canonical import plain
from aims_gates.documents.shell import quoted
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.records.reader import SystemRecord, find_system, read_system
from aims_gates.governance.records.tier import tier_problem
from aims_gates.model import Decision, ModelRef, Plan
from aims_gates.settings import Settings
from aims_gates.simulation.tier_path import GateGap, TierGaps, gaps, under_plan

__all__ = ["explain_at_tier"]


def explain_at_tier(settings: Settings, ref: ModelRef, tier: Tier, *, json_: bool) -> int:
    """Print what a version has and lacks at a tier; gives the exit code of the decision there. Nothing is written.

    Raises:
        InputError: no system lists the model, or nobody may sign a binding.
    """
    from aims_gates.mlflow_plugin.client.explain import version_question

    ask, rows = version_question(settings, ref)
    record = _record(settings, ask, rows)
    changed, planner = at_tier(record, tier), Planner(settings.packs)
    plan = planner.plan(changed)
    binding = Binding(ask.workspace, ask.name, record.system.kind, plan, changed.digest)
    decision, foreseen = under_plan(rows, binding, ask)
    lacking = gaps(decision, foreseen, plan, planner.gates, changed.system)
    missing = records_missing(changed, plan, planner)
    active = StatementView(rows, ask.workspace, ask.name).active(plan.profile_digest)
    problem = tier_problem(changed, datetime.now(UTC).date())
    value = {
        "name": ask.name,
        "version": ask.version,
        "system": plan.system,
        "tier": {"now": record.system.tier, "what_if": tier},
        "profile": plan.profile,
        "met": [state.control for state in lacking.met],
        "needs_data": [plain(gap) for gap in lacking.data],
        "needs_records": {
            "missing": list(missing),
            "gates": [plain(gap) for gap in lacking.records],
            "command": _records_command(plan) if missing else "aims-gates records validate",
        },
        "needs_signatures": list(_signatures(ask, rows, plan, decision)),
        "shown": [state.control for state in lacking.shown],
        "people": least_people(plan).least,
        "problems": [problem.message] if problem is not None else [],
        "exit": decision.exit,
        "path": list(_path(ask, plan, record, lacking, missing, active)),
    }
    emit(value, json_, lambda: _text(value, lacking))
    return decision.exit


def _record(settings: Settings, ask: Ask, rows: list[Row]) -> SystemRecord:
    """The system that the model is bound to; that which lists it, where it is bound to none."""
    from aims_gates.mlflow_plugin.client.systems import system_of

    binding = StatementView(rows, ask.workspace, ask.name).binding()
    if binding is None:
        return system_of(settings, None, ask.name)
    system = binding.predicate.plan.system
    return read_system(find_system(list(settings.packs), system), system)


def _records_command(plan: Plan) -> str:
    return f"aims-gates records new --due --system {quoted(plan.system)}"


def _signatures(ask: Ask, rows: list[Row], plan: Plan, decision: Decision) -> Iterator[dict[str, Any]]:
    """What has to be signed, in which role, and who holds it."""
    view = StatementView(rows, ask.workspace, ask.name)
    holders = staffing(plan, view.trust, ask.now).holders
    acts = [("the binding to the new plan, by somebody who did not write the change", "policy")]
    if not view.active(plan.profile_digest):
        acts.insert(0, (f"the activation of the profile {plan.profile}", "policy"))
    acts += [("the evidence", "ci"), ("the request for promotion", "developer")]
    acts += [
        (f"{lack['count']} approval{'s' if lack['count'] > 1 else ''} of the request", lack["role"])
        for lack in decision.approvals["missing"]
    ]
    for what, role in acts:
        yield {"what": what, "role": role, "holders": list(holders.get(role, ()))}


def _path(
    ask: Ask, plan: Plan, record: SystemRecord, lacking: TierGaps, missing: tuple[str, ...], active: bool
) -> Iterator[str]:
    """The shortest way, in order: one command or one sentence a step."""
    if (plan.tier, plan.profile) != (record.system.tier, record.system.profile or record.system.tier):
        yield f"aims-gates system set-tier {quoted(plan.system, plan.tier)}"
    if missing:
        yield _records_command(plan)
    if missing or lacking.records:
        yield "aims-gates records fill"
    yield from _naming(lacking, record.document.where)
    if not active:
        yield f"aims-gates profile activate {quoted(plan.profile)} --key POLICY.key"
    yield f"aims-gates bind {quoted(ask.name, '--system', plan.system)} --key POLICY.key"
    version = ask.version
    if lacking.new_version:
        yield f"register the fixed model as a new version of {quoted(ask.name)}"
        version = "NEW_VERSION"
    if lacking.data or lacking.records:
        yield f"aims-gates check --model {quoted(ask.name)} {quoted('--version', version)} --key CI.key"
    yield f"aims-gates request open {quoted(ask.name, version)} --key YOUR.key"
    for approver in plan.approvals:
        for _ in range(approver.count):
            yield f"aims-gates approve REQUEST --role {quoted(approver.role)} --key {quoted(approver.role.upper())}.key"
    yield f"aims-gates promote {quoted(ask.name, version)}"


def _naming(lacking: TierGaps, where: str) -> Iterator[str]:
    """What the system's file has to name first."""
    data = sorted({role for gap in lacking.data for role, place in gap.data.items() if place is None})
    columns = sorted({role for gap in lacking.data for role in gap.columns})
    if data:
        yield f"name under data in {where}: {', '.join(data)}"
    if columns:
        yield f"name under roles in {where}: {', '.join(columns)}"


def _text(value: dict[str, Any], lacking: TierGaps) -> str:
    records, tier = value["needs_records"], value["tier"]
    lines = [
        f"{value['name']} version {value['version']}: what if {value['system']} were {tier['what_if']} "
        f"(now {tier['now']}), under the profile {value['profile']}? Nothing is signed or written.",
        *(f"  but: {problem}" for problem in value["problems"]),
        "",
        f"Met already: {len(value['met'])} controls{': ' if value['met'] else ''}{', '.join(value['met'])}",
        "",
        f"Needs data: {len(lacking.data)} gates",
        *(f"  {_data_line(gap)}" for gap in lacking.data),
        "",
        f"Needs records: {len(records['missing'])} that are not there, {len(lacking.records)} gates that read records",
        *([f"  not there: {', '.join(records['missing'])}"] if records["missing"] else []),
        *_by_reason(lacking.records),
        f"  {records['command']}",
        "",
        f"Needs signatures ({value['people']} people at least):",
        *(
            f"  {row['role']}: {row['what']} ({', '.join(row['holders']) or 'nobody holds this role'})"
            for row in value["needs_signatures"]
        ),
    ]
    if value["shown"]:
        lines += ["", f"Shown, stops nothing: {', '.join(value['shown'])}"]
    return "\n".join([*lines, "", "The shortest path:", *(f"  {n}. {step}" for n, step in enumerate(value["path"], 1))])


def _by_reason(unmet: Iterable[GateGap]) -> Iterator[str]:
    """One line for each reason, with the gates of which it is said."""
    gates: dict[str, list[str]] = {}
    for gap in unmet:
        gates.setdefault(gap.reason, []).append(gap.gate)
    yield from (f"  {reason}: {', '.join(names)}" for reason, names in gates.items())


def _data_line(gap: GateGap) -> str:
    places = [f"{role} = {place or 'not named in system.yaml'}" for role, place in gap.data.items()]
    places += [f"the column {role} is not named in system.yaml" for role in gap.columns]
    soon = f"; by the numbers there are: {gap.foreseen}" if gap.foreseen else ""
    return f"{gap.gate} ({', '.join(gap.controls)}): {gap.reason}{soon} [{'; '.join(places) or 'a check measures it'}]"
