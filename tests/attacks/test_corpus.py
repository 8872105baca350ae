"""The corpus of attempts (corpus.yaml) and of daily work (legitimate.yaml), against a real server on both databases.

Everything is sent by one signed-in user without any right but to their own model. After each attempt what is governed
is looked at in the database and on disk: it must be as before.
"""

import gzip
import http.client
import itertools
import os
import signal
import socket
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from ruamel.yaml import YAML

from aims_gates.ledger.connect import open_ledger
from aims_gates.ledger.verify import verify
from aims_gates.mlflow_plugin.store.reconcile import reconcile
from tests.attacks.target import USER, Target, basic
from tests.support import repeating

HERE = Path(__file__).parent
Record = Callable[[str, object], None]


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


def test_no_attempt_changes_what_is_governed(target: Target, record_property: Record) -> None:
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
    record_property("attempts", len(CORPUS))
    record_property("of them allowed, or answered with an error of the server", len(wrong))
    assert not wrong, f"{len(wrong)} of {len(CORPUS)}:\n" + "\n".join(wrong)


DOORS = (
    "POST /api/2.0/mlflow/registered-models/alias",
    "POST /ajax-api/2.0/mlflow/registered-models/alias",
    "POST /api/2.0/aims/statements",
    "POST /api/2.0/aims/promote",
    "POST /graphql",
    "PUT /api/2.0/mlflow-artifacts/artifacts/{source2}/model.bin",
)


def status_of(connection: socket.socket) -> str:
    with connection:
        try:
            return connection.makefile("rb").readline().decode()
        except OSError:
            return ""  # hung up on before the answer was read


@pytest.mark.long
def test_bodies_too_large_or_too_slow_are_cut_off_and_change_nothing(target: Target) -> None:
    before = target.governed()
    waiting = [target.begun(door, "Content-Length: 1000") for door in DOORS]
    for connection in waiting:
        connection.sendall(b'{"name": "loan", ')
    for door in DOORS[:-1]:  # an artifact may be larger
        assert " 413 " in status_of(target.begun(door, "Content-Length: 99999999999")), door
        connection = target.begun(door, "Transfer-Encoding: chunked")
        with suppress(OSError):  # the server hangs up
            for _ in range(70):
                connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
        said = status_of(connection)
        assert not said or " 413 " in said, (door, said)
    for door, connection in zip(DOORS, waiting, strict=True):
        assert " 408 " in status_of(connection), door
    assert target.send("GET /version", None, {})[0] == 200
    assert target.governed() == before


def _bombs(target: Target) -> Iterator[tuple[str, dict[str, str], bytes]]:
    """What is small outside and large inside."""
    traces = {"Content-Type": "application/x-protobuf", "X-Mlflow-Experiment-Id": target.names["e1"]}
    zeros = b"\0" * 300_000_000
    for coding, data in (("gzip", gzip.compress(zeros)), ("deflate", zlib.compress(zeros))):
        for door in ("POST /v1/traces", "POST /api/2.0/mlflow/runs/search", "POST /api/2.0/aims/statements"):
            yield door, {**traces, "Content-Encoding": coding}, data
    yield "POST /v1/traces", {**traces, "Content-Encoding": "gzip, gzip"}, gzip.compress(gzip.compress(zeros))
    # Two bytes for each of a million values, which take a hundred in memory.
    values = _nested(b"\x0a\x00" * 1_000_000, 0x2A, 0x12, 0x4A, 0x12, 0x12, 0x0A)
    yield "POST /v1/traces", {**traces, "Content-Encoding": "gzip"}, gzip.compress(values)
    for size in (7_000_000, 90_000_000):
        batch = b'{"run_id":"x","metrics":[' + b"{}," * (size // 3) + b"{}]}"
        yield "POST /api/2.0/mlflow/runs/log-batch", {}, batch


def _nested(data: bytes, *tags: int) -> bytes:
    """Bytes as a field of a message, in a field of a message ..."""
    for tag in tags:
        size, length = len(data), b""
        while size > 127:
            length, size = length + bytes([size & 127 | 128]), size >> 7
        data = bytes([tag]) + length + bytes([size]) + data
    return data


@contextmanager
def watching(target: Target) -> Iterator[dict[str, float]]:
    """How long health is silent meanwhile, and how much memory the server takes."""
    worst = {"silent": 0.0, "memory": 0.0}

    def probe() -> None:
        start = time.monotonic()
        target.send("GET /health", None, {})
        worst["silent"] = max(worst["silent"], time.monotonic() - start)
        worst["memory"] = max(worst["memory"], target.used()[1])

    with repeating(probe, pause=0.05):
        yield worst


def test_what_is_small_outside_and_large_inside_is_refused_at_once(target: Target, record_property: Record) -> None:
    governed, bombs, before = target.governed(), list(_bombs(target)), target.used()[1]
    with watching(target) as worst:
        for door, headers, data in bombs:
            start = time.monotonic()
            status = target.send(door, data, headers)[0]
            assert status in (413, 415, 422), (door, headers, len(data), status)
            assert time.monotonic() - start < 20, (door, headers, len(data))
    burnt = target.used()[0]
    time.sleep(2)
    assert target.used()[0] - burnt < 1, "something goes on running"
    record_property("seconds that health was silent at most", round(worst["silent"], 2))
    record_property("MiB of memory above before", round(worst["memory"] - before))
    assert worst["silent"] < 3 and worst["memory"] - before < 600
    assert target.governed() == governed


def test_daily_work_goes_on(target: Target, record_property: Record) -> None:
    target.names["n"] = "daily"
    wrong = []
    for line, body in DAILY:
        status, said = target.send(line, body, {})
        if not 200 <= status < 300:
            wrong.append(f"{line} {body}: {status} {said[:300]!r}")
    record_property("legitimate acts", len(DAILY))
    record_property("of them refused", len(wrong))
    assert not wrong, f"{len(wrong)} of {len(DAILY)}:\n" + "\n".join(wrong)


def test_nobody_comes_in_without_signing_in(target: Target) -> None:
    for authorization in (
        "",
        "Basic",
        "Basic !!!",
        basic(USER, "wrong"),
        "Bearer x.y.z",
        basic("", ""),
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
        f"VALUES ('{target.world.workspace}', 'loan', 'champion', 2)",
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


@contextmanager
def promoting(target: Target) -> Iterator[list[int]]:
    """Two clients that promote what may be promoted, again and again; gives HTTP codes, 0 where none came."""
    codes, over = [], threading.Event()

    def promote() -> None:
        while not over.is_set():
            try:
                asked = {"name": "loan", "alias": "production", "version": "1"}
                codes.append(target.send("POST /api/2.0/mlflow/registered-models/alias", asked, {})[0])
            except (OSError, http.client.HTTPException):
                codes.append(0)

    threads = [threading.Thread(target=promote) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        yield codes
    finally:
        over.set()
        for thread in threads:
            thread.join()


def test_a_worker_that_dies_amid_promotions_is_replaced_and_leaves_one_story(target: Target) -> None:
    before, first = target.governed(), target.workers()
    if len(first) < 2:
        pytest.skip("a single worker is the server itself")
    victim, deadline = min(first), time.monotonic() + 120
    with promoting(target) as codes:
        while codes.count(200) < 4 and time.monotonic() < deadline:
            time.sleep(0.01)
        os.kill(victim, signal.SIGKILL)
        while time.monotonic() < deadline and (victim in target.workers() or len(target.workers()) < len(first)):
            time.sleep(0.2)
    assert victim not in target.workers() and len(target.workers()) == len(first)
    asked = {"name": "loan", "alias": "champion", "version": "2"}
    for _ in range(2 * len(first)):
        assert target.send("POST /api/2.0/mlflow/registered-models/alias", asked, {})[0] == 403
        found = target.send("GET /api/2.0/mlflow/registered-models/alias?name=loan&alias=production", None, {})
        assert found[0] == 200
    after = target.governed()
    granted = after.pop("grants") - before.pop("grants")
    assert after == before
    assert set(codes) <= {0, 200, 409} and codes.count(200) >= 4
    # Of a promotion whose answer was lost nobody knows whether it was granted; of all others the ledger does.
    assert codes.count(200) <= granted <= codes.count(200) + codes.count(0)
    with open_ledger(target.world.uri) as connection:
        assert verify(connection).problems == ()
        assert reconcile(connection, target.folder / "artifacts") == []
