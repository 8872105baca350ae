"""What somebody in a browser meets: a page where nobody is signed in, where a client gets JSON."""

from typing import Any

import pytest
import requests
from sqlalchemy.exc import OperationalError

from aims_gates.errors import RefusedError
from aims_gates.mlflow_plugin.server.configuration import Configuration
from aims_gates.mlflow_plugin.server.middleware import SignInMiddleware
from aims_gates.mlflow_plugin.server.route_table import Route
from aims_gates.mlflow_plugin.server.routes import Doors

from .conftest import Running
from .inside import listening

#: What Chromium sends when somebody opens a page; on https and on localhost the second as well.
OPENS = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
}
PAGE = "text/html; charset=utf-8"


@pytest.mark.parametrize("path", ["/", "/aims/requests/1", "/api/2.0/aims/openapi.json", "/nowhere"])
@pytest.mark.parametrize("headers", [OPENS, {"Accept": OPENS["Accept"]}], ids=["https", "http"])
def test_a_browser_that_is_not_signed_in_gets_a_page(running: Running, path: str, headers: dict[str, str]) -> None:
    said = running.send("GET", path, None, headers=headers)
    assert said.status_code == 401 and said.headers["WWW-Authenticate"].startswith("Basic")
    assert said.headers["Content-Type"] == PAGE and "<h1>Please sign in</h1>" in said.text
    assert "MLFLOW_TRACKING" not in said.text, "nobody in a browser sets variables"
    assert "'none'" in said.headers["Content-Security-Policy"] and said.headers["Cache-Control"] == "no-store"
    head = running.send("HEAD", path, None, headers=headers)
    assert (head.status_code, head.headers["Content-Type"], head.content) == (401, PAGE, b"")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {}),
        ("GET", {"Accept": "*/*"}),
        ("GET", {"Accept": "application/json"}),
        ("GET", {"Accept": "application/json, text/html;q=0.5"}),
        ("GET", {**OPENS, "Sec-Fetch-Mode": "cors"}),
        ("POST", OPENS),
    ],
    ids=["nothing", "anything", "json", "both", "script", "post"],
)
def test_a_client_that_is_not_signed_in_gets_json(running: Running, method: str, headers: dict[str, str]) -> None:
    for path in ("/", "/graphql", "/api/2.0/mlflow/experiments/get", "/ajax-api/2.0/mlflow/runs/search"):
        said = running.send(method, path, None, headers=headers)
        assert said.status_code == 401 and said.headers["Content-Type"] == "application/json"
        assert said.json()["error_code"] == "UNAUTHENTICATED" and "MLFLOW_TRACKING_TOKEN" in said.json()["message"]


def test_a_browser_that_guesses_passwords_reads_when_to_come_back(running: Running) -> None:
    headers = {
        **OPENS,
        "Authorization": requests.auth._basic_auth_str("nobody-here", "guess"),
        "X-Forwarded-For": "203.0.113.90",
    }
    said = [running.from_proxy("/", **headers) for _ in range(12)]
    assert [answer.status_code for answer in said[:10]] == [401] * 10
    assert said[11].status_code == 429 and int(said[11].headers["Retry-After"]) >= 1
    assert said[11].headers["Content-Type"] == PAGE and "<h1>Please wait</h1>" in said[11].text


def test_where_nobody_can_be_signed_in_a_browser_gets_a_page_and_a_client_json() -> None:
    def sign_in(scope: Any) -> Any:
        raise OperationalError("SELECT", {}, Exception("the disk is full"))

    page, answer = _asked(sign_in)
    assert page.status_code == answer.status_code == 503
    assert page.headers["Content-Type"] == PAGE and "<h1>Not available now</h1>" in page.text
    assert answer.json()["error_code"] == "TEMPORARILY_UNAVAILABLE" and "disk" not in page.text + answer.text


def test_why_nobody_is_signed_in_is_text_on_the_page_whatever_it_holds() -> None:
    def sign_in(scope: Any) -> Any:
        raise RefusedError("<script>alert(1)</script> is nobody")

    page, answer = _asked(sign_in)
    assert "<p>&lt;script&gt;alert(1)&lt;/script&gt; is nobody.</p>" in page.text and "<script" not in page.text
    assert "<script>" in answer.json()["message"]


def _asked(sign_in: Any) -> tuple[requests.Response, requests.Response]:
    """What a browser and a client are answered by the middleware alone, where signing in goes like this."""
    doors = Doors([Route("GET", "/")], frozenset())
    with listening(SignInMiddleware(None, Configuration(), sign_in, doors)) as address:
        page, answer = (requests.get(address, headers=headers, timeout=20) for headers in (OPENS, {}))
    return page, answer
