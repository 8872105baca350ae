"""``aims-gates controls``: the Annex A catalogue."""

import click

from aims_gates.canonical import plain
from aims_gates.cli.options import as_json, emit, table
from aims_gates.controls import catalogue, control
from aims_gates.packs import find_gates

__all__ = ["command", "text_of"]


@click.group()
def command() -> None:
    """List the Annex A controls, or show one."""


@command.command("list")
@as_json
def list_controls(json_: bool) -> None:
    """All 38 controls: id and short title."""
    rows = [{"id": each.id, "title": each.title, "category": each.category} for each in catalogue().values()]
    emit(rows, json_, lambda: table(("CONTROL", "TITLE"), [(row["id"], row["title"]) for row in rows]))


@command.command("show")
@click.argument("control_id", metavar="CONTROL")
@as_json
def show(control_id: str, json_: bool) -> None:
    """One control in our own words, what evidences it, and which gates."""
    emit(plain(control(control_id)), json_, lambda: text_of(control_id))


def text_of(control_id: str) -> str:
    """A control as people read it."""
    found = control(control_id)
    here = find_gates()
    lines = [f"{found.id} {found.title}", "", found.paraphrase, "", "What evidences it:"]
    lines += [f"  - {each}" for each in found.evidence]
    lines += ["", "Gates:"]
    lines += [f"  {gate}{'' if gate in here else '  (not in this version)'}" for gate in found.gates]
    return "\n".join([*lines, "", "The wording is ours; the standard's own text needs a licensed copy."])
