"""What all record shapes share: fields beyond the known refused, dates real, a review after the approval."""

import re
from datetime import date as Day
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator
from pydantic.fields import FieldInfo

from aims_gates.documents.schema import StrictModel

__all__ = [
    "CaseEntry",
    "ChannelTest",
    "Digest",
    "Id",
    "OneToFive",
    "Part",
    "Reviewed",
    "Shape",
    "Share",
    "Text",
    "Texts",
    "When",
    "part_of",
    "placeholder",
    "says",
]

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[tuple[Text, ...], Field(min_length=1)]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Share = Annotated[float, Field(ge=0, le=1)]
#: What a field is: text that people judge and sign; entries, signed as they are added; facts of a version.
Part = Literal["text", "entries", "facts"]
_PART = "x-part"

_NOTHING = re.compile(r"(n/?a|none|null|unknown|fixme|xxx+|\W*)\.?", re.IGNORECASE)
_UNWRITTEN = ("REPLACE", "TODO", "TBD", "LOREM IPSUM")


def placeholder(text: str) -> bool:
    """Whether a text says nothing: empty, or a word that stands for something still to be written."""
    stripped = text.strip()
    return stripped.upper().startswith(_UNWRITTEN) or _NOTHING.fullmatch(stripped) is not None


def says(description: str, *, part: Part = "text", **more: Any) -> Any:
    """A field with the words that its template and JSON Schema carry, and what it is."""
    if part != "text":
        more["json_schema_extra"] = {_PART: part}
    return Field(description=description, **more)


def part_of(field: FieldInfo) -> Part:
    """What a field says that it is."""
    extra = field.json_schema_extra
    return extra.get(_PART, "text") if isinstance(extra, dict) else "text"  # type: ignore[return-value]


#: Fields that many records have, with the words that are the same in all of them.
Id = Annotated[Text, says("Its id.")]
When = Annotated[Day, says("When.")]
OneToFive = Annotated[int, says("1 to 5.", ge=1, le=5)]


class Shape(StrictModel):
    """A part of a record."""


class Reviewed(Shape):
    """A record: who owns it, who approved it and when, and when it is looked at again."""

    owner: Text = says("Who keeps it up to date: a role or a mail address.")
    approver: Text = says("Who approved it: somebody listed in organization/roles.")
    approved_on: Day = says("The day of the approval (YYYY-MM-DD); never in the future.")
    next_review: Day = says("The day by which it is reviewed again.")
    version: Text = says("The version that was approved.")

    @model_validator(mode="after")
    def _review_follows(self) -> "Reviewed":
        if self.next_review <= self.approved_on:
            raise ValueError("next_review must lie after approved_on")
        return self


class ChannelTest(Shape):
    """A trial of a channel, a log or an alert, with its receipt."""

    __test__ = False  # no test of pytest's

    date: Day = says("The day of the trial.")
    receipt: Text = says("What shows that it worked: a message id, a note.")


class CaseEntry(Shape):
    """Something that came in and is dealt with."""

    id: Id
    opened_on: Day = says("When it came in, or became known.")
    closed_on: Day | None = says("When it was closed; leave out while it is open.", default=None)
