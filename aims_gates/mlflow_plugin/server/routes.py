"""The list of routes that this server answers (``routes.yaml``), and which of them a request is for.

MLflow adds routes with each version, some of which run code as the server's account. So what is served is on a list:
each route that the running application has is looked up there once, at the start, and a request that matches none of
those that are served answers 404 before MLflow sees it. Paths are compared as they are routed: escapes are undone once,
and letter case, doubled and trailing slashes stay as they came.
"""

import logging
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Literal

from aims_gates.documents.strict_yaml import parse, read_yaml
from aims_gates.errors import InputError, RefusedError
from aims_gates.mlflow_plugin.internals.environment import STATIC_PREFIX_ENV_VAR
from aims_gates.mlflow_plugin.server.permissions import TABLE
from aims_gates.mlflow_plugin.server.route_table import ANY, Route, pattern, regex, walk

__all__ = ["Door", "Doors", "RouteGroup", "groups", "listed", "open_doors", "optional"]

_log = logging.getLogger(__name__)
_READS = frozenset({"GET", "HEAD", "OPTIONS"})
#: What an unknown route may not write to: the server would not be a boundary.
_GOVERNED = re.compile(r"/(registered-models|model-versions|artifacts|mlflow-artifacts)(/|$)")


@dataclass(frozen=True)
class RouteGroup:
    """Routes that are served, or not, together.

    Attributes:
        id: The name by which it is switched on.
        serve: ``always``, ``named`` (off until somebody names it) or ``never``.
        what: What it is, and why it is served or not.
        routes: ``METHOD|METHOD PATH``, as routes.yaml says.
        sign_in: False where nobody signs in.
        body: Largest body in bytes; None for the server's limit.
        per_minute: Requests a minute from one address to one worker; None for as many as come.
    """

    id: str
    serve: Literal["always", "named", "never"]
    what: str
    routes: tuple[str, ...]
    sign_in: bool = True
    body: int | None = None
    per_minute: int | None = None


@dataclass(frozen=True)
class _RoutesFile:
    groups: tuple[RouteGroup, ...]


@dataclass(frozen=True)
class Door:
    """What becomes of a request.

    Attributes:
        group: Where its route is listed; None for a route that is on no list, or that does not exist.
        served: Whether it goes on to MLflow.
    """

    group: RouteGroup | None
    served: bool

    @property
    def open(self) -> bool:
        """Whether nobody signs in for it."""
        return self.served and self.group is not None and not self.group.sign_in


@cache
def groups() -> tuple[RouteGroup, ...]:
    """The list; our own API is in it by its table of permissions.

    Raises:
        InputError: routes.yaml is malformed, or opens a route without limits of its own.
    """
    text = resources.files(__package__).joinpath("routes.yaml").read_bytes()
    route_groups = parse(_RoutesFile, read_yaml(text, "routes.yaml")).groups
    for group in route_groups:
        if not group.sign_in and (group.body is None or group.per_minute is None):
            raise InputError("needs body and per_minute", where=f"routes.yaml: {group.id}", remedy="Set both.")
    ours = tuple(f"{method} {path}" for method, path in TABLE)
    return (
        *route_groups,
        RouteGroup("aims", "always", "Our own API: statements, requests, promotion, the ledger; our own pages.", ours),
    )


def optional() -> tuple[str, ...]:
    """The names of what is off until somebody names it."""
    return tuple(group.id for group in groups() if group.serve == "named")


@cache
def listed() -> Mapping[Route, RouteGroup]:
    """Every route of the list, one method each, and the group in which it stands."""
    result: dict[Route, RouteGroup] = {}
    for group in groups():
        for line in group.routes:
            methods, _, path = line.partition(" ")
            for place in [f"/api{path[1:]}", f"/ajax-api{path[1:]}"] if path.startswith("~") else [path]:
                result |= {Route(method, pattern(place)): group for method in methods.split("|")}
    return result


def _group(route: Route) -> RouteGroup | None:
    """The group of a route of the application, which may stand behind the static prefix."""
    prefix = os.environ.get(STATIC_PREFIX_ENV_VAR, "").rstrip("/")
    paths = {route.path, route.path.removeprefix(prefix)}
    for path in paths:
        if (group := listed().get(Route(route.method, path))) is not None:
            return group
    families = ((listing, group) for listing, group in listed().items() if listing.method == ANY)
    return next((group for listing, group in families if any(regex(listing.path).fullmatch(p) for p in paths)), None)


class Doors:
    """Which requests go on to the application.

    Args:
        routes: Every route that the application has.
        named: Names of optional groups that are switched on.
    """

    def __init__(self, routes: Iterable[Route], named: frozenset[str]) -> None:
        self.groups = {route: _group(route) for route in routes}
        self._plain: dict[str, list[tuple[str, Door]]] = {}
        self._patterns: list[tuple[re.Pattern[str], str, Door]] = []
        for route, group in self.groups.items():
            served = group is not None and (group.serve == "always" or (group.serve == "named" and group.id in named))
            door = Door(group, served)
            if "{" in route.path:
                self._patterns.append((regex(route.path), route.method, door))
            else:
                self._plain.setdefault(route.path, []).append((route.method, door))
            if (
                route.method == "GET" and route.path.endswith("/") and route.path != "/"
            ):  # Flask answers with a redirect
                self._plain.setdefault(route.path.rstrip("/"), []).append(("GET", door))

    @property
    def unknown(self) -> tuple[Route, ...]:
        """The application's routes that are on no list."""
        return tuple(sorted(route for route, group in self.groups.items() if group is None))

    def decide(self, method: str, path: str) -> Door:
        """What becomes of a request; one that a served and another route could both take is not served.

        Args:
            method: As it was sent.
            path: As MLflow's routers see it (``scope["path"]``).
        """
        listed_method = "GET" if method == "HEAD" else method
        here = [*self._plain.get(path, ()), *((m, door) for shape, m, door in self._patterns if shape.fullmatch(path))]
        doors: list[Door] = [door for known, door in here if listed_method in (known, "OPTIONS") or known == ANY]
        served: Door | None = next((door for door in doors if door.served), None)
        if served is not None and (listed_method == "OPTIONS" or all(door.served for door in doors)):
            return served
        return next((door for door in doors if not door.served), Door(None, False))


def open_doors(app: Any, named: frozenset[str]) -> Doors:
    """Look every route of the application up in the list.

    Args:
        app: MLflow's native application, with Flask's mounted in it and our routes added.
        named: Names of optional groups that are switched on.

    Raises:
        RefusedError: a route that we do not know writes to the registry or to artifacts.
    """
    doors = Doors(walk(app), named)
    writing = [route for route in doors.unknown if route.method not in _READS and _GOVERNED.search(route.path)]
    if writing:
        raise RefusedError(
            "MLflow has routes that write to models or artifacts and that this release does not know: "
            + ", ".join(map(str, writing)),
            remedy="Install a version of MLflow that this release of aims-gates supports, or a newer aims-gates.",
        )
    if doors.unknown:
        _log.warning("routes of MLflow that are on no list and answer 404: %s", ", ".join(map(str, doors.unknown)))
    return doors
