"""Charts, drawn from findings only: heat maps, lines over chunks, histograms, calibration, champion and challenger.

A chart is a list of shapes in SVG user units, with the same as sentences and as a table. ``templates/charts.html``
draws any of them, so that every name is escaped and every colour follows the page. Beside them stand the dot plots of
:mod:`aims_gates.reports.pictures`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aims_gates.model import Finding
from aims_gates.reports import canvas, format
from aims_gates.reports.canvas import COLOURS, LEFT, RIGHT, Chart, Element, scale, sentences, short
from aims_gates.reports.heat_map import heat_maps
from aims_gates.reports.pictures import domain

__all__ = ["charts"]

_MOST_MEASURES, _MOST_LINES, _MOST_HISTOGRAMS = 2, 12, 6
#: Rows of a table, points and marks of a line: the page stays small, and the JSON report has them all.
_MOST_ROWS, _MOST_POINTS, _MOST_MARKS = 100, 150, 40
#: The height of one line over chunks, of one bin, and of one measure of two models.
_TRACK, _BIN, _DUEL = 52.0, 30.0, 30.0
#: The upper left corner of the square in which a calibration is drawn, and its side.
_SQUARE_LEFT, _SQUARE_TOP, _SQUARE = 90.0, 14.0, 380.0


def _value(finding: Finding) -> float:
    return finding.value or 0.0


# Lines over chunks ----------------------------------------------------------------------------------------------------


def _lines(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    measures = _by_chunk(findings)
    judged = {measure: columns for measure, columns in measures.items() if _has_limit(columns)}
    for measure, columns in list((judged or measures).items())[:_MOST_MEASURES]:
        drawn = {name: some for name, some in columns.items() if len(some) > 1}
        if drawn:
            yield _over_chunks(measure, drawn, smallest)


def _by_chunk(findings: Sequence[Finding]) -> dict[str, dict[str, list[Finding]]]:
    """The findings about a column in a chunk: measure -> column -> its chunks in order."""
    measures: dict[str, dict[str, list[Finding]]] = {}
    for finding in findings:
        over = finding.over or {}
        if set(over) == {"column", "chunk"} and finding.value is not None and not finding.by:
            columns = measures.setdefault(finding.measure, {})
            columns.setdefault(str(over["column"]), []).append(finding)
    return measures


def _has_limit(columns: Mapping[str, list[Finding]]) -> bool:
    return any(finding.limit for some in columns.values() for finding in some)


def _chunk(finding: Finding) -> str:
    return format.clean((finding.over or {})["chunk"])


def _over_chunks(measure: str, columns: Mapping[str, list[Finding]], smallest: int) -> Chart:
    ranked = sorted(columns, key=lambda name: (min(map(format.rank, columns[name])), -max(map(_value, columns[name]))))
    drawn = {name: columns[name] for name in ranked[:_MOST_LINES]}
    low, high = domain("column", [finding for some in drawn.values() for finding in some])
    top, foot = 8.0, 24.0
    shapes: list[Element] = []
    rows: list[tuple[str, ...]] = []
    for index, (name, some) in enumerate(drawn.items()):
        shapes += _track(name, some, top + _TRACK * index, (low, high), smallest)
        worst = format.worst_first(some)[: max(5, _MOST_ROWS // len(drawn))]
        rows += [(format.clean(name), _chunk(f), format.seen(f, smallest), f.outcome or "") for f in worst]
    bottom = top + _TRACK * len(drawn)
    ends = columns[ranked[0]]
    for x, finding, anchor in ((LEFT, ends[0], "start"), (RIGHT, ends[-1], "end")):
        shapes.append(canvas.text(x, bottom + 14, short(_chunk(finding), 26), "axis", anchor))
    note = f"Chunks from left to right, each line from {low:.3g} to {high:.3g}; dashes: the limit; diamond: fails."
    if len(ranked) > len(drawn):
        note += f" {len(ranked) - len(drawn)} more columns are not drawn."
    title = f"{format.clean(measure)} per column over chunks"
    headings = ("column", "chunk", format.clean(measure), "outcome")
    summary = sentences(map(_course, drawn.items()))
    return Chart(title, summary, bottom + foot, tuple(shapes), headings, tuple(rows), note)


def _track(name: str, some: Sequence[Finding], y: float, ends: tuple[float, float], smallest: int) -> Iterator[Element]:
    """One column's line over its chunks, from ``y`` down: the limit, the course, the marks, and the worst in words."""
    up = scale(*ends, y + _TRACK - 6, y + 6)
    across = scale(0, len(some) - 1, LEFT, RIGHT)
    yield canvas.line(LEFT, y + _TRACK - 6, RIGHT, y + _TRACK - 6, "grid")
    limit = next((f.limit for f in some if f.limit), None)
    if limit:
        yield canvas.line(LEFT, up(limit.value), RIGHT, up(limit.value), "limit")
    points = range(0, len(some), -(-len(some) // _MOST_POINTS))
    yield canvas.polyline(((across(i), up(_value(some[i]))) for i in points), "course")
    for i in _marked(some):
        label = f"{format.about(some[i])}: {format.seen(some[i], smallest)}"
        yield canvas.mark(across(i), up(_value(some[i])), some[i].outcome, label)
    yield canvas.text(LEFT - 14, y + _TRACK / 2 + 4.5, short(format.clean(name)), "", "end")
    worst = max(some, key=_value)
    message = f"greatest {format.number(_value(worst))} in chunk {short(_chunk(worst), 19)}"
    yield canvas.text(RIGHT + 16, y + _TRACK / 2 + 4.5, message, "said")


def _marked(some: Sequence[Finding]) -> list[int]:
    """The chunks that get a mark: those that fail, and all that are judged where there are few; evenly thinned."""
    few = len(some) <= _MOST_MARKS
    marked = [i for i, f in enumerate(some) if f.outcome in ("fail", "error") or (few and f.outcome)]
    return marked[:: -(-len(marked) // _MOST_MARKS) or 1]


def _course(item: tuple[str, list[Finding]]) -> tuple[str, str, str]:
    name, some = item
    failed = sum(f.outcome == "fail" for f in some)
    return (
        format.clean(name),
        f"greatest {format.number(max(map(_value, some)))}",
        f"{failed} of {len(some)} chunks fail",
    )


# Histograms -----------------------------------------------------------------------------------------------------------


def _histograms(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    groups: dict[str, list[Finding]] = {}
    for finding in findings:
        if set(finding.by) == {"column", "bin", "set"} and finding.value is not None:
            groups.setdefault(finding.by["column"], []).append(finding)
    for name, some in list(groups.items())[:_MOST_HISTOGRAMS]:
        yield _histogram(name, some, smallest, len(groups) - _MOST_HISTOGRAMS)


def _histogram(name: str, some: Sequence[Finding], smallest: int, more: int) -> Chart:
    bins = list(dict.fromkeys(f.by["bin"] for f in some))
    by_set = {(f.by["set"], f.by["bin"]): f for f in some}
    greatest = max(map(_value, some)) or 1.0
    top = 6.0
    shapes: list[Element] = []
    rows = []
    for index, bin_ in enumerate(bins):
        y = top + _BIN * index
        shares = {set_: by_set.get((set_, bin_)) for set_ in ("reference", "production")}
        labels = {set_: _share(finding, smallest) for set_, finding in shares.items()}
        shapes.append(canvas.text(LEFT - 14, y + _BIN / 2 + 3, short(format.clean(bin_)), "", "end"))
        shapes += _bars(shares, labels, y, greatest, smallest)
        shapes.append(canvas.text(RIGHT + 16, y + _BIN / 2 + 3, " → ".join(labels.values()), "said"))
        rows.append((format.clean(bin_), *labels.values()))
    bottom = top + _BIN * len(bins)
    shapes.append(canvas.line(LEFT, top, LEFT, bottom, "zero"))
    note = "Upper bar, grey: reference; lower bar, blue: production. Shares of the rows that hold a value."
    if more > 0:
        note += f" {more} more columns are not drawn."
    title = f"{format.clean(name)}: reference against production"
    headings = ("values", "reference", "production")
    return Chart(title, sentences(rows), bottom + 6, tuple(shapes), headings, tuple(rows), note)


def _share(finding: Finding | None, smallest: int) -> str:
    """A bin's share in words; empty where the set has none."""
    if finding is None:
        return ""
    return f"< {smallest} rows" if format.withheld(finding, smallest) else f"{100 * _value(finding):.1f} %"


def _bars(
    shares: Mapping[str, Finding | None], labels: Mapping[str, str], y: float, greatest: float, smallest: int
) -> Iterator[Element]:
    """A bar for each set whose share of this bin may be shown."""
    place = scale(0.0, greatest, LEFT, RIGHT)
    for turn, (set_, finding) in enumerate(shares.items()):
        if finding is not None and not format.withheld(finding, smallest):
            width = place(_value(finding)) - LEFT
            yield canvas.rect(LEFT, y + 4 + 11 * turn, width, 10, f"bar-{set_}", f"{set_}: {labels[set_]}")


# Calibration ----------------------------------------------------------------------------------------------------------


def _across(score: float) -> float:
    return scale(0, 1, _SQUARE_LEFT, _SQUARE_LEFT + _SQUARE)(score)


def _up(share: float) -> float:
    return scale(0, 1, _SQUARE_TOP + _SQUARE, _SQUARE_TOP)(share)


def _calibrations(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    bins = [f for f in findings if set(f.over or {}) == {"bin", "mean_score"} and f.value is not None]
    drawn = [f for f in bins if (f.n or 0) >= smallest]
    if len(drawn) < 2:
        return
    shapes = [*_square(), canvas.polyline(((_across(_mean(f)), _up(_value(f))) for f in drawn), "course")]
    for finding in drawn:
        shapes += _calibrated(finding, smallest)
    beside, bottom = _SQUARE_LEFT + _SQUARE + 16, _SQUARE_TOP + _SQUARE
    shapes.append(canvas.text(_SQUARE_LEFT + _SQUARE / 2, bottom + 36, "mean score", "axis", "middle"))
    shapes.append(canvas.text(beside, _up(1) + 10, "upright: share that came true, with its interval", "axis"))
    shapes.append(canvas.text(beside, _up(1) + 28, "grey line: what was said comes true", "axis"))
    rows = [
        (
            format.clean((f.over or {})["bin"]),
            f"{_mean(f):.3f}",
            format.seen(f, smallest),
            format.rows(f, smallest),
        )
        for f in drawn
    ]
    headings = ("scores", "mean score", "share that came true", "n")
    hidden = len(bins) - len(drawn)
    note = f"{hidden} bins with fewer than {smallest} rows are not drawn." if hidden else ""
    yield Chart("Calibration", sentences(rows), bottom + 46, tuple(shapes), headings, tuple(rows), note)


def _square() -> Iterator[Element]:
    """The grid from 0 to 1 on both axes, and the line on which scores come true as stated."""
    right, bottom = _SQUARE_LEFT + _SQUARE, _SQUARE_TOP + _SQUARE
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        yield canvas.line(_across(tick), _SQUARE_TOP, _across(tick), bottom, "grid")
        yield canvas.line(_SQUARE_LEFT, _up(tick), right, _up(tick), "grid")
        yield canvas.text(_across(tick), bottom + 16, f"{tick:g}", "axis", "middle")
        yield canvas.text(_SQUARE_LEFT - 8, _up(tick) + 4, f"{tick:g}", "axis", "end")
    yield canvas.line(_across(0), _up(0), _across(1), _up(1), "zero")


def _calibrated(finding: Finding, smallest: int) -> Iterator[Element]:
    """One bin of scores: the interval of the share that came true, and the share."""
    x = _across(_mean(finding))
    if finding.low is not None and finding.high is not None:
        yield canvas.line(x, _up(finding.low), x, _up(finding.high), "whisker blue")
    label = f"said {_mean(finding):.3f}, came true {format.seen(finding, smallest)}"
    yield canvas.circle(x, _up(_value(finding)), 5, "dot blue", label)


def _mean(finding: Finding) -> float:
    return float((finding.over or {})["mean_score"])


# Champion and challenger ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Duel:
    """One measure of this model and of the champion, on the same rows, and the finding about their difference."""

    measure: str
    challenger: float
    difference: Finding

    @property
    def champion(self) -> float:
        return self.challenger - _value(self.difference)

    def row(self, smallest: int) -> tuple[str, str, str, str, str]:
        champion, challenger = format.number(self.champion, 4), format.number(self.challenger, 4)
        difference = format.seen(self.difference, smallest)
        return format.clean(self.measure), champion, challenger, difference, self.difference.outcome or ""


def _duels(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    duels = _measured_twice(findings)
    if not duels:
        return
    values = [value for duel in duels for value in (duel.challenger, duel.champion)]
    low, high = min(0.0, *values), max(1.0 if max(values) <= 1 else 0.0, *values)
    top = 6.0
    bottom = top + _DUEL * len(duels)
    shapes = canvas.axis(low, high, top, bottom)
    for index, duel in enumerate(duels):
        shapes += _drawn(duel, top + _DUEL * (index + 0.5), (low, high))
    rows = tuple(duel.row(smallest) for duel in duels)
    note = "Open grey circle: the champion, now in production; filled: this model, on the same rows."
    headings = ("measure", "champion", "challenger", "difference", "outcome")
    yield Chart("Champion against challenger", sentences(rows), bottom + 26, tuple(shapes), headings, rows, note)


def _measured_twice(findings: Sequence[Finding]) -> list[_Duel]:
    """The measures over all rows that stand beside a difference from the champion."""
    ours = {f.measure: f for f in findings if not f.by and not f.over and f.value is not None}
    duels = []
    for gap in findings:
        measure = gap.measure.removesuffix("_champion_difference")
        if measure != gap.measure and measure in ours and gap.value is not None:
            duels.append(_Duel(measure, _value(ours[measure]), gap))
    return duels


def _drawn(duel: _Duel, y: float, ends: tuple[float, float]) -> Iterator[Element]:
    """One measure at this height: both models, the line between them, and both in words."""
    place = scale(*ends, LEFT, RIGHT)
    old, new, outcome = duel.champion, duel.challenger, duel.difference.outcome
    yield canvas.text(LEFT - 14, y + 4.5, short(format.clean(duel.measure)), "", "end")
    yield canvas.line(place(old), y, place(new), y, f"whisker {COLOURS.get(outcome, 'grey')}")
    yield canvas.circle(place(old), y, 5.5, "dot grey open", f"champion {old:.4g}")
    yield canvas.mark(place(new), y, outcome, f"challenger {new:.4g}")
    yield canvas.text(RIGHT + 16, y + 4.5, f"{format.number(old, 3)} → {format.number(new, 3)}", "said")


def charts(findings: Iterable[Finding], smallest: int = 5, rows: int = _MOST_ROWS) -> list[Chart]:
    """The charts a gate's findings give, their tables with at most so many rows.

    Groups, bins and cells with fewer rows than ``smallest`` are withheld.
    """
    some = list(findings)
    kinds = (heat_maps, _lines, _histograms, _calibrations, _duels)
    return [replace(chart, rows=chart.rows[:rows]) for kind in kinds for chart in kind(some, smallest)]
