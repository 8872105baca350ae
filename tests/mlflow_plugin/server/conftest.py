"""One real server for all tests of this folder: every way to sign in, a model in production, an issuer of tokens."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import jwt
import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from requests.adapters import HTTPAdapter

from aims_gates.attestation.signing.keys import new_key
from aims_gates.mlflow_plugin.store.store import gated_store
from tests.mlflow_plugin.conftest import World
from tests.support import await_health, stopped_at_the_end

PASSWORD = "long enough for anybody"
PROXY = "127.0.0.2"
#: Where browsers find the server; MLflow is told of other hosts besides, for those who call it by its address.
PUBLIC = "https://mlflow.example.org"


@dataclass
class Provider:
    """An OpenID provider: a web server with a key pair, and the tokens it would give."""

    address: str = ""
    keys: dict[str, Any] = field(default_factory=dict)
    asked: int = 0

    def rotate(self, id: str) -> None:
        """From now on this key alone signs."""
        self.keys = {id: rsa.generate_private_key(public_exponent=65537, key_size=2048)}

    def token(self, **changes: Any) -> str:
        """A token; claims that are None are left out."""
        now = int(time.time())
        claims = {"iss": self.address, "aud": "aims-gates", "sub": "ada", "iat": now, "exp": now + 300, **changes}
        (id, key), *_ = self.keys.items()
        said = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode(said, key, algorithm="RS256", headers={"kid": id})

    def document(self, path: str) -> Any:
        """What is published at a path."""
        if path == "/.well-known/openid-configuration":
            return {"issuer": self.address, "jwks_uri": f"{self.address}/keys"}
        self.asked += 1
        public = {id: RSAAlgorithm.to_jwk(key.public_key(), as_dict=True) for id, key in self.keys.items()}
        return {"keys": [{**shown, "kid": id, "use": "sig"} for id, shown in public.items()]}


def _provider() -> Iterator[Provider]:
    made = Provider()
    made.rotate("first")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            data = json.dumps(made.document(self.path)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    web = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    made.address = f"http://127.0.0.1:{web.server_port}"
    yield made
    web.shutdown()
    web.server_close()


provider = pytest.fixture(_provider)
people = pytest.fixture(_provider, scope="session")
jobs = pytest.fixture(_provider, scope="session")


class _From(HTTPAdapter):
    """Sends from an address of this machine's choice."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, source_address=(PROXY, 0), **kwargs)


@dataclass
class Running:
    """The server.

    Attributes:
        address, folder: Where it listens, and where its files are.
        world: The registry's database in hand.
        names: Ids of what stands on it.
    """

    address: str
    folder: Path
    world: World
    names: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, who: str | None = "dora", **what: Any) -> requests.Response:
        """One request as somebody, whose name is said with the usual password."""
        what.setdefault("auth", (who, PASSWORD) if who else None)
        return requests.request(method, f"{self.address}{path}", timeout=30, **what)

    def mlflow(self, method: str, what: str, who: str = "dora", **body: Any) -> Any:
        """A call that must succeed; gives its JSON."""
        said = self.send(method, f"/api/2.0/mlflow/{what}", who, json=body)
        assert said.status_code == 200, said.text
        return said.json()

    def from_proxy(self, path: str, **headers: str) -> requests.Response:
        """As the trusted proxy asks."""
        with requests.Session() as session:
            session.mount("http://", _From())
            return session.get(f"{self.address}{path}", headers=headers, timeout=30)

    def logged(self, who: str = "dora", text: str = "weights") -> dict[str, str]:
        """A run and a logged model with its files, made by somebody."""
        place = self.names["experiment"]
        run = self.mlflow("POST", "runs/create", who, experiment_id=place)["run"]["info"]["run_id"]
        made = self.mlflow("POST", "logged-models", who, experiment_id=place, name="model", source_run_id=run)
        model = made["model"]["info"]["model_id"]
        source = f"{place}/models/{model}/artifacts"
        for name, data in {"MLmodel": "flavors: {}\n", "model.bin": text}.items():
            said = self.send("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{source}/{name}", who, data=data)
            assert said.status_code == 200, said.text
        self.mlflow("PATCH", f"logged-models/{model}", who, model_id=model, status="LOGGED_MODEL_READY")
        return {"run": run, "model": model, "source": source}

    def registered(self, name: str, made: dict[str, str], who: str = "dora") -> int:
        """Register a logged model as the next version of a name."""
        self.send("POST", "/api/2.0/mlflow/registered-models/create", who, json={"name": name})
        said = self.mlflow(
            "POST", "model-versions/create", who, name=name, source=f"models:/{made['model']}", model_id=made["model"]
        )
        return int(said["model_version"]["version"])


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="session")
def running(
    tmp_path_factory: pytest.TempPathFactory, empty_database: bytes, people: Provider, jobs: Provider
) -> Iterator[Running]:
    """``aims-gates server`` as a user starts it, with a version of the bound model ``loan`` in production."""
    folder = tmp_path_factory.mktemp("running")
    for name in ("mlflow.db", "registry.db"):
        (folder / name).write_bytes(empty_database)
    issuers = [
        {"issuer": people.address, "audience": "aims-gates"},
        {
            "issuer": jobs.address,
            "audience": "aims-gates",
            "service": True,
            "actor": "actor",
            "claims": {"org": "ours"},
        },
    ]
    (folder / "oidc.json").write_text(json.dumps({"issuers": issuers}))
    port = _free_port()
    command = [
        *(sys.executable, "-c", "from aims_gates.cli import entry; entry()", "server", "--port", str(port)),
        *("--workers", "1"),
        *("--registry", "aims+sqlite:///registry.db", "--backend", "sqlite:///mlflow.db", "--artifacts", "artifacts"),
        *("--oidc", "oidc.json", "--trusted-proxy", PROXY),
        *("--server-key", "server.key", "--checkpoints", "kept", "--checkpoint-minutes", "1"),
        *("--public-url", PUBLIC, "--", "--allowed-hosts", "127.0.0.1:*,localhost"),
    ]
    (folder / "kept").mkdir()
    key = new_key(folder / "server.key")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "_MLFLOW"))}
    environment |= {
        "MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD,
        "AIMS_GATES_BODY_SECONDS": "2",
        "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
        "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
        "MLFLOW_WEBHOOK_CACHE_TTL": "1",
    }
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
    with stopped_at_the_end(process):
        address = f"http://127.0.0.1:{port}"
        await_health(address, process, folder / "log.txt")
        store = gated_store(f"aims+sqlite:///{folder / 'registry.db'}")
        made = Running(address, folder, World(folder, store, {"server": key}))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(folder / "artifacts"))
            _furnish(made)
        yield made
        store._dispose_engine()


@pytest.fixture(autouse=True)
def where_its_artifacts_are(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, no_server_around: None
) -> None:
    """On the server's machine, for a test that has the server; not for other folders' tests after it."""
    if "running" in request.fixturenames:
        folder = request.getfixturevalue("running").folder
        monkeypatch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(folder / "artifacts"))


def _furnish(made: Running) -> None:
    for name in ("dora", "rita", "mallory"):
        said = made.send("POST", "/api/2.0/mlflow/users/create", "admin", json={"username": name, "password": PASSWORD})
        assert said.status_code == 200, said.text
    made.world.trust(server=("server",))
    made.world.bind("loan")
    made.names["experiment"] = made.mlflow("POST", "experiments/create", name="loans")["experiment_id"]
    made.names |= made.logged()
    made.registered("loan", made.names)
    subject = made.world.store.stage_version("loan", 1)
    made.world.evidence(subject)
    made.world.approve(made.world.request("loan", 1, subject), subject)
    made.mlflow("POST", "registered-models/alias", name="loan", alias="production", version="1")
    made.names["released"] = subject.removeprefix("sha256:")
