"""Profiles read: found by name or file, parents merged in, overlays laid over, checked."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from aims_gates.documents.shell import quoted
from aims_gates.documents.strict_yaml import Document, parse, read
from aims_gates.errors import InputError, PackError, ProfileError
from aims_gates.packs.find import find_profile
from aims_gates.packs.gate import Gate
from aims_gates.profiles.layers import Layered, laid_over, merged, weakened, weakened_in
from aims_gates.profiles.lint import lint
from aims_gates.profiles.schema import Profile, Resolved

__all__ = ["OVER", "open_profile", "problems_of", "read_profile"]

#: Between a profile and what is laid over it: ``limited+gpai-user``.
OVER = "+"
_OVERLAY_SETS = {
    "id",
    "title",
    "tier",
    "summary",
    "leaves_out",
    "extends",
    "controls",
    "gates",
    "approvals",
    "isolation",
    "schemas",
}


def _content(name: str, packs: list[Path], lineage: tuple[str, ...]) -> Document:
    """The document of a name with everything under it merged in."""
    first, *overlays = name.split(OVER)
    document = find_profile(first, packs)
    inherited = _inherited(document, first, packs, lineage)
    for overlay in overlays:
        inherited = _laid_over(inherited, _content(overlay, packs, lineage))
    return replace(inherited, value={**inherited.value, "id": name}) if overlays else inherited


def _laid_over(base: Document, overlay: Document) -> Document:
    """An overlay over a profile.

    Raises:
        ProfileError: one of them is malformed, or no overlay, or an overlay where a profile must stand.
    """
    below, over = _parsed(base), _parsed(overlay)
    if over.tier != "any":
        remedy = "Lay only profiles of tier any over others: aims-gates profile list"
        raise ProfileError(f"{over.id!r} is no overlay", where=overlay.place(("tier",)), remedy=remedy)
    if below.tier == "any":
        remedy = f"Name a profile of a tier first, e.g. high{OVER}{below.id}{OVER}{over.id}."
        raise ProfileError(f"{below.id!r} is an overlay itself", where=base.place(("tier",)), remedy=remedy)
    content = laid_over(base.value, overlay.value)
    return Layered(content, base.where, base.lines, overlay, weakened_in(base, overlay))


def _inherited(document: Document, name: str, packs: list[Path], lineage: tuple[str, ...]) -> Document:
    if not isinstance(document.value, dict):
        raise ProfileError(
            "a profile is a mapping", where=document.where, remedy="See the shape: aims-gates schema profile"
        )
    parent = document.value.get("extends")
    if parent is None:
        return document
    if parent in (*lineage, name):
        chain = " -> ".join((*lineage, name, parent))
        place = document.place(("extends",))
        raise ProfileError(f"the profile extends itself: {chain}", where=place, remedy="Remove one 'extends'.")
    try:
        base = _content(str(parent), packs, (*lineage, name))
    except PackError as error:
        if error.where is not None:
            raise
        raise ProfileError(
            f"extends: {error.message}", where=document.place(("extends",)), remedy=error.remedy
        ) from error
    weaker = (*weakened_in(base), *weakened(base.value, document))
    return Layered(merged(base.value, document.value), document.where, document.lines, base, weaker)


def _parsed(document: Document) -> Profile:
    try:
        profile = parse(Profile, document)
    except InputError as error:
        raise ProfileError(error.message, where=error.where, remedy=error.remedy) from error
    strange = sorted(set(document.value) - _OVERLAY_SETS) if profile.tier == "any" else []
    if strange:
        remedy = f"Leave it to the profile; an overlay sets {', '.join(sorted(_OVERLAY_SETS))}."
        raise ProfileError(f"an overlay cannot set {strange[0]}", where=document.place((strange[0],)), remedy=remedy)
    return profile


def open_profile(place: str, packs: Iterable[Path] = ()) -> tuple[Profile, Document]:
    """A profile by its id, or by the file that holds it, parents merged in; checked for its shape alone.

    Args:
        place: An id, ids joined by ``+`` (overlays laid over a profile), or a YAML file.
        packs: Where else to look.

    Raises:
        PackError: there is no such profile.
        InputError: the file cannot be read.
        ProfileError: naming file, line, field and remedy.
    """
    path = Path(place)
    if path.suffix not in (".yaml", ".yml"):
        return _shaped(place, packs)
    document = _inherited(read(path), place, list(packs), ())
    return _parsed(document), document


def _shaped(name: str, packs: Iterable[Path]) -> tuple[Profile, Document]:
    document = _content(name, list(packs), ())
    profile = _parsed(document)
    if profile.id != name:
        raise ProfileError(
            f"id {profile.id!r} differs from the file's name", where=document.place(("id",)), remedy="Make them equal."
        )
    return profile, document


def problems_of(name: str, gates: Mapping[str, Gate], packs: Iterable[Path] = ()) -> list[ProfileError]:
    """Everything wrong with a profile; where its shape is wrong, the first thing.

    Raises:
        PackError: there is no such profile.
    """
    try:
        profile, document = _shaped(name, packs)
    except ProfileError as error:
        return [error]
    return lint(profile, gates, document)


def read_profile(name: str, gates: Mapping[str, Gate], packs: Iterable[Path] = ()) -> Resolved:
    """Read, merge and check a profile.

    Args:
        name: Profile id; overlays follow after ``+``.
        gates: The gates there are.
        packs: Where else to look for it.

    Raises:
        PackError: there is no such profile.
        ProfileError: naming file, line, field and remedy.
    """
    profile, document = _shaped(name, packs)
    problems = lint(profile, gates, document)
    if problems:
        more = (
            f" (and {len(problems) - 1} more; see: aims-gates profile lint {quoted(name)})" if len(problems) > 1 else ""
        )
        raise ProfileError(problems[0].message + more, where=problems[0].where, remedy=problems[0].remedy)
    return Resolved(profile, profile.digest, document)
