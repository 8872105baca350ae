"""What charts and pictures are drawn with: the elements of an SVG, in user units, and the scales and ticks of an axis.

Nothing here knows findings. Numbers are rounded, so that a page is the same on every machine.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "COLOURS",
    "LEFT",
    "RIGHT",
    "WIDTH",
    "Chart",
    "Element",
    "axis",
    "circle",
    "line",
    "mark",
    "polyline",
    "rect",
    "scale",
    "sentences",
    "short",
    "text",
    "ticks",
]

#: The width of a chart, and where its axis begins and ends.
WIDTH, LEFT, RIGHT = 860, 262, 640
#: The colour of an outcome, as a class of the page.
COLOURS: Mapping[str | None, str] = {"fail": "red", "error": "red", "inconclusive": "yellow", "pass": "green"}
_LABEL = 33


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


def sentences(rows: Iterable[Sequence[str]]) -> str:
    """The rows of a table as sentences; empty cells are left out."""
    return ". ".join(", ".join(cell for cell in row if cell) for row in rows) + "."


def text(x: float, y: float, label: str, style: str = "", anchor: str = "start") -> Element:
    """A line of text on the baseline ``y``."""
    return Element("text", style, {"x": round(x, 2), "y": round(y, 2), "text-anchor": anchor}, label)


def line(x1: float, y1: float, x2: float, y2: float, style: str) -> Element:
    """A straight line."""
    return Element("line", style, {"x1": round(x1, 2), "y1": round(y1, 2), "x2": round(x2, 2), "y2": round(y2, 2)})


def rect(x: float, y: float, width: float, height: float, style: str, label: str = "", **more: object) -> Element:
    """A rectangle by its upper left corner; a width below 0 is none."""
    at = {"x": round(x, 2), "y": round(y, 2), "width": round(max(width, 0.0), 2), "height": round(height, 2), **more}
    return Element("rect", style, at, label)


def circle(x: float, y: float, radius: float, style: str, label: str = "") -> Element:
    """A circle by its centre."""
    return Element("circle", style, {"cx": round(x, 2), "cy": round(y, 2), "r": radius}, label)


def polyline(points: Iterable[tuple[float, float]], style: str) -> Element:
    """A line through these points."""
    return Element("polyline", style, {"points": " ".join(f"{x:.1f},{y:.1f}" for x, y in points)})


def mark(x: float, y: float, outcome: str | None, label: str = "") -> Element:
    """A diamond for what failed, an open circle for what is open, a dot for the rest."""
    colour = COLOURS.get(outcome, "grey")
    if colour == "red":
        return Element("path", f"dot {colour}", {"d": f"M{x:.2f} {y - 6:.2f}l6 6l-6 6l-6 -6z"}, label)
    return circle(x, y, 4.5, f"dot {colour}{' open' if outcome == 'inconclusive' else ''}", label)


def short(label: str, most: int = _LABEL) -> str:
    """The label, cut to so many characters."""
    return label if len(label) <= most else f"{label[: most - 1]}…"


def scale(low: float, high: float, start: float, end: float) -> Callable[[float], float]:
    """From values to places: ``low`` is at ``start``, ``high`` at ``end``, and what lies beyond is at the edge."""

    def place(value: float) -> float:
        return start + (min(max(value, low), high) - low) / ((high - low) or 1.0) * (end - start)

    return place


def _step(span: float) -> float:
    """A round distance between ticks, about five of them."""
    raw = span / 5
    base = 10 ** math.floor(math.log10(raw))
    return float(next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= raw * 0.999))


def ticks(low: float, high: float) -> list[float]:
    """Round numbers along an axis, about five."""
    step = _step(high - low)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def axis(low: float, high: float, top: float, bottom: float) -> list[Element]:
    """The upright grid lines of an axis from LEFT to RIGHT, and the number below each."""
    place = scale(low, high, LEFT, RIGHT)
    elements = []
    for tick in ticks(low, high):
        elements.append(line(place(tick), top, place(tick), bottom, "grid"))
        elements.append(text(place(tick), bottom + 16, f"{tick:.10g}", "axis", "middle"))
    return elements
