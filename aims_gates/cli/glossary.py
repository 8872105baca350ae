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
        matches = find(term)
        emit(plain(matches), json_, lambda: _text(matches))
        return
    every = list(glossary().values())
    rows = [(term.term, term.source, term.means) for term in every]
    emit([plain(term) for term in every], json_, lambda: table(("TERM", "FROM", "MEANS"), rows))


def _text(term: Term) -> str:
    return f"{term.term} ({SOURCES[term.source]}; id {term.id})\n\n{term.means}"
