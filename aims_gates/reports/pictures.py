"""Pictures, drawn from findings only: a dot with its interval per row, and the limit.

Only geometry stands here, in SVG user units; ``templates/pictures.html`` draws it, so that every
name is escaped and every colour follows the page.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from aims_gates.model import Finding
from aims_gates.reports import format

__all__ = ["Dot", "Picture", "domain", "pictures", "ticks"]

WIDTH, LEFT, RIGHT, ROW, FOOT = 860, 262, 640, 28, 26
_MOST_ROWS, _MOST_PICTURES, _LABEL = 20, 6, 33
_FIRST = ("impact_ratio", "selection_rate", "true_positive_rate", "false_positive_rate", "accuracy")


@dataclass(frozen=True)
class Dot:
    """One row: positions along the axis, and what is written beside it.

    Attributes:
        label, name: Shortened and whole.
        said: The value in words.
        x, low, high, limit: Places on the axis, None where there is none.
        bad: ``(x, width)`` of the side of the limit on which a value fails.
        y: The row's middle.
        outcome: For the dot's shape and colour.
    """

    label: str
    name: str
    said: str
    y: float
    x: float
    low: float | None
    high: float | None
    limit: float | None
    bad: tuple[float, float] | None
    outcome: str


@dataclass(frozen=True)
class Picture:
    """A dot plot.

    Attributes:
        title, text: What it shows, and the same as sentences for those who cannot see it.
        dots: From top to bottom.
        limit: The one limit all rows share, as ``(x, words)``.
        ticks: ``(x, label)`` along the axis.
        hidden: How many rows were left out.
        zero: Where zero is, when values lie on both sides.
    """

    title: str
    text: str
    dots: tuple[Dot, ...]
    ticks: tuple[tuple[float, str], ...]
    limit: tuple[float, str] | None = None
    hidden: int = 0
    zero: float | None = None
    width: int = WIDTH
    left: int = LEFT
    right: int = RIGHT
    row: int = ROW

    @property
    def top(self) -> int:
        """Where the rows begin; a shared limit is named above them."""
        return 24 if self.limit else 6

    @property
    def bottom(self) -> int:
        """Where the axis is."""
        return self.top + self.row * len(self.dots)

    @property
    def height(self) -> int:
        """The picture's height."""
        return self.bottom + FOOT


def _kind(finding: Finding) -> tuple[str, str] | None:
    """Which picture a finding belongs to: a sort of picture and a title; None for none."""
    over = finding.over or {}
    if finding.value is None or finding.measure == "count":
        return None
    if finding.measure.endswith("_champion_difference") and not finding.by:
        return "champion", "Difference from the champion, same rows"
    if "bin" in finding.by:
        return None
    if finding.by:
        keys = " and ".join(format.clean(key) for key in finding.by)
        extra = format.about(replace(finding, by={}))
        return "group", f"{format.clean(finding.measure)} by {keys}{f' ({extra})' if extra else ''}"
    if set(over) == {"column"}:
        return "column", f"{format.clean(finding.measure)} per column"
    if finding.limit is not None and set(over) <= {"sensitive"}:
        return ("worst", "Worst pair of groups") if over else ("whole", "Over all rows")
    return None


def _label(kind: str, finding: Finding) -> str:
    if kind == "group":
        return " · ".join(format.clean(value) for value in finding.by.values())
    if kind == "column":
        return format.clean((finding.over or {})["column"])
    name = format.clean(finding.measure).removesuffix("_champion_difference")
    where = format.about(finding).removeprefix("over ")
    return f"{name}, {where}" if where else name


def _step(span: float) -> float:
    """A round distance between ticks, about five of them."""
    raw = span / 5
    base = 10 ** math.floor(math.log10(raw))
    return float(next(base * factor for factor in (1, 2, 2.5, 5, 10) if base * factor >= raw * 0.999))


def domain(kind: str, findings: Sequence[Finding]) -> tuple[float, float]:
    """The ends of an axis that holds these values, and their intervals where those are not very wide."""
    points = [f.value for f in findings if f.value is not None] + [f.limit.value for f in findings if f.limit]
    ends = [end for f in findings for end in (f.low, f.high) if end is not None]
    reach = max(map(abs, points), default=1.0) or 1.0
    # One very wide interval must not squeeze all else: it is cut off at the edge.
    low = max(min([0.0, *points, *ends]), -2 * reach)
    high = min(max([0.0, *points, *ends]), 2 * reach)
    if kind in ("group", "worst", "whole") and low >= 0 and 0.5 < high <= 1.05:
        return 0.0, 1.0 if high <= 1 else high
    pad = 0.06 * (high - low or 1.0)
    return (low - pad if low < 0 else 0.0), high + pad


def ticks(low: float, high: float) -> list[float]:
    """Round numbers along an axis, about five."""
    step = _step(high - low)
    first = math.ceil(low / step - 1e-9)
    return [index * step for index in range(first, math.floor(high / step + 1e-9) + 1)]


def _chosen(findings: Sequence[Finding]) -> list[Finding]:
    """Few enough rows to read: those that did not pass, then the extremes."""
    if len(findings) <= _MOST_ROWS:
        return list(findings)
    middle = sorted(f.value or 0.0 for f in findings)[len(findings) // 2]

    def interest(finding: Finding) -> tuple[int, float]:
        return format.rank(finding), -abs((finding.value or 0.0) - middle)

    shown = {id(f) for f in sorted(findings, key=interest)[:_MOST_ROWS]}
    return [f for f in findings if id(f) in shown]


def _picture(kind: str, title: str, findings: Sequence[Finding], smallest: int) -> Picture:
    shown = _chosen(findings)
    low, high = domain(kind, shown)

    def place(value: float) -> float:
        share = (min(max(value, low), high) - low) / (high - low)
        return round(LEFT + share * (RIGHT - LEFT), 2)

    shared = shown[0].limit if len({f.limit for f in shown}) == 1 else None
    dots = []
    for index, f in enumerate(shown):
        bound = f.limit
        at = place(bound.value) if bound else None
        bad = None
        if bound and at is not None:
            bad = (LEFT, at - LEFT) if bound.op in (">=", ">") else (at, RIGHT - at)
        name = _label(kind, f)
        dot = Dot(
            label=name if len(name) <= _LABEL else f"{name[: _LABEL - 1]}…",
            name=name,
            said=format.seen(f, smallest),
            y=(24 if shared else 6) + ROW * (index + 0.5),
            x=place(f.value or 0.0),
            low=None if f.low is None else place(f.low),
            high=None if f.high is None else place(f.high),
            limit=at,
            bad=bad,
            outcome=f.outcome or "information",
        )
        dots.append(dot)
    limits = {format.limit(f) for f in shown}
    message = ", ".join(sorted(limits)) if len(limits) > 1 else limits.pop()
    text = ". ".join(format.sentence(f, smallest) + (f": {f.outcome}" if f.outcome else "") for f in shown) + "."
    return Picture(
        title=title,
        text=text,
        dots=tuple(dots),
        ticks=tuple((place(tick), f"{tick:.10g}") for tick in ticks(low, high)),
        limit=(place(shared.value), f"limit {message}") if shared else None,
        hidden=len(findings) - len(shown),
        zero=place(0.0) if low < 0 < high else None,
    )


def _order(item: tuple[tuple[str, str], list[Finding]]) -> tuple[int, int, int]:
    (kind, _), findings = item
    kinds = ("worst", "group", "whole", "champion", "column")
    measure = findings[0].measure
    first = _FIRST.index(measure) if measure in _FIRST else len(_FIRST)
    return kinds.index(kind), min(format.rank(f) for f in findings), first


def pictures(findings: Iterable[Finding], smallest: int = 5) -> list[Picture]:
    """The pictures a gate's findings give, most telling first; at most six.

    Groups with fewer rows than ``smallest`` are not drawn.
    """
    groups: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        kind = _kind(finding)
        if kind is not None and not format.withheld(finding, smallest):
            groups.setdefault(kind, []).append(finding)
    # One lone group compares with nothing.
    drawn = [item for item in groups.items() if len(item[1]) > 1 or item[0][0] != "group"]
    return [_picture(kind, title, some, smallest) for (kind, title), some in sorted(drawn, key=_order)[:_MOST_PICTURES]]
