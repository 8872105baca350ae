"""Answers to requests that do not reach MLflow: not served, nobody signed in, too many.

JSON as MLflow's clients read it; where nobody is signed in, a page for people who open one in a browser.
"""

import html
import json
import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from starlette.datastructures import Headers

from aims_gates.documents.shell import quoted
from aims_gates.errors import RefusedError
from aims_gates.mlflow_plugin.server.routes import Door

__all__ = [
    "SIGN_IN_PAGE",
    "RefusalResponse",
    "SlowDown",
    "from_elsewhere",
    "not_served",
    "not_signed_in",
    "too_many",
    "unavailable",
]

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
#: Path of a page on which a browser signs in, to which it is sent with 303; None while there is none.
SIGN_IN_PAGE: str | None = None
_HELP = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN."
_PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<meta name="color-scheme" content="light dark"><title>{title}</title></head>
<body style="font-family: sans-serif; max-width: 40em; margin: 4em auto; padding: 0 1em; line-height: 1.5">
<h1>{title}</h1>
<p>{why}.</p>
<p>{next}</p>
</body>
</html>
"""
#: Caches must not give a client the page, or a browser the JSON.
_VARIES = (b"vary", b"accept, sec-fetch-mode")
#: The page loads nothing, and stands in no frame of another page.
_CONFINED = (
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
)


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
        message += (
            f" It belongs to {door.group.id!r}, which is off: `aims-gates server --serve {quoted(door.group.id)}`."
        )
    if door.group is not None and door.group.serve == "never":
        message += f" It belongs to {door.group.id!r}, which is never served. {door.group.what}"
    return _json(404, "ENDPOINT_NOT_FOUND", message)


def from_elsewhere(scope: Scope) -> RefusalResponse:
    """403: a page of another site asked."""
    message = (
        "A page of another site sent this in your browser. Open this server's own pages, at the address that its "
        "operator set (aims-gates server --public-url), or have the operator let that site in (--cors-allowed-origins)."
    )
    return _json(403, "PERMISSION_DENIED", message)


def not_signed_in(scope: Scope, error: RefusedError, ways: Iterable[str]) -> RefusalResponse:
    """401 with the ways to sign in; for a browser's navigation a page, or the way to one."""
    if isinstance(error, SlowDown):
        return too_many(scope, error.message, error.seconds)
    asks = [(b"www-authenticate", b'Basic realm="mlflow"')]
    if "oidc" in ways:
        asks.append((b"www-authenticate", b'Bearer realm="mlflow"'))
    if not _navigates(scope):
        return _json(401, "UNAUTHENTICATED", f"{_sentence(error.message)}. {_HELP}", _VARIES, *asks)
    if SIGN_IN_PAGE is not None:
        return RefusalResponse(303, b"", "text/plain", [(b"location", SIGN_IN_PAGE.encode()), _VARIES])
    steps = (
        "This server answers people who are signed in. Load the page again, and enter your user name and password when "
        "the browser asks for them. Whoever administers the server gives you both."
    )
    return _page(401, "Please sign in", error.message, steps, *asks)


def too_many(scope: Scope, message: str, seconds: int) -> RefusalResponse:
    """429, and when to come back."""
    later = (b"retry-after", str(seconds).encode())
    if _navigates(scope):
        return _page(429, "Please wait", message, f"Load the page again in {seconds} seconds.", later)
    return _json(429, "REQUEST_LIMIT_EXCEEDED", f"{_sentence(message)}.", _VARIES, later)


def unavailable(scope: Scope, message: str) -> RefusalResponse:
    """503: what must be known cannot be found out."""
    if _navigates(scope):
        steps = "Load the page again in a minute. If it stays so, tell whoever administers the server."
        return _page(503, "Not available now", message, steps)
    return _json(503, "TEMPORARILY_UNAVAILABLE", message, _VARIES)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def _page(status: int, title: str, why: str, steps: str, *headers: tuple[bytes, bytes]) -> RefusalResponse:
    """The same for people, as a page."""
    text = _PAGE.format(title=html.escape(title), why=html.escape(_sentence(why)), next=html.escape(steps))
    return RefusalResponse(status, text.encode(), "text/html; charset=utf-8", [*_CONFINED, _VARIES, *headers])


def _navigates(scope: Scope) -> bool:
    """Whether somebody opens a page in a browser: scripts and clients do not ask for HTML, or take JSON as well."""
    headers = Headers(scope=scope)
    accepted = ",".join(headers.getlist("accept")).lower()
    fetched = headers.get("sec-fetch-mode", "navigate").lower() != "navigate"
    return scope["method"] in ("GET", "HEAD") and "text/html" in accepted and "json" not in accepted and not fetched
