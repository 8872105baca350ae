"""Tools asked whether they are there: by a real server on this machine, at listed hosts and nowhere else."""

import socket
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from aims_gates import mlflow_plugin
from aims_gates.attestation.statements.evidence import ToolProbe
from aims_gates.attestation.statements.policy import Trust, TrustedKey
from aims_gates.attestation.statements.types import SAID_FOR, may_sign, type_of
from aims_gates.errors import InputError, RefusedError
from aims_gates.workflow import tool_probe
from aims_gates.workflow.tool_probe import ToolsOfSystem, ask_tools, may_probe, probe_drafts


class Tool(BaseHTTPRequestHandler):
    """Answers with the status that the path names; `/elsewhere` leads to `/200`, `/slow` drips a byte at a time."""

    requests: ClassVar[list[tuple[str, dict[str, str]]]] = []

    def do_GET(self) -> None:
        self.requests.append((self.path, dict(self.headers)))
        if self.path == "/slow":
            try:
                for byte in b"HTTP/1.1 200 OK\r\n" * 100:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
            except OSError:
                return
        elsewhere = self.path == "/elsewhere"
        self.send_response(302 if elsewhere else int(self.path[1:]))
        self.send_header("Location", "/200")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def host() -> Iterator[str]:
    Tool.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Tool) as server:
        server.daemon_threads, server.block_on_close = True, False
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def tools(*addresses: str, hosts: Any = ()) -> ToolsOfSystem:
    record = {"addresses": [{"name": f"tool {place}", "address": text} for place, text in enumerate(addresses)]}
    return ToolsOfSystem("default", ("loans", "loans-b"), "loans", record, "resources.yaml", frozenset(hosts))


def test_each_tool_says_what_it_answered_and_nothing_is_followed_or_sent(host: str) -> None:
    asked = [f"{host}/{path}" for path in ("200", "204", "503", "401", "elsewhere")]
    answers = ask_tools(tools(*asked, hosts=[host]))
    assert [answer.answered for answer in answers] == [True, True, False, False, False]
    assert answers[0].result == "status 200" and "not followed" in answers[4].result
    assert {answer.host for answer in answers} == {host}
    assert [path for path, _ in Tool.requests] == ["/200", "/204", "/503", "/401", "/elsewhere"]
    assert all(not {"authorization", "cookie"} & {name.lower() for name in headers} for _, headers in Tool.requests)


def test_a_tool_that_is_gone_or_drips_has_not_answered(host: str) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}"
    tls = host.replace("http:", "https:")
    answers = ask_tools(tools(gone, f"{tls}/200", hosts=[gone, tls]), 5.0)
    assert [answer.result.partition(" (")[0] for answer in answers] == ["no answer", "no answer"]
    begun = time.monotonic()
    (slow,) = ask_tools(tools(f"{host}/slow", hosts=[host]), 0.3)
    assert not slow.answered and "within 0.3 s" in slow.result and time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "listed", ["https://127.0.0.1:{port}", "http://127.0.0.1", "127.0.0.1", "http://127.0.0.1:1{port}"]
)
def test_hosts_are_compared_as_written_and_nobody_is_asked_where_one_is_not_listed(host: str, listed: str) -> None:
    port = host.rpartition(":")[2]
    with pytest.raises(InputError, match=f"does not list: tool 1 at {host}; nobody was asked"):
        ask_tools(tools("http://127.0.0.2/200", f"{host}/200", hosts=["http://127.0.0.2", listed.format(port=port)]))
    assert Tool.requests == []
    with pytest.raises(InputError, match="no tool or service has an address"):
        ask_tools(tools(hosts=[host]))


def test_a_name_leads_into_the_network_only_where_that_address_is_listed(
    host: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = host.replace("127.0.0.1", "localhost")
    (refused,) = ask_tools(tools(f"{name}/200", hosts=[name]))
    assert not refused.answered and "inside the network" in refused.result and Tool.requests == []
    (answer,) = ask_tools(tools(f"{name}/200", hosts=[name, "127.0.0.1", "::1"]))
    assert answer.answered
    for inside in ("10.0.0.1", "169.254.169.254", "::ffff:10.0.0.1", "fe80::1%eth0", "224.0.0.1", "0.0.0.0"):
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, at=inside, **__: [(0, 0, 0, "", (at, 80))])
        with pytest.raises(RefusedError, match="inside the network"):
            tool_probe._vetted("tools.example.org", 80, {"http://tools.example.org"})


def trusted(*roles: str) -> Trust:
    return Trust(1, (TrustedKey("k", "robot", roles, service=True),))


def test_ci_alone_may_say_what_tools_answered() -> None:
    may_probe(trusted("ci"), "k")
    for trust in (None, trusted("policy", "developer"), trusted("server")):
        with pytest.raises(RefusedError, match="does not hold the role 'ci'"):
            may_probe(trust, "k")
    with pytest.raises(RefusedError, match="a server asks no tools"):
        may_probe(trusted("ci", "server"), "k")
    kind = type_of(ToolProbe)
    assert [role for role in ("policy", "ci", "developer", "on-call", "server", "risk") if may_sign(role, kind)] == [
        "ci"
    ]
    assert kind not in SAID_FOR


def test_one_statement_for_each_model_names_the_records_text_and_every_host(host: str) -> None:
    asked = tools(f"{host}/200", f"{host}/500", hosts=[host])
    drafts = probe_drafts(asked, ask_tools(asked))
    assert [draft.predicate.name for draft in drafts] == ["loans", "loans-b"]
    first = drafts[0].predicate
    assert (first.record, drafts[0].subject.digest, drafts[0].role) == (asked.digest, asked.digest, "ci")
    assert [(tool.host, tool.result) for tool in first.tools] == [(host, "status 200"), (host, "status 500")]


def test_no_module_of_the_server_can_ask() -> None:
    server = Path(mlflow_plugin.__file__).parent
    assert not [path for path in server.rglob("*.py") if "tool_probe" in path.read_text(encoding="utf-8")]
