"""One self-contained page: no scripts, nothing loaded, light and dark, fit for print.

Templates are files in ``templates/``; every value in them is escaped.
"""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from aims_gates.model import Finding
from aims_gates.reports import format
from aims_gates.reports.approvals import approval_lines
from aims_gates.reports.charts import charts
from aims_gates.reports.pictures import pictures
from aims_gates.reports.steps import with_heads
from aims_gates.reports.view import (
    GateRun,
    Report,
    basis_text,
    blocking,
    marks,
    oldest,
    ordered,
    shown_state,
    stands,
    verdict,
)

__all__ = ["page", "render", "safe_link", "styles", "verdict_parts"]

_TEMPLATES = Path(__file__).parent / "templates"
#: Judged findings, further findings, rows of a chart's table: of each gate, first all that can be read, then less.
_SIZES = ((200, 60, 100), (80, 20, 20), (30, 5, 0))
_MOST_BYTES = 950_000
_SCHEMES = ("", "http", "https")


def safe_link(target: str) -> bool:
    """Whether this may stand in a link: a relative path or a web address, never a script."""
    try:
        return urlsplit(format.clean(target).strip()).scheme.lower() in _SCHEMES
    except ValueError:
        return False


def _ticks(text: object) -> Markup:
    """Backticks as code; a text that is one command as code; all else escaped."""
    prose, runs = format.commands(str(text))
    if runs and not prose:
        return Markup('<code class="command">{}</code>').format(runs[0])
    parts = format.clean(text).split("`")
    if len(parts) % 2 == 0:
        return Markup("{}").format(format.clean(text))
    pieces = [Markup("<code>{}</code>" if place % 2 else "{}").format(part) for place, part in enumerate(parts)]
    return Markup("").join(pieces)


def _breakable(text: object) -> Markup:
    """A long name that may wrap after an underscore."""
    return Markup("_<wbr>").join(format.clean(text).split("_"))


@cache
def _environment(folder: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader([folder, _TEMPLATES]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.finalize = lambda value: value if isinstance(value, Markup | int | float) else format.clean(value)
    environment.filters.update(ticks=_ticks, breakable=_breakable)
    environment.globals.update(
        words=format,
        marks=marks,
        shown_state=shown_state,
        stands=stands,
        oldest=oldest,
        basis_text=basis_text,
        safe_link=safe_link,
    )
    environment.globals["notebook_css"] = Markup((_TEMPLATES / "notebook.css").read_text("utf-8"))
    environment.globals["css"] = Markup(styles())
    return environment


def page(template: str, values: Mapping[str, Any], folder: Path = _TEMPLATES) -> str:
    """A page from a template.

    Args:
        template: Its file.
        values: What it is given.
        folder: Where it is looked for first, then among the templates here, whose parts it may use.
    """
    return _environment(folder).get_template(template).render(**values)


def styles() -> str:
    """The style sheet of every page, as it stands in their ``<style>``."""
    return (_TEMPLATES / "style.css").read_text("utf-8")


def _split(findings: tuple[Finding, ...], most: tuple[int, int, int]) -> tuple[list[Finding], list[Finding], int]:
    ranked = format.worst_first(f for f in findings if "bin" not in f.by)  # a chart has those, with its table
    judged = [f for f in ranked if f.outcome is not None][: most[0]]
    information = [f for f in ranked if f.outcome is None][: most[1]]
    return judged, information, len(ranked) - len(judged) - len(information)


def _gates(report: Report, most: tuple[int, int, int]) -> list[dict[str, Any]]:
    shown = []
    for gate, title, outcome, findings in report.gates:
        judged, information, hidden = _split(tuple(findings), most)
        shown.append(
            {
                "id": gate,
                "title": title,
                "outcome": GateRun(gate, title, outcome, findings).state,
                "findings": [*judged, *information],
                "hidden": hidden,
                "pictures": pictures(findings, report.smallest_cell),
                "charts": charts(findings, report.smallest_cell, most[2]) if most[2] else [],
            }
        )
    return shown


def render(report: Report) -> str:
    """The report as one HTML page (UTF-8, under 1 MB: of very many findings fewer are shown, and it says so)."""
    for most in _SIZES:
        text = _rendered(report, most)
        if len(text.encode()) <= _MOST_BYTES:
            break
    return text


def _rendered(report: Report, most: tuple[int, int, int]) -> str:
    decision = report.decision
    approvals = approval_lines(decision.approvals) if decision else []
    return page("report.html", {**verdict_parts(report), "approvals": approvals, "gates": _gates(report, most)})


def verdict_parts(report: Report) -> dict[str, Any]:
    """What every template of a report is given: the verdict in words, and the controls behind it."""
    word, about, explanation = verdict(report)
    decision = report.decision
    return {
        "report": report,
        "decision": decision,
        "word": word,
        "about": about,
        "explanation": explanation,
        "controls": ordered(decision.controls) if decision else (),
        "actions": with_heads(decision.steps) if decision else [],
        "stopping": blocking(decision) if decision else (),
        "smallest": report.smallest_cell,
    }
