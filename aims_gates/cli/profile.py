"""``aims-gates profile``: list, show, lint, test and compare profiles."""

import click

from aims_gates.cli.activate import activate
from aims_gates.cli.new import new_profile
from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.cli.rehearse import diff, test
from aims_gates.errors import ProfileError
from aims_gates.packs.find import find_gates, profile_names
from aims_gates.profiles import problems_of, read_profile
from aims_gates.settings import Settings

__all__ = ["command"]


@click.group()
def command() -> None:
    """List, show, start, lint, test, compare or activate profiles.

    A profile takes effect, or a change of it, when a policy owner who did not write it binds the models again:
    aims-gates bind MODEL --system SYSTEM --key POLICY.key. That is signed and in the ledger; a changed file alone
    changes nothing. From the first activation on, models are bound only under activated profiles.
    """


command.add_command(activate)
command.add_command(new_profile)
command.add_command(test)
command.add_command(diff)


@command.command("list")
@settings_options
@as_json
def list_profiles(settings: Settings, json_: bool) -> None:
    """Every profile: tier and title."""
    packs = settings.packs
    gates = find_gates(packs)
    profiles = [read_profile(name, gates, packs).profile for name in sorted(profile_names(packs))]
    rows = [{"id": profile.id, "tier": profile.tier, "title": profile.title} for profile in profiles]
    emit(rows, json_, lambda: table(("PROFILE", "TIER", "TITLE"), [(r["id"], r["tier"], r["title"]) for r in rows]))


@command.command("show")
@click.argument("name")
@settings_options
def show(name: str, settings: Settings) -> None:
    """A profile with its parents merged in, as JSON."""
    packs = settings.packs
    resolved = read_profile(name, find_gates(packs), packs)
    emit({**resolved.profile.model_dump(mode="json"), "digest": resolved.digest}, True, str)


@command.command("lint")
@click.argument("names", nargs=-1)
@settings_options
@as_json
def lint(names: tuple[str, ...], settings: Settings, json_: bool) -> int:
    """Check profiles (all, or those named): unknown ids, limits the wrong way round, controls without a gate."""
    packs = settings.packs
    gates = find_gates(packs)
    chosen = names or sorted(profile_names(packs))
    problems: list[ProfileError] = [
        profile_error for name in chosen for profile_error in problems_of(name, gates, packs)
    ]
    rows = [
        {"where": profile_error.where, "message": profile_error.message, "remedy": profile_error.remedy}
        for profile_error in problems
    ]
    emit(rows, json_, lambda: "\n".join(map(str, problems)) or "no problems")
    return 1 if problems else 0
