"""The model card: rendered last, from what the other gates found and what its authors wrote.

The format, and the comparison of numbers with findings, are :mod:`aims_gates.reports.card`.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from aims_gates import Case, DataError, Finding, InputError, MissingDataError, card
from aims_gates.gatekit import holds

from .placeholders import empty_parts

__all__ = ["run"]

_MOST_BYTES = 1024 * 1024
#: What a card edited by hand must still have; the sections of the required fields come on top.
_HEADINGS = ("Results",)


def _complete(section: str, field: str, problem: str | None, remedy: str) -> Finding:
    over = {"section": section, "field": field}
    return holds("section_complete", problem is None, over=over, note=problem, remedy=remedy)


def _fields(record: Mapping[str, Any]) -> Iterator[Finding]:
    """One finding for each required part, and for each optional one that is there but says nothing."""
    for field in card.FIELDS:
        if not field.required and field.name not in record:
            continue
        empty = list(empty_parts(record.get(field.name), field.name))
        remedy = f"Write {field.name!r} in the card record: {field.asks}."
        problem = None
        if field.name not in record:
            problem = f"the card record has no {field.name!r}"
        elif empty:
            problem = f"{', '.join(empty)} is empty or a placeholder"
        yield _complete(field.heading, field.name, problem, remedy)


def _results(case: Case) -> Finding:
    """A card without results under a limit tells its readers nothing they could check."""
    measured = card.measured(case.findings).values()
    judged = [finding for findings in measured for finding in findings if finding.outcome is not None]
    remedy = "Run the gates that measure the model first; the card is rendered last."
    problem = None if judged else "no other gate left a finding under a limit, so the card has no results"
    return _complete("Results", "results", problem, remedy)


def _given(case: Case, record: Mapping[str, Any]) -> str | None:
    """A card edited by hand: from the parameter, else from the record's ``text``."""
    card = case.params.get("card") or record.get("text")
    if card is None:
        return None
    text = str(card)
    if "\n" in text or not text.strip().endswith(".md"):
        return text
    path = Path(text.strip())
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise DataError(f"larger than {_MOST_BYTES} bytes", where=str(path), remedy="Name the card itself.")
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        remedy = "Name a Markdown file in UTF-8, or leave 'card' out to have it rendered."
        raise DataError(f"the card cannot be read: {error}", where=str(path), remedy=remedy) from error


def _sections(text: str) -> Iterator[Finding]:
    """Completeness of a card edited by hand."""
    try:
        license_name = card.front_matter(text).get("license")
        problem = "the license is missing or a placeholder" if list(empty_parts(license_name, "license")) else None
    except InputError as error:
        problem = error.message
    yield _complete("Front matter", "card", problem, "Give the card a front matter with a license.")
    there = card.sections(text)
    headings = [field.heading for field in card.FIELDS if field.required and field.name != "license"]
    for heading in dict.fromkeys([*headings, *_HEADINGS]):
        body = there.get(heading)
        problem = None
        if body is None:
            problem = f"the card has no section {heading!r}"
        elif heading == "Model Details":
            # Its text stands under the headings below it.
            problem = None
        elif heading != "Results" and list(empty_parts(body, heading)):
            problem = f"the section {heading!r} is empty or a placeholder"
        yield _complete(heading, "card", problem, f"Write the section {heading!r}.")


def run(case: Case) -> Iterable[Finding]:
    """Judge the card: ``section_complete`` per part, ``numbers_agree`` and one ``number_agrees`` per lie.

    Raises:
        DataError: there is no card record, or the card named by ``card`` cannot be read.
    """
    record = case.records.get("card")
    if record is None:
        remedy = "Write card.yaml beside the system's system.yaml; its fields: aims-gates gates show model_card."
        raise MissingDataError("there is no card record", where="records: card", remedy=remedy)
    yield from _fields(record)
    yield _results(case)
    text = _given(case, record)
    smallest = int(case.params.get("smallest_cell") or 0)
    if text is not None:
        broken = list(_sections(text))
        yield from broken
        if any(
            finding.over == {"section": "Front matter", "field": "card"} and finding.value == 0.0 for finding in broken
        ):
            return
    else:
        subject = case.subject
        text = card.render_card(
            record,
            case.records.get("system", {}),
            case.findings,
            name=subject.name if subject else "",
            subject=subject.digest if subject else None,
            at=case.now,
            smallest=smallest,
        )
    if case.findings or card.parse_card(text):
        yield from card.check_card(text, case.findings, smallest=smallest)
