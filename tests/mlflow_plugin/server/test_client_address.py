"""Whose address reaches the application: by a header only from a proxy that is named, and never this machine's own."""

import ipaddress
import json
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from aims_gates.mlflow_plugin.server.client_address import UNKNOWN, located, peer, remember_peers

from .inside import listening

PROXY = (ipaddress.ip_network("127.0.0.1"),)
CHAIN = (ipaddress.ip_network("127.0.0.1"), ipaddress.ip_network("10.0.0.0/24"))


def client(host: str | None, proxies: Any = (), *headers: tuple[str, str]) -> str | None:
    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    scope = {"client": (host, 4711) if host else None, "headers": raw, "scheme": "http"}
    found = located(scope, proxies)["client"]
    return found[0] if found else None


def forwarded(*values: str) -> tuple[tuple[str, str], ...]:
    return tuple(("X-Forwarded-For", value) for value in values)


@pytest.mark.parametrize(
    ("values", "proxies", "whose"),
    [
        (["203.0.113.7"], PROXY, "203.0.113.7"),
        (["203.0.113.7:1234"], PROXY, "203.0.113.7"),
        (["[2001:db8::1]:80"], PROXY, "2001:db8::1"),
        (["2001:DB8::1"], PROXY, "2001:db8::1"),
        (["127.0.0.1, 203.0.113.7"], PROXY, "203.0.113.7"),
        (["127.0.0.1", "203.0.113.7"], PROXY, "203.0.113.7"),
        (["198.51.100.1, 203.0.113.7, 10.0.0.8"], CHAIN, "203.0.113.7"),
        (["::ffff:203.0.113.7"], PROXY, "203.0.113.7"),
        (["127.0.0.1"], PROXY, UNKNOWN),
        (["127.0.0.1, 127.0.0.1"], PROXY, UNKNOWN),
        (["127.0.0.9"], PROXY, UNKNOWN),
        (["::1"], PROXY, UNKNOWN),
        (["::ffff:127.0.0.1"], PROXY, UNKNOWN),
        (["::ffff:7f00:1"], PROXY, UNKNOWN),
        (["0.0.0.0"], PROXY, UNKNOWN),
        (["203.0.113.7, localhost"], PROXY, UNKNOWN),
        (["203.0.113.7, "], PROXY, UNKNOWN),
        (["unknown"], PROXY, UNKNOWN),
        (["0x7f.1"], PROXY, UNKNOWN),
        (["2130706433"], PROXY, UNKNOWN),
        (["127.1"], PROXY, UNKNOWN),
        ([""], PROXY, UNKNOWN),
        ([], PROXY, UNKNOWN),
    ],
)
def test_a_named_proxy_says_whose_request_it_sends_and_nobody_becomes_loopback(
    values: list[str], proxies: Any, whose: str
) -> None:
    assert client("127.0.0.1", proxies, *forwarded(*values)) == whose


@pytest.mark.parametrize("name", ["X-Forwarded-For", "Forwarded", "X-Real-IP", "Via", "X-Forwarded-Proto"])
def test_a_proxy_on_this_host_that_nobody_named_makes_no_one_loopback(name: str) -> None:
    assert client("127.0.0.1", (), (name, "127.0.0.1")) == UNKNOWN
    assert client("::1", (), (name, "203.0.113.7")) == UNKNOWN
    assert client("::ffff:127.0.0.1", (), (name, "203.0.113.7")) == UNKNOWN


def test_others_are_who_their_connection_says() -> None:
    for proxies in ((), PROXY):
        for headers in ((), forwarded("127.0.0.1"), forwarded("10.9.9.9")):
            assert client("203.0.113.7", proxies, *headers) == "203.0.113.7"
    assert client("127.0.0.1") == "127.0.0.1"
    assert client(None, PROXY, *forwarded("127.0.0.1")) is None


def test_the_scheme_follows_a_named_proxy_alone() -> None:
    for proxies, value, scheme in ((PROXY, b"https", "https"), ((), b"https", "http"), (PROXY, b"gopher", "http")):
        scope = {"client": ("127.0.0.1", 1), "scheme": "http", "headers": [(b"x-forwarded-proto", value)]}
        assert located(scope, proxies)["scheme"] == scheme


@pytest.fixture
def echo() -> Iterator[str]:
    """A server whose uvicorn believes forwarding headers, as it does unless told otherwise."""
    remember_peers()
    remember_peers()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        found = {"peer": str(peer(scope)), "client": located(scope, PROXY)["client"][0]}
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": json.dumps(found).encode()})

    with listening(app) as address:
        yield address


def test_the_connection_counts_whatever_uvicorn_makes_of_the_headers(echo: str) -> None:
    for value, whose in (("203.0.113.7", "203.0.113.7"), ("127.0.0.1", UNKNOWN), ("127.0.0.2", UNKNOWN)):
        found = requests.get(echo, headers={"X-Forwarded-For": value}, timeout=10).json()
        assert found == {"peer": "127.0.0.1", "client": whose}, value
