"""``aims-gates controls``: the Annex A catalogue, and where other frameworks ask for the same."""

import csv
import io
from typing import Any

import click

from aims_gates.cli.options import as_json, emit, table
from aims_gates.documents.canonical import plain
from aims_gates.errors import InputError
from aims_gates.governance.controls import Clause, Control, catalogue, clause_or_control, clauses, control
from aims_gates.governance.controls.crosswalk import FRAMEWORKS, Link, by_place, framework_of, links
from aims_gates.packs.find import find_gates

__all__ = ["command", "text_of"]


@click.group()
def command() -> None:
    """List the Annex A controls, show one, or find it in other frameworks."""


@command.command("list")
@as_json
def list_controls(json_: bool) -> None:
    """All 38 controls: id and short title."""
    rows = [
        {"id": control.id, "title": control.title, "category": control.category} for control in catalogue().values()
    ]
    emit(rows, json_, lambda: table(("CONTROL", "TITLE"), [(row["id"], row["title"]) for row in rows]))


@command.command("show")
@click.argument("control_id", metavar="CONTROL")
@as_json
def show(control_id: str, json_: bool) -> None:
    """One control in our own words, what evidences it, and which gates; a clause (9.3) too."""
    emit(plain(clause_or_control(control_id)), json_, lambda: text_of(control_id))


@command.command("crosswalk")
@click.option(
    "--to", "framework", metavar="FRAMEWORK", help=f"One framework only: {', '.join(FRAMEWORKS)}. Default: all three."
)
@click.option("--control", "control_id", metavar="CONTROL", help="One control only, e.g. A.10.3.")
@click.option("--at", "place", metavar="PLACE", help="Only what lies at this place, e.g. 14, 'MEASURE 2', A.5.19.")
@click.option("--by", type=click.Choice(("control", "place")), help="What each row is. Default: place with --at.")
@click.option("--csv", "csv_", is_flag=True, help="CSV, one row for each pair of place and control.")
@as_json
def crosswalk(
    framework: str | None, control_id: str | None, place: str | None, by: str | None, csv_: bool, json_: bool
) -> None:
    """Where the EU AI Act, NIST AI RMF and ISO/IEC 27001 ask for what a control asks for.

    \b
    What A.9.2 answers in the AI Act:                    aims-gates controls crosswalk --to eu-ai-act --control A.9.2
    Which controls bear on Article 14 (human oversight): aims-gates controls crosswalk --to eu-ai-act --at 14
    What work for ISO/IEC 27001 already covers:          aims-gates controls crosswalk --to iso-27001 --by place
    For a spreadsheet:                                   aims-gates controls crosswalk --csv > crosswalk.csv

    What it prints it also takes: a heading or column as FRAMEWORK, a cell with several places, a control and its title.

    The mapping is our own and informative: evidence for the one is a start for the other and proves nothing there.
    """
    if csv_ and json_:
        raise InputError("--csv and --json at once", remedy="Choose one.")
    framework = framework_of(framework).id if framework is not None else None
    matching = links(framework, control_id=control_id, place=place)
    by = by or ("place" if place is not None else "control")
    if csv_:
        click.echo(_csv(matching, by), nl=False)
    elif by == "place":
        emit(_places(matching), json_, lambda: _place_text(matching))
    else:
        chosen = [framework] if framework is not None else list(FRAMEWORKS)
        emit(_controls(matching, chosen), json_, lambda: _control_text(matching, chosen))


def _csv(links: tuple[Link, ...], by: str) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    rows = links if by == "control" else [link for group in by_place(links).values() for link in group]
    writer.writerow(("framework", "place", "control", "title"))
    writer.writerows((link.framework, link.place, link.control, link.title) for link in rows)
    return out.getvalue()


def _places(links: tuple[Link, ...]) -> list[dict[str, Any]]:
    return [
        {"framework": name, "place": place, "controls": [{"id": e.control, "title": e.title} for e in group]}
        for (name, place), group in by_place(links).items()
    ]


def _controls(links: tuple[Link, ...], chosen: list[str]) -> list[dict[str, Any]]:
    return [
        {"control": name, "title": control(name).title}
        | {
            framework_id: [link.place for link in links if (link.control, link.framework) == (name, framework_id)]
            for framework_id in chosen
        }
        for name in dict.fromkeys(link.control for link in links)
    ]


def _place_text(links: tuple[Link, ...]) -> str:
    rows = [
        (name, place, ", ".join(f"{link.control} {link.title}" for link in group))
        for (name, place), group in by_place(links).items()
    ]
    return table(("FRAMEWORK", "PLACE", "CONTROLS"), rows)


def _control_text(links: tuple[Link, ...], chosen: list[str]) -> str:
    rows = [
        (row["control"], row["title"], *(", ".join(row[name]) or "-" for name in chosen))
        for row in _controls(links, chosen)
    ]
    return table(("CONTROL", "TITLE", *(name.upper().replace("-", " ") for name in chosen)), rows)


def _clause(clause: Control | Clause) -> list[str]:
    """A clause's title, its parts and what no gate looks at."""
    lines = [f"{clause.id} {clause.title}"]
    if not isinstance(clause, Clause):
        return lines
    lines += [f"Part of {clause.part_of}, which a profile asks for."] if clause.part_of else []
    lines += [f"Facts that bear on it: {', '.join(clause.facts)}."] if clause.facts else []
    lines += [f"  {part.id} {part.title}" for part in clauses().values() if part.part_of == clause.id]
    return [*lines, *([f"Not looked at: {clause.leaves_out}."] if clause.leaves_out else [])]


def text_of(identifier: str) -> str:
    """A control or a clause as people read it.

    Raises:
        InputError: there is neither.
    """
    result = clause_or_control(identifier)
    here = find_gates()
    gates = [f"  {gate}{'' if gate in here else '  (taken by the decision itself)'}" for gate in result.gates]
    note = "The wording is ours; the standard's own text needs a licensed copy."
    if identifier not in catalogue():
        return "\n".join([*_clause(result), "", "Gates:", *gates, "", note])
    entry = control(identifier)
    lines = [f"{entry.id} {entry.title}", "", entry.paraphrase, "", "What evidences it:"]
    lines += [f"  - {row.says}  ({', '.join(row.checks)})" for row in entry.evidence]
    lines += ["", "Out of date when:", *(f"  - {name}" for name in entry.stale_when)]
    lines += ["", "Shipped profiles:", f"  {', '.join(f'{tier} {due}' for tier, due in entry.tiers.items())}"]
    lines += [f"  conditional: {entry.condition}"] if entry.condition else []
    lines += ["", "Gates:", *gates, "", "Elsewhere (our own mapping, informative):"]
    lines += [f"  {framework.title}: {', '.join(entry.crosswalk[framework.key])}" for framework in FRAMEWORKS.values()]
    lines += ["", f"Guidance in the standard: {entry.guidance}. To read beside it: {', '.join(entry.references)}."]
    lines += [f"Risk sources it treats: {', '.join(entry.risk_sources)}."]
    return "\n".join([*lines, "", note])
