"""Tools and services asked whether they are there: once each, at hosts that a list names, and nowhere else.

Hosts are compared as they are written, scheme and port included. A name may lead to an address inside the network only
where the list has that address too. No redirect is followed, no credentials are sent, no proxy is used, and nothing of
an answer is read but its status.
"""

import re
import socket
import ssl
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

from aims_gates.attestation.statements.evidence import ToolAnswer, ToolProbe
from aims_gates.attestation.statements.policy import Trust
from aims_gates.errors import InputError, RefusedError
from aims_gates.governance.record_schemas.data import ADDRESS
from aims_gates.governance.records.parts import parts_of
from aims_gates.model import Subject
from aims_gates.workflow.requests import Draft

__all__ = ["ToolsOfSystem", "ask_tools", "may_probe", "probe_drafts"]

#: How long a tool may take to answer, name look-up included, in seconds.
SECONDS = 10.0
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True)
class ToolsOfSystem:
    """What is asked.

    Attributes:
        workspace, models, system: The system, and what it is registered as.
        record: Its record ``resources``.
        where: The record's file, for messages.
        hosts: Where asking is allowed: scheme, host and port as written, and addresses inside the network.
    """

    workspace: str
    models: Sequence[str]
    system: str
    record: dict[str, Any]
    where: str
    hosts: Collection[str]

    @property
    def digest(self) -> str:
        """Of the record's text."""
        return parts_of("system/resources", self.record).digests()["digest"]


def may_probe(trust: Trust | None, key: str) -> None:
    """Whether the holder of a key may say what tools answered; asked before any tool is.

    Raises:
        RefusedError: it is on no trust list, or not CI's, or a server's.
    """
    entry = next((entry for entry in (trust.keys if trust else ()) if entry.key == key), None)
    if entry is None or "ci" not in entry.roles:
        who = entry.person if entry else "the key"
        remedy = "Run it in CI, with a key trusted there: aims-gates keys trust CI.pub --person CI --role ci"
        raise RefusedError(f"{who} does not hold the role 'ci'", remedy=remedy)
    if "server" in entry.roles:
        raise RefusedError("a server asks no tools: it stands where others do not", remedy="Run it in CI.")


def ask_tools(tools: ToolsOfSystem, seconds: float = SECONDS) -> tuple[ToolAnswer, ...]:
    """Ask each tool and service of the record that has an address, in turn.

    Args:
        tools: Which, and where that is allowed.
        seconds: How long each may take.

    Raises:
        InputError: the record names no address, or one at a host that is not listed; nobody was asked then.
    """
    entries = [(str(entry["name"]), str(entry["address"])) for entry in tools.record.get("addresses") or ()]
    if not entries:
        remedy = "Write addresses: [{name: MLflow, address: https://...}]."
        raise InputError("no tool or service has an address to ask", where=tools.where, remedy=remedy)
    _need_listed(entries, tools)
    return tuple(_answer_of(name, address, tools.hosts, seconds) for name, address in entries)


def probe_drafts(tools: ToolsOfSystem, answers: tuple[ToolAnswer, ...]) -> list[Draft]:
    """The act, to be signed: once for each model that the system is registered as."""
    subject = Subject("system", tools.digest, tools.system)
    return [
        Draft(ToolProbe(tools.workspace, model, tools.system, tools.digest, answers), subject, "ci")
        for model in tools.models
    ]


def _need_listed(entries: Sequence[tuple[str, str]], tools: ToolsOfSystem) -> None:
    wrong = [name for name, address in entries if re.fullmatch(ADDRESS, address) is None]
    if wrong:
        remedy = "Write http:// or https://, host, port and path; no user name, password or query."
        raise InputError(f"no address to ask at: {', '.join(wrong)}", where=tools.where, remedy=remedy)
    strangers = [f"{name} at {_host(address)}" for name, address in entries if _host(address) not in tools.hosts]
    if strangers:
        remedy = "Have a policy owner list these hosts: gates: {resources: {probe_hosts: [...]}} in system.yaml."
        message = f"probe_hosts of the gate resources does not list: {', '.join(strangers)}; nobody was asked"
        raise InputError(message, where=tools.where, remedy=remedy)


def _host(address: str) -> str:
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}"


def _answer_of(name: str, address: str, hosts: Collection[str], seconds: float) -> ToolAnswer:
    answered, result = _within(seconds, lambda: _ask(address, hosts, seconds))
    return ToolAnswer(name, address, _host(address), answered, result)


def _within(seconds: float, ask: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
    """An answer, unless it takes longer; whoever drips one byte at a time is waited for no longer than others."""
    answers: list[tuple[bool, str]] = []
    thread = Thread(target=lambda: answers.append(ask()), daemon=True)
    thread.start()
    thread.join(seconds)
    return answers[0] if answers else (False, f"no answer within {seconds:g} s")


def _ask(address: str, hosts: Collection[str], seconds: float) -> tuple[bool, str]:
    """Whether it answered with success, and what came back."""
    try:
        status = _status(address, hosts, seconds)
    except RefusedError as problem:
        return False, f"not asked: {problem.message}"
    except (OSError, HTTPException, ValueError) as problem:
        return False, f"no answer ({type(problem).__name__})"
    if 300 <= status < 400:
        return False, f"status {status}: it leads elsewhere, which is not followed"
    return 200 <= status < 300, f"status {status}"


def _status(address: str, hosts: Collection[str], seconds: float) -> int:
    parts = urlsplit(address)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    connection = HTTPConnection(host, port, timeout=seconds)
    plain = socket.create_connection((_vetted(host, port, hosts), port), timeout=seconds)
    try:
        secret = parts.scheme == "https"
        connection.sock = ssl.create_default_context().wrap_socket(plain, server_hostname=host) if secret else plain
        connection.request("GET", parts.path or "/", headers={"Host": parts.netloc, "Connection": "close"})
        return connection.getresponse().status
    finally:
        connection.close()
        plain.close()


def _vetted(host: str, port: int, hosts: Collection[str]) -> str:
    """The address to connect to: the one that was looked at, whatever the name leads to a moment later.

    Raises:
        RefusedError: the name leads into the network, to an address that is not listed.
    """
    entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(entry[4][0]).partition("%")[0] for entry in entries]
    for text in addresses:
        address = ip_address(text)
        outside = (getattr(address, "ipv4_mapped", None) or address).is_global and not address.is_multicast
        if not outside and text not in hosts and text != host:
            raise RefusedError(f"it leads to {text}, inside the network, and probe_hosts does not list that address")
    return addresses[0]
