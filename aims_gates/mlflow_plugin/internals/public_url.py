"""The address under which browsers know this server, and what MLflow must know of it."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from urllib.parse import quote

from aims_gates.errors import InputError
from aims_gates.mlflow_plugin.internals.environment import ALLOWED_HOSTS, ALLOWED_ORIGINS, STATIC_PREFIX_ENV_VAR

__all__ = ["PUBLIC_URL", "PublicUrl", "known_to_mlflow", "public_url"]

#: The variable that holds it, which ``aims-gates server --public-url`` sets.
PUBLIC_URL = "AIMS_GATES_PUBLIC_URL"
_URL = re.compile(r"(https?)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::([0-9]{1,5}))?/?", re.ASCII)
_PORTS = {"http": 80, "https": 443}
#: Whoever works on the server's own machine; another site leads no browser there by these names.
_LOOPBACK = ("localhost", "localhost:*", "127.0.0.1", "127.0.0.1:*", "[::1]", "[[]::1]:*")


@dataclass(frozen=True)
class PublicUrl:
    """The address: no path, no query.

    Attributes:
        scheme: ``https`` or ``http``.
        name: The host, in lower case.
        port: As browsers connect to it.
    """

    scheme: str
    name: str
    port: int

    @property
    def origin(self) -> str:
        """As browsers send it in ``Origin``, and as links begin."""
        return f"{self.scheme}://{self.hosts[0]}"

    @property
    def hosts(self) -> tuple[str, ...]:
        """``Host`` as browsers send it, then as some proxies do, with a port that goes without saying."""
        spelled = f"{self.name}:{self.port}"
        return (self.name, spelled) if self.port == _PORTS[self.scheme] else (spelled,)

    @property
    def relying_party(self) -> str | None:
        """The relying party id of passkeys; None where browsers offer none.

        They ask for a name and for https, ``localhost`` apart (Web Authentication, "Relying Party Identifier").
        """
        if _address(self.name) or (self.scheme != "https" and self.name != "localhost"):
            return None
        return self.name

    def version_page(self, name: str, version: str, *, prompt: bool = False, workspace: str | None = None) -> str:
        """MLflow's own page of a version, which for a prompt is the prompt's.

        Args:
            name, version: The version.
            prompt: Whether it is a prompt's.
            workspace: Where it is; None on a server without workspaces.
        """
        where = f"/prompts/{quote(name, safe='')}" if prompt else f"/models/{quote(name, safe='')}/versions/{version}"
        workspaces = "" if workspace is None else f"?workspace={quote(workspace, safe='')}"
        prefix = os.environ.get(STATIC_PREFIX_ENV_VAR, "").rstrip("/")
        return f"{self.origin}{prefix}/#{where}{workspaces}"


def public_url(text: str | None = None, *, where: str = PUBLIC_URL) -> PublicUrl | None:
    """The address that a text is; None for no text.

    Args:
        text: The variable of this process unless it is given.
        where: Where it comes from, for the error.

    Raises:
        InputError: it is none that a browser would send.
    """
    text = os.environ.get(PUBLIC_URL, "") if text is None else text
    if not text:
        return None
    parts = _URL.fullmatch(text.lower())
    port = int(parts[3] or _PORTS[parts[1]]) if parts else 0
    if parts is None or not 0 < port < 65536 or (parts[2].rpartition(".")[2].isdigit() and not _address(parts[2])):
        remedy = "Write https://NAME or https://NAME:PORT, the name as browsers send it (xn--... for other alphabets)."
        raise InputError(f"{text!r} is no address of a server", where=where, remedy=remedy)
    return PublicUrl(parts[1], parts[2], port)


def known_to_mlflow(url: PublicUrl, environment: Mapping[str, str]) -> dict[str, str]:
    """MLflow's two lists, of ``Host`` and of ``Origin``, with the public address on them.

    MLflow compares a browser's ``Origin`` with its list, never with ``Host``: a page of its own that is not on it is
    refused as another site's. Where nobody named hosts, this machine's stay, of MLflow's usual ones.

    Args:
        url: The address.
        environment: Where the lists stand as they were told; ``*`` in one stays all.
    """
    hosts = _listed(environment, ALLOWED_HOSTS) or _LOOPBACK
    lists = {ALLOWED_HOSTS: (*hosts, *url.hosts), ALLOWED_ORIGINS: (*_listed(environment, ALLOWED_ORIGINS), url.origin)}
    return {name: ",".join(dict.fromkeys(parts)) for name, parts in lists.items()}


def _listed(environment: Mapping[str, str], name: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in environment.get(name, "").split(",") if part.strip())


def _address(name: str) -> bool:
    """Whether a host is an address of four numbers."""
    try:
        return str(IPv4Address(name)) == name
    except ValueError:
        return False
