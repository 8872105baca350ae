"""The server looks before it serves: what is replaced is what MLflow calls, and the guards stand where requests go."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from aims_gates.mlflow_plugin.internals.server.names import CALLS, Call
from aims_gates.mlflow_plugin.internals.server.verify import uncalled
from aims_gates.mlflow_plugin.server import probe
from tests.support import server_settings

from .conftest import Running

#: The application as it is made for a server, with two of its guards left out.
BROKEN = """
from aims_gates.mlflow_plugin import app
from aims_gates.mlflow_plugin.server import artifacts, signin
from aims_gates.mlflow_plugin.store.identity import ANONYMOUS
from werkzeug.datastructures import Authorization

artifacts.ArtifactGuard.install = lambda self: None
signin.authorization.__code__ = (lambda: Authorization("basic", {"username": "admin", "password": ""})).__code__
signin.Authorization = Authorization
app.create_app()
"""


def test_an_application_whose_guards_do_not_stand_is_not_served(tmp_path: Path, empty_database: bytes) -> None:
    (tmp_path / "registry.db").write_bytes(empty_database)
    command = [sys.executable, "-W", "ignore", "-c", BROKEN]
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | server_settings(tmp_path), capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 1, done.stdout
    assert "this server would let through what it must not" in done.stderr
    for path in ("GET /api/2.0/mlflow/registered-models/search", "POST /v1/traces"):
        assert f"nobody signed in and {path} behind our sign-in was answered with" in done.stderr
    assert "a write to released bytes was answered with 200" in done.stderr


def answering(status: int, body: bytes = b"") -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body})

    return app


def test_what_is_answered_without_signing_in_or_by_nobody_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert len(probe.unguarded(answering(200), answering(401), signed_in=True)) == 3
    assert len(probe.unguarded(answering(401), answering(403), signed_in=True)) == 3
    assert probe.unguarded(answering(401), answering(401), signed_in=True) == []
    monkeypatch.setenv("_MLFLOW_SERVER_SERVE_ARTIFACTS", "true")
    monkeypatch.setenv("_MLFLOW_SERVER_ARTIFACT_DESTINATION", "artifacts")
    refused = answering(403, b"only staging writes released copies.")
    assert probe.unguarded(answering(401), refused, signed_in=False) == []
    for other in (answering(403, b"Invalid host header"), answering(200), answering(500)):
        assert len(probe.unguarded(answering(401), other, signed_in=False)) == 1


def test_a_function_that_is_not_called_is_named() -> None:
    assert uncalled(CALLS) == []
    gone = (
        Call("mlflow.server.handlers", "_delete_logged_model", ("_a_new_way",)),
        Call("mlflow.server", "gone", ("x",)),
    )
    assert [problem.partition(" does not call ")[2] for problem in uncalled(gone)] == ["_a_new_way", "x"]


def test_the_header_of_mlflows_assistant_signs_nobody_in(running: Running) -> None:
    headers = {"X-MLflow-Assistant-Delegation": "dora.9999999999.signature"}
    for who in ("dora", None):
        said = running.send("GET", "/api/2.0/mlflow/registered-models/search", who, headers=headers)
        assert said.status_code == 400 and "does not act for anybody" in said.text
