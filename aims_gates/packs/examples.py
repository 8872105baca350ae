"""Worked examples: folders of the bundled pack that a user starts from, written with dates around today.

An example is a folder under ``examples/pipelines/`` with an ``example.yaml``, records, and a script that starts it. Its
records carry dates around one day; a copy moves them all by the same number of days, and the classification, whose
result hangs on its date, is made anew.
"""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

from pydantic import Field

from aims_gates.documents.files import write_new
from aims_gates.documents.schema import StrictModel
from aims_gates.documents.strict_yaml import parse, read, read_yaml
from aims_gates.errors import InputError
from aims_gates.governance.classification import classify, organization_rules, read_answers, record, record_text
from aims_gates.packs.find import bundled

__all__ = ["About", "about", "example_names", "folder_of", "shifted", "write_example"]

ABOUT = "example.yaml"
_DATE = re.compile(r"(?<!\d)\d{4}-\d{2}-\d{2}(?!\d)")
_SKIPPED = {"__pycache__", "data", "keys", "mlruns", "artifacts"}


class About(StrictModel):
    """example.yaml.

    Attributes:
        title: What it shows.
        as_of: The day around which its records' dates stand.
        start: The script that starts it, run in the copy.
        system: Its system.
        extra, needs: The extra of aims-gates that the script needs, and the modules it imports from there.
        leaves_out: Files that a copy does without.
    """

    title: str = Field(min_length=1)
    as_of: date
    start: str
    system: str
    extra: str
    needs: tuple[str, ...] = ()
    leaves_out: tuple[str, ...] = ()


def _root() -> Path:
    return bundled() / "examples" / "pipelines"


def example_names() -> list[str]:
    """The examples there are."""
    return sorted(path.parent.name.replace("_", "-") for path in _root().glob(f"*/{ABOUT}"))


def folder_of(name: str) -> Path:
    """Where an example lies.

    Raises:
        InputError: there is none of this name.
    """
    if name not in example_names():
        remedy = f"Choose from: {', '.join(example_names()) or 'none is installed'}."
        raise InputError(f"there is no example {name!r}", where="--example", remedy=remedy)
    return _root() / name.replace("-", "_")


def about(name: str) -> About:
    """What an example says of itself."""
    return parse(About, read(folder_of(name) / ABOUT))


def shifted(text: str, days: int) -> str:
    """The text with every ISO date in it moved by so many days."""
    return _DATE.sub(lambda match: (date.fromisoformat(match[0]) + timedelta(days=days)).isoformat(), text)


def _files(source: Path, leaves_out: tuple[str, ...]) -> Iterator[Path]:
    for path in sorted(source.rglob("*")):
        inner = path.relative_to(source)
        skipped = _SKIPPED & set(inner.parts) or inner.as_posix() in (*leaves_out, ABOUT) or path.suffix == ".db"
        if path.is_file() and not skipped:
            yield inner


def write_example(name: str, folder: Path, today: date) -> list[Path]:
    """Write an example's files, its records dated around today; nothing is run.

    Args:
        name: The example.
        folder: Where to; files that are there already stay.
        today: The day on which nothing in the records is overdue.

    Raises:
        InputError: there is no such example, or one of its files is there already.
    """
    source, example = folder_of(name), about(name)
    days = (today - example.as_of).days
    inner = list(_files(source, example.leaves_out))
    taken = next((folder / path for path in inner if (folder / path).exists()), None)
    if taken is not None:
        remedy = "Name an empty folder: aims-gates init --example NAME FOLDER"
        raise InputError("this file is there already", where=str(taken), remedy=remedy)
    for path in inner:
        place = folder / path
        content = (source / path).read_bytes()
        if path.parts[0] == "records":
            text = shifted(content.decode("utf-8"), days)
            content = (_classified(text, place) if path.name == "classification.yaml" else text).encode("utf-8")
        write_new(place, content)
    return [folder / path for path in inner]


def _classified(text: str, place: Path) -> str:
    """A classification record's answers, classified anew as of their date."""
    document = read_yaml(text.encode("utf-8"), str(place))
    answered = date.fromisoformat(str(document.value["date"]))
    answers, rules = read_answers(document, today=answered)
    own = organization_rules([place.parents[3]], rules)
    return record_text(record(answers, classify(rules, answers, as_of=answered, rules=own)))
