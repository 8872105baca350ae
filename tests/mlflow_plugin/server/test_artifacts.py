"""Artifacts of what was released: by no route, spelling or verb written, and read by whoever may read the model."""

import base64
import http.client
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from mlflow.exceptions import MlflowException
from mlflow.store.artifact.artifact_repo import (
    ArtifactRepository,
    MultipartDownloadMixin,
    MultipartUploadMixin,
    PresignedUploadMixin,
    StreamUploadMixin,
)
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository

from aims_gates.documents.canonical import folder_digest
from aims_gates.mlflow_plugin.server.artifacts import READS, WRITES, ArtifactGuard
from aims_gates.mlflow_plugin.store.paths import forms, released_digest

from .conftest import PASSWORD, Running

API = "/api/2.0/mlflow-artifacts"
AJAX = "/ajax-api/2.0/mlflow-artifacts"
#: Spellings of the released model file, and of its source.
PATHS = [
    "aims-released/{released}/MLmodel",
    "aims-released/{released}/added.py",
    "aims-released/0000/MLmodel",
    "AIMS-Released/{released}/MLmodel",
    "aims-released//{released}//MLmodel",
    "./aims-released/{released}/./MLmodel",
    "x/../aims-released/{released}/MLmodel",
    "%61ims-released/{released}/MLmodel",
    "%2561ims-released/{released}/MLmodel",
    "aims%2Dreleased%2F{released}%2FMLmodel",
    "x/%2e%2e/aims-released/{released}/MLmodel",
    "x%5c..%5caims-released/{released}/MLmodel",
    "workspaces/default/aims-released/{released}/MLmodel",
    "aims-released/{released}/MLmodel%20",
    "aims-released/{released}/MLmodel%00",
    "%EF%BD%81ims-released/{released}/MLmodel",
    "/aims-released/{released}/MLmodel",
    "{source}/MLmodel",
    "{source}/added.py",
    "{experiment}/models/{model}/other/MLmodel",
    "{experiment}//models/{model}/artifacts/MLmodel",
    "{experiment}/models/%6d{model_tail}/artifacts/MLmodel",
    "{experiment}/./models/{model}/artifacts/MLmodel",
]
WIDE = [
    *(".", "./", "%2e", "{experiment}", "{experiment}/", "{experiment}/models", "{experiment}/models/{model}"),
    *("aims-released", "aims-released/{released}"),
]


def raw(running: Running, method: str, path: str, body: bytes = b"evil", **headers: str) -> tuple[int, bytes]:
    """A request whose path goes as it is written."""
    place = urlsplit(running.address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=30)
    try:
        connection.putrequest(method, path, skip_accept_encoding=True)
        said = base64.b64encode(f"dora:{PASSWORD}".encode()).decode()
        for key, value in {"Authorization": f"Basic {said}", "Content-Length": str(len(body)), **headers}.items():
            connection.putheader(key, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def filled(running: Running, path: str) -> str:
    return path.format(**running.names, model_tail=running.names["model"][1:])


def standing(running: Running) -> tuple[str, str]:
    """The bytes released, and those they came from."""
    root = running.folder / "artifacts"
    return folder_digest(root / "aims-released" / running.names["released"]), folder_digest(
        root / running.names["source"]
    )


def test_every_spelling_of_a_released_path_is_refused_on_both_routes(running: Running) -> None:
    before = standing(running)
    for path in PATHS:
        for door in (API, AJAX):
            for method in ("PUT", "put", "DELETE", "POST", "PATCH"):
                status, said = raw(running, method, f"{door}/artifacts/{filled(running, path)}")
                # 308: MLflow points to the path with one slash, which stands in this list too
                assert 400 <= status < 500 or status == 308, (method, door, path, status, said)
    assert standing(running) == before


def test_nothing_above_what_was_released_is_deleted(running: Running) -> None:
    before = standing(running)
    for path in WIDE:
        status, said = raw(running, "DELETE", f"{API}/artifacts/{filled(running, path)}", b"")
        assert 400 <= status < 500, (path, status, said)
        status, said = raw(running, "DELETE", f"{API}/artifacts?path={filled(running, path)}", b"")
        assert 400 <= status < 500, (path, status, said)
    assert standing(running) == before


def test_the_other_doors_are_shut_too(running: Running) -> None:
    before = standing(running)
    released, source = filled(running, "aims-released/{released}"), running.names["source"]
    override = {"X-HTTP-Method-Override": "PUT", "X-Method-Override": "DELETE"}
    doors: list[tuple[str, str, dict[str, str]]] = [
        (
            "POST",
            f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={running.names['run']}&path=../../{released}/MLmodel",
            {},
        ),
        ("DELETE", f"/api/2.0/mlflow/logged-models/{running.names['model']}", {}),
        ("DELETE", f"/ajax-api/2.0/mlflow/logged-models/{running.names['model']}", {}),
        ("POST", f"{API}/artifacts/{released}/MLmodel", override),
    ]
    for door in (API, AJAX):
        for place in (released, source):
            doors += [("POST", f"{door}/mpu/{verb}/{place}", {}) for verb in ("create", "complete", "abort")]
            doors += [("PUT", f"{door}/presigned/{place}/MLmodel", {}), ("POST", f"{door}/presigned/{place}/x", {})]
    for method, path, headers in doors:
        body = b'{"path": "MLmodel", "num_parts": 1, "upload_id": "x", "parts": []}'
        status, said = raw(running, method, path, body, **{"Content-Type": "application/json", **headers})
        # MLflow answers 501 where a store knows no uploads in parts.
        assert 400 <= status < 500 or status == 501, (method, path, status, said)
    assert standing(running) == before
    shown = running.mlflow("GET", f"logged-models/{running.names['model']}")
    assert shown["model"]["info"]["status"] == "LOGGED_MODEL_READY"


def test_an_experiment_laid_over_a_released_place_takes_no_files(running: Running) -> None:
    before = standing(running)
    for number, place in enumerate(("aims-released", filled(running, "{experiment}/models/{model}"))):
        for scheme in ("mlflow-artifacts:/", f"file://{running.folder}/artifacts/"):
            made = running.send(
                "POST", "/api/2.0/mlflow/experiments/create",
                json={"name": f"over{number}{scheme[:4]}", "artifact_location": f"{scheme}{place}"},
            )  # fmt: skip
            if made.status_code != 200:
                continue
            run = running.mlflow("POST", "runs/create", experiment_id=made.json()["experiment_id"])
            id = run["run"]["info"]["run_id"]
            said = running.send("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={id}&path=x.py", data=b"evil")
            assert scheme == "mlflow-artifacts:/" or said.status_code == 403, said.text
    assert standing(running) == before


def test_a_refusal_says_why_as_every_refusal_does(running: Running) -> None:
    said = running.send("PUT", f"{API}/artifacts/{running.names['source']}/MLmodel", data=b"evil")
    assert said.status_code == 403 and said.json()["error_code"] == "PERMISSION_DENIED"
    assert "loan version 1" in said.json()["message"]
    assert {"id", "title", "state", "next"} == set(said.json()["aims_controls"][0])


def test_daily_work_beside_it_goes_on(running: Running) -> None:
    run, place = running.names["run"], running.names["experiment"]
    for path in (f"{place}/{run}/artifacts/report.html", f"{place}/{run}/artifacts/aims-releases/x"):
        assert running.send("PUT", f"{API}/artifacts/{path}", data=b"fine").status_code == 200
        assert running.send("GET", f"{API}/artifacts/{path}").content == b"fine"
    upload = f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=plots/a.txt"
    assert running.send("POST", upload, data=b"fine").status_code == 200
    assert running.send("DELETE", f"{API}/artifacts/{place}/{run}/artifacts/report.html").status_code == 200
    other = running.logged(text="another")
    assert running.send("PUT", f"{API}/artifacts/{other['source']}/more.txt", data=b"fine").status_code == 200
    assert running.send("DELETE", f"/api/2.0/mlflow/logged-models/{other['model']}").status_code == 200


def test_a_released_copy_is_read_by_those_who_may_read_its_model(running: Running) -> None:
    path = filled(running, "aims-released/{released}")
    file, listed = f"{API}/artifacts/{path}/MLmodel", f"{API}/artifacts?path={path}"
    assert running.send("GET", file, "mallory").content == b"flavors: {}\n"
    grant = {"resource_type": "registered_model", "resource_id": "loan", "permission": "DENY"}
    made = running.send(
        "POST", "/api/3.0/mlflow/users/permissions/grant", "admin", json={"username": "mallory", **grant}
    )
    assert made.status_code == 200, made.text
    for place in (file, listed, file.replace("aims", "%61ims"), file.replace("/api", "/ajax-api")):
        assert running.send("GET", place, "mallory").status_code == 403, place
        assert running.send("GET", place, "dora").status_code == 200, place
    assert running.send("GET", f"{API}/artifacts?path=aims-released", "dora").status_code == 403
    staged = running.world.model("never-released", "staged alone")
    digest = running.world.store.stage_version("never-released", staged).removeprefix("sha256:")
    assert running.send("GET", f"{API}/artifacts/aims-released/{digest}/MLmodel", "dora").status_code == 403
    assert running.send("GET", f"{API}/artifacts/aims-released/{digest}/MLmodel", "admin").status_code == 200


def test_sources_that_the_server_may_not_read_are_not_registered(running: Running) -> None:
    running.send("POST", "/api/2.0/mlflow/registered-models/create", json={"name": "strange"})
    for source in (
        "s3://bucket/m", "gs://b/m", "http://127.0.0.1:1/m", "/etc", "file:///etc", "../../etc", "hdfs://n/m",
        "mlflow-artifacts://elsewhere:1/m", "mlflow-artifacts:/0/../../etc", "MLFLOW-ARTIFACTS://x/m", "dbfs:/m",
    ):  # fmt: skip
        said = running.send("POST", "/api/2.0/mlflow/model-versions/create", json={"name": "strange", "source": source})
        assert 400 <= said.status_code < 500, (source, said.text)


@pytest.mark.parametrize("base", [ArtifactRepository, MultipartUploadMixin, MultipartDownloadMixin,
                                  PresignedUploadMixin, StreamUploadMixin])  # fmt: skip
def test_every_method_of_mlflows_repositories_is_known_here(base: type) -> None:
    """A method that a later MLflow adds is looked at before that MLflow is supported."""
    through_others = {
        *("upload_trace_data", "upload_archived_trace_data", "upload_archived_trace_data_bytes", "upload_attachment"),
        *("download_trace_data", "download_trace_data_to_file", "download_archived_trace_data", "max_workers"),
        *("download_trace_attachment", "download_trace_attachment_to_file", "flush_async_logging"),
    }
    public = {name for name in vars(base) if not name.startswith("_")}
    assert public <= {*WRITES, *READS, *through_others}


def test_a_guarded_store_refuses_whatever_it_cannot_judge(tmp_path: Path) -> None:
    class Broken:
        @property
        def engine(self) -> Any:
            raise RuntimeError("the database is gone")

    made = LocalArtifactRepository(str(tmp_path / "store"))
    made.__class__ = ArtifactGuard(Broken(), lambda who, name: True).over(type(made))
    with pytest.raises(MlflowException, match="Unknown means no") as caught:
        made.log_artifact(__file__)
    assert caught.value.get_http_status_code() == 403
    assert not list((tmp_path / "store").rglob("*"))


def test_forms_of_a_place_are_compared_with_links_followed(tmp_path: Path) -> None:
    (tmp_path / "aims-released").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "aims-released")
    digest = "a" * 64
    assert released_digest(forms(str(tmp_path), f"link/{digest}/x")) == f"sha256:{digest}"
    assert released_digest(forms(str(tmp_path), "link")) == ""
    assert released_digest(forms(str(tmp_path), "elsewhere")) is None
    assert released_digest(forms("s3://Bucket/root", f"%61ims-released/{digest}")) == f"sha256:{digest}"
    shutil.rmtree(tmp_path / "aims-released")
