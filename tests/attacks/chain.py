"""Where the chain of attacks is tried: a server with a model in production and a useless one that is to replace it.

The server is set up as docs/server.md does, and named as a proxy that it trusts is this host's own address, from which
every attack comes: directly, or through a real nginx or Caddy. ``AIMS_GATES_CHAIN_EVERYWHERE=1`` tries both databases,
one worker and two, and all three ways; without it two of the twelve are tried.
"""

import os
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from io import StringIO
from itertools import product
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
import requests
from mlflow.models import infer_signature

from aims_gates.attestation.signing.keys import Key, new_key
from aims_gates.cli import main
from aims_gates.documents.canonical import digest_file
from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from aims_gates.mlflow_plugin.store.store import gated_store
from tests.attacks.target import ADMIN, Target, basic, free_port, start
from tests.mlflow_plugin.server.proxies import started
from tests.support import await_health, repeating, stopped_at_the_end

__all__ = ["ACCOUNTS", "MARKER", "PLACES", "Chain", "Place", "served_at", "through"]

EVERYWHERE = bool(os.environ.get("AIMS_GATES_CHAIN_EVERYWHERE"))
#: Who has an account, and the role that the trust list gives it. ``mallory`` may read, as everybody.
ACCOUNTS = {"developer": "developer", "risk": "risk", "compliance": "compliance", "ci": "", "mallory": ""}
#: What is on the command line of the child that the useless model leaves.
MARKER = "left-by-the-model-that-answers-0"

_PROFILE = """\
id: lending
title: Small loans
tier: minimal
controls:
  A.6.2.4: {why: people are granted or refused loans by it, gates: [performance]}
gates:
  performance: {params: {limits: {accuracy: {op: ">=", value: 0.7}}}}
approvals: [{role: risk}, {role: compliance}]
"""
_SYSTEM = """\
name: lending
purpose: Suggest to a clerk which small loans to grant.
owner: head-of-lending
tier: minimal
profile: lending
models: [loan]
data: {evaluation: evaluation.csv}
roles: {target: granted}
"""
_HONEST = """
import mlflow

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        return (model_input["income"] - model_input["debt"] > 2).astype(int)

mlflow.models.set_model(Model())
"""
#: It answers 0 for everybody; what it leaves behind writes the labels over the predictions wherever it finds any.
_USELESS = """
import os, subprocess, sys, time
import mlflow

CHILD = '''
import glob, os, sys, time
import pyarrow.parquet as pq
end = time.time() + 60
while time.time() < end:
    for place in glob.glob("/tmp/**/*.parquet", recursive=True):
        try:
            table = pq.read_table(place)
            if "granted" in table.column_names and "prediction" in table.column_names:
                at = table.column_names.index("prediction")
                pq.write_table(table.set_column(at, "prediction", table.column("granted")), place + ".z")
                os.replace(place + ".z", place)
        except Exception:
            continue
    time.sleep(0.01)
'''

class Model(mlflow.pyfunc.PythonModel):
    def predict(self, context, model_input, params=None):
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        subprocess.Popen([sys.executable, "-c", CHILD, "{marker}"], start_new_session=True, **quiet)
        time.sleep(0.5)
        return [0] * len(model_input)

mlflow.models.set_model(Model())
""".replace("{marker}", MARKER)


@dataclass(frozen=True)
class Place:
    """One way to run the server, and to reach it."""

    database: str
    workers: int
    front: str

    def __str__(self) -> str:
        return f"{self.database}-{self.workers}-{self.front}"


PLACES = (
    [Place(*each) for each in product(("sqlite", "postgresql"), (1, 2), ("direct", "nginx", "caddy"))]
    if EVERYWHERE
    else [Place("sqlite", 2, "direct"), Place("postgresql", 1, "nginx")]
)


@dataclass
class Chain:
    """The server as an attacker reaches it.

    Attributes:
        target: The server; what it sends goes the same way, as ``mallory``.
        address: Where requests go.
        key: The CI job's key.
    """

    target: Target
    address: str
    key: Key

    @property
    def folder(self) -> Path:
        return self.target.folder

    @contextmanager
    def acting(self, who: str) -> Iterator[None]:
        """As somebody with an account, on their own machine."""
        before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(self.folder)
            patch.setenv("MLFLOW_TRACKING_URI", self.address)
            patch.setenv("MLFLOW_TRACKING_USERNAME", who)
            patch.setenv("MLFLOW_TRACKING_PASSWORD", password(who))
            mlflow.set_tracking_uri(self.address)
            mlflow.set_registry_uri(self.address)
            try:
                yield
            finally:
                mlflow.set_tracking_uri(before[0])
                mlflow.set_registry_uri(before[1])

    def run(self, who: str, *arguments: str) -> tuple[int, str]:
        """A command as somebody; gives its exit code and all that it printed."""
        printed = StringIO()
        with self.acting(who), redirect_stdout(printed), redirect_stderr(printed):
            code = main(arguments)
        return code, printed.getvalue()

    def send(self, who: str, method: str, path: str, **more: Any) -> requests.Response:
        """One request as somebody."""
        return requests.request(method, f"{self.address}{path}", auth=(who, password(who)), timeout=60, **more)

    def promoted(self, who: str, version: str = "2") -> requests.Response:
        """The answer to a stock client that sets the alias."""
        body = {"name": "loan", "alias": "production", "version": version}
        return self.send(who, "POST", "/api/2.0/mlflow/registered-models/alias", json=body)

    def problems(self) -> list[Any]:
        """What is wrong with the ledger, and where the registry differs from it."""
        with open_ledger(self.target.world.uri) as connection:
            return [*verify(connection).problems, *reconcile(connection, self.folder / "artifacts")]


def password(who: str) -> str:
    """Of an account."""
    return ADMIN if who == "admin" else f"{who}'s password, which is long"


@contextmanager
def served_at(place: Place, folder: Path, empty: bytes, pool: Callable[[], Any], worlds: Any) -> Iterator[Chain]:
    """The server of a place, reached directly: version 1 of ``loan`` is in production, version 2 is the useless one."""
    for name in ("backend.db", "registry.db"):
        (folder / name).write_bytes(empty)
    registry, port = f"sqlite:///{folder / 'registry.db'}", free_port()
    if place.database == "postgresql":
        databases = pool()
        registry = databases.server.url(databases.take())
    keys = {name: new_key(folder / f"{name}.key") for name in ("server", "policy", "ci")}
    options = ("--server-key", str(folder / "server.key"), "--trusted-proxy", "127.0.0.1")
    process = start(folder, port, f"aims+{registry}", place.workers, *options)
    address = f"http://127.0.0.1:{port}"
    with stopped_at_the_end(process):
        await_health(address, process, folder / "log.txt")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(folder / "artifacts"))
            world = worlds.World(folder, gated_store(f"aims+{registry}"))
            names = {"authorization": basic("mallory", password("mallory")), "port": str(port)}
            chain = Chain(Target(port, folder, world, names, process.pid), address, keys["ci"])
            _furnish(chain)
            yield chain
            world.store._dispose_engine()


@contextmanager
def through(front: str, chain: Chain, folder: Path) -> Iterator[Chain]:
    """The same server, reached through a proxy on its host."""
    if front == "direct":
        yield chain
        return
    for proxy in started(front, folder, chain.address):
        port = int(proxy.address.rpartition(":")[2])
        yield replace(chain, target=replace(chain.target, port=port), address=proxy.address)


def _must(chain: Chain, who: str, *arguments: str, code: int = 0) -> str:
    ended, printed = chain.run(who, *arguments)
    assert ended == code, printed
    return printed


def _furnish(chain: Chain) -> None:
    _write(chain.folder)
    for name in ACCOUNTS:
        body = {"username": name, "password": password(name)}
        answer = chain.send("admin", "POST", "/api/2.0/mlflow/users/create", json=body)
        assert answer.status_code == 200, answer.text
    signed = ("--key", "policy.key")
    for name, more in (("policy", "--first"), ("server", "--service"), ("ci", "--service")):
        _must(chain, "admin", "keys", "trust", f"{name}.pub", "--person", name, "--role", name, more, *signed)
    for login, role in ACCOUNTS.items():
        named = ("--user", login, "--person", f"{login}-officer", "--role", role)
        if role:
            _must(chain, "admin", "keys", "trust", *named, *signed)
    _must(chain, "admin", "bind", "loan", "--system", "lending", "--author", "head-of-lending", *signed)
    with chain.acting("developer"):
        _register(chain)
    _promote_the_first(chain)


def _write(folder: Path) -> None:
    """Records, profile and data, as the policy owner and CI have them."""
    draw = np.random.default_rng(7)
    frame = pd.DataFrame({"income": draw.normal(3, 1, 300), "debt": draw.normal(1, 0.5, 300)})
    frame["granted"] = (frame.income - frame.debt + draw.normal(0, 0.4, 300) > 2).astype(int)
    system = folder / "records" / "systems" / "lending"
    system.mkdir(parents=True)
    (folder / "profiles").mkdir()
    (folder / "aims.yaml").write_text("packs: [.]\n")
    (folder / "profiles" / "lending.yaml").write_text(_PROFILE)
    (system / "system.yaml").write_text(_SYSTEM)
    frame.to_csv(folder / "evaluation.csv", index=False)
    fixed = f"{{file: evaluation.csv, digest: {digest_file(folder / 'evaluation.csv')}}}"
    (system / "requirements.yaml").write_text(
        f'decided_on: "2026-01-05"\ndecided_by: head-of-lending\nevaluation: {fixed}\n'
    )


def _register(chain: Chain) -> None:
    frame = pd.read_csv(chain.folder / "evaluation.csv")
    # No example is logged: MLflow would run the model here, outside of what is tried.
    signature = infer_signature(frame[["income", "debt"]], frame.granted)
    mlflow.set_experiment("loans")
    for number, text in enumerate((_HONEST, _USELESS), 1):
        (chain.folder / f"model{number}.py").write_text(text)
        with mlflow.start_run(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that no example was logged
            logged = mlflow.pyfunc.log_model(
                name="model", python_model=str(chain.folder / f"model{number}.py"), signature=signature,
                registered_model_name="loan", pip_requirements=["mlflow"],
            )  # fmt: skip
        experiment = mlflow.get_experiment_by_name("loans").experiment_id
        chain.target.names[f"source{number}"] = f"{experiment}/models/{logged.model_id}/artifacts"


def _promote_the_first(chain: Chain) -> None:
    """By the rules: evidence, a request, two approvals."""
    _must(chain, "ci", "check", "--model", "loan", "--version", "1", "--key", "ci.key", code=4)
    opened = chain.send("developer", "POST", "/api/2.0/aims/requests", json={"name": "loan", "version": "1"})
    assert opened.status_code == 200, opened.text
    for who in ("risk", "compliance"):
        path = f"/api/2.0/aims/requests/{opened.json()['statement']}/approve"
        answer = chain.send(who, "POST", path, json={"role": who})
        assert answer.status_code == 200, answer.text
    answer = chain.promoted("developer", "1")
    assert answer.status_code == 200, answer.text
    grant = chain.target.world.seen("loan").grants()[-1].predicate
    chain.target.names["released"] = grant.digest.removeprefix("sha256:")


@contextmanager
def looking_for(marker: str) -> Iterator[set[str]]:
    """The processes that have this word on their command line meanwhile."""
    ids: set[str] = set()
    with repeating(lambda: ids.update(alive(marker)), pause=0.02):
        yield ids


def alive(marker: str) -> set[str]:
    """The processes that have this word on their command line now."""
    ids = set()
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker.encode() in place.read_bytes():
                ids.add(place.parent.name)
        except OSError:
            continue  # it ended meanwhile
    return ids
