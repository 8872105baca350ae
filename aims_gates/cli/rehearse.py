"""``aims-gates profile test`` and ``profile diff``: a profile's rules tried, and two profiles compared."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.documents.canonical import plain
from aims_gates.settings import Settings

__all__ = ["diff", "test"]


#: What an overlay is tried over.
_TIERS = ("minimal", "limited", "high")


def _under(name: str, gates: Any, packs: list[Path]) -> list[str]:
    """The profile; for an overlay, which stands on no system alone, the three tiers with it laid over."""
    from aims_gates.profiles import OVER, read_profile

    overlay = read_profile(name, gates, packs).profile.tier == "any"
    return [f"{tier}{OVER}{name}" for tier in _TIERS] if overlay else [name]


@click.command("test")
@click.argument("names", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Print every rule, not only those that do not fire.")
@settings_options
@as_json
def test(names: tuple[str, ...], everything: bool, settings: Settings, json_: bool) -> int:
    """Prove that every rule of profiles (all, or those named) fires, and play the fixtures beside them.

    For each profile a case is made up in which everything is met. Then each rule is broken alone: a control by each of
    its gates, a gate's evidence missing, too old or made otherwise, each limit, each approval, the waivers, the end of
    the profile. The decision must say no and name exactly the controls of that rule. Fixtures stand in
    profiles/NAME.tests.yaml, a list of {evidence: {GATE: pass|fail|missing|stale|...}, expect: allow|deny,
    controls: [...]}. An overlay is tried over minimal, limited and high.
    """
    from aims_gates.packs.find import find_gates, profile_names
    from aims_gates.portfolio.gather import own_packs
    from aims_gates.profiles import OVER, read_profile
    from aims_gates.simulation import fixtures_of, rehearse

    packs = own_packs(settings)
    gates, known = find_gates(packs), profile_names(packs)
    found = []
    for name in [full for each in names or sorted(known) for full in _under(each, gates, packs)]:
        resolved = read_profile(name, gates, packs)
        trials = list(rehearse(resolved, gates))
        last = name.split(OVER)[-1]
        fixtures = known[last].with_name(f"{last}.tests.yaml")
        if fixtures.is_file():
            trials += fixtures_of(fixtures, resolved, gates)
        found.append((name, trials))
    rows = [
        {
            "profile": name,
            "rules": len(trials),
            "fired": sum(t.fired for t in trials),
            "trials": list(map(plain, trials)),
        }
        for name, trials in found
    ]
    emit(rows, json_, lambda: "\n".join(_said(name, trials, everything) for name, trials in found))
    return 1 if any(not each.fired for _, trials in found for each in trials) else 0


def _said(name: str, trials: list[Any], everything: bool) -> str:
    silent = [each for each in trials if not each.fired]
    lines = [f"{name}: {len(trials) - len(silent)} of {len(trials)} rules fire"]
    for each in trials if everything else silent:
        blocked = f" (blocked: {', '.join(each.blocked)})" if each.blocked else ""
        why = "" if each.fired else f": does NOT fire{f', {each.note}' if each.note else ''}"
        lines.append(f"  {'ok ' if each.fired else '!! '} {each.rule}{why}{blocked}")
    return "\n".join(lines)


@click.command("diff")
@click.argument("old")
@click.argument("new")
@click.option("--what-if", is_flag=True, help="From stored evidence: which versions in production NEW would refuse.")
@settings_options
@as_json
def diff(old: str, new: str, what_if: bool, settings: Settings, json_: bool) -> int:
    """Compare two profiles (names, or files ending in .yaml) in words: controls, limits, lives, approvals.

    With --what-if each grant that stands under OLD is decided again under NEW, from what the ledger holds: evidence
    whose limits alone changed is judged again from its stored numbers, all other evidence that NEW does not accept must
    be made again. The exit code is then 2 where NEW would refuse a version that OLD does not. Nothing is changed: a
    profile takes effect by aims-gates bind.
    """
    from aims_gates.packs.find import find_gates
    from aims_gates.portfolio.gather import own_packs
    from aims_gates.profiles import lint, open_profile
    from aims_gates.simulation.comparison import compare

    packs = own_packs(settings)
    gates = find_gates(packs)
    before, (after, document) = open_profile(old, packs)[0], open_profile(new, packs)
    changes = compare(before, after, gates)
    if not what_if:
        emit([plain(each) for each in changes], json_, lambda: _changes(changes))
        return 0
    problems = lint(after, gates, document)
    if problems:
        raise problems[0]
    found = _outlooks(settings, before.id, after, document)
    value = {"changes": [plain(each) for each in changes], "models": [plain(each) for each in found]}
    emit(value, json_, lambda: f"{_changes(changes)}\n\n{_refused(found)}")
    return 2 if any(each.refused and not each.already for each in found) else 0


def _changes(changes: tuple[Any, ...]) -> str:
    if not changes:
        return "the two ask for the same"
    lines: list[str] = []
    for way, heading in (("tightened", "Asks for more:"), ("loosened", "Asks for less:"), ("changed", "Differs:")):
        said = [f"  {each.said}" for each in changes if each.way == way]
        lines += [heading, *said] if said else []
    return "\n".join(lines)


def _outlooks(settings: Settings, old: str, profile: Any, document: Any) -> list[Any]:
    """What the new profile would do to each standing grant under the old one."""
    from aims_gates.packs.find import find_gates
    from aims_gates.portfolio import standing_grants
    from aims_gates.portfolio.gather import gather, own_packs
    from aims_gates.profiles import Resolved
    from aims_gates.simulation.whatif import foreseen

    settings.need_registry()
    now = datetime.now(UTC)
    all_, gates = gather(settings, now), find_gates(own_packs(settings))
    systems = {record.system.name: record for record in all_.systems}
    resolved = Resolved(profile, profile.digest, document)
    return [
        foreseen(seen.rows, grant, systems.get(seen.plan.system), resolved, gates, now)
        for seen in all_.seen
        if seen.plan is not None and seen.plan.profile == old
        for grant in standing_grants(seen.ledger, seen.now)[:1]
    ]


def _refused(found: list[Any]) -> str:
    if not found:
        return "no version in production stands under the old profile"
    rows = []
    for each in found:
        verdict = each.unknown or ("already unmet" if each.already else "refused" if each.refused else "stands")
        why = [f"{control} {reason}" for control, reason in each.controls.items()] + list(each.problems)
        rows.append((each.name, each.version, each.system, verdict, "; ".join(why) or "-"))
    return table(("MODEL", "VERSION", "SYSTEM", "UNDER THE NEW PROFILE", "WHY"), rows)
