"""The model card: Markdown in the Hugging Face model-card format, rendered from findings and records.

Numbers come from findings alone, four significant digits, with their intervals. Hand-written parts come from
the card record (:data:`FIELDS`); what is missing there reads as "Not stated", and the gate ``model_card`` says so.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from aims_gates.governance.record_schemas.card import FIELDS, Field
from aims_gates.model import Finding
from aims_gates.reports import format as words

__all__ = [
    "FIELDS",
    "RESULTS",
    "Field",
    "card_html",
    "cells",
    "figure",
    "measured",
    "model_index",
    "render_card",
    "summary",
]

NOT_STATED = "Not stated."
#: The columns of every results table; :mod:`aims_gates.reports.card.check` finds tables by them.
RESULTS = ("Measure", "About", "Value", "Interval", "p", "n", "Limit", "Outcome")
#: Information on more groups than this is left to the JSON report; findings under a limit are all shown.
MOST_INFORMATION = 60
_REGRESSION = {"r2", "mean_absolute_error", "mean_squared_error", "root_mean_squared_error"}


def figure(value: float | None) -> str:
    """A number as the card writes it: four significant digits, integers whole; empty for None."""
    if value is None:
        return ""
    if float(value).is_integer() and abs(value) < 1e15:
        return str(int(value))
    digits = 3 - math.floor(math.log10(abs(value)))
    return f"{value:.{max(digits, 0)}f}" if digits < 9 else f"{value:.3e}"


def _cell(text: object) -> str:
    """Text in one cell of a table, read back by no one as anything but text."""
    plain = " ".join(words.clean(text).split())
    plain = re.sub(r"([\\`*\[\]~|]|(?<!\w)_|_(?!\w))", r"\\\1", plain)
    return plain.replace("&", "&amp;").replace("<", "&lt;")


def cells(finding: Finding, smallest: int = 5) -> tuple[str, ...]:
    """One row of a results table, as in :data:`RESULTS`; groups with fewer rows than ``smallest`` are withheld."""
    hidden = words.withheld(finding, smallest)
    ends = [figure(end) for end in (finding.low, finding.high)]
    bound = finding.limit
    return (
        _cell(finding.measure),
        _cell(words.about(finding) or "all rows"),
        "withheld" if hidden else figure(finding.value) or "not computed",
        "" if hidden or not any(ends) else f"{ends[0] or '?'} to {ends[1] or '?'}",
        "" if hidden else figure(finding.p_value),
        _cell(f"< {smallest}") if hidden else figure(finding.n),
        _cell(f"{bound.op} {figure(bound.value)}") if bound else "",
        finding.outcome or "information",
    )


def shown(findings: Iterable[Finding]) -> tuple[list[Finding], int]:
    """The findings a card lists (all under a limit, some information), and how many it leaves out."""
    ranked = words.worst_first(findings)
    judged = [finding for finding in ranked if finding.outcome is not None]
    information = [finding for finding in ranked if finding.outcome is None]
    return judged + information[:MOST_INFORMATION], max(0, len(information) - MOST_INFORMATION)


def measured(findings: Mapping[str, Sequence[Finding]]) -> dict[str, tuple[Finding, ...]]:
    """What was measured on the model, by gate; facts of records and bins of a picture are no results."""
    shown = {
        gate: tuple(finding for finding in some if set(finding.over or ()) != {"record"} and "bin" not in finding.by)
        for gate, some in findings.items()
    }
    return {gate: some for gate, some in shown.items() if some}


def summary(findings: Mapping[str, Sequence[Finding]]) -> str:
    """The results in one sentence; a card must hold exactly this one."""
    judged = [finding for group in findings.values() for finding in group if finding.outcome is not None]
    counts = [
        sum(finding.outcome == outcome for finding in judged) for outcome in ("pass", "fail", "inconclusive", "error")
    ]
    return (
        f"Of {len(judged)} findings under a limit, {counts[0]} passed, {counts[1]} failed, "
        f"{counts[2]} were inconclusive and {counts[3]} could not be computed."
    )


def _table(findings: Iterable[Finding], smallest: int) -> list[str]:
    rule = ["---", "---", "---:", "---", "---:", "---:", "---", "---"]
    lines = [RESULTS, rule, *(cells(finding, smallest) for finding in findings)]
    return [f"| {' | '.join(line)} |" for line in lines]


def _results(findings: Mapping[str, Sequence[Finding]], smallest: int) -> list[str]:
    if not any(findings.values()):
        return [NOT_STATED]
    lines = [summary(findings), ""]
    for gate, finding in findings.items():
        listed, hidden = shown(finding)
        lines += [f"#### {gate}", "", *_table(listed, smallest), ""]
        if hidden:
            lines += [f"{hidden} more findings without a limit are in the evidence.", ""]
    return lines[:-1]


def _escaped(line: str) -> str:
    """A line of hand-written Markdown that can open no heading, table, fence or tag of its own."""
    line = words.clean(line).replace("<", "&lt;").replace("|", "\\|")
    bare = line.lstrip(" ")
    if bare.startswith(("#", "```", "~~~", "===", "---")):
        line = line[: len(line) - len(bare)] + "\\" + bare
    return line


def _indented(value: Any) -> str:
    nested = isinstance(value, Mapping | list | tuple)
    return ("\n  " if nested else "") + prose(value).replace("\n", "\n  ")


def prose(value: Any) -> str:
    """A hand-written part as Markdown: text as it is, lists and mappings as bullets."""
    if value is None or value == "" or value == [] or value == {}:
        return NOT_STATED
    if isinstance(value, Mapping):
        return "\n".join(f"- **{_cell(key)}**: {_indented(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return "\n".join(f"- {_indented(part)}" for part in value)
    return "\n".join(_escaped(line) for line in str(value).strip().splitlines()) or NOT_STATED


def _task(card: Mapping[str, Any], measures: set[str]) -> str:
    return str(card.get("task") or ("tabular-regression" if measures & _REGRESSION else "tabular-classification"))


def model_index(name: str, card: Mapping[str, Any], findings: Mapping[str, Sequence[Finding]]) -> list[dict[str, Any]]:
    """Hugging Face's ``model-index``: the performance over all rows, at full precision."""
    whole = [f for f in findings.get("performance", ()) if f.value is not None and not f.by and not f.over]
    if not whole:
        return []
    metrics = [{"type": f.measure, "name": f.measure, "value": f.value} for f in whole]
    task = {"type": _task(card, {f.measure for f in whole})}
    dataset = {"type": "evaluation", "name": str(card.get("evaluation_name") or "held-out evaluation set")}
    return [{"name": name, "results": [{"task": task, "dataset": dataset, "metrics": metrics}]}]


def _front_matter(name: str, card: Mapping[str, Any], findings: Mapping[str, Sequence[Finding]]) -> list[str]:
    tags = card.get("tags") or ()
    matter: dict[str, Any] = {"license": card.get("license") or "unknown"}
    matter |= {key: card[key] for key in ("language", "library_name", "base_model") if card.get(key)}
    matter["tags"] = list(dict.fromkeys([*map(str, [tags] if isinstance(tags, str) else tags), "aims-gates"]))
    index = model_index(name, card, findings)
    if index:
        matter["model-index"] = index
    # A JSON value is a YAML value: no quoting rule of YAML can be got wrong.
    return ["---", *(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in matter.items()), "---"]


def _details(
    card: Mapping[str, Any], system: Mapping[str, Any], version: str, subject: str | None, at: datetime | None
) -> list[str]:
    facts = [
        ("Developed by", prose(card.get("developers"))),
        ("Model type", prose(card.get("model_type"))),
        ("License", prose(card.get("license"))),
        ("Version", _cell(version)),
        ("System", _cell(system.get("title") or system.get("name") or "")),
        ("Risk tier", _cell(system.get("tier") or "")),
        ("Owner", _cell(system.get("owner") or "")),
        ("Purpose", prose(system["purpose"]).replace("\n", " ") if system.get("purpose") else ""),
        ("Subject", f"`{subject}`" if subject else ""),
        ("Card rendered", at.date().isoformat() if at else ""),
    ]
    return ["### Model Description", "", *(f"- **{name}:** {fact}" for name, fact in facts if fact)]


def _section(level: int, heading: str, *body: str) -> list[str]:
    return ["#" * level + f" {heading}", "", *(line for part in body for line in (part, ""))]


#: The sections before and after the results: level, heading, and the keys of the card that they hold.
_BEFORE_RESULTS: Sequence[tuple[int, str, tuple[str, ...]]] = (
    (2, "Uses", ()),
    (3, "Direct Use", ("intended_use",)),
    (3, "Downstream Use", ("downstream_use",)),
    (3, "Out-of-Scope Use", ("out_of_scope_use",)),
    (2, "Bias, Risks, and Limitations", ("risks", "limitations")),
    (3, "Recommendations", ("recommendations",)),
    (2, "Training Details", ()),
    (3, "Training Data", ("training_data",)),
    (3, "Training Procedure", ("training_procedure",)),
    (2, "Evaluation", ()),
    (3, "Testing Data, Factors & Metrics", ()),
    (4, "Testing Data", ("evaluation_data",)),
    (4, "Factors", ("factors",)),
    (4, "Metrics", ("metrics",)),
)
_AFTER_RESULTS: Sequence[tuple[int, str, tuple[str, ...]]] = (
    (2, "Environmental Impact", ("environment",)),
    (2, "Technical Specifications", ("technical",)),
    (2, "Citation", ("citation",)),
    (2, "How to Contest a Decision", ("contest",)),
    (2, "Model Card Contact", ("contact",)),
)


def render_card(
    card: Mapping[str, Any],
    system: Mapping[str, Any],
    findings: Mapping[str, Sequence[Finding]],
    *,
    name: str = "",
    version: str = "",
    subject: str | None = None,
    at: datetime | None = None,
    smallest: int = 5,
) -> str:
    """The model card as Markdown. Pure: the same input gives the same bytes.

    Args:
        card: The card record, keys as in :data:`FIELDS` (also ``name``, ``language``, ``tags``, ``task``,
            ``library_name``, ``base_model``, ``evaluation_name``).
        system: The system's record.
        findings: What the other gates found, by gate id.
        name, version: The registered model's; ``card["name"]`` or the system's name stand in.
        subject: Digest of the model's folder.
        at: When it is rendered.
        smallest: Groups with fewer rows are withheld.
    """
    title = name or str(card.get("name") or system.get("title") or system.get("name") or "model")
    measured_parts = measured(findings)
    lines = [
        *_front_matter(title, card, measured_parts),
        "",
        *_section(1, f"Model Card for {_cell(title)}", prose(card.get("summary"))),
        *_section(2, "Model Details"),
        *_details(card, system, version, subject, at),
        "",
        *_sections(_BEFORE_RESULTS, card),
        *_section(3, "Results", "\n".join(_results(measured_parts, smallest))),
        *_sections(_AFTER_RESULTS, card),
    ]
    return "\n".join(lines).rstrip() + "\n"


def _sections(headings: Sequence[tuple[int, str, tuple[str, ...]]], card: Mapping[str, Any]) -> Iterator[str]:
    for level, heading, keys in headings:
        yield from _section(level, heading, *(prose(card.get(key)) for key in keys))


def without_front_matter(markdown: str) -> str:
    """What a reader of the card sees: front matter is for programs, and Markdown makes a heading of it."""
    body = markdown.partition("\n---\n")[2] if markdown.startswith("---\n") else ""
    return body.lstrip("\n") or markdown


def card_html(markdown: str, title: str = "Model card") -> str:
    """The card as one self-contained page in the reports' style; raw HTML and pictures in it stay text."""
    from markdown_it import MarkdownIt
    from markupsafe import Markup

    from aims_gates.reports.html import page

    reader = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    return page("card.html", {"title": title, "body": Markup(reader.render(without_front_matter(markdown)))})
