"""Whose address a request comes from: the connection's, or what a proxy that we were told of says of its client.

MLflow opens some doors to loopback. uvicorn believes ``X-Forwarded-For`` from the same host, so that a header can
make anybody anything; without that, everybody behind a proxy on this host is loopback. Here neither is so, whatever
uvicorn's options are: the header counts from the proxies that are named and from nobody else, it is read from the
right, and an address that came by a header is never one of this machine's.
"""

import ipaddress
from collections.abc import Iterable, MutableMapping
from typing import Any

from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

__all__ = ["UNKNOWN", "located", "peer", "remember_peers"]

Scope = MutableMapping[str, Any]
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
#: The client of a proxy that does not say whose request it sends: an address that nobody has (RFC 5737).
UNKNOWN = "192.0.2.0"
_PEER = "aims_gates.peer"
#: What a proxy adds, and a client of ours does not.
_FORWARDING = frozenset(
    {b"forwarded", b"via", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-real-ip"}
)


def remember_peers() -> None:
    """Let uvicorn leave the connection's own address in the scope before it reads forwarding headers.

    Inside the application its option cannot be seen, and what it overwrote is gone.
    """
    stock = ProxyHeadersMiddleware.__call__
    if getattr(stock, "_remembers_peers", False):
        return

    async def call(self: Any, scope: Any, receive: Any, send: Any) -> None:
        scope.setdefault(_PEER, scope.get("client"))
        await stock(self, scope, receive, send)

    call._remembers_peers = True  # type: ignore[attr-defined]
    ProxyHeadersMiddleware.__call__ = call  # type: ignore[method-assign]


def peer(scope: Scope) -> Address | None:
    """The address at the other end of the connection; None where it has none (a Unix socket)."""
    client = scope[_PEER] if _PEER in scope else scope.get("client")
    return _address(client[0]) if client else None


def located(scope: Scope, proxies: Iterable[Network]) -> Scope:
    """The scope with the true client in it.

    Args:
        scope: An HTTP request's, as uvicorn made it.
        proxies: Whose word on their clients' addresses counts.
    """
    trusted, here = tuple(proxies), peer(scope)
    client = scope[_PEER] if _PEER in scope else scope.get("client")
    inner = {**scope, _PEER: client}
    if here is None or client is None:
        return {**inner, "client": None}
    headers = [(name.lower(), value) for name, value in scope["headers"]]
    if any(here in network for network in trusted):
        return {**inner, "client": (_forwarded(headers, trusted), 0), "scheme": _scheme(headers, scope)}
    behind = here.is_loopback and any(name in _FORWARDING for name, _ in headers)
    return {**inner, "client": (UNKNOWN, 0) if behind else (str(here), client[1])}


def _forwarded(headers: list[tuple[bytes, bytes]], trusted: tuple[Network, ...]) -> str:
    """The first address from the right that is none of the proxies'."""
    values = b",".join(value for name, value in headers if name == b"x-forwarded-for").decode("latin-1")
    for part in reversed(values.split(",")):
        address = _address(part.strip())
        if address is None:
            return UNKNOWN
        if not any(address in network for network in trusted):
            return UNKNOWN if address.is_loopback or address.is_unspecified else str(address)
    return UNKNOWN


def _scheme(headers: list[tuple[bytes, bytes]], scope: Scope) -> str:
    values = [value for name, value in headers if name == b"x-forwarded-proto"]
    return values[0].decode() if values in ([b"http"], [b"https"]) else str(scope.get("scheme", "http"))


def _address(text: str) -> Address | None:
    """An address, with a port after it or not; None for anything else."""
    host, bracket, _ = text.removeprefix("[").partition("]")
    if not bracket and text.count(":") == 1:
        host = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address
