"""What is still to be written in the records of a pack, as questions, and the answers written where they belong.

A fact that several places need is one question. All state is in the files: whoever stops goes on where they stopped.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aims_gates.documents.canonical import text_digest
from aims_gates.documents.strict_yaml import Place
from aims_gates.governance.record_schemas.base import placeholder
from aims_gates.governance.records.fields import field_at, field_or_text, reads_as
from aims_gates.governance.records.leaves import leaves
from aims_gates.governance.records.reader import BLANK, read_record, record_files, system_names
from aims_gates.governance.records.skeleton import owner_role, parsed, wording

__all__ = ["POLICY_TEXT", "Placeholder", "Spot", "counts", "placeholders"]

#: The question whether the policy's text is the one that was approved; its answer is the text's digest.
POLICY_TEXT = "policy_text_approved"
#: Asked when the rest of a record is filled in: nobody approves what is not written yet.
_APPROVED = ("approved_on", POLICY_TEXT)
#: Records that other commands ask about.
_ELSEWHERE = ("classification", "bom", "provenance", "defaults", "classification-rules")


@dataclass(frozen=True)
class Spot:
    """A place that waits for a value.

    Attributes:
        file: The record's file.
        record: Its full name, ``organization/roles`` or ``system/oversight``.
        place: Keys and indices from its root.
        line: The line, from 1; 0 where it is not known.
    """

    file: Path
    record: str
    place: Place
    line: int

    @property
    def dotted(self) -> str:
        """The place as text."""
        return ".".join(map(str, self.place))


@dataclass(frozen=True)
class Placeholder:
    """A question that is open.

    Attributes:
        key: What it is known by: the key of a fact that several places need, or ``systems/loans/oversight:mode``.
        spots: Where the answer is written; the first one's field says what is asked.
        owner: The role that keeps the first one's record, by convention.
        person: Who keeps it, as the record says; empty while that is open.
        meaning: What is asked, in words.
        kind: How an answer reads: "text", "yes or no", "a date (YYYY-MM-DD)" ...
        choices: The only answers there are; none where any of its kind will do.
        proposal: The value that is proposed; empty where there is none.
        waits: It is an approval of records that are not filled in yet.
    """

    key: str
    spots: tuple[Spot, ...]
    owner: str
    person: str
    meaning: str
    kind: str
    choices: tuple[str, ...]
    proposal: str
    waits: bool = False

    def value(self) -> Mapping[str, Any]:
        """Its JSON form."""
        places = [{"file": str(spot.file), "field": spot.dotted, "line": spot.line} for spot in self.spots]
        return {
            "key": self.key,
            "owner": self.owner,
            "person": self.person or None,
            "meaning": self.meaning,
            "kind": self.kind,
            "choices": list(self.choices),
            "proposal": self.proposal or None,
            "waits": self.waits,
            "places": places,
        }


def placeholders(folder: Path) -> list[Placeholder]:
    """The questions that are open in a pack, by owner and file; approvals last.

    Args:
        folder: The pack's root.

    Raises:
        InputError: a record cannot be read.
    """
    blanks = [blank for file, record in _files(folder) for blank in _blanks(folder, file, record)]
    grouped: dict[str, list[_Blank]] = {}
    for blank in blanks:
        grouped.setdefault(blank.key, []).append(blank)
    unfinished = {blank.spot.file for blank in blanks if blank.key not in _APPROVED}
    questions = [_placeholder(key, group, unfinished) for key, group in grouped.items()]
    first = {owner: place for place, owner in reversed(list(enumerate(question.owner for question in questions)))}
    return sorted(questions, key=lambda open_one: (open_one.key in _APPROVED, first[open_one.owner]))


@dataclass(frozen=True)
class _Blank:
    """One placeholder in one file."""

    key: str
    proposal: str
    spot: Spot
    person: str
    comment: str


def _files(folder: Path) -> Iterator[tuple[Path, str]]:
    """The records that may hold placeholders: roles first, then the organization's, then each system's."""
    shared = record_files(folder / "records" / "organization")
    for stem in sorted(shared, key=lambda stem: (stem != "roles", stem)):
        yield shared[stem], f"organization/{stem}"
    for name in system_names(folder):
        own = record_files(folder / "records" / "systems" / name)
        for stem in sorted(own, key=lambda stem: (stem not in ("system", "requirements"), stem)):
            yield own[stem], f"system/{stem}"


def _blanks(folder: Path, file: Path, record: str) -> Iterator[_Blank]:
    if record.split("/")[1] in _ELSEWHERE or file.suffix == ".json":
        return
    document = read_record(file)
    owner = str(document.value.get("owner") or "")
    person = "" if placeholder(owner) else owner
    lines = file.read_text("utf-8").splitlines()
    for place, text in leaves(document.value, ()):
        if not placeholder(text) or not (text.startswith(BLANK) or field_at(record, place)):
            continue
        key, proposal = parsed(text)
        line = document.lines.get(place, 0)
        spot = Spot(file, record, place, line)
        own = f"{file.relative_to(folder / 'records').with_suffix('').as_posix()}:{spot.dotted}"
        if key == POLICY_TEXT:
            proposal = _digest_of(document.value.get("text"))
        yield _Blank(key or own, proposal, spot, person, _comment(lines, line))


def _digest_of(text: Any) -> str:
    """The digest of the policy's text, in words while there is none to approve."""
    return text_digest(text) if isinstance(text, str) and not placeholder(text) else "the digest of the text"


def _comment(lines: list[str], line: int) -> str:
    """The comment right above a line, from 1."""
    above: list[str] = []
    for text in reversed(lines[: max(line - 1, 0)]):
        if not text.lstrip().startswith("#"):
            break
        above.insert(0, text.strip().lstrip("# "))
    return " ".join(above)


def _placeholder(key: str, blanks: list[_Blank], unfinished: set[Path]) -> Placeholder:
    waits = False
    if key in _APPROVED:
        ready = [blank for blank in blanks if blank.spot.file not in unfinished]
        waits, blanks = not ready, ready or blanks
    first = blanks[0]
    field = field_or_text(first.spot.record, first.spot.place)
    meaning = wording(key) or field.description or first.comment or first.spot.dotted
    kind, choices = reads_as(field)
    return Placeholder(
        key=key,
        spots=tuple(blank.spot for blank in blanks),
        owner=owner_role(first.spot.record),
        person=first.person,
        meaning=meaning,
        kind=kind,
        choices=choices,
        proposal=next((blank.proposal for blank in blanks if blank.proposal), ""),
        waits=waits,
    )


def counts(open_ones: Iterable[Placeholder]) -> Mapping[str, int]:
    """How many of these a person must type, how many only confirm, and in how many places they stand."""
    questions = list(open_ones)
    typed = sum(not open_one.proposal for open_one in questions)
    return {
        "typed": typed,
        "proposed": len(questions) - typed,
        "places": sum(len(open_one.spots) for open_one in questions),
    }
