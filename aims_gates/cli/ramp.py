"""``aims-gates adopt`` without anything else: a way in for a registry that is already in use."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from aims_gates.cli.options import emit, table
from aims_gates.decision.in_force import StatementView
from aims_gates.documents.canonical import plain
from aims_gates.documents.strict_yaml import read_json, read_yaml
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.governance.records.reader import SystemRecord, read_system
from aims_gates.governance.records.tier import RECORD
from aims_gates.ledger.connect import open_database
from aims_gates.ledger.registry_acts import let_through, views_of
from aims_gates.packs.find import find_gates
from aims_gates.portfolio.rebinding import Plans
from aims_gates.profiles import read_profile
from aims_gates.reports import put
from aims_gates.reports.pages import Page, Section, render_page
from aims_gates.settings import Settings, called
from aims_gates.setup.ramp import ModelFacts, ModelRamp, Stage, TierNeeds, ramp, stages

if TYPE_CHECKING:
    from aims_gates.mlflow_plugin.store.inventory import KnownModel, Places

__all__ = ["show_ramp"]

_SAYS = (
    "Tiers are proposals, made from names, tags, signatures and classifications; a tier is what a system's answers to "
    "the questionnaire give (aims-gates classify). Minutes are rules of thumb."
)
_FORMATS = {".md": "md", ".html": "html"}
_Place = tuple[str, str]


def show_ramp(settings: Settings, names: tuple[str, ...], since: date, output: Path | None, json_: bool) -> None:
    """Print or write the way in: each model's tier and what is missing, and the plan of 30, 60 and 90 days.

    Raises:
        InputError: there is no registry, a pack is malformed, or the output's ending is neither .md nor .html.
    """
    if output is not None and output.suffix.lower() not in _FORMATS:
        raise InputError(
            "the ending says no format", where=str(output), remedy="Name a file that ends in .md or .html."
        )
    needs = _needs(settings)
    facts, organization = _facts(settings, names, since)
    ramps = ramp(facts, needs)
    due = {name for item in ramps for name in needs.get(item.proposal.tier, TierNeeds()).records}
    shared = sorted(name for name in due if name.startswith("organization/") and name not in organization)
    plan = stages(ramps, shared)
    if output is not None:
        text = render_page(_page(ramps, plan, since), _FORMATS[output.suffix.lower()])
        click.echo(f"wrote {put(text, output)}", err=True)
    if output is None or json_:
        emit(_plain(ramps, plan, shared, since), json_, lambda: _text(ramps, plan, since))


def _needs(settings: Settings) -> dict[str, TierNeeds]:
    """What the profile of each tier asks; no gate is imported."""
    packs = settings.packs
    gates = find_gates(packs)
    result = {}
    for tier in ("high", "limited", "minimal"):
        profile = read_profile(tier, gates, packs).profile
        named = {gate for rule in profile.controls.values() for gate in rule.gates}
        records = {record for gate in named for record in gates[gate].manifest.inputs.records}
        roles = tuple(rule.role for rule in profile.approvals for _ in range(rule.count))
        result[tier] = TierNeeds(frozenset(records - {"system"}), roles)
    return result


def _facts(settings: Settings, names: tuple[str, ...], since: date) -> tuple[list[ModelFacts], set[str]]:
    """What is known of each model, and the organization's records that are there."""
    from aims_gates.mlflow_plugin.store.inventory import Places, inventory

    systems = _systems(settings)
    with open_database(settings.need_registry()) as connection:
        models = [model for model in inventory(connection) if not model.prompt and (not names or model.name in names)]
        views = views_of(connection, [(model.workspace, model.name) for model in models])
        passed = let_through(connection, since)
        places = Places(connection, settings.tracking)
    facts = []
    for model in models:
        place = model.workspace, model.name
        called_ = called(*place, settings.workspace)
        facts.append(_of_model(model, called_, views[place], systems.get(place), places, passed.get(place, 0)))
    organization = {name for record in systems.values() for name in record.records if name.startswith("organization/")}
    return facts, organization


def _of_model(
    model: "KnownModel", name: str, view: StatementView, system: SystemRecord | None, places: "Places", passed: int
) -> ModelFacts:
    """What tables, ledger and packs say of a model."""
    from aims_gates.mlflow_plugin.store.ungoverned import live

    grants = {row.predicate.alias: row.predicate for row in view.in_force(datetime.now(UTC))}
    facts = ModelFacts(
        name,
        (model.name, model.description, *model.tags.values()),
        model.tags,
        live={alias: version for alias, version in live(model).items() if alias not in grants},
        granted=any(grant.transition != "adopted" for grant in grants.values()),
        let_through=passed,
    )
    return _with_newest(_with_system(facts, view, system), model, view, places)


def _with_system(facts: ModelFacts, view: StatementView, system: SystemRecord | None) -> ModelFacts:
    binding = view.binding()
    if system is None and binding is None:
        return facts
    plan = binding.predicate.plan if binding else None
    facts = replace(
        facts, bound=binding is not None, system=plan.system if plan else "", tier=plan.tier if plan else None
    )
    if system is None:
        return facts
    records, named = frozenset(system.records), facts.system or system.system.name
    classified = RECORD in records
    return replace(facts, system=named, tier=system.system.tier, classified=classified, records=records)


def _with_newest(facts: ModelFacts, model: "KnownModel", view: StatementView, places: "Places") -> ModelFacts:
    if not model.versions:
        return facts
    newest = model.versions[-1]
    return replace(
        facts,
        words=(*facts.words, *newest.tags.values()),
        tags={**facts.tags, **newest.tags},
        columns=_columns(places.folder(newest)),
        newest=str(newest.number),
        not_taken_in=view.registration(str(newest.number)) is None,
        gone=places.is_gone(newest),
    )


def _systems(settings: Settings) -> dict[_Place, SystemRecord]:
    """The system of the packs that lists each registered model; a malformed one lists none."""
    result: dict[_Place, SystemRecord] = {}
    plans = Plans(settings)
    for pack, name in plans.places():
        try:
            record = read_system(pack, name)
        except AimsGatesError:
            continue  # doctor --registry tells what is wrong with it
        result |= {(record.system.workspace, model): record for model in record.system.models}
    return result


def _columns(folder: Path | None) -> tuple[str, ...] | None:
    """The columns of a model's signature, from its file MLmodel; None where it cannot be read."""
    if folder is None:
        return None
    path = folder / "MLmodel"
    try:
        inputs = read_yaml(path.read_bytes(), str(path)).value["signature"]["inputs"]
        return tuple(str(column["name"]) for column in read_json(inputs.encode(), str(path)).value)
    except (AimsGatesError, OSError, KeyError, TypeError, AttributeError):
        return None


def _plain(ramps: list[ModelRamp], plan: list[Stage], organization: list[str], since: date) -> dict[str, Any]:
    return {
        "note": _SAYS,
        "models": [
            {
                "model": item.facts.name,
                "version": item.facts.newest,
                "in_production": dict(item.facts.live),
                "system": item.facts.system or None,
                "bound": item.facts.bound,
                "tier": {
                    "proposed": item.proposal.tier,
                    "because": list(item.proposal.because),
                    "decided": item.proposal.decided,
                },
                "would_refuse": item.facts.let_through,
                "minutes": item.minutes,
                "missing": [plain(missing) for missing in item.missing],
            }
            for item in ramps
        ],
        "plan": [plain(stage) for stage in plan],
        "organization": organization,
        "minutes": sum(stage.minutes for stage in plan),
        "would_refuse": {"since": _since(since), "promotions": sum(item.facts.let_through for item in ramps)},
    }


def _since(since: date) -> str | None:
    return None if since == date.min else since.isoformat()


def _rows(ramps: list[ModelRamp]) -> list[tuple[str, ...]]:
    return [
        (
            item.facts.name,
            item.facts.newest or "-",
            ", ".join(item.facts.live) or "-",
            f"{item.proposal.tier}{'' if item.proposal.decided else '?'}",
            "; ".join(item.proposal.because),
            f"{item.minutes} min",
            item.missing[0].command if item.missing else "-",
        )
        for item in ramps
    ]


_HEADINGS = ("MODEL", "NEWEST", "IN PRODUCTION", "TIER", "BECAUSE", "MISSING", "FIRST")


def _text(ramps: list[ModelRamp], plan: list[Stage], since: date) -> str:
    if not ramps:
        return "the registry holds no models"
    lines = [table(_HEADINGS, _rows(ramps)), "", _SAYS, _passed(ramps, since), ""]
    for stage in plan:
        lines += [f"By day {stage.day}: {stage.reached}", *(f"  {line}" for line in _stage(stage))]
    return "\n".join(lines)


def _stage(stage: Stage) -> list[str]:
    if not stage.work:
        return ["nothing is left to do"]
    lines = [f"{count} x {what}" for what, count in stage.work.items()]
    hours = ", ".join(f"{role} {_hours(minutes)}" for role, minutes in stage.people.items())
    return [*lines, f"{stage.models} models, {_hours(stage.minutes)} of work: {hours}"]


def _hours(minutes: int) -> str:
    return f"{minutes / 60:.1f} h"


def _passed(ramps: list[ModelRamp], since: date) -> str:
    count = sum(item.facts.let_through for item in ramps)
    start = f" since {since}" if _since(since) else ""
    return (
        f"{count} promotion{'' if count == 1 else 's'} that observe or warn let through would have been refused{start}."
    )


def _page(ramps: list[ModelRamp], plan: list[Stage], since: date) -> Page:
    tiers: Mapping[str, int] = {
        tier: sum(item.proposal.tier == tier for item in ramps) for tier in ("prohibited", "high", "limited", "minimal")
    }
    counts = ", ".join(f"{count} {tier}" for tier, count in tiers.items() if count)
    steps = [Section(f"By day {stage.day}: {stage.reached}", points=tuple(_stage(stage))) for stage in plan]
    missing = tuple(
        (item.facts.name, piece.what, f"{piece.minutes} min", ", ".join(piece.people), str(piece.day), piece.command)
        for item in ramps
        for piece in item.missing
    )
    columns = ("Model", "What", "Effort", "People", "Day", "Command")
    return Page(
        "A way in for this registry",
        (
            *steps,
            Section("Models", columns=tuple(text.capitalize() for text in _HEADINGS), rows=tuple(_rows(ramps))),
            Section("What is missing", columns=columns, rows=missing),
        ),
        {"Models": f"{len(ramps)} ({counts or 'none'})", "Made on": datetime.now(UTC).date().isoformat()},
        (_SAYS, _passed(ramps, since)),
    )
