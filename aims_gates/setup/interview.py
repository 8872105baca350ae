"""What only a person knows of a system, asked one by one; answers, and what is open, stand in system.yaml."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from aims_gates.data import Dataset
from aims_gates.documents.files import write_whole
from aims_gates.documents.strict_yaml import parse, read, read_yaml
from aims_gates.errors import InputError
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.records.filling import fill
from aims_gates.governance.records.placeholders import Placeholder, placeholders
from aims_gates.governance.records.reader import BLANK, System
from aims_gates.setup.proposals import positive_of
from aims_gates.setup.start import UNCONFIRMED

__all__ = ["OpenField", "answer", "open_questions"]

#: What people say for no column at all.
_NONE = "none"


@dataclass(frozen=True)
class OpenField:
    """Something that only a person knows.

    Attributes:
        fields: The fields of system.yaml that the answer goes to.
        text: What is asked.
        proposal: What an empty answer confirms; None where there is nothing to confirm.
    """

    fields: tuple[str, ...]
    text: str
    proposal: str | None


_ASKED: Mapping[str, str] = {
    "purpose": "What is it for, for whom, and what is decided with it? A sentence or two",
    "owner": "Who answers for it? A role or a person",
    "tier": "Its risk tier: minimal, limited or high (aims-gates classify --ask goes through the questions)",
    "roles.target": "The column that holds the truth",
    "roles.sensitive": f"Columns whose groups must not be treated differently, or {_NONE}",
    "gates.performance.positive": "The favourable label",
    "facts.affects_people": "Does it affect people: yes or no",
}


def open_questions(folder: Path, name: str) -> list[OpenField]:
    """What nobody has confirmed yet, in the order in which it is asked."""
    document = read(_path(folder, name))
    proposed = parse(System, document).proposed
    questions = []
    for field, text in _ASKED.items():
        together = [field, "gates.fairness.positive"] if field == "gates.performance.positive" else [field]
        fields = tuple(name for name in together if name in proposed or _blank(_value(document.value, name)))
        if fields:
            questions.append(OpenField(fields, text, _shown(_value(document.value, fields[0]))))
    return questions


def answer(folder: Path, name: str, question: OpenField, text: str) -> None:
    """Write an answer into system.yaml, and to where records ask the same; whole, and comments stay.

    Raises:
        InputError: the answer is none, with why; nothing is changed.
    """
    path = _path(folder, name)
    system = parse(System, read(path))
    text = text.strip() or (question.proposal or "")
    if placeholder(text) and (text, question.fields) != (_NONE, ("roles.sensitive",)):
        raise InputError("an answer is needed", where=question.fields[0], remedy="Write it, or q to go on later.")
    value = _checked(folder, system, question.fields[0], text)
    shared = _shared(folder, path, question.fields[0])
    if shared is not None:
        fill(shared, value, datetime.now(UTC).date())
        return
    changed = _edited(path.read_text(encoding="utf-8"), question.fields, value)
    parse(System, read_yaml(changed.encode(), str(path)))
    write_whole(path, changed)


def _shared(folder: Path, path: Path, field: str) -> Placeholder | None:
    """The question of the records that waits in a field of system.yaml."""
    if not str(_value(read(path).value, field)).startswith(BLANK):
        return None
    spots = ((question, spot) for question in placeholders(folder) for spot in question.spots)
    return next((question for question, spot in spots if (spot.file, spot.dotted) == (path, field)), None)


def _path(folder: Path, name: str) -> Path:
    return folder / "records" / "systems" / name / "system.yaml"


def _value(value: Any, field: str) -> Any:
    for key in field.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _blank(value: Any) -> bool:
    return isinstance(value, str) and placeholder(value)


def _shown(value: Any) -> str | None:
    if _blank(value):
        return str(value).partition(", proposed: ")[2] or None
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _checked(folder: Path, system: System, field: str, text: str) -> Any:
    """An answer as its field has it."""
    match field:
        case "facts.affects_people":
            if text.lower() not in ("yes", "y", "no", "n"):
                raise InputError(f"{text!r} is neither yes nor no", where=field, remedy="Answer yes or no.")
            return text.lower().startswith("y")
        case "tier":
            tiers = ("minimal", "limited") if system.profile == "starter-solo" else ("minimal", "limited", "high")
            if text not in tiers:
                remedy = f"Choose from: {', '.join(tiers)}."
                raise InputError(f"no tier {text!r} of this profile", where=field, remedy=remedy)
        case "purpose":
            if len(text) < 20:
                raise InputError("too short to be understood", where=field, remedy="Write a sentence or two.")
        case _ if field != "owner":
            return _of_data_set(folder, system, field, text)
    return text


def _of_data_set(folder: Path, system: System, field: str, text: str) -> Any:
    """Columns, or a label, that the evaluation set has."""
    place = system.data["evaluation"]
    data = Dataset.open(place if "://" in place else str(folder / place), role="evaluation")
    if field == "roles.sensitive":
        names = [name.strip() for name in text.split(",") if name.strip()]
        names = [] if names == [_NONE] else names
        data.require(*names, values=False)
        return names
    if field == "roles.target":
        data.require(text, values=False)
        return text
    target = system.roles["target"]
    return positive_of(data, target if isinstance(target, str) else target[0], text).value[0]


def _edited(text: str, fields: tuple[str, ...], value: Any) -> str:
    """A file's text with a value in its fields, which are proposed no longer."""
    yaml = YAML()
    yaml.preserve_quotes, yaml.width = True, 4096
    content = yaml.load(text)
    for field in fields:
        *parents, last = field.split(".")
        part = content
        for key in parents:
            part = part.setdefault(key, {})
        if value == []:
            part.pop(last, None)
        else:
            part[last] = value
    left = [name for name in content.get("proposed", ()) if name not in fields]
    content["proposed"] = left
    if not left:
        del content["proposed"]
    file = StringIO()
    yaml.dump(content, file)
    return file.getvalue() if left else file.getvalue().replace(UNCONFIRMED, "")
