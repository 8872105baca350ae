"""The crosswalk: where other frameworks ask for what a control asks for. Informative, and our own mapping.

It can be read both ways: from a control to places in a framework, and from a place to the controls.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from aims_gates.errors import InputError
from aims_gates.governance.controls import catalogue, control, order

__all__ = ["FRAMEWORKS", "Framework", "Link", "by_place", "framework_of", "links", "place_order"]


@dataclass(frozen=True)
class Framework:
    """A framework that the crosswalk leads to.

    Attributes:
        id: As the command line names it.
        key: As the catalogue names it.
        title: What it is.
        sample: A place in it, for messages.
    """

    id: str
    key: str
    title: str
    sample: str


#: By id.
FRAMEWORKS: Mapping[str, Framework] = MappingProxyType(
    {
        framework.id: framework
        for framework in (
            Framework("eu-ai-act", "eu_ai_act", "Regulation (EU) 2024/1689 (AI Act), articles", "14 or 10(2)"),
            Framework(
                "nist-ai-rmf", "nist_ai_rmf", "NIST AI Risk Management Framework 1.0, subcategories", "MEASURE 2"
            ),
            Framework("iso-27001", "iso27001_2022", "ISO/IEC 27001:2022, Annex A and clauses", "A.5.19 or 5.19"),
        )
    }
)
_PREFIX = re.compile(r"^(art(icle|\.)?|annex)\s*", re.IGNORECASE)


@dataclass(frozen=True)
class Link:
    """One control and one place of one framework."""

    framework: str
    place: str
    control: str
    title: str


def framework_of(name: str) -> Framework:
    """The framework of this name, as an option, a heading, a column or the catalogue writes it.

    Raises:
        InputError: there is none.
    """
    plain = _letters(name)
    for framework in FRAMEWORKS.values():
        if plain in {_letters(framework.id), _letters(framework.key)}:
            return framework
    raise InputError(f"there is no framework {name!r}", remedy=f"Choose from: {', '.join(FRAMEWORKS)}.")


def _letters(name: str) -> str:
    return re.sub(r"[\W_]", "", name.casefold())


def links(framework: str | None = None, *, control_id: str | None = None, place: str | None = None) -> tuple[Link, ...]:
    """Every link, by control and then by place.

    Args:
        framework: The only framework to look at, as :func:`framework_of` reads it.
        control_id: The only control to look at; its title may follow.
        place: A place, or the beginning of one: ``14`` finds 14(1) and not 140, ``MEASURE 2`` finds MEASURE 2.1.
            Several stand beside each other with commas.

    Raises:
        InputError: there is no such framework or control, or nothing is mapped to this place.
    """
    chosen = [framework_of(framework)] if framework is not None else list(FRAMEWORKS.values())
    controls = [control(control_id.partition(" ")[0])] if control_id is not None else list(catalogue().values())
    outer = [part.strip() for part in place.split(",")] if place is not None else []
    links_found = tuple(
        Link(framework.id, where, entry.id, entry.title)
        for entry in controls
        for framework in chosen
        for where in entry.crosswalk[framework.key]
        if place is None or any(_within(where, part) for part in outer)
    )
    if not links_found and place is not None:
        samples = "; ".join(f"{framework.id}: {framework.sample}" for framework in chosen)
        remedy = f"Write a place as the framework does ({samples}), or leave the filter out to see all."
        raise InputError(f"the crosswalk maps no control to {place!r}", remedy=remedy)
    return links_found


def _within(place: str, outer: str) -> bool:
    """Whether a place is the wanted one or lies in it."""
    have, want = (_PREFIX.sub("", name.strip()).casefold().removeprefix("a.") for name in (place, outer))
    return have == want or (have.startswith(want) and not have[len(want)].isalnum())


def place_order(place: str) -> tuple[tuple[int, int, str], ...]:
    """Sorts places as people count: ``9`` before ``10(2)``, ``A.5.9`` before ``A.5.19``."""
    parts = re.findall(r"\d+|[^\W\d]+", place)
    return tuple((1, int(part), "") if part.isdecimal() else (0, 0, part) for part in parts)


def by_place(links: tuple[Link, ...]) -> dict[tuple[str, str], list[Link]]:
    """The links by framework and place, places as people count, controls too."""
    names = list(FRAMEWORKS)
    keys = {(link.framework, link.place) for link in links}
    ordered = sorted(keys, key=lambda key: (names.index(key[0]), place_order(key[1])))
    return {
        key: sorted((link for link in links if (link.framework, link.place) == key), key=lambda e: order(e.control))
        for key in ordered
    }
