"""Answers to requests that do not reach MLflow: not served, nobody signed in, too many."""

import html
import json
import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from aims_gates.errors import RefusedError
from aims_gates.mlflow_plugin.server.routes import Door

__all__ = ["SIGN_IN_PAGE", "RefusalResponse", "SlowDown", "not_served", "not_signed_in", "too_many", "unavailable"]

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
#: Path of a page on which a browser signs in, to which it is sent with 303; None while there is none.
SIGN_IN_PAGE: str | None = None
_HELP = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Sign in</title></head>
<body style="font-family: sans-serif; max-width: 40em; margin: 4em auto; line-height: 1.5">
<h1>Please sign in</h1>
<p>{why}.</p>
<p>This server answers people who are signed in. Load the page again, and enter your user name and password when the
browser asks for them. Whoever administers the server gives you both.</p>
</body>
</html>
"""


class SlowDown(RefusedError):
    """Too many wrong passwords; the next attempt is looked at after so many seconds."""

    def __init__(self, seconds: float) -> None:
        self.seconds = max(1, math.ceil(seconds))
        super().__init__(f"too many wrong passwords; wait {self.seconds} seconds")


class RefusalResponse(Exception):
    """An answer in the place of MLflow's."""

    def __init__(self, status: int, data: bytes, kind: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(status)
        size = str(len(data)).encode()
        first = [(b"content-type", kind.encode()), (b"content-length", size), (b"cache-control", b"no-store")]
        self.status, self.data, self.headers = status, data, [*first, (b"connection", b"close"), *headers]

    async def send(self, send: Send, *, head: bool) -> None:
        """Send it; without its body to a HEAD request."""
        await send({"type": "http.response.start", "status": self.status, "headers": self.headers})
        await send({"type": "http.response.body", "body": b"" if head else self.data})


def _json(status: int, code: str, message: str, *headers: tuple[bytes, bytes]) -> RefusalResponse:
    """As MLflow's clients read errors."""
    return RefusalResponse(
        status, json.dumps({"error_code": code, "message": message}).encode(), "application/json", headers
    )


def not_served(scope: Scope, door: Door) -> RefusalResponse:
    """404, and what to do where somebody could switch it on."""
    message = f"This server does not serve {scope['method'][:20]} {scope['path'][:200]}."
    if door.group is not None and door.group.serve == "named":
        message += f" It belongs to {door.group.id!r}, which is off: `aims-gates server --serve {door.group.id}`."
    if door.group is not None and door.group.serve == "never":
        message += f" It belongs to {door.group.id!r}, which is never served. {door.group.what}"
    return _json(404, "ENDPOINT_NOT_FOUND", message)


def not_signed_in(scope: Scope, error: RefusedError, ways: Iterable[str]) -> RefusalResponse:
    """401 with the ways to sign in; for a browser's navigation a page, or the way to one."""
    if isinstance(error, SlowDown):
        return too_many(error.message, error.seconds)
    why = f"{error.message[:1].upper()}{error.message[1:]}"
    asks = [(b"www-authenticate", b'Basic realm="mlflow"')]
    if "oidc" in ways:
        asks.append((b"www-authenticate", b'Bearer realm="mlflow"'))
    if not _navigates(scope):
        return _json(401, "UNAUTHENTICATED", f"{why}. {_HELP}", *asks)
    if SIGN_IN_PAGE is not None:
        return RefusalResponse(303, b"", "text/plain", [(b"location", SIGN_IN_PAGE.encode())])
    return RefusalResponse(401, _PAGE.format(why=html.escape(why)).encode(), "text/html; charset=utf-8", asks)


def too_many(message: str, seconds: int) -> RefusalResponse:
    """429, and when to come back."""
    text = f"{message[:1].upper()}{message[1:]}."
    return _json(429, "REQUEST_LIMIT_EXCEEDED", text, (b"retry-after", str(seconds).encode()))


def unavailable(message: str) -> RefusalResponse:
    """503: what must be known cannot be found out."""
    return _json(503, "TEMPORARILY_UNAVAILABLE", message)


def _navigates(scope: Scope) -> bool:
    """Whether somebody opens a page in a browser: scripts and clients do not ask for HTML."""
    accepted = b",".join(value for name, value in scope["headers"] if name.lower() == b"accept")
    return scope["method"] in ("GET", "HEAD") and b"text/html" in accepted.lower()
