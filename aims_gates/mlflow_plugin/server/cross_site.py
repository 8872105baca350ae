"""Whether a request comes from another site's page in a browser that is signed in here."""

from collections.abc import MutableMapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from aims_gates.mlflow_plugin.server.configuration import Configuration

__all__ = ["from_another_site"]

_SAFE = ("GET", "HEAD", "OPTIONS")


def from_another_site(scope: MutableMapping[str, Any], configuration: Configuration) -> bool:
    """Whether an unsafe request was sent by a page of another origin that nobody let in.

    Browsers say where a request comes from (``Sec-Fetch-Site``), on plain HTTP at a name the page's ``Origin`` alone;
    with neither it is no browser. ``Origin: null`` is another site's. Whatever the path and however somebody is signed
    in: a browser adds a password, a cookie or what a proxy knows by itself.

    Args:
        scope: The request.
        configuration: The server's public address, and the origins that its operator let in.

    Source: the rule of Go 1.25's ``http.CrossOriginProtection`` (F. Valsorda, 2025).
    """
    if scope["method"] in _SAFE:
        return False
    headers = Headers(scope=scope)
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if origin is not None and any(_let_in(origin, allowed) for allowed in configuration.origins):
        return False
    if site is not None:
        return site not in ("same-origin", "none")
    if origin is None:
        return False
    if configuration.public is not None:
        return origin != configuration.public.origin
    return urlsplit(origin).netloc.lower() != headers.get("host", "").lower()


def _let_in(origin: str, allowed: str) -> bool:
    """As MLflow reads its list: ``*`` in an entry stands for anything."""
    return fnmatchcase(origin, allowed) if "*" in allowed else origin == allowed
