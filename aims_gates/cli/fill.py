"""``aims-gates records fill``: what is still to be written in the records, one question at a time."""

import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import click

from aims_gates.cli.options import as_json, echo, emit, settings_options, table
from aims_gates.documents.strict_yaml import read
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.governance.records.filling import fill, fill_all
from aims_gates.governance.records.placeholders import Placeholder, counts, placeholders
from aims_gates.packs.find import bundled
from aims_gates.settings import Settings

__all__ = ["fill_records", "interview"]

#: From so many proposals in one file on they are asked together.
_TOGETHER = 3
_HELP = "Enter takes what is proposed, else leaves it open; - leaves it open; ? explains; q stops."


@click.command()
@click.argument("files", metavar="[FILE...]", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--owner", help="Only what this role keeps, or the person whom the record names.")
@click.option(
    "--answers",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Take the answers from a YAML file: a mapping from key (as --list shows it) to value.",
)
@click.option("--list", "lists", is_flag=True, help="Show the open questions and ask nothing.")
@settings_options
@as_json
def fill_records(
    files: tuple[Path, ...], owner: str | None, answers: Path | None, lists: bool, settings: Settings, json_: bool
) -> int:
    """Ask for what is still open in the records, one question at a time, by owner and file.

    Each answer is written at once where it belongs, and a fact that several records need is asked once; comments and
    order stay. Stop at any time and go on later: the files say what is open. Approvals are asked last, when the rest
    of a record is filled in. A proposed value counts for nothing until it is confirmed here or by hand.

    Not on a terminal: --list shows what is open, --answers FILE writes a mapping of answers. The exit code is 1 where
    an answer is refused.
    """
    pack, today = _pack(settings), datetime.now(UTC).date()
    if answers is not None:
        return _from_file(pack, answers, today, json_)
    if not lists and not json_ and sys.stdin.isatty():
        interview(pack, today, files, owner)
        return 0
    if not lists and not json_:
        remedy = "Show what is open: aims-gates records fill --list; or give the answers: --answers FILE.yaml"
        raise InputError("questions can be asked on a terminal only", remedy=remedy)
    chosen = _chosen(placeholders(pack), files, owner)
    rows = [{**question.value(), "example": example_of(question) or None} for question in chosen]
    emit(rows, json_, lambda: _listing(pack, chosen))
    return 0


def _pack(settings: Settings) -> Path:
    packs = [pack for pack in settings.packs if pack.resolve() != bundled().resolve()]
    if not packs:
        raise InputError("no pack is named", remedy="Name one with --pack, or start one: aims-gates init")
    return packs[0]


def _chosen(questions: Iterable[Placeholder], files: Iterable[Path], owner: str | None) -> list[Placeholder]:
    """Those in these files (all where none is named) and of this owner."""
    places = {path.resolve() for path in files}
    return [
        question
        for question in questions
        if (not places or places & {spot.file.resolve() for spot in question.spots})
        and (owner is None or owner in (question.owner, question.person))
    ]


def _listing(pack: Path, questions: list[Placeholder]) -> str:
    if not questions:
        return "nothing is open"
    rows = [
        (
            question.key,
            question.owner,
            _kind(question),
            question.proposal[:40] or "-",
            str(len(question.spots)),
            question.meaning,
        )
        for question in questions
    ]
    return f"{table(('KEY', 'OWNER', 'ANSWER', 'PROPOSED', 'PLACES', 'QUESTION'), rows)}\n\n{_sum(questions)}"


def _sum(questions: Iterable[Placeholder]) -> str:
    number = counts(questions)
    return f"{number['typed']} to answer, {number['proposed']} proposed and to confirm, in {number['places']} places"


def _kind(question: Placeholder) -> str:
    return f"one of {', '.join(question.choices)}" if question.choices else question.kind


def _from_file(pack: Path, answers: Path, today: date, json_: bool) -> int:
    value = read(answers).value
    if not isinstance(value, dict):
        raise InputError("not a mapping of keys to answers", where=str(answers), remedy="Write each as KEY: VALUE.")
    done, errors = fill_all(pack, value, today)
    left = placeholders(pack)
    rows = {
        "answered": done,
        "refused": [{"where": error.where, "message": error.message, "remedy": error.remedy} for error in errors],
        "open": counts(left),
    }
    text = "\n".join([*map(str, errors), f"{len(done)} answered, {len(errors)} refused; open: {_sum(left)}"])
    emit(rows, json_, lambda: text)
    return 1 if errors else 0


def interview(pack: Path, today: date, files: Iterable[Path] = (), owner: str | None = None) -> None:
    """Ask what is open in a pack until all is answered or left open, or the user stops with ``q``.

    Args:
        pack: The pack's root.
        today: No day of what has happened may lie after it.
        files: Ask for these files only.
        owner: Ask only what this role or person keeps.
    """
    files, left_open = tuple(files), set[str]()
    together: set[Path] = set()
    heading = None
    click.echo(_HELP)
    while True:
        # Read again after each answer: it may open an approval, and move the entries of a list.
        questions = _chosen(placeholders(pack), files, owner)
        ready = [question for question in questions if not question.waits and question.key not in left_open]
        if not ready:
            break
        question = ready[0]
        file = question.spots[0].file
        if heading != (question.owner, file):
            heading = (question.owner, file)
            click.echo(f"\n== {question.person or question.owner}: {file.relative_to(pack)} ({_sum(questions)}) ==")
        proposed = [
            other for other in ready if other.proposal and other.spots[0].file == file and len(other.spots) == 1
        ]
        if file not in together and len(proposed) >= _TOGETHER:
            together.add(file)
            going_on = _ask_together(pack, proposed, left_open, today)
        else:
            going_on = _ask(pack, question, left_open, today)
        if not going_on:
            break
    click.echo(f"\nopen: {_sum(placeholders(pack))}\nCheck what is written: aims-gates records validate")


def _ask_together(pack: Path, proposed: list[Placeholder], left_open: set[str], today: date) -> bool:
    """Show the proposals of a file and take all of them, none, or ask one by one; False where the user stops."""
    for question in proposed:
        echo(f"  {question.spots[0].dotted}: {question.proposal}    ({question.meaning})")
    while True:
        answer = click.prompt(
            f"  Take these {len(proposed)}? yes, one by one (Enter), -, q", default="", show_default=False
        )
        match answer.strip().lower():
            case "y" | "yes":
                for question in proposed:
                    _write(question, question.proposal, today)
                return True
            case "":
                return True
            case "-":
                left_open |= {question.key for question in proposed}
                return True
            case "q":
                return False


def _ask(pack: Path, question: Placeholder, left_open: set[str], today: date) -> bool:
    """Ask one question until it is answered or left open; False where the user stops."""
    echo(f"\n{question.meaning}" + (f"  ({len(question.spots)} places)" if len(question.spots) > 1 else ""))
    hint = _kind(question) + (f"; proposed: {question.proposal}" if question.proposal else "")
    while True:
        answer = str(click.prompt(f"  {hint}", default="", show_default=False)).strip()
        if answer == "q":
            return False
        if answer == "?":
            _explain(pack, question)
            continue
        if answer == "-" or not (answer or question.proposal):
            left_open.add(question.key)
            return True
        if _write(question, answer or question.proposal, today):
            return True


def _write(question: Placeholder, answer: str, today: date) -> bool:
    """Write an answer; where it is refused, say why."""
    try:
        fill(question, answer, today)
    except AimsGatesError as error:
        echo(f"  {error.message}" + (f"\n  {error.remedy}" if error.remedy else ""), red=True)
        return False
    return True


def _explain(pack: Path, question: Placeholder) -> None:
    for spot in question.spots:
        echo(f"  {spot.file.relative_to(pack)}:{spot.line} {spot.dotted}")
    example = example_of(question)
    if example:
        echo(f"  In the worked example: {example}")
    click.echo(f"  {_HELP}")


def example_of(question: Placeholder) -> str:
    """What the worked example has in the same field; empty where it has nothing."""
    from aims_gates.governance.records.reader import read_record, record_files

    group, stem = question.spots[0].record.split("/")
    records = bundled() / "examples" / "pipelines" / "credit_scoring" / "records"
    folder = records / ("organization" if group == "organization" else "systems/mortgage")
    value: Any = read_record(path).value if (path := record_files(folder).get(stem)) else None
    for part in question.spots[0].place:
        if isinstance(value, Mapping):
            value = value.get(str(part))
        elif isinstance(value, list) and value:
            value = value[min(int(part), len(value) - 1)]
        else:
            return ""
    return "" if isinstance(value, Mapping | list) or value is None else str(value)
