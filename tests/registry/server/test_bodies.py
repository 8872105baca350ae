"""Bodies that are too large, too slow or misshapen get a client's error, and a server keeps serving."""

import base64
import socket
import time
from urllib.parse import urlsplit

import pytest

from aims_gates.registry.server.bodies import misshapen

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
    path = "POST /api/2.0/mlflow/registered-models/create"
    assert " 413 " in answer(begun(running, path, "Content-Length: 99999999999"))
    connection = begun(running, path, "Transfer-Encoding: chunked")
    try:
        for _ in range(40):
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
    except OSError:
        pass  # the server has hung up already
    assert " 413 " in answer(connection)
    assert " 413 " in answer(begun(running, "POST /graphql", "Content-Length: 3000000"))


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
        assert said.status_code == 400 and said.json()["message"], (what, said.text)


def test_what_it_can_mean_passes() -> None:
    for data in (b"", b" ", b"{}", b'{"name": "loan", "version": 1, "tags": [{"key": "a", "value": "b"}]}'):
        assert misshapen(data) is None


def test_odd_requests_are_the_clients_fault(running: Running) -> None:
    assert running.send("GET", "/version", headers={"X-MLFLOW-WORKSPACE": "other"}).status_code == 400
    assert running.send("GET", "/api/2.0/mlflow/%00").status_code == 400
    twice = begun(running, "GET /version", "Authorization: Basic x")
    assert " 400 " in answer(twice)
