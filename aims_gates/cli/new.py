"""``aims-gates gates new``, ``gates test`` and ``profile new``: skeletons to fill in, and a gate's samples."""

from pathlib import Path

import click

from aims_gates.cli.options import settings_options
from aims_gates.documents.shell import quoted
from aims_gates.errors import InputError
from aims_gates.packs.find import bundled, find_gates, find_profile, profile_names
from aims_gates.packs.skeletons import computed_gate, profile, record_gate, write_skeleton
from aims_gates.settings import Settings

__all__ = ["gate_samples", "new_gate", "new_profile"]


def _target(settings: Settings) -> Path:
    if not settings.packs:
        raise InputError("no pack is named", remedy="Name one with --pack, or start one: aims-gates init")
    return settings.packs[0]


@click.command("new")
@click.argument("gate_id", metavar="ID")
@click.option("--control", "controls", multiple=True, required=True, help="A control that it evidences. Repeatable.")
@click.option("--record", help="A gate that reads this record, by expressions, rather than one that computes.")
@settings_options
def new_gate(gate_id: str, controls: tuple[str, ...], record: str | None, settings: Settings) -> None:
    """Write a skeleton of the gate ID into your pack: gate.yaml, gate.py and a sample.

    It runs, and refuses whatever it is shown until you fill it in. Nothing that is there is touched.
    """
    from aims_gates.governance.controls import clause_or_control, is_own

    for control in controls:
        if not is_own(control):
            clause_or_control(control)
    pack = _target(settings)
    if gate_id in find_gates(settings.packs):
        raise InputError(f"there is a gate {gate_id!r} already", remedy="Choose another id.")
    files = record_gate(gate_id, controls, _record(record)) if record else computed_gate(gate_id, controls)
    for place in write_skeleton(pack, files):
        click.echo(f"wrote {place}")
    steps = [
        f"Run its sample: aims-gates gates test {quoted(gate_id, '--pack', pack)}",
        "Fill in every REPLACE, and what it decides; then write samples/pass.yaml and samples/fail.yaml"
        " in place of samples/skeleton.yaml.",
        "Name it under the gates of its control in a profile of yours: aims-gates profile new --help",
    ]
    if pack.resolve() == bundled().resolve():
        catalogue = "aims_gates/governance/controls/catalogue.yaml"
        steps.append(f"Add it to the gates of {', '.join(controls)} in {catalogue}, then: make docs")
    _next(steps)


def _record(name: str) -> str:
    """A record's full name.

    Raises:
        InputError: there is no such record.
    """
    from aims_gates.governance.record_schemas import SHAPES

    for full in (name, f"system/{name}"):
        if full in SHAPES:
            return full
    remedy = "Choose from: aims-gates records list"
    raise InputError(f"there is no record {name!r}", where="--record", remedy=remedy)


@click.command("test")
@click.argument("gate_ids", metavar="GATE...", nargs=-1, required=True)
@settings_options
def gate_samples(gate_ids: tuple[str, ...], settings: Settings) -> int:
    """Run the samples of gates: does each come to the outcome and the findings that it states?

    The exit code is 2 where one does not, or where a gate has no sample.
    """
    from aims_gates.evaluation.samples import read_samples

    gates = find_gates(settings.packs)
    failed = False
    for gate_id in gate_ids:
        if gate_id not in gates:
            raise InputError(f"there is no gate {gate_id!r}", remedy=f"Choose from: {', '.join(sorted(gates))}.")
        samples = list(read_samples(gates[gate_id]))
        differences = [line for sample in samples for line in sample.differences()]
        lacking = [outcome for outcome in ("pass", "fail") if outcome not in {s.outcome for s in samples}]
        for line in differences:
            click.echo(line)
        verdict = "not every one comes out as it states" if differences else "each comes out as it states"
        click.echo(f"{gate_id}: samples run: {len(samples)}; {verdict}" if samples else f"{gate_id}: no samples")
        if lacking:
            click.echo(f"{gate_id}: to be finished it needs a sample with outcome {' and one with '.join(lacking)}")
        failed = failed or bool(differences) or not samples
    return 2 if failed else 0


@click.command("new")
@click.argument("profile_id", metavar="ID")
@click.option("--extends", "parent", required=True, help="The profile that it goes on from.")
@settings_options
def new_profile(profile_id: str, parent: str, settings: Settings) -> None:
    """Write a skeleton of the profile ID into your pack, with its test. Nothing that is there is touched."""
    pack, own = _target(settings), settings.packs
    if profile_id in profile_names(own):
        raise InputError(f"there is a profile {profile_id!r} already", remedy="Choose another id.")
    tier = find_profile(parent, own).value["tier"]
    for place in write_skeleton(pack, profile(profile_id, parent, tier)):
        click.echo(f"wrote {place}")
    _next(
        [
            "Fill in every REPLACE, and what differs; add a case to its tests for each rule of your own.",
            f"Check it: aims-gates profile lint {quoted(profile_id, '--pack', pack)}",
            f"Try it: aims-gates profile test {quoted(profile_id, '--pack', pack)}",
            f"Compare it: aims-gates profile diff {quoted(parent, profile_id, '--pack', pack)}",
            f"Name it in a system's system.yaml: profile: {profile_id}",
        ]
    )


def _next(steps: list[str]) -> None:
    click.echo("\nNext:")
    for number, step in enumerate(steps, 1):
        click.echo(f"  {number}. {step}")
