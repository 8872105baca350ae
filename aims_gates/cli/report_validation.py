"""``aims-gates report validation``: the model validation report that a bank's or a hospital's validator files."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import click

from aims_gates.cli.options import as_json, settings_options
from aims_gates.cli.report_pages import of_version
from aims_gates.documents.canonical import plain
from aims_gates.documents.files import write_whole
from aims_gates.errors import InputError
from aims_gates.reports.pages import Page, render_page
from aims_gates.reports.pages.validation import Background, GatePage, page
from aims_gates.settings import Settings

__all__ = ["validation"]

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command("validation")
@click.argument("name")
@click.argument("version")
@click.option("--html", type=_FILE, help="Write it there as one HTML page: nothing loaded, light and dark, prints.")
@click.option("--docx", type=_FILE, help="Write it there as a Word document; needs the extra: aims-gates[docx].")
@click.option("--force", is_flag=True, help="Write over files that are there.")
@settings_options
@as_json
def validation(
    name: str, version: str, html: Path | None, docx: Path | None, force: bool, settings: Settings, json_: bool
) -> None:
    """The model validation report of a version, made from what is signed about it.

    Scope, data, methods with their sources, findings with intervals against limits (failed first), limitations,
    conditions, what was tried before, sign-off with lines for whoever has not signed, and every digest in full.
    Without --html, --docx or --json it is printed as Markdown.

    \b
      aims-gates report validation pumps 2 --html validation.html --docx validation.docx

    A version that was refused has a report too: it says what stands against it. What is missing is named among the
    limitations. Numbers come from evidence that counts alone. The report is not signed: whoever files it signs it.
    """
    targets = _targets(html, docx, force=force)
    document = page(of_version(settings, name, version), _background(settings, name, version))
    contents = [(path, render(document)) for path, render in targets]
    for path, content in contents:
        click.echo(f"wrote {write_whole(path, content, parents=True)}", err=True)
    if json_:
        words = replace(document, sections=tuple(replace(part, charts=()) for part in document.sections))
        click.echo(json.dumps(plain(words), indent=1, ensure_ascii=False))
    elif not targets:
        click.echo(render_page(document, "md").rstrip("\n"))


def _targets(html: Path | None, docx: Path | None, *, force: bool) -> list[tuple[Path, Callable[[Page], bytes]]]:
    """What to write where, looked at before anything is made.

    Raises:
        InputError: a file is there, or both are one.
    """
    named: list[tuple[Path, Callable[[Page], bytes]]] = [
        (path, render) for path, render in ((html, _html), (docx, _docx)) if path is not None
    ]
    if html is not None and docx is not None and html.resolve() == docx.resolve():
        raise InputError("--html and --docx name one file", where=str(html), remedy="Name two.")
    there = [str(path) for path, _ in named if path.exists() and not force]
    if there:
        raise InputError("there is a file already", where=", ".join(there), remedy="Name another, or add --force.")
    return named


def _html(document: Page) -> bytes:
    return render_page(document, "html").encode()


def _docx(document: Page) -> bytes:
    from aims_gates.reports.pages.word import render_docx

    return render_docx(document)


def _background(settings: Settings, name: str, version: str) -> Background:
    """The gates at hand, and what was tried on the name's versions."""
    from aims_gates.ledger.connect import open_ledger
    from aims_gates.ledger.registry_acts import statements
    from aims_gates.model import ModelRef
    from aims_gates.packs.find import find_gates
    from aims_gates.workflow.requests import tried

    with open_ledger(settings.need_registry()) as connection:
        binding = statements(connection, settings.workspace, name).binding()
        evaluation = binding.predicate.plan.evaluation_digest if binding is not None else None
        attempts = tried(connection, ModelRef(settings.workspace, name, version), evaluation)
    guides = {
        gate.id: GatePage(gate.digest, gate.manifest.summary, gate.files.get("reading.md", b"").decode("utf-8"))
        for gate in find_gates(settings.packs).values()
    }
    return Background(guides, attempts.lines())
