"""A preview of a model that is governed by nothing yet: what was taken for granted, and what was seen, in words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from aims_gates.governance.controls import title_of
from aims_gates.model import Finding
from aims_gates.reports import format
from aims_gates.reports.canvas import LEFT, RIGHT
from aims_gates.reports.pictures import Picture, pictures
from aims_gates.reports.plain import PlainFinding

__all__ = ["Preview", "PreviewControl", "drawn", "preview_controls", "telling_picture"]

_WIDE = 40
_MOST_LABEL = 28


class PreviewControl(NamedTuple):
    """An Annex A control that the findings bear on.

    Attributes:
        control, title: As in the catalogue.
        gates: The gates that bear on it here.
        unmet: How many of their findings did not pass.
    """

    control: str
    title: str
    gates: tuple[str, ...]
    unmet: int


@dataclass(frozen=True)
class Preview:
    """What a preview shows besides the gates' tables.

    Attributes:
        proposals: The roles it worked with, each a sentence that says whether it is proposed and how to change it.
        findings: The findings in words, unmet first.
        controls: The controls that they bear on.
        not_run: Gates that did not run, each with what they need.
        next: Commands, most useful first.
    """

    proposals: tuple[str, ...] = ()
    findings: tuple[PlainFinding, ...] = ()
    controls: tuple[PreviewControl, ...] = ()
    not_run: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


def telling_picture(findings: Sequence[Finding], smallest: int = 5) -> Picture | None:
    """The picture that shows most: groups where there are some; None where nothing can be drawn."""
    drawings = pictures(findings, smallest)
    return next((picture for picture in drawings if " by " in picture.title), drawings[0] if drawings else None)


def drawn(picture: Picture, *, plain: bool) -> Iterator[str]:
    """A picture as lines of text: a value and its interval per row, and the shared limit.

    Args:
        picture: A dot plot.
        plain: ASCII alone.
    """
    line, dot, bound = ("-", "o", "|") if plain else ("─", "●", "┊")
    yield picture.title
    for row in picture.dots:
        cells = [" "] * (_WIDE + 1)
        limit = picture.limit[0] if picture.limit else row.limit
        if limit is not None:
            cells[_cell(limit)] = bound
        ends = [_cell(row.x if end is None else end) for end in (row.low, row.high)]
        cells[ends[0] : ends[1] + 1] = line * (ends[1] - ends[0] + 1)
        cells[_cell(row.x)] = dot
        label = format.clean(row.label)[:_MOST_LABEL]
        yield f"{label:>{_MOST_LABEL}}  {''.join(cells)}  {row.said}"
    scale = " " * (_WIDE + 1)
    for x, label in picture.ticks:
        place = _cell(x)
        scale = scale[:place] + label + scale[place + len(label) :]
    yield f"{'':>{_MOST_LABEL}}  {scale.rstrip()}"


def _cell(x: float) -> int:
    """The column of a place on the picture's axis; what lies beyond its ends is at them."""
    return round(_WIDE * min(max((x - LEFT) / (RIGHT - LEFT), 0.0), 1.0))


def preview_controls(findings: Sequence[tuple[str, Finding]]) -> Iterator[PreviewControl]:
    """The controls that these findings, each with its gate, bear on, in the order of their ids."""
    for control in sorted({control for _, finding in findings for control in finding.controls}):
        bearing = [(gate, finding) for gate, finding in findings if control in finding.controls]
        unmet = sum(finding.outcome not in (None, "pass") for _, finding in bearing)
        gates = tuple(dict.fromkeys(gate for gate, _ in bearing))
        yield PreviewControl(control, title_of(control) or "", gates, unmet)
