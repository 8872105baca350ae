"""``aims-gates waive``: a control is accepted as unmet for one version, until a date."""

from datetime import UTC, date, datetime
from pathlib import Path

import click

from aims_gates.cli.options import key_option, settings_options
from aims_gates.errors import InputError, RefusedError
from aims_gates.model import Plan
from aims_gates.settings import DEFAULT_WORKSPACE, Settings

__all__ = ["command"]


def _check(plan: Plan, control: str, role: str, until: str) -> None:
    if control not in {requirement.control for requirement in plan.requirements}:
        raise InputError(f"your profile does not require {control}", remedy=f"See: aims-gates plan {plan.system}")
    if role not in plan.waiver_roles:
        allowed = ", ".join(plan.waiver_roles) or "nobody"
        raise RefusedError(f"the role {role!r} may not waive under this profile", remedy=f"May waive: {allowed}.")
    try:
        days = (date.fromisoformat(until) - datetime.now(UTC).date()).days
    except ValueError as error:
        raise InputError(f"{until!r} is not a date", where="--until", remedy="Write it as YYYY-MM-DD.") from error
    if not 0 <= days <= plan.waiver_days:
        said = (
            f"{until} has passed"
            if days < 0
            else f"{until} is {days} days ahead; the profile allows {plan.waiver_days}"
        )
        raise InputError(said, where="--until", remedy=f"Choose a day at most {plan.waiver_days} days ahead.")


@click.command()
@click.argument("name")
@click.argument("version")
@click.option("--control", required=True, help="The control, e.g. A.7.4.")
@click.option("--role", required=True, help="The role in which you waive; the profile names those that may.")
@click.option("--reason", required=True, help="Why the control cannot be met now.")
@click.option("--risk", required=True, help="What may happen because of it.")
@click.option("--compensating-control", required=True, help="What is done instead.")
@click.option("--until", required=True, help="Last day on which it stands, YYYY-MM-DD; capped by the profile.")
@key_option
@settings_options
def command(
    name: str,
    version: str,
    control: str,
    role: str,
    reason: str,
    risk: str,
    compensating_control: str,
    until: str,
    key: Path | None,
    settings: Settings,
) -> None:
    """Accept a control as unmet for exactly the bytes of a version for which a request is open."""
    from aims_gates.authority import about
    from aims_gates.cli.signed import state
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.model import Subject
    from aims_gates.predicates import Waiver
    from aims_gates.standing import Ledger

    with open_ledger(settings.need_registry()) as connection:
        ledger = Ledger(about(connection, DEFAULT_WORKSPACE, name), DEFAULT_WORKSPACE, name)
    binding, request = ledger.binding(), ledger.request(version)
    if binding is None or request is None:
        missing = "is bound to no system" if binding is None else f"version {version} has no open request"
        raise InputError(f"{name} {missing}", remedy=f"See: aims-gates explain {name} {version} --to production")
    plan: Plan = binding.predicate.plan
    _check(plan, control, role, until)
    said = Waiver(plan.system, request.predicate.digest, control, role, reason, risk, compensating_control, until)
    row, person = state(settings, key, said, Subject("model", said.digest, f"{name}/{version}"), role)
    click.echo(f"{person} waived {control} for {name} version {version} until {until} (statement {row.digest[7:19]})")
