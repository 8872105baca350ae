"""``aims-gates system``: change one system."""

import sys
from datetime import UTC, datetime
from typing import Any, get_args

import click

from aims_gates.cli.options import as_json, emit, settings_options
from aims_gates.cli.plan import trust_of
from aims_gates.cli.tier_change import Tier, TierChange, tier_change
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.evaluation.plan import Planner
from aims_gates.governance.controls import title_of
from aims_gates.governance.records.reader import find_system, read_system
from aims_gates.settings import Settings

__all__ = ["command"]


@click.group()
def command() -> None:
    """Change one system; `aims-gates systems list` shows all."""


@command.command("set-tier")
@click.argument("system")
@click.argument("tier", type=click.Choice(get_args(Tier)))
@click.option("--profile", help="The profile. Default: the tier's own, with the overlays that the system has.")
@click.option("--reason", default="", help="Why; a comment in the file. Needed where the tier is lowered.")
@click.option("--dry-run", is_flag=True, help="Show the difference, write nothing.")
@click.option("--yes", is_flag=True, help="Write without asking.")
@settings_options
@as_json
def set_tier(
    system: str,
    tier: Tier,
    profile: str | None,
    reason: str,
    dry_run: bool,
    yes: bool,
    settings: Settings,
    json_: bool,
) -> None:
    """Give SYSTEM another TIER and the profile of that tier, in its system.yaml.

    First it shows the difference: controls and gates that come and go, records that are not there yet, how many people
    it takes. Comments in the file survive. A tier lower than the system's classification gives is refused. Models stay
    under the plan they were bound to until a policy owner binds them again.
    """
    record = read_system(find_system(list(settings.packs), system), system)
    today = datetime.now(UTC).date()
    change = tier_change(record, Planner(settings.packs), tier, profile, reason.strip(), today)
    binds = [f"aims-gates bind {quoted(model, '--system', system)} --key POLICY.key" for model in record.system.models]
    value = _value(change, system, record.system.tier) | {"signers": _signers(settings), "next": binds}
    if not json_:
        click.echo(_text(value))
    written = not dry_run and (yes or _agreed(json_))
    if written:
        change.write()
    value["written"] = written
    emit(value, json_, lambda: f"\nwrote {change.path}" if written else "\nnothing was written")


def _agreed(json_: bool) -> bool:
    if json_ or not sys.stdin.isatty():
        remedy = "Pass --yes to write, or --dry-run to see the difference alone."
        raise InputError("nobody can be asked here; nothing was written", remedy=remedy)
    return click.confirm("\nWrite it?")


def _signers(settings: Settings) -> list[str]:
    """The policy owners on the trust list."""
    history = trust_of(settings)
    trust = history.current() if history is not None else None
    return sorted({entry.person for entry in (trust.keys if trust else ()) if "policy" in entry.roles})


def _value(change: TierChange, system: str, tier: str) -> dict[str, Any]:
    return {
        "system": system,
        "file": str(change.path),
        "tier": {"before": tier, "after": change.new.tier},
        "profile": {"before": change.old.profile if change.old else None, "after": change.profile},
        "controls": change.controls(),
        "gates": change.gates(),
        "records_missing": list(change.records),
        "people": {"before": change.people[0], "after": change.people[1]},
    }


def _text(value: dict[str, Any]) -> str:
    tier, profile, people = value["tier"], value["profile"], value["people"]
    who = f"aims-gates plan {quoted(value['system'])} --people"
    profiles = f"profile {profile['before'] or 'unknown'} -> {profile['after']}"
    lines = [
        f"{value['system']}: tier {tier['before']} -> {tier['after']}, {profiles}",
        *_names("controls that stop a promotion", value["controls"], title_of),
        *_names("gates", value["gates"], lambda _: None),
        f"records that are not there yet: {len(value['records_missing'])}",
        *(
            f"  {name}: aims-gates records new {quoted(name.removeprefix('system/'))}"
            for name in value["records_missing"]
        ),
        f"people, at least: {people['before'] or 'unknown'} -> {people['after']}; who: {who}",
        "",
        "Nothing changes for models until they are bound again, signed by a policy owner who did not write this change"
        + (f" ({', '.join(value['signers'])}):" if value["signers"] else ":"),
        *(f"  {line}" for line in value["next"]),
    ]
    return "\n".join(lines)


def _names(what: str, difference: dict[str, list[str]], title: Any) -> list[str]:
    lines = []
    for way, sign in (("added", "+"), ("taken_away", "-")):
        names = difference[way]
        lines.append(f"{what} {way.replace('_', ' ')}: {len(names)}")
        lines += [f"  {sign} {name}{f'  {title(name)}' if title(name) else ''}" for name in names]
    return lines
