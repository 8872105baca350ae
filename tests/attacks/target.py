"""A real server with a model in production on it, one for each database: what the corpus is run against.

With ``AIMS_GATES_ATTACKED_WORKSPACE=1`` the server has workspaces, and all of it happens in one of them.
"""

import base64
import http.client
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from mlflow.utils.workspace_context import WorkspaceContext

from aims_gates.attestation.signing.envelope import sign
from aims_gates.attestation.signing.keys import Key
from aims_gates.attestation.statements.people import Approval
from aims_gates.attestation.statements.policy import Trust, TrustedKey
from aims_gates.attestation.statements.wording import say
from aims_gates.documents.canonical import folder_digest
from aims_gates.mlflow_plugin.store.governed_names import governed_alias
from aims_gates.mlflow_plugin.store.store import gated_store
from aims_gates.model import Subject
from tests.support import await_health, stopped_at_the_end

WORKSPACE = "team" if os.environ.get("AIMS_GATES_ATTACKED_WORKSPACE") else None
USER, PASSWORD, ADMIN = "applicant-owner", "a long password, not a secret", "an administrator's password"


_LEFT_OUT = ("_MLFLOW_SERVER", "MLFLOW_", "AIMS_GATES_MAX_", "AIMS_GATES_BODY_", "AIMS_GATES_REQUEST_")
_WHERE = {"X-MLFLOW-WORKSPACE": WORKSPACE} if WORKSPACE else {}
_AT_HOME = {"X-MLFLOW-WORKSPACE": "default"} if WORKSPACE else {}


@dataclass
class Target:
    """A running server, a model in production on it, and the database in hand.

    Attributes:
        group: The process group of the server and its workers.
    """

    port: int
    folder: Path
    world: Any
    names: dict[str, str]
    group: int = 0

    @property
    def artifacts(self) -> Path:
        """Where the runs' artifacts are."""
        root = self.folder / "artifacts"
        return root / "workspaces" / WORKSPACE if WORKSPACE else root

    def workers(self) -> set[int]:
        """The processes that answer, where there are several."""
        found = set()
        for place in Path("/proc").glob("[0-9]*"):
            try:
                group = int((place / "stat").read_text().rpartition(")")[2].split()[2])
                if group == self.group and b"spawn_main" in (place / "cmdline").read_bytes():
                    found.add(int(place.name))
            except OSError:
                continue  # it ended meanwhile
        return found

    def used(self) -> tuple[float, float]:
        """Seconds of CPU that the server's processes have taken, and MiB of memory that they take."""
        cpu, pages = 0, 0
        for place in Path("/proc").glob("[0-9]*"):
            try:
                fields = (place / "stat").read_text().rpartition(")")[2].split()
                if int(fields[2]) == self.group:
                    cpu, pages = cpu + int(fields[11]) + int(fields[12]), pages + int(fields[21])
            except OSError:
                continue  # it ended meanwhile
        return cpu / os.sysconf("SC_CLK_TCK"), pages * os.sysconf("SC_PAGE_SIZE") / 2**20

    def send(self, line: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a request exactly as it is written; gives status and body."""
        method, _, path = line.partition(" ")
        path, name = self.fill(path), self.names
        data = body if isinstance(body, bytes) else self.fill(body) if isinstance(body, str) else ""
        data = json.dumps(self.fill_all(body)) if isinstance(body, dict | list) else data
        said = {"Content-Type": "application/json", "Authorization": name["authorization"], **_WHERE, **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path.replace(" ", "%20"), skip_accept_encoding=True)
            for key, value in said.items():
                connection.putheader(key, value)
            raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
            connection.putheader("Content-Length", str(len(raw)))
            connection.endheaders(raw)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def begun(self, line: str, *headers: str) -> socket.socket:
        """A connection with a request's head sent; the body is the caller's."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        said = {"Host": f"127.0.0.1:{self.port}", "Authorization": self.names["authorization"], **_WHERE}
        head = [f"{self.fill(line)} HTTP/1.1", *(f"{key}: {value}" for key, value in said.items()), *headers, "", ""]
        made.sendall("\r\n".join(head).encode())
        return made

    def fill(self, text: str) -> str:
        """The text with the names in braces filled in."""
        for key, value in self.names.items():
            text = text.replace("{" + key + "}", value)
        return text

    def fill_all(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self.fill_all(each) for key, each in value.items()}
        if isinstance(value, list):
            return [self.fill_all(each) for each in value]
        return self.fill(value) if isinstance(value, str) else value

    def governed(self) -> dict[str, Any]:
        """All that no attempt may change."""
        rows = self.world.sql("SELECT name, alias, version FROM registered_model_aliases")
        stages = self.world.sql("SELECT name, version FROM model_versions WHERE current_stage = 'Production'")
        places = self.world.sql(
            "SELECT name, version, source, storage_location, current_stage FROM model_versions WHERE name = 'loan'"
        )
        return {
            "aliases": sorted(tuple(row) for row in rows if governed_alias(row[1])),
            "stages": sorted(map(tuple, stages)),
            "versions": sorted(map(tuple, places)),
            "grants": len(self.world.seen("loan").grants()),
            "released": folder_digest(self.artifacts / "aims-released" / self.names["released"]),
            "source": folder_digest(self.artifacts / self.names["source1"]),
        }


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_database: bytes, worlds: ModuleType
) -> Iterator[Target]:
    """The server under attack, one for each database; on PostgreSQL with several workers."""
    folder = tmp_path_factory.mktemp(f"target-{request.param}")
    for name in ("backend.db", "registry.db"):
        (folder / name).write_bytes(empty_database)
    registry = f"sqlite:///{folder / 'registry.db'}"
    if request.param == "postgresql":
        pool = request.getfixturevalue("postgresql_pool")
        registry = pool.server.url(pool.take())
    port = free_port()
    process = start(folder, port, f"aims+{registry}", 1 if request.param == "sqlite" else 2)
    with stopped_at_the_end(process):
        await_health(f"http://127.0.0.1:{port}", process, folder / "log.txt")
        with pytest.MonkeyPatch.context() as patch, served(folder, patch):
            world = worlds.World(folder, gated_store(f"aims+{registry}"), workspace=WORKSPACE or "default")
            made = _furnished(folder, port, world)
        made.group = process.pid
        yield made
        world.store._dispose_engine()


@contextmanager
def served(folder: Path, patch: pytest.MonkeyPatch) -> Iterator[None]:
    """On the server's machine, signed in as the user: where its artifacts are, and who calls."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    patch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(folder / "artifacts"))
    patch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    patch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    if WORKSPACE:
        patch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    with WorkspaceContext(WORKSPACE):
        yield
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def start(folder: Path, port: int, registry: str, workers: int, *options: str) -> "subprocess.Popen[bytes]":
    """``aims-gates server`` in a process group of its own."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)},
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN,
        "MLFLOW_ENABLE_WORKSPACES": "true" if WORKSPACE else "false",
    }
    # As a user starts it: what holds here holds by the product's own defaults.
    command = [
        *(sys.executable, "-c", "from aims_gates.cli import entry; entry()", "server", "--port", str(port)),
        *("--workers", str(workers), "--registry", registry, "--backend", f"sqlite:///{folder / 'backend.db'}"),
        *("--artifacts", str(folder / "artifacts")),
        *options,
    ]
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _furnished(folder: Path, port: int, world: Any) -> Target:
    """Two models of one user, one version in production by the rules."""
    names = {"authorization": basic("admin", ADMIN), "n": "1"}
    made = Target(port, folder, world, names)
    body = {"username": USER, "password": PASSWORD}
    status, said = made.send("POST /api/2.0/mlflow/users/create", body, _AT_HOME)
    assert status == 200, said
    if WORKSPACE:
        _workspaces(made)
    names["authorization"] = basic(USER, PASSWORD)
    address = f"http://127.0.0.1:{port}"
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    client = mlflow.MlflowClient(address, address)
    experiment = client.create_experiment("loans")
    names["e1"] = experiment
    for number in (1, 2, 3):
        code = folder / f"model{number}.py"
        code.write_text(
            f"import mlflow\n\nNUMBER = {number}\n\nclass M(mlflow.pyfunc.PythonModel):\n"
            "    def predict(self, context, model_input, params=None):\n        return []\n\n"
            "mlflow.models.set_model(M())\n"
        )
        with mlflow.start_run(experiment_id=experiment) as run:
            logged = mlflow.pyfunc.log_model(name="model", python_model=str(code), pip_requirements=["mlflow"])
        names[f"run{number}"], names[f"m{number}"] = run.info.run_id, logged.model_id
        names[f"source{number}"] = f"{experiment}/models/{logged.model_id}/artifacts"
        if number == 1:
            client.create_registered_model("loan")
            client.create_registered_model("free")
            client.create_registered_model("stopped")
        name = "stopped" if number == 3 else "loan"
        client.create_model_version(name, logged.model_uri, model_id=logged.model_id)
    client.create_model_version("free", f"models:/{names['m2']}", model_id=names["m2"])
    world.trust()
    world.bind("loan")
    first = world.ready("loan", 1)
    client.set_registered_model_alias("loan", "production", "1")
    world.bind("stopped")
    names["stopped"] = world.ready("stopped", 1).removeprefix("sha256:")
    client.set_registered_model_alias("stopped", "production", "1")
    client.delete_registered_model_alias("stopped", "production")
    world.halt("stopped")
    second = world.store.stage_version("loan", 2)
    names |= {"released": first.removeprefix("sha256:"), "other": second.removeprefix("sha256:")}
    names["request"] = world.request("loan", 2, second)
    names |= {"port": str(port), "huge": "x" * 1_100_000, "long": "x" * 400, "deep": "[" * 5000}
    names |= {"clauses": " AND ".join(["tags.a = 'b'"] * 1500), "levels": "{a" * 5000 + "}" * 5000}
    names |= {"bracketed": "(" * 5000 + ")" * 5000, "unused": "fragment F on Query {" + "a " * 9000 + "} {a}"}
    names |= _forged(world, second, names["request"])
    return made


def _workspaces(made: Target) -> None:
    """Two workspaces, and in both the user may read and create."""
    for name in (WORKSPACE, "other"):
        for line, body in (
            ("POST /api/3.0/mlflow/workspaces", {"name": name}),
            (f"GET /api/3.0/mlflow/roles/list?workspace={name}", None),
        ):
            status, said = made.send(line, body, _AT_HOME)
            assert status in (200, 201), said
        role = next(each["id"] for each in json.loads(said)["roles"] if each["name"] == "user")
        body = {"username": USER, "role_id": role}
        status, said = made.send("POST /api/3.0/mlflow/roles/assign", body, _AT_HOME)
        assert status == 200, said


def _forged(world: Any, subject: str, request: str) -> dict[str, str]:
    """Statements that nobody may bring."""
    stranger = Key(Ed25519PrivateKey.generate())
    about = Subject("model", subject)
    approval = say(Approval(request, "risk"), about)
    seizes = say(Trust(9, (TrustedKey(stranger.public, "Stranger", ("policy",)),)), Subject("organization", subject))

    def signed(made: Any, key: Key) -> str:
        return json.dumps(sign(made, key).to_json())

    altered = json.loads(signed(approval, world.key("risk")))
    altered["payload"] = base64.b64encode(base64.b64decode(altered["payload"]).replace(b"risk", b"RISK")).decode()
    return {
        "forged evidence": json.dumps(altered),
        "forged approval": signed(approval, stranger),
        "forged trust": signed(seizes, stranger),
        "forged binding": signed(seizes, world.key("dev")),
        "unknown signer": signed(say(Approval(request, "compliance"), about), stranger),
        "service approves": signed(approval, world.key("ci")),
    }
