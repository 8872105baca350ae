"""``aims-gates report bias-audit``: the summary of results that New York City asks an employer to publish."""

import json
from pathlib import Path

import click

from aims_gates.cli.options import settings_options
from aims_gates.cli.report_pages import of_version
from aims_gates.documents.canonical import plain
from aims_gates.documents.files import write_whole
from aims_gates.errors import InputError
from aims_gates.reports.pages import render_page
from aims_gates.reports.pages.bias_audit import Summary, page, summary
from aims_gates.settings import Settings

__all__ = ["bias_audit"]

_FORMATS = ("md", "html", "docx", "json")
_SUFFIXES = {".md": "md", ".html": "html", ".htm": "html", ".docx": "docx", ".json": "json"}


@click.command("bias-audit")
@click.argument("name")
@click.argument("version")
@click.option("--format", "how", type=click.Choice(_FORMATS), help="Default: by --out, else md. docx needs --out.")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Write it there, not on standard output.")
@settings_options
def bias_audit(name: str, version: str, how: str | None, out: Path | None, settings: Settings) -> None:
    """The summary of a bias audit that New York City's Local Law 144 asks an employer to publish.

    Date of the audit, first use of the tool, source of the data, people of unknown category, and for sex, race and
    ethnicity, and both together: number of people, selection or scoring rate, impact ratio (6 RCNY 5-300 to 5-304).

    \b
      aims-gates report bias-audit screening 3 --out bias-audit.html

    Numbers come from fairness evidence that counts; dates, source and reasons from the record system/bias_audit, and
    are marked declared. What is missing is named, and nothing is written. The rules ask for every category, small ones
    too: look at it before it is public. json has the numbers in full. No verdict is given, and it is no legal advice.
    """
    how = how or _SUFFIXES.get(out.suffix.lower() if out else "", "md")
    if how == "docx" and out is None:
        raise InputError("a Word document does not fit on standard output", remedy="Name a file: --out FILE.docx")
    content = _render(summary(of_version(settings, name, version)), how)
    if out is None:
        click.echo(content.decode().rstrip("\n"))
    else:
        click.echo(f"wrote {write_whole(out, content, parents=True)}", err=True)


def _render(result: Summary, how: str) -> bytes:
    if how == "json":
        return (json.dumps(plain(result), indent=1, ensure_ascii=False) + "\n").encode()
    if how == "docx":
        from aims_gates.reports.pages.word import render_docx

        return render_docx(page(result))
    return render_page(page(result), how).encode()
