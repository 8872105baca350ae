"""``aims-gates glossary``: what the words mean."""

import click

from aims_gates.cli.options import as_json, emit, table
from aims_gates.documents.canonical import plain
from aims_gates.governance.controls.glossary import SOURCES, Term, glossary
from aims_gates.governance.controls.glossary import term as find

__all__ = ["command"]


@click.command()
@click.argument("term", required=False)
@as_json
def command(term: str | None, json_: bool) -> None:
    """What TERM means here, in our own words; without TERM, every word."""
    if term is not None:
        found = find(term)
        emit(plain(found), json_, lambda: _text(found))
        return
    every = list(glossary().values())
    rows = [(each.term, each.source, each.means) for each in every]
    emit([plain(each) for each in every], json_, lambda: table(("TERM", "FROM", "MEANS"), rows))


def _text(found: Term) -> str:
    return f"{found.term} ({SOURCES[found.source]}; id {found.id})\n\n{found.means}"
