"""``aims-gates profile test`` and ``profile diff``: a profile's rules tried, and two profiles compared."""

from collections.abc import Iterable
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


def _under(name: str, gates: Any, packs: Iterable[Path]) -> list[str]:
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
    from aims_gates.profiles import OVER, read_profile
    from aims_gates.simulation import fixtures_of, rehearse

    packs = settings.packs
    gates, known = find_gates(packs), profile_names(packs)
    result = []
    for name in [full for short in names or sorted(known) for full in _under(short, gates, packs)]:
        resolved = read_profile(name, gates, packs)
        trials = list(rehearse(resolved, gates))
        last = name.split(OVER)[-1]
        fixtures = known[last].with_name(f"{last}.tests.yaml")
        if fixtures.is_file():
            trials += fixtures_of(fixtures, resolved, gates)
        result.append((name, trials))
    rows = [
        {
            "profile": name,
            "rules": len(trials),
            "fired": sum(t.fired for t in trials),
            "trials": list(map(plain, trials)),
        }
        for name, trials in result
    ]
    emit(rows, json_, lambda: "\n".join(_said(name, trials, everything) for name, trials in result))
    return 1 if any(not trial.fired for _, trials in result for trial in trials) else 0


def _said(name: str, trials: list[Any], everything: bool) -> str:
    silent = [trial for trial in trials if not trial.fired]
    lines = [f"{name}: {len(trials) - len(silent)} of {len(trials)} rules fire"]
    for item in trials if everything else silent:
        blocked = f" (blocked: {', '.join(item.blocked)})" if item.blocked else ""
        why = "" if item.fired else f": does NOT fire{f', {item.note}' if item.note else ''}"
        lines.append(f"  {'ok ' if item.fired else '!! '} {item.rule}{why}{blocked}")
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
    from aims_gates.profiles import lint, open_profile
    from aims_gates.simulation.comparison import compare

    packs = settings.packs
    gates = find_gates(packs)
    before, (after, document) = open_profile(old, packs)[0], open_profile(new, packs)
    changes = compare(before, after, gates)
    if not what_if:
        emit([plain(outcome_change) for outcome_change in changes], json_, lambda: _changes(changes))
        return 0
    problems = lint(after, gates, document)
    if problems:
        raise problems[0]
    outlooks = _outlooks(settings, before.id, after, document)
    value = {
        "changes": [plain(outcome_change) for outcome_change in changes],
        "models": [plain(outlook) for outlook in outlooks],
    }
    emit(value, json_, lambda: f"{_changes(changes)}\n\n{_refused(outlooks)}")
    return 2 if any(outlook.refused and not outlook.already for outlook in outlooks) else 0


def _changes(changes: tuple[Any, ...]) -> str:
    if not changes:
        return "the two ask for the same"
    lines: list[str] = []
    for way, heading in (("tightened", "Asks for more:"), ("loosened", "Asks for less:"), ("changed", "Differs:")):
        text = [f"  {change.said}" for change in changes if change.way == way]
        lines += [heading, *text] if text else []
    return "\n".join(lines)


def _outlooks(settings: Settings, old: str, profile: Any, document: Any) -> list[Any]:
    """What the new profile would do to each standing grant under the old one."""
    from aims_gates.packs.find import find_gates
    from aims_gates.portfolio import standing_grants
    from aims_gates.portfolio.gather import gather
    from aims_gates.profiles import Resolved
    from aims_gates.simulation.whatif import foreseen

    settings.need_registry()
    now = datetime.now(UTC)
    all_, gates = gather(settings, now), find_gates(settings.packs)
    systems = {record.system.name: record for record in all_.systems}
    resolved = Resolved(profile, profile.digest, document)
    return [
        foreseen(model.rows, grant, systems.get(model.plan.system), resolved, gates, now)
        for model in all_.seen
        if model.plan is not None and model.plan.profile == old
        for grant in standing_grants(model.ledger, model.now)[:1]
    ]


def _refused(outlooks: list[Any]) -> str:
    if not outlooks:
        return "no version in production stands under the old profile"
    rows = []
    for outlook in outlooks:
        verdict = outlook.unknown or (
            "already unmet" if outlook.already else "refused" if outlook.refused else "stands"
        )
        why = [f"{control} {reason}" for control, reason in outlook.controls.items()] + list(outlook.problems)
        rows.append((outlook.name, outlook.version, outlook.system, verdict, "; ".join(why) or "-"))
    return table(("MODEL", "VERSION", "SYSTEM", "UNDER THE NEW PROFILE", "WHY"), rows)
