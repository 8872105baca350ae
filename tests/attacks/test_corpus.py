"""The corpus of attempts (corpus.yaml) and of daily work (legitimate.yaml), against a real server on both databases.

Everything is sent by one signed-in user without any right but to their own model. After each attempt what is governed
is looked at in the database and on disk: it must be as before.
"""

import base64
import configparser
import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import mlflow
import pytest
import sqlalchemy
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from ruamel.yaml import YAML

from aims_gates.canonical import folder_digest
from aims_gates.evidence import sign
from aims_gates.keys import Key
from aims_gates.model import Subject
from aims_gates.predicates import Approval, Trust, TrustedKey, say
from aims_gates.registry.names import governed_alias
from aims_gates.registry.store import gated_store

HERE = Path(__file__).parent
USER, PASSWORD, ADMIN = "applicant-owner", "a long password, not a secret", "an administrator's password"


@dataclass(frozen=True)
class Attempt:
    """One attempt, every name still in braces."""

    id: str
    steps: tuple[tuple[str, Any], ...]
    refused: Any
    headers: dict[str, str] = field(default_factory=dict, hash=False)


def _put(value: Any, names: dict[str, Any]) -> Any:
    """The value with each ``$name`` replaced."""
    if isinstance(value, dict):
        return {_put(key, names): _put(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [_put(each, names) for each in value]
    if isinstance(value, str):
        for name in sorted(names, key=len, reverse=True):
            value = value.replace(f"${name}", str(names[name]))
    return value


def attempts() -> Iterator[Attempt]:
    """The corpus, one attempt for each value."""
    for entry in YAML(typ="safe").load(HERE / "corpus.yaml"):
        over = {**entry.get("for", {}), **entry.get("expand", {})}
        for number, chosen in enumerate(itertools.product(*over.values())):
            names = dict(zip(over, chosen, strict=True))
            steps = tuple(next(iter(_put(step, names).items())) for step in entry["steps"])
            yield Attempt(
                f"{entry['id']}-{number}", steps, entry.get("refused", True), _put(entry.get("headers", {}), names)
            )


CORPUS = list(attempts())
DAILY = [next(iter(entry.items())) for entry in YAML(typ="safe").load(HERE / "legitimate.yaml")]


def test_the_corpus_is_as_large_as_it_says() -> None:
    assert len(CORPUS) >= 120 and len(DAILY) >= 40


@dataclass
class Target:
    """A running server, a model in production on it, and the database in hand."""

    port: int
    folder: Path
    world: Any
    names: dict[str, str]

    def send(self, line: str, body: Any, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send a request exactly as it is written; gives status and body."""
        method, _, path = line.partition(" ")
        path, name = self.fill(path), self.names
        data = self.fill(body) if isinstance(body, str) else "" if body is None else json.dumps(self.fill_all(body))
        said = {"Content-Type": "application/json", "Authorization": name["authorization"], **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.putrequest(method, path.replace(" ", "%20"), skip_accept_encoding=True)
            for key, value in said.items():
                connection.putheader(key, value)
            raw = data.encode("utf-8", "surrogatepass")
            connection.putheader("Content-Length", str(len(raw)))
            connection.endheaders(raw)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

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
            "released": folder_digest(self.folder / "artifacts" / "aims-released" / self.names["released"]),
            "source": folder_digest(self.folder / "artifacts" / self.names["source1"]),
        }


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, empty_database: bytes, worlds: ModuleType
) -> Iterator[Target]:
    """The server under attack, one for each database."""
    folder = tmp_path_factory.mktemp(f"target-{request.param}")
    for name in ("backend.db", "registry.db"):
        (folder / name).write_bytes(empty_database)
    registry = f"sqlite:///{folder / 'registry.db'}"
    if request.param == "postgresql":
        pool = request.getfixturevalue("postgresql_pool")
        registry = pool.server.url(pool.take())
    patch = pytest.MonkeyPatch()
    for name in [name for name in os.environ if name.startswith(("_MLFLOW_SERVER", "MLFLOW_"))]:
        patch.delenv(name)
    port = _free_port()
    process = _start(folder, port, f"aims+{registry}")
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    try:
        _await(port, process, folder)
        patch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(folder / "artifacts"))
        world = worlds.World(folder, gated_store(f"aims+{registry}"))
        yield _furnished(folder, port, world, patch)
        world.store._dispose_engine()
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
        mlflow.set_tracking_uri(before[0])
        mlflow.set_registry_uri(before[1])
        patch.undo()


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def _start(folder: Path, port: int, registry: str) -> "subprocess.Popen[bytes]":
    settings = configparser.ConfigParser()
    settings["mlflow"] = {"default_permission": "READ", "database_uri": f"sqlite:///{folder / 'users.db'}"}
    with (folder / "auth.ini").open("w") as file:
        settings.write(file)
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "MLFLOW_AUTH_CONFIG_PATH": str(folder / "auth.ini"),
        "MLFLOW_AUTH_ADMIN_USERNAME": "admin",
        "MLFLOW_AUTH_ADMIN_PASSWORD": ADMIN,
        "MLFLOW_FLASK_SERVER_SECRET_KEY": "only for this test",
    }
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", "aims-gates", "--host", "127.0.0.1"),
        *("--port", str(port), "--workers", "1", "--backend-store-uri", f"sqlite:///{folder / 'backend.db'}"),
        *("--registry-store-uri", registry, "--artifacts-destination", str(folder / "artifacts")),
    ]
    with (folder / "log.txt").open("wb") as log:
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)


def _await(port: int, process: "subprocess.Popen[bytes]", folder: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                return
        except OSError:
            time.sleep(0.3)
        finally:
            connection.close()
    pytest.fail(f"the server did not start: {(folder / 'log.txt').read_text()[-3000:]}")


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def _furnished(folder: Path, port: int, world: Any, patch: pytest.MonkeyPatch) -> Target:
    """Two models of one user, one version in production by the rules."""
    names = {"authorization": _basic("admin", ADMIN), "n": "1"}
    made = Target(port, folder, world, names)
    status, said = made.send("POST /api/2.0/mlflow/users/create", {"username": USER, "password": PASSWORD}, {})
    assert status == 200, said
    names["authorization"] = _basic(USER, PASSWORD)
    patch.setenv("MLFLOW_TRACKING_USERNAME", USER)
    patch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
    address = f"http://127.0.0.1:{port}"
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    client = mlflow.MlflowClient(address, address)
    experiment = client.create_experiment("loans")
    names["e1"] = experiment
    for number in (1, 2):
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
        client.create_model_version("loan", logged.model_uri, model_id=logged.model_id)
    client.create_model_version("free", logged.model_uri, model_id=logged.model_id)
    world.trust()
    world.bind("loan")
    first = world.ready("loan", 1)
    client.set_registered_model_alias("loan", "production", "1")
    second = world.store.stage_version("loan", 2)
    names |= {"released": first.removeprefix("sha256:"), "other": second.removeprefix("sha256:")}
    names["request"] = world.request("loan", 2, second)
    names |= {"long": "x" * 400, "deep": "[" * 5000} | _forged(world, second, names["request"])
    return made


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


def test_no_attempt_changes_what_is_governed(target: Target) -> None:
    before, wrong = target.governed(), []
    for number, attempt in enumerate(CORPUS):
        target.names["n"] = str(number)
        status, said = 0, b""
        for line, body in attempt.steps:
            try:
                status, said = target.send(line, body, attempt.headers)
            except (http.client.HTTPException, ConnectionError, ValueError):
                status = 400  # refused below HTTP, or it cannot even be sent
            if status >= 500 and status != 501:
                wrong.append(f"{attempt.id}: {line} answered {status}: {said[:200]!r}")
        if attempt.refused is True and 200 <= status < 300:
            wrong.append(f"{attempt.id}: {attempt.steps[-1]} was answered {status}: {said[:200]!r}")
        after = target.governed()
        if after != before:
            changed = {key: (before[key], after[key]) for key in before if before[key] != after[key]}
            wrong.append(f"{attempt.id}: changed {changed}")
            before = after
    assert not wrong, f"{len(wrong)} of {len(CORPUS)}:\n" + "\n".join(wrong)


def test_daily_work_goes_on(target: Target) -> None:
    target.names["n"] = "daily"
    wrong = []
    for line, body in DAILY:
        status, said = target.send(line, body, {})
        if not 200 <= status < 300:
            wrong.append(f"{line} {body}: {status} {said[:300]!r}")
    assert not wrong, f"{len(wrong)} of {len(DAILY)}:\n" + "\n".join(wrong)


def test_nobody_comes_in_without_signing_in(target: Target) -> None:
    for authorization in (
        "",
        "Basic",
        "Basic !!!",
        _basic(USER, "wrong"),
        "Bearer x.y.z",
        _basic("", ""),
        "Basic Og==",
    ):
        for header in ({}, {"X-Forwarded-User": "admin"}, {"Remote-User": "admin"}):
            for path in ("/api/2.0/mlflow/registered-models/search?max_results=1", "/api/2.0/aims/ledger", "/graphql"):
                status, _ = target.send(f"GET {path}", None, {"Authorization": authorization, **header})
                assert status in (401, 403, 405), (path, authorization, status)


def test_sql_by_hand_is_refused_by_the_database_itself(target: Target) -> None:
    before = target.governed()
    for statement in (
        "INSERT INTO registered_model_aliases (workspace, name, alias, version) "
        "VALUES ('default', 'loan', 'champion', 2)",
        "UPDATE registered_model_aliases SET version = 2 WHERE alias = 'production'",
        "UPDATE model_versions SET current_stage = 'Production' WHERE name = 'loan' AND version = 2",
        "UPDATE model_versions SET storage_location = 'file:///tmp/x' WHERE name = 'loan' AND version = 1",
        "UPDATE aims_ledger SET body = '{}' WHERE position = 1",
        "DELETE FROM aims_ledger WHERE position = 1",
    ):
        with (
            pytest.raises(sqlalchemy.exc.DBAPIError, match="aims-gates"),
            target.world.store.engine.begin() as connection,
        ):
            connection.execute(sqlalchemy.text(statement))
    assert target.governed() == before
