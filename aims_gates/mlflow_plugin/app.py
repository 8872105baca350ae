"""MLflow's server application with ours around it: entry point ``mlflow.app``, name ``aims-gates``.

``mlflow server --app-name aims-gates --registry-store-uri aims+sqlite:///registry.db ...`` serves it, in as many
uvicorn workers as asked for; ``aims-gates server`` does that with good defaults.
"""

# mypy: allow-untyped-calls

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

from aims_gates.documents.files import locked
from aims_gates.errors import AimsGatesError, RefusedError
from aims_gates.mlflow_plugin.checkpoint_writer import keep_checkpoints
from aims_gates.mlflow_plugin.internals.environment import served_by
from aims_gates.mlflow_plugin.internals.public_url import known_to_mlflow
from aims_gates.mlflow_plugin.server.client_address import remember_peers
from aims_gates.mlflow_plugin.server.configuration import Configuration, configuration
from aims_gates.mlflow_plugin.server.heads import bound_heads
from aims_gates.mlflow_plugin.server.live_store import store as live_store
from aims_gates.mlflow_plugin.server.middleware import SignInMiddleware
from aims_gates.mlflow_plugin.server.overrun import end_statements, watched
from aims_gates.mlflow_plugin.server.routes import open_doors
from aims_gates.mlflow_plugin.server.workspaces import guard_workspaces
from aims_gates.mlflow_plugin.store.base import StoreBase
from aims_gates.mlflow_plugin.store.identity import ANONYMOUS, Principal
from aims_gates.mlflow_plugin.store.locations import RELEASED, in_server, proxied_root
from aims_gates.mlflow_plugin.store.refusals import refusal
from aims_gates.mlflow_plugin.store.untested import need_server_version

__all__ = ["create_app"]


def create_app(app: Any = None) -> Any:
    """Make the application of one worker.

    A server that may not start ends whole: uvicorn would start a worker that failed again and again.

    Args:
        app: MLflow's Flask application; its own by default.

    Raises:
        RefusedError: the live registry is not gated, or the server is not uvicorn (others serve no middleware before
            MLflow's native routes).
        InputError: a setting makes no sense (:data:`aims_gates.mlflow_plugin.server.configuration.ENVIRONMENT`).
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
    with locked(place, mode=0o600):
        yield


def _made(app: Any) -> SignInMiddleware:
    if served_by() != "uvicorn":
        remedy = "Start it by `mlflow server` or `aims-gates server`, without --gunicorn-opts and --waitress-opts."
        raise RefusedError("aims-gates guards a server that uvicorn runs, and no other", remedy=remedy)
    destination = proxied_root()
    if destination is not None and RELEASED in destination.split("/"):
        raise RefusedError(f"a folder {RELEASED} is for released copies only", where=destination)
    settings = configuration()
    if settings.public is not None:  # before MLflow reads its lists, once, when its server is imported
        os.environ.update(known_to_mlflow(settings.public, os.environ))
    remember_peers()
    store = live_store()
    _need_known(store)
    if not settings.ways:
        print("aims-gates: nobody signs in here: everybody is the same unknown person", file=sys.stderr, flush=True)
    from aims_gates.mlflow_plugin.internals.server import handlers

    handlers.forget_secrets()
    flask = app or handlers.flask_application()
    served = _with_sign_in(flask, settings, store) if settings.ways else handlers.native_application(flask)
    flask.wsgi_app = watched(flask.wsgi_app)
    end_statements()
    bound_heads()
    _guard_artifacts(store, signed_in=bool(settings.ways))
    guard_workspaces(store)
    keep_checkpoints(store, settings.checkpoints, timedelta(minutes=settings.checkpoint_minutes))
    _add_routes(served)
    doors = open_doors(served, settings.serve)
    gate = SignInMiddleware(served, settings, _sign_in(settings), doors)
    _try_out(gate, served, signed_in=bool(settings.ways))
    return gate


def _need_known(store: StoreBase) -> None:
    """Refuse where MLflow does not say that this is a server, and a version that nobody has tested or answers for."""
    if not in_server():
        raise RefusedError("MLflow does not say that this is a server", remedy="Start it by `mlflow server`.")
    with store.primary() as session:
        need_server_version(session.connection())


def _try_out(gate: SignInMiddleware, served: Any, *, signed_in: bool) -> None:
    from aims_gates.mlflow_plugin.server.probe import unguarded

    problems = unguarded(gate, served, signed_in=signed_in)
    if problems:
        raise RefusedError(f"this server would let through what it must not: {'; '.join(problems)}")


def _sign_in(configuration: Configuration) -> Callable[[Any], Any]:
    if not configuration.ways:
        return lambda scope: Principal(ANONYMOUS, "http", False, False, None)
    from aims_gates.mlflow_plugin.server.attempts import Attempts, shared_file
    from aims_gates.mlflow_plugin.server.signin import SignIn

    supervisor = multiprocessing.parent_process()  # none where there is a single worker
    return SignIn(
        configuration, Attempts(shared_file(os.getpid() if supervisor is None else supervisor.pid or os.getpid()))
    )


def _with_sign_in(flask_app: Any, configuration: Configuration, store: StoreBase) -> Any:
    """MLflow's own authentication and permissions, asking us who is there."""
    from aims_gates.mlflow_plugin.internals.server import auth
    from aims_gates.mlflow_plugin.server.accounts import guard_accounts, guard_listings
    from aims_gates.mlflow_plugin.server.signin import take_over

    take_over(configuration)
    served = auth.application(flask_app)
    guard_accounts(store, auth.users())
    guard_listings(auth.users())
    return served


def _guard_artifacts(store: StoreBase, *, signed_in: bool) -> None:
    """Record who makes runs and models; guard released artifacts, and the logged models they came from."""
    from aims_gates.mlflow_plugin.internals.server.handlers import replace_class, tracking_store
    from aims_gates.mlflow_plugin.server.artifacts import ArtifactGuard
    from aims_gates.mlflow_plugin.server.permissions import may_read
    from aims_gates.mlflow_plugin.store import authorship

    tracking = tracking_store()
    engine = getattr(tracking, "engine", None)
    if engine is None:
        remedy = "Keep runs in a database: --backend-store-uri sqlite:///FILE or postgresql://..."
        raise RefusedError("who makes a run can only be recorded in a database", remedy=remedy)
    authorship.install(engine)
    guard = ArtifactGuard(store, may_read)
    guard.install()
    replace_class(tracking, _keeping_sources(type(tracking), guard))
    if signed_in:
        _read_as_the_model(guard)


def _keeping_sources(base: type, guard: Any) -> type:
    """MLflow's tracking store, which deletes no logged model that a released version came from."""

    def delete_logged_model(self: Any, model_id: str) -> None:
        if guard.protects_model(model_id):
            raise refusal(
                f"the logged model {model_id} is not deleted: a version that was granted came from it.",
                title="source of a released version",
                id="artifacts",
                next=["have the version deleted first, if it may be"],
            )
        base.delete_logged_model(self, model_id)  # type: ignore[attr-defined]

    return type(f"Aims{base.__name__}", (base,), {"delete_logged_model": delete_logged_model})


def _read_as_the_model(guard: Any) -> None:
    """MLflow judges a proxied path by the experiment in it; a released copy belongs to none, but to its models."""
    from aims_gates.mlflow_plugin.internals.server.auth import judge_released
    from aims_gates.mlflow_plugin.store.identity import principal
    from aims_gates.mlflow_plugin.store.paths import forms, released_digest

    def released(path: str, action: str) -> bool | None:
        who = principal()
        if action != "read" or who is None:
            return None
        digest = released_digest(forms("mlflow-artifacts:/", path))
        return None if digest is None else bool(guard.reads(who, digest))

    judge_released(released)


def _add_routes(served: Any) -> None:
    """Ours stand before the mount that takes everything else to Flask."""
    from aims_gates.mlflow_plugin import api, pages
    from aims_gates.mlflow_plugin.internals.server.handlers import last

    served.include_router(api.router())
    served.include_router(pages.router())
    last(served)
