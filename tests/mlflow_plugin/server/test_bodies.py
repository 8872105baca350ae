"""Bodies that are too large, too slow or misshapen get a client's error, and a server keeps serving."""

import base64
import gzip
import json
import socket
import time
import zlib
from urllib.parse import urlsplit

import mlflow
import pytest
import requests
from mlflow.entities import Dataset, DatasetInput, Metric, Param, RunTag
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from aims_gates.mlflow_plugin.server.bodies import misshapen

from .conftest import PASSWORD, Running


def begun(running: Running, line: str, *headers: str) -> socket.socket:
    """A connection with a request's head sent."""
    place = urlsplit(running.address)
    made = socket.create_connection((str(place.hostname), place.port), timeout=20)
    said = base64.b64encode(f"dora:{PASSWORD}".encode()).decode()
    head = [f"{line} HTTP/1.1", "Host: localhost", f"Authorization: Basic {said}", *headers, "", ""]
    made.sendall("\r\n".join(head).encode())
    return made


def answer(connection: socket.socket) -> str:
    """The status line."""
    with connection:
        return connection.makefile("rb").readline().decode()


def test_a_body_over_the_limit_is_refused_by_its_length_and_by_its_bytes(running: Running) -> None:
    path = "POST /api/2.0/mlflow/runs/create"
    assert " 413 " in answer(begun(running, path, "Content-Length: 99999999999"))
    connection = begun(running, path, "Transfer-Encoding: chunked")
    try:
        for _ in range(40):
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
    except OSError:
        pass  # the server has hung up already
    assert " 413 " in answer(connection)
    assert " 413 " in answer(begun(running, "POST /graphql", "Content-Length: 3000000"))


@pytest.mark.parametrize("piece", [b"a" * 50_000, b"X-%d: a\r\n" * 5_000, b"/" * 50_000])
def test_a_head_without_end_is_cut_off_whoever_sends_it(running: Running, piece: bytes) -> None:
    place = urlsplit(running.address)
    connection = socket.create_connection((str(place.hostname), place.port), timeout=20)
    connection.sendall(b"GET /" if piece.startswith(b"/") else b"GET /health HTTP/1.1\r\nHost: localhost\r\nX-A: ")
    with pytest.raises(OSError):
        for _ in range(200):
            connection.sendall(piece)
            time.sleep(0.01)
    connection.close()
    long = {"X-Long": "a" * 30_000}
    assert running.send("GET", "/version", headers=long).ok


@pytest.mark.parametrize(
    "line",
    [
        "POST /api/2.0/mlflow/runs/create",
        "POST /api/2.0/mlflow/registered-models/create",
        "PUT /api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/slow.txt",
    ],
)
def test_a_body_that_keeps_the_server_waiting_is_cut_off(running: Running, line: str) -> None:
    start = time.monotonic()
    connection = begun(running, line.format(**running.names), "Content-Length: 1000")
    connection.sendall(b"{")
    assert " 408 " in answer(connection)
    assert time.monotonic() - start < 10
    left = list((running.folder / "artifacts" / running.names["experiment"]).rglob("*slow*"))
    assert left == [] and running.send("GET", "/version").ok


def test_artifacts_may_be_larger_than_other_bodies(running: Running) -> None:
    path = f"/api/2.0/mlflow-artifacts/artifacts/{running.names['experiment']}/{running.names['run']}/artifacts/big"
    assert running.send("PUT", path, data=b"x" * 3_000_000).status_code == 200


@pytest.mark.parametrize(
    "data",
    [b"{", b"[]", b"null", b'"x"', b'{"name": 1e400}', b'{"name": ["x"]}', b'{"a": 1, "a": 2}', b"[" * 5000, b"\xff"],
)
def test_what_a_registry_route_cannot_mean_is_said(running: Running, data: bytes) -> None:
    assert misshapen(data)
    for what in ("registered-models/alias", "model-versions/create", "registered-models/create"):
        said = running.send("POST", f"/api/2.0/mlflow/{what}", data=data)
        assert said.status_code == (422 if len(data) > 1000 else 400) and said.json()["message"], (what, said.text)


def test_what_it_can_mean_passes() -> None:
    for data in (b"", b" ", b"{}", b'{"name": "loan", "version": 1, "tags": [{"key": "a", "value": "b"}]}'):
        assert misshapen(data) is None


def test_odd_requests_are_the_clients_fault(running: Running) -> None:
    assert running.send("GET", "/version", headers={"X-MLFLOW-WORKSPACE": "other"}).status_code == 400
    assert running.send("GET", "/api/2.0/mlflow/%00").status_code == 400
    twice = begun(running, "GET /version", "Authorization: Basic x")
    assert " 400 " in answer(twice)


TRACES = "/v1/traces"


def traced(running: Running, data: bytes, coding: str | None) -> requests.Response:
    """What the route of traces answers to a body."""
    headers = {"Content-Type": "application/x-protobuf", "X-Mlflow-Experiment-Id": running.names["experiment"]}
    packed = {"Content-Encoding": coding} if coding else {}
    return running.send("POST", TRACES, data=data, headers={**headers, **packed})


def test_a_packed_body_counts_by_what_comes_out_of_it(running: Running) -> None:
    bomb = gzip.compress(b"\0" * 100_000_000)
    assert len(bomb) < 100_000 and traced(running, bomb, "gzip").status_code == 413
    assert traced(running, zlib.compress(b"\0" * 100_000_000), "deflate").status_code == 413
    assert traced(running, gzip.compress(bomb), "gzip, gzip").status_code == 415
    assert traced(running, b"x", "br").status_code == 415
    spans = ExportTraceServiceRequest()
    span = spans.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8, name="call")
    span.attributes.add(key="mlflow.spanType").value.string_value = '"LLM"'
    for coding, pack in ((None, bytes), ("gzip", gzip.compress), ("deflate", zlib.compress)):
        answer = traced(running, pack(spans.SerializeToString()), coding)
        assert answer.status_code == 200, (coding, answer.text)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_a_packed_json_body_is_read_as_what_it_holds(running: Running, coding: str) -> None:
    data = json.dumps({"experiment_ids": [running.names["experiment"]], "max_results": 1}).encode()
    pack = gzip.compress if coding == "gzip" else zlib.compress
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answer = running.send("POST", "/api/2.0/mlflow/runs/search", data=pack(data), headers=headers)
    assert answer.status_code == 200 and len(answer.json()["runs"]) == 1
    artifact = f"/api/2.0/mlflow-artifacts/artifacts/{running.names['experiment']}/{running.names['run']}/artifacts/z"
    assert running.send("PUT", artifact, data=pack(data), headers=headers).status_code == 415


def test_an_artifact_in_another_spelling_is_not_kept_in_memory(running: Running) -> None:
    path = f"/api/2.0//mlflow-artifacts/artifacts/{running.names['experiment']}/big"
    assert " 404 " in answer(begun(running, f"PUT {path}", "Content-Length: 3000000"))


@pytest.mark.parametrize(
    ("line", "body"),
    [
        ("POST /api/2.0/mlflow/runs/log-batch", b'{"run_id":"x","metrics":[' + b"{}," * 5_000_000 + b"{}]}"),
        ("POST /api/2.0/mlflow/runs/search", b'{"filter":"' + b" and ".join([b"metrics.a > 1"] * 1_500) + b'"}'),
        ("POST /api/2.0/mlflow/runs/search", b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
        ("POST /graphql", b'{"query":"' + b"{a" * 5_000 + b"}" * 5_000 + b'"}'),
        ("POST /api/3.0/mlflow/datasets/d-1/records", b'{"records":"' + b"[" * 5_000 + b'"}'),
    ],
)
def test_what_mlflow_would_choke_on_is_refused_at_once_and_says_what_is_allowed(
    running: Running, line: str, body: bytes
) -> None:
    method, path = line.split()
    start = time.monotonic()
    answer = running.send(method, path, data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and "allowed" in answer.json()["message"]
    assert time.monotonic() - start < 10


def test_a_search_at_every_limit_is_answered(running: Running) -> None:
    place = running.names["experiment"]
    clauses = " AND ".join(f"metrics.a{number} > 1" for number in range(40))
    orders = [f"metrics.m{number}" for number in range(10)]
    for what, body in {
        "runs/search": {"experiment_ids": [place], "filter": clauses, "order_by": orders},
        "logged-models/search": {
            "experiment_ids": [place],
            "filter": clauses,
            "order_by": [{"field_name": order} for order in orders],
        },
        "experiments/search": {"filter": clauses.replace("metrics", "tags").replace("> 1", "= '1'"), "max_results": 9},
    }.items():
        answer = running.send("POST", f"/api/2.0/mlflow/{what}", json=body)
        assert answer.status_code == 200, answer.text


class TestTheLargestLegalBatchesOfTheStockClientPass:
    """MLflow's own limits, in the text that takes most bytes."""

    def client(self, running: Running, monkeypatch: pytest.MonkeyPatch) -> mlflow.MlflowClient:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "dora")
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", PASSWORD)
        monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        return mlflow.MlflowClient(running.address, running.address)

    def test_log_batch(self, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        client = self.client(running, monkeypatch)
        run = client.create_run(running.names["experiment"]).info.run_id
        metrics = [Metric("é" * 240 + str(number), 0.1, 1_700_000_000_000, number) for number in range(1000)]
        client.log_batch(run, metrics=metrics)
        params = [Param("é" * 240 + str(number), "😀" * 6000) for number in range(100)]
        tags = [RunTag("é" * 240 + str(number), "😀" * 8000) for number in range(100)]
        client.log_batch(run, metrics=metrics[:800], params=params, tags=tags)
        logged = client.get_run(run).data
        assert len(logged.metrics) == 1000 and len(logged.params) == 100
        assert logged.params["é" * 240 + "7"] == "😀" * 6000

    def test_log_inputs_and_logged_models(self, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        client = self.client(running, monkeypatch)
        run = client.create_run(running.names["experiment"]).info.run_id
        dataset = Dataset("d", "1", "code", "s", schema='"' * 1_048_575, profile='"' * 14_000_000)
        client.log_inputs(run, [DatasetInput(dataset, [])])
        model = client.create_logged_model(
            running.names["experiment"], params={f"p{number}": "😀" * 6000 for number in range(250)}
        )
        assert len(client.get_logged_model(model.model_id).params) == 250

    def test_tags_of_a_version(self, running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        client = self.client(running, monkeypatch)
        client.create_registered_model("wordy", tags={"text": "😀" * 100_000})
        client.set_registered_model_tag("wordy", "more", "😀" * 100_000)
        assert client.get_registered_model("wordy").tags["more"] == "😀" * 100_000
