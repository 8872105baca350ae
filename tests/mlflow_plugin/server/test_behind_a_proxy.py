"""Behind a real reverse proxy on the same host: whose request it is, and that nothing more can be had through it."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from aims_gates.mlflow_plugin.server.client_address import UNKNOWN, located, remember_peers
from aims_gates.mlflow_plugin.server.configuration import configuration

from .conftest import PASSWORD, PROXY, Running
from .inside import listening
from .proxies import NGINX_HEADERS, Proxy, started

#: Where the server knows the proxy by an address of its own.
NAMED = f"{NGINX_HEADERS} proxy_bind {PROXY};"


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def before_ours(request: pytest.FixtureRequest, running: Running, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A proxy before ``aims-gates server``: nginx at the address that the server trusts, Caddy unknown to it."""
    yield from started(request.param, tmp_path_factory.mktemp("proxy"), running.address, NAMED)


@pytest.fixture
def echo() -> Iterator[str]:
    """A server that tells the client's address."""
    remember_peers()
    trusted = configuration({"AIMS_GATES_FORWARDING_PROXIES": "127.0.0.1"}).forwarders

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        await send({"type": "http.response.body", "body": located(scope, trusted)["client"][0].encode()})

    with listening(app) as address:
        yield address


@pytest.mark.parametrize("program", ["nginx", "caddy"])
def test_nobody_behind_a_proxy_on_this_host_is_loopback_whatever_they_send(
    program: str, echo: str, tmp_path: Path
) -> None:
    for proxy in started(program, tmp_path, echo):
        for value in (None, "127.0.0.1", "127.0.0.1, 127.0.0.1", "::1", "[::1]:80", "localhost", "127.0.0.2", ""):
            headers = {} if value is None else {"X-Forwarded-For": value}
            # Whoever connects from this host is seen by the proxy as 127.0.0.1, which no header makes anybody.
            assert requests.get(proxy.address, headers=headers, timeout=20).text == UNKNOWN, value


def test_a_proxy_that_passes_on_what_its_clients_claim_makes_them_anything_but_loopback(
    echo: str, tmp_path: Path
) -> None:
    for proxy in started("nginx", tmp_path, echo, headers=""):
        found = [
            requests.get(proxy.address, headers={"X-Forwarded-For": value}, timeout=20).text
            for value in ("127.0.0.1", "::ffff:127.0.0.1", "203.0.113.7, 127.0.0.1", "203.0.113.7")
        ]
        assert found == [UNKNOWN, UNKNOWN, "203.0.113.7", "203.0.113.7"]


def _status(proxy: Proxy, method: str, path: str, **headers: str) -> tuple[int, bytes]:
    """A request line exactly as it is written."""
    place = urlsplit(proxy.address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=60)
    basic = requests.auth._basic_auth_str("dora", PASSWORD)
    connection.request(
        method, path, headers={"Authorization": basic, **{k.replace("_", "-"): v for k, v in headers.items()}}
    )
    answer = connection.getresponse()
    try:
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    "path", ["assistant/config", "%61ssistant/config", "x/../assistant/config", "//assistant/config"]
)
@pytest.mark.parametrize("forwarded", ["127.0.0.1", "203.0.113.7"])
def test_what_is_never_served_is_not_there_through_a_proxy(before_ours: Proxy, path: str, forwarded: str) -> None:
    for prefix in ("/ajax-api/3.0/mlflow/", "/api/3.0/mlflow/"):
        for method in ("GET", "PUT"):
            status, _ = _status(before_ours, method, prefix + path, X_Forwarded_For=forwarded)
            assert status == 404 or (status in (301, 308) and before_ours.program == "caddy")


def test_daily_work_goes_on_through_a_proxy_and_users_are_who_they_sign_in_as(before_ours: Proxy) -> None:
    for headers in ({}, {"X_Forwarded_User": "admin"}, {"X_Forwarded_User": "pia", "X_Forwarded_For": "127.0.0.1"}):
        status, body = _status(before_ours, "GET", "/api/2.0/aims/status", **headers)
        assert status == 200 and json.loads(body)["user"]["name"] == "dora"
    assert _status(before_ours, "GET", "/")[0] == 200
    assert requests.get(f"{before_ours.address}/", timeout=20).status_code == 401
