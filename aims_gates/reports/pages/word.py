"""A page as a Word document (DOCX), by python-docx: headings, paragraphs, lists and tables that Word can navigate."""

import io
from typing import Any

from aims_gates.errors import InputError
from aims_gates.reports.format import clean
from aims_gates.reports.pages.form import Page, Section

__all__ = ["render_docx"]

#: From so many columns on, a page is laid across.
_MANY_COLUMNS = 6


def render_docx(page: Page) -> bytes:
    """The page as the bytes of a DOCX; whatever a record says in it is text.

    Raises:
        InputError: python-docx is not installed.
    """
    try:
        import docx
    except ImportError as error:
        remedy = "Install it: pip install 'aims-gates[docx]'; or write HTML: --html FILE"
        raise InputError("a Word document needs python-docx, which is not installed", remedy=remedy) from error
    document = docx.Document()
    document.core_properties.title, document.core_properties.author = _text(page.title)[:255], "aims-gates"
    document.core_properties.comments = ""
    _lay_out(document, wide=any(len(part.columns) >= _MANY_COLUMNS for part in page.sections))
    document.add_heading(_text(page.title), level=0)
    for name, value in page.facts.items():
        if value:
            line = document.add_paragraph()
            line.add_run(f"{_text(name)}: ").bold = True
            line.add_run(_text(value))
    for part in page.sections:
        _add(document, part)
    for note in page.notes:
        document.add_paragraph().add_run(_text(note)).italic = True
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def _lay_out(document: Any, *, wide: bool) -> None:
    """A4, upright or across, with margins that leave tables room."""
    from docx.enum.section import WD_ORIENT
    from docx.shared import Mm, Pt

    sheet = document.sections[0]
    sheet.orientation = WD_ORIENT.LANDSCAPE if wide else WD_ORIENT.PORTRAIT
    sheet.page_width, sheet.page_height = (Mm(297), Mm(210)) if wide else (Mm(210), Mm(297))
    sheet.left_margin = sheet.right_margin = sheet.top_margin = sheet.bottom_margin = Mm(18)
    document.styles["Normal"].font.size = Pt(10)


def _add(document: Any, part: Section) -> None:
    document.add_heading(_text(part.heading), level=1)
    for text in part.text:
        document.add_paragraph(_text(text))
    for point in part.points:
        document.add_paragraph(_text(point), style="List Bullet")
    if part.rows:
        _add_table(document, part)


def _add_table(document: Any, part: Section) -> None:
    """A table whose first row is repeated on every page."""
    from docx.oxml import OxmlElement
    from docx.shared import Pt

    table = document.add_table(rows=0, cols=len(part.columns))
    table.style = "Table Grid"
    for place, values in enumerate((part.columns, *part.rows)):
        for cell, value in zip(table.add_row().cells, values, strict=True):
            run = cell.paragraphs[0].add_run(_text(value))
            run.font.size, run.bold = Pt(8), place == 0
    table.rows[0]._tr.get_or_add_trPr().append(OxmlElement("w:tblHeader"))
    document.add_paragraph()


def _text(value: object) -> str:
    """One line without control characters, which XML forbids."""
    return " ".join(clean(value).split())
