"""MLflow's server application with ours around it: entry point ``mlflow.app``, name ``aims-gates``.

``mlflow server --app-name aims-gates --registry-store-uri aims+sqlite:///registry.db ...`` serves it, in as many
uvicorn workers as asked for; ``aims-gates server`` does that with good defaults.
"""

# mypy: allow-untyped-calls

import fcntl
import multiprocessing
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from aims_gates.errors import AimsGatesError, RefusedError
from aims_gates.registry.base import StoreBase
from aims_gates.registry.places import RELEASED, proxied_root
from aims_gates.registry.refusals import refusal
from aims_gates.registry.server.api.desk import store as live_store
from aims_gates.registry.server.configuration import Configuration, configuration
from aims_gates.registry.server.heads import bound_heads
from aims_gates.registry.server.keeper import keep_checkpoints
from aims_gates.registry.server.middleware import Gate
from aims_gates.registry.server.overrun import end_statements, watched
from aims_gates.registry.server.workspaces import guard_workspaces

__all__ = ["create_app"]


def create_app(app: Any = None) -> Any:
    """Make the application of one worker.

    A server that may not start ends whole: uvicorn would start a worker that failed again and again.

    Args:
        app: MLflow's Flask application; its own by default.

    Raises:
        RefusedError: the live registry is not gated, or the server is not uvicorn (others serve no middleware before
            MLflow's native routes).
        InputError: a setting makes no sense (:data:`aims_gates.registry.server.configuration.ENVIRONMENT`).
    """
    try:
        with _one_at_a_time():
            return _made(app)
    except (AimsGatesError, MlflowException, SQLAlchemyError, ImportError, OSError, AttributeError) as error:
        supervisor = multiprocessing.parent_process()
        if supervisor is not None and supervisor.pid is not None:
            print(f"aims-gates: this server does not start: {error}", file=sys.stderr, flush=True)
            os.kill(supervisor.pid, signal.SIGTERM)
        raise


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Workers take turns: each makes what is missing in the databases, and would trip over the other."""
    place = Path(tempfile.gettempdir()) / f"aims-gates-{os.getuid()}.lock"
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _made(app: Any) -> Gate:
    from mlflow.server import app as flask_app

    if os.environ.get("_MLFLOW_SGI_NAME") != "uvicorn":
        remedy = "Start it without --gunicorn-opts and --waitress-opts."
        raise RefusedError("aims-gates guards a server that uvicorn runs, and no other", remedy=remedy)
    destination = proxied_root()
    if destination is not None and RELEASED in destination.split("/"):
        raise RefusedError(f"a folder {RELEASED} is for released copies only", where=destination)
    told = configuration()
    store = live_store()
    if not told.ways:
        print("aims-gates: nobody signs in here: everybody is the same unknown person", file=sys.stderr, flush=True)
    served = _with_sign_in(app or flask_app, told, store) if told.ways else _without_sign_in(app or flask_app)
    flask_app.wsgi_app = watched(flask_app.wsgi_app)  # type: ignore[method-assign]
    end_statements()
    bound_heads()
    _guard_artifacts(store, signed_in=bool(told.ways))
    guard_workspaces(store)
    keep_checkpoints(store, told.checkpoints, timedelta(minutes=told.checkpoint_minutes))
    _add_routes(served)
    return Gate(served, told, _sign_in(told))


def _sign_in(told: Configuration) -> Callable[[Any], Any]:
    from aims_gates.registry.server.signin import SignIn

    return SignIn(told)


def _with_sign_in(flask_app: Any, told: Configuration, store: StoreBase) -> Any:
    """MLflow's own authentication and permissions, asking us who is there."""
    from mlflow.server import auth

    from aims_gates.registry.server.accounts import guard_accounts
    from aims_gates.registry.server.signin import take_over

    take_over(told)
    served = auth.create_app(flask_app)
    guard_accounts(store, auth.store)
    return served


def _without_sign_in(flask_app: Any) -> Any:
    from mlflow.server.fastapi_app import create_fastapi_app

    return create_fastapi_app(flask_app)


def _guard_artifacts(store: StoreBase, *, signed_in: bool) -> None:
    """Record who makes runs and models; guard released artifacts, and the logged models they came from."""
    from mlflow.server.handlers import _get_tracking_store

    from aims_gates.registry.server import creators
    from aims_gates.registry.server.artifacts import Guard
    from aims_gates.registry.server.permissions import may_read

    tracking = _get_tracking_store()
    engine = getattr(tracking, "engine", None)
    if engine is None:
        remedy = "Keep runs in a database: --backend-store-uri sqlite:///FILE or postgresql://..."
        raise RefusedError("who makes a run can only be recorded in a database", remedy=remedy)
    creators.install(engine)
    guard = Guard(store, may_read)
    guard.install()
    tracking.__class__ = _keeping_sources(type(tracking), guard)
    if signed_in:
        _read_as_the_model(guard)


def _keeping_sources(base: type, guard: Any) -> type:
    """MLflow's tracking store, which deletes no logged model that a released version came from."""

    def delete_logged_model(self: Any, model_id: str) -> None:
        if guard.protects_model(model_id):
            raise refusal(
                f"the logged model {model_id} is not deleted: a version that was granted came from it.",
                title="source of a released version",
                state="failed",
                id="artifacts",
                next=["have the version deleted first, if it may be"],
            )
        base.delete_logged_model(self, model_id)  # type: ignore[attr-defined]

    return type(f"Aims{base.__name__}", (base,), {"delete_logged_model": delete_logged_model})


def _read_as_the_model(guard: Any) -> None:
    """MLflow judges a proxied path by the experiment in it; a released copy belongs to none, but to its models."""
    from mlflow.server import auth

    from aims_gates.registry.server.identity import principal
    from aims_gates.registry.server.paths import forms, released_digest

    native, flask = auth._authorize_fastapi_artifact_proxy, auth._authorize_flask_artifact_proxy

    def released(path: str | None, action: str) -> bool | None:
        plain, who = auth._canonical_artifact_proxy_path(path) if path else None, principal()
        if plain is None or action != "read" or who is None:
            return None
        digest = released_digest(forms("mlflow-artifacts:/", plain))
        return None if digest is None else bool(guard.reads(who, digest))

    def natively(path: str, username: str, query_path: str | None, action: str) -> bool:
        found = released(auth._artifact_proxy_path_from_request_path(path, query_path), action)
        return bool(native(path, username, query_path, action)) if found is None else found

    def by_flask(action: str) -> bool:
        found = released(auth._artifact_proxy_path(), action)
        return bool(flask(action)) if found is None else found

    auth._authorize_fastapi_artifact_proxy = natively
    auth._authorize_flask_artifact_proxy = by_flask


def _add_routes(served: Any) -> None:
    """Ours stand before the mount that takes everything else to Flask."""
    from aims_gates.registry.server.api import router

    served.include_router(router())
    mounts = [route for route in served.router.routes if type(route).__name__ == "Mount" and route.path == ""]
    for mount in mounts:
        served.router.routes.remove(mount)
        served.router.routes.append(mount)
