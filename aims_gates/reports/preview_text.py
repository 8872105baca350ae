"""A preview on a console: the roles it took for granted, what was seen in words, a picture, the controls concerned."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.padding import Padding
from rich.text import Text

from aims_gates.reports import format
from aims_gates.reports.console import cleaned, hanging, mark_text, ruled_table, step
from aims_gates.reports.preview import Preview, drawn, telling_picture
from aims_gates.reports.view import Report, judging, marks

__all__ = ["preview_parts"]

_SHOWN = 8


def preview_parts(report: Report, preview: Preview, plain: bool) -> Iterator[RenderableType]:
    """Everything below the head of a preview."""
    for sentence in preview.proposals:
        yield Padding(hanging("-", sentence), (0, 0, 0, 2))
    yield from _findings(preview, plain)
    yield from _picture(report, plain)
    yield from _controls(preview, plain)
    if preview.not_run:
        yield Text("\nNot run", style="bold")
        yield from (Padding(hanging("-", line), (0, 0, 0, 2)) for line in preview.not_run)
    if preview.next:
        yield Text("\nNext", style="bold")
        for place, command in enumerate(preview.next, 1):
            yield from step(f"{place}.", command)


def _findings(preview: Preview, plain: bool) -> Iterator[RenderableType]:
    if not preview.findings:
        return
    yield Text("\nWhat was seen, unmet first", style="bold")
    for finding in preview.findings[:_SHOWN]:
        mark = mark_text(marks(finding.outcome), plain)
        yield Padding(hanging(f"{mark.plain:<14}", finding.text, str(mark.style)), (0, 0, 0, 2))
    rest = len(preview.findings) - _SHOWN
    if rest > 0:
        yield Padding(cleaned(f"and {rest} more: --output FILE.html shows all, --json prints all", "dim"), (0, 0, 0, 2))


def _picture(report: Report, plain: bool) -> Iterator[RenderableType]:
    """The most telling picture, of the gate that stands worst."""
    for run in sorted(judging(report), key=lambda run: format.rank_of(run.outcome)):
        picture = telling_picture(run.findings, report.smallest_cell)
        if picture is not None:
            lines = "\n".join(drawn(picture, plain=plain))
            yield Text(f"\n{lines}", no_wrap=True, overflow="ignore")
            return


def _controls(preview: Preview, plain: bool) -> Iterator[RenderableType]:
    if not preview.controls:
        return
    yield Text("\nControls of ISO/IEC 42001, Annex A, that this bears on", style="bold")
    grid = ruled_table(("Control", {"no_wrap": True}), ("Title", {}), ("Gates", {}), ("Findings", {"no_wrap": True}))
    for control in preview.controls:
        unmet = f"{control.unmet} unmet" if control.unmet else "none unmet"
        grid.add_row(*map(cleaned, (control.control, control.title, ", ".join(control.gates), unmet)))
    yield grid
