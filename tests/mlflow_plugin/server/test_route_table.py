"""Every route of an application is found, however it came in; and what matches a pattern is what its router takes."""

from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from flask import Flask
from starlette.applications import Starlette
from starlette.routing import Mount, Router
from starlette.routing import Route as Native

from aims_gates.mlflow_plugin.server.route_table import ANY, Route, pattern, regex, walk


def nothing() -> str:
    return ""


class AsMlflowDoes:
    """What makes Flask an ASGI application keeps it in ``app``."""

    def __init__(self, app: Flask) -> None:
        self.app = app


class Opaque:
    """An application of which nothing is known."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Nothing."""


def application() -> FastAPI:
    """Routes in every way in which they come in."""
    made = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    made.get("/plain")(nothing)
    inner, deeper = APIRouter(prefix="/inner"), APIRouter(prefix="/deeper")
    deeper.put("/{name:path}/tail")(nothing)
    inner.include_router(deeper, prefix="/between")
    inner.delete("/{id}")(nothing)
    made.include_router(inner, prefix="/outer")
    made.add_api_websocket_route("/socket", nothing)
    made.mount("/opaque", Opaque())
    made.mount("/small", Starlette(routes=[Native("/here", nothing, methods=["PATCH"])]))
    made.router.routes.append(Mount("/routed", app=Router(routes=[Native("/every", Opaque())])))
    flask = Flask("flask", static_folder=None)
    flask.add_url_rule("/flask/<name>/<path:rest>", "one", nothing, methods=["POST", "GET"])
    flask.add_url_rule("/flask/<int:number>", "two", nothing, methods=["OPTIONS"])
    made.mount("/", AsMlflowDoes(flask))  # type: ignore[arg-type]
    return made


def test_routes_of_routers_mounts_and_flask_are_found() -> None:
    assert set(walk(application())) == {
        Route("GET", "/plain"),
        Route("PUT", "/outer/inner/between/deeper/{:path}/tail"),
        Route("DELETE", "/outer/inner/{}"),
        Route("WEBSOCKET", "/socket"),
        Route(ANY, "/opaque/{:path}"),
        Route("PATCH", "/small/here"),
        Route(ANY, "/routed/every"),
        Route("GET", "/flask/{}/{:path}"),
        Route("POST", "/flask/{}/{:path}"),
        Route("OPTIONS", "/flask/{}"),
    }


@pytest.mark.parametrize(
    ("path", "yes", "no"),
    [
        ("/a/{id}", ["/a/b", "/a/b c", "/a/%2f"], ["/a/", "/a", "/a/b/", "/a/b/c", "/A/b", "/a//b", "/a/b\n/c"]),
        ("/a/{id}:go", ["/a/b:go"], ["/a/b", "/a/:go", "/a/b:go/"]),
        ("/a/{rest:path}", ["/a/b", "/a/b/c", "/a//b", "/a/b/"], ["/a/", "/a", "//a/b"]),
        ("/a.b", ["/a.b"], ["/axb", "/a.b/", "/a.b\n"]),
    ],
)
def test_a_pattern_matches_paths_as_they_are_written(path: str, yes: list[str], no: list[str]) -> None:
    assert [each for each in [*yes, *no] if regex(pattern(path)).fullmatch(each)] == yes
