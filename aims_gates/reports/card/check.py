"""Does a model card, rendered or edited by hand, still say what was found?

Every row of every results table and every ``model-index`` metric is read back and compared with its finding.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

from aims_gates.documents.strict_yaml import read_yaml
from aims_gates.errors import InputError
from aims_gates.model import Finding, Limit
from aims_gates.reports.card.markdown import RESULTS, cells, measured, summary
from aims_gates.reports.format import about

__all__ = ["ResultRow", "check_card", "front_matter", "parse_card", "sections"]

_EXACTLY = Limit(">=", 1.0)
_NUMBER = re.compile(r"[+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d+)?|[+-]?\.\d+")
_HEADING = re.compile(r"(#{1,6})\s+(.*?)\s*#*$")
_REMEDY = "Render the card again instead of editing its numbers."


class ResultRow(NamedTuple):
    """One row of a results table.

    Attributes:
        gate: The heading above the table.
        cells: As written, in the order of :data:`aims_gates.reports.card.markdown.RESULTS`.
        line: Line in the card, from 1.
    """

    gate: str
    cells: tuple[str, ...]
    line: int


def _plain(cell: str) -> str:
    """A cell's text: escapes taken away, so that ``&lt;= 0.1`` and ``<= 0.1`` are one."""
    return html.unescape(re.sub(r"\\(.)", r"\1", cell)).strip("` ")


def _cells(line: str) -> tuple[str, ...]:
    """The cells of a table's line; ``\\|`` is text."""
    parts = [" ".join(part.split()) for part in re.split(r"(?<!\\)\|", line.strip())]
    # Markdown lets the first and the last bar be left out.
    return tuple(parts[not parts[0] : len(parts) - (not parts[-1])])


def parse_card(text: str) -> list[ResultRow]:
    """Every row of every results table in a card, in order.

    Below the heading "Results" the lines of any other table count as rows too, so that they are nobody's finding.
    """
    rows: list[ResultRow] = []
    gate, inside, results = "", False, 0
    for number, line in enumerate(text.splitlines(), 1):
        heading = _HEADING.match(line)
        if heading:
            level, gate, inside = len(heading[1]), heading[2].strip("`* "), False
            results = level if gate == "Results" else results if level > results else 0
        elif "|" not in line:
            inside = False
        elif _cells(line) == RESULTS:
            inside = True
        elif (inside or results) and not re.fullmatch(r"[\s|:-]+", line):
            cells = _cells(line)
            rows.append(ResultRow(gate, cells + ("",) * (len(RESULTS) - len(cells)), number))
    return rows


def front_matter(text: str) -> Mapping[str, object]:
    """The card's YAML front matter.

    Raises:
        InputError: there is none, or it cannot be read.
    """
    match = re.match(r"---\n(.*?)\n---\n", text, re.DOTALL)
    remedy = "Start the card with its front matter between two lines of ---."
    if match is None:
        raise InputError("the card has no front matter", where="card", remedy=remedy)
    value = read_yaml(match[1].encode(), "card front matter").value
    if not isinstance(value, dict):
        raise InputError("the front matter is no mapping", where="card front matter", remedy=remedy)
    return value


def sections(text: str) -> dict[str, str]:
    """Heading -> the text below it, up to the next heading of any level."""
    units: dict[str, str] = {}
    heading = ""
    for line in text.splitlines():
        match = _HEADING.match(line)
        if match:
            heading = match[2]
            units.setdefault(heading, "")
        elif heading:
            units[heading] += line + "\n"
    return units


def _agrees(written: str, value: float) -> bool:
    """Whether a number says this value: to four significant digits, and to every digit it has."""
    try:
        number = Decimal(written.replace(",", ""))
        exponent = number.as_tuple().exponent
        if not isinstance(exponent, int):
            return False
        if not number and not value:
            return True  # zeros differ in how many places they have, and Decimal would print that
        rounding = abs(number - Decimal(value)) <= Decimal(5).scaleb(exponent - 1)
        return f"{number:.3e}" == f"{Decimal(value):.3e}" and rounding
    except (InvalidOperation, ValueError, OverflowError):
        return False


def _same(written: str, rendered: str, values: Sequence[float | None]) -> bool:
    """Whether a cell says what the rendered one says, numbers compared as numbers."""
    written, rendered = _plain(written), _plain(rendered)
    if written == rendered:
        return True
    known = [value for value in values if value is not None]
    findall = _NUMBER.findall(written)
    frame = _NUMBER.sub("#", written) == _NUMBER.sub("#", rendered)
    return frame and bool(known) and len(findall) == len(known) and all(map(_agrees, findall, known))


def _differs(row: ResultRow, finding: Finding, smallest: int) -> list[str]:
    """The columns in which a row and its finding differ."""
    limit = (finding.limit.value,) if finding.limit else ()
    values: tuple[Sequence[float | None], ...] = (
        (), (), (finding.value,), (finding.low, finding.high), (finding.p_value,), (finding.n,), limit, (),
    )  # fmt: skip
    both = zip(RESULTS, row.cells, cells(finding, smallest), values, strict=False)
    return [name for name, written, rendered, known in both if not _same(written, rendered, known)]


def _said(gate: str, finding: Finding, note: str) -> Finding:
    over = {"gate": gate, "measure": finding.measure, "by": about(finding)}
    return Finding("number_agrees", 0.0, over=over, limit=_EXACTLY, outcome="fail", note=note, remedy=_REMEDY)


def _stray(row: ResultRow, note: str) -> Finding:
    over = {"gate": row.gate, "measure": row.cells[0], "by": row.cells[1]}
    return Finding("number_agrees", 0.0, over=over, limit=_EXACTLY, outcome="fail", note=note, remedy=_REMEDY)


def _rows(text: str, findings: Mapping[str, Sequence[Finding]], smallest: int) -> Iterator[Finding | None]:
    """None for each row that agrees, else what is wrong with it; then what is not there at all."""
    open_findings: dict[tuple[str, ...], list[Finding]] = {}
    for gate, some in findings.items():
        for finding in some:
            open_findings.setdefault((gate, *map(_plain, cells(finding, smallest)[:2])), []).append(finding)
    for row in parse_card(text):
        known = open_findings.get((row.gate, *map(_plain, row.cells[:2])))
        if not known:
            yield _stray(row, f"line {row.line}: no finding of {row.gate or 'any gate'} says this")
            continue
        nearest = min(known, key=lambda finding: len(_differs(row, finding, smallest)))
        wrong = _differs(row, nearest, smallest)
        known.remove(nearest)
        written = ", ".join(f"{name} {row.cells[RESULTS.index(name)] or 'empty'}" for name in wrong)
        yield _said(row.gate, nearest, f"line {row.line}: {written} differs from the finding") if wrong else None
    for (gate, *_), left in open_findings.items():
        for finding in left:
            if finding.outcome is not None:
                yield _said(gate, finding, "a finding under a limit is missing from the card")


def _index(text: str, findings: Mapping[str, Sequence[Finding]]) -> Iterator[Finding | None]:
    """The same for the metrics of ``model-index``."""
    whole = {f.measure: f for f in findings.get("performance", ()) if not f.by and not f.over}
    models = front_matter(text).get("model-index")
    for model in models if isinstance(models, list) else []:
        for result in model.get("results") or [] if isinstance(model, dict) else []:
            for metric in result.get("metrics") or [] if isinstance(result, dict) else []:
                metric_fields = metric if isinstance(metric, dict) else {}
                measure, value = str(metric_fields.get("type")), metric_fields.get("value")
                finding = whole.get(measure)
                row = ResultRow("model-index", (measure, "all rows", str(value)), 0)
                if finding is None or finding.value is None:
                    yield _stray(row, f"model-index: no finding over all rows says {measure}")
                elif not _agrees(str(value), finding.value):
                    yield _stray(row, f"model-index: {measure} {value} differs from the finding")
                else:
                    yield None


def check_card(text: str, findings: Mapping[str, Sequence[Finding]], *, smallest: int = 5) -> tuple[Finding, ...]:
    """Whether every number in a card's results is that of its finding.

    Args:
        text: The card.
        findings: What the gates found, by gate id.
        smallest: The size below which groups are withheld, as the card was rendered with.

    Returns:
        ``numbers_agree`` (the share that agrees; ``n`` is how many were compared), then one failing
        ``number_agrees`` for each number that differs, is nobody's finding, or is missing.

    Raises:
        InputError: the front matter cannot be read.
    """
    measured_parts = measured(findings)
    compared = [*_rows(text, measured_parts, smallest), *_index(text, measured_parts)]
    wrong = [finding for finding in compared if finding is not None]
    if measured_parts and summary(measured_parts) not in text:
        over = {"gate": "", "measure": "summary", "by": ""}
        note = f"the card does not say: {summary(measured_parts)}"
        wrong.append(
            Finding("number_agrees", 0.0, over=over, limit=_EXACTLY, outcome="fail", note=note, remedy=_REMEDY)
        )
        compared.append(wrong[-1])
    if not compared:
        note = "there was no number to compare"
        return (Finding("numbers_agree", n=0, limit=_EXACTLY, outcome="inconclusive", note=note),)
    share = 1 - len(wrong) / len(compared)
    outcome = _EXACTLY.verdict(share)
    return (Finding("numbers_agree", share, n=len(compared), limit=_EXACTLY, outcome=outcome), *wrong)
