"""Charts, drawn from findings only: heat maps, lines over chunks, histograms, calibration, champion and challenger.

A chart is a list of shapes in SVG user units, with the same as sentences and as a table. ``templates/charts.html``
draws any of them, so that every name is escaped and every colour follows the page. Beside them stand the dot plots of
:mod:`aims_gates.reports.pictures`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from aims_gates.model import Finding
from aims_gates.reports import format
from aims_gates.reports.pictures import domain, ticks

__all__ = ["Chart", "Element", "charts"]

WIDTH, LEFT, RIGHT = 860, 262, 640
_MOST_CELLS, _MOST_LINES, _MOST_HISTOGRAMS, _MOST_HEATS, _LABEL = 8, 12, 6, 2, 33
#: Rows of a table, and points of a line: the page stays small, and the JSON report has them all.
_MOST_ROWS, _MOST_POINTS = 100, 150
_HEAT_FIRST = (
    "selection_rate",
    "scoring_rate",
    "impact_ratio",
    "false_positive_rate",
    "true_positive_rate",
    "accuracy",
)
_COLOURS: Mapping[str | None, str] = {"fail": "red", "error": "red", "inconclusive": "yellow", "pass": "green"}


@dataclass(frozen=True)
class Element:
    """One element of an SVG.

    Attributes:
        tag: ``rect``, ``line``, ``circle``, ``path``, ``polyline`` or ``text``.
        style: Its class; colours are the page's.
        at: Its attributes; numbers are rounded.
        text: Its content; of other shapes than text, what a pointer shows.
    """

    tag: str
    style: str
    at: Mapping[str, object]
    text: str = ""


@dataclass(frozen=True)
class Chart:
    """A chart.

    Attributes:
        title, text: What it shows, and the same as sentences.
        shapes: From back to front.
        headings, rows: The same as a table.
        note: How to read it, and what was left out.
    """

    title: str
    text: str
    height: float
    shapes: tuple[Element, ...]
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    width: int = WIDTH


def _text(x: float, y: float, label: str, style: str = "", anchor: str = "start") -> Element:
    return Element("text", style, {"x": round(x, 2), "y": round(y, 2), "text-anchor": anchor}, label)


def _line(x1: float, y1: float, x2: float, y2: float, style: str) -> Element:
    return Element("line", style, {"x1": round(x1, 2), "y1": round(y1, 2), "x2": round(x2, 2), "y2": round(y2, 2)})


def _rect(x: float, y: float, width: float, height: float, style: str, label: str = "", **more: object) -> Element:
    at = {"x": round(x, 2), "y": round(y, 2), "width": round(max(width, 0.0), 2), "height": round(height, 2), **more}
    return Element("rect", style, at, label)


def _mark(x: float, y: float, outcome: str | None, label: str = "") -> Element:
    """A diamond for what failed, an open circle for what is open, a dot for the rest."""
    colour = _COLOURS.get(outcome, "grey")
    if colour == "red":
        return Element("path", f"dot {colour}", {"d": f"M{x:.2f} {y - 6:.2f}l6 6l-6 6l-6 -6z"}, label)
    open_ = " open" if outcome == "inconclusive" else ""
    return Element("circle", f"dot {colour}{open_}", {"cx": round(x, 2), "cy": round(y, 2), "r": 4.5}, label)


def _short(text: str, most: int = _LABEL) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _sentences(rows: Iterable[Sequence[str]]) -> str:
    return ". ".join(", ".join(cell for cell in row if cell) for row in rows) + "."


def _scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    def place(value: float) -> float:
        return start + (min(max(value, low), high) - low) / ((high - low) or 1.0) * (end - start)

    return place


# Heat map of intersections --------------------------------------------------------------------------------------------


def _heats(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    groups: dict[tuple[str, tuple[str, ...], str], list[Finding]] = {}
    for finding in findings:
        if len(finding.by) == 2 and finding.value is not None and finding.measure in _HEAT_FIRST:
            extra = format.about(replace(finding, by={}))
            groups.setdefault((finding.measure, tuple(sorted(finding.by)), extra), []).append(finding)
    order = sorted(groups, key=lambda key: (_HEAT_FIRST.index(key[0]), key[1:]))
    for measure, keys, extra in [key for key in order if len(groups[key]) > 3][:_MOST_HEATS]:
        yield _heat(measure, keys, extra, groups[measure, keys, extra], smallest)


def _heat(measure: str, keys: tuple[str, ...], extra: str, some: Sequence[Finding], smallest: int) -> Chart:
    across, down = keys
    names = [_largest(some, key) for key in keys]
    cells = {(f.by[across], f.by[down]): f for f in some}
    values = [f.value for f in cells.values() if f.value is not None and not format.withheld(f, smallest)]
    strength = _scale(min(values, default=0.0), max(values, default=1.0), 0.06, 0.6)
    wide, high, left, top = min(110.0, 640 / len(names[0])), 40.0, 200.0, 34.0
    shapes = [_text(left + wide * (i + 0.5), top - 10, _short(format.clean(n), int(wide / 7.5)), "axis", "middle")
              for i, n in enumerate(names[0])]  # fmt: skip
    rows = []
    for j, second in enumerate(names[1]):
        y = top + high * j
        shapes.append(_text(left - 12, y + high / 2 + 4.5, _short(format.clean(second), 26), "", "end"))
        for i, first in enumerate(names[0]):
            x, f = left + wide * i, cells.get((first, second))
            hidden = f is not None and format.withheld(f, smallest)
            message = "no rows" if f is None else format.seen(f, smallest)
            group = f"{format.clean(across)} = {format.clean(first)}, {format.clean(down)} = {format.clean(second)}"
            if f is not None and not hidden:
                shapes.append(
                    _rect(x + 1, y + 1, wide - 2, high - 2, "heat", f"{group}: {message}",
                          **{"fill-opacity": round(strength(f.value or 0.0), 3)})
                )  # fmt: skip
            shapes.append(
                _rect(x + 1, y + 1, wide - 2, high - 2, "cell" + (" red" if f and f.outcome == "fail" else ""))
            )
            short = "–" if f is None else f"< {smallest} rows" if hidden else format.number(f.value or 0.0)
            shapes.append(
                _text(x + wide / 2, y + high / 2 + 4.5, short, "soft-text" if f is None or hidden else "", "middle")
            )
            rows.append(
                (format.clean(first), format.clean(second), message, "" if f is None else format.rows(f, smallest))
            )
    left_out = len({f.by[across] for f in some}) > len(names[0]) or len({f.by[down] for f in some}) > len(names[1])
    note = "The stronger the colour, the higher; a red edge: fails." + (
        " The largest groups are drawn." if left_out else ""
    )
    title = (
        f"{format.clean(measure)} by {format.clean(across)} and {format.clean(down)}{f' ({extra})' if extra else ''}"
    )
    headings = (format.clean(across), format.clean(down), format.clean(measure), "n")
    return Chart(title, _sentences(rows), top + high * len(names[1]) + 6, tuple(shapes), headings, tuple(rows), note)


def _largest(some: Sequence[Finding], key: str) -> list[str]:
    """The groups with the most rows, few enough to read, in order of name."""
    sizes: dict[str, float] = {}
    for finding in some:
        sizes[finding.by[key]] = sizes.get(finding.by[key], 0.0) + (finding.n or 0.0)
    return sorted(sorted(sizes, key=lambda name: -sizes[name])[:_MOST_CELLS])


# Lines over chunks ----------------------------------------------------------------------------------------------------


def _lines(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    rows: dict[str, dict[str, list[Finding]]] = {}
    for finding in findings:
        if set(finding.over or {}) == {"column", "chunk"} and finding.value is not None and not finding.by:
            columns = rows.setdefault(finding.measure, {})
            columns.setdefault(str((finding.over or {})["column"]), []).append(finding)
    judged = {
        measure: columns for measure, columns in rows.items() if any(f.limit for c in columns.values() for f in c)
    }
    for measure, columns in list((judged or rows).items())[:_MOST_HEATS]:
        drawn = {name: some for name, some in columns.items() if len(some) > 1}
        if drawn:
            yield _over_chunks(measure, drawn, smallest)


def _over_chunks(measure: str, columns: Mapping[str, list[Finding]], smallest: int) -> Chart:
    ranked = sorted(
        columns, key=lambda name: (min(map(format.rank, columns[name])), -max(f.value or 0 for f in columns[name]))
    )
    names = ranked[:_MOST_LINES]
    low, high = domain("column", [f for name in names for f in columns[name]])
    tall, top, foot = 52.0, 8.0, 24.0
    shapes, rows = [], []
    for index, name in enumerate(names):
        some, y = columns[name], top + tall * index
        up = _scale(low, high, y + tall - 6, y + 6)
        across = _scale(0, len(some) - 1, LEFT, RIGHT)
        shapes.append(_line(LEFT, y + tall - 6, RIGHT, y + tall - 6, "grid"))
        limit = next((f.limit for f in some if f.limit), None)
        if limit:
            shapes.append(_line(LEFT, up(limit.value), RIGHT, up(limit.value), "limit"))
        every = -(-len(some) // _MOST_POINTS)
        points = " ".join(f"{across(i):.1f},{up(f.value or 0.0):.1f}" for i, f in enumerate(some) if i % every == 0)
        shapes.append(Element("polyline", "course", {"points": points}))
        marked = [i for i, f in enumerate(some) if f.outcome in ("fail", "error") or (len(some) <= 40 and f.outcome)]
        for i in marked[:: -(-len(marked) // 40) or 1]:
            f = some[i]
            shapes.append(
                _mark(across(i), up(f.value or 0.0), f.outcome, f"{format.about(f)}: {format.seen(f, smallest)}")
            )
        worst = max(some, key=lambda f: f.value or 0.0)
        chunk = format.clean((worst.over or {})["chunk"])
        shapes.append(_text(LEFT - 14, y + tall / 2 + 4.5, _short(format.clean(name)), "", "end"))
        message = f"greatest {format.number(worst.value or 0.0)} in chunk {_short(chunk, 19)}"
        shapes.append(_text(RIGHT + 16, y + tall / 2 + 4.5, message, "said"))
        rows += [
            (format.clean(name), format.clean((f.over or {})["chunk"]), format.seen(f, smallest), f.outcome or "")
            for f in format.worst_first(some)[: max(5, _MOST_ROWS // len(names))]
        ]
    bottom = top + tall * len(names)
    ends = columns[names[0]]
    for place, f, anchor in ((LEFT, ends[0], "start"), (RIGHT, ends[-1], "end")):
        shapes.append(_text(place, bottom + 14, _short(format.clean((f.over or {})["chunk"]), 26), "axis", anchor))
    note = f"Chunks from left to right, each line from {low:.3g} to {high:.3g}; dashes: the limit; diamond: fails."
    if len(ranked) > len(names):
        note += f" {len(ranked) - len(names)} more columns are not drawn."
    summary = _sentences(map(_course, ((name, columns[name]) for name in names)))
    title = f"{format.clean(measure)} per column over chunks"
    headings = ("column", "chunk", format.clean(measure), "outcome")
    return Chart(title, summary, bottom + foot, tuple(shapes), headings, tuple(rows), note)


def _course(item: tuple[str, list[Finding]]) -> tuple[str, str, str]:
    name, some = item
    greatest = format.number(max(f.value or 0.0 for f in some))
    failed = sum(f.outcome == "fail" for f in some)
    return format.clean(name), f"greatest {greatest}", f"{failed} of {len(some)} chunks fail"


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
    shares = {(f.by["set"], f.by["bin"]): f for f in some}
    place = _scale(0.0, max(f.value or 0.0 for f in some) or 1.0, LEFT, RIGHT)
    tall, top = 30.0, 6.0
    shapes, rows = [], []
    for index, bin_ in enumerate(bins):
        y, elements = top + tall * index, []
        shapes.append(_text(LEFT - 14, y + tall / 2 + 3, _short(format.clean(bin_)), "", "end"))
        for turn, set_ in enumerate(("reference", "production")):
            f = shares.get((set_, bin_))
            few = f is not None and format.withheld(f, smallest)
            elements.append("" if f is None else f"< {smallest} rows" if few else f"{100 * (f.value or 0.0):.1f} %")
            if f is not None and not few:
                width = place(f.value or 0.0) - LEFT
                shapes.append(_rect(LEFT, y + 4 + 11 * turn, width, 10, f"bar-{set_}", f"{set_}: {elements[-1]}"))
        shapes.append(_text(RIGHT + 16, y + tall / 2 + 3, " → ".join(elements), "said"))
        rows.append((format.clean(bin_), *elements))
    shapes.append(_line(LEFT, top, LEFT, top + tall * len(bins), "zero"))
    note = "Upper bar, grey: reference; lower bar, blue: production. Shares of the rows that hold a value."
    if more > 0:
        note += f" {more} more columns are not drawn."
    title = f"{format.clean(name)}: reference against production"
    headings = ("values", "reference", "production")
    return Chart(title, _sentences(rows), top + tall * len(bins) + 6, tuple(shapes), headings, tuple(rows), note)


# Calibration ----------------------------------------------------------------------------------------------------------


def _calibrations(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    some = [f for f in findings if set(f.over or {}) == {"bin", "mean_score"} and f.value is not None]
    drawn = [f for f in some if (f.n or 0) >= smallest]
    if len(drawn) < 2:
        return
    left, top, size = 90.0, 14.0, 380.0
    across, up = _scale(0, 1, left, left + size), _scale(0, 1, top + size, top)
    shapes = []
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1.0):
        shapes += [
            _line(across(tick), top, across(tick), top + size, "grid"),
            _line(left, up(tick), left + size, up(tick), "grid"),
            _text(across(tick), top + size + 16, f"{tick:g}", "axis", "middle"),
            _text(left - 8, up(tick) + 4, f"{tick:g}", "axis", "end"),
        ]
    shapes.append(_line(across(0), up(0), across(1), up(1), "zero"))
    points = " ".join(f"{across(_mean(f)):.1f},{up(f.value or 0.0):.1f}" for f in drawn)
    shapes.append(Element("polyline", "course", {"points": points}))
    rows = []
    for f in drawn:
        x = across(_mean(f))
        if f.low is not None and f.high is not None:
            shapes.append(_line(x, up(f.low), x, up(f.high), "whisker blue"))
        share = f"came true {format.seen(f, smallest)}"
        shapes.append(Element("circle", "dot blue", {"cx": round(x, 2), "cy": round(up(f.value or 0.0), 2), "r": 5},
                            f"said {_mean(f):.3f}, {share}"))  # fmt: skip
        rows.append(
            (
                f"{format.clean((f.over or {})['bin'])}",
                f"{_mean(f):.3f}",
                format.seen(f, smallest),
                format.rows(f, smallest),
            )
        )
    shapes.append(_text(left + size / 2, top + size + 36, "mean score", "axis", "middle"))
    shapes.append(_text(left + size + 16, up(1) + 10, "upright: share that came true, with its interval", "axis"))
    shapes.append(_text(left + size + 16, up(1) + 28, "grey line: what was said comes true", "axis"))
    headings = ("scores", "mean score", "share that came true", "n")
    hidden = len(some) - len(drawn)
    note = f"{hidden} bins with fewer than {smallest} rows are not drawn." if hidden else ""
    yield Chart("Calibration", _sentences(rows), top + size + 46, tuple(shapes), headings, tuple(rows), note)


def _mean(finding: Finding) -> float:
    return float((finding.over or {})["mean_score"])


# Champion and challenger ----------------------------------------------------------------------------------------------


def _duels(findings: Sequence[Finding], smallest: int) -> Iterator[Chart]:
    ours = {f.measure: f for f in findings if not f.by and not f.over and f.value is not None}
    pairs = [
        (name, ours[name], gap)
        for gap in findings
        if (name := gap.measure.removesuffix("_champion_difference")) != gap.measure
        and name in ours
        and gap.value is not None
    ]
    if not pairs:
        return
    values = [v for _, f, gap in pairs for v in (f.value or 0.0, (f.value or 0.0) - (gap.value or 0.0))]
    low, high = min(0.0, *values), max(1.0 if max(values) <= 1 else 0.0, *values)
    place, tall, top = _scale(low, high, LEFT, RIGHT), 30.0, 6.0
    bottom = top + tall * len(pairs)
    shapes = [
        shape
        for tick in ticks(low, high)
        for shape in (
            _line(place(tick), top, place(tick), bottom, "grid"),
            _text(place(tick), bottom + 16, f"{tick:.10g}", "axis", "middle"),
        )
    ]
    rows = []
    for index, (name, f, gap) in enumerate(pairs):
        y, new = top + tall * (index + 0.5), f.value or 0.0
        old = new - (gap.value or 0.0)
        shapes += [
            _text(LEFT - 14, y + 4.5, _short(format.clean(name)), "", "end"),
            _line(place(old), y, place(new), y, f"whisker {_COLOURS.get(gap.outcome, 'grey')}"),
            Element("circle", "dot grey open", {"cx": round(place(old), 2), "cy": y, "r": 5.5}, f"champion {old:.4g}"),
            _mark(place(new), y, gap.outcome, f"challenger {new:.4g}"),
            _text(RIGHT + 16, y + 4.5, f"{format.number(old, 3)} → {format.number(new, 3)}", "said"),
        ]
        rows.append(
            (
                format.clean(name),
                format.number(old, 4),
                format.number(new, 4),
                format.seen(gap, smallest),
                gap.outcome or "",
            )
        )
    note = "Open grey circle: the champion, now in production; filled: this model, on the same rows."
    headings = ("measure", "champion", "challenger", "difference", "outcome")
    yield Chart(
        "Champion against challenger", _sentences(rows), bottom + 26, tuple(shapes), headings, tuple(rows), note
    )


def charts(findings: Iterable[Finding], smallest: int = 5, rows: int = _MOST_ROWS) -> list[Chart]:
    """The charts a gate's findings give, their tables with at most so many rows.

    Groups, bins and cells with fewer rows than ``smallest`` are withheld.
    """
    some = list(findings)
    kinds = (_heats, _lines, _histograms, _calibrations, _duels)
    return [replace(chart, rows=chart.rows[:rows]) for kind in kinds for chart in kind(some, smallest)]
