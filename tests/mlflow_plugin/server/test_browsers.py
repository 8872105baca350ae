"""What somebody in a browser meets: MLflow's pages behind a name, and a page where nobody is signed in."""

from typing import Any

import pytest
import requests
from sqlalchemy.exc import OperationalError

from aims_gates.errors import RefusedError
from aims_gates.mlflow_plugin.internals.public_url import public_url
from aims_gates.mlflow_plugin.server.configuration import Configuration
from aims_gates.mlflow_plugin.server.cross_site import from_another_site
from aims_gates.mlflow_plugin.server.middleware import SignInMiddleware
from aims_gates.mlflow_plugin.server.route_table import Route
from aims_gates.mlflow_plugin.server.routes import Doors

from .conftest import PUBLIC, Running
from .inside import listening

#: What Chromium sends when somebody opens a page; on https and on localhost the second as well.
OPENS = {
    "Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8",
    "Sec-Fetch-Mode": "navigate",
}
PAGE = "text/html; charset=utf-8"


#: How MLflow's own page asks when it was opened at the server's name.
AT_ITS_NAME = {"Host": "mlflow.example.org", "Origin": PUBLIC}
#: What MLflow's pages ask for by POST: runs, logged models, data sets of an experiment.
ASKS = ("runs/search", "logged-models/search", "experiments/search-datasets")
#: Pages that are not the server's, some of them nearly.
STRANGERS = (
    "https://evil.example",
    "http://mlflow.example.org",
    "https://mlflow.example.org:8443",
    "https://mlflow.example.org.evil.example",
    "https://notmlflow.example.org",
    "null",
)


@pytest.mark.parametrize("host", ["mlflow.example.org", "mlflow.example.org:443"])
def test_mlflows_own_pages_work_behind_a_name(running: Running, host: str) -> None:
    headers = {**AT_ITS_NAME, "Host": host}
    assert "<title>MLflow</title>" in running.send("GET", "/", headers={"Host": host}).text
    body = {"experiment_ids": [running.names["experiment"]]}
    for path in ASKS:
        said = running.send("POST", f"/ajax-api/2.0/mlflow/{path}", headers=headers, json=body)
        assert said.status_code == 200, (path, said.text)


def test_a_refusal_ends_in_the_address_of_the_versions_page(running: Running) -> None:
    number = running.registered("link me", running.logged())
    alias = {"name": "link me", "alias": "production", "version": str(number)}
    said = running.send("POST", "/ajax-api/2.0/mlflow/registered-models/alias", headers=AT_ITS_NAME, json=alias)
    assert said.status_code == 403 and said.json()["error_code"] == "PERMISSION_DENIED"
    assert said.json()["message"].splitlines()[-1] == f"The version's page: {PUBLIC}/#/models/link%20me/versions/1"


def test_the_openapi_document_names_the_servers_address(running: Running) -> None:
    assert running.send("GET", "/api/2.0/aims/openapi.json").json()["servers"] == [{"url": PUBLIC}]


@pytest.mark.parametrize("origin", STRANGERS)
def test_a_page_of_another_site_may_nothing_at_the_servers_name(running: Running, origin: str) -> None:
    headers = {**AT_ITS_NAME, "Origin": origin}
    for path in (*(f"/ajax-api/2.0/mlflow/{asks}" for asks in ASKS), "/api/2.0/aims/requests", "/api/2.0/aims/halt"):
        said = running.send("POST", path, headers=headers, json={})
        assert said.status_code == 403 and "A page of another site" in said.json()["message"], path
    asks = {**headers, "Access-Control-Request-Method": "POST"}
    said = running.send("OPTIONS", f"/ajax-api/2.0/mlflow/{ASKS[0]}", None, headers=asks)
    assert "Access-Control-Allow-Origin" not in said.headers


@pytest.mark.parametrize("site", ["cross-site", "same-site", "odd"])
def test_whatever_a_browser_says_comes_from_elsewhere_changes_nothing(running: Running, site: str) -> None:
    """Also where MLflow looks at no origin, and where another port of the same host would be let in by cookies."""
    for path in ("/graphql", "/aims/sign-in", "/api/2.0/mlflow/experiments/create", "/signup"):
        for headers in ({"Sec-Fetch-Site": site}, {"Sec-Fetch-Site": site, "Origin": "http://localhost:1"}):
            said = running.send("POST", path, headers={**headers, "Content-Type": "text/plain"}, data="{}")
            assert said.status_code == 403 and "A page of another site" in said.json()["message"], (path, headers)
    assert running.send("GET", "/", headers={"Sec-Fetch-Site": site}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({}, False),  # no browser
        ({"Sec-Fetch-Site": "same-origin", "Origin": "http://here:5000"}, False),
        ({"Sec-Fetch-Site": "none"}, False),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://let-in.example"}, False),
        ({"Origin": "http://here:5000"}, False),
        ({"Origin": "https://HERE:5000"}, False),  # behind a proxy that ends TLS
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://a.lab.example"}, False),
        ({"Origin": "https://lab.example"}, True),
        ({"Origin": "http://here:5001"}, True),
        ({"Origin": "http://localhost:5000"}, True),
        ({"Origin": "null"}, True),
        ({"Origin": ""}, True),
        ({"Sec-Fetch-Site": "same-site", "Origin": "http://here:5000"}, True),
    ],
)
def test_which_requests_are_another_sites(headers: dict[str, str], refused: bool) -> None:
    def asked(told: Configuration, method: str = "POST", **more: str) -> bool:
        sent = {"Host": "here:5000", **headers, **more}
        raw = [(name.lower().encode(), value.encode()) for name, value in sent.items()]
        return from_another_site({"type": "http", "method": method, "headers": raw}, told)

    told = Configuration(origins=frozenset({"https://let-in.example", "https://*.lab.example"}))
    assert [asked(told, method) for method in ("POST", "PUT", "PATCH", "DELETE", "ODD")] == [refused] * 5
    assert not any(asked(told, method) for method in ("GET", "HEAD", "OPTIONS"))
    assert not asked(Configuration(origins=frozenset({"*"}))) or "Origin" not in headers


def test_with_a_public_address_its_origin_alone_is_the_servers() -> None:
    told = Configuration(public=public_url("https://name.example"))
    for origin, refused in (("https://name.example", False), ("http://name.example", True), ("http://here:5000", True)):
        raw = [(b"host", b"here:5000"), (b"origin", origin.encode())]
        assert from_another_site({"type": "http", "method": "POST", "headers": raw}, told) is refused


@pytest.mark.parametrize("host", ["evil.example", "mlflow.example.org.evil.example", "mlflow.example.org:8443"])
def test_a_name_that_is_not_the_servers_leads_to_nothing(running: Running, host: str) -> None:
    for method, path in (("GET", "/"), ("POST", "/ajax-api/2.0/mlflow/runs/search"), ("GET", "/api/2.0/aims/status")):
        said = running.send(method, path, headers={"Host": host}, json={})
        assert said.status_code == 403 and "Invalid Host header" in said.text, path


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
