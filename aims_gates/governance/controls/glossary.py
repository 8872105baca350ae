"""The glossary: words of the field and of this product, in our own words, under ids that never change."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field

from aims_gates.documents.strict_yaml import parse, read_yaml
from aims_gates.errors import InputError

__all__ = ["SOURCES", "Term", "glossary", "term"]

Source = Literal["22989", "42001", "ours"]
#: Where a term's name comes from.
SOURCES: Mapping[Source, str] = MappingProxyType(
    {"22989": "named in ISO/IEC 22989", "42001": "named in ISO/IEC 42001", "ours": "a word of this product"}
)


@dataclass(frozen=True)
class Term:
    """A word.

    Attributes:
        id: Stable, for links.
        term: The word.
        means: Its meaning, in our words.
        source: Where its name comes from.
    """

    id: str
    term: str
    means: str
    source: Annotated[Source, Field(alias="from")] = field()


@dataclass(frozen=True)
class _Glossary:
    terms: tuple[Term, ...]


@cache
def glossary() -> Mapping[str, Term]:
    """Every term by id, in alphabetical order of the words."""
    place = files("aims_gates.governance.controls").joinpath("glossary.yaml")
    terms = parse(_Glossary, read_yaml(place.read_bytes(), str(place))).terms
    return MappingProxyType({term.id: term for term in sorted(terms, key=lambda item: item.term.casefold())})


def term(word: str) -> Term:
    """The term of this word or id.

    Raises:
        InputError: there is none; the remedy names the nearest.
    """
    known = {name.casefold(): term for term in glossary().values() for name in (term.id, term.term)}
    if word.casefold() not in known:
        near = get_close_matches(word.casefold(), known, n=3, cutoff=0.6)
        remedy = f"Did you mean {', '.join(dict.fromkeys(known[name].term for name in near))}?" if near else ""
        raise InputError(f"the glossary has no {word!r}", remedy=remedy or "`aims-gates glossary` lists every word.")
    return known[word.casefold()]
