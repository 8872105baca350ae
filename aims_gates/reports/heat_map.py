"""Heat maps: a measure by the groups of two columns at once, the value of each pair as colour and number."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from aims_gates.model import Finding
from aims_gates.reports import canvas, format
from aims_gates.reports.canvas import Chart, Element, scale, sentences, short

__all__ = ["heat_maps"]

_MOST_HEATS, _MOST_CELLS = 2, 8
_HEAT_FIRST = (
    "selection_rate",
    "scoring_rate",
    "impact_ratio",
    "false_positive_rate",
    "true_positive_rate",
    "accuracy",
)
#: Where the grid of a heat map begins, and the height of its cells.
_GRID_LEFT, _GRID_TOP, _CELL = 200.0, 34.0, 40.0


@dataclass(frozen=True)
class _HeatCell:
    """A group of each of two columns, and what the findings say about both together, if anything."""

    first: str
    second: str
    finding: Finding | None
    smallest: int

    @property
    def readable(self) -> bool:
        """Whether there is a value that may be shown."""
        return self.finding is not None and not format.withheld(self.finding, self.smallest)

    @property
    def message(self) -> str:
        return "no rows" if self.finding is None else format.seen(self.finding, self.smallest)

    @property
    def label(self) -> str:
        if self.finding is None:
            return "–"
        return format.number(self.finding.value or 0.0) if self.readable else f"< {self.smallest} rows"

    @property
    def row(self) -> tuple[str, str, str, str]:
        n = "" if self.finding is None else format.rows(self.finding, self.smallest)
        return format.clean(self.first), format.clean(self.second), self.message, n

    def shapes(self, x: float, y: float, width: float, keys: tuple[str, str], opacity: float) -> Iterator[Element]:
        """The cell with its upper left corner here: its colour, its edge and its number."""
        box = (x + 1, y + 1, width - 2, _CELL - 2)
        if self.readable:
            first, second = self.row[:2]
            group = f"{format.clean(keys[0])} = {first}, {format.clean(keys[1])} = {second}"
            yield canvas.rect(*box, "heat", f"{group}: {self.message}", **{"fill-opacity": round(opacity, 3)})
        failed = self.finding is not None and self.finding.outcome == "fail"
        yield canvas.rect(*box, "cell red" if failed else "cell")
        style = "" if self.readable else "soft-text"
        yield canvas.text(x + width / 2, y + _CELL / 2 + 4.5, self.label, style, "middle")


def heat_maps(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    """The heat maps of the measures by two columns that are best known, at most two."""
    groups: dict[tuple[str, tuple[str, str], str], list[Finding]] = {}
    for finding in findings:
        if len(finding.by) == 2 and finding.value is not None and finding.measure in _HEAT_FIRST:
            extra = format.about(replace(finding, by={}))
            across, down = sorted(finding.by)
            groups.setdefault((finding.measure, (across, down), extra), []).append(finding)
    order = sorted(groups, key=lambda key: (_HEAT_FIRST.index(key[0]), key[1:]))
    for measure, keys, extra in [key for key in order if len(groups[key]) > 3][:_MOST_HEATS]:
        yield _heat(measure, keys, extra, groups[measure, keys, extra], smallest)


def _heat(measure: str, keys: tuple[str, str], extra: str, some: Sequence[Finding], smallest: int) -> Chart:
    firsts, seconds = (_largest(some, key) for key in keys)
    cells = {(f.by[keys[0]], f.by[keys[1]]): f for f in some}
    values = [f.value or 0.0 for f in cells.values() if not format.withheld(f, smallest)]
    strength = scale(min(values, default=0.0), max(values, default=1.0), 0.06, 0.6)
    width = min(110.0, 640 / len(firsts))
    shapes = [_heading(first, _GRID_LEFT + width * (i + 0.5), width) for i, first in enumerate(firsts)]
    rows = []
    for j, second in enumerate(seconds):
        y = _GRID_TOP + _CELL * j
        shapes.append(canvas.text(_GRID_LEFT - 12, y + _CELL / 2 + 4.5, short(format.clean(second), 26), "", "end"))
        for i, first in enumerate(firsts):
            cell = _HeatCell(first, second, cells.get((first, second)), smallest)
            opacity = strength(cell.finding.value or 0.0) if cell.finding else 0.0
            shapes += cell.shapes(_GRID_LEFT + width * i, y, width, keys, opacity)
            rows.append(cell.row)
    left_out = any(len({f.by[key] for f in some}) > _MOST_CELLS for key in keys)
    note = "The stronger the colour, the higher; a red edge: fails."
    note += " The largest groups are drawn." if left_out else ""
    headings = (format.clean(keys[0]), format.clean(keys[1]), format.clean(measure), "n")
    title = f"{headings[2]} by {headings[0]} and {headings[1]}{f' ({extra})' if extra else ''}"
    height = _GRID_TOP + _CELL * len(seconds) + 6
    return Chart(title, sentences(rows), height, tuple(shapes), headings, tuple(rows), note)


def _heading(name: str, x: float, width: float) -> Element:
    return canvas.text(x, _GRID_TOP - 10, short(format.clean(name), int(width / 7.5)), "axis", "middle")


def _largest(some: Sequence[Finding], key: str) -> list[str]:
    """The groups with the most rows, few enough to read, in order of name."""
    sizes: dict[str, float] = {}
    for finding in some:
        sizes[finding.by[key]] = sizes.get(finding.by[key], 0.0) + (finding.n or 0.0)
    return sorted(sorted(sizes, key=lambda name: -sizes[name])[:_MOST_CELLS])
