"""Before every route, native and Flask: no other site's page, is it served, who is there; then limits (:mod:`.limits`).

A plain ASGI application around MLflow's. What may be written and read of artifacts is decided further in, where MLflow
has undone every escaping of their paths (:mod:`aims_gates.mlflow_plugin.server.artifacts`).
"""

# mypy: allow-untyped-calls

import json
import logging
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from aims_gates.errors import AimsGatesError, RefusedError
from aims_gates.mlflow_plugin.internals.environment import DELEGATION_HEADER
from aims_gates.mlflow_plugin.internals.store import workspaces_on
from aims_gates.mlflow_plugin.server.client_address import located
from aims_gates.mlflow_plugin.server.configuration import Configuration
from aims_gates.mlflow_plugin.server.cross_site import from_another_site
from aims_gates.mlflow_plugin.server.limits import Limits
from aims_gates.mlflow_plugin.server.permissions import PAGES
from aims_gates.mlflow_plugin.server.rates import Rates
from aims_gates.mlflow_plugin.server.refusing import (
    RefusalResponse,
    from_elsewhere,
    not_served,
    not_signed_in,
    too_many,
    unavailable,
)
from aims_gates.mlflow_plugin.server.routes import Door, Doors
from aims_gates.mlflow_plugin.store.identity import Principal, acting_as

__all__ = ["SignInMiddleware"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_log = logging.getLogger(__name__)
#: Headers that decide something: one that comes twice is read differently by different programs.
_ONCE = ("authorization", "content-encoding", "content-length", "content-type", "host", "x-mlflow-authorization")
_WORKSPACE = "x-mlflow-workspace"


class SignInMiddleware:
    """The ASGI application before MLflow's.

    Args:
        app: MLflow's, with our routes.
        told: How this server was told to run.
        sign_in: Finds out whose request a scope is; raises RefusedError where it is nobody's.
        doors: Which requests are served.
    """

    def __init__(
        self, app: Any, configuration: Configuration, sign_in: Callable[[Scope], Principal], doors: Doors
    ) -> None:
        self.app, self._told, self._sign_in, self._doors, self._rates = app, configuration, sign_in, doors, Rates()
        self._limits = Limits(app, configuration, _answer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = _unframed(send) if scope["path"].startswith(PAGES) else send
        odd = _odd(scope)
        if odd is not None:
            await _answer(send, 400, "BAD_REQUEST", odd)
            return
        scope = located(scope, self._told.forwarders)
        door = self._doors.decide(scope["method"], scope["path"])
        try:
            if from_another_site(scope, self._told):
                raise from_elsewhere(scope)
            who = await self._who(scope, door)
            if not door.served:
                raise not_served(scope, door)
        except RefusalResponse as answer:
            await answer.send(send, head=scope["method"] == "HEAD")
            return
        most = door.group.body if door.open and door.group is not None else None
        if most is not None and _announced(scope) > most:
            await _answer(send, 413, "BAD_REQUEST", f"the body is larger than {most} bytes")
            return
        if door.open and scope["path"].endswith("/health"):
            await _healthy(send)  # without a thread: whatever the threads are busy with, this is answered
            return
        headers = [header for header in scope["headers"] if self._passes(header[0])]
        state = {**(scope.get("state") or {}), "aims_principal": who}
        with acting_as(who):
            await self._limits({**scope, "headers": headers, "state": state}, receive, send, most)

    async def _who(self, scope: Scope, door: Door) -> Principal | None:
        """Whose request this is; None where nobody signs in.

        Raises:
            Answer: nobody's whom we know, or one too many.
        """
        if door.open and door.group is not None:
            client = scope.get("client") or ("",)
            if not self._rates.admit(door.group, client[0]):
                raise too_many(scope, "too many requests from your address", 60)
            return None
        if door.served and _preflight(scope):  # answered by MLflow's CORS rules; a browser sends no password with it
            return None
        try:
            return await run_in_threadpool(self._sign_in, scope)
        except RefusedError as error:
            raise not_signed_in(scope, error, self._told.ways) from error
        except (AimsGatesError, MlflowException, SQLAlchemyError) as error:
            _log.exception("nobody could be signed in")
            raise unavailable(scope, "sign-in cannot be checked now") from error

    def _passes(self, name: bytes) -> bool:
        """Whether a header goes on: WSGI takes ``_`` for ``-``, so such a name would get past what looks at it here."""
        return b"_" not in name and name.decode("latin-1").lower() != self._told.proxy_header


def _odd(scope: Scope) -> str | None:
    """What about a request MLflow cannot mean, and would answer with a server's error, or two programs read as two."""
    names = [name.decode("latin-1").lower() for name, _ in scope["headers"]]
    if any(names.count(name) > 1 for name in (*_ONCE, _WORKSPACE)):
        return "a header that may come once came twice"
    if any(ord(character) < 32 or ord(character) == 127 for character in scope["path"]):
        return "the path holds a control character"
    if DELEGATION_HEADER in names:
        return "MLflow's assistant does not act for anybody here"
    if b"%00" in scope.get("query_string", b""):
        return "the query holds a NUL character"
    if _WORKSPACE in names and not workspaces_on():
        return "workspaces are not enabled on this server"
    return None


def _unframed(send: Send) -> Send:
    """The same, so that a page of ours stands in no frame: MLflow would let its own pages frame it."""

    async def confined(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = [header for header in message.get("headers", ()) if header[0].lower() != b"x-frame-options"]
            message = {**message, "headers": [*headers, (b"x-frame-options", b"DENY")]}
        await send(message)

    return confined


def _announced(scope: Scope) -> int:
    """The length that a request says its body has; of a length that is none, more than any."""
    length = dict(scope["headers"]).get(b"content-length", b"0")
    return int(length[:20]) if length.isdigit() else sys.maxsize


async def _healthy(send: Send) -> None:
    """MLflow's answer to who asks for its health."""
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"OK"})


def _preflight(scope: Scope) -> bool:
    """Whether a browser asks if a page of another origin may send a request."""
    names = {name.lower() for name, _ in scope["headers"]}
    return scope["method"] == "OPTIONS" and {b"origin", b"access-control-request-method"} <= names


async def _answer(send: Send, status: int, code: str, message: str, *more: tuple[bytes, bytes]) -> None:
    """An answer as MLflow's clients read them."""
    data = json.dumps({"error_code": code, "message": message}).encode()
    size = str(len(data)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", size), (b"connection", b"close"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
