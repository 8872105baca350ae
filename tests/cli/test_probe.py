"""``aims-gates records probe``: CI asks the tools of a record; what they said is an act of the ledger."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from aims_gates import Case, Finding
from aims_gates.decision.acts import acts_of
from aims_gates.decision.statements import Statements
from aims_gates.governance.records.reader import read_system
from aims_gates.ledger import rows
from aims_gates.ledger.connect import open_ledger
from aims_gates.packs.facts import judge
from aims_gates.packs.find import find_gates

from .conftest import Command


class Tool(BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setattr(Tool, "status", 200)
    with ThreadingHTTPServer(("127.0.0.1", 0), Tool) as server:
        server.daemon_threads, server.block_on_close = True, False
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def edit(file: Path, before: str, after: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert before in text
    file.write_text(text.replace(before, after, 1), encoding="utf-8")


@pytest.fixture
def folder(command: Command, host: str) -> Path:
    """The worked example's files, with an address for the registry and its host on the list; a policy owner and CI."""
    assert command("init", "--example", "credit-scoring", "--no-start", ".").code == 0
    for name, role in (("pol", "policy"), ("bot", "ci"), ("dee", "developer")):
        first = ["--first"] if name == "pol" else []
        assert command("keys", "new", f"{name}.key").code == 0
        who = ["--person", name, "--role", role, *first, "--key", "pol.key"]
        assert command("keys", "trust", f"{name}.pub", *who).code == 0
    system = Path("records/systems/mortgage")
    edit(system / "resources.yaml", "tools:\n", f"addresses: [{{name: MLflow, address: '{host}/health'}}]\ntools:\n")
    edit(system / "system.yaml", "gates:\n", f"gates:\n  resources: {{probe_hosts: ['{host}']}}\n")
    return Path.cwd()


def findings(folder: Path) -> dict[str, Finding]:
    with open_ledger(f"aims+sqlite:///{folder / 'registry.db'}") as ledger:
        said = rows(ledger, ["model default/mortgage", "trust", "revocation"])
    acts = acts_of(Statements(said, "default", "mortgage"), "mortgage")
    gate = find_gates()["resources"]
    records = read_system(folder, "mortgage").records
    case = Case("resources", gate.params({}), {}, {}, datetime.now(UTC), records=records, acts=acts)
    return {finding.measure: finding for finding in judge(gate.manifest.facts, case)}


def test_what_tools_answered_is_done_here_and_a_silent_one_is_missed(folder: Path, command: Command, host: str) -> None:
    before = findings(folder)
    assert before["tooling_reached"].rests_on == ("record:resources",)  # typed
    assert before["reached_as_recorded"].rests_on == ("record:resources",)

    Tool.status = 503
    silent = command("records", "probe", "--key", "bot.key")
    assert silent.code == 2 and "status 503" in silent.out
    assert findings(folder)["tooling_reached"].outcome == "fail"

    Tool.status = 200
    asked = json.loads(command("records", "probe", "mortgage", "--key", "bot.key", "--json").out)
    assert asked["tools"][0] | {"name": "MLflow", "host": host, "answered": True} == asked["tools"][0]
    after = findings(folder)
    reached = after["tooling_reached"]
    assert reached.outcome == "pass" and f"act:{asked['row']}" in reached.rests_on
    assert all(name.startswith("act:") for name in reached.rests_on)  # the decision calls that performed
    assert after["reached_as_recorded"].outcome == "pass"

    assert command("revoke", asked["row"], "--reason", "the wrong network", "--key", "bot.key").code == 0
    assert findings(folder)["tooling_reached"].outcome == "fail"


def test_without_a_host_on_the_list_an_address_or_the_role_nobody_is_asked(folder: Path, command: Command) -> None:
    refused = command("records", "probe", "--key", "dee.key")
    assert refused.code == 2 and "dee does not hold the role 'ci'" in refused.err
    system = Path("records/systems/mortgage")
    edit(system / "system.yaml", "probe_hosts: ['http", "probe_hosts: ['https")
    refused = command("records", "probe", "--key", "bot.key")
    assert refused.code == 1 and "does not list: MLflow" in refused.err
    edit(system / "resources.yaml", "addresses: [", "addresses: [] #")
    assert "no tool or service has an address" in command("records", "probe", "--key", "bot.key").err
    edit(system / "resources.yaml", "addresses: []", "addresses: [{name: x, address: 'http://u:p@a.example/'}] #")
    refused = command("records", "probe", "--key", "bot.key")
    assert "no address to ask at: x" in refused.err and "u:p" not in refused.err
    (system / "resources.yaml").unlink()
    assert "has no record resources" in command("records", "probe", "--key", "bot.key").err
    assert "does not use the gate" not in command("records", "probe", "nobody", "--key", "bot.key").err
