"""A real ``mlflow server`` on the gated store, seen by a plain client that knows nothing of it."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
import pytest
import requests
from mlflow.exceptions import MlflowException, RestException

from aims_gates.attestation.statements.registry import Grant, Registration
from aims_gates.mlflow_plugin.store.actor import ANONYMOUS
from aims_gates.mlflow_plugin.store.locations import DESTINATION_ENV_VAR
from aims_gates.mlflow_plugin.store.store import gated_store
from tests.support import await_health, stopped_at_the_end

from .conftest import World
from .test_promotion import acts, decisions


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, empty_database: bytes) -> Iterator[tuple[str, Path]]:
    """The server's address and its folder."""
    folder = tmp_path_factory.mktemp("server")
    for name in ("backend.db", "registry.db"):
        (folder / name).write_bytes(empty_database)
    port = free_port()
    command = [
        *(sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"),
        *("--backend-store-uri", f"sqlite:///{folder / 'backend.db'}"),
        *("--registry-store-uri", f"aims+sqlite:///{folder / 'registry.db'}"),
        *("--artifacts-destination", str(folder / "artifacts")),
    ]
    environment = {
        **os.environ,
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "AIMS_GATES_MODEL_SOURCES": "s3://bucket",
    }
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, start_new_session=True)
        address = f"http://127.0.0.1:{port}"
        with stopped_at_the_end(process):
            await_health(address, process, folder / "log.txt")
            yield address, folder


@pytest.fixture
def world(server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The same registry with the database in hand, on the server's machine."""
    monkeypatch.setenv(DESTINATION_ENV_VAR, str(server[1] / "artifacts"))
    store = gated_store(f"aims+sqlite:///{server[1] / 'registry.db'}")
    yield World(server[1], store)
    store._dispose_engine()


@pytest.fixture
def client(server: tuple[str, Path]) -> Iterator[mlflow.MlflowClient]:
    """A plain MLflow client over HTTP."""
    before = mlflow.get_tracking_uri(), mlflow.get_registry_uri()
    mlflow.set_tracking_uri(server[0])
    mlflow.set_registry_uri(server[0])
    yield mlflow.MlflowClient(server[0], server[0])
    mlflow.set_tracking_uri(before[0])
    mlflow.set_registry_uri(before[1])


def post(address: str, what: str, **body: Any) -> requests.Response:
    return requests.post(f"{address}/api/2.0/mlflow/{what}", json=body, timeout=30)


def test_a_plain_client_is_refused_once_and_granted_when_ready(
    server: tuple[str, Path], world: World, client: mlflow.MlflowClient, tmp_path: Path
) -> None:
    address, folder = server
    code = tmp_path / "model.py"
    code.write_text(
        "import mlflow\n\nclass M(mlflow.pyfunc.PythonModel):\n"
        "    def predict(self, context, model_input, params=None):\n        return []\n\nmlflow.models.set_model(M())\n"
    )
    with mlflow.start_run(experiment_id="0"):
        logged = mlflow.pyfunc.log_model(name="model", python_model=str(code), pip_requirements=["mlflow"])
    client.create_registered_model("loan")
    version = client.create_model_version("loan", logged.model_uri, model_id=logged.model_id).version
    assert acts(world, "loan", Registration)[0].actor == ANONYMOUS

    said = requests.post(
        f"{address}/api/2.0/mlflow/registered-models/alias",
        json={"name": "loan", "alias": "production", "version": version},
        timeout=30,
    )
    assert said.status_code == 403 and said.json()["error_code"] == "PERMISSION_DENIED"
    assert {"message", "aims_decision", "aims_controls"} <= set(said.json())
    assert all(set(each) == {"id", "title", "state", "next"} for each in said.json()["aims_controls"])

    before = decisions(world)
    with pytest.raises(RestException) as caught:
        client.set_registered_model_alias("loan", "production", version)
    assert decisions(world) == before + 1, "the client tried again"
    assert caught.value.get_http_status_code() == 403
    assert "bind" in caught.value.json["aims_controls"][0]["next"][0]
    with pytest.raises(MlflowException), pytest.warns(FutureWarning, match="deprecated"):
        client.transition_model_version_stage("loan", version, "Production")

    world.trust()
    world.bind("loan")
    subject = world.store.stage_version("loan", int(version))
    world.request("loan", int(version), subject)
    with pytest.raises(RestException) as caught:
        client.set_registered_model_alias("loan", "production", version)
    assert [each["id"] for each in caught.value.json["aims_controls"]] == ["A.6.2.4", "A.7.4"]

    world.ready("loan", int(version))
    client.set_registered_model_alias("loan", "production", version)
    hexdigits = subject.removeprefix("sha256:")
    granted = acts(world, "loan", Grant)[-1]
    assert granted.location == f"mlflow-artifacts:/aims-released/{hexdigits}"
    assert (folder / "artifacts" / "aims-released" / hexdigits / "MLmodel").is_file()
    found = mlflow.artifacts.download_artifacts("models:/loan@production", dst_path=str(tmp_path / "got"))
    assert (Path(found) / "model.py").read_text() == code.read_text()
    mlflow.pyfunc.load_model("models:/loan@production")

    world.sql("UPDATE registered_model_aliases SET alias = 'champion'")
    with pytest.raises(RestException) as caught:
        client.get_model_version_by_alias("loan", "champion")
    assert caught.value.get_http_status_code() == 403


def test_odd_spellings_get_a_client_error_and_never_a_server_error(server: tuple[str, Path]) -> None:
    address, _ = server
    post(address, "registered-models/create", name="odd")
    for source in ("s3://bucket-of-others/x", "s3://bucket", "http://bucket/x", "/etc"):
        said = post(address, "model-versions/create", name="odd", source=source)
        assert 400 <= said.status_code < 500, (source, said.text)
    assert post(address, "model-versions/create", name="odd", source="s3://bucket/x").ok
    for version in ("01", "+1", " 1", "１", "1.0", "", "9" * 400):
        said = post(address, "registered-models/alias", name="odd", alias="production", version=version)
        assert 400 <= said.status_code < 500, (version, said.status_code, said.text)
    for alias in ("Production", "ｐｒｏｄｕｃｔｉｏｎ", "prod", "рroduction"):
        said = post(address, "registered-models/alias", name="odd", alias=alias, version="1")
        assert said.status_code == 403, (alias, said.text)
    said = post(address, "registered-models/set-tag", name="odd", key="mlflow.prompt.is_prompt", value="true")
    assert said.status_code == 403
