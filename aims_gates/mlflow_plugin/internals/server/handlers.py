"""MLflow's server without its authentication: its stores, its application, and what is replaced in them."""

# mypy: allow-untyped-calls

import os
from typing import Any

from aims_gates.mlflow_plugin.internals.environment import DELEGATION_KEY, GATEWAY_TOKEN
from aims_gates.mlflow_plugin.internals.server.verify import need_handlers, need_native
from aims_gates.mlflow_plugin.internals.store import replace_class

__all__ = [
    "flask_application",
    "is_prompt",
    "last",
    "native_application",
    "registry_store",
    "replace_class",
    "scoped_path",
    "tracking_store",
    "workspace_store",
    "forget_secrets",
]

_NAMES = need_handlers()


def registry_store() -> Any:
    """The registry store that MLflow's handlers use."""
    return _NAMES["registry_store"]()


def tracking_store() -> Any:
    """The store of runs that MLflow's handlers use."""
    return _NAMES["tracking_store"]()


def workspace_store() -> Any:
    """The store of workspaces that MLflow's handlers use."""
    return _NAMES["workspace_store"]()


def scoped_path(path: str) -> str | None:
    """A path of the artifact proxy within the folder of the active workspace."""
    scoped: str | None = _NAMES["scoped_path"](path)
    return scoped


def flask_application() -> Any:
    """MLflow's Flask application."""
    return _NAMES["flask_app"]


def native_application(flask: Any) -> Any:
    """MLflow's native application around a Flask application, nobody signing in."""
    return need_native()["fastapi_app"](flask)


def is_prompt(model: Any) -> bool:
    """Whether MLflow takes a registered model for a prompt."""
    return bool(model._is_prompt())


def forget_secrets() -> None:
    """Take from this process two secrets by which MLflow would sign callers in before anybody asks us."""
    for name in (DELEGATION_KEY, GATEWAY_TOKEN):
        os.environ.pop(name, None)


def last(served: Any) -> None:
    """Put the mount that takes everything else to Flask behind the routes that were added."""
    mounts = [route for route in served.router.routes if type(route).__name__ == "Mount" and route.path == ""]
    for mount in mounts:
        served.router.routes.remove(mount)
        served.router.routes.append(mount)
