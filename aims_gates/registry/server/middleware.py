"""Before every route, native and Flask: who is there; then the limits (:mod:`aims_gates.registry.server.limits`).

A plain ASGI application around MLflow's. What may be written and read of artifacts is decided further in, where MLflow
has undone every escaping of their paths (:mod:`aims_gates.registry.server.artifacts`).
"""

# mypy: allow-untyped-calls

import json
import logging
import os
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from aims_gates.errors import AimsGatesError, RefusedError
from aims_gates.registry.internals.environment import DELEGATION_HEADER, STATIC_PREFIX_ENV_VAR
from aims_gates.registry.internals.store import workspaces_on
from aims_gates.registry.server.configuration import Configuration
from aims_gates.registry.server.identity import Principal, acting_as
from aims_gates.registry.server.limits import Limits

__all__ = ["Gate"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
_log = logging.getLogger(__name__)
#: Headers that decide something: one that comes twice is read differently by different programs.
_ONCE = ("authorization", "content-encoding", "content-length", "content-type", "host", "x-mlflow-authorization")
_WORKSPACE = "x-mlflow-workspace"
_HELP = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."


class Gate:
    """The ASGI application before MLflow's.

    Args:
        app: MLflow's, with our routes.
        told: How this server was told to run.
        sign_in: Finds out whose request a scope is; raises RefusedError where it is nobody's.
    """

    def __init__(self, app: Any, told: Configuration, sign_in: Callable[[Scope], Principal]) -> None:
        self.app, self._told, self._sign_in = app, told, sign_in
        self._limits = Limits(app, told, _answer)
        # The one thing that nobody signs in for.
        self._open = {"/health", f"{os.environ.get(STATIC_PREFIX_ENV_VAR, '').rstrip('/')}/health"}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        odd = _odd(scope)
        if odd is not None:
            await _answer(send, 400, "BAD_REQUEST", odd)
            return
        who = None
        if scope["path"] in self._open and scope["method"] in ("GET", "HEAD"):
            await _healthy(send)  # without a thread: whatever the threads are busy with, this is answered
            return
        if scope["path"] not in self._open:
            try:
                who = await run_in_threadpool(self._sign_in, scope)
            except RefusedError as error:
                await self._unknown(send, error.message)
                return
            except (AimsGatesError, MlflowException, SQLAlchemyError):
                _log.exception("nobody could be signed in")
                await _answer(send, 503, "TEMPORARILY_UNAVAILABLE", "sign-in cannot be checked now")
                return
        kept = [each for each in scope["headers"] if each[0].decode("latin-1").lower() != self._told.proxy_header]
        state = {**(scope.get("state") or {}), "aims_principal": who}
        with acting_as(who):
            await self._limits({**scope, "headers": kept, "state": state}, receive, send)

    async def _unknown(self, send: Send, why: str) -> None:
        ways = [(b"www-authenticate", b'Basic realm="mlflow"')]
        if "oidc" in self._told.ways:
            ways.append((b"www-authenticate", b'Bearer realm="mlflow"'))
        await _answer(send, 401, "UNAUTHENTICATED", f"{why[:1].upper()}{why[1:]}. {_HELP}", *ways)


def _odd(scope: Scope) -> str | None:
    """What about a request MLflow cannot mean, and would answer with a server's error, or two programs read as two."""
    names = [name.decode("latin-1").lower() for name, _ in scope["headers"]]
    if any(names.count(name) > 1 for name in (*_ONCE, _WORKSPACE)):
        return "a header that may come once came twice"
    if any(ord(each) < 32 or ord(each) == 127 for each in scope["path"]):
        return "the path holds a control character"
    if DELEGATION_HEADER in names:
        return "MLflow's assistant does not act for anybody here"
    if b"%00" in scope.get("query_string", b""):
        return "the query holds a NUL character"
    if _WORKSPACE in names and not workspaces_on():
        return "workspaces are not enabled on this server"
    return None


async def _healthy(send: Send) -> None:
    """MLflow's answer to who asks for its health."""
    headers = [(b"content-type", b"text/html; charset=utf-8"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"OK"})


async def _answer(send: Send, status: int, code: str, message: str, *more: tuple[bytes, bytes]) -> None:
    """An answer as MLflow's clients read them."""
    data = json.dumps({"error_code": code, "message": message}).encode()
    size = str(len(data)).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", size), (b"connection", b"close"), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": data})
