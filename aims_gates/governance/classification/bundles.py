"""Rule bundles: questions, rules, dates and duties as data, pinned by the digest of what they resolve to.

A bundle may extend another: lists whose entries have an ``id`` merge by it, mappings by key, and other lists are
replaced, so an amendment's file holds the amendment alone.
"""

from functools import cache
from importlib.resources import files
from typing import Any

from aims_gates.documents.canonical import digest
from aims_gates.documents.strict_yaml import Document, parse, read_yaml
from aims_gates.errors import InputError
from aims_gates.governance.classification.schema import Bundle

__all__ = ["DEFAULT", "bundle", "bundle_names", "resolved"]

#: The bundle of a questionnaire that names none.
DEFAULT = "eu-2026-1744-r3"


def _named(item: Any) -> bool:
    return isinstance(item, dict) and "id" in item


def _merge(base: Any, top: Any) -> Any:
    if isinstance(base, dict) and isinstance(top, dict):
        return base | {key: _merge(base[key], value) if key in base else value for key, value in top.items()}
    if isinstance(base, list) and isinstance(top, list) and all(_named(item) for item in [*base, *top]):
        rows = {entry["id"]: entry for entry in base}
        for overlaid in top:
            rows[overlaid["id"]] = overlaid
        return list(rows.values())
    return top


def _renamed(value: Any) -> Any:
    """``from`` as ``from_``: the one key of a bundle that Python keeps for itself."""
    if isinstance(value, dict):
        return {"from_" if key == "from" else key: _renamed(element) for key, element in value.items()}
    return [_renamed(element) for element in value] if isinstance(value, list) else value


def _document(name: str) -> Document:
    source = files(__name__.rpartition(".")[0]).joinpath(f"{name}.yaml")
    return read_yaml(source.read_bytes(), str(source))


def resolved(name: str) -> dict[str, Any]:
    """A shipped bundle as plain data, what it extends merged in."""
    value: dict[str, Any] = _document(name).value
    return _merge(resolved(value["extends"]), value) if "extends" in value else value


@cache
def _load(name: str) -> Bundle:
    value = resolved(name)
    pinned = digest(value)
    return parse(Bundle, Document({**_renamed(value), "sha256": pinned}, f"{name}.yaml"))


@cache
def bundle_names() -> tuple[str, ...]:
    """The shipped bundles, by id."""
    folder = files(__name__.rpartition(".")[0])
    return tuple(sorted(path.name.removesuffix(".yaml") for path in folder.iterdir() if path.name.endswith(".yaml")))


def bundle(name: str = DEFAULT) -> Bundle:
    """A shipped bundle by its id, or by a beginning of it that fits no other.

    Raises:
        InputError: there is none, or several begin so.
    """
    names = [bundle_name for bundle_name in bundle_names() if bundle_name == name] or [
        bundle_name for bundle_name in bundle_names() if name and bundle_name.startswith(name)
    ]
    if len(names) != 1:
        message = "several bundles begin with" if names else "there is no bundle"
        raise InputError(f"{message} {name!r}", remedy=f"Choose from: {', '.join(names or bundle_names())}.")
    return _load(names[0])
