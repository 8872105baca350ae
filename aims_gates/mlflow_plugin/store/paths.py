"""Paths in artifact stores, as they are compared; and which of them lie in a released copy."""

import os
import posixpath
import urllib.parse

from aims_gates.documents.canonical import is_digest
from aims_gates.mlflow_plugin.store.governed_names import folded
from aims_gates.mlflow_plugin.store.locations import RELEASED, local_path, proxied_root

__all__ = ["beneath", "forms", "kept_here", "released_digest"]


def forms(root: str, path: str = "") -> frozenset[str]:
    """A place in an artifact store, as it is compared: links followed, dots resolved, letter case folded.

    Args:
        root: The store's address.
        path: Within it; taken as it stands and, another form, with every escape undone.
    """
    plain = _plain(path)
    folder = local_path(_under_proxy(root))
    paths = set()
    for name in {path, plain}:
        if folder is not None:
            place = os.path.realpath(folder / name.lstrip("/"))
        else:
            address, _, _ = root.partition("?")
            scheme, _, rest = address.partition("://")
            place = f"{scheme.lower()}://{posixpath.normpath(posixpath.join(rest, name.lstrip('/')))}"
        paths.add(folded(place.replace("\\", "/")))
    return frozenset(paths)


def _plain(path: str) -> str:
    """With every escape undone."""
    while (unquoted := urllib.parse.unquote(path)) != path:
        path = unquoted
    return path


def _under_proxy(root: str) -> str:
    """The server's own folder or bucket behind ``mlflow-artifacts:/...``."""
    parsed = urllib.parse.urlparse(root)
    destination = proxied_root()
    if parsed.scheme != "mlflow-artifacts" or destination is None:
        return root
    return posixpath.join(destination, parsed.path.lstrip("/"))


def released_digest(places: frozenset[str]) -> str | None:
    """The digest of the released copy that a place lies in; empty where it is in the released root but in no copy."""
    for place in places:
        parts = place.split("/")
        if RELEASED in parts:
            following = parts[parts.index(RELEASED) + 1 :]
            digest = f"sha256:{following[0]}" if following else ""
            return digest if is_digest(digest) else ""
    return None


def beneath(place: str, root: str) -> bool:
    """Whether a form of a place is a root's, or lies in it."""
    return place == root or place.startswith(f"{root.rstrip('/')}/")


def kept_here(address: str) -> bool:
    """Whether an address names, in any spelling, a released copy or what is served as ``mlflow-artifacts:``."""
    places = forms(address) | forms(_plain(address))
    destination = proxied_root()
    roots = forms(destination) if destination else frozenset()
    return released_digest(places) is not None or any(beneath(place, root) for place in places for root in roots)
