"""``aims-gates gates``: what gates there are, what one takes, and a suite for one of them."""

from collections.abc import Mapping
from typing import Any

import click

from aims_gates.cli.new import gate_samples, new_gate
from aims_gates.cli.options import as_json, emit, settings_options, table
from aims_gates.cli.suite import command as suite
from aims_gates.errors import InputError
from aims_gates.packs.find import find_gates
from aims_gates.packs.gate import Gate
from aims_gates.reports.effort import Effort, effort_json, effort_text, record_effort
from aims_gates.settings import Settings

__all__ = ["command"]


@click.group()
def command() -> None:
    """List, show, start or test gates; draft a suite for the gate data_quality."""


command.add_command(new_gate)
command.add_command(gate_samples)
command.add_command(suite)


def _found(settings: Settings) -> dict[str, Gate]:
    return find_gates(settings.packs)


def _effort(gate: Gate) -> Effort | None:
    """What its records take people; None for one that is computed alone."""
    return record_effort(gate.manifest.reads) if gate.manifest.on_records else None


def _row(gate: Gate) -> dict[str, Any]:
    manifest, effort = gate.manifest, _effort(gate)
    return {
        "id": gate.id,
        "title": manifest.title,
        "kind": manifest.kind,
        "phase": manifest.phase,
        "controls": list(manifest.controls),
        "digest": gate.digest,
        "folder": str(gate.folder),
        "effort": None if effort is None else effort_json(effort),
    }


@command.command("list")
@settings_options
@as_json
def list_gates(settings: Settings, json_: bool) -> None:
    """Every gate with the controls it can evidence, and an estimate of the minutes that its records take people."""
    rows = [_row(gate) for gate in _found(settings).values()]
    shown = [(row["id"], row["title"], _minutes(row["effort"]), " ".join(row["controls"])) for row in rows]
    emit(rows, json_, lambda: table(("GATE", "TITLE", "EFFORT", "CONTROLS"), shown))


def _minutes(effort: Mapping[str, Any] | None) -> str:
    return f"{effort['minutes']} min" if effort else "-"


@command.command("show")
@click.argument("gate_id", metavar="GATE")
@settings_options
@as_json
def show(gate_id: str, settings: Settings, json_: bool) -> None:
    """One gate: what it looks at, its parameters and their defaults, its digest; what its records take people."""
    gates = _found(settings)
    if gate_id not in gates:
        raise InputError(f"there is no gate {gate_id!r}", remedy=f"Choose from: {', '.join(sorted(gates))}.")
    gate = gates[gate_id]
    emit({**_row(gate), **gate.manifest.model_dump(mode="json")}, json_, lambda: _text(gate))


def _text(gate: Gate) -> str:
    manifest = gate.manifest
    lines = [f"{gate.id}: {manifest.title}", "", manifest.summary.strip(), ""]
    lines.append(f"controls    {', '.join(manifest.controls)}")
    lines.append(f"evidence    counts for {manifest.expires_days} days")
    effort = _effort(gate)
    if effort is not None:
        lines.append(f"effort      about {effort_text(effort)}; an estimate")
    for what, needs in (
        ("data", manifest.inputs.data),
        ("roles", manifest.inputs.roles),
        ("records", manifest.inputs.records),
    ):
        if needs:
            lines.append(f"{what:<11} {', '.join(f'{name} ({need})' for name, need in needs.items())}")
    lines += [f"digest      {gate.digest}", "", "parameters (set with --param KEY=JSON, or in a profile):"]
    for name, parameter in manifest.parameters.items():
        lines.append(f"  {name} = {parameter.default!r}   [{parameter.owner}]")
        lines.append(f"      {parameter.summary.strip()}")
    if manifest.facts:
        lines += ["", "facts (a template of each record: aims-gates records new RECORD):"]
    for fact in manifest.facts:
        lines.append(f"  {fact.id}   [{', '.join(fact.controls)}]   {fact.record}")
        lines.append(f"      {fact.says}{f' (where {fact.when})' if fact.when else ''}")
    return "\n".join(lines)
