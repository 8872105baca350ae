"""A halt on a real server: what it stops is read by no route, and what it does not stop is."""

import pytest
import requests

from aims_gates.attestation.statements.people import Resume
from aims_gates.documents.canonical import digest_bytes
from aims_gates.model import Subject

from .conftest import Running

API = "/api/2.0/mlflow-artifacts/artifacts"
MLFLOW = "/api/2.0/mlflow"


@pytest.fixture(scope="module")
def halted(running: Running) -> dict[str, str]:
    """A model of its own on the shared server: version 1 granted and halted, version 2 never granted, one copy."""
    world = running.world
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIMS_GATES_ARTIFACTS_DESTINATION", str(running.folder / "artifacts"))
        world.bind("stopped")
        first, second = running.logged(text="to be halted"), running.logged(text="fixed")
        running.registered("stopped", first)
        running.registered("stopped", second)
        running.registered("copied", first)
        subject = world.ready("stopped", 1)
        running.mlflow("POST", "registered-models/alias", name="stopped", alias="production", version="1")
        world.halt("stopped")
    return {"released": subject.removeprefix("sha256:"), "fixed": second["source"], **first}


def reads(running: Running, names: dict[str, str]) -> dict[str, requests.Response]:
    """Every route by which the halted bytes might be read."""
    model, source, released = (names[each] for each in ("model", "source", "released"))
    return {
        path: running.send("GET", path)
        for path in (
            f"{MLFLOW}/model-versions/get-download-uri?name=stopped&version=1",
            f"{MLFLOW}/model-versions/get-download-uri?name=copied&version=1",
            f"{MLFLOW}/registered-models/alias?name=stopped&alias=production",
            "/model-versions/get-artifact?name=stopped&version=1&path=MLmodel",
            "/ajax-api/2.0/mlflow/model-versions/get-artifact?name=copied&version=1&path=MLmodel",
            f"{API}/aims-released/{released}/MLmodel",
            f"{API}/%61ims-released/{released}/MLmodel",
            f"/ajax-api/2.0/mlflow-artifacts/artifacts/aims-released/{released}/MLmodel",
            f"{API}/{source}/MLmodel",
            f"{API}/{source.replace('/models/', '/./models/')}/model.bin",
            f"/api/2.0/mlflow-artifacts/artifacts?path={source}",
            f"/ajax-api/2.0/mlflow/logged-models/{model}/artifacts/files?artifact_file_path=MLmodel",
        )
    } | {"": running.send("GET", f"{API}/{names['fixed']}/MLmodel")}


def test_what_a_halt_stops_is_read_by_no_route_until_it_is_resumed(running: Running, halted: dict[str, str]) -> None:
    said = reads(running, halted)
    fixed = said.pop("")
    assert {path: answer.text for path, answer in said.items() if answer.ok} == {}
    for path in (
        f"{API}/{halted['source']}/MLmodel",
        f"{MLFLOW}/model-versions/get-download-uri?name=copied&version=1",
    ):
        assert said[path].status_code == 403 and "was halted on" in said[path].text, said[path].text
        assert "aims-gates resume stopped" in said[path].text
    assert fixed.ok
    address = f"{MLFLOW}/model-versions/get-download-uri?name=stopped&version=2"
    assert running.send("GET", address).ok
    assert running.send("GET", f"{API}/{running.names['source']}/MLmodel").ok
    resumed = Resume("default", "stopped", "it was another model")
    running.world.sign(resumed, Subject("model", digest_bytes(b"resume")), "policy")
    for path in (f"{API}/{halted['source']}/MLmodel", f"{API}/aims-released/{halted['released']}/MLmodel"):
        assert running.send("GET", path).ok
