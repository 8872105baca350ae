"""The application refuses to be made where it would guard nothing; what it does not touch still works."""

import json
import os
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from aims_gates.errors import RefusedError
from aims_gates.registry.server.api.desk import store as live_store
from aims_gates.registry.server.app import create_app

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
    from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

    (tmp_path / "stock.db").write_bytes(empty_database)
    stock = SqlAlchemyStore(f"sqlite:///{tmp_path / 'stock.db'}")
    monkeypatch.setattr(handlers, "_model_registry_store", stock)
    with pytest.raises(RefusedError, match="not gated"):
        live_store()
    monkeypatch.setenv("_MLFLOW_SGI_NAME", "uvicorn")
    with pytest.raises(RefusedError, match="not gated"):
        create_app()
    stock._dispose_engine()


@pytest.mark.slow
@pytest.mark.skipif("AIMS_GATES_LONG" not in os.environ, reason="takes a minute: set AIMS_GATES_LONG")
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
