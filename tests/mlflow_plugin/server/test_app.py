"""The application refuses to be made where it would guard nothing; what it does not touch still works."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.workspace import Workspace
from mlflow.store.workspace.sqlalchemy_store import SqlAlchemyStore
from mlflow.utils.workspace_context import WorkspaceContext

from aims_gates.attestation.statements.policy import TrustedUser
from aims_gates.errors import RefusedError
from aims_gates.mlflow_plugin.app import create_app
from aims_gates.mlflow_plugin.server.live_store import store as live_store
from aims_gates.mlflow_plugin.store.store import gated_store
from tests.mlflow_plugin.conftest import World
from tests.support import server_settings

from .conftest import Running


def test_another_server_program_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("gunicorn", "waitress"):
        monkeypatch.setenv("_MLFLOW_SGI_NAME", name)
        with pytest.raises(RefusedError, match="uvicorn"):
            create_app()


def test_a_registry_that_is_not_gated_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, empty_database: bytes
) -> None:
    from mlflow.server import handlers
    from mlflow.store.model_registry import sqlalchemy_store

    (tmp_path / "stock.db").write_bytes(empty_database)
    stock = sqlalchemy_store.SqlAlchemyStore(f"sqlite:///{tmp_path / 'stock.db'}")
    monkeypatch.setattr(handlers, "_model_registry_store", stock)
    with pytest.raises(RefusedError, match="not gated"):
        live_store()
    monkeypatch.setenv("_MLFLOW_SGI_NAME", "uvicorn")
    with pytest.raises(RefusedError, match="not gated"):
        create_app()
    stock._dispose_engine()


#: In the application as it is made for a server: what a signed-in user of MLflow may not do, with the answers' codes.
MADE = """
from mlflow.entities.workspace import WorkspaceDeletionMode
from mlflow.exceptions import MlflowException
from aims_gates.mlflow_plugin.app import create_app
from aims_gates.mlflow_plugin.store.identity import Principal, acting_as

create_app()
from mlflow.server import auth
from mlflow.server.workspace_helpers import _get_workspace_store

def code(act, *said):
    try:
        act(*said)
    except MlflowException as error:
        return error.get_http_status_code()

with acting_as(Principal("eve", "mlflow-auth", False, False, None)):
    for login in ("rita", "newcomer"):
        print(login, code(auth.store.create_user, login, "a password of her choice"))
for mode in WorkspaceDeletionMode:
    print(mode.name, code(_get_workspace_store().delete_workspace, "team", mode))
"""


def test_the_application_guards_listed_accounts_and_governed_workspaces(
    tmp_path: Path, empty_database: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    (tmp_path / "registry.db").write_bytes(empty_database)
    database = f"sqlite:///{tmp_path / 'registry.db'}"
    world = World(tmp_path, gated_store(f"aims+{database}"), workspace="team")
    world.trust()
    world.trust_anew(lambda listed: replace(listed, users=(TrustedUser("rita", "Rita", ("risk",)),)))
    SqlAlchemyStore(database).create_workspace(Workspace("team"))
    with WorkspaceContext("team"):
        world.store.create_registered_model("loan")
    world.store._dispose_engine()
    command, settings = [sys.executable, "-c", MADE], os.environ | server_settings(tmp_path)
    made = subprocess.run(command, cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=120)
    said = dict(line.split() for line in made.stdout.splitlines() if len(line.split()) == 2)
    assert said == {"rita": "403", "newcomer": "None", "SET_DEFAULT": "403", "CASCADE": "403", "RESTRICT": "403"}, (
        made.stdout + made.stderr[-2000:]
    )


@pytest.mark.long
def test_a_server_that_may_not_start_ends_whole_with_its_workers(tmp_path: Path, empty_database: bytes) -> None:
    (tmp_path / "stock.db").write_bytes(empty_database)
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--app-name", "aims-gates", "--port", "0", "--workers", "2"),
        *("--backend-store-uri", f"sqlite:///{tmp_path / 'stock.db'}"),
    ]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=180, check=False)
    assert "not gated" in said.stderr


def test_webhooks_still_fire_after_the_commit(running: Running) -> None:
    heard: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Nothing."""

    web = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    said = running.send(
        "POST", "/api/2.0/mlflow/webhooks", "admin",
        json={
            "name": "heard", "url": f"http://127.0.0.1:{web.server_port}/", "status": "ACTIVE",
            "events": [{"entity": "MODEL_VERSION_ALIAS", "action": "CREATED"}],
        },
    )  # fmt: skip
    assert said.status_code == 200, said.text
    time.sleep(1.1)  # a worker remembers for so long here which webhooks there are
    refused = running.send(
        "POST", "/api/2.0/mlflow/registered-models/alias", json={"name": "loan", "alias": "vetoed", "version": "99"}
    )
    assert refused.status_code in (403, 404)
    running.mlflow("POST", "registered-models/alias", name="loan", alias="staging", version="1")
    deadline = time.monotonic() + 10
    while not heard and time.monotonic() < deadline:
        time.sleep(0.05)
    web.shutdown()
    web.server_close()
    assert [event["data"]["alias"] for event in heard] == ["staging"]
