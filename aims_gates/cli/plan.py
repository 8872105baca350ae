"""``aims-gates plan``: what a system's profile requires, before anything runs."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.documents.canonical import digest, plain
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.records.approvers import BOARD, BY_BOARD, approvers_of
from aims_gates.governance.records.reader import SystemRecord, find_system, read_system
from aims_gates.governance.records.tier import require_tier
from aims_gates.model import Plan
from aims_gates.settings import Settings

if TYPE_CHECKING:
    from aims_gates.attestation.trust_list import TrustHistory
    from aims_gates.decision.people import PeopleNeeded, Staffing

__all__ = ["command", "plan_of", "trust_of"]


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
@click.option("--people", is_flag=True, help="Show instead how many people it takes at least, who does what, and why.")
@settings_options
@as_json
def command(system: str, people: bool, settings: Settings, json_: bool) -> None:
    """Show what SYSTEM's profile requires: controls, gates with their limits, approvals.

    With --people: the least number of distinct people who can carry a version to a grant under the rules of the
    decision, who of them does what, which duties one person may not have together and why; and, where there is a trust
    list, which of the needed roles nobody holds.
    """
    plan = plan_of(settings, system)
    if people:
        _show_people(plan, settings, json_)
        return
    emit({**plain(plan), "digest": digest(plan)}, json_, lambda: _text(plan))


def _show_people(plan: Plan, settings: Settings, json_: bool) -> None:
    from aims_gates.decision.people import least_people, staffing
    from aims_gates.portfolio.rebinding import last_author

    record = read_system(find_system(list(settings.packs), plan.system), plan.system)
    quorum, history = _quorum(record), trust_of(settings)
    staff = staffing(plan, history, datetime.now(UTC), quorum=quorum) if history is not None else None
    needed = least_people(plan, author_known=last_author(record.folder) is not None, quorum=quorum)
    value = _people(plan, needed, staff)
    emit(value, json_, lambda: _people_text(value, staff))


def _quorum(record: SystemRecord) -> int:
    """How many members of a board have to sign the most demanding of a system's records; 0 where none decides."""
    approvers = [approvers_of(name, record.records[name]) for name in BY_BOARD if name in record.records]
    return max((count for role, count in approvers if role == BOARD), default=0)


def _people(plan: Plan, needed: "PeopleNeeded", staff: "Staffing | None") -> dict[str, Any]:
    what = {duty.id: duty.what for duty in needed.duties}
    people = [
        {
            "person": place,
            "does": [duty.what for duty in duties],
            "roles": list(dict.fromkeys(role for duty in duties for role in duty.roles[:1])),
        }
        for place, duties in enumerate(needed.people, 1)
    ]
    conflicts = [
        {"between": [what[duty] for duty in conflict.between], "reason": conflict.reason}
        for conflict in needed.conflicts
    ]
    return {
        "system": plan.system,
        "tier": plan.tier,
        "profile": plan.profile,
        "least": needed.least,
        "people": people,
        "conflicts": conflicts,
        "trust_list": plain(staff) if staff is not None else None,
    }


def trust_of(settings: Settings) -> "TrustHistory | None":
    """The trust lists of the registry; None where none is named, or it has no ledger yet."""
    from aims_gates.errors import NoLedgerError
    from aims_gates.ledger import history
    from aims_gates.ledger.connect import open_ledger

    if settings.registry is None:
        return None
    try:
        with open_ledger(settings.registry) as connection:
            past = history(connection)
    except NoLedgerError:
        return None
    return past if past.current() is not None else None


def _people_text(value: dict[str, Any], staff: "Staffing | None") -> str:
    people = "1 person" if value["least"] == 1 else f"{value['least']} people"
    rows = [(str(row["person"]), ", ".join(row["roles"]) or "none", "; ".join(row["does"])) for row in value["people"]]
    lines = [
        f"{value['system']}: tier {value['tier']}, profile {value['profile']}: {people} at least",
        "",
        table(("PERSON", "ROLES", "DOES"), rows),
        "",
        "Evidence is signed in the role ci by a service account, which is no person.",
        "Records compare names of their own: who approves a record is not its owner, who validates did not develop.",
        "",
        "What one person may not do alone:" if value["conflicts"] else "No two duties have to be apart.",
    ]
    lines += [f"  {reason}" for reason in dict.fromkeys(row["reason"] for row in value["conflicts"])]
    return "\n".join([*lines, "", *_staff_lines(staff)])


def _further(role: str) -> str:
    """What else the trust list asks for with a role."""
    from aims_gates.attestation.trust_list import OUTSIDE
    from aims_gates.decision.people import SERVICES

    return " --service" if role in SERVICES else " --organization ORGANIZATION" if role.startswith(OUTSIDE) else ""


def _staff_lines(staff: "Staffing | None") -> list[str]:
    if staff is None:
        return ["There is no trust list yet: aims-gates keys trust FILE.pub --person NAME --role policy --first"]
    lines = [f"On the trust list: {staff.people}"]
    lines += [f"  {role}: {', '.join(holders) or 'nobody'}" for role, holders in staff.holders.items()]
    if staff.enough:
        return [*lines, "They can carry it."]
    command = "aims-gates keys trust FILE.pub --person NAME --key POLICY.key --role"
    trust = [f"  {command} {role}{_further(role)}" for role in staff.unheld]
    if trust:
        return [*lines, "Nobody holds what is needed; have a policy owner put somebody on the list:", *trust]
    return [*lines, "Every role is held, and by too few people: one more is needed who shares no duty above."]


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
