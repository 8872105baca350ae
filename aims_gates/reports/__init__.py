"""Reports: one module per format, and the table of them.

A format is a module with ``render(report: Report) -> str``; a new one is a module and a line below.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from aims_gates.documents.files import write_whole
from aims_gates.errors import InputError
from aims_gates.reports.view import GateRun, Report

__all__ = ["FORMATS", "GateRun", "Report", "ReportTarget", "parse_target", "put", "render", "save"]

#: Name -> module, imported when first used.
FORMATS: Mapping[str, str] = {
    "html": "aims_gates.reports.html",
    "json": "aims_gates.reports.json",
    "junit": "aims_gates.reports.junit",
    "text": "aims_gates.reports.text",
}


class ReportTarget(NamedTuple):
    """One ``--report FORMAT:FILE``."""

    format: str
    path: Path


def parse_target(text: str) -> ReportTarget:
    """Read ``html:out.html``.

    Raises:
        InputError: there is no such format, or no file is named.
    """
    name, colon, path = text.partition(":")
    known = ", ".join(FORMATS)
    if name not in FORMATS:
        raise InputError(f"there is no report format {name!r}", where="--report", remedy=f"Choose from: {known}.")
    if not colon or not path.strip():
        remedy = f"Write the format and a file, for example --report {name}:report.{name}."
        raise InputError(f"{text!r} names no file", where="--report", remedy=remedy)
    return ReportTarget(name, Path(path))


def render(name: str, report: Report) -> str:
    """The report in this format.

    Raises:
        InputError: there is no such format.
    """
    if name not in FORMATS:
        remedy = f"Choose from: {', '.join(FORMATS)}."
        raise InputError(f"there is no report format {name!r}", where="--report", remedy=remedy)
    text: str = import_module(FORMATS[name]).render(report)
    return text


def save(report: Report, target: ReportTarget) -> Path:
    """Write the report to its file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    return put(render(target.format, report), target.path)


def put(text: str, path: Path) -> Path:
    """Write a text to a file, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    return write_whole(path, text, parents=True, remedy="Name a file in a folder you may write to.")
