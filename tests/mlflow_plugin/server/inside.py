"""Our routes on a real port in this process, over a real store; everybody's password is their name.

The middleware that authenticates has tests of its own; here it is the smallest thing that leaves a principal behind.
"""

import base64
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
import uvicorn
from fastapi import FastAPI

from aims_gates.attestation.signing.keys import new_key
from aims_gates.attestation.statements.policy import Trust, TrustedKey, TrustedUser
from aims_gates.mlflow_plugin import api, pages
from aims_gates.mlflow_plugin.store.identity import Principal, acting_as
from tests.mlflow_plugin.conftest import World

PEOPLE = {
    "dora": Principal("dora", "mlflow-auth", False, False, None),
    "rita": Principal("rita", "mlflow-auth", False, False, None),
    "carl": Principal("carl", "mlflow-auth", False, False, None),
    "olga": Principal("olga", "mlflow-auth", False, False, None),
    "audrey": Principal("audrey", "mlflow-auth", False, False, None),
    "nobody": Principal("nobody", "mlflow-auth", False, False, None),
    "root": Principal("root", "mlflow-auth", True, False, None),
    "robot": Principal("robot", "oidc", False, True, "dora"),
    "orphan": Principal("orphan", "oidc", False, True, None),
    "anyone": Principal("anonymous over HTTP", "http", False, False, None),
}
USERS = (
    TrustedUser("dora", "Dora", ("developer",)),
    TrustedUser("rita", "Rita", ("risk",)),
    TrustedUser("carl", "Carl", ("risk", "compliance")),
    TrustedUser("olga", "Olga", ("on-call",)),
    TrustedUser("audrey", "Audrey", ("auditor",)),
    TrustedUser("robot", "Robot", ("developer", "risk"), service=True),
    TrustedUser("orphan", "Orphan", ("developer",), service=True),
)


def _named(scope: Any) -> Principal | None:
    said = dict(scope["headers"]).get(b"authorization", b"").decode()
    if not said.startswith("Basic "):
        return None
    name, _, password = base64.b64decode(said.removeprefix("Basic ")).decode().partition(":")
    return PEOPLE.get(name) if name == password else None


@dataclass
class Inside:
    """A server in this process.

    Attributes:
        world: Its store, and keys of people.
        address: Where it listens.
    """

    world: World
    address: str
    app: Any

    def get(self, path: str, who: str | None = "dora", **params: Any) -> requests.Response:
        return self._ask("GET", path, who, params=params)

    def post(self, path: str, who: str | None = "dora", **body: Any) -> requests.Response:
        return self._ask("POST", path, who, json=body)

    def _ask(self, method: str, path: str, who: str | None, **what: Any) -> requests.Response:
        auth = (who, who) if who else None
        return requests.request(method, f"{self.address}/api/2.0/aims{path}", auth=auth, timeout=30, **what)

    def page(self, path: str, who: str | None = "dora", method: str = "GET", **params: Any) -> requests.Response:
        """One of our pages."""
        auth = (who, who) if who else None
        return requests.request(method, f"{self.address}/aims{path}", auth=auth, timeout=60, params=params)

    def trust_users(self, *users: TrustedUser) -> None:
        """The next trust list, with the server's key and these users."""
        server = TrustedKey(self.world.key("server").public, "Server", ("server",), service=True)

        def change(listed: Trust) -> Trust:
            keys = tuple(each for each in listed.keys if each.person != "Server")
            return replace(listed, keys=(*keys, server), users=users)

        self.world.trust_anew(change)


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """An ASGI application on a free port, in a thread."""
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="session")
def users_database(tmp_path_factory: pytest.TempPathFactory) -> None:
    """MLflow's users and permissions, in a database of their own."""
    with warnings.catch_warnings():  # MLflow's own
        warnings.filterwarnings("ignore", "starlette.middleware.wsgi is deprecated")
        warnings.filterwarnings("ignore", "No path_separator found", DeprecationWarning)
        from mlflow.server import auth

        auth.store.init_db(  # type: ignore[no-untyped-call]
            f"sqlite:///{tmp_path_factory.mktemp('users') / 'users.db'}"
        )
    for name, who in PEOPLE.items():
        if who.via != "http":
            auth.store.create_user(name, f"{name}-{name}-{name}", is_admin=who.admin)


@pytest.fixture
def inside(world: World, users_database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Inside]:
    """A server over ``world``, whose trust list names the users and the server's key."""
    from mlflow.server import handlers

    monkeypatch.setattr(handlers, "_model_registry_store", world.store)
    place = world.folder / "server.key"
    world.keys["server"] = new_key(place)
    monkeypatch.setenv("AIMS_GATES_KEY", str(place))
    routes = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    routes.include_router(api.router())
    routes.include_router(pages.router())

    async def app(scope: Any, receive: Any, send: Any) -> None:
        with acting_as(_named(scope)):
            await routes(scope, receive, send)

    with listening(app) as address:
        made = Inside(world, address, routes)
        made.trust_users(*USERS)
        yield made
