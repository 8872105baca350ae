"""Plain text, at most 100 columns wide: the verdict, the controls, what to do next.

:func:`render` gives text for pipes, exceptions and HTTP bodies: ASCII marks, no colour. :func:`show`
prints the same on a console, with colours where it is a terminal and NO_COLOR is not set.
"""

from collections.abc import Iterable, Iterator, Sequence
from io import StringIO

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from aims_gates.model import ControlState, Decision, Finding, Outcome, State
from aims_gates.reports import format
from aims_gates.reports.approvals import approval_lines
from aims_gates.reports.console import COLOURS, cleaned, command_line, hanging, mark_text, ruled_table, step
from aims_gates.reports.preview_text import preview_parts
from aims_gates.reports.steps import with_heads
from aims_gates.reports.view import (
    Report,
    basis_text,
    blocking,
    known_by,
    marks,
    oldest,
    ordered,
    shown_state,
    stands,
    verdict,
)

__all__ = ["WIDTH", "gate_text", "render", "show", "show_gate"]

WIDTH = 100
_VERDICTS = {
    "ALLOWED": "bold green",
    "TRIAL": "bold yellow",
    "BREAK-GLASS": "bold red",
    "REFUSED": "bold red",
    "WAITING": "bold cyan",
    "CHECKED": "bold",
    "PREVIEW": "bold",
    "NOT CHECKED": "bold red",
}
_SHOWN = 3
#: More controls that are met than this are named on one line, so that what is left to do stays in sight.
_LISTED = 12
#: Of more controls that are unmet than this only the worst are in the table, on one line each, and none is told in
#: detail; of more actions only the first are named.
_UNMET, _ROWS, _ACTIONS = 8, 3, 5
#: Then of notes and problems only the first are shown, and only so much of each.
_NOTES, _LETTERS = 2, 150
_ALL = "--json, or --report html:FILE"


def _observed(control: ControlState, smallest: int) -> str:
    judged = [finding for _, finding in control.findings if finding.outcome is not None]
    if stands(control) or not judged:
        total = sum(finding.outcome == "pass" for finding in judged)
        if control.state == "met" and total and total == len(judged):
            return format.sentence(judged[0], smallest) if total == 1 else f"{total} findings, each within its limit"
        return format.clean(control.reason)
    worst = format.worst_first(judged)
    bad = [finding for finding in worst if finding.outcome != "pass"]
    if not bad:
        return format.clean(control.reason)
    more = f"; {len(bad) - 1} more" if len(bad) > 1 else ""
    return format.sentence(bad[0], smallest) + more


def _many(report: Report) -> bool:
    """Whether so many controls are unmet that a few lines about each would hide what is to be done."""
    return report.decision is not None and len(blocking(report.decision)) > _UNMET


def _controls(
    report: Report, decision: Decision, controls: Sequence[ControlState], plain: bool, one_line: bool
) -> Table:
    cut = {"no_wrap": True} if one_line else {}
    table = ruled_table(
        ("Control", {"no_wrap": True}),
        ("Title", {"ratio": 5, **cut}),
        ("State", {"no_wrap": True}),
        ("Observed", {"ratio": 8, **cut}),
        ("Evidence", {"no_wrap": True}),
        overflow="ellipsis" if one_line else "fold",
    )
    table.expand = True
    for control in controls:
        state = mark_text(marks(shown_state(control, decision)), plain)
        if not control.blocks and not stands(control):
            state.append("\n(does not block)", style="dim")
        observed = _observed(control, report.smallest_cell)
        table.add_row(
            cleaned(control.control),
            cleaned(control.title),
            state,
            cleaned(observed),
            format.age(oldest(control)) or "none",
        )
    return table


def _listed(report: Report, decision: Decision, plain: bool, whole: bool) -> Iterator[RenderableType]:
    """The table; controls that are met, and unmet ones after the worst, stand below it by id where they are many."""
    short = _many(report) and not whole
    controls = ordered(decision.controls)
    met = _met(controls, whole)
    rest = [control for control in controls if control not in met]
    table = [control for control in rest if control.blocks][:_ROWS] if short else rest
    if table:
        yield _controls(report, decision, table, plain, short)
    groups = [*_by_state(control for control in rest if control not in table), *([met] if met else [])]
    for place, members in enumerate(groups):
        above = 1 if table and not place else 0
        yield Padding(_group(members, plain, more=bool(table) and members is not met), (above, 0, 0, 0))


def _met(controls: Sequence[ControlState], whole: bool) -> list[ControlState]:
    """The controls that are met, where they are too many for the table."""
    met = [control for control in controls if control.state == "met"]
    return met if len(met) > _LISTED and not whole else []


def _by_state(controls: Iterable[ControlState]) -> list[list[ControlState]]:
    """The controls by their state, in the order in which the states come up."""
    groups: dict[State, list[ControlState]] = {}
    for control in controls:
        groups.setdefault(control.state, []).append(control)
    return list(groups.values())


def _group(members: Sequence[ControlState], plain: bool, more: bool) -> Table:
    """Controls of one state on a line, by id."""
    mark = mark_text(marks(members[0].state), plain)
    return hanging(mark.plain, f"{len(members)}{' more' if more else ''}: {_ids(members)}", str(mark.style))


def _ids(controls: Iterable[ControlState]) -> str:
    return ", ".join(control.control for control in controls)


def _detail(control: ControlState, smallest: int) -> Iterator[RenderableType]:
    yield Text(
        f"\n{format.clean(control.control)} {format.clean(control.title)}: {marks(control.state).word}", style="bold"
    )
    yield Padding(hanging("why:  ", control.why), (0, 0, 0, 2))
    yield Padding(hanging("state:", control.reason), (0, 0, 0, 2))
    if basis_text(control):
        yield Padding(hanging("known:", basis_text(control)), (0, 0, 0, 2))
    judged = [(gate, f) for gate, f in control.findings if f.outcome not in (None, "pass")]
    judged.sort(key=lambda pair: format.rank(pair[1]))
    for gate, finding in judged[:_SHOWN]:
        n = format.rows(finding, smallest)
        line = f"{gate}: {format.sentence(finding, smallest)}{f', n {n}' if n else ''}: {format.state(finding)}"
        yield Padding(hanging("-", line), (0, 0, 0, 2))
        for text in (finding.note, finding.remedy):
            if text:
                yield Padding(cleaned(text), (0, 0, 0, 4))
    if len(judged) > _SHOWN:
        yield Padding(cleaned(f"and {len(judged) - _SHOWN} more, see --json"), (0, 0, 0, 4))
    for item in control.evidence:
        yield Padding(hanging("evidence:", format.evidence(item)), (0, 0, 0, 2))
    shown = {finding.remedy for _, finding in judged[:_SHOWN]}
    for text in control.next:
        if text not in shown:
            yield from step("next:", text)


def _facts(report: Report) -> str:
    d = report.decision
    if d is None:
        return ""
    facts = [("system", d.system), ("tier", d.tier), ("profile", d.profile), ("mode", d.mode)]
    facts += [("subject", d.subject and d.subject[:19]), ("request", d.request and d.request[:19])]
    return ", ".join(f"{name} {format.clean(value)}" for name, value in facts if value)


def _head(report: Report, decision: Decision, short: bool) -> str:
    """What it is about, and how it is known: on lines of their own, unless the report is short."""
    known = known_by(decision)
    return f"{_facts(report)}{'; ' if short else chr(10)}known: {known}" if known else _facts(report)


def _decision(report: Report, plain: bool, whole: bool) -> Iterator[RenderableType]:
    d = report.decision
    if d is None:
        return
    short = _many(report) and not whole
    yield Padding(cleaned(_head(report, d, short), "dim"), (0, 0, 0, 2))
    message = verdict(report)[2]
    problems = _first([problem for problem in d.problems if problem not in message], short)
    last = problems[-1:] if d.controls and d.plan is None else []  # that it is bound to no system comes after the table
    for problem in problems[: len(problems) - len(last)]:
        yield Padding(hanging("!", problem, "bold red"), (0, 0, 0, 2))
    if d.controls:
        yield Text()
        yield from _listed(report, d, plain, whole)
    for problem in last:
        yield Padding(hanging("!", problem, "bold red"), (1, 0, 0, 2))
    for control in () if short else blocking(d):
        yield from _detail(control, report.smallest_cell)
    yield from _approvals(d, short)
    yield from _steps(report, d, whole)
    if report.effort is not None:
        from aims_gates.reports.effort import effort_text

        yield Padding(cleaned(f"To close what is open: about {effort_text(report.effort)}; an estimate."), (1, 0, 0, 0))


def _first(lines: Sequence[str], short: bool) -> list[str]:
    """The lines; where the report is short only the first, cut, and how many more there are."""
    if not short:
        return list(lines)
    cut = [line if len(line) <= _LETTERS else f"{line[:_LETTERS].rsplit(' ', 1)[0]} ..." for line in lines[:_NOTES]]
    return [*cut, *([f"and {len(lines) - _NOTES} more"] if len(lines) > _NOTES else [])]


def _approvals(decision: Decision, short: bool) -> Iterator[RenderableType]:
    lines = approval_lines(decision.approvals)
    if lines and short:
        yield Padding(hanging("Approvals", "; ".join(lines[-1:]), "bold"), (1, 0, 0, 0))
    elif lines:
        yield Text("\nApprovals", style="bold")
        yield from (Padding(hanging("-", line), (0, 0, 0, 2)) for line in lines)


def _steps(report: Report, decision: Decision, whole: bool) -> Iterator[RenderableType]:
    """What to do, by what has to change; the first few, unless all are asked for."""
    steps = decision.steps
    if not steps:
        return
    yield Text("\nWhat to do, in this order", style="bold")
    most = len(steps) if whole else _ACTIONS
    for place, (action, head) in enumerate(with_heads(steps)[:most], 1):
        if head:
            yield Padding(cleaned(head, "dim"), (0, 0, 0, 2))
        yield from step(f"{place}.", action.text)
    rest = f"and {len(steps) - most} more: " if len(steps) > most else "all of it: "
    if len(steps) > most or (_many(report) and not whole):
        yield command_line(f"{rest}{report.all_of_it or _ALL}", 2)


def _limits_first(findings: Iterable[Finding]) -> tuple[list[Finding], list[Finding]]:
    ranked = format.worst_first(findings)
    return [f for f in ranked if f.outcome is not None], [f for f in ranked if f.outcome is None]


def _gate(
    gate: str, outcome: Outcome, findings: Sequence[Finding], smallest: int, plain: bool, shown: int
) -> Iterator[RenderableType]:
    judged, information = _limits_first(findings)
    bad = sum(f.outcome != "pass" for f in judged)
    what = f"{bad} of {len(judged)} findings under a limit did not pass" if bad else f"{len(judged)} findings pass"
    if not judged:
        what = "no finding under a limit, so nothing was decided"
    style = COLOURS[marks(outcome).colour]
    yield Text.assemble((outcome.upper(), f"bold {style}"), f"  {format.clean(gate)}: {what}")
    table = ruled_table(
        ("Measure", {"ratio": 1}),
        ("Value", {"no_wrap": True}),
        ("Limit", {"no_wrap": True}),
        ("n", {"justify": "right", "no_wrap": True}),
        ("Outcome", {"no_wrap": True}),
    )
    table.expand = True
    for finding in [*judged[: 2 * shown], *information[:shown]]:
        where = format.about(finding)
        cells = [f"{finding.measure}{f' ({where})' if where else ''}", format.seen(finding, smallest)]
        cells += [format.limit(finding), format.rows(finding, smallest)]
        table.add_row(*map(cleaned, cells), mark_text(marks(format.state(finding)), plain))
    if table.row_count:
        yield Text()
        yield table
    hidden = len(judged) + len(information) - table.row_count
    if hidden:
        yield cleaned(f"and {hidden} more, see --json", "dim")
    reasons = dict.fromkeys((f.note, f.remedy) for f in judged if f.outcome != "pass" and (f.note or f.remedy))
    for note, remedy in list(reasons)[:shown]:
        yield hanging("-", ". ".join(part.rstrip(".") for part in (note, remedy) if part) + ".")


def _parts(report: Report, plain: bool, whole: bool = False) -> Iterator[RenderableType]:
    word, about, explanation = verdict(report)
    head = f"{format.clean(about)}: " if about else ""
    yield Text.assemble((word, _VERDICTS[word]), f"  {head}{format.clean(explanation)}")
    yield from _decision(report, plain, whole)
    if report.preview is not None:
        yield from preview_parts(report, report.preview, plain)
    elif report.decision is None:
        for gate, _, outcome, findings in report.gates:
            yield Text()
            yield from _gate(gate, outcome, findings, report.smallest_cell, plain, 5)
    if report.notes or report.links:
        yield Text()
    short = _many(report) and not whole
    yield from (hanging("note:", note) for note in _first(report.notes, short))
    links = list(report.links.items())[: 1 if short else None]
    yield from (command_line(f"{name}: {place}", 0) for name, place in links)


def _plain(parts: Iterable[RenderableType]) -> str:
    file = StringIO()
    console = Console(file=file, width=WIDTH, color_system=None, force_terminal=False, force_jupyter=False, emoji=False)
    for part in parts:
        console.print(part, highlight=False, soft_wrap=isinstance(part, Text) and part.no_wrap is True)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _shown(parts: Iterable[RenderableType], console: Console) -> None:
    for part in parts:
        long = isinstance(part, Text) and part.no_wrap is True
        console.print(part, highlight=False, soft_wrap=long, width=None if long else min(console.width, WIDTH))


def render(report: Report, whole: bool = False) -> str:
    """The report as text for a pipe, an exception or an HTTP body: no colour, ASCII marks.

    Args:
        report: The report.
        whole: Whether to tell all, however many controls are unmet; otherwise it is then at most some 40 lines long.
    """
    return _plain(_parts(report, True, whole))


def show(report: Report, console: Console | None = None, whole: bool = False) -> None:
    """Print the report, as :func:`render`; colours and symbols only on a terminal that shows them."""
    console = console or Console()
    if not console.is_terminal:
        console.file.write(render(report, whole))
        return
    _shown(_parts(report, console.options.ascii_only, whole), console)


def gate_text(gate: str, outcome: Outcome, findings: Sequence[Finding], *, shown: int = 20) -> str:
    """One gate's result as text: findings under a limit first, then information.

    Args:
        shown: How many rows of information to print, and half as many as under a limit.
    """
    return _plain(_gate(gate, outcome, findings, 0, True, shown))


def show_gate(gate: str, outcome: Outcome, findings: Sequence[Finding], console: Console | None = None) -> None:
    """Print one gate's result, as :func:`show` prints a report."""
    console = console or Console()
    if not console.is_terminal:
        console.file.write(gate_text(gate, outcome, findings))
        return
    _shown([Group(*_gate(gate, outcome, findings, 0, console.options.ascii_only, 20))], console)
