"""An answer written into the records that wait for it, or refused with the reason."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from aims_gates.documents.files import write_whole
from aims_gates.documents.strict_yaml import Document, Place, problems, read_yaml
from aims_gates.documents.yaml_edit import replaced
from aims_gates.errors import AimsGatesError, InputError
from aims_gates.governance.record_schemas.base import placeholder as says_nothing
from aims_gates.governance.record_schemas.template import scalar
from aims_gates.governance.records.fields import answered, field_or_text, shape_of
from aims_gates.governance.records.leaves import date_problems
from aims_gates.governance.records.placeholders import POLICY_TEXT, Placeholder, Spot, placeholders

__all__ = ["fill", "fill_all"]

_REMEDY = "Give the records' folder its rights back, and answer again."


def fill(placeholder: Placeholder, answer: Any, today: date) -> list[Path]:
    """Write an answer to all places of a question; comments, order and every other byte of the files stay.

    All files are checked before the first is written, and each is written whole.

    Args:
        placeholder: The question, as :func:`~aims_gates.governance.records.placeholders.placeholders` gave it.
        answer: Text as typed (several entries of a list with ``;`` between), or a plain value.
        today: No day of what has happened may lie after it.

    Raises:
        InputError: the question waits for others, or the answer is none that its fields take.
    """
    if placeholder.waits:
        remedy = "Answer the other questions of these records first."
        raise InputError("an approval of records that are not filled in", where=placeholder.key, remedy=remedy)
    if placeholder.key == POLICY_TEXT:
        answer = _approved_text(placeholder, answer)
    files: dict[Path, list[Spot]] = {}
    for spot in placeholder.spots:
        files.setdefault(spot.file, []).append(spot)
    texts = {file: _filled(file, spots, answer, placeholder.key, today) for file, spots in files.items()}
    for file, text in texts.items():
        write_whole(file, text, remedy=_REMEDY)
    return list(texts)


def _approved_text(placeholder: Placeholder, answer: Any) -> str:
    """The digest of the policy's text, where the answer is yes or that digest."""
    if answer is True or str(answer).strip().lower() in ("yes", "y", "true", placeholder.proposal):
        return placeholder.proposal
    message = "not the digest of the text that is there"
    raise InputError(message, where=placeholder.key, remedy="Have this text approved, and answer yes.")


def fill_all(folder: Path, answers: Mapping[str, Any], today: date) -> tuple[list[str], list[AimsGatesError]]:
    """Write a mapping of answers, by key; what is refused is left open, and the rest is written.

    Args:
        folder: The pack's root.
        answers: Answers by the key of their question.
        today: As :func:`fill`.

    Returns:
        The keys that were answered, and what is wrong with the others.
    """
    done: list[str] = []
    errors: dict[str, AimsGatesError] = {}
    while True:
        # Read again after each: an answer may open an approval, and move the entries of a list.
        ready = (question for question in placeholders(folder) if question.key in answers and not question.waits)
        chosen = next((question for question in ready if question.key not in errors and question.key not in done), None)
        if chosen is None:
            break
        try:
            fill(chosen, answers[chosen.key], today)
            done.append(chosen.key)
        except AimsGatesError as error:
            errors[chosen.key] = error
    left = {question.key for question in placeholders(folder)}
    for key in answers:
        if key not in errors and key not in done:
            errors[key] = _unanswered(key, waits=key in left)
    return done, list(errors.values())


def _unanswered(key: str, *, waits: bool) -> InputError:
    if waits:
        remedy = "Answer the other questions of these records first."
        return InputError("an approval of records that are not filled in", where=key, remedy=remedy)
    remedy = "Compare the keys with: aims-gates records fill --list"
    return InputError("no open question has this key", where=key, remedy=remedy)


def _filled(file: Path, spots: Iterable[Spot], answer: Any, key: str, today: date) -> str:
    """The text of a file with the answer in it."""
    places: dict[Place, Any] = {}
    record = ""
    for spot in spots:
        record = spot.record
        places[spot.place] = answered(field_or_text(record, spot.place), answer, f"{key}, for {file}: {spot.dotted}")
    before, front, body, after = _parts(file)
    value = read_yaml(front.encode("utf-8"), str(file)).value
    for place in places:
        if not _waits_still(value, body if after else None, place):
            message = f"{'.'.join(map(str, place))} has changed since the question was read"
            raise InputError(message, where=str(file), remedy="Run the command again: it reads the files anew.")
    if ("text",) in places and after:
        body = f"{places.pop(('text',))}\n"
    if places:
        front = replaced(front, places, scalar)
    text = f"{before}{front}{after}{body}" if after else front
    _check(file, record, front, places, today)
    return text


def _waits_still(value: Any, body: str | None, place: Place) -> bool:
    """Whether a placeholder stands at a place still."""
    if place == ("text",) and body is not None:
        return says_nothing(body)
    for part in place:
        try:
            value = value[part]
        except (IndexError, KeyError, TypeError):
            return False
    return isinstance(value, str) and says_nothing(value)


def _parts(file: Path) -> tuple[str, str, str, str]:
    """A record's opening line, its YAML, and of Markdown its body and the line between."""
    text = file.read_bytes().decode("utf-8-sig")
    if file.suffix != ".md":
        return "", text, "", ""
    text = text.replace("\r\n", "\n")
    front, closing, body = text.removeprefix("---\n").partition("\n---\n")
    return "---\n", front, body, closing


def _check(file: Path, record: str, front: str, places: Mapping[Place, Any], today: date) -> None:
    """Refuse what the record's schema or the calendar refuses at these places, or what holds for the whole record."""
    document = read_yaml(front.encode("utf-8"), str(file))
    shape = shape_of(record)
    value = {**document.value, "text": "..."} if shape is not None and "text" in shape.model_fields else document.value
    whole = Document(value, document.where, document.lines)
    for place, message, remedy in problems(shape, whole) if shape is not None else []:
        if place in places or (place == () and "must" in message) or _in_list(place, places):
            raise whole.error(place, message, remedy or "Write another value.")
    _two_people(whole, places)
    dates = Document(_at(value, places), document.where, document.lines)
    for error in date_problems(dates, today):
        raise error
    for place, answer in places.items():
        if isinstance(answer, str) and says_nothing(answer):
            raise whole.error(place, f"{answer!r} says nothing", "Write what holds.")


def _two_people(document: Document, places: Mapping[Place, Any]) -> None:
    """Refuse one person who would keep a record and approve it."""
    owner = document.value.get("owner")
    if not {("owner",), ("approver",)} & set(places) or says_nothing(str(owner)):
        return
    if owner == document.value.get("approver"):
        remedy = "Name two people; where the other answer was wrong, mend it in the file first."
        raise document.error(("approver",), f"{owner} would keep this record and approve it alone", remedy)


def _in_list(place: Place, places: Iterable[Place]) -> bool:
    return any(place[:-1] == other[:-1] and isinstance(other[-1], int) for other in places if place)


def _at(value: Any, places: Mapping[Place, Any]) -> Any:
    """The top-level fields in which something was written."""
    return {place[0]: value[place[0]] for place in places if isinstance(value, dict) and place[0] in value}
