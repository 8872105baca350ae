"""How this server was told to run: environment variables, which ``aims-gates server`` sets and operators may.

Plain ``mlflow server --app-name aims-gates`` reads the same variables, in every worker.
"""

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aims_gates.documents.strict_yaml import parse, read
from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.environment import ALLOWED_ORIGINS
from aims_gates.mlflow_plugin.internals.public_url import PUBLIC_URL, PublicUrl, public_url
from aims_gates.mlflow_plugin.server.routes import groups, optional

__all__ = ["ENVIRONMENT", "Configuration", "Issuer", "configuration", "named"]

#: What each variable means; docs/server-setup.md says more.
ENVIRONMENT: Mapping[str, str] = {
    "AIMS_GATES_AUTH": "ways to sign in: basic (the default), oidc, proxy, joined by commas; or none",
    "AIMS_GATES_OIDC": "file with the issuers whose tokens are accepted",
    "AIMS_GATES_PROXY_HEADER": "header in which a trusted proxy names the user (X-Forwarded-User)",
    "AIMS_GATES_TRUSTED_PROXIES": "addresses or networks of the proxies that may set it, joined by commas",
    "AIMS_GATES_FORWARDING_PROXIES": "addresses or networks of proxies that forward requests and name nobody",
    PUBLIC_URL: "address under which browsers know the server: https://NAME, for Host, CORS and links",
    "AIMS_GATES_SERVE": "optional parts of MLflow to serve, joined by commas: gateway, mcp ... (none)",
    "AIMS_GATES_AUTH_CACHE_SECONDS": "how long a worker remembers a sign-in (60)",
    "AIMS_GATES_MAX_BODY": "largest request body in bytes, unpacked, but for the routes that may have more (1048576)",
    "AIMS_GATES_MAX_ARTIFACT": "largest artifact in one upload, in bytes (17179869184)",
    "AIMS_GATES_CHECKPOINTS": "folder to keep signed checkpoints in, against which the ledger is held at each start",
    "AIMS_GATES_CHECKPOINT_MINUTES": "how often one is written, where something was appended (60)",
    "AIMS_GATES_BODY_SECONDS": "how long a body may keep the server waiting; it must bring 1 KiB/s after that (20)",
    "AIMS_GATES_REQUEST_SECONDS": "how long a request may work before it is ended (60)",
    "AIMS_GATES_LONG_REQUEST_SECONDS": "the same for those that hash or bring a model's files (3600)",
}
_WAYS = {"basic", "oidc", "proxy"}
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True)
class Issuer:
    """An OpenID provider whose tokens sign people, or services, in.

    Attributes:
        issuer: Its URL, as tokens name it (``iss``).
        audience: Ours, as tokens name it (``aud``).
        login: The claim that is the login.
        service: Whether its tokens are services' (a CI system's).
        actor: With ``service``: the claim that names the human who caused the job; without that claim it is nobody's.
        claims: Further claims and the one value each must have. A public provider gives tokens to everybody: name
            your organization here.
        algorithms: Signature algorithms that are accepted.
        leeway: Seconds by which clocks may differ.
    """

    issuer: str
    audience: str
    login: str = "sub"
    service: bool = False
    actor: str | None = None
    claims: Mapping[str, str] = field(default_factory=dict)
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    leeway: int = 30


@dataclass(frozen=True)
class _Issuers:
    issuers: tuple[Issuer, ...]


@dataclass(frozen=True)
class Configuration:
    """The variables, read.

    Attributes:
        ways: How to sign in; empty where the server was told to run without authentication.
        issuers: Whose tokens are accepted.
        proxy_header: Lower case.
        proxies: Who may set it.
        forwarding: Who else may say whose requests it forwards.
        serve: Optional groups of routes that are switched on.
        cache_seconds: How long a worker remembers a sign-in.
        max_body, max_artifact: Bytes.
        body_seconds: Seconds.
        request_seconds, long_seconds: How long a request may work.
        checkpoints: Where checkpoints are kept; None where nobody asked for them.
        checkpoint_minutes: How often one is written.
        public: Under which address browsers know this server; None where nobody said.
        origins: Other pages' origins that may act here, as MLflow's list has them; ``*`` for all.
    """

    ways: frozenset[str] = frozenset({"basic"})
    issuers: tuple[Issuer, ...] = ()
    proxy_header: str = "x-forwarded-user"
    proxies: tuple[Network, ...] = ()
    cache_seconds: int = 60
    max_body: int = 1024**2
    max_artifact: int = 16 * 1024**3
    body_seconds: float = 20.0
    checkpoints: Path | None = None
    checkpoint_minutes: int = 60
    request_seconds: float = 60.0
    long_seconds: float = 3600.0
    forwarding: tuple[Network, ...] = ()
    serve: frozenset[str] = frozenset()
    public: PublicUrl | None = None
    origins: frozenset[str] = frozenset()

    @property
    def forwarders(self) -> tuple[Network, ...]:
        """The proxies whose word on a client's address counts."""
        return (*self.proxies, *self.forwarding)


def configuration(environment: Mapping[str, str] | None = None) -> Configuration:
    """Read the variables.

    Raises:
        InputError: one makes no sense, or a way to sign in lacks what it needs.
    """
    environ = os.environ if environment is None else environment
    ways = _ways(environ.get("AIMS_GATES_AUTH") or "basic")
    issuers = _issuers(environ.get("AIMS_GATES_OIDC")) if "oidc" in ways else ()
    proxies = _networks(environ, "AIMS_GATES_TRUSTED_PROXIES") if "proxy" in ways else ()
    if "oidc" in ways and not issuers:
        raise InputError("no issuer is named", where="AIMS_GATES_OIDC", remedy="Name a file with at least one issuer.")
    if "proxy" in ways and not proxies:
        raise InputError(
            "no proxy is trusted",
            where="AIMS_GATES_TRUSTED_PROXIES",
            remedy="Name the proxy's address, or its network.",
        )
    usual = Configuration()
    return Configuration(
        ways,
        issuers,
        (environ.get("AIMS_GATES_PROXY_HEADER") or usual.proxy_header).strip().lower(),
        proxies,
        _number(environ, "AIMS_GATES_AUTH_CACHE_SECONDS", usual.cache_seconds, 0),
        _number(environ, "AIMS_GATES_MAX_BODY", usual.max_body),
        _number(environ, "AIMS_GATES_MAX_ARTIFACT", usual.max_artifact),
        float(_number(environ, "AIMS_GATES_BODY_SECONDS", int(usual.body_seconds))),
        Path(environ["AIMS_GATES_CHECKPOINTS"]) if environ.get("AIMS_GATES_CHECKPOINTS") else None,
        _number(environ, "AIMS_GATES_CHECKPOINT_MINUTES", usual.checkpoint_minutes),
        float(_number(environ, "AIMS_GATES_REQUEST_SECONDS", int(usual.request_seconds))),
        float(_number(environ, "AIMS_GATES_LONG_REQUEST_SECONDS", int(usual.long_seconds))),
        _networks(environ, "AIMS_GATES_FORWARDING_PROXIES"),
        named(environ.get("AIMS_GATES_SERVE", "")),
        public_url(environ.get(PUBLIC_URL, "")),
        frozenset(part.strip() for part in environ.get(ALLOWED_ORIGINS, "").split(",") if part.strip()),
    )


def _ways(text: str) -> frozenset[str]:
    parts = {part.strip() for part in text.split(",")}
    if parts == {"none"}:
        return frozenset()
    if not parts or parts - _WAYS:
        remedy = "Name basic, oidc, proxy (joined by commas), or none alone."
        raise InputError(f"{text!r} is no way to sign in", where="AIMS_GATES_AUTH", remedy=remedy)
    return frozenset(parts | {"basic"})


def _issuers(place: str | None) -> tuple[Issuer, ...]:
    if not place:
        return ()
    document = read(Path(place))
    issuers = parse(_Issuers, document).issuers
    for issuer in issuers:
        if issuer.service and issuer.actor is None and not issuer.claims:
            remedy = "Say which claims its tokens must have (claims), and which names the human (actor)."
            raise InputError("any job of this provider could sign in", where=f"{place}: {issuer.issuer}", remedy=remedy)
        if any(name.upper().startswith("HS") or name.lower() == "none" for name in issuer.algorithms):
            raise InputError(
                "only public-key algorithms", where=f"{place}: {issuer.issuer}", remedy="Name RS256, ES256 ..."
            )
    return issuers


def _networks(environment: Mapping[str, str], name: str) -> tuple[Network, ...]:
    try:
        return tuple(
            ipaddress.ip_network(part.strip()) for part in environment.get(name, "").split(",") if part.strip()
        )
    except ValueError as error:
        remedy = "Write addresses or networks, e.g. 10.0.0.7 or 10.0.0.0/24."
        raise InputError(str(error), where=name, remedy=remedy) from error


def named(text: str, where: str = "AIMS_GATES_SERVE") -> frozenset[str]:
    """The optional groups of routes that a text names, joined by commas.

    Raises:
        InputError: there is none of that name, or it is never served.
    """
    names = frozenset(part.strip() for part in text.split(",") if part.strip())
    for group in groups():
        if group.id in names and group.serve == "never":
            raise InputError(f"{group.id!r} is never served", where=where, remedy=f"Leave it out. {group.what}")
    if unknown := sorted(names - set(optional())):
        remedy = f"Name some of: {', '.join(optional())}."
        raise InputError(f"{unknown[0]!r} is no optional part of MLflow", where=where, remedy=remedy)
    return names


def _number(environment: Mapping[str, str], name: str, usual: int, least: int = 1) -> int:
    text: Any = environment.get(name) or str(usual)
    if not (text.isascii() and text.isdigit() and int(text) >= least):
        raise InputError(f"{text!r} is no number", where=name, remedy=f"Write a whole number of at least {least}.")
    return int(text)
