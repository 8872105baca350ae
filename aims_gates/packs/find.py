"""Where packs are, and the gates and profiles in them."""

from collections.abc import Iterable
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

from aims_gates.documents.strict_yaml import Document, read
from aims_gates.errors import PackError
from aims_gates.packs.gate import Gate

__all__ = ["bundled", "find_gates", "find_profile", "installed", "profile_names"]

_HERE = Path(__file__).parents[1]


def bundled() -> Path:
    """The pack that aims-gates itself brings: in the wheel, or the checkout."""
    return next(place for place in (_HERE / "bundled", _HERE.parent) if (place / "gates").is_dir())


def installed() -> list[Path]:
    """Packs that installed distributions offer, found without importing them.

    Raises:
        PackError: a distribution offers a package that is not there.
    """
    paths: list[Path] = []
    for point in entry_points(group="aims_gates.packs"):
        top, *rest = point.module.split(".")
        spec = find_spec(top)
        places = [Path(place, *rest) for place in (spec.submodule_search_locations or () if spec else ())]
        if not any(place.is_dir() for place in places):
            name = point.dist.name if point.dist else point.name
            raise PackError(
                f"offers the pack {point.module!r}, which is not there", where=name, remedy="Install it again."
            )
        paths.extend(place for place in places if place.is_dir())
    return paths


def _roots(packs: Iterable[Path]) -> list[Path]:
    roots = [bundled(), *installed(), *packs]
    for root in roots:
        if not root.is_dir():
            raise PackError("no such pack", where=str(root), remedy="Name a folder that holds gates/ or profiles/.")
    return list(dict.fromkeys(root.resolve() for root in roots))


def find_gates(packs: Iterable[Path] = ()) -> dict[str, Gate]:
    """The gates of the bundled, the installed and these packs, by id. None shadows another.

    Raises:
        PackError: a pack is missing, or two offer a gate of the same id.
    """
    gates: dict[str, Gate] = {}
    for root in _roots(packs):
        for folder in sorted(path.parent for path in (root / "gates").glob("*/gate.yaml")):
            if folder.name in gates:
                other = gates[folder.name].folder
                raise PackError(
                    f"the gate {folder.name!r} is already in {other}", where=str(folder), remedy="Rename one."
                )
            gates[folder.name] = Gate.read(folder)
    return gates


def profile_names(packs: Iterable[Path] = ()) -> dict[str, Path]:
    """Every profile's file, by id; ``<id>.tests.yaml`` beside it holds its fixtures and is none.

    Raises:
        PackError: two packs offer a profile of the same id.
    """
    paths: dict[str, Path] = {}
    for root in _roots(packs):
        for path in sorted((root / "profiles").glob("*.yaml")):
            if path.name.endswith(".tests.yaml"):
                continue
            if path.stem in paths:
                raise PackError(
                    f"the profile {path.stem!r} is already {paths[path.stem]}", where=str(path), remedy="Rename one."
                )
            paths[path.stem] = path
    return paths


def find_profile(name: str, packs: Iterable[Path] = ()) -> Document:
    """The one profile of this id, as read.

    Raises:
        PackError: there is none; the remedy lists those there are.
    """
    known = profile_names(packs)
    if name not in known:
        raise PackError(f"there is no profile {name!r}", remedy=f"Choose from: {', '.join(sorted(known))}.")
    return read(known[name])
