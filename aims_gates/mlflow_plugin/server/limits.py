"""One request within its limits: its share, its body, what it asks for, how long it works. Then MLflow's application.

Everything but an artifact on its way is read whole, unpacked and counted before MLflow sees it, so nothing of MLflow's
reads more than the limit, and its length is the one that was read.
"""

# mypy: allow-untyped-calls

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from functools import partial
from typing import Any

import anyio.to_thread
from starlette.concurrency import run_in_threadpool

from aims_gates.mlflow_plugin.server.allowances import Allowance, allowance
from aims_gates.mlflow_plugin.server.bodies import Refused, RequestBody, misshapen, wants_shape
from aims_gates.mlflow_plugin.server.ceilings import check_fields, check_graphql, check_json, check_query
from aims_gates.mlflow_plugin.server.configuration import Configuration
from aims_gates.mlflow_plugin.server.otlp import check_otlp
from aims_gates.mlflow_plugin.server.overrun import Running, serving, watched
from aims_gates.mlflow_plugin.server.shares import EVERYBODY, Shares
from aims_gates.mlflow_plugin.server.unpack import coding, unpacker
from aims_gates.mlflow_plugin.store.identity import principal

__all__ = ["Limits"]

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = Callable[..., Awaitable[None]]
_log = logging.getLogger(__name__)
_CODES = {400: "INVALID_PARAMETER_VALUE", 422: "INVALID_PARAMETER_VALUE", 429: "REQUEST_LIMIT_EXCEEDED"}
_ABOUT_THE_BODY = (b"content-length", b"content-encoding", b"transfer-encoding")
#: Bodies up to this size are looked at between two events; larger ones in a thread.
_SMALL = 16 * 1024
_THREADS = EVERYBODY + 40
_LINGER = 5.0  # seconds


class Limits:
    """The ASGI application between sign-in and MLflow's.

    Args:
        app: MLflow's, with our routes.
        configuration: The limits.
        answer: Sends a refusal: status, MLflow's error code, message.
    """

    def __init__(self, app: Any, configuration: Configuration, answer: Answer) -> None:
        self._app, self._configuration, self._answer = app, configuration, answer
        self._shares: Shares | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send, most: int | None = None) -> None:
        """Serve one request; ``most`` is the largest body in bytes of a route that needs no sign-in."""
        if self._shares is None:
            self._shares = Shares()
            anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
        who, client = principal(), scope.get("client") or ("",)
        caller = who.name if who is not None and who.via != "http" else f"address {client[0]}"
        entry, size = allowance(scope["method"], scope["path"], self._configuration)
        size = size if most is None else min(size, most)
        body = RequestBody(receive, size, self._configuration.body_seconds)
        try:
            _fits(scope, size, entry)
            check_query(scope.get("query_string", b""))
            async with self._shares.take(caller, streams=entry.kind == "stream"):
                await self._served(scope, body, send, entry)
        except Refused as refused:
            _log.info("refused a request: %s", refused.message)
            code = _CODES.get(refused.status, "BAD_REQUEST")
            sending = send if refused.status == 408 else partial(_lingering, body, send)
            await self._answer(sending, refused.status, code, refused.message)

    async def _served(self, scope: Scope, body: RequestBody, send: Send, entry: Allowance) -> None:
        if entry.kind != "stream":
            data = await body.whole(unpacker(_header(scope, b"content-encoding"), body.most))
            scope = _whole(scope, len(data))
            check = partial(_check, scope, data, entry, body.most)
            await (run_in_threadpool(check) if len(data) > _SMALL else _at_once(check))
        seconds = self._configuration.long_seconds if entry.long else self._configuration.request_seconds
        with serving(seconds) as request:
            answer = _Response(send, body, request)
            try:
                app = partial(_apart, self._app) if entry.kind == "otlp" else self._app
                await app(scope, body, answer)
            except Exception:
                if answer.refusal() is None or (answer.started and body.broken is None):
                    raise
            refusal = answer.refusal()
            if refusal is not None and not answer.started:
                raise refusal


class _Response:
    """What MLflow answers, as long as the answer is MLflow's to give."""

    def __init__(self, send: Send, body: RequestBody, request: Running) -> None:
        self._send, self._body, self._request, self._failed = send, body, request, False
        self.started = False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            # The server's error that a request brought on which was ended is no error of the server.
            self._failed = self._request.over and message["status"] >= 500
        if self._failed or (self._body.broken is not None and not self.started):
            return
        self.started = True
        await self._send(message)

    def refusal(self) -> Refused | None:
        """What is answered instead."""
        if self._body.broken is not None:
            return self._body.broken
        if not self._request.over:
            return None
        message = (
            f"the request was ended after {self._request.seconds:g} seconds. Ask for less: a narrower filter or page"
        )
        return Refused(422, message)


async def _lingering(body: RequestBody, send: Send, message: Message) -> None:
    """Send at once, and hang up once the client has sent its body: many read no answer before, and see a reset."""
    if message["type"] != "http.response.body" or body.over:
        await send(message)
        return
    await send({**message, "more_body": True})
    try:
        async with asyncio.timeout(_LINGER):
            while (await body.receive()).get("more_body"):
                pass
    except TimeoutError:
        pass
    await send({"type": "http.response.body", "body": b""})


def _header(scope: Scope, name: bytes) -> bytes | None:
    return dict(scope["headers"]).get(name)


def _fits(scope: Scope, size: int, entry: Allowance) -> None:
    length = _header(scope, b"content-length") or b"0"
    if length.isdigit() and int(length[:20]) > size:
        raise Refused(413, f"the body is larger than {size} bytes, which are allowed here")
    packed = coding(_header(scope, b"content-encoding"))
    if packed and entry.kind == "stream":
        raise Refused(415, "an artifact is stored as it is sent; leave Content-Encoding out")


def _whole(scope: Scope, size: int) -> Scope:
    """The scope of a request whose body was read whole and unpacked."""
    headers = [header for header in scope["headers"] if header[0] not in _ABOUT_THE_BODY]
    length = [(b"content-length", str(size).encode())] if size or _header(scope, b"content-length") else []
    return {**scope, "headers": [*headers, *length]}


async def _at_once(check: Callable[[], None]) -> None:
    check()


def _check(scope: Scope, data: bytes, entry: Allowance, most: int) -> None:
    """Look at a body before MLflow does.

    Raises:
        Refused: it asks for too much, or MLflow would answer it with an error of the server.
    """
    graphql = scope["path"].rstrip("/").endswith("/graphql")
    if entry.kind == "bytes" or (not data and not graphql):
        return
    media = (_header(scope, b"content-type") or b"").split(b";")[0].strip()
    if entry.kind == "otlp" and media != b"application/json":
        check_otlp(data)
        return
    value = check_json(data)
    check_fields(value)
    if graphql:
        check_graphql(value)
    wrong = misshapen(data, most) if wants_shape(scope["method"], scope["path"]) else None
    if wrong is not None:
        raise Refused(400, wrong)


async def _apart(app: Any, scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request on an event loop of its own: MLflow parses traces between two events, and all others would wait.

    The body was read whole, so nothing but the client's hanging up is still to be received.
    """
    first, answer = await receive(), []

    async def give() -> Message:
        if messages:
            return messages.pop()
        await asyncio.Event().wait()
        raise AssertionError("nobody sets it")  # pragma: no cover

    async def take(message: Message) -> None:
        answer.append(message)

    messages = [first]
    await anyio.to_thread.run_sync(watched(lambda: asyncio.run(app(scope, give, take))))
    for message in answer:
        await send(message)
