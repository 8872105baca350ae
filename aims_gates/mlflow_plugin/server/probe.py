"""The application asked, before it serves anybody: does MLflow ask us, and is what was released refused to writers?"""

# mypy: allow-untyped-calls

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aims_gates.mlflow_plugin.internals.environment import ALLOWED_HOSTS
from aims_gates.mlflow_plugin.store.identity import ANONYMOUS, Principal, acting_as
from aims_gates.mlflow_plugin.store.locations import RELEASED, proxied_root

__all__ = ["ProbeResponse", "answer", "unguarded"]

_SEARCH = "/api/2.0/mlflow/registered-models/search"
#: One route of Flask, and two that do not reach Flask.
_ROUTES = (("GET", _SEARCH), ("GET", "/api/2.0/mlflow-artifacts/artifacts/0/x"), ("POST", "/v1/traces"))
_RELEASED = f"/api/2.0/mlflow-artifacts/artifacts/{RELEASED}/{'0' * 64}/aims-gates-probe"
_REFUSAL = b"only staging writes released copies"
_SECONDS = 120


@dataclass(frozen=True)
class ProbeResponse:
    """What an application answered."""

    status: int
    body: bytes


def unguarded(gate: Any, served: Any, *, signed_in: bool) -> list[str]:
    """What an application lets through that it must not.

    Args:
        gate: The application as it is served.
        served: MLflow's within it, to which nobody has signed in.
        signed_in: Whether anybody must sign in.
    """
    with ThreadPoolExecutor(1) as pool:  # where a loop runs already, another thread has none
        return pool.submit(lambda: list(_unguarded(gate, served, signed_in))).result()


def _unguarded(gate: Any, served: Any, signed_in: bool) -> Iterator[str]:
    for where, app in (("", gate), (" behind our sign-in", served)) if signed_in else ():
        for method, path in _ROUTES:
            status = answer(app, method, path, None).status
            if status != 401:
                yield f"nobody signed in and {method} {path}{where} was answered with {status}, not 401"
    if proxied_root() is not None:
        reply = answer(served, "PUT", _RELEASED, _writer(signed_in))
        if reply.status != 403 or _REFUSAL not in reply.body:
            yield f"a write to released bytes was answered with {reply.status}, not refused by the guard"


def _writer(signed_in: bool) -> Principal:
    """An administrator, to whom MLflow itself refuses nothing."""
    if not signed_in:
        return Principal(ANONYMOUS, "http", False, False, None)
    from aims_gates.mlflow_plugin.internals.server.auth import users

    names = [user.username for user in users().list_users() if user.is_admin]
    return Principal(names[0] if names else "admin", "mlflow-auth", True, False, None)


def answer(app: Any, method: str, path: str, who: Principal | None) -> ProbeResponse:
    """What an application answers to one request, of an empty body, from whom it takes to be this caller."""
    hosts = os.environ.get(ALLOWED_HOSTS, "").split(",")
    host = (hosts[0].strip() or "localhost").replace("*", "probe")
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "scheme": "http", "method": method,
        "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "state": {},
        "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80),
        "headers": [(b"host", host.encode()), (b"content-length", b"0"), (b"x-mlflow-experiment-id", b"0")],
    }  # fmt: skip
    with acting_as(who):
        return asyncio.run(asyncio.wait_for(_asked(app, scope), _SECONDS))


async def _asked(app: Any, scope: dict[str, Any]) -> ProbeResponse:
    messages: list[dict[str, Any]] = []
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if not messages and not ended.is_set():
            ended.set()
            return {"type": "http.request", "body": b"", "more_body": False}
        await asyncio.sleep(_SECONDS)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        messages.append(message)

    await app(scope, receive, send)
    status = next((message["status"] for message in messages if message["type"] == "http.response.start"), 0)
    return ProbeResponse(status, b"".join(message.get("body", b"") for message in messages))
