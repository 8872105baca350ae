"""Every route that an application has: native ones, those of routers within it, and Flask's where it is mounted."""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

__all__ = ["ANY", "Route", "pattern", "regex", "walk"]

#: The method of what takes them all.
ANY = "ANY"
_FLASK = re.compile(r"<(?:(?P<kind>[a-zA-Z_]\w*)(?:\([^)]*\))?:)?\w+>")
_PARAMETER = re.compile(r"\{[^{}:]*(:path)?[^{}]*\}")


class Route(NamedTuple):
    """One method and one path.

    Attributes:
        method: Upper case; :data:`ANY`, or ``WEBSOCKET``.
        path: With ``{}`` for one part of it and ``{:path}`` for the rest.
    """

    method: str
    path: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def pattern(path: str) -> str:
    """A native route's path without the names of its parameters."""
    return _PARAMETER.sub(lambda match: "{:path}" if match[1] else "{}", path)


@cache
def regex(path: str) -> re.Pattern[str]:
    """What matches the paths that a pattern stands for; to be used with ``fullmatch``."""
    parts = re.split(r"(\{\}|\{:path\})", path)
    known = {"{}": "[^/]+", "{:path}": ".+"}
    return re.compile("".join(known.get(part, re.escape(part)) for part in parts), re.DOTALL)


def walk(app: Any) -> Iterator[Route]:
    """Every route of an ASGI application of Starlette's or FastAPI's."""
    yield from _native(app.router, "")


def _native(router: Any, prefix: str) -> Iterator[Route]:
    for route in (*router.routes, *getattr(router, "_low_priority_routes", ())):
        yield from _one(route, prefix)


def _one(route: Any, prefix: str) -> Iterator[Route]:
    place = prefix + (getattr(route, "path", None) or "")
    if hasattr(route, "original_router"):  # FastAPI keeps a router that was included, with the prefix beside it
        yield from _native(route.original_router, prefix + route.include_context.prefix)
    elif getattr(route, "methods", None):
        yield from _methods(route.methods, pattern(place))
    elif hasattr(route, "methods") or "WebSocket" in type(route).__name__:
        yield Route("WEBSOCKET" if "WebSocket" in type(route).__name__ else ANY, pattern(place))
    elif getattr(route, "routes", None):
        for inner in route.routes:
            yield from _one(inner, place)
    else:
        yield from _mounted(getattr(route, "app", None), place)


def _mounted(app: Any, place: str) -> Iterator[Route]:
    """An application in the application: Flask's, behind what makes it ASGI; of any other nothing is known."""
    rules = getattr(getattr(app, "app", None), "url_map", None)
    if rules is None:
        yield Route(ANY, pattern(f"{place}/{{rest:path}}"))
        return
    for rule in rules.iter_rules():
        path = _FLASK.sub(lambda match: "{:path}" if match["kind"] == "path" else "{}", rule.rule)
        yield from _methods(rule.methods, pattern(place + path))


def _methods(methods: Iterable[str] | None, path: str) -> Iterator[Route]:
    """One for each method; HEAD and OPTIONS only where there is nothing else."""
    every = set(methods or (ANY,))
    yield from (Route(method, path) for method in sorted(every - {"HEAD", "OPTIONS"} or every))
